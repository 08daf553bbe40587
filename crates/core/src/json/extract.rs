//! Values at paths, found in the same pass that validates.
//!
//! [`Extractor`] is a [`Trie`] made ready for it: names as words to compare. Its walker is fed the bitmaps
//! of each step right after the step was checked. In containers that a path leads into it stops at each
//! comma and bracket; of all others it only counts brackets, block by block.

use super::captures::Captures;
use super::dispatch::{Task, dispatch};
use super::fault::{Expected, JsonError, Limits};
use super::found::Blocks;
use super::grammar::Engine;
use super::reference;
use super::scalar::validate_scalar;
use super::scan::{Glancer, Scanner};
use super::simd::Level;
use super::trie::Trie;
use super::validate::{starts_container, validate_at};
use super::walker::{Duplicates, Scratch, Walker};
use super::wanted::Wanted;
use crate::error::Code;

/// Paths compiled for extraction.
#[derive(Clone, Debug)]
pub struct Extractor {
    trie: Trie,
    wanted: Wanted,
}

/// Whether a document is validated while values are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The whole document is validated; of two members with one name the last counts.
    Validate,
    /// Only what is touched is checked. Reading may stop once every path that leads to one value has its
    /// value, so the first of two members with one name counts (with paths that lead to many: either).
    Trust,
}

impl Extractor {
    /// Compiles a trie.
    pub fn new(trie: Trie) -> Self {
        let wanted = Wanted::new(&trie);
        Extractor { trie, wanted }
    }

    /// The trie it was compiled from.
    pub fn trie(&self) -> &Trie {
        &self.trie
    }

    /// Adds the values that the paths lead to in `input` to `captures`, which should be empty.
    ///
    /// # Errors
    /// As [`validate`](super::validate()) in [`Mode::Validate`]; in [`Mode::Trust`] `JsonSyntax` if what was
    /// looked at is not JSON. After an error the captures mean nothing.
    pub fn extract(
        &self,
        input: &[u8],
        captures: &mut Captures,
        scratch: &mut Scratch,
        limits: &Limits,
        mode: Mode,
    ) -> Result<(), JsonError> {
        self.extract_at(Level::best(), input, captures, scratch, limits, mode)
    }

    /// [`Extractor::extract`] by the instruction set named: for tests and measurements.
    ///
    /// # Errors
    /// As [`Extractor::extract`].
    pub fn extract_at(
        &self,
        level: Level,
        input: &[u8],
        captures: &mut Captures,
        scratch: &mut Scratch,
        limits: &Limits,
        mode: Mode,
    ) -> Result<(), JsonError> {
        limits.check_len(input.len())?;
        let fast = self.wanted.forward && level != Level::Scalar && level.is_usable();
        if !fast || !starts_container(input) {
            if mode == Mode::Validate {
                validate_at(level, input, limits)?;
            }
            return self.extract_plainly(input, captures);
        }
        let max_depth = limits.max_depth.unwrap_or(u32::MAX);
        let outcome = match mode {
            Mode::Validate => {
                let walker = Walker::new(&self.wanted, input, captures, scratch, Duplicates::Last);
                dispatch(level, Validated { input, max_depth, walker })
            }
            Mode::Trust => {
                let walker = Walker::new(&self.wanted, input, captures, scratch, Duplicates::First);
                let most = self.trie.most_captures();
                dispatch(level, Trusted { input, walker, most })
            }
        };
        match outcome.unwrap_or(Outcome::Invalid) {
            Outcome::Done => Ok(()),
            Outcome::Plain => {
                captures.clear();
                self.extract_plainly(input, captures)
            }
            Outcome::Broken(at) => {
                Err(JsonError::at(input, at.min(input.len()), Code::JsonSyntax, Expected::Value))
            }
            Outcome::Invalid => {
                let error = validate_scalar(input, limits).err();
                debug_assert!(error.is_some(), "{level:?} refuses what is JSON");
                error.map_or_else(|| self.extract_plainly(input, captures), Err)
            }
        }
    }

    /// By the walker that serves every trie, in a document that was validated or is trusted.
    fn extract_plainly(&self, input: &[u8], captures: &mut Captures) -> Result<(), JsonError> {
        reference::extract(&self.trie, input, captures).map_err(|broken| {
            JsonError::at(input, broken.0.min(input.len()), Code::JsonSyntax, Expected::Value)
        })
    }
}

/// How a fast pass ended.
pub(crate) enum Outcome {
    Done,
    /// The document is JSON, but it has to be walked plainly: a wildcard met an object.
    Plain,
    /// Something is not JSON.
    Invalid,
    /// What was touched of a trusted document is not JSON here.
    Broken(usize),
}

struct Validated<'a> {
    input: &'a [u8],
    max_depth: u32,
    walker: Walker<'a>,
}

impl Task for Validated<'_> {
    type Output = Outcome;

    #[inline(always)]
    unsafe fn run<E: Engine>(self) -> Outcome {
        let Validated { input, max_depth, mut walker } = self;
        let mut scanner = Scanner::<E>::new(input, max_depth);
        let mut blocks = Blocks::<E::Word>::new();
        while scanner.goes_on() {
            let base = scanner.at();
            // SAFETY: the caller's promise; it goes on.
            let masks = unsafe { scanner.step() };
            if !walker.done() && !scanner.is_bad() {
                blocks.set(&masks, walker.lengths(E::BLOCKS));
                walker.feed(base, E::BLOCKS, &blocks.found);
            }
        }
        if !scanner.finish() {
            return Outcome::Invalid;
        }
        walker.outcome()
    }
}

struct Trusted<'a> {
    input: &'a [u8],
    walker: Walker<'a>,
    most: Option<u32>,
}

impl Task for Trusted<'_> {
    type Output = Outcome;

    #[inline(always)]
    unsafe fn run<E: Engine>(self) -> Outcome {
        let Trusted { input, mut walker, most } = self;
        let most = most.map_or(usize::MAX, |most| most as usize);
        let mut glancer = Glancer::new(input, 0);
        let mut blocks = Blocks::<E::Word>::new();
        loop {
            let base = glancer.at;
            // SAFETY: the caller's promise.
            let Some(masks) = (unsafe { glancer.step::<E>() }) else { break };
            blocks.set(&masks, walker.lengths(E::BLOCKS));
            walker.feed(base, E::BLOCKS, &blocks.found);
            if walker.done() || walker.complete(most) {
                break;
            }
        }
        walker.finish_trusted(most)
    }
}
