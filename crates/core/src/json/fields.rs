//! `json.fields`: the values of some paths, as numbers in a scratch array and all texts packed into one.
//!
//! An entry is [`ENTRY_WIDTH`] numbers: a tag and two operands. The entries of the fields come first, in
//! their order; those of array elements follow. JavaScript reads entries in the order of the fields, and so
//! the packed text from its start to its end.

use super::captures::Capture;
use super::fault::Limits;
use super::pack::Packed;
use super::path::Path;
use super::program::{BySlot, CompileError, Finder, Found, Presence, ReadError, Slots};
use super::value::{Decoded, Kind, decode};

/// Numbers of an entry.
pub const ENTRY_WIDTH: usize = 3;

/// A string of this many bytes is not packed: a short text cut out of the pack would keep it alive.
const LONG_BYTES: usize = 2048;

/// The tags of entries.
pub mod tag {
    /// There is no such value.
    pub const MISSING: u32 = 0;
    /// `null`
    pub const NULL: u32 = 1;
    /// `true`
    pub const TRUE: u32 = 2;
    /// `false`
    pub const FALSE: u32 = 3;
    /// A number: the first operand.
    pub const NUMBER: u32 = 4;
    /// The next part of the packed text: as many code units as the first operand says.
    pub const TEXT: u32 = 5;
    /// Bytes of the document, from the first operand to the second: JSON to be parsed or copied.
    pub const RAW: u32 = 6;
    /// Bytes of the document, from the first operand to the second: UTF-8.
    pub const UTF8: u32 = 7;
    /// The same, and all ASCII.
    pub const ASCII: u32 = 8;
    /// A whole number: its upper and its lower 32 bits; the upper ones signed for an i64.
    pub const BIG: u32 = 9;
    /// An array: how many entries it has, and the index of the first.
    pub const ARRAY: u32 = 10;
}

/// A field as it is asked for.
#[derive(Clone, Debug)]
pub struct FieldSpec {
    /// The path, from the root.
    pub path: String,
    /// What its value has to be.
    pub kind: Kind,
    /// Whether it has to be there.
    pub presence: Presence,
}

#[derive(Debug)]
struct Field {
    spec: FieldSpec,
    many: bool,
}

/// A compiled program of fields.
#[derive(Debug)]
pub struct Fields {
    fields: Vec<Field>,
    finder: Finder,
    any_many: bool,
}

/// Memory of a read, kept for the next.
#[derive(Debug, Default)]
pub struct Scratch {
    found: Found,
    latest: Vec<Option<Capture>>,
    sorted: BySlot,
    /// All texts of the last read.
    pub text: Packed,
}

impl Scratch {
    /// Gives memory back that a large document needed. The text is gone.
    pub fn trim(&mut self) {
        self.found.trim();
        self.sorted.trim();
        self.text.trim();
    }
}

impl Fields {
    /// Compiles the fields; each has the slot of its place.
    ///
    /// # Errors
    /// A path that is not understood, or too many of them.
    pub fn new(specs: Vec<FieldSpec>, limits: Limits) -> Result<Fields, CompileError> {
        let mut slots = Slots::default();
        let mut fields = Vec::with_capacity(specs.len());
        for spec in specs {
            let path = Path::parse(&spec.path).map_err(|error| CompileError::path(&spec.path, &error))?;
            let many = path.is_many();
            slots.add(path);
            fields.push(Field { spec, many });
        }
        let any_many = fields.iter().any(|field| field.many);
        Ok(Fields { fields, finder: slots.finish(limits)?, any_many })
    }

    /// Which fields give arrays.
    pub fn many(&self) -> impl Iterator<Item = bool> {
        self.fields.iter().map(|field| field.many)
    }

    /// The compiled paths; the slot of a field is its place.
    pub fn finder(&self) -> &Finder {
        &self.finder
    }

    /// Reads `input` and writes the entries into `out`; the texts are in `scratch.text`. Answers how many
    /// numbers the entries take: if they are more than `out` has, nothing of use was written.
    ///
    /// # Errors
    /// `JsonSyntax`, `JsonLimit`, `JsonType`, `JsonMissing`.
    pub fn read(
        &self,
        input: &[u8],
        trust: bool,
        scratch: &mut Scratch,
        out: &mut [f64],
    ) -> Result<usize, ReadError> {
        let Scratch { found, latest, sorted, text } = scratch;
        text.clear();
        self.finder.find(input, trust, found)?;
        let captures = &found.captures;
        if self.any_many {
            sorted.sort(self.fields.len(), captures);
        }
        latest.clear();
        latest.resize(self.fields.len(), None);
        for capture in captures.iter() {
            latest[capture.slot as usize] = Some(*capture);
        }
        let mut writer = Writer { input, out, text, used: self.fields.len() * ENTRY_WIDTH };
        for (slot, field) in self.fields.iter().enumerate() {
            let found = latest[slot];
            if field.spec.presence == Presence::Required && found.is_none() {
                return Err(ReadError::missing(&field.spec.path, field.spec.kind));
            }
            let place = slot * ENTRY_WIDTH;
            if field.many {
                let positions = sorted.of(slot as u32);
                writer.put(place, tag::ARRAY, positions.len() as f64, (writer.used / ENTRY_WIDTH) as f64);
                for &position in positions {
                    let place = writer.used;
                    writer.used += ENTRY_WIDTH;
                    writer.value(place, &field.spec, captures.entries()[position as usize])?;
                }
            } else if let Some(capture) = found {
                writer.value(place, &field.spec, capture)?;
            } else {
                writer.put(place, tag::MISSING, 0.0, 0.0);
            }
        }
        Ok(writer.used)
    }
}

struct Writer<'a> {
    input: &'a [u8],
    out: &'a mut [f64],
    text: &'a mut Packed,
    used: usize,
}

impl Writer<'_> {
    #[inline]
    fn put(&mut self, place: usize, tag: u32, first: f64, second: f64) {
        if let Some(entry) = self.out.get_mut(place..place + ENTRY_WIDTH) {
            entry.copy_from_slice(&[f64::from(tag), first, second]);
        }
    }

    #[inline]
    fn value(&mut self, place: usize, spec: &FieldSpec, capture: Capture) -> Result<(), ReadError> {
        let input = self.input;
        let raw = capture.of(input);
        let wrong = || ReadError::mismatch(&spec.path, spec.kind, input, capture);
        let (start, end) = (f64::from(capture.start), f64::from(capture.end));
        match decode(spec.kind, raw).map_err(|_| wrong())? {
            Decoded::Null if spec.presence == Presence::Required && !spec.kind.is_any() => {
                return Err(wrong());
            }
            Decoded::Null => self.put(place, tag::NULL, 0.0, 0.0),
            Decoded::Boolean(true) => self.put(place, tag::TRUE, 0.0, 0.0),
            Decoded::Boolean(false) => self.put(place, tag::FALSE, 0.0, 0.0),
            Decoded::Number(number) => self.put(place, tag::NUMBER, number, 0.0),
            Decoded::Big(bits) => {
                let upper = (bits >> 32) as u32;
                let upper = if spec.kind == Kind::I64 { f64::from(upper as i32) } else { f64::from(upper) };
                self.put(place, tag::BIG, upper, f64::from(bits as u32));
            }
            Decoded::Raw => self.put(place, tag::RAW, start, end),
            Decoded::Text(inner) if inner.len() < LONG_BYTES => {
                let units = self.text.push(inner);
                self.put(place, tag::TEXT, units as f64, 0.0);
            }
            Decoded::Text(inner) if memchr::memchr(b'\\', inner).is_some() => {
                self.put(place, tag::RAW, start, end);
            }
            Decoded::Text(inner) => {
                let tag = if inner.is_ascii() { tag::ASCII } else { tag::UTF8 };
                self.put(place, tag, start + 1.0, end - 1.0);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::pack::Units;
    use super::*;
    use crate::error::Code;

    fn program(fields: &[(&str, Kind, Presence)]) -> Fields {
        let specs = fields
            .iter()
            .map(|&(path, kind, presence)| FieldSpec { path: path.to_owned(), kind, presence })
            .collect();
        Fields::new(specs, Limits::default()).unwrap()
    }

    use Presence::{Optional, Required};

    #[test]
    fn writes_entries_and_packs_texts() {
        let fields = program(&[
            ("$.s", Kind::Any, Optional),
            ("$.list[*].n", Kind::Any, Optional),
            ("$.none", Kind::Any, Optional),
            ("$.o", Kind::Any, Optional),
            ("$.big", Kind::I64, Optional),
        ]);
        let document =
            br#"{"o":{"x":1},"list":[{"n":"p"},{"n":2},{"n":null},{"n":"qr"}],"s":"abc","big":-2}"#;
        let mut scratch = Scratch::default();
        let mut out = [-1.0; 9 * ENTRY_WIDTH];
        assert_eq!(fields.read(document, false, &mut scratch, &mut out).unwrap(), 27);
        let expected: [[f64; 3]; 9] = [
            [5.0, 3.0, 0.0],
            [10.0, 4.0, 5.0],
            [0.0, 0.0, 0.0],
            [6.0, 5.0, 12.0],
            [9.0, -1.0, 4_294_967_294.0],
            [5.0, 1.0, 0.0],
            [4.0, 2.0, 0.0],
            [1.0, 0.0, 0.0],
            [5.0, 2.0, 0.0],
        ];
        assert_eq!(out, *expected.as_flattened());
        assert_eq!(scratch.text.units(), Units::Narrow(b"abcpqr"));
        // A scratch that is too short is never written beyond its end; the answer is what is needed.
        let mut short = [0.0; 16];
        assert_eq!(fields.read(document, true, &mut scratch, &mut short).unwrap(), 27);
    }

    #[test]
    fn long_strings_stay_in_the_document() {
        let fields = program(&[
            ("$[0]", Kind::String, Optional),
            ("$[1]", Kind::String, Optional),
            ("$[2]", Kind::Any, Optional),
        ]);
        let long = "x".repeat(LONG_BYTES);
        let document = format!(r#"["{long}","é{long}","\n{long}"]"#);
        let mut out = [0.0; 9];
        fields.read(document.as_bytes(), false, &mut Scratch::default(), &mut out).unwrap();
        assert_eq!(out[..3], [8.0, 2.0, 2.0 + LONG_BYTES as f64]);
        assert_eq!(out[3], 7.0);
        assert_eq!(out[6], 6.0);
    }

    #[test]
    fn refuses_with_path_and_place() {
        let read = |fields: &[(&str, Kind, Presence)], document: &str| {
            let mut out = [0.0; 30];
            program(fields).read(document.as_bytes(), false, &mut Scratch::default(), &mut out).unwrap_err()
        };
        let error = read(&[("$.a.b", Kind::U8, Optional)], "{\"a\":\n {\"b\":256}}");
        assert_eq!((error.code, error.place), (Code::JsonType, Some((12, 2, 7))));
        assert_eq!(error.message, "$.a.b: expected a whole number from 0 to 255 (u8), found 256");
        assert_eq!(error.path.as_deref(), Some("$.a.b"));
        assert_eq!(read(&[("$.a", Kind::Any, Required)], "{}").code, Code::JsonMissing);
        assert_eq!(read(&[("$.a", Kind::String, Required)], "{\"a\":null}").code, Code::JsonType);
        assert_eq!(read(&[("$.a[*]", Kind::Any, Required)], "{\"a\":[]}").code, Code::JsonMissing);
        assert_eq!(read(&[("$.a[*]", Kind::String, Optional)], "{\"a\":[\"\",1]}").place, Some((9, 1, 10)));
        assert_eq!(read(&[("$.a", Kind::Any, Optional)], "{\"a\":1").code, Code::JsonSyntax);
        let error = Fields::new(
            vec![FieldSpec { path: "$..a".into(), kind: Kind::Any, presence: Optional }],
            Limits::default(),
        );
        assert!(error.unwrap_err().to_string().contains("descendants"));
    }
}
