//! Bitmaps by NEON, for aarch64.

// NEON belongs to every aarch64 target, so that most intrinsics are safe to call there; not to all compilers.
#![allow(unused_unsafe)]

use core::arch::aarch64::*;

use super::Bytes;

/// 64 bytes in four registers.
#[derive(Clone, Copy)]
pub(crate) struct Neon([uint8x16_t; 4]);

// SAFETY (of every block below): NEON belongs to every aarch64 target of Rust's, AES (for the polynomial
// product) has been checked for by whoever calls; the intrinsics touch registers only, `load` apart.
impl Neon {
    /// One bit a byte from registers whose bytes are all ones or all zeros. NEON has no movemask: each byte
    /// keeps the bit of its place among eight, and three rounds of pairwise sums bring 64 together.
    #[inline(always)]
    fn mask(&self, f: impl Fn(uint8x16_t) -> uint8x16_t) -> u64 {
        const PLACE: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
        // SAFETY: see above; `PLACE` has 16 bytes.
        unsafe {
            let place = vld1q_u8(PLACE.as_ptr());
            let [a, b, c, d] = self.0.map(|v| vandq_u8(f(v), place));
            let sum = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
            vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)))
        }
    }
}

// SAFETY: all intrinsics used belong to NEON and AES.
unsafe impl Bytes for Neon {
    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller gives 64 readable bytes.
        unsafe {
            Neon([vld1q_u8(from), vld1q_u8(from.add(16)), vld1q_u8(from.add(32)), vld1q_u8(from.add(48))])
        }
    }
    #[inline(always)]
    fn eq(&self, byte: u8) -> u64 {
        // SAFETY: see above.
        self.mask(|v| unsafe { vceqq_u8(v, vdupq_n_u8(byte)) })
    }
    #[inline(always)]
    fn eq_folded(&self, byte: u8) -> u64 {
        // SAFETY: see above.
        self.mask(|v| unsafe { vceqq_u8(vorrq_u8(v, vdupq_n_u8(0x20)), vdupq_n_u8(byte)) })
    }
    #[inline(always)]
    fn control(&self) -> u64 {
        // SAFETY: see above.
        self.mask(|v| unsafe { vcltq_u8(v, vdupq_n_u8(0x20)) })
    }
    #[inline(always)]
    fn white(&self) -> u64 {
        // SAFETY: see above.
        self.mask(|v| unsafe {
            let blank = vorrq_u8(vceqq_u8(v, vdupq_n_u8(b' ')), vceqq_u8(v, vdupq_n_u8(b'\t')));
            let line = vorrq_u8(vceqq_u8(v, vdupq_n_u8(b'\n')), vceqq_u8(v, vdupq_n_u8(b'\r')));
            vorrq_u8(blank, line)
        })
    }
    #[inline(always)]
    fn digits(&self) -> u64 {
        // SAFETY: see above.
        self.mask(|v| unsafe { vcltq_u8(vsubq_u8(v, vdupq_n_u8(b'0')), vdupq_n_u8(10)) })
    }
    #[inline(always)]
    fn bit5(&self) -> u64 {
        // SAFETY: see above.
        self.mask(|v| unsafe { vtstq_u8(v, vdupq_n_u8(0x20)) })
    }
    #[inline(always)]
    fn any_high(&self) -> bool {
        let [a, b, c, d] = self.0;
        // SAFETY: see above.
        unsafe { vmaxvq_u8(vorrq_u8(vorrq_u8(a, b), vorrq_u8(c, d))) >= 0x80 }
    }
    #[inline(always)]
    fn prefix_xor(bits: u64) -> u64 {
        // SAFETY: see above.
        unsafe { times_ones(bits) }
    }
}

/// The low half of the polynomial product with all ones. The intrinsic is `inline(always)` and can only become part
/// of a function that has its features by name, which a method of the trait cannot have.
#[inline]
#[target_feature(enable = "neon,aes")]
fn times_ones(bits: u64) -> u64 {
    // SAFETY: the features are this function's.
    unsafe { vmull_p64(bits, u64::MAX) as u64 }
}
