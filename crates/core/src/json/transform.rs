//! `json.transform`: a document reshaped into another, its values spliced as they are written.

use super::captures::Capture;
use super::fault::Limits;
use super::path::{MAX_SEGMENTS, Path};
use super::program::{BySlot, CompileError, Finder, Found, Presence, ReadError, Slots};
use super::sink::Sink;
use super::value::{Decoded, Kind, decode};

/// A shape as it is asked for.
#[derive(Clone, Debug)]
pub enum ShapeSpec {
    /// The value at a path; an array of values if the path may lead to many.
    Value {
        /// The path, from the root or from the row.
        path: String,
        /// What its value has to be.
        kind: Kind,
        /// Whether it has to be there.
        presence: Presence,
        /// JSON that stands for a missing value.
        default: Option<Vec<u8>>,
    },
    /// Constant JSON.
    Literal(Vec<u8>),
    /// An object: names as JSON strings, and what they hold.
    Object(Vec<(Vec<u8>, ShapeSpec)>),
    /// An array of fixed length; what is missing is `null`.
    Array(Vec<ShapeSpec>),
    /// An array with an element for each value at the path.
    Each {
        /// The path to the rows.
        path: String,
        /// The shape of a row; its paths start at the row.
        row: Box<ShapeSpec>,
    },
}

#[derive(Debug)]
struct Value {
    slot: u32,
    path: String,
    kind: Kind,
    presence: Presence,
    default: Option<Box<[u8]>>,
    many: bool,
}

#[derive(Debug)]
enum Shape {
    Value(Value),
    Literal(Box<[u8]>),
    /// Names come as `"name":`.
    Object(Vec<(Box<[u8]>, Shape)>),
    Array(Vec<Shape>),
    Each {
        slot: u32,
        row: Box<Shape>,
    },
}

/// A compiled transform.
#[derive(Debug)]
pub struct Transform {
    shape: Shape,
    finder: Finder,
}

/// Memory of a transform, kept for the next.
#[derive(Debug, Default)]
pub struct Scratch {
    found: Found,
    sorted: BySlot,
    /// For each slot, how many of its captures lie before the row at hand.
    passed: Vec<u32>,
}

impl Scratch {
    /// Gives memory back that a large document needed.
    pub fn trim(&mut self) {
        self.found.trim();
        self.sorted.trim();
    }
}

impl Transform {
    /// Compiles a shape.
    ///
    /// # Errors
    /// A path that is not understood, too many of them, or a shape that is too deep.
    pub fn new(spec: ShapeSpec, limits: Limits) -> Result<Transform, CompileError> {
        let mut slots = Slots::default();
        let shape = compile(spec, None, &mut slots, 0)?;
        Ok(Transform { shape, finder: slots.finish(limits)? })
    }

    /// Finds what the transform needs in `input`; [`Transform::render`] then writes it.
    ///
    /// # Errors
    /// `JsonSyntax`, `JsonLimit`.
    pub fn find(&self, input: &[u8], trust: bool, scratch: &mut Scratch) -> Result<(), ReadError> {
        self.finder.find(input, trust, &mut scratch.found)?;
        scratch.sorted.sort(self.finder.slots(), &scratch.found.captures);
        Ok(())
    }

    /// Writes the result for `input`, in which [`Transform::find`] has looked; `minify` takes white space
    /// out of what is spliced.
    ///
    /// # Errors
    /// `JsonType`, `JsonMissing`.
    pub fn render(
        &self,
        input: &[u8],
        minify: bool,
        scratch: &mut Scratch,
        sink: &mut Sink<'_>,
    ) -> Result<(), ReadError> {
        let Scratch { found, sorted, passed } = scratch;
        passed.clear();
        passed.resize(self.finder.slots(), 0);
        let captures = found.captures.entries();
        let end = captures.len() as u32;
        let mut renderer = Renderer { input, captures, sorted, passed, minify, sink };
        if !renderer.shape(&self.shape, end)? {
            renderer.sink.put(b"null");
        }
        Ok(())
    }
}

fn compile(
    spec: ShapeSpec,
    row: Option<&Path>,
    slots: &mut Slots,
    depth: usize,
) -> Result<Shape, CompileError> {
    if depth > MAX_SEGMENTS {
        return Err(CompileError::new("", "the shape has more than 128 levels"));
    }
    let resolve = |text: &str| -> Result<(Path, bool), CompileError> {
        let path = match row {
            None => Path::parse(text),
            Some(_) => Path::parse_relative(text),
        };
        let path = path.map_err(|error| CompileError::path(text, &error))?;
        let many = path.is_many();
        match row {
            None => Ok((path, many)),
            Some(row) => {
                let joined = row.join(&path).map_err(|error| CompileError::path(text, &error))?;
                Ok((joined, many))
            }
        }
    };
    Ok(match spec {
        ShapeSpec::Value { path, kind, presence, default } => {
            let (resolved, many) = resolve(&path)?;
            let default = default.map(Vec::into_boxed_slice);
            Shape::Value(Value { slot: slots.add(resolved), path, kind, presence, default, many })
        }
        ShapeSpec::Literal(json) => Shape::Literal(json.into()),
        ShapeSpec::Object(members) => {
            let mut compiled = Vec::with_capacity(members.len());
            for (mut name, member) in members {
                name.push(b':');
                compiled.push((name.into(), compile(member, row, slots, depth + 1)?));
            }
            Shape::Object(compiled)
        }
        ShapeSpec::Array(elements) => {
            let compiled: Result<_, _> =
                elements.into_iter().map(|element| compile(element, row, slots, depth + 1)).collect();
            Shape::Array(compiled?)
        }
        ShapeSpec::Each { path, row: inner } => {
            let (resolved, _) = resolve(&path)?;
            let slot = slots.add(resolved.clone());
            Shape::Each { slot, row: Box::new(compile(*inner, Some(&resolved), slots, depth + 1)?) }
        }
    })
}

struct Renderer<'a, 'b> {
    input: &'a [u8],
    captures: &'a [Capture],
    sorted: &'a BySlot,
    passed: &'a mut [u32],
    minify: bool,
    sink: &'a mut Sink<'b>,
}

impl<'a> Renderer<'a, '_> {
    /// Writes `shape` of the row that ends before the capture `end`; false if there is nothing to write.
    fn shape(&mut self, shape: &Shape, end: u32) -> Result<bool, ReadError> {
        match shape {
            Shape::Value(value) => return self.value(value, end),
            Shape::Literal(json) => self.sink.put(json),
            Shape::Object(members) => {
                self.sink.put(b"{");
                let mut any = false;
                for (name, member) in members {
                    let mark = self.sink.len();
                    if any {
                        self.sink.put(b",");
                    }
                    self.sink.put(name);
                    if self.shape(member, end)? {
                        any = true;
                    } else {
                        self.sink.truncate(mark);
                    }
                }
                self.sink.put(b"}");
            }
            Shape::Array(elements) => {
                self.sink.put(b"[");
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        self.sink.put(b",");
                    }
                    if !self.shape(element, end)? {
                        self.sink.put(b"null");
                    }
                }
                self.sink.put(b"]");
            }
            Shape::Each { slot, row } => self.each(*slot, row, end)?,
        }
        Ok(true)
    }

    /// The next capture of `slot` that lies before the capture `end`.
    #[inline]
    fn next(&mut self, slot: u32, end: u32) -> Option<u32> {
        let passed = &mut self.passed[slot as usize];
        let position = *self.sorted.of(slot).get(*passed as usize)?;
        if position >= end {
            return None;
        }
        *passed += 1;
        Some(position)
    }

    fn each(&mut self, slot: u32, row: &Shape, end: u32) -> Result<(), ReadError> {
        self.sink.put(b"[");
        let mut first = true;
        while self.next(slot, end).is_some() {
            let following = self.sorted.of(slot).get(self.passed[slot as usize] as usize);
            let row_end = following.map_or(end, |&next| next.min(end));
            if !first {
                self.sink.put(b",");
            }
            first = false;
            if !self.shape(row, row_end)? {
                self.sink.put(b"null");
            }
        }
        self.sink.put(b"]");
        Ok(())
    }

    fn value(&mut self, value: &Value, end: u32) -> Result<bool, ReadError> {
        let Some(mut position) = self.next(value.slot, end) else {
            if let Some(default) = &value.default {
                self.sink.put(default);
                return Ok(true);
            }
            if value.presence == Presence::Required {
                return Err(ReadError::missing(&value.path, value.kind));
            }
            if value.many {
                self.sink.put(b"[]");
            }
            return Ok(value.many);
        };
        if !value.many {
            self.splice(value, position)?;
            return Ok(true);
        }
        self.sink.put(b"[");
        loop {
            self.splice(value, position)?;
            match self.next(value.slot, end) {
                Some(next) => position = next,
                None => break,
            }
            self.sink.put(b",");
        }
        self.sink.put(b"]");
        Ok(true)
    }

    #[inline]
    fn splice(&mut self, value: &Value, position: u32) -> Result<(), ReadError> {
        let capture = self.captures[position as usize];
        let raw = capture.of(self.input);
        if !matches!(value.kind, Kind::Any | Kind::Bytes | Kind::Json) || value.presence == Presence::Required
        {
            let decoded = decode(value.kind, raw);
            let null = decoded == Ok(Decoded::Null) && value.presence == Presence::Required;
            if decoded.is_err() || null {
                return Err(ReadError::mismatch(&value.path, value.kind, self.input, capture));
            }
        }
        if self.minify && matches!(raw.first(), Some(b'{' | b'[')) {
            self.sink.put_minified(raw);
        } else {
            self.sink.put(raw);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    fn value(path: &str) -> ShapeSpec {
        typed(path, Kind::Any, Presence::Optional)
    }

    fn typed(path: &str, kind: Kind, presence: Presence) -> ShapeSpec {
        ShapeSpec::Value { path: path.to_owned(), kind, presence, default: None }
    }

    fn object(members: Vec<(&str, ShapeSpec)>) -> ShapeSpec {
        ShapeSpec::Object(
            members.into_iter().map(|(name, member)| (format!("{name:?}").into(), member)).collect(),
        )
    }

    fn run(spec: ShapeSpec, document: &str, minify: bool) -> Result<String, ReadError> {
        let transform = Transform::new(spec, Limits::default()).unwrap();
        let mut scratch = Scratch::default();
        let mut bytes = vec![0; 1000];
        transform.find(document.as_bytes(), false, &mut scratch)?;
        let mut sink = Sink::new(&mut bytes);
        transform.render(document.as_bytes(), minify, &mut scratch, &mut sink)?;
        let len = sink.len();
        // What does not fit is counted all the same.
        let mut small = Sink::new(&mut []);
        transform.render(document.as_bytes(), minify, &mut scratch, &mut small)?;
        assert_eq!(small.len(), len);
        Ok(String::from_utf8(bytes[..len].to_vec()).unwrap())
    }

    #[test]
    fn splices_what_is_there() {
        let shape = object(vec![
            ("none", value("$.none")),
            ("n", value("$.n")),
            ("in", object(vec![("s", value("$.o.s")), ("none", value("$.o.none"))])),
            ("empty", object(vec![("x", value("$.x"))])),
            ("all", value("$.list[*].v")),
            ("no", value("$.no[*]")),
            ("pair", ShapeSpec::Array(vec![value("$.n"), value("$.none")])),
            ("lit", ShapeSpec::Literal(b"[1]".to_vec())),
        ]);
        let document = r#"{"n":1.50E+2,"o":{"s":"\u0041\/"},"list":[{"v":{"a": 1}},{},{"v":[ ]}]}"#;
        let expected = r#"{"n":1.50E+2,"in":{"s":"\u0041\/"},"empty":{},"all":[{"a": 1},[ ]],"no":[],"pair":[1.50E+2,null],"lit":[1]}"#;
        assert_eq!(run(shape.clone(), document, false).unwrap(), expected);
        assert_eq!(run(shape, document, true).unwrap(), expected.replace(": 1", ":1").replace("[ ]", "[]"));
        assert_eq!(run(value("$.a"), "{}", false).unwrap(), "null");
        assert_eq!(run(value("$"), " 5 ", false).unwrap(), "5");
    }

    #[test]
    fn rows_in_rows() {
        let shape = object(vec![
            (
                "rows",
                ShapeSpec::Each {
                    path: "$.rows[*]".to_owned(),
                    row: Box::new(object(vec![
                        ("id", value("id")),
                        ("tags", value("tags[*]")),
                        (
                            "kids",
                            ShapeSpec::Each {
                                path: "kids[*]".to_owned(),
                                row: Box::new(object(vec![("k", value("$.k"))])),
                            },
                        ),
                    ])),
                },
            ),
            ("ids", value("$.rows[*].id")),
            ("first", value("$.rows[0].id")),
            ("none", ShapeSpec::Each { path: "$.none[*]".to_owned(), row: Box::new(value("$")) }),
            ("back", ShapeSpec::Each { path: "$.rows[::-1]".to_owned(), row: Box::new(value("$.id")) }),
        ]);
        let document = r#"{"rows":[{"id":1,"kids":[{"k":"a"},{"x":0},{"k":"b"}]},{"tags":["t","u"]},7,{"id":3,"id":4,"kids":[]}]}"#;
        assert_eq!(
            run(shape, document, false).unwrap(),
            r#"{"rows":[{"id":1,"tags":[],"kids":[{"k":"a"},{},{"k":"b"}]},{"tags":["t","u"],"kids":[]},{"tags":[],"kids":[]},{"id":4,"tags":[],"kids":[]}],"ids":[1,4],"first":1,"none":[],"back":[4,null,null,1]}"#
        );
    }

    #[test]
    fn checks_types_and_presence() {
        let with_default = ShapeSpec::Value {
            path: "$.x".to_owned(),
            kind: Kind::U8,
            presence: Presence::Optional,
            default: Some(b"7".to_vec()),
        };
        assert_eq!(run(with_default.clone(), "{}", false).unwrap(), "7");
        assert_eq!(run(with_default.clone(), "{\"x\":8}", false).unwrap(), "8");
        assert_eq!(run(with_default.clone(), "{\"x\":null}", false).unwrap(), "null");
        assert_eq!(run(with_default, "{\"x\":256}", false).unwrap_err().code, Code::JsonType);
        let required = typed("$.x", Kind::String, Presence::Required);
        assert_eq!(run(required.clone(), "{}", false).unwrap_err().code, Code::JsonMissing);
        assert_eq!(run(required.clone(), "{\"x\":null}", false).unwrap_err().code, Code::JsonType);
        assert_eq!(run(required, "{\"x\":\"\"}", false).unwrap(), "\"\"");
        let mut deep = value("$");
        for _ in 0..=MAX_SEGMENTS {
            deep = ShapeSpec::Array(vec![deep]);
        }
        assert!(Transform::new(deep, Limits::default()).is_err());
    }
}
