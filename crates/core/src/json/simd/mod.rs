//! What the scan needs of a machine: 64 bytes become bitmaps, and words of bitmaps are combined.
//!
//! [`Bytes`] is implemented once an instruction set and yields `u64` bitmaps, bit `i` for byte `i`.
//! [`Word`] is what the grammar is written in: a `u64` for one block, or 512 bits for eight.
//!
//! Everything here is `#[inline(always)]` and has no target feature of its own: it becomes part of an
//! entry point that has them. (With `#[inline]` and a feature, LLVM left the scan as a call: 4.0
//! instead of 6.1 GB/s.)

use core::ops::{BitAnd, BitOr, BitXor, Not};
use core::sync::atomic::{AtomicU8, Ordering};

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
#[cfg(target_arch = "x86_64")]
mod lanes;
pub(crate) mod near;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
#[cfg(target_arch = "x86_64")]
pub(crate) mod sse42;
pub(crate) mod swar;

/// 64 bytes in registers, and the questions asked of them.
///
/// # Safety
/// Calling any function requires the instruction set of the implementing type.
pub(crate) unsafe trait Bytes: Copy {
    /// Reads 64 bytes.
    ///
    /// # Safety
    /// `from` is valid for reads of 64 bytes.
    unsafe fn load(from: *const u8) -> Self;
    /// Bytes that equal `byte`.
    fn eq(&self, byte: u8) -> u64;
    /// Bytes that equal `byte` once bit 5 is set: a letter in either case, a bracket of either kind.
    fn eq_folded(&self, byte: u8) -> u64;
    /// Bytes below 0x20.
    fn control(&self) -> u64;
    /// Space, tab, line feed and carriage return.
    fn white(&self) -> u64;
    /// `0` to `9`.
    fn digits(&self) -> u64;
    /// Bit 5 of each byte: set in `{` and `}`, clear in `[` and `]`.
    fn bit5(&self) -> u64;
    /// Whether any byte is 0x80 or above.
    fn any_high(&self) -> bool;
    /// Each bit becomes the parity of itself and all bits below.
    fn prefix_xor(bits: u64) -> u64;
}

/// A word of bitmap: one or several blocks of 64 bits, in document order.
pub(crate) trait Word:
    Copy + BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self> + Not<Output = Self>
{
    /// No bit set.
    fn zero() -> Self;
    /// Whether any bit is set.
    fn any(self) -> bool;
    /// Whether the last bit is set.
    fn ends_set(self) -> bool;
    /// The bits moved up by one; the lowest comes from the end of the word before, which `self` replaces.
    fn up1(self, before: &mut Self) -> Self;
    /// The bits moved up by one; the carry goes in and out (0 or 1).
    fn double(self, carry: &mut u64) -> Self;
    /// The blocks moved up by one, the lowest taken from the end of `before`.
    fn blocks_up(self, before: Self) -> Self;
    /// The bits moved up by 1 to 63, given the result of [`Word::blocks_up`].
    fn up_by(self, blocks_up: Self, by: u32) -> Self;
    /// Writes the blocks of the word to the front of `to`.
    fn store(self, to: &mut [u64; 8]);
    /// The sum as of one large number; the carry goes in and out (0 or 1).
    fn add(self, other: Self, carry: &mut u64) -> Self;
}

impl Word for u64 {
    #[inline(always)]
    fn zero() -> Self {
        0
    }
    #[inline(always)]
    fn any(self) -> bool {
        self != 0
    }
    #[inline(always)]
    fn ends_set(self) -> bool {
        self >> 63 != 0
    }
    #[inline(always)]
    fn up1(self, before: &mut Self) -> Self {
        let up = (self << 1) | (*before >> 63);
        *before = self;
        up
    }
    #[inline(always)]
    fn double(self, carry: &mut u64) -> Self {
        let up = (self << 1) | *carry;
        *carry = self >> 63;
        up
    }
    #[inline(always)]
    fn blocks_up(self, before: Self) -> Self {
        before
    }
    #[inline(always)]
    fn up_by(self, blocks_up: Self, by: u32) -> Self {
        (self << by) | (blocks_up >> (64 - by))
    }
    #[inline(always)]
    fn store(self, to: &mut [u64; 8]) {
        to[0] = self;
    }
    #[inline(always)]
    fn add(self, other: Self, carry: &mut u64) -> Self {
        let (sum, over) = self.overflowing_add(other);
        let (sum, more) = sum.overflowing_add(*carry);
        *carry = u64::from(over | more);
        sum
    }
}

/// An instruction set that the scan is built for. All give the same answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Bitmaps by ordinary 64-bit arithmetic: slower than one byte after the other, and so never the best,
    /// but the SIMD paths' algebra on any machine, and under Miri.
    Swar,
    /// One byte after the other, without bitmaps.
    Scalar,
    /// SSE4.2 and carry-less multiplication.
    Sse42,
    /// AVX2, BMI and carry-less multiplication.
    Avx2,
    /// AVX-512 with VBMI, VBMI2, GFNI and vector carry-less multiplication (Ice Lake, Zen 4 and later).
    Avx512,
    /// NEON with the polynomial multiplication of the AES extension.
    Neon,
}

impl Level {
    const ALL: [Level; 6] =
        [Level::Swar, Level::Scalar, Level::Sse42, Level::Avx2, Level::Avx512, Level::Neon];

    /// The best level of this machine.
    #[inline]
    pub fn best() -> Level {
        // 0 is "not asked yet"; a race asks twice and gets the same answer.
        static BEST: AtomicU8 = AtomicU8::new(0);
        let known = BEST.load(Ordering::Relaxed);
        if known != 0 {
            return Self::ALL[usize::from(known) - 1];
        }
        let best = Self::ALL.iter().rposition(|level| level.is_available()).unwrap_or(0);
        BEST.store(best as u8 + 1, Ordering::Relaxed);
        Self::ALL[best]
    }

    /// [`Level::is_available`], quick for the best one.
    #[inline]
    pub(crate) fn is_usable(self) -> bool {
        self == Level::best() || self.is_available()
    }

    /// Every level this machine can run, the plainest first.
    pub fn available() -> impl Iterator<Item = Level> {
        Self::ALL.into_iter().filter(|level| level.is_available())
    }

    /// Whether this machine can run the level.
    pub fn is_available(self) -> bool {
        match self {
            Level::Scalar | Level::Swar => true,
            #[cfg(target_arch = "x86_64")]
            Level::Sse42 => {
                is_x86_feature_detected!("sse4.2")
                    && is_x86_feature_detected!("ssse3")
                    && is_x86_feature_detected!("pclmulqdq")
                    && is_x86_feature_detected!("popcnt")
            }
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => {
                Level::Sse42.is_available()
                    && is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("bmi1")
                    && is_x86_feature_detected!("bmi2")
                    && is_x86_feature_detected!("lzcnt")
            }
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => {
                Level::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vbmi")
                    && is_x86_feature_detected!("avx512vbmi2")
                    && is_x86_feature_detected!("gfni")
                    && is_x86_feature_detected!("vpclmulqdq")
            }
            #[cfg(target_arch = "aarch64")]
            Level::Neon => {
                std::arch::is_aarch64_feature_detected!("neon")
                    && std::arch::is_aarch64_feature_detected!("aes")
            }
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }
}
