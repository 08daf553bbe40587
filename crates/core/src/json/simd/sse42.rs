//! Bitmaps by SSE4.2, for x86-64 machines before AVX2.

use core::arch::x86_64::*;

use super::Bytes;

/// 64 bytes in four registers.
#[derive(Clone, Copy)]
pub(crate) struct Sse42([__m128i; 4]);

/// Byte `i` holds the white-space character whose low four bits are `i`, or one that no such byte equals.
const WHITE: [u8; 16] =
    [b' ', 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, b'\t', b'\n', 0xFF, 0xFF, b'\r', 0xFF, 0xFF];

// SAFETY (of every block below): whoever calls a function of this type has checked for SSE4.2 and PCLMUL,
// as the trait demands; the intrinsics touch registers only, `load` apart.
impl Sse42 {
    #[inline(always)]
    fn mask(&self, f: impl Fn(__m128i) -> __m128i) -> u64 {
        let mut out = 0;
        for (i, v) in self.0.iter().enumerate() {
            // SAFETY: see above.
            out |= u64::from(unsafe { _mm_movemask_epi8(f(*v)) } as u32) << (16 * i);
        }
        out
    }
}

// SAFETY: all intrinsics used belong to SSE4.2, PCLMUL and what they imply.
unsafe impl Bytes for Sse42 {
    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller gives 64 readable bytes; the loads are unaligned ones.
        unsafe {
            Sse42([
                _mm_loadu_si128(from.cast()),
                _mm_loadu_si128(from.add(16).cast()),
                _mm_loadu_si128(from.add(32).cast()),
                _mm_loadu_si128(from.add(48).cast()),
            ])
        }
    }
    #[inline(always)]
    fn eq(&self, byte: u8) -> u64 {
        // SAFETY: see above.
        self.mask(|v| unsafe { _mm_cmpeq_epi8(v, _mm_set1_epi8(byte as i8)) })
    }
    #[inline(always)]
    fn eq_folded(&self, byte: u8) -> u64 {
        // SAFETY: see above.
        self.mask(|v| unsafe {
            _mm_cmpeq_epi8(_mm_or_si128(v, _mm_set1_epi8(0x20)), _mm_set1_epi8(byte as i8))
        })
    }
    #[inline(always)]
    fn control(&self) -> u64 {
        // SAFETY: see above.
        self.mask(|v| unsafe {
            let top = _mm_set1_epi8(0x1F);
            _mm_cmpeq_epi8(_mm_max_epu8(v, top), top)
        })
    }
    #[inline(always)]
    fn white(&self) -> u64 {
        // SAFETY: see above. For bytes from 0x80 the shuffle gives 0, which none of them equals.
        self.mask(|v| unsafe {
            let table = _mm_loadu_si128(WHITE.as_ptr().cast());
            _mm_cmpeq_epi8(v, _mm_shuffle_epi8(table, v))
        })
    }
    #[inline(always)]
    fn digits(&self) -> u64 {
        // SAFETY: see above.
        self.mask(|v| unsafe {
            let from_zero = _mm_sub_epi8(v, _mm_set1_epi8(b'0' as i8));
            _mm_cmpeq_epi8(_mm_min_epu8(from_zero, _mm_set1_epi8(9)), from_zero)
        })
    }
    #[inline(always)]
    fn bit5(&self) -> u64 {
        // SAFETY: see above. Bit 5 arrives at bit 7 of its own byte; what crosses bytes lands below it.
        self.mask(|v| unsafe { _mm_slli_epi16(v, 2) })
    }
    #[inline(always)]
    fn any_high(&self) -> bool {
        // SAFETY: see above.
        unsafe {
            let low = _mm_or_si128(self.0[0], self.0[1]);
            let high = _mm_or_si128(self.0[2], self.0[3]);
            _mm_movemask_epi8(_mm_or_si128(low, high)) != 0
        }
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
