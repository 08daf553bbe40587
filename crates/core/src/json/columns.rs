//! `json.columns`: rows of a document as columns of numbers and texts, in the layout of Apache Arrow.
//!
//! A column has a validity bitmap (least significant bit first; a set bit is a value) and its values; a
//! column of texts has 32-bit offsets, one more than rows, and bytes. Every part starts at a multiple of
//! [`ALIGN`] from the first byte.

use super::captures::Capture;
use super::fault::Limits;
use super::number::{parse_f64, parse_integer};
use super::path::Path;
use super::program::{CompileError, Finder, Found, Presence, ReadError, Slots};
use super::text::push_utf8;
use super::value::{Decoded, Kind, decode};
use crate::error::Code;

/// Bytes that each part is aligned to, given an output that is.
pub const ALIGN: usize = 8;

/// Numbers that describe a column: offsets of validity, values and bytes, the number of bytes, and how
/// many rows have no value.
pub const PART_WIDTH: usize = 5;

/// A column as it is asked for.
#[derive(Clone, Debug)]
pub struct ColumnSpec {
    /// The path, from the row.
    pub path: String,
    /// What its values have to be.
    pub kind: Kind,
    /// Whether each row has to have it.
    pub presence: Presence,
}

#[derive(Debug)]
struct Column {
    spec: ColumnSpec,
    /// The whole path, for messages.
    full: String,
}

/// A compiled program of columns.
#[derive(Debug)]
pub struct Columns {
    columns: Vec<Column>,
    finder: Finder,
}

/// Memory of a read, kept for the next.
#[derive(Debug, Default)]
pub struct Scratch {
    found: Found,
    rows: usize,
    /// Whether texts may be no UTF-8.
    trust: bool,
    cursors: Vec<Cursor>,
    parts: Vec<f64>,
    text: Vec<u8>,
}

/// Where a column is, and how far it is written.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    validity: usize,
    values: usize,
    text: usize,
    text_end: usize,
    /// Where the next text goes.
    next: usize,
    /// Rows whose text has its end written.
    ended: usize,
    valid: usize,
}

impl Scratch {
    /// Gives memory back that a large document needed.
    pub fn trim(&mut self) {
        self.found.trim();
        self.text = Vec::new();
    }

    /// [`PART_WIDTH`] numbers for each column of the last [`Columns::layout`] and [`Columns::write`].
    pub fn parts(&self) -> &[f64] {
        &self.parts
    }
}

/// The slot of the rows.
const ROWS: u32 = 0;

impl Columns {
    /// Compiles columns of the rows at `rows`.
    ///
    /// # Errors
    /// A path that is not understood, too many of them, or a column that may have many values in a row.
    pub fn new(rows: &str, specs: Vec<ColumnSpec>, limits: Limits) -> Result<Columns, CompileError> {
        let row_path = Path::parse(rows).map_err(|error| CompileError::path(rows, &error))?;
        let mut slots = Slots::default();
        slots.add(row_path.clone());
        let mut columns = Vec::with_capacity(specs.len());
        for spec in specs {
            let wrong = |error| CompileError::path(&spec.path, &error);
            let path = Path::parse_relative(&spec.path).map_err(wrong)?;
            if path.is_many() {
                let reason = "a column has one value for each row: expected a path without \"*\" and slices";
                return Err(CompileError::new(&spec.path, reason));
            }
            slots.add(row_path.join(&path).map_err(wrong)?);
            let tail = spec.path.strip_prefix('$').unwrap_or(&spec.path);
            let dot = if tail.is_empty() || tail.starts_with(['.', '[', '/']) { "" } else { "." };
            let full = format!("{rows}{dot}{tail}");
            columns.push(Column { spec, full });
        }
        Ok(Columns { columns, finder: slots.finish(limits)? })
    }

    /// Looks for the rows of `input` and answers how many there are, and how many bytes
    /// [`Columns::write`] needs.
    ///
    /// # Errors
    /// `JsonSyntax`, `JsonLimit`.
    pub fn layout(
        &self,
        input: &[u8],
        trust: bool,
        scratch: &mut Scratch,
    ) -> Result<(usize, usize), ReadError> {
        let Scratch { found, rows, cursors, .. } = scratch;
        self.finder.find(input, trust, found)?;
        *rows = 0;
        cursors.clear();
        cursors.resize(self.columns.len(), Cursor::default());
        // First the bytes of text of each column. Decoding never makes a text longer: U+FFFD takes 3 bytes,
        // and \ud800 six. Only broken UTF-8 can triple; a valid document has none.
        let grow = if trust { 3 } else { 1 };
        for capture in found.captures.iter() {
            match capture.slot.checked_sub(ROWS + 1) {
                None => *rows += 1,
                Some(column) => cursors[column as usize].text_end += grow * capture.of(input).len(),
            }
        }
        let mut end = 0_usize;
        let mut take = |bytes: usize| {
            let start = end;
            end = (start + bytes).next_multiple_of(ALIGN);
            start
        };
        for (column, cursor) in self.columns.iter().zip(cursors.iter_mut()) {
            cursor.validity = take(rows.div_ceil(8));
            match width(column.spec.kind) {
                Some(width) => cursor.values = take(*rows * width),
                None => {
                    cursor.values = take((*rows + 1) * OFFSET_BYTES);
                    cursor.text = take(cursor.text_end);
                    cursor.next = cursor.text;
                    cursor.text_end += cursor.text;
                }
            }
        }
        scratch.trust = trust;
        Ok((scratch.rows, end))
    }

    /// Writes the columns of `input`, for which [`Columns::layout`] has answered, into `out`.
    ///
    /// # Errors
    /// `JsonType`, `JsonMissing`; `JsonLimit` if `out` is too short, or texts have 2 GiB together.
    pub fn write(&self, input: &[u8], scratch: &mut Scratch, out: &mut [u8]) -> Result<(), ReadError> {
        let Scratch { found, rows, trust, cursors, parts, text } = scratch;
        let mut writer = Writer { input, out, trust: *trust, text };
        for (column, cursor) in self.columns.iter().zip(cursors.iter()) {
            writer.clear(column.spec.kind, cursor, *rows)?;
        }
        // What was captured from a row follows its mark.
        let mut row = usize::MAX;
        for capture in found.captures.iter() {
            match capture.slot.checked_sub(ROWS + 1) {
                None => row = row.wrapping_add(1),
                Some(column) => {
                    let (column, cursor) = (&self.columns[column as usize], &mut cursors[column as usize]);
                    writer.cell(column, cursor, row, *capture)?;
                }
            }
        }
        parts.clear();
        for (column, cursor) in self.columns.iter().zip(cursors.iter_mut()) {
            if cursor.valid < *rows && column.spec.presence == Presence::Required {
                let bits = &writer.out[cursor.validity..];
                let row = (0..*rows).find(|row| bits[row / 8] >> (row % 8) & 1 == 0).unwrap_or_default();
                let mut error = ReadError::missing(&column.full, column.spec.kind);
                error.message = format!("{} in row {row}", error.message);
                return Err(error);
            }
            if width(column.spec.kind).is_none() {
                writer.end_texts(cursor, *rows)?;
            }
            let bytes = cursor.next.saturating_sub(cursor.text);
            let numbers = [cursor.validity, cursor.values, cursor.text, bytes, *rows - cursor.valid];
            parts.extend(numbers.map(|number| number as f64));
        }
        Ok(())
    }
}

/// Bytes of an offset into texts.
const OFFSET_BYTES: usize = 4;

/// Bytes of a value, or none for texts.
fn width(kind: Kind) -> Option<usize> {
    match kind {
        Kind::String | Kind::Any | Kind::Json | Kind::Bytes => None,
        Kind::Boolean | Kind::U8 | Kind::I8 => Some(1),
        Kind::U16 | Kind::I16 => Some(2),
        Kind::U32 | Kind::I32 | Kind::F32 => Some(4),
        Kind::F64 | Kind::U64 | Kind::I64 | Kind::Timestamp => Some(8),
    }
}

/// A whole number of 32 bits, as almost all of them are written.
#[inline]
fn small_integer(raw: &[u8]) -> Option<i32> {
    i32::try_from(parse_integer(raw)?.to_i64()?).ok()
}

struct Writer<'a> {
    input: &'a [u8],
    out: &'a mut [u8],
    trust: bool,
    text: &'a mut Vec<u8>,
}

#[cold]
fn no_room() -> ReadError {
    ReadError {
        code: Code::JsonLimit,
        message: "expected columns within the bytes reserved, of less than 2 GiB of text each".to_owned(),
        path: None,
        place: None,
        expected: None,
    }
}

impl Writer<'_> {
    /// No row is valid yet, and no byte is one that was there before.
    fn clear(&mut self, kind: Kind, cursor: &Cursor, rows: usize) -> Result<(), ReadError> {
        let end = cursor.values + width(kind).map_or((rows + 1) * OFFSET_BYTES, |width| rows * width);
        let bytes = self.out.get_mut(cursor.validity..end.next_multiple_of(ALIGN)).ok_or_else(no_room)?;
        let (validity, values) = bytes.split_at_mut(cursor.values - cursor.validity);
        validity.fill(0);
        match kind {
            Kind::F64 | Kind::Timestamp => {
                values.as_chunks_mut().0.fill(f64::NAN.to_le_bytes());
            }
            Kind::F32 => values.as_chunks_mut().0.fill(f32::NAN.to_le_bytes()),
            _ => values.fill(0),
        }
        Ok(())
    }

    #[inline]
    fn put<const N: usize>(&mut self, at: usize, bytes: [u8; N]) -> Result<(), ReadError> {
        *self.out.get_mut(at..).and_then(|rest| rest.first_chunk_mut()).ok_or_else(no_room)? = bytes;
        Ok(())
    }

    /// Writes one value; the kinds that most tables are of come first, without the detour over [`Decoded`].
    #[inline]
    fn cell(
        &mut self,
        column: &Column,
        cursor: &mut Cursor,
        row: usize,
        capture: Capture,
    ) -> Result<(), ReadError> {
        let raw = capture.of(self.input);
        let written = match column.spec.kind {
            Kind::String => match raw {
                [b'"', inner @ .., b'"'] => Some(self.string(cursor, row, inner)?),
                _ => None,
            },
            Kind::F64 => match parse_f64(raw) {
                Some(number) => Some(self.put(cursor.values + row * 8, number.to_le_bytes())?),
                None => None,
            },
            Kind::I32 => match small_integer(raw) {
                Some(number) => Some(self.put(cursor.values + row * 4, number.to_le_bytes())?),
                None => None,
            },
            _ => None,
        };
        if written.is_none() && !self.other_cell(column, cursor, row, capture)? {
            return Ok(());
        }
        let byte = self.out.get_mut(cursor.validity + row / 8).ok_or_else(no_room)?;
        let bit = 1 << (row % 8);
        // A trusted document may have two members of a name: the first counts.
        cursor.valid += usize::from(*byte & bit == 0);
        *byte |= bit;
        Ok(())
    }

    /// Writes a value of any kind; false if it is `null`.
    #[inline(never)]
    fn other_cell(
        &mut self,
        column: &Column,
        cursor: &mut Cursor,
        row: usize,
        capture: Capture,
    ) -> Result<bool, ReadError> {
        let spec = &column.spec;
        let raw = capture.of(self.input);
        let decoded = match spec.kind {
            // Their text is kept as it is, and read when asked for.
            Kind::Any | Kind::Json if raw != b"null" => Ok(Decoded::Raw),
            kind => decode(kind, raw),
        };
        let wrong = || ReadError::mismatch(&column.full, spec.kind, self.input, capture);
        let decoded = decoded.map_err(|_| wrong())?;
        let at = |width: usize| cursor.values + row * width;
        match (decoded, spec.kind) {
            (Decoded::Null, _) if spec.presence == Presence::Required => return Err(wrong()),
            (Decoded::Null, _) => return Ok(false),
            (Decoded::Boolean(value), _) => self.put(at(1), [u8::from(value)])?,
            (Decoded::Big(bits), _) => self.put(at(8), bits.to_le_bytes())?,
            (Decoded::Number(n), Kind::U8) => self.put(at(1), (n as u8).to_le_bytes())?,
            (Decoded::Number(n), Kind::I8) => self.put(at(1), (n as i8).to_le_bytes())?,
            (Decoded::Number(n), Kind::U16) => self.put(at(2), (n as u16).to_le_bytes())?,
            (Decoded::Number(n), Kind::I16) => self.put(at(2), (n as i16).to_le_bytes())?,
            (Decoded::Number(n), Kind::U32) => self.put(at(4), (n as u32).to_le_bytes())?,
            (Decoded::Number(n), Kind::I32) => self.put(at(4), (n as i32).to_le_bytes())?,
            (Decoded::Number(n), Kind::F32) => self.put(at(4), (n as f32).to_le_bytes())?,
            (Decoded::Number(n), _) => self.put(at(8), n.to_le_bytes())?,
            (Decoded::Raw, _) => self.bytes(cursor, row, raw)?,
            (Decoded::Text(inner), _) => self.string(cursor, row, inner)?,
        }
        Ok(true)
    }

    #[inline]
    fn string(&mut self, cursor: &mut Cursor, row: usize, inner: &[u8]) -> Result<(), ReadError> {
        let plain = memchr::memchr(b'\\', inner).is_none();
        if plain && (!self.trust || std::str::from_utf8(inner).is_ok()) {
            return self.bytes(cursor, row, inner);
        }
        let mut text = std::mem::take(self.text);
        text.clear();
        push_utf8(inner, &mut text);
        let result = self.bytes(cursor, row, &text);
        *self.text = text;
        result
    }

    /// Adds the text of `row`.
    #[inline]
    fn bytes(&mut self, cursor: &mut Cursor, row: usize, bytes: &[u8]) -> Result<(), ReadError> {
        if cursor.ended > row {
            return Ok(());
        }
        self.end_texts(cursor, row)?;
        let end = cursor.next + bytes.len();
        if end > cursor.text_end {
            return Err(no_room());
        }
        self.out.get_mut(cursor.next..end).ok_or_else(no_room)?.copy_from_slice(bytes);
        cursor.next = end;
        self.end_texts(cursor, row + 1)
    }

    /// Writes where the texts of the rows before `row` end.
    #[inline]
    fn end_texts(&mut self, cursor: &mut Cursor, row: usize) -> Result<(), ReadError> {
        let end = i32::try_from(cursor.next - cursor.text).map_err(|_| no_room())?;
        while cursor.ended < row {
            cursor.ended += 1;
            self.put(cursor.values + cursor.ended * OFFSET_BYTES, end.to_le_bytes())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(specs: &[(&str, Kind, Presence)]) -> Columns {
        let specs = specs
            .iter()
            .map(|&(path, kind, presence)| ColumnSpec { path: path.to_owned(), kind, presence })
            .collect();
        Columns::new("$.rows[*]", specs, Limits::default()).unwrap()
    }

    fn read(
        columns: &Columns,
        document: &[u8],
        trust: bool,
    ) -> Result<(usize, Vec<f64>, Vec<u8>), ReadError> {
        let mut scratch = Scratch::default();
        let (rows, bytes) = columns.layout(document, trust, &mut scratch)?;
        let mut out = vec![0xAA; bytes];
        columns.write(document, &mut scratch, &mut out)?;
        Ok((rows, scratch.parts().to_vec(), out))
    }

    use Presence::{Optional, Required};

    #[test]
    fn writes_values_validity_and_texts() {
        let columns = columns(&[
            ("n", Kind::I16, Optional),
            ("a.s", Kind::String, Optional),
            ("$.f", Kind::F64, Optional),
        ]);
        let document = br#"{"rows":[{"n":-2,"a":{"s":"x\u00e9"}},{"a":{"s":null},"f":1.5},7,{"n":3,"a":{"s":"yz"},"n":4}]}"#;
        let (rows, parts, out) = read(&columns, document, false).unwrap();
        assert_eq!(rows, 4);
        let at = |column: usize, part: usize| parts[column * PART_WIDTH + part] as usize;
        assert_eq!(out[at(0, 0)], 0b1001);
        assert_eq!(out[at(0, 1)..][..8], [0xFE, 0xFF, 0, 0, 0, 0, 4, 0]);
        assert_eq!(at(0, 4), 2);
        assert_eq!(out[at(1, 0)], 0b1001);
        assert_eq!(out[at(1, 1)..][..20], [0, 3, 3, 3, 5].map(|n: i32| n.to_le_bytes()).concat());
        assert_eq!(&out[at(1, 2)..][..at(1, 3)], "xéyz".as_bytes());
        assert_eq!(out[at(2, 0)], 0b0010);
        assert_eq!(out[at(2, 1) + 8..][..8], 1.5_f64.to_le_bytes());
        assert!(f64::from_le_bytes(out[at(2, 1)..][..8].try_into().unwrap()).is_nan());
        assert!(parts.iter().enumerate().all(|(i, p)| i % PART_WIDTH > 2 || p % ALIGN as f64 == 0.0));
    }

    #[test]
    fn broken_texts_of_trusted_documents_fit() {
        let columns = columns(&[("s", Kind::String, Optional)]);
        let (_, parts, out) = read(&columns, b"{\"rows\":[{\"s\":\"\xFF\xFF\xFF\"}]}", true).unwrap();
        assert_eq!(&out[parts[2] as usize..][..parts[3] as usize], "\u{FFFD}".repeat(3).as_bytes());
    }

    #[test]
    fn refuses() {
        let fails = |kind, presence, document: &str| {
            read(&columns(&[("x", kind, presence)]), document.as_bytes(), false).unwrap_err()
        };
        let error = fails(Kind::U8, Optional, "{\"rows\":[{\"x\":1},{\"x\":\"2\"}]}");
        assert_eq!((error.code, error.path.as_deref()), (Code::JsonType, Some("$.rows[*].x")));
        assert_eq!(error.place, Some((22, 1, 23)));
        let error = fails(Kind::U8, Required, "{\"rows\":[{\"x\":1},{}]}");
        assert_eq!((error.code, error.message.ends_with("in row 1")), (Code::JsonMissing, true));
        assert_eq!(fails(Kind::U8, Required, "{\"rows\":[{\"x\":null}]}").code, Code::JsonType);
        assert_eq!(fails(Kind::U8, Optional, "{").code, Code::JsonSyntax);
        let spec = ColumnSpec { path: "x[*]".into(), kind: Kind::U8, presence: Optional };
        assert!(Columns::new("$[*]", vec![spec], Limits::default()).is_err());
        // An output that is too short is an error, never a write beyond it.
        let columns = columns(&[("x", Kind::F64, Optional)]);
        let mut scratch = Scratch::default();
        let document = b"{\"rows\":[{\"x\":1}]}";
        columns.layout(document, false, &mut scratch).unwrap();
        assert_eq!(columns.write(document, &mut scratch, &mut [0; 8]).unwrap_err().code, Code::JsonLimit);
    }
}
