//! `NativeProgram`: compiled JSON programs. They run by raw calls: `jsonFields`, `jsonTransform`, `jsonColumns`.

use std::cell::RefCell;
use std::vec;

use napi_derive::napi;
use primarena_core::error::Code;
use primarena_core::json::columns::{self, ColumnSpec, Columns};
use primarena_core::json::fields::{self, FieldSpec, Fields};
use primarena_core::json::pack::Units;
use primarena_core::json::program::flag::{AGAIN, LINE, MINIFY, TRUST};
use primarena_core::json::program::{CompileError, Presence, ReadError};
use primarena_core::json::sink::Sink;
use primarena_core::json::transform::{self, ShapeSpec, Transform};
use primarena_core::json::value::Kind;
use primarena_core::json::{Limits, validate};

use crate::env::Registry;
use crate::error::{Failure, Result};
use crate::raw::{Answer, Call, Exports, Outcome};

/// A compiled program.
pub enum Program {
    Fields(Fields),
    Transform(Transform),
    Columns(Columns),
}

/// Memory of reads, kept by each thread for the next.
#[derive(Default)]
struct Scratch {
    fields: fields::Scratch,
    transform: transform::Scratch,
    columns: columns::Scratch,
    /// The program, the length of the input, the rows and the bytes of the last read of columns.
    laid_out: Option<(u32, usize, usize, usize)>,
    /// Output that did not fit, until `jsonTakeOutput`.
    output: Vec<u8>,
}

thread_local! {
    static PROGRAMS: RefCell<Registry<Program>> = const { RefCell::new(Registry::new()) };
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::default());
}

/// Inputs from here on may leave more memory behind than is worth keeping.
const LARGE_BYTES: usize = 1 << 20;

fn with<T>(
    id: u32,
    work: impl FnOnce(&mut Program) -> std::result::Result<T, Failure>,
) -> std::result::Result<T, Failure> {
    PROGRAMS
        .try_with(|programs| work(programs.borrow_mut().get(id)?))
        .unwrap_or_else(|_| Err(Failure::argument("this thread is ending")))
}

fn other_kind() -> Failure {
    Failure::argument("the program is of another kind")
}

fn compile_failure(error: CompileError) -> Failure {
    Failure::new(Code::JsonPath, error.to_string()).with_path(error.path)
}

#[cold]
fn read_failure(error: ReadError) -> Failure {
    let mut failure = Failure::new(error.code, error.message);
    failure.path = error.path;
    failure.expected = error.expected;
    match error.place {
        Some((offset, line, column)) => failure.with_place(offset, line, column),
        None => failure,
    }
}

/// The answer that asks for `needed` more: room, or numbers of scratch.
fn needs(needed: usize) -> Outcome {
    Ok(Answer::Number(-(needed as f64 + 16.0)))
}

/// Bounds of documents; nothing is unbounded but depth.
#[napi(object)]
#[derive(Clone, Copy)]
pub struct JsonLimits {
    pub max_depth: Option<u32>,
    pub max_bytes: Option<f64>,
}

impl From<JsonLimits> for Limits {
    fn from(limits: JsonLimits) -> Self {
        Limits { max_depth: limits.max_depth, max_bytes: limits.max_bytes.map(|bytes| bytes as usize) }
    }
}

/// A field or a column.
#[napi(object)]
pub struct ProgramField {
    pub path: String,
    pub kind: String,
    pub required: bool,
}

impl ProgramField {
    fn kind(&self) -> std::result::Result<Kind, Failure> {
        kind_of(&self.kind)
    }

    fn presence(&self) -> Presence {
        if self.required { Presence::Required } else { Presence::Optional }
    }
}

fn kind_of(name: &str) -> std::result::Result<Kind, Failure> {
    Kind::from_name(name).ok_or_else(|| Failure::argument(format!("t.{name} is no type of a JSON value")))
}

/// A node of a transform's shape; nodes come in pre-order.
#[napi(object)]
pub struct ProgramNode {
    /// `value`, `literal`, `object`, `array` or `each`.
    pub op: String,
    /// The name in the object around it, as a JSON string.
    pub name: Option<String>,
    pub path: Option<String>,
    pub kind: Option<String>,
    pub required: Option<bool>,
    /// The text of a literal, or of a default.
    pub json: Option<String>,
    /// How many nodes this one holds.
    pub count: Option<u32>,
}

/// The most levels of a shape; the core checks what it compiles, this bounds the recursion before it.
const MAX_LEVELS: usize = 200;

fn shape(
    nodes: &mut vec::IntoIter<ProgramNode>,
    level: usize,
) -> std::result::Result<(Option<String>, ShapeSpec), Failure> {
    let node = nodes.next().ok_or_else(|| Failure::argument("a shape is incomplete"))?;
    if level > MAX_LEVELS {
        return Err(Failure::argument("expected a shape of at most 128 levels"));
    }
    let path = node.path.unwrap_or_default();
    let count = node.count.unwrap_or_default();
    let spec = match node.op.as_str() {
        "value" => ShapeSpec::Value {
            path,
            kind: kind_of(&node.kind.unwrap_or_default())?,
            presence: if node.required == Some(true) { Presence::Required } else { Presence::Optional },
            default: node.json.map(String::into_bytes),
        },
        "literal" => ShapeSpec::Literal(node.json.unwrap_or_default().into_bytes()),
        "object" => {
            let mut members = Vec::new();
            for _ in 0..count {
                let (name, member) = shape(nodes, level + 1)?;
                members.push((name.unwrap_or_default().into_bytes(), member));
            }
            ShapeSpec::Object(members)
        }
        "array" => {
            let mut elements = Vec::new();
            for _ in 0..count {
                elements.push(shape(nodes, level + 1)?.1);
            }
            ShapeSpec::Array(elements)
        }
        "each" => ShapeSpec::Each { path, row: Box::new(shape(nodes, level + 1)?.1) },
        other => return Err(Failure::argument(format!("{other} is no part of a shape"))),
    };
    Ok((node.name, spec))
}

/// A compiled program; its number stands for it in raw calls. It is freed when JavaScript drops it.
#[napi]
pub struct NativeProgram {
    id: u32,
    many: Vec<bool>,
}

impl NativeProgram {
    fn keep(program: Program, many: Vec<bool>) -> Result<Self> {
        let id = PROGRAMS.with(|programs| programs.borrow_mut().insert(program))?;
        Ok(NativeProgram { id, many })
    }
}

#[napi]
impl NativeProgram {
    #[napi(factory, catch_unwind)]
    pub fn fields(specs: Vec<ProgramField>, limits: JsonLimits) -> Result<Self> {
        let mut fields = Vec::with_capacity(specs.len());
        for spec in specs {
            fields.push(FieldSpec { kind: spec.kind()?, presence: spec.presence(), path: spec.path });
        }
        let fields = Fields::new(fields, limits.into()).map_err(compile_failure)?;
        let many = fields.many().collect();
        Self::keep(Program::Fields(fields), many)
    }

    #[napi(factory, catch_unwind)]
    pub fn transform(nodes: Vec<ProgramNode>, limits: JsonLimits) -> Result<Self> {
        let (_, spec) = shape(&mut nodes.into_iter(), 0)?;
        let transform = Transform::new(spec, limits.into()).map_err(compile_failure)?;
        Self::keep(Program::Transform(transform), Vec::new())
    }

    #[napi(factory, catch_unwind)]
    pub fn columns(rows: String, specs: Vec<ProgramField>, limits: JsonLimits) -> Result<Self> {
        let mut columns = Vec::with_capacity(specs.len());
        for spec in specs {
            columns.push(ColumnSpec { kind: spec.kind()?, presence: spec.presence(), path: spec.path });
        }
        let columns = Columns::new(&rows, columns, limits.into()).map_err(compile_failure)?;
        Self::keep(Program::Columns(columns), Vec::new())
    }

    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Which fields give arrays.
    #[napi(catch_unwind)]
    pub fn many(&self) -> Vec<bool> {
        self.many.clone()
    }
}

impl Drop for NativeProgram {
    fn drop(&mut self) {
        // A finalizer may come after the thread's own data is gone, or during a call: then the thread frees it.
        let _ = PROGRAMS
            .try_with(|programs| programs.try_borrow_mut().map(|mut programs| programs.remove(self.id)));
    }
}

/// `jsonFields(program, input, scratch, flags)`: the packed text; 0 if there is none; −(n + 16) if the
/// scratch needs n numbers.
fn json_fields(call: &Call) -> Outcome {
    let (id, input, flags) = (call.u32(0)?, call.bytes(1)?, call.u32(3)?);
    let out = call.elements_mut::<f64>(2, &[input])?;
    SCRATCH.with(|scratch| {
        let scratch = &mut scratch.borrow_mut().fields;
        let used = with(id, |program| match program {
            Program::Fields(fields) => {
                fields.read(input, flags & TRUST != 0, scratch, out).map_err(read_failure)
            }
            _ => Err(other_kind()),
        })?;
        let outcome = match scratch.text.units() {
            _ if used > out.len() => needs(used),
            Units::Narrow([]) => Ok(Answer::Number(0.0)),
            Units::Narrow(bytes) => call.latin1(bytes),
            Units::Wide(units) => call.utf16(units),
        };
        if input.len() >= LARGE_BYTES {
            scratch.trim();
        }
        outcome
    })
}

/// `jsonTransform(program, input, bytes, offset, limit, flags)`: bytes written; −(n + 16) if they are n and
/// do not fit: `jsonTakeOutput` then hands them out.
fn json_transform(call: &Call) -> Outcome {
    let (id, input, flags) = (call.u32(0)?, call.bytes(1)?, call.u32(5)?);
    let (offset, limit) = (call.usize(3)?, call.usize(4)?);
    let window = call.window(2, offset, limit, &[input])?;
    SCRATCH.with(|scratch| {
        let Scratch { transform: scratch, output, .. } = &mut *scratch.borrow_mut();
        let outcome = with(id, |program| {
            let Program::Transform(transform) = program else { return Err(other_kind()) };
            transform.find(input, flags & TRUST != 0, scratch).map_err(read_failure)?;
            let room = window.len();
            let written = render(transform, input, flags, scratch, window)?;
            if written <= room {
                return Ok(Answer::Number(written as f64));
            }
            output.clear();
            output
                .try_reserve_exact(written)
                .map_err(|_| Failure::new(Code::OutOfMemory, "no memory for the output"))?;
            output.resize(written, 0);
            render(transform, input, flags, scratch, output)?;
            needs(written)
        });
        if input.len() >= LARGE_BYTES {
            scratch.trim();
        }
        outcome
    })
}

fn render(
    transform: &Transform,
    input: &[u8],
    flags: u32,
    scratch: &mut transform::Scratch,
    bytes: &mut [u8],
) -> std::result::Result<usize, Failure> {
    let mut sink = Sink::new(bytes);
    transform.render(input, flags & (MINIFY | LINE) != 0, scratch, &mut sink).map_err(read_failure)?;
    if flags & LINE != 0 {
        sink.put(b"\n");
    }
    Ok(sink.len())
}

/// `jsonTakeOutput(bytes, offset, limit)`: hands out, once, what did not fit; bytes written.
fn json_take_output(call: &Call) -> Outcome {
    let window = call.window(0, call.usize(1)?, call.usize(2)?, &[])?;
    SCRATCH.with(|scratch| {
        let output = std::mem::take(&mut scratch.borrow_mut().output);
        let place = window
            .get_mut(..output.len())
            .ok_or_else(|| Failure::argument(format!("expected {} bytes for the output", output.len())))?;
        place.copy_from_slice(&output);
        Ok(Answer::Number(output.len() as f64))
    })
}

/// `jsonColumns(program, input, bytes, offset, limit, flags, parts)`: the number of rows; `parts` gets the
/// bytes used, and then what describes each column. −(n + 16) if n bytes are needed; the next call may then
/// say that what was read is still good.
fn json_columns(call: &Call) -> Outcome {
    let (id, input, flags) = (call.u32(0)?, call.bytes(1)?, call.u32(5)?);
    let (offset, limit) = (call.usize(3)?, call.usize(4)?);
    let window = call.window(2, offset, limit, &[input])?;
    let parts = call.elements_mut::<f64>(6, &[input, &*window])?;
    SCRATCH.with(|scratch| {
        let Scratch { columns: scratch, laid_out, .. } = &mut *scratch.borrow_mut();
        let last = laid_out.take();
        with(id, |program| {
            let Program::Columns(columns) = program else { return Err(other_kind()) };
            let (rows, bytes) = match last {
                Some((program, length, rows, bytes))
                    if flags & AGAIN != 0 && program == id && length == input.len() =>
                {
                    (rows, bytes)
                }
                _ => columns.read(input, flags & TRUST != 0, scratch).map_err(read_failure)?,
            };
            let Some(out) = window.get_mut(..bytes) else {
                *laid_out = Some((id, input.len(), rows, bytes));
                return needs(bytes);
            };
            let outcome = columns.write(scratch, out).map_err(read_failure);
            let described = scratch.parts();
            let place = parts
                .get_mut(..described.len() + 1)
                .ok_or_else(|| Failure::argument("the array of parts is too short"))?;
            place[0] = bytes as f64;
            place[1..].copy_from_slice(described);
            if input.len() >= LARGE_BYTES {
                scratch.trim();
            }
            outcome?;
            Ok(Answer::Number(rows as f64))
        })
    })
}

/// `jsonValidate(input, maxDepth, maxBytes)`: 0; limits below 0 are none.
fn json_validate(call: &Call) -> Outcome {
    let (depth, bytes) = (call.f64(1)?, call.f64(2)?);
    let limits = Limits {
        max_depth: (depth >= 0.0).then_some(depth as u32),
        max_bytes: (bytes >= 0.0).then_some(bytes as usize),
    };
    let input = call.bytes(0)?;
    validate(input, &limits).map_err(|error| read_failure(ReadError::syntax(error, input)))?;
    Ok(Answer::Number(0.0))
}

pub fn register(exports: &Exports) -> napi::Result<()> {
    exports.add("jsonFields", json_fields)?;
    exports.add("jsonTransform", json_transform)?;
    exports.add("jsonTakeOutput", json_take_output)?;
    exports.add("jsonColumns", json_columns)?;
    exports.add("jsonValidate", json_validate)
}
