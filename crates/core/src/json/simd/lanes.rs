//! Eight words of bitmap in one register of AVX-512.

use core::arch::x86_64::*;
use core::ops::{BitAnd, BitOr, BitXor, Not};

use super::Word;

/// Eight blocks of bitmap.
#[derive(Clone, Copy)]
pub(crate) struct Lanes(pub(super) __m512i);

pub(super) const LANES: usize = 8;

// SAFETY (of every block below, unless it says more): whoever calls a function of this module has checked
// for the features of `Level::Avx512`, as `Engine` demands; the intrinsics touch registers only.

impl BitAnd for Lanes {
    type Output = Self;
    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        // SAFETY: see above.
        Lanes(unsafe { _mm512_and_si512(self.0, other.0) })
    }
}

impl BitOr for Lanes {
    type Output = Self;
    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        // SAFETY: see above.
        Lanes(unsafe { _mm512_or_si512(self.0, other.0) })
    }
}

impl BitXor for Lanes {
    type Output = Self;
    #[inline(always)]
    fn bitxor(self, other: Self) -> Self {
        // SAFETY: see above.
        Lanes(unsafe { _mm512_xor_si512(self.0, other.0) })
    }
}

impl Not for Lanes {
    type Output = Self;
    #[inline(always)]
    fn not(self) -> Self {
        // SAFETY: see above.
        Lanes(unsafe { _mm512_xor_si512(self.0, _mm512_set1_epi64(-1)) })
    }
}

impl Lanes {
    #[inline(always)]
    pub(super) fn splat(word: u64) -> Self {
        // SAFETY: see above.
        Lanes(unsafe { _mm512_set1_epi64(word as i64) })
    }

    #[inline(always)]
    pub(super) fn to_array(self) -> [u64; LANES] {
        let mut out = [0; LANES];
        // SAFETY: see above; the array has the 64 bytes written.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), self.0) };
        out
    }

    #[inline(always)]
    pub(super) fn from_array(words: &[u64; LANES]) -> Self {
        // SAFETY: see above; the array has the 64 bytes read.
        Lanes(unsafe { _mm512_loadu_si512(words.as_ptr().cast()) })
    }

    /// The bits moved up by `BY`, given the result of [`Word::blocks_up`].
    #[inline(always)]
    pub(super) fn up<const BY: i32>(self, blocks_up: Self) -> Self {
        // SAFETY: see above.
        Lanes(unsafe { _mm512_shldi_epi64::<BY>(self.0, blocks_up.0) })
    }

    /// Parity of each bit and all below it in all lanes; `carry` is all ones or zero.
    #[inline(always)]
    pub(super) fn prefix_xor(self, carry: &mut u64) -> Self {
        // SAFETY: see above.
        unsafe {
            let ones = _mm512_set1_epi8(-1);
            let even = _mm512_clmulepi64_epi128::<0x00>(self.0, ones);
            let odd = _mm512_clmulepi64_epi128::<0x01>(self.0, ones);
            let lanes = _mm512_unpacklo_epi64(even, odd);
            // The top bit of a lane is the parity of the whole lane; each lane is flipped by those below.
            let mut parity = u32::from(_mm512_movepi64_mask(lanes));
            parity ^= parity << 1;
            parity ^= parity << 2;
            parity ^= parity << 4;
            let flip = (parity << 1) ^ (*carry as u32);
            *carry = u64::from((flip >> 8) & 1).wrapping_neg();
            Lanes(_mm512_xor_si512(lanes, _mm512_movm_epi64(flip as u8)))
        }
    }
}

impl Word for Lanes {
    #[inline(always)]
    fn zero() -> Self {
        Self::splat(0)
    }
    #[inline(always)]
    fn any(self) -> bool {
        // SAFETY: see above.
        unsafe { _mm512_test_epi64_mask(self.0, self.0) != 0 }
    }
    #[inline(always)]
    fn ends_set(self) -> bool {
        // SAFETY: see above.
        unsafe { _mm512_movepi64_mask(self.0) >> 7 != 0 }
    }
    #[inline(always)]
    fn up1(self, before: &mut Self) -> Self {
        let up = self.up::<1>(self.blocks_up(*before));
        *before = self;
        up
    }
    #[inline(always)]
    fn double(self, carry: &mut u64) -> Self {
        let up = self.up::<1>(self.blocks_up(Self::splat(*carry << 63)));
        // SAFETY: see above.
        *carry = u64::from(unsafe { _mm512_movepi64_mask(self.0) }) >> 7;
        up
    }
    #[inline(always)]
    fn blocks_up(self, before: Self) -> Self {
        // SAFETY: see above.
        Lanes(unsafe { _mm512_alignr_epi64::<7>(self.0, before.0) })
    }
    #[inline(always)]
    fn up_by(self, blocks_up: Self, by: u32) -> Self {
        // SAFETY: see above.
        Lanes(unsafe { _mm512_shldv_epi64(self.0, blocks_up.0, _mm512_set1_epi64(i64::from(by))) })
    }
    #[inline(always)]
    fn store(self, to: &mut [u64; 8]) {
        *to = self.to_array();
    }
    #[inline(always)]
    fn add(self, other: Self, carry: &mut u64) -> Self {
        // SAFETY: see above. As a sum of eight digits: a lane that overflows makes a carry, one that is all
        // ones passes it on; the sum of these two masks carries exactly as the lanes do.
        unsafe {
            let sum = _mm512_add_epi64(self.0, other.0);
            let makes = u32::from(_mm512_cmplt_epu64_mask(sum, self.0));
            let passes = u32::from(_mm512_cmpeq_epi64_mask(sum, _mm512_set1_epi64(-1)));
            let carried = ((makes << 1) | *carry as u32) + passes;
            *carry = u64::from(carried >> 8);
            let plus_one = (carried ^ passes) as u8;
            Lanes(_mm512_mask_sub_epi64(sum, plus_one, sum, _mm512_set1_epi64(-1)))
        }
    }
}
