//! Rows of a document, one after the other: where they are, and each handed to a [`RowSink`].
//!
//! The document is validated first, in the pass that also finds what the rows lie in; then each row is read from
//! its first byte on, by [`super::row`]. Nothing is kept of a row but what the sink keeps.

use super::captures::Captures;
use super::fault::{Expected, JsonError, Limits};
use super::path::{Path, Segment};
use super::program::{CompileError, Finder, Found, ReadError, Slots};
use super::reference;
use super::row::{Learned, Row};
pub(crate) use super::row::{RowSink, plain_string, skip};
pub(crate) use super::simd::near::scalar_stop;
use super::text::name_bytes;
use super::trie::Trie;
use super::white::skip_white;
use crate::error::Code;

/// The compiled path to the rows and those from a row.
#[derive(Debug)]
pub(crate) struct Rows {
    /// Finds the rows, or what they are the elements of.
    finder: Finder,
    /// Whether the rows are the elements of what is found.
    elements: bool,
    /// The names that lead there, if nothing but names does.
    names: Option<Vec<Box<[u8]>>>,
    /// Finds the elements of what is no array.
    members: Trie,
    row: Row,
}

/// Where the reading of one document is, and memory that is kept for the next.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    found: Found,
    /// What is still to come, the next one last.
    rest: Vec<Span>,
    /// Where the next element of an array starts.
    next: Option<usize>,
    learned: Learned,
    captures: Captures,
}

/// The start of a row, or of an array of rows.
#[derive(Clone, Copy, Debug)]
enum Span {
    Row(usize),
    Array(usize),
}

impl Cursor {
    /// Gives memory back that a large document needed.
    pub(crate) fn trim(&mut self) {
        *self = Cursor::default();
    }
}

impl Rows {
    /// Compiles the path to the rows, and those from a row; the slot of the latter is their place.
    pub(crate) fn new(rows: &Path, columns: &[Path], limits: Limits) -> Result<Rows, CompileError> {
        let container = rows.before_wildcard();
        let elements = container.is_some();
        let path = container.unwrap_or_else(|| rows.clone());
        let name = |segment: &Segment| match segment {
            Segment::Name(name) => Some(name.as_bytes().into()),
            _ => None,
        };
        let names = path.segments().iter().map(name).collect();
        let mut slots = Slots::default();
        slots.add(path);
        let mut all = Slots::default();
        all.add(Path::wildcard());
        Ok(Rows {
            finder: slots.finish(limits)?,
            elements,
            names,
            members: all.trie()?,
            row: Row::new(Slots::of(columns).trie()?),
        })
    }

    /// Goes to the first row of `input`. Without `trust` all of `input` is validated.
    ///
    /// # Errors
    /// `JsonSyntax`, `JsonLimit`.
    pub(crate) fn find(&self, input: &[u8], trust: bool, cursor: &mut Cursor) -> Result<(), ReadError> {
        let Cursor { found, rest, next, learned, captures } = cursor;
        *next = None;
        rest.clear();
        learned.clear(&self.row);
        let broken = |at: usize| broken(input, at);
        if trust && let Some(names) = &self.names {
            self.finder.check_length(input)?;
            if let Some(start) = locate(input, names).map_err(broken)? {
                self.span(input, start, input.len(), rest, captures).map_err(broken)?;
            }
        } else {
            self.finder.find(input, trust, found)?;
            for capture in found.captures.iter() {
                let (start, end) = (capture.start as usize, capture.end as usize);
                self.span(input, start, end, rest, captures).map_err(broken)?;
            }
        }
        rest.reverse();
        Ok(())
    }

    /// Adds the rows of the value at `start`, which ends at `end` or before it.
    fn span(
        &self,
        input: &[u8],
        start: usize,
        end: usize,
        rest: &mut Vec<Span>,
        captures: &mut Captures,
    ) -> Result<(), usize> {
        if !self.elements {
            rest.push(Span::Row(start));
            return Ok(());
        }
        match input.get(start) {
            Some(b'[') => rest.push(Span::Array(start)),
            Some(b'{') => {
                let value =
                    input.get(start..end).and_then(|value| value.get(..skip(value, 0)?)).ok_or(start)?;
                captures.clear();
                reference::extract(&self.members, value, captures).map_err(|broken| start + broken.0)?;
                rest.extend(captures.iter().map(|member| Span::Row(start + member.start as usize)));
            }
            _ => {}
        }
        Ok(())
    }

    /// Where the next row starts; `None` if there is none.
    ///
    /// # Errors
    /// The offset at which a document that is trusted, or was changed, is no JSON.
    #[inline]
    pub(crate) fn peek(&self, input: &[u8], cursor: &mut Cursor) -> Result<Option<usize>, usize> {
        while cursor.next.is_none() {
            match cursor.rest.last() {
                None => return Ok(None),
                Some(&Span::Row(start)) => return Ok(Some(start)),
                Some(&Span::Array(start)) => {
                    let first = skip_white(input, start + 1);
                    match input.get(first) {
                        None => return Err(first),
                        Some(b']') => drop(cursor.rest.pop()),
                        Some(_) => cursor.next = Some(first),
                    }
                }
            }
        }
        Ok(cursor.next)
    }

    /// Hands the row at `start`, which [`Rows::peek`] answered, to `sink` and goes to the next.
    ///
    /// # Errors
    /// Those of the sink.
    #[inline]
    pub(crate) fn read<S: RowSink>(
        &self,
        input: &[u8],
        start: usize,
        cursor: &mut Cursor,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let end = match self.row.read(input, start, &mut cursor.learned, sink) {
            Some(end) => end,
            None => self.row.read_plainly(input, start, &mut cursor.captures, sink)?,
        };
        if cursor.next.is_none() {
            cursor.rest.pop();
            return Ok(());
        }
        let behind = skip_white(input, end);
        match input.get(behind) {
            Some(b',') => cursor.next = Some(skip_white(input, behind + 1)),
            Some(b']') => {
                cursor.next = None;
                cursor.rest.pop();
            }
            _ => return Err(sink.broken(input, behind)),
        }
        Ok(())
    }
}

/// The error of a trusted document that is no JSON at `at`.
#[cold]
pub(crate) fn broken(input: &[u8], at: usize) -> ReadError {
    let error = JsonError::at(input, at.min(input.len()), Code::JsonSyntax, Expected::Value);
    ReadError::syntax(error, input)
}

/// The start of the value that `names` lead to in a document that is trusted; of two members of one name the
/// first is followed.
fn locate(input: &[u8], names: &[Box<[u8]>]) -> Result<Option<usize>, usize> {
    let mut at = skip_white(input, 0);
    for name in names {
        match input.get(at) {
            Some(b'{') => {}
            Some(_) => return Ok(None),
            None => return Err(at),
        }
        at = skip_white(input, at + 1);
        if input.get(at) == Some(&b'}') {
            return Ok(None);
        }
        loop {
            let Some(b'"') = input.get(at) else { return Err(at) };
            let end = skip(input, at).ok_or(at)?;
            let colon = skip_white(input, end);
            let Some(b':') = input.get(colon) else { return Err(colon) };
            let value = skip_white(input, colon + 1);
            if *name_bytes(&input[at + 1..end - 1]) == **name {
                at = value;
                break;
            }
            let end = skip_white(input, skip(input, value).ok_or(value)?);
            match input.get(end) {
                Some(b',') => at = skip_white(input, end + 1),
                Some(b'}') => return Ok(None),
                _ => return Err(end),
            }
        }
    }
    if at < input.len() { Ok(Some(at)) } else { Err(at) }
}
