//! Bitmaps by ordinary 64-bit arithmetic: the algebra without SIMD, for tests on any machine and for Miri.

use super::Bytes;

/// 64 bytes in eight words, the first byte lowest.
#[derive(Clone, Copy)]
pub(crate) struct Swar([u64; 8]);

const ONES: u64 = 0x0101_0101_0101_0101;
const LOW7: u64 = 0x7F7F_7F7F_7F7F_7F7F;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte, gathered into the low eight bits.
#[inline(always)]
fn gather(word: u64) -> u64 {
    ((word & HIGH) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// High bit set in each byte that is zero, exactly.
#[inline(always)]
fn zeros(word: u64) -> u64 {
    !(((word & LOW7) + LOW7) | word | LOW7)
}

/// High bit set in each byte that is below `n`, for `n` up to 0x80.
#[inline(always)]
fn below(word: u64, n: u64) -> u64 {
    !((word & LOW7) + (0x80 - n) * ONES) & !word & HIGH
}

impl Swar {
    #[inline(always)]
    fn map(&self, f: impl Fn(u64) -> u64) -> u64 {
        let mut out = 0;
        for (i, word) in self.0.iter().enumerate() {
            out |= gather(f(*word)) << (8 * i);
        }
        out
    }
}

// SAFETY: needs no instruction set beyond the target's own.
unsafe impl Bytes for Swar {
    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller gives 64 readable bytes; an array of bytes has no alignment to keep.
        let bytes = unsafe { from.cast::<[[u8; 8]; 8]>().read() };
        Swar(bytes.map(u64::from_le_bytes))
    }
    #[inline(always)]
    fn eq(&self, byte: u8) -> u64 {
        self.map(|w| zeros(w ^ (u64::from(byte) * ONES)))
    }
    #[inline(always)]
    fn eq_folded(&self, byte: u8) -> u64 {
        self.map(|w| zeros((w | (0x20 * ONES)) ^ (u64::from(byte) * ONES)))
    }
    #[inline(always)]
    fn control(&self) -> u64 {
        self.map(|w| below(w, 0x20))
    }
    #[inline(always)]
    fn white(&self) -> u64 {
        self.map(|w| {
            zeros(w ^ (0x20 * ONES))
                | zeros(w ^ (0x09 * ONES))
                | zeros(w ^ (0x0A * ONES))
                | zeros(w ^ (0x0D * ONES))
        })
    }
    #[inline(always)]
    fn digits(&self) -> u64 {
        self.map(|w| below(w, 0x3A) & !below(w, 0x30))
    }
    #[inline(always)]
    fn bit5(&self) -> u64 {
        self.map(|w| w << 2)
    }
    #[inline(always)]
    fn any_high(&self) -> bool {
        self.0.iter().fold(0, |a, w| a | w) & HIGH != 0
    }
    #[inline(always)]
    fn prefix_xor(bits: u64) -> u64 {
        let mut bits = bits;
        for by in [1, 2, 4, 8, 16, 32] {
            bits ^= bits << by;
        }
        bits
    }
}
