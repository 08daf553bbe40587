//! Columns against the plain extractor and the decoder of values.

use arbitrary::{Result, Unstructured};
use primarena_core::json::captures::{Capture, Captures};
use primarena_core::json::columns::{ColumnSpec, Columns, PART_WIDTH, Scratch};
use primarena_core::json::path::Path;
use primarena_core::json::program::{Presence, ReadError};
use primarena_core::json::text::push_utf8;
use primarena_core::json::trie::Trie;
use primarena_core::json::value::{Decoded, Kind, decode};
use primarena_core::json::{Limits, reference, validate_scalar};

use crate::naive::{Children, children, has_twins};
use crate::program::Led;
use crate::{program, split};

/// Every kind of column.
pub const KINDS: [Kind; 16] = [
    Kind::Any,
    Kind::Json,
    Kind::Bytes,
    Kind::String,
    Kind::Boolean,
    Kind::F64,
    Kind::F32,
    Kind::U8,
    Kind::U16,
    Kind::U32,
    Kind::U64,
    Kind::I8,
    Kind::I16,
    Kind::I32,
    Kind::I64,
    Kind::Timestamp,
];

#[derive(Debug, PartialEq)]
enum Cell {
    Missing,
    /// As many bytes as the column is wide, zeros above.
    Bits(u64),
    Text(Vec<u8>),
}

/// Reads arbitrary columns of the rows of an arbitrary document.
pub fn run(data: &[u8]) {
    let (document, rest) = split(data);
    let text = program::text(document);
    let Ok((rows, specs)) = case(&mut Unstructured::new(rest), text) else { return };
    let Ok(columns) = Columns::new(&rows, specs.clone(), Limits::default()) else { return };
    // In a heap block that ends where the document ends: AddressSanitizer sees a read of one byte more.
    let exact: Box<[u8]> = document.into();
    let mut scratch = Scratch::default();
    let trusted =
        columns.read(&exact, true, &mut scratch).map(|size| table(&columns, &specs, size, &mut scratch));
    let validated =
        columns.read(&exact, false, &mut scratch).map(|size| table(&columns, &specs, size, &mut scratch));
    if validate_scalar(&exact, &Limits::default()).is_err() {
        return assert!(validated.is_err(), "read from what is no JSON");
    }
    let expected = expected(&rows, &specs, &exact);
    let place = |error: ReadError| error.place.map(|(offset, _, _)| offset);
    let validated = validated.map_err(place);
    assert_eq!(validated, expected, "{rows} {specs:?}");
    if text.is_some_and(|text| !has_twins(text)) {
        assert_eq!(trusted.map_err(place), expected, "trusted: {rows} {specs:?}");
    }
}

fn case(u: &mut Unstructured<'_>, text: Option<&str>) -> Result<(String, Vec<ColumnSpec>)> {
    let rows = match text.map(children) {
        Some(Ok(Children::Array(elements))) if u.ratio(7, 8)? => {
            Led { path: "$[*]".to_owned(), value: elements.first().copied() }
        }
        _ => program::path(u, "$", text)?,
    };
    let mut specs = Vec::new();
    for _ in 0..u.int_in_range(1..=6)? {
        let path = program::path(u, "$", rows.value)?.path;
        // Texts fit every value.
        let kind = if u.ratio(1, 2)? { Kind::Bytes } else { *u.choose(&KINDS)? };
        specs.push(ColumnSpec { path, kind, presence: Presence::Optional });
    }
    Ok((rows.path, specs))
}

/// What the columns hold, or where the first value is that its column cannot hold.
fn expected(
    rows: &str,
    specs: &[ColumnSpec],
    input: &[u8],
) -> std::result::Result<Vec<Vec<Cell>>, Option<usize>> {
    let rows = Path::parse(rows).expect("it was taken");
    let relative = specs.iter().map(|spec| Path::parse_relative(&spec.path).expect("it was taken"));
    let full = relative.map(|path| rows.join(&path).expect("it was taken"));
    let paths: Vec<Path> = std::iter::once(rows.clone()).chain(full).collect();
    let trie = Trie::new(paths.iter().zip(0..)).expect("it was taken");
    let mut captures = Captures::new();
    reference::extract(&trie, input, &mut captures).expect("it is JSON");
    let mut table = Vec::new();
    for capture in captures.iter() {
        let Some(column) = (capture.slot as usize).checked_sub(1) else {
            table.push(specs.iter().map(|_| Cell::Missing).collect::<Vec<_>>());
            continue;
        };
        let row = table.last_mut().expect("a row comes before its values");
        row[column] = cell(specs[column].kind, input, capture).ok_or(Some(capture.start as usize))?;
    }
    Ok(table)
}

fn cell(kind: Kind, input: &[u8], capture: &Capture) -> Option<Cell> {
    let raw = capture.of(input);
    if matches!(kind, Kind::Any | Kind::Json) && raw != b"null" {
        return Some(Cell::Text(raw.to_vec()));
    }
    Some(match decode(kind, raw).ok()? {
        Decoded::Null => Cell::Missing,
        Decoded::Boolean(value) => Cell::Bits(value.into()),
        Decoded::Big(bits) => Cell::Bits(bits),
        Decoded::Number(number) => Cell::Bits(match kind {
            Kind::F32 => (number as f32).to_bits().into(),
            Kind::F64 | Kind::Timestamp => number.to_bits(),
            Kind::U8 | Kind::I8 => u64::from(number as i64 as u8),
            Kind::U16 | Kind::I16 => u64::from(number as i64 as u16),
            _ => u64::from(number as i64 as u32),
        }),
        Decoded::Raw => Cell::Text(raw.to_vec()),
        Decoded::Text(inner) => {
            let mut text = Vec::new();
            push_utf8(inner, &mut text);
            Cell::Text(text)
        }
    })
}

/// What the last read gave, taken from the bytes that are written of it.
fn table(
    columns: &Columns,
    specs: &[ColumnSpec],
    (rows, size): (usize, usize),
    scratch: &mut Scratch,
) -> Vec<Vec<Cell>> {
    let mut out = vec![0xEE; size];
    columns.write(scratch, &mut out).expect("there is as much room as was asked for");
    let read = |at: usize, width: usize| {
        out[at..at + width].iter().rev().fold(0, |bits, byte| bits << 8 | u64::from(*byte))
    };
    let value = |row: usize, kind: Kind, parts: &[f64]| {
        let at = |part: usize| parts[part] as usize;
        if out[at(0) + row / 8] >> (row % 8) & 1 == 0 {
            return Cell::Missing;
        }
        let width = match kind {
            Kind::Any | Kind::Json | Kind::Bytes | Kind::String => {
                let offset = |row: usize| read(at(1) + 4 * row, 4) as usize;
                return Cell::Text(out[at(2)..][..at(3)][offset(row)..offset(row + 1)].to_vec());
            }
            Kind::U8 | Kind::I8 | Kind::Boolean => 1,
            Kind::U16 | Kind::I16 => 2,
            Kind::U32 | Kind::I32 | Kind::F32 => 4,
            _ => 8,
        };
        Cell::Bits(read(at(1) + width * row, width))
    };
    let row = |row: usize| {
        specs
            .iter()
            .zip(scratch.parts().chunks(PART_WIDTH))
            .map(|(spec, parts)| value(row, spec.kind, parts))
            .collect()
    };
    (0..rows).map(row).collect()
}
