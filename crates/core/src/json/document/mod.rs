//! The index of a document: where the members and elements of its containers are.
//!
//! A document is its bytes. A container that is entered is indexed together with all that is in it, in one
//! pass over the bitmaps of the grammar; or alone, when that would be more than is likely to be read. An index
//! is a row of `u32`s in memory of the caller's, which JavaScript reads without calling anybody:
//!
//! - of a container: the number of entries, a 0 for the reader's own count of look-ups, where it ends; then
//! - for each member: the key of its name, where the name starts between its quotes, and the value;
//! - for each element: the value;
//! - of a value: where it starts, and where it ends; of a container that is indexed, instead of the end, the
//!   complement of the position of its index.
//!
//! A key ([`name_key`]) tells most names apart. One with escapes or other than ASCII has no key but
//! [`ODD`], which is also set in the count of an object that has such names, and in the start of a string
//! that is no plain ASCII.
//!
//! Entries of one container lie side by side, so an element is found by its number. Containers come in the
//! order in which they end: entries wait in a stack of their own until theirs does.

mod entries;
mod names;
#[cfg(test)]
mod tests;

use core::ops::RangeInclusive;

use entries::{Entries, Frame, State};
pub use names::{DISTINCT_NAME_BYTES, name_key};

use super::dispatch::{Task, dispatch};
use super::fault::{Expected, JsonError};
use super::grammar::Engine;
use super::scan::Glancer;
use super::simd::Level;
use crate::error::Code;

/// Numbers before the entries.
pub const HEADER_NUMBERS: usize = 3;
/// Numbers of an entry of an object.
pub const MEMBER_NUMBERS: usize = 4;
/// Numbers of an entry of an array.
pub const ELEMENT_NUMBERS: usize = 2;
/// Marks a name, or the start of a string, with escapes or other than ASCII.
pub const ODD: u32 = 1 << 31;

/// Set in the count of an object that has no name twice; where names have one key, only if they are short.
pub const DISTINCT: u32 = 1 << 30;
/// How many members such an object has: fewer are looked through in no time, more are hashed.
pub const DISTINCT_MEMBERS: RangeInclusive<usize> = 9..=96;

/// Why there is no index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexError {
    /// So many numbers have to fit into the memory given; none is sure to be written.
    NoRoom(usize),
    /// The document, which was trusted, is not JSON at this byte.
    Broken(usize),
}

impl IndexError {
    /// As the failure of a reader of `input`; nothing when there was only no room.
    pub fn as_json_error(self, input: &[u8]) -> Option<JsonError> {
        match self {
            IndexError::NoRoom(_) => None,
            IndexError::Broken(at) => {
                Some(JsonError::at(input, at.min(input.len()), Code::JsonSyntax, Expected::Value))
            }
        }
    }
}

/// How much of a container is indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Its own entries.
    Alone,
    /// And those of all containers in it.
    Deep,
}

/// Where an index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// The position of the container's own row.
    pub root: usize,
    /// The position behind all that was written.
    pub end: usize,
}

/// What indexing needs for its work; it can be used again.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Entries of the containers that are open.
    waiting: Vec<u32>,
    /// The containers around the innermost one.
    outer: Vec<Frame>,
}

impl Scratch {
    /// Numbers that are kept for the next document.
    const KEPT: usize = 1 << 16;

    fn trim(&mut self) {
        self.waiting.truncate(Self::KEPT);
        self.waiting.shrink_to(Self::KEPT);
        self.outer.clear();
        self.outer.shrink_to(Self::KEPT);
    }
}

/// Indexes the container that starts at `start` of `input`, in `index` from `at` on. The document is below
/// 2 GiB and trusted: what is wrong with it gives a wrong index or an error.
///
/// # Errors
/// See [`IndexError`].
pub fn index_container(
    input: &[u8],
    start: usize,
    reach: Reach,
    index: &mut [u32],
    at: usize,
    scratch: &mut Scratch,
) -> Result<Indexed, IndexError> {
    index_container_at(Level::best(), input, start, reach, index, at, scratch)
}

/// [`index_container`] by the instruction set named: for tests and measurements.
///
/// # Errors
/// As [`index_container`].
pub fn index_container_at(
    level: Level,
    input: &[u8],
    start: usize,
    reach: Reach,
    index: &mut [u32],
    at: usize,
    scratch: &mut Scratch,
) -> Result<Indexed, IndexError> {
    if !matches!(input.get(start), Some(b'{' | b'[')) {
        return Err(IndexError::Broken(start));
    }
    if input.len() > i32::MAX as usize {
        return Err(IndexError::Broken(i32::MAX as usize));
    }
    let task = (input, start, index, at);
    let level = if level == Level::Scalar { Level::Swar } else { level };
    let outcome = match reach {
        Reach::Alone => dispatch(level, Walk::<false> { task, scratch }),
        Reach::Deep => dispatch(level, Walk::<true> { task, scratch }),
    };
    scratch.trim();
    outcome.unwrap_or(Err(IndexError::Broken(start)))
}

/// Goes over the bitmaps block by block: brackets, colons and commas in the order of the document. When a
/// container is indexed alone, what is deeper than its own entries is counted only.
struct Walk<'a, const DEEP: bool> {
    /// Input and start in it, index and start in it.
    task: (&'a [u8], usize, &'a mut [u32], usize),
    scratch: &'a mut Scratch,
}

impl<const DEEP: bool> Task for Walk<'_, DEEP> {
    type Output = Result<Indexed, IndexError>;

    #[inline(always)]
    unsafe fn run<E: Engine>(self) -> Self::Output {
        let Walk { task: (input, start, index, at), scratch } = self;
        let is_object = input[start] == b'{';
        // The index of one container is written where it stays; others wait for their containers to end.
        let (base, end) = if DEEP { (0, at) } else { (at + HEADER_NUMBERS, at + HEADER_NUMBERS) };
        let mut entries = Entries::<DEEP> {
            input,
            index,
            end,
            waiting: core::mem::take(&mut scratch.waiting),
            top: 0,
            outer: &mut scratch.outer,
            innermost: Frame { base, is_object, has_odd: false },
            state: State::fresh(is_object),
            from: start + 1,
            name: 0,
            plain_from: 0,
        };
        // SAFETY: the caller's promise is the one asked for.
        let outcome = unsafe { walk::<E, DEEP>(start, &mut entries) };
        scratch.waiting = entries.waiting;
        outcome
    }
}

/// # Safety
/// The machine has the instruction set of `E`.
#[inline(always)]
unsafe fn walk<E: Engine, const DEEP: bool>(
    start: usize,
    entries: &mut Entries<'_, DEEP>,
) -> Result<Indexed, IndexError> {
    use super::simd::Word;
    let mut glancer = Glancer::new(entries.input, start);
    let mut depth = 0_u32;
    let mut base = start;
    loop {
        // SAFETY: the machine has the instruction set of `E`, as the caller promised.
        let Some(masks) = (unsafe { glancer.step::<E>() }) else {
            return Err(IndexError::Broken(entries.input.len()));
        };
        if masks.backslash.any() | glancer.any_high {
            entries.plain_from = glancer.at;
        }
        let (mut open, mut close, mut comma, mut colon) = ([0; 8], [0; 8], [0; 8], [0; 8]);
        masks.open.store(&mut open);
        masks.close.store(&mut close);
        masks.comma.store(&mut comma);
        masks.colon.store(&mut colon);
        for block in 0..E::BLOCKS {
            let (opened, closed) = (open[block], close[block]);
            // Too deep to come back to the container's own level in this block?
            if !DEEP && depth > closed.count_ones() + 1 {
                depth = depth + opened.count_ones() - closed.count_ones();
                base += 64;
                continue;
            }
            let (commas, colons) = (comma[block], colon[block]);
            let own = DEEP || depth <= 1 || closed != 0;
            let mut rest = opened | closed | if own { commas | colons } else { 0 };
            while rest != 0 {
                let bit = rest & rest.wrapping_neg();
                let at = base + rest.trailing_zeros() as usize;
                rest ^= bit;
                if bit & (commas | colons) != 0 {
                    if !DEEP && depth != 1 {
                        continue;
                    }
                    if bit & colons != 0 {
                        entries.colon(at)?;
                    } else {
                        entries.comma(at)?;
                    }
                } else if bit & opened != 0 {
                    if DEEP && depth > 0 {
                        entries.open(at)?;
                    } else if depth == 1 {
                        entries.value_opens(at)?;
                    }
                    depth += 1;
                } else {
                    depth -= 1;
                    if depth == 0 {
                        return entries.finish(at);
                    }
                    if DEEP {
                        entries.close(at)?;
                    } else if depth == 1 {
                        entries.value_closes(at as u32 + 1);
                    }
                }
            }
            base += 64;
        }
    }
}
