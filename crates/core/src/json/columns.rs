//! `json.columns`: rows of a document as columns of numbers and texts, in the layout of Apache Arrow.
//!
//! A column has a validity bitmap (least significant bit first; a set bit is a value) and its values; a
//! column of texts has 32-bit offsets, one more than rows, and bytes. Every part starts at a multiple of
//! [`ALIGN`] from the first byte.

use super::captures::Capture;
use super::fault::Limits;
use super::path::Path;
use super::program::{BySlot, CompileError, Finder, Found, Presence, ReadError, Slots};
use super::text::push_utf8;
use super::value::{Decoded, Kind, decode};

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
    sorted: BySlot,
    parts: Vec<f64>,
    text: Vec<u8>,
}

impl Scratch {
    /// Gives memory back that a large document needed.
    pub fn trim(&mut self) {
        self.found.trim();
        self.sorted.trim();
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
        let Scratch { found, sorted, parts, .. } = scratch;
        self.finder.find(input, trust, found)?;
        let captures = &found.captures;
        sorted.sort(self.finder.slots(), captures);
        let rows = sorted.of(ROWS).len();
        let mut end = 0_usize;
        let mut take = |bytes: usize| {
            let start = end;
            end = (start + bytes).next_multiple_of(ALIGN);
            start as f64
        };
        parts.clear();
        for (slot, column) in (1..).zip(&self.columns) {
            let validity = take(rows.div_ceil(8));
            let (values, bytes) = match width(column.spec.kind) {
                Some(width) => (take(rows * width), 0),
                None => {
                    // Decoding never makes a text longer: U+FFFD takes 3 bytes, and \ud800 six. Only broken
                    // UTF-8 can triple; a valid document has none.
                    let grow = if trust { 3 } else { 1 };
                    let raw = |&position: &u32| {
                        let capture = captures.entries()[position as usize];
                        (capture.end - capture.start) as usize
                    };
                    (take((rows + 1) * 4), grow * sorted.of(slot).iter().map(raw).sum::<usize>())
                }
            };
            let start = take(bytes);
            parts.extend([validity, values, start, bytes as f64, 0.0]);
        }
        Ok((rows, end))
    }

    /// Writes the columns of `input`, for which [`Columns::layout`] has answered, into `out`.
    ///
    /// # Errors
    /// `JsonType`, `JsonMissing`; `JsonLimit` if `out` is too short, or texts have 2 GiB together.
    pub fn write(&self, input: &[u8], scratch: &mut Scratch, out: &mut [u8]) -> Result<(), ReadError> {
        let Scratch { found, sorted, parts, text } = scratch;
        let rows = sorted.of(ROWS);
        for (index, column) in self.columns.iter().enumerate() {
            let part = &mut parts[index * PART_WIDTH..][..PART_WIDTH];
            let mut writer = Writer { input, out, column, text, nulls: 0, filled: 0 };
            writer.clear(part, rows.len())?;
            let mut cells = sorted.of(index as u32 + 1).iter().copied().peekable();
            for (row, &mark) in rows.iter().enumerate() {
                let next = rows.get(row + 1).copied().unwrap_or(u32::MAX);
                debug_assert!(cells.peek().is_none_or(|&cell| cell > mark || column.full.is_empty()));
                let cell = cells.next_if(|&cell| cell < next);
                writer.cell(part, row, cell.map(|cell| found.captures.entries()[cell as usize]))?;
            }
            part[3] = writer.filled as f64;
            part[4] = writer.nulls as f64;
        }
        Ok(())
    }
}

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

struct Writer<'a> {
    input: &'a [u8],
    out: &'a mut [u8],
    column: &'a Column,
    text: &'a mut Vec<u8>,
    nulls: usize,
    /// Bytes of text so far.
    filled: usize,
}

impl Writer<'_> {
    fn no_room() -> ReadError {
        ReadError {
            code: crate::error::Code::JsonLimit,
            message: "expected columns within the bytes reserved, of less than 2 GiB of text each".to_owned(),
            path: None,
            place: None,
            expected: None,
        }
    }

    /// No row is valid yet, and no byte is one that was there before.
    fn clear(&mut self, part: &[f64], rows: usize) -> Result<(), ReadError> {
        let values = part[1] as usize;
        let end = values + width(self.column.spec.kind).map_or((rows + 1) * 4, |width| rows * width);
        // The gaps between the parts are cleared too.
        let all =
            self.out.get_mut(part[0] as usize..end.next_multiple_of(ALIGN)).ok_or_else(Self::no_room)?;
        all.fill(0);
        Ok(())
    }

    #[inline]
    fn put(&mut self, at: usize, bytes: &[u8]) -> Result<(), ReadError> {
        self.out.get_mut(at..at + bytes.len()).ok_or_else(Self::no_room)?.copy_from_slice(bytes);
        Ok(())
    }

    fn cell(&mut self, part: &[f64], row: usize, cell: Option<Capture>) -> Result<(), ReadError> {
        let column = self.column;
        let spec = &column.spec;
        let mut valid = false;
        if let Some(capture) = cell {
            let raw = capture.of(self.input);
            let decoded = match spec.kind {
                // Their text is kept as it is, and read when asked for.
                Kind::Any | Kind::Json if raw != b"null" => Ok(Decoded::Raw),
                kind => decode(kind, raw),
            };
            let decoded =
                decoded.map_err(|_| ReadError::mismatch(&column.full, spec.kind, self.input, capture))?;
            valid = decoded != Decoded::Null;
            if valid {
                self.value(part, row, raw, decoded)?;
            } else if spec.presence == Presence::Required {
                return Err(ReadError::mismatch(&column.full, spec.kind, self.input, capture));
            }
        } else if spec.presence == Presence::Required {
            let mut error = ReadError::missing(&column.full, spec.kind);
            error.message = format!("{} in row {row}", error.message);
            return Err(error);
        }
        if valid {
            let at = part[0] as usize + row / 8;
            *self.out.get_mut(at).ok_or_else(Self::no_room)? |= 1 << (row % 8);
        } else {
            self.nulls += 1;
            if spec.kind == Kind::F64 || spec.kind == Kind::Timestamp {
                self.put(part[1] as usize + row * 8, &f64::NAN.to_le_bytes())?;
            } else if spec.kind == Kind::F32 {
                self.put(part[1] as usize + row * 4, &f32::NAN.to_le_bytes())?;
            }
        }
        if width(spec.kind).is_none() {
            let end = i32::try_from(self.filled).map_err(|_| Self::no_room())?;
            self.put(part[1] as usize + (row + 1) * 4, &end.to_le_bytes())?;
        }
        Ok(())
    }

    #[inline]
    fn value(&mut self, part: &[f64], row: usize, raw: &[u8], decoded: Decoded<'_>) -> Result<(), ReadError> {
        let values = part[1] as usize;
        match decoded {
            Decoded::Null => Ok(()),
            Decoded::Boolean(value) => self.put(values + row, &[u8::from(value)]),
            Decoded::Big(bits) => self.put(values + row * 8, &bits.to_le_bytes()),
            Decoded::Number(number) => match self.column.spec.kind {
                Kind::U8 => self.put(values + row, &(number as u8).to_le_bytes()),
                Kind::I8 => self.put(values + row, &(number as i8).to_le_bytes()),
                Kind::U16 => self.put(values + row * 2, &(number as u16).to_le_bytes()),
                Kind::I16 => self.put(values + row * 2, &(number as i16).to_le_bytes()),
                Kind::U32 => self.put(values + row * 4, &(number as u32).to_le_bytes()),
                Kind::I32 => self.put(values + row * 4, &(number as i32).to_le_bytes()),
                Kind::F32 => self.put(values + row * 4, &(number as f32).to_le_bytes()),
                _ => self.put(values + row * 8, &number.to_le_bytes()),
            },
            Decoded::Raw => self.bytes(part, raw),
            Decoded::Text(inner)
                if memchr::memchr(b'\\', inner).is_none() && std::str::from_utf8(inner).is_ok() =>
            {
                self.bytes(part, inner)
            }
            Decoded::Text(inner) => {
                let mut text = std::mem::take(self.text);
                text.clear();
                push_utf8(inner, &mut text);
                let result = self.bytes(part, &text);
                *self.text = text;
                result
            }
        }
    }

    fn bytes(&mut self, part: &[f64], bytes: &[u8]) -> Result<(), ReadError> {
        if self.filled + bytes.len() > part[3] as usize {
            return Err(Self::no_room());
        }
        self.put(part[2] as usize + self.filled, bytes)?;
        self.filled += bytes.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

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
