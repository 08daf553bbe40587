//! The bitmaps of a step, as the walker reads them.

use super::grammar::Masks;
use super::simd::Word;

/// The bitmaps of one step, block by block.
#[derive(Default)]
pub(super) struct Found {
    pub(super) string_start: [u64; 8],
    pub(super) backslash: [u64; 8],
    pub(super) open: [u64; 8],
    pub(super) close: [u64; 8],
    pub(super) comma: [u64; 8],
    /// Colons behind names that may be wanted.
    pub(super) colon: [u64; 8],
    /// Whether a string that ends in this step may have a backslash.
    pub(super) backslashes: bool,
}

/// Prepares the bitmaps of each step for the walker.
pub(super) struct Blocks<W> {
    pub(super) found: Found,
    pub(super) string_start: W,
    /// Whether the string that the step ended in, if it did, may have a backslash.
    pub(super) pending: bool,
}

impl<W: Word> Blocks<W> {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Blocks { found: Found::default(), string_start: W::zero(), pending: false }
    }

    /// `lengths`: from opening to closing quote of the names that are wanted; `None` if that does not matter.
    #[inline(always)]
    pub(super) fn set(&mut self, masks: &Masks<W>, lengths: Option<&[u32]>) {
        let Found { string_start, backslash, open, close, comma, colon, backslashes } = &mut self.found;
        masks.string_start.store(string_start);
        masks.backslash.store(backslash);
        masks.open.store(open);
        masks.close.store(close);
        masks.comma.store(comma);
        let here = masks.backslash.any();
        *backslashes = here | self.pending;
        self.pending = here | (self.pending & !masks.string_start.any());
        let Some(lengths) = lengths else {
            return masks.colon.store(colon);
        };
        let mut names = masks.string_end;
        if !*backslashes {
            let up = masks.string_start.blocks_up(self.string_start);
            let mut ends = W::zero();
            for length in lengths {
                ends = ends | masks.string_start.up_by(up, *length);
            }
            names = names & ends;
        }
        self.string_start = masks.string_start;
        // Behind white space, and at the front of a step, any colon may follow any name.
        let behind = (names | masks.white).up1(&mut !W::zero());
        (masks.colon & behind).store(colon);
    }
}

/// Whether the name before `end`, whose colon is at `at` in this block of a step, may contain a backslash.
#[inline(always)]
pub(super) fn may_have_escape(at: usize, end: usize, block: usize, found: &Found) -> bool {
    let before = !(!0 << (end % 64));
    let starts = found.string_start[block] & before;
    // Perhaps, if not all of the name is in the block of its colon.
    end / 64 != at / 64
        || starts == 0
        || found.backslash[block] & before & (!0 << (63 - starts.leading_zeros())) != 0
}
