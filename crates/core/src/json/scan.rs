//! Drives an [`Engine`] over a document, step by step, without reading a byte outside it.

use core::mem::MaybeUninit;

use super::grammar::{Engine, Grammar, Masks};

/// Room for the longest step and its look-ahead.
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
        let mut padded = MaybeUninit::<[u8; PADDED]>::uninit();
        // SAFETY: `at` is inside the input; if less than a step and its look-ahead are left, which is less than
        // `PADDED`, what is left is copied and followed by spaces.
        unsafe {
            let mut from = self.input.as_ptr().add(self.at);
            if left < Self::STEP + E::LOOK_AHEAD {
                let to = padded.as_mut_ptr().cast::<u8>();
                to.write_bytes(b' ', PADDED);
                core::ptr::copy_nonoverlapping(from, to, left);
                from = to;
            }
            self.at += Self::STEP;
            let raw = E::load(from);
            self.grammar.step(&raw, from)
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
