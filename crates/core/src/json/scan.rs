//! Drives an [`Engine`] over a document, step by step, without reading a byte outside it.

use super::grammar::{Engine, Grammar, Masks};

/// The bytes of a step that the document does not fill, and what is looked at behind it.
const PADDED: usize = 512 + 64;

/// A position in a document that has been checked up to there.
pub(crate) struct Scanner<'a, E: Engine> {
    input: &'a [u8],
    /// Where the next step starts.
    at: usize,
    grammar: Grammar<E>,
}

impl<'a, E: Engine> Scanner<'a, E> {
    pub(crate) const STEP: usize = 64 * E::BLOCKS;

    #[inline(always)]
    pub(crate) fn new(input: &'a [u8], max_depth: u32) -> Self {
        Scanner { input, at: 0, grammar: Grammar::new(max_depth) }
    }

    /// Where the next step starts.
    #[inline(always)]
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Whether steps are left to be taken: no fault was found, and neither the root's end nor the input's.
    #[inline(always)]
    pub(crate) fn goes_on(&self) -> bool {
        let Grammar { bad, ref nest, .. } = self.grammar;
        !(bad | nest.bad | nest.ended) && self.at < self.input.len()
    }

    /// Checks the next step and moves behind it.
    ///
    /// # Safety
    /// The machine has the instruction set of `E`; `goes_on()`.
    #[inline(always)]
    pub(crate) unsafe fn step(&mut self) -> Masks<E::Word> {
        let left = self.input.len() - self.at;
        // SAFETY: `at` is inside the input.
        let from = unsafe { self.input.as_ptr().add(self.at) };
        self.at += Self::STEP;
        if left >= Self::STEP + E::LOOK_AHEAD {
            // SAFETY: a whole step and its look-ahead are left.
            unsafe {
                let raw = E::load(from);
                self.grammar.step(&raw, from)
            }
        } else {
            // SAFETY: `left` bytes are left, and that is less than a step with its look-ahead.
            unsafe { self.last_steps(from, left) }
        }
    }

    /// A step with what is left of the document and spaces behind it.
    ///
    /// # Safety
    /// As for [`Self::step`]; `from` is valid for reads of `left` bytes, `left < STEP + LOOK_AHEAD`.
    #[inline(always)]
    unsafe fn last_steps(&mut self, from: *const u8, left: usize) -> Masks<E::Word> {
        let mut padded = [b' '; PADDED];
        // SAFETY: `left` is below 512 + 64; the buffer has a step and the look-ahead.
        unsafe {
            core::ptr::copy_nonoverlapping(from, padded.as_mut_ptr(), left);
            let raw = E::load(padded.as_ptr());
            self.grammar.step(&raw, padded.as_ptr())
        }
    }

    /// Whether the document, all steps taken, is JSON.
    #[inline(always)]
    pub(crate) fn finish(&self) -> bool {
        if !self.grammar.complete() {
            return false;
        }
        let rest = self.input.get(self.at..).unwrap_or(&[]);
        rest.iter().all(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
            && (!self.grammar.high || simdutf8::basic::from_utf8(self.input).is_ok())
    }
}
