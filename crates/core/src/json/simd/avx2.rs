//! Bitmaps by AVX2.

use core::arch::x86_64::*;

use super::Bytes;

/// 64 bytes in two registers.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(__m256i, __m256i);

// SAFETY (of every block below): whoever calls a function of this type has checked for AVX2 and PCLMUL,
// as the trait demands; the intrinsics touch registers only, `load` apart.
#[inline(always)]
fn mask(low: __m256i, high: __m256i) -> u64 {
    // SAFETY: see above.
    unsafe {
        u64::from(_mm256_movemask_epi8(low) as u32) | (u64::from(_mm256_movemask_epi8(high) as u32) << 32)
    }
}

/// Byte `i` holds the white-space character whose low four bits are `i`, or one that no such byte equals.
const WHITE: [u8; 16] =
    [b' ', 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, b'\t', b'\n', 0xFF, 0xFF, b'\r', 0xFF, 0xFF];

// SAFETY: all intrinsics used belong to AVX2, PCLMUL and what they imply.
unsafe impl Bytes for Avx2 {
    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller gives 64 readable bytes; the loads are unaligned ones.
        unsafe { Avx2(_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(32).cast())) }
    }
    #[inline(always)]
    fn eq(&self, byte: u8) -> u64 {
        // SAFETY: see above.
        unsafe {
            let b = _mm256_set1_epi8(byte as i8);
            mask(_mm256_cmpeq_epi8(self.0, b), _mm256_cmpeq_epi8(self.1, b))
        }
    }
    #[inline(always)]
    fn eq_folded(&self, byte: u8) -> u64 {
        // SAFETY: see above.
        unsafe {
            let fold = _mm256_set1_epi8(0x20);
            Avx2(_mm256_or_si256(self.0, fold), _mm256_or_si256(self.1, fold)).eq(byte)
        }
    }
    #[inline(always)]
    fn control(&self) -> u64 {
        // SAFETY: see above.
        unsafe {
            let top = _mm256_set1_epi8(0x1F);
            let low = |v| _mm256_cmpeq_epi8(_mm256_max_epu8(v, top), top);
            mask(low(self.0), low(self.1))
        }
    }
    #[inline(always)]
    fn white(&self) -> u64 {
        // SAFETY: see above. For bytes from 0x80 the shuffle gives 0, which none of them equals; index 0
        // holds a space, index 0x20 & 15 = 0 too.
        unsafe {
            let table = _mm256_broadcastsi128_si256(_mm_loadu_si128(WHITE.as_ptr().cast()));
            let white = |v| _mm256_cmpeq_epi8(v, _mm256_shuffle_epi8(table, v));
            mask(white(self.0), white(self.1))
        }
    }
    #[inline(always)]
    fn digits(&self) -> u64 {
        // SAFETY: see above.
        unsafe {
            let (zero, nine) = (_mm256_set1_epi8(b'0' as i8), _mm256_set1_epi8(9));
            let digit = |v| {
                let from_zero = _mm256_sub_epi8(v, zero);
                _mm256_cmpeq_epi8(_mm256_min_epu8(from_zero, nine), from_zero)
            };
            mask(digit(self.0), digit(self.1))
        }
    }
    #[inline(always)]
    fn bit5(&self) -> u64 {
        // SAFETY: see above. Bit 5 arrives at bit 7 of its own byte; what crosses bytes lands below it.
        unsafe { mask(_mm256_slli_epi16(self.0, 2), _mm256_slli_epi16(self.1, 2)) }
    }
    #[inline(always)]
    fn any_high(&self) -> bool {
        // SAFETY: see above.
        unsafe { _mm256_movemask_epi8(_mm256_or_si256(self.0, self.1)) != 0 }
    }
    #[inline(always)]
    fn prefix_xor(bits: u64) -> u64 {
        // SAFETY: see above.
        unsafe {
            let product = _mm_clmulepi64_si128(_mm_set_epi64x(0, bits as i64), _mm_set1_epi8(-1), 0);
            _mm_cvtsi128_si64(product) as u64
        }
    }
}
