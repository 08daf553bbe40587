//! Where a short string or scalar ends, sixteen bytes at a time, by instructions that every machine of its kind
//! has: these searches are over before a call to a function with more of them would have begun.

/// The offset of the first quote or backslash from `at` on; the length of `input` if there is none.
#[inline(always)]
pub(crate) fn string_stop(input: &[u8], at: usize) -> usize {
    find(input, at, Lanes::string_stops, |byte| matches!(byte, b'"' | b'\\'))
}

/// The offset of the first byte from `at` on that no number and no literal contains, of those that may follow
/// one: comma, closing bracket or anything up to the space. The length of `input` if there is none.
#[inline(always)]
pub(crate) fn scalar_stop(input: &[u8], at: usize) -> usize {
    find(input, at, Lanes::scalar_stops, |byte| matches!(byte, b',' | b']' | b'}' | 0..=b' '))
}

#[inline(always)]
fn find(input: &[u8], at: usize, stops: fn(Lanes) -> Stops, stop: fn(u8) -> bool) -> usize {
    let (chunks, rest) = input.get(at..).unwrap_or_default().as_chunks();
    let mut before = at;
    for chunk in chunks {
        let found = stops(Lanes::load(chunk));
        if found.0 != 0 {
            return before + (found.0.trailing_zeros() / Stops::BITS) as usize;
        }
        before += 16;
    }
    before + rest.iter().position(|byte| stop(*byte)).unwrap_or(rest.len())
}

/// [`Stops::BITS`] bits for each byte, set if it is one to stop at.
#[derive(Clone, Copy)]
struct Stops(u64);

#[cfg(target_arch = "x86_64")]
mod lanes {
    use core::arch::x86_64::*;

    use super::Stops;

    /// Sixteen bytes; SSE2 is part of x86-64.
    #[derive(Clone, Copy)]
    pub(super) struct Lanes(__m128i);

    impl Stops {
        pub(super) const BITS: u32 = 1;
    }

    impl Lanes {
        #[inline(always)]
        pub(super) fn load(bytes: &[u8; 16]) -> Self {
            // SAFETY: sixteen bytes are readable; the load is an unaligned one.
            Lanes(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
        }
        #[inline(always)]
        pub(super) fn string_stops(self) -> Stops {
            // SAFETY: SSE2 is there.
            unsafe { Stops::of(_mm_or_si128(self.eq(b'"'), self.eq(b'\\'))) }
        }
        #[inline(always)]
        pub(super) fn scalar_stops(self) -> Stops {
            // SAFETY: SSE2 is there.
            unsafe {
                let bracket = Lanes(_mm_or_si128(self.0, _mm_set1_epi8(0x20))).eq(b'}');
                let low = _mm_cmpeq_epi8(_mm_min_epu8(self.0, _mm_set1_epi8(0x20)), self.0);
                Stops::of(_mm_or_si128(_mm_or_si128(self.eq(b','), low), bracket))
            }
        }
        #[inline(always)]
        fn eq(self, byte: u8) -> __m128i {
            // SAFETY: SSE2 is there.
            unsafe { _mm_cmpeq_epi8(self.0, _mm_set1_epi8(byte as i8)) }
        }
    }

    impl Stops {
        #[inline(always)]
        fn of(lanes: __m128i) -> Self {
            // SAFETY: SSE2 is there.
            Stops(u64::from(unsafe { _mm_movemask_epi8(lanes) } as u32))
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod lanes {
    use core::arch::aarch64::*;

    use super::Stops;

    /// Sixteen bytes; NEON is part of AArch64.
    #[derive(Clone, Copy)]
    pub(super) struct Lanes(uint8x16_t);

    impl Stops {
        pub(super) const BITS: u32 = 4;
    }

    impl Lanes {
        #[inline(always)]
        pub(super) fn load(bytes: &[u8; 16]) -> Self {
            // SAFETY: sixteen bytes are readable.
            Lanes(unsafe { vld1q_u8(bytes.as_ptr()) })
        }
        #[inline(always)]
        pub(super) fn string_stops(self) -> Stops {
            // SAFETY: NEON is there.
            unsafe { Stops::of(vorrq_u8(self.eq(b'"'), self.eq(b'\\'))) }
        }
        #[inline(always)]
        pub(super) fn scalar_stops(self) -> Stops {
            // SAFETY: NEON is there.
            unsafe {
                let bracket = Lanes(vorrq_u8(self.0, vdupq_n_u8(0x20))).eq(b'}');
                let low = vcleq_u8(self.0, vdupq_n_u8(0x20));
                Stops::of(vorrq_u8(vorrq_u8(self.eq(b','), low), bracket))
            }
        }
        #[inline(always)]
        fn eq(self, byte: u8) -> uint8x16_t {
            // SAFETY: NEON is there.
            unsafe { vceqq_u8(self.0, vdupq_n_u8(byte)) }
        }
    }

    impl Stops {
        /// A nibble for each byte (D. Kutenin, "Porting x86 vector bitmask optimizations to Arm NEON", 2022).
        #[inline(always)]
        fn of(lanes: uint8x16_t) -> Self {
            // SAFETY: NEON is there.
            let nibbles = unsafe { vreinterpret_u64_u8(vshrn_n_u16::<4>(vreinterpretq_u16_u8(lanes))) };
            // SAFETY: as above.
            Stops(unsafe { vget_lane_u64::<0>(nibbles) })
        }
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod lanes {
    use super::Stops;

    /// Sixteen bytes, looked at one by one.
    #[derive(Clone, Copy)]
    pub(super) struct Lanes([u8; 16]);

    impl Stops {
        pub(super) const BITS: u32 = 1;
    }

    impl Lanes {
        #[inline(always)]
        pub(super) fn load(bytes: &[u8; 16]) -> Self {
            Lanes(*bytes)
        }
        #[inline(always)]
        pub(super) fn string_stops(self) -> Stops {
            self.stops(|byte| matches!(byte, b'"' | b'\\'))
        }
        #[inline(always)]
        pub(super) fn scalar_stops(self) -> Stops {
            self.stops(|byte| matches!(byte, b',' | b']' | b'}' | 0..=b' '))
        }
        #[inline(always)]
        fn stops(self, stop: impl Fn(u8) -> bool) -> Stops {
            Stops(self.0.iter().rev().fold(0, |stops, byte| (stops << 1) | u64::from(stop(*byte))))
        }
    }
}

use lanes::Lanes;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_at_every_byte_and_place() {
        for length in 0..50 {
            for place in 0..length {
                for byte in 0..=u8::MAX {
                    let mut text = vec![b'x'; length];
                    text[place] = byte;
                    for from in [0, place.saturating_sub(3), place, place + 1] {
                        let stop = |is: bool| if is && from <= place { place } else { length };
                        assert_eq!(string_stop(&text, from), stop(matches!(byte, b'"' | b'\\')));
                        let ends = matches!(byte, b',' | b']' | b'}' | 0..=b' ');
                        assert_eq!(scalar_stop(&text, from), stop(ends), "{byte} at {place} from {from}");
                    }
                }
            }
        }
        assert_eq!((string_stop(b"x", 7), scalar_stop(b"", 1)), (7, 1));
    }
}
