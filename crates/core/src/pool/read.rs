//! JSON rows into records, without a JavaScript object in between.
//!
//! The document is validated first; then each row's values are parsed straight into their columns. All rows are
//! taken or none: what was acquired is released again when a value does not fit, or when the work is given up.

use crate::error::Code;
use crate::json::Limits;
use crate::json::captures::Capture;
use crate::json::path::Path;
use crate::json::program::ReadError;
use crate::json::rows::{self, Cursor, RowSink, Rows, scalar_stop, skip};

use super::schema::{Kind, MAX_FIELDS};
use super::value::{self, Misfit, Parsed};
use super::{Layout, Pace, PoolError, Slab, Slabs};

/// Rows between two questions to the [`Pace`].
const STRIDE: usize = 512;

/// Rows being read.
#[derive(Debug)]
pub struct Read {
    rows: Rows,
    cursor: Cursor,
    /// The path to the rows, for messages.
    path: Box<str>,
    /// Whether the rows have been found.
    found: bool,
    slots: Vec<u32>,
    scratch: Vec<u8>,
}

/// How far a step came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All rows are records.
    Done,
    /// The time slice is over.
    Paused,
    /// All slabs are full, and more rows are to come.
    Full,
}

impl Read {
    /// Prepares to read the rows that `path` leads to: each an object with a member for every field.
    pub fn new(layout: &Layout, path: &str) -> Result<Self, PoolError> {
        let wrong = |message: String| PoolError::Json {
            code: Code::JsonPath,
            message,
            offset: None,
            path: Some(path.to_owned()),
        };
        let row = Path::parse(path).map_err(|error| wrong(error.to_string()))?;
        let fields = layout.schema().fields().iter().map(|field| Path::of_name(&*field.name));
        let rows = Rows::new(&row, &fields.collect::<Vec<_>>(), Limits::default());
        Ok(Read {
            rows: rows.map_err(|error| wrong(error.to_string()))?,
            cursor: Cursor::default(),
            path: path.into(),
            found: false,
            slots: Vec::new(),
            scratch: Vec::new(),
        })
    }

    /// Works until done, until the slabs are full, or until the pace says to stop. `document` must be the
    /// same bytes each time. After an error everything that was acquired is released again.
    pub fn step(
        &mut self,
        slabs: &mut Slabs,
        document: &[u8],
        pace: &mut Pace,
    ) -> Result<Progress, PoolError> {
        let outcome = self.advance(slabs, document, pace);
        if outcome.is_err() {
            self.give_up(slabs);
        }
        outcome
    }

    /// Releases what was acquired so far, as far as nobody else did.
    pub fn give_up(&mut self, slabs: &mut Slabs) {
        for slot in self.slots.drain(..) {
            // One that was released meanwhile is no failure of this.
            let _ = slabs.release(&[slot]);
        }
        self.cursor = Cursor::default();
    }

    /// The slots of the rows so far, in the order of the document.
    pub fn result(&self) -> &[u32] {
        &self.slots
    }

    fn advance(
        &mut self,
        slabs: &mut Slabs,
        document: &[u8],
        pace: &mut Pace,
    ) -> Result<Progress, PoolError> {
        let Read { rows, cursor, path, found, slots, scratch } = self;
        if !*found {
            rows.find(document, false, cursor).map_err(not_json)?;
            *found = true;
            if pace.spent() {
                return Ok(Progress::Paused);
            }
        }
        let broken = |at| not_json(rows::broken(document, at));
        while let Some(start) = rows.peek(document, cursor).map_err(broken)? {
            let Some(slot) = slabs.acquire()? else { return Ok(Progress::Full) };
            slots.push(slot);
            let layout = slabs.layout();
            let Some((slab, index)) = slabs.locate_mut(slot) else { continue };
            let number = slots.len() - 1;
            let mut record = Record {
                layout,
                slab,
                index,
                seen: [0; MAX_FIELDS / 64],
                count: 0,
                number,
                start,
                path,
                scratch,
            };
            if document.get(start) != Some(&b'{') {
                return Err(record.no_object(document));
            }
            rows.read(document, start, cursor, &mut record)?;
            record.end()?;
            if slots.len().is_multiple_of(STRIDE) && pace.spent() {
                return Ok(Progress::Paused);
            }
        }
        Ok(Progress::Done)
    }
}

/// A record being filled.
struct Record<'a, 'b> {
    layout: &'a Layout,
    slab: &'a mut Slab<'b>,
    index: u32,
    /// A bit for each field that has its value, and how many have.
    seen: [u64; MAX_FIELDS / 64],
    count: usize,
    /// Of the row, and where it starts.
    number: usize,
    start: usize,
    path: &'a str,
    scratch: &'a mut Vec<u8>,
}

impl Record<'_, '_> {
    /// Takes a value of any kind.
    #[inline(never)]
    fn set(&mut self, field: usize, json: &[u8]) -> Result<(), Misfit> {
        let Some(column) = self.layout.columns().get(field) else { return Ok(()) };
        match value::parse(column.kind, json, self.scratch)? {
            Parsed::Fixed(bytes) => self.slab.set_number(field, self.index, bytes),
            Parsed::Inline(bytes) => self.slab.set_inline(field, self.index, bytes),
            Parsed::Vector(bytes) => self.slab.set_vector(field, self.index, bytes),
        }
        self.mark(field);
        Ok(())
    }

    #[inline(always)]
    fn mark(&mut self, field: usize) {
        self.seen[field / 64 % (MAX_FIELDS / 64)] |= 1 << (field % 64);
        self.count += 1;
    }

    /// Fails if a field has no value. None gets two: of members of one name only the last is given.
    #[inline]
    fn end(&self) -> Result<(), PoolError> {
        if self.count == self.layout.columns().len() { Ok(()) } else { Err(self.missing()) }
    }

    #[cold]
    fn missing(&self) -> PoolError {
        let missing = |field: usize| self.seen[field / 64] >> (field % 64) & 1 == 0;
        let mut fields = self.layout.schema().fields().iter().enumerate();
        let name = fields.find(|(field, _)| missing(*field)).map(|(_, field)| &*field.name);
        let message = "expected a value, the member is missing".to_owned();
        let misfit = Misfit { code: Code::JsonMissing, message };
        misfit_at(self.path, misfit, self.number, name, self.start)
    }

    #[cold]
    fn no_object(&self, document: &[u8]) -> PoolError {
        let misfit = no_object(document.get(self.start..).unwrap_or_default());
        misfit_at(self.path, misfit, self.number, None, self.start)
    }
}

impl RowSink for Record<'_, '_> {
    type Error = PoolError;

    #[inline(always)]
    fn value(&mut self, slot: u32, input: &[u8], at: usize) -> Option<usize> {
        let field = slot as usize;
        if let Kind::Number(kind) = self.layout.columns().get(field)?.kind {
            let end = scalar_stop(input, at);
            let bits = value::number(kind, input, at..end)?;
            self.slab.set_number(field, self.index, bits.to_le_bytes());
            self.mark(field);
            return Some(end);
        }
        let end = skip(input, at)?;
        self.set(field, input.get(at..end)?).ok()?;
        Some(end)
    }

    fn undo(&mut self) {
        self.seen.fill(0);
        self.count = 0;
    }

    fn cell(&mut self, input: &[u8], capture: Capture) -> Result<(), PoolError> {
        let field = capture.slot as usize;
        self.set(field, capture.of(input)).map_err(|misfit| {
            let name = self.layout.schema().fields().get(field).map(|field| &*field.name);
            misfit_at(self.path, misfit, self.number, name, capture.start as usize)
        })
    }

    fn broken(&self, input: &[u8], at: usize) -> PoolError {
        not_json(rows::broken(input, at))
    }
}

#[cold]
fn not_json(error: ReadError) -> PoolError {
    PoolError::Json {
        code: error.code,
        offset: error.place.map(|(offset, _, _)| offset),
        message: error.message,
        path: None,
    }
}

#[cold]
fn no_object(json: &[u8]) -> Misfit {
    let hint = if json.starts_with(b"[") { "; a path that ends in [*] reads its elements" } else { "" };
    let message = format!("expected an object, got {}{hint}", value::name_of(json));
    Misfit { code: Code::JsonType, message }
}

#[cold]
fn misfit_at(path: &str, misfit: Misfit, row: usize, field: Option<&str>, offset: usize) -> PoolError {
    let field = field.map_or(String::new(), |name| format!(", field \"{name}\""));
    PoolError::Json {
        code: misfit.code,
        message: format!("row {row}{field}: {} (offset {offset})", misfit.message),
        offset: Some(offset),
        path: Some(format!("{path} row {row}{field}")),
    }
}
