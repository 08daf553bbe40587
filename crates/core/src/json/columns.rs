//! `json.columns`: rows of a document as columns of numbers and texts, in the layout of Apache Arrow.
//!
//! A column has a validity bitmap (least significant bit first; a set bit is a value) and its values; a
//! column of texts has 32-bit offsets, one more than rows, and bytes. Every part starts at a multiple of
//! [`ALIGN`] from the first byte.

use super::captures::Capture;
use super::fault::Limits;
use super::number::{f64_in, integer_in};
use super::path::Path;
use super::program::{CompileError, Presence, ReadError};
use super::rows::{self, Cursor, RowSink, Rows, plain_string, scalar_stop, skip};
use super::text::push_utf8;
use super::value::{Decoded, Kind, Mismatch, decode};
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
    rows: Rows,
}

/// Memory of a read, kept for the next.
#[derive(Debug, Default)]
pub struct Scratch {
    cursor: Cursor,
    rows: usize,
    cells: Vec<Cells>,
    parts: Vec<f64>,
    text: Vec<u8>,
}

/// The values of one column, as they will be in the output.
#[derive(Debug)]
struct Cells {
    kind: Kind,
    /// A bit for each row.
    valid: Vec<u8>,
    /// Values; of texts the offsets, one more than rows.
    values: Vec<u8>,
    text: Vec<u8>,
    /// Rows whose text has its end in `values`.
    ended: usize,
}

/// Rows that memory is prepared for at a time; a multiple of 8.
const BLOCK: usize = 64;

/// Bytes of a column whose memory is kept between documents.
const MOST_IDLE_BYTES: usize = 1 << 20;

impl Scratch {
    /// Gives memory back that a large document needed.
    pub fn trim(&mut self) {
        self.cursor.trim();
        self.text = Vec::new();
        if self.cells.iter().any(|cells| cells.values.capacity().max(cells.text.capacity()) > MOST_IDLE_BYTES)
        {
            self.cells = Vec::new();
        }
    }

    /// [`PART_WIDTH`] numbers for each column of the last [`Columns::write`].
    pub fn parts(&self) -> &[f64] {
        &self.parts
    }
}

impl Columns {
    /// Compiles columns of the rows at `rows`.
    ///
    /// # Errors
    /// A path that is not understood, too many of them, or a column that may have many values in a row.
    pub fn new(rows: &str, specs: Vec<ColumnSpec>, limits: Limits) -> Result<Columns, CompileError> {
        let row_path = Path::parse(rows).map_err(|error| CompileError::path(rows, &error))?;
        let mut paths = Vec::with_capacity(specs.len());
        let mut columns = Vec::with_capacity(specs.len());
        for spec in specs {
            let wrong = |error| CompileError::path(&spec.path, &error);
            let path = Path::parse_relative(&spec.path).map_err(wrong)?;
            if path.is_many() {
                let reason = "a column has one value for each row: expected a path without \"*\" and slices";
                return Err(CompileError::new(&spec.path, reason));
            }
            row_path.join(&path).map_err(wrong)?;
            paths.push(path);
            let tail = spec.path.strip_prefix('$').unwrap_or(&spec.path);
            let dot = if tail.is_empty() || tail.starts_with(['.', '[', '/']) { "" } else { "." };
            let full = format!("{rows}{dot}{tail}");
            columns.push(Column { spec, full });
        }
        Ok(Columns { columns, rows: Rows::new(&row_path, &paths, limits)? })
    }

    /// Reads the rows of `input` into `scratch` and answers how many there are, and how many bytes
    /// [`Columns::write`] needs.
    ///
    /// # Errors
    /// `JsonSyntax`, `JsonType`, `JsonMissing`; `JsonLimit`, also if a column's texts have 2 GiB together.
    pub fn read(
        &self,
        input: &[u8],
        trust: bool,
        scratch: &mut Scratch,
    ) -> Result<(usize, usize), ReadError> {
        let Scratch { cursor, rows, cells, text, .. } = scratch;
        *rows = 0;
        cells.resize_with(self.columns.len(), Cells::new);
        for (column, cells) in self.columns.iter().zip(&mut *cells) {
            cells.clear(column.spec.kind);
        }
        self.rows.find(input, trust, cursor)?;
        let mut table = Table { columns: &self.columns, cells, trust, text, row: 0 };
        while let Some(start) = self.rows.peek(input, cursor).map_err(|at| rows::broken(input, at))? {
            if table.row.is_multiple_of(BLOCK) {
                table.grow();
            }
            self.rows.read(input, start, cursor, &mut table)?;
            table.row += 1;
        }
        *rows = table.row;
        let mut bytes = 0;
        for (column, cells) in self.columns.iter().zip(cells) {
            cells.end(column, *rows)?;
            bytes += cells.parts(*rows).map(|part| part.len().next_multiple_of(ALIGN)).iter().sum::<usize>();
        }
        Ok((*rows, bytes))
    }

    /// Writes the columns that [`Columns::read`] has read into the front of `out`.
    ///
    /// # Errors
    /// `JsonLimit` if `out` is too short.
    pub fn write(&self, scratch: &mut Scratch, out: &mut [u8]) -> Result<(), ReadError> {
        let Scratch { rows, cells, parts, .. } = scratch;
        parts.clear();
        let mut end = 0;
        for cells in cells {
            let missing = *rows - cells.count();
            let all = cells.parts(*rows);
            for part in all {
                let room = part.len().next_multiple_of(ALIGN);
                let place = out.get_mut(end..end + room).ok_or_else(no_room)?;
                let (used, rest) = place.split_at_mut(part.len());
                used.copy_from_slice(part);
                rest.fill(0);
                parts.push(end as f64);
                end += room;
            }
            parts.push(all[2].len() as f64);
            parts.push(missing as f64);
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

impl Cells {
    fn new() -> Self {
        Cells { kind: Kind::Any, valid: Vec::new(), values: Vec::new(), text: Vec::new(), ended: 0 }
    }

    fn clear(&mut self, kind: Kind) {
        let Cells { kind: own, valid, values, text, ended } = self;
        *own = kind;
        valid.clear();
        values.clear();
        text.clear();
        *ended = 0;
        if width(kind).is_none() {
            values.extend_from_slice(&[0; OFFSET_BYTES]);
        }
    }

    /// Makes room for [`BLOCK`] rows more, none of which has a value.
    fn grow(&mut self) {
        let Cells { kind, valid, values, .. } = self;
        valid.extend_from_slice(&[0; BLOCK / 8]);
        match *kind {
            Kind::F64 | Kind::Timestamp => values.extend_from_slice([NAN; BLOCK].as_flattened()),
            Kind::F32 => values.extend_from_slice([NAN_32; BLOCK].as_flattened()),
            kind => values.resize(values.len() + BLOCK * width(kind).unwrap_or(OFFSET_BYTES), 0),
        }
    }

    /// Writes the value of `row`.
    #[inline(always)]
    fn put<const N: usize>(&mut self, row: usize, bytes: [u8; N]) {
        if let Some(place) = self.values.get_mut(row * N..).and_then(|rest| rest.first_chunk_mut()) {
            *place = bytes;
        }
        self.mark(row);
    }

    #[inline(always)]
    fn mark(&mut self, row: usize) {
        if let Some(byte) = self.valid.get_mut(row / 8) {
            *byte |= 1 << (row % 8);
        }
    }

    /// Adds the text of `row`.
    #[inline(always)]
    fn push(&mut self, row: usize, text: &[u8]) {
        if self.ended < row {
            self.end_texts(row);
        }
        self.text.extend_from_slice(text);
        self.end_text();
        self.mark(row);
    }

    /// The texts of the rows before `row` end here.
    fn end_texts(&mut self, row: usize) {
        while self.ended < row {
            self.end_text();
        }
    }

    /// The text of the next row ends here.
    #[inline(always)]
    fn end_text(&mut self) {
        self.ended += 1;
        let place = self.values.get_mut(self.ended * OFFSET_BYTES..);
        if let Some(place) = place.and_then(|rest| rest.first_chunk_mut()) {
            // Too large a number is found at the end.
            *place = (self.text.len() as u32).to_le_bytes();
        }
    }

    /// Takes back the value of `row`, the last one.
    fn undo(&mut self, row: usize) {
        if let Some(byte) = self.valid.get_mut(row / 8) {
            *byte &= !(1 << (row % 8));
        }
        match (width(self.kind), self.kind) {
            (None, _) if self.ended > row => {
                self.ended = row;
                let place = self.values.get(row * OFFSET_BYTES..).and_then(|rest| rest.first_chunk());
                self.text.truncate(place.map_or(0, |end| u32::from_le_bytes(*end) as usize));
            }
            (None, _) => {}
            (Some(8), Kind::F64 | Kind::Timestamp) => self.values[row * 8..][..8].copy_from_slice(&NAN),
            (Some(4), Kind::F32) => self.values[row * 4..][..4].copy_from_slice(&NAN_32),
            (Some(width), _) => self.values[row * width..][..width].fill(0),
        }
    }

    /// Ends a column of `rows` rows.
    fn end(&mut self, column: &Column, rows: usize) -> Result<(), ReadError> {
        if column.spec.presence == Presence::Required && self.count() < rows {
            let row = (0..rows).find(|row| self.valid[row / 8] >> (row % 8) & 1 == 0).unwrap_or_default();
            let mut error = ReadError::missing(&column.full, column.spec.kind);
            error.message = format!("{} in row {row}", error.message);
            return Err(error);
        }
        if width(column.spec.kind).is_none() {
            self.end_texts(rows);
        }
        if i32::try_from(self.text.len()).is_err() { Err(no_room()) } else { Ok(()) }
    }

    /// Rows that have a value.
    fn count(&self) -> usize {
        self.valid.iter().map(|byte| byte.count_ones() as usize).sum()
    }

    /// Validity, values and text of `rows` rows.
    fn parts(&self, rows: usize) -> [&[u8]; 3] {
        let values = width(self.kind).map_or((rows + 1) * OFFSET_BYTES, |width| rows * width);
        [&self.valid[..rows.div_ceil(8)], &self.values[..values], &self.text]
    }
}

/// What is in the place of a number that is missing.
const NAN: [u8; 8] = f64::NAN.to_le_bytes();
const NAN_32: [u8; 4] = f32::NAN.to_le_bytes();

/// Columns being filled.
struct Table<'a> {
    columns: &'a [Column],
    cells: &'a mut [Cells],
    trust: bool,
    text: &'a mut Vec<u8>,
    row: usize,
}

impl Table<'_> {
    fn grow(&mut self) {
        self.cells.iter_mut().for_each(Cells::grow);
    }

    /// Takes the value `raw` of any kind.
    #[inline(never)]
    fn any(&mut self, slot: u32, raw: &[u8]) -> Result<(), Mismatch> {
        let Column { spec, .. } = &self.columns[slot as usize];
        let (row, cells) = (self.row, &mut self.cells[slot as usize]);
        let decoded = match spec.kind {
            // Their text is kept as it is, and read when asked for.
            Kind::Any | Kind::Json if raw != b"null" => Decoded::Raw,
            kind => decode(kind, raw)?,
        };
        match (decoded, spec.kind) {
            (Decoded::Null, _) if spec.presence == Presence::Required => return Err(Mismatch),
            (Decoded::Null, _) => {}
            (Decoded::Boolean(value), _) => cells.put(row, [u8::from(value)]),
            (Decoded::Big(bits), _) => cells.put(row, bits.to_le_bytes()),
            (Decoded::Number(n), Kind::U8) => cells.put(row, (n as u8).to_le_bytes()),
            (Decoded::Number(n), Kind::I8) => cells.put(row, (n as i8).to_le_bytes()),
            (Decoded::Number(n), Kind::U16) => cells.put(row, (n as u16).to_le_bytes()),
            (Decoded::Number(n), Kind::I16) => cells.put(row, (n as i16).to_le_bytes()),
            (Decoded::Number(n), Kind::U32) => cells.put(row, (n as u32).to_le_bytes()),
            (Decoded::Number(n), Kind::I32) => cells.put(row, (n as i32).to_le_bytes()),
            (Decoded::Number(n), Kind::F32) => cells.put(row, (n as f32).to_le_bytes()),
            (Decoded::Number(n), _) => cells.put(row, n.to_le_bytes()),
            (Decoded::Raw, _) => cells.push(row, raw),
            (Decoded::Text(inner), _) => {
                self.text.clear();
                push_utf8(inner, self.text);
                cells.push(row, self.text);
            }
        }
        Ok(())
    }
}

impl RowSink for Table<'_> {
    type Error = ReadError;

    /// The kinds that most tables are of come first, without the detour over [`Decoded`]. A number's end is searched
    /// for, though its digits would tell it too: what comes behind it need not wait until they are read.
    #[inline(always)]
    fn value(&mut self, slot: u32, input: &[u8], at: usize) -> Option<usize> {
        let (row, cells) = (self.row, self.cells.get_mut(slot as usize)?);
        match cells.kind {
            Kind::String => {
                if let Some((inner, end)) = plain_string(input, at)
                    && (!self.trust || inner.is_ascii() || std::str::from_utf8(inner).is_ok())
                {
                    cells.push(row, inner);
                    return Some(end);
                }
            }
            Kind::F64 => {
                let end = scalar_stop(input, at);
                if let Some(number) = f64_in(input, at, end) {
                    cells.put(row, number.to_le_bytes());
                    return Some(end);
                }
            }
            Kind::U32 => {
                let end = scalar_stop(input, at);
                if let Some(number) =
                    integer_in(input, at, end).and_then(|number| u32::try_from(number.to_u64()?).ok())
                {
                    cells.put(row, number.to_le_bytes());
                    return Some(end);
                }
            }
            Kind::I32 => {
                let end = scalar_stop(input, at);
                if let Some(number) =
                    integer_in(input, at, end).and_then(|number| i32::try_from(number.to_i64()?).ok())
                {
                    cells.put(row, number.to_le_bytes());
                    return Some(end);
                }
            }
            _ => {}
        }
        let end = skip(input, at)?;
        self.any(slot, &input[at..end]).ok()?;
        Some(end)
    }

    fn undo(&mut self) {
        self.cells.iter_mut().for_each(|cells| cells.undo(self.row));
    }

    fn cell(&mut self, input: &[u8], capture: Capture) -> Result<(), ReadError> {
        self.any(capture.slot, capture.of(input)).map_err(|Mismatch| {
            let Column { spec, full } = &self.columns[capture.slot as usize];
            ReadError::mismatch(full, spec.kind, input, capture)
        })
    }

    fn broken(&self, input: &[u8], at: usize) -> ReadError {
        rows::broken(input, at)
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
        let (rows, bytes) = columns.read(document, trust, &mut scratch)?;
        let mut out = vec![0xAA; bytes];
        columns.write(&mut scratch, &mut out)?;
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
        columns.read(document, false, &mut scratch).unwrap();
        assert_eq!(columns.write(&mut scratch, &mut [0; 8]).unwrap_err().code, Code::JsonLimit);
    }
}
