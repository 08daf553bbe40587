//! Drives an [`Engine`] over a document, step by step, without reading a byte outside it.

use core::mem::MaybeUninit;

use super::grammar::{Engine, Grammar, Masks, Outline};
use super::white::skip_white;

/// Room for the longest step and its look-ahead.
const PADDED: usize = 512 + 64;

/// Loads the step that starts at `at`, spaces taking the place of what lies behind the end.
///
/// # Safety
/// The machine has the instruction set of `E`; `at <= input.len()`; `padded` lives as long as the pointer is used.
#[inline(always)]
unsafe fn load<E: Engine>(
    input: &[u8],
    at: usize,
    padded: &mut MaybeUninit<[u8; PADDED]>,
) -> (E::Raw, *const u8) {
    let left = input.len() - at;
    // SAFETY: `at` is inside the input; if less than a step and its look-ahead are left, which is less than
    // `PADDED`, what is left is copied and followed by spaces.
    unsafe {
        let mut from = input.as_ptr().add(at);
        if left < 64 * E::BLOCKS + E::LOOK_AHEAD {
            if E::PARTIAL {
                return (E::load_part(from, left), from);
            }
            let to = padded.as_mut_ptr().cast::<u8>();
            to.write_bytes(b' ', PADDED);
            core::ptr::copy_nonoverlapping(from, to, left);
            from = to;
        }
        (E::load(from), from)
    }
}

/// Goes over a document that is trusted: nothing is checked.
pub(crate) struct Glancer<'a> {
    input: &'a [u8],
    /// Where the next step starts.
    pub(crate) at: usize,
    /// Whether the last step had bytes other than ASCII.
    pub(crate) any_high: bool,
    outline: Outline,
}

impl<'a> Glancer<'a> {
    /// Starts at `at`, which is outside any string.
    #[inline(always)]
    pub(crate) fn new(input: &'a [u8], at: usize) -> Self {
        Glancer { input, at, any_high: false, outline: Outline::default() }
    }

    /// Moves behind the next step, if there is one.
    ///
    /// # Safety
    /// The machine has the instruction set of `E`.
    #[inline(always)]
    pub(crate) unsafe fn step<E: Engine>(&mut self) -> Option<Masks<E::Word>> {
        if self.at >= self.input.len() {
            return None;
        }
        let mut padded = MaybeUninit::uninit();
        // SAFETY: the caller's promise; `at` is inside the input.
        let (raw, _) = unsafe { load::<E>(self.input, self.at, &mut padded) };
        self.at += 64 * E::BLOCKS;
        self.any_high = E::any_high(&raw);
        Some(self.outline.step::<E>(&raw))
    }
}

/// A position in a document that has been checked up to there.
pub(crate) struct Scanner<'a, E: Engine> {
    input: &'a [u8],
    /// Where the next step starts.
    at: usize,
    grammar: Grammar<E>,
}

impl<'a, E: Engine> Scanner<'a, E> {
    #[inline(always)]
    pub(crate) fn new(input: &'a [u8], max_depth: u32) -> Self {
        Scanner { input, at: 0, grammar: Grammar::new(max_depth) }
    }

    /// Whether steps are left to be taken: no fault was found, and neither the root's end nor the input's.
    #[inline(always)]
    pub(crate) fn goes_on(&self) -> bool {
        !(self.is_bad() | self.grammar.nest.ended) && self.at < self.input.len()
    }

    /// Checks the next step and moves behind it.
    ///
    /// # Safety
    /// The machine has the instruction set of `E`; `goes_on()`.
    #[inline(always)]
    pub(crate) unsafe fn step(&mut self) -> Masks<E::Word> {
        let mut padded = MaybeUninit::uninit();
        // SAFETY: the caller's promise; `at` is inside the input, as it goes on.
        unsafe {
            let (raw, from) = load::<E>(self.input, self.at, &mut padded);
            self.at += 64 * E::BLOCKS;
            self.grammar.step(&raw, from)
        }
    }

    /// Whether a fault was found.
    #[inline(always)]
    pub(crate) fn is_bad(&self) -> bool {
        self.grammar.bad | self.grammar.nest.bad
    }

    /// Where the next step starts.
    #[inline(always)]
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Whether the document, all steps taken, is JSON.
    #[inline(always)]
    pub(crate) fn finish(&self) -> bool {
        if !self.grammar.complete() {
            return false;
        }
        let rest = self.input.get(self.at..).unwrap_or(&[]);
        skip_white(rest, 0) == rest.len()
            && (!self.grammar.high || simdutf8::basic::from_utf8(self.input).is_ok())
    }
}
