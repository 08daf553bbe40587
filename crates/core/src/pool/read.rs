//! JSON rows into records, without a JavaScript object in between.
//!
//! One pass over the document finds where the rows and their members lie; a second, over what was found,
//! parses each value straight into its column. All rows are taken or none: what was acquired is released
//! again when a value does not fit, or when the work is given up.

use crate::error::Code;
use crate::json::captures::{Captures, TOMBSTONE};
use crate::json::path::Path;
use crate::json::trie::Trie;
use crate::json::{Extractor, Limits, Mode, Scratch};

use super::value::{self, Misfit, Parsed};
use super::{Layout, Pace, PoolError, Slabs};

/// Rows between two questions to the [`Pace`].
const STRIDE: usize = 512;
/// The slot that marks a row; field `n` has slot `n + 1`.
const ROW: u32 = 0;

/// Rows being read.
#[derive(Debug)]
pub struct Read {
    extractor: Extractor,
    /// The path to the rows, for messages.
    path: Box<str>,
    captures: Captures,
    /// Whether the captures are there.
    found: bool,
    at: usize,
    /// Rows that are still to come.
    remaining: usize,
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
    /// All slabs are full, and this many rows are still to come.
    Full(usize),
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
        let rows = Path::parse(path).map_err(|error| wrong(error.to_string()))?;
        let mut paths = vec![(rows.clone(), ROW)];
        for (field, slot) in layout.schema().fields().iter().zip(1..) {
            let path = rows.join(&Path::of_name(&*field.name)).map_err(|error| wrong(error.to_string()))?;
            paths.push((path, slot));
        }
        let trie = Trie::new(paths.iter().map(|(path, slot)| (path, *slot)))
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Read {
            extractor: Extractor::new(trie),
            path: path.into(),
            captures: Captures::new(),
            found: false,
            at: 0,
            remaining: 0,
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
        self.at = self.captures.len();
        self.remaining = 0;
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
        if !self.found {
            find(&self.extractor, document, &mut self.captures)?;
            self.found = true;
            self.remaining = self.captures.iter().filter(|capture| capture.slot == ROW).count();
            self.slots.reserve(self.remaining);
            if self.remaining > 0 && pace.spent() {
                return Ok(Progress::Paused);
            }
        }
        while self.remaining > 0 {
            let Some(slot) = slabs.acquire()? else { return Ok(Progress::Full(self.remaining)) };
            self.slots.push(slot);
            self.row(slabs, slot, document)?;
            self.remaining -= 1;
            if self.remaining > 0 && self.slots.len().is_multiple_of(STRIDE) && pace.spent() {
                return Ok(Progress::Paused);
            }
        }
        Ok(Progress::Done)
    }

    /// Reads the row whose mark is next.
    fn row(&mut self, slabs: &mut Slabs, slot: u32, document: &[u8]) -> Result<(), PoolError> {
        let layout = slabs.layout();
        let fields = layout.schema().fields();
        let number = self.slots.len() - 1;
        let Some((slab, index)) = slabs.locate_mut(slot) else { return Ok(()) };
        let mut seen = [0_u64; super::schema::MAX_FIELDS / 64];
        let mut start = None;
        let entries = self.captures.entries().get(self.at..).unwrap_or_default();
        for capture in entries {
            if capture.slot == ROW && start.is_some() {
                break;
            }
            self.at += 1;
            if capture.slot == TOMBSTONE {
                continue;
            }
            let at = capture.start as usize;
            let json = document.get(at..capture.end as usize).unwrap_or_default();
            if capture.slot == ROW {
                start = Some(at);
                if json.first() != Some(&b'{') {
                    return Err(misfit_at(&self.path, no_object(json), number, None, at));
                }
                continue;
            }
            let field = capture.slot as usize - 1;
            let Some(column) = layout.columns().get(field) else { continue };
            match value::parse(column.kind, json, &mut self.scratch) {
                Ok(Parsed::Fixed(bytes)) => slab.set_number(field, index, bytes),
                Ok(Parsed::Inline(bytes)) => slab.set_inline(field, index, bytes),
                Ok(Parsed::Vector(bytes)) => slab.set_vector(field, index, bytes),
                Err(misfit) => {
                    return Err(misfit_at(&self.path, misfit, number, Some(&fields[field].name), at));
                }
            }
            seen[field / 64] |= 1 << (field % 64);
        }
        if seen.iter().map(|word| word.count_ones() as usize).sum::<usize>() == fields.len() {
            return Ok(());
        }
        let missing = fields.iter().enumerate().find(|(field, _)| seen[field / 64] >> (field % 64) & 1 == 0);
        let message = "expected a value, the member is missing".to_owned();
        let misfit = Misfit { code: Code::JsonMissing, message };
        Err(misfit_at(&self.path, misfit, number, missing.map(|(_, field)| &*field.name), start.unwrap_or(0)))
    }
}

#[cold]
fn no_object(json: &[u8]) -> Misfit {
    let hint = if json.starts_with(b"[") { "; a path that ends in [*] reads its elements" } else { "" };
    let message = format!("expected an object, got {}{hint}", value::name_of(json));
    Misfit { code: Code::JsonType, message }
}

/// Validates the document and finds the rows and their members.
fn find(extractor: &Extractor, document: &[u8], captures: &mut Captures) -> Result<(), PoolError> {
    let outcome =
        extractor.extract(document, captures, &mut Scratch::default(), &Limits::default(), Mode::Validate);
    outcome.map_err(|error| PoolError::Json {
        code: error.code,
        message: error.to_string(),
        offset: Some(error.offset),
        path: None,
    })
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
