//! What fields, transforms and columns share: paths with slots, one walk over a document, errors with places.

use std::fmt;

use super::captures::{Capture, Captures, MOST_IDLE};
use super::extract::{Extractor, Mode};
use super::fault::{Expected, JsonError, Limits};
use super::path::{Path, PathError};
use super::trie::{TooManyNodes, Trie};
use super::value::{Kind, excerpt};
use super::walker::Scratch;
use crate::error::Code;

/// Flags of the calls that read documents.
pub mod flag {
    /// The document is trusted.
    pub const TRUST: u32 = 1;
    /// White space is taken out of what is spliced.
    pub const MINIFY: u32 = 2;
    /// The result is a line of NDJSON.
    pub const LINE: u32 = 4;
    /// The layout of the call before is still good.
    pub const AGAIN: u32 = 8;
}

/// What holds for a value that is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// Nothing: `undefined`, left out, or not valid.
    #[default]
    Optional,
    /// An error; `null` is one too.
    Required,
}

/// Why a program cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// The path as it was given.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

impl CompileError {
    /// A path that is understood but does not fit its place.
    pub fn new(path: &str, reason: impl Into<String>) -> Self {
        CompileError { path: path.to_owned(), reason: reason.into() }
    }

    pub(super) fn path(path: &str, error: &PathError) -> Self {
        Self::new(path, error.to_string())
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "path {:?}: {}", self.path, self.reason)
    }
}

impl std::error::Error for CompileError {}

/// Why a document could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// `JsonSyntax`, `JsonLimit`, `JsonType` or `JsonMissing`.
    pub code: Code,
    /// What was expected and what came.
    pub message: String,
    /// The path that the error is about.
    pub path: Option<String>,
    /// Offset in bytes, line and column from 1.
    pub place: Option<(usize, usize, usize)>,
    /// What would have been accepted there, if the document is no JSON.
    pub expected: Option<&'static str>,
}

impl ReadError {
    /// `input` is not the JSON that was expected.
    #[cold]
    pub fn syntax(error: JsonError, input: &[u8]) -> Self {
        let JsonError { code, offset, line, column, expected } = error;
        let mut message = format!("expected {expected} at offset {offset}");
        if line > 0 {
            message = format!("{message} (line {line}, column {column}), found {}", found(input, offset));
        }
        let expected = Some(expected.as_str());
        ReadError { code, message, path: None, place: Some((offset, line, column)), expected }
    }

    /// The value at `capture` is not of this kind.
    #[cold]
    pub(super) fn mismatch(path: &str, kind: Kind, input: &[u8], capture: Capture) -> Self {
        let raw = capture.of(input);
        let at = JsonError::at(input, capture.start as usize, Code::JsonType, Expected::Value);
        ReadError {
            code: Code::JsonType,
            message: format!("{path}: expected {}, found {}", kind.expected(), excerpt(raw)),
            path: Some(path.to_owned()),
            place: Some((at.offset, at.line, at.column)),
            expected: None,
        }
    }

    /// A required value is not there.
    #[cold]
    pub(super) fn missing(path: &str, kind: Kind) -> Self {
        ReadError {
            code: Code::JsonMissing,
            message: format!("{path}: expected {}, found nothing", kind.expected()),
            path: Some(path.to_owned()),
            place: None,
            expected: None,
        }
    }
}

/// What a message says of the character at `offset`.
fn found(input: &[u8], offset: usize) -> String {
    let rest = &input[offset.min(input.len())..];
    let first = rest[..rest.len().min(4)].utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    match (first, rest.first()) {
        (Some(found), _) => format!("{found:?}"),
        (None, Some(byte)) => format!("the byte 0x{byte:02X}"),
        (None, None) => "the end".to_owned(),
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReadError {}

/// Collects the paths of a program, each with the next slot.
#[derive(Debug, Default)]
pub struct Slots {
    paths: Vec<(Path, u32)>,
}

impl Slots {
    /// The slot of each path is its place.
    pub(super) fn of(paths: &[Path]) -> Self {
        Slots { paths: paths.iter().cloned().zip(0..).collect() }
    }

    /// Gives `path` the next slot.
    pub(super) fn add(&mut self, path: Path) -> u32 {
        let slot = self.paths.len() as u32;
        self.paths.push((path, slot));
        slot
    }

    pub(super) fn trie(&self) -> Result<Trie, CompileError> {
        Trie::new(self.paths.iter().map(|(path, slot)| (path, *slot)))
            .map_err(|error: TooManyNodes| CompileError::new("", error.to_string()))
    }

    pub(super) fn finish(&self, limits: Limits) -> Result<Finder, CompileError> {
        Ok(Finder { extractor: Extractor::new(self.trie()?), limits, slots: self.paths.len() })
    }
}

/// The compiled paths of a program.
#[derive(Debug)]
pub struct Finder {
    extractor: Extractor,
    limits: Limits,
    slots: usize,
}

impl Finder {
    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Fails if `input` is longer than allowed.
    pub(super) fn check_length(&self, input: &[u8]) -> Result<(), ReadError> {
        self.limits.check_len(input.len()).map_err(|error| ReadError::syntax(error, input))
    }

    /// Finds all values that the paths lead to; what was found before is forgotten. Without `trust` all of
    /// `input` is validated.
    ///
    /// # Errors
    /// `JsonSyntax` and `JsonLimit`. Of a trusted document only what is touched is looked at.
    #[inline]
    pub fn find(&self, input: &[u8], trust: bool, found: &mut Found) -> Result<(), ReadError> {
        found.captures.clear();
        let mode = if trust { Mode::Trust } else { Mode::Validate };
        self.extractor
            .extract(input, &mut found.captures, &mut found.walk, &self.limits, mode)
            .map_err(|error| ReadError::syntax(error, input))
    }
}

/// What was found in a document, and the memory of the search, kept for the next.
#[derive(Debug, Default)]
pub struct Found {
    /// The values, in document order.
    pub captures: Captures,
    walk: Scratch,
}

impl Found {
    /// Gives memory back that a large document needed.
    pub fn trim(&mut self) {
        self.captures.trim();
        self.walk = Scratch::default();
    }
}

/// The captures of each slot, in order: a counting sort, with memory that is kept.
#[derive(Debug, Default)]
pub struct BySlot {
    /// Where the list of each slot starts in `order`, and behind the last one its end.
    starts: Vec<u32>,
    order: Vec<u32>,
}

impl BySlot {
    /// Sorts `captures` of `slots` slots.
    pub(super) fn sort(&mut self, slots: usize, captures: &Captures) {
        self.starts.clear();
        self.starts.resize(slots + 2, 0);
        for capture in captures.iter() {
            self.starts[capture.slot as usize + 2] += 1;
        }
        for slot in 2..self.starts.len() {
            self.starts[slot] += self.starts[slot - 1];
        }
        self.order.clear();
        self.order.resize(self.starts[slots + 1] as usize, 0);
        // `starts[slot + 1]` is where the next capture of `slot` goes, and ends up behind its last.
        for (position, capture) in captures.entries().iter().enumerate() {
            if let Some(next) = self.starts.get_mut((capture.slot as usize).saturating_add(1)) {
                self.order[*next as usize] = position as u32;
                *next += 1;
            }
        }
    }

    /// Gives memory back that a large document needed.
    pub(super) fn trim(&mut self) {
        if self.order.capacity() > MOST_IDLE {
            self.order = Vec::new();
        }
    }

    /// Positions in the captures of one slot, ascending.
    #[inline]
    pub(super) fn of(&self, slot: u32) -> &[u32] {
        &self.order[self.starts[slot as usize] as usize..self.starts[slot as usize + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_by_slot() {
        let mut captures = Captures::new();
        for (at, slot) in [2_u32, 0, 2, 1, 2, 0].into_iter().enumerate() {
            captures.push(slot, at as u32, at as u32 + 1);
        }
        captures.bury(2, 3);
        let mut sorted = BySlot::default();
        for _ in 0..2 {
            sorted.sort(4, &captures);
            assert_eq!(sorted.of(0), [1, 5]);
            assert_eq!(sorted.of(1), [3]);
            assert_eq!(sorted.of(2), [0, 4]);
            assert_eq!(sorted.of(3), [0_u32; 0]);
        }
    }
}
