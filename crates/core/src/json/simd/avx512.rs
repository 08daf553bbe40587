//! Eight blocks at once by AVX-512: bytes are transposed into bit planes, and all else is algebra on planes.
//!
//! Plane `k` holds bit `k` of each of 512 bytes, one block of 64 in each of its eight lanes. A class of
//! bytes is then a few three-operand logic instructions for 512 bytes, with no look-up and no comparison.

use core::arch::x86_64::*;

use super::super::block::escaped;
use super::super::grammar::{Engine, Numerals, Structure};
use super::super::nest::Nest;
use super::Word;
use super::lanes::{LANES, Lanes};

/// The bit planes of 512 bytes.
#[derive(Clone, Copy)]
pub(crate) struct Planes([Lanes; 8]);

/// The engine of eight blocks.
pub(crate) struct Avx512;

// SAFETY (of every block below, unless it says more): whoever calls a function of this module has checked
// for the features of `Level::Avx512`, as `Engine` demands; the intrinsics touch registers only.

/// What is carried from step to step.
pub(crate) struct Carry {
    /// `u` of escapes, and the first letters of literals.
    unicode: Lanes,
    starts_t: Lanes,
    starts_f: Lanes,
    starts_n: Lanes,
    /// Whether the last four bytes of the step before have a `u` of an escape.
    pending: bool,
}

impl Default for Carry {
    #[inline(always)]
    fn default() -> Self {
        let zero = Lanes::zero();
        Carry { unicode: zero, starts_t: zero, starts_f: zero, starts_n: zero, pending: false }
    }
}

impl Planes {
    /// Bytes that are `byte`, the bits of `loose` apart. Folds to a few instructions for constants.
    #[inline(always)]
    fn byte(&self, byte: u8, loose: u8) -> Lanes {
        let mut out = None;
        for k in (0..8).rev() {
            if (loose >> k) & 1 == 0 {
                let plane = if (byte >> k) & 1 == 1 { self.0[k] } else { !self.0[k] };
                out = Some(match out {
                    None => plane,
                    Some(so_far) => so_far & plane,
                });
            }
        }
        out.unwrap_or(Lanes::zero())
    }
}

/// Turns eight blocks into bit planes.
///
/// Qword `g` of a block has bytes 8g…8g+7. Multiplying the unit matrix by them transposes 8 × 8 bits (and reverses
/// the bytes, undone at the end), `gather` brings byte `k` of all groups into qword `k`, and three rounds of exchanges
/// bring qword `k` of all blocks into plane `k`.
#[inline(always)]
fn planes(blocks: [__m512i; LANES]) -> Planes {
    // SAFETY: see above.
    unsafe {
        let unit = _mm512_set1_epi64(0x8040_2010_0804_0201_u64 as i64);
        let gather = _mm512_set_epi64(
            0x3F37_2F27_1F17_0F07,
            0x3E36_2E26_1E16_0E06,
            0x3D35_2D25_1D15_0D05,
            0x3C34_2C24_1C14_0C04,
            0x3B33_2B23_1B13_0B03,
            0x3A32_2A22_1A12_0A02,
            0x3931_2921_1911_0901,
            0x3830_2820_1810_0800,
        );
        let b = blocks.map(|bytes| {
            let bits = _mm512_gf2p8affine_epi64_epi8::<0>(unit, bytes);
            _mm512_permutexvar_epi8(gather, bits)
        });
        // Qwords within 128 bits: the even and odd planes of two blocks; then the 128 bits among them.
        let even = |i: usize| _mm512_unpacklo_epi64(b[i], b[i + 1]);
        let odd = |i: usize| _mm512_unpackhi_epi64(b[i], b[i + 1]);
        let [p0, p2, p4, p6] = transpose([even(0), even(2), even(4), even(6)]);
        let [p1, p3, p5, p7] = transpose([odd(0), odd(2), odd(4), odd(6)]);
        // The bits of each byte are reversed: as a matrix, the mirrored unit turns them round.
        let mirror = _mm512_set1_epi64(0x8040_2010_0804_0201_u64 as i64);
        Planes([p0, p1, p2, p3, p4, p5, p6, p7].map(|p| Lanes(_mm512_gf2p8affine_epi64_epi8::<0>(p, mirror))))
    }
}

/// A 4 × 4 transposition of 128 bits each. (A function, since closures are not sure to be inlined.)
#[inline(always)]
fn transpose(c: [__m512i; 4]) -> [__m512i; 4] {
    // SAFETY: see above.
    unsafe {
        let low = _mm512_shuffle_i64x2::<0x44>(c[0], c[1]);
        let high = _mm512_shuffle_i64x2::<0xEE>(c[0], c[1]);
        let low2 = _mm512_shuffle_i64x2::<0x44>(c[2], c[3]);
        let high2 = _mm512_shuffle_i64x2::<0xEE>(c[2], c[3]);
        [
            _mm512_shuffle_i64x2::<0x88>(low, low2),
            _mm512_shuffle_i64x2::<0xDD>(low, low2),
            _mm512_shuffle_i64x2::<0x88>(high, high2),
            _mm512_shuffle_i64x2::<0xDD>(high, high2),
        ]
    }
}

// SAFETY: all intrinsics used belong to `Level::Avx512`.
unsafe impl Engine for Avx512 {
    type Word = Lanes;
    type Raw = Planes;
    type Carry = Carry;
    const BLOCKS: usize = LANES;
    const LOOK_AHEAD: usize = 0;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Planes {
        // SAFETY: see above; the caller gives 512 readable bytes.
        unsafe {
            let block = |i: usize| _mm512_loadu_si512(from.add(64 * i).cast());
            planes([block(0), block(1), block(2), block(3), block(4), block(5), block(6), block(7)])
        }
    }
    const PARTIAL: bool = true;
    #[inline(always)]
    unsafe fn load_part(from: *const u8, left: usize) -> Planes {
        let spaces = Lanes::splat(u64::from_ne_bytes([b' '; 8])).0;
        let mut blocks = [spaces; LANES];
        let mut at = 0;
        while at < left {
            let mask = if left - at >= 64 { !0 } else { !(!0 << (left - at)) };
            // SAFETY: see above; only bytes that are left are read, the others cannot fault.
            blocks[at / 64] = unsafe { _mm512_mask_loadu_epi8(spaces, mask, from.add(at).cast()) };
            at += 64;
        }
        planes(blocks)
    }
    #[inline(always)]
    fn any_high(raw: &Planes) -> bool {
        raw.0[7].any()
    }
    #[inline(always)]
    fn quote(raw: &Planes) -> Lanes {
        raw.byte(b'"', 0)
    }
    #[inline(always)]
    fn backslash(raw: &Planes) -> Lanes {
        raw.byte(b'\\', 0)
    }
    #[inline(always)]
    fn control(raw: &Planes) -> Lanes {
        raw.byte(0, 0x1F)
    }
    #[inline(always)]
    fn structure(raw: &Planes) -> Structure<Lanes> {
        let [p0, p1, p2, ..] = raw.0;
        // 0x09, 0x0A, 0x0D: 0000 1 and 001, 010, 101.
        let lines = raw.byte(0x08, 0x07) & ((p0 & !p1) | (p1 & !p0 & !p2));
        Structure {
            open: raw.byte(b'[', 0x20),
            close: raw.byte(b']', 0x20),
            comma: raw.byte(b',', 0),
            colon: raw.byte(b':', 0),
            white: raw.byte(b' ', 0) | lines,
        }
    }
    #[inline(always)]
    fn bit5(raw: &Planes) -> Lanes {
        raw.0[5]
    }
    #[inline(always)]
    fn digit(raw: &Planes) -> Lanes {
        let [_, p1, p2, p3, ..] = raw.0;
        raw.byte(0x30, 0x0F) & !(p3 & (p1 | p2))
    }
    #[inline(always)]
    fn zero(raw: &Planes) -> Lanes {
        raw.byte(b'0', 0)
    }
    #[inline(always)]
    fn minus(raw: &Planes) -> Lanes {
        raw.byte(b'-', 0)
    }
    #[inline(always)]
    fn numerals(raw: &Planes) -> Numerals<Lanes> {
        Numerals { plus: raw.byte(b'+', 0), point: raw.byte(b'.', 0), exponent: raw.byte(b'E', 0x20) }
    }
    #[inline(always)]
    fn prefix_xor(bits: Lanes, carry: &mut u64) -> Lanes {
        bits.prefix_xor(carry)
    }
    #[inline(always)]
    fn escaped(backslash: Lanes, carry: &mut u64) -> Lanes {
        Lanes::from_array(&backslash.to_array().map(|lane| escaped(lane, carry)))
    }
    #[inline(always)]
    unsafe fn bad_escapes(raw: &Planes, _: *const u8, escapes: Lanes, carry: &mut Carry) -> bool {
        let [p0, p1, p2, p3, p4, ..] = raw.0;
        // b, f, n: 0110 and 0010, 0110, 1110; r, t: 0111 and 0010, 0100.
        let lower = raw.byte(0x60, 0x1F);
        let letters = lower & !p0 & ((!p4 & p1 & (!p3 | p2)) | (p4 & !p3 & (p1 ^ p2)));
        let signs = raw.byte(b'"', 0) | raw.byte(b'\\', 0) | raw.byte(b'/', 0);
        let unicode = escapes & raw.byte(b'u', 0);
        let known = letters | signs | unicode;
        // a…f, A…F: 01x0 0 and 001…110.
        let hex = Self::digit(raw) | (raw.byte(0x40, 0x27) & (p0 | p1 | p2) & !(p0 & p1 & p2));
        let lane = unicode.blocks_up(carry.unicode);
        let follow =
            unicode.up::<1>(lane) | unicode.up::<2>(lane) | unicode.up::<3>(lane) | unicode.up::<4>(lane);
        carry.unicode = unicode;
        carry.pending = unicode.to_array()[LANES - 1] >> 60 != 0;
        ((escapes & !known) | (follow & !hex)).any()
    }
    #[inline(always)]
    fn escape_pending(carry: &Carry) -> bool {
        carry.pending
    }
    #[inline(always)]
    unsafe fn literals(raw: &Planes, _: *const u8, starts: Lanes, carry: &mut Carry) -> (Lanes, bool) {
        let lower = raw.byte(0x60, 0x1F);
        let is = |byte: u8| lower & raw.byte(byte, 0xE0);
        let (t, f, n) = (starts & is(b't'), starts & is(b'f'), starts & is(b'n'));
        let (tl, fl, nl) =
            (t.blocks_up(carry.starts_t), f.blocks_up(carry.starts_f), n.blocks_up(carry.starts_n));
        (carry.starts_t, carry.starts_f, carry.starts_n) = (t, f, n);
        let (t1, t2, t3) = (t.up::<1>(tl), t.up::<2>(tl), t.up::<3>(tl));
        let (f1, f2, f3, f4) = (f.up::<1>(fl), f.up::<2>(fl), f.up::<3>(fl), f.up::<4>(fl));
        let (n1, n2, n3) = (n.up::<1>(nl), n.up::<2>(nl), n.up::<3>(nl));
        let l = f2 | n2 | n3;
        let u = t2 | n1;
        let e = t3 | f4;
        let right = (t1 & is(b'r'))
            | (u & is(b'u'))
            | (e & is(b'e'))
            | (f1 & is(b'a'))
            | (l & is(b'l'))
            | (f3 & is(b's'));
        let rest = t1 | u | e | f1 | l | f3;
        let known = t | f | n;
        (known | rest, ((rest ^ right) | (starts & !known)).any())
    }
    #[inline(always)]
    fn splat(block: u64) -> Lanes {
        Lanes::splat(block)
    }
    #[inline(always)]
    unsafe fn walk(
        from: *const u8,
        open: Lanes,
        close: Lanes,
        bit5: Lanes,
        nest: &mut Nest,
    ) -> (Lanes, Lanes) {
        let lanes = (open | close).to_array();
        // The brackets of all blocks, one behind the other.
        let mut found = [core::mem::MaybeUninit::<u8>::uninit(); 512 + 64];
        let mut count = 0;
        for (i, lane) in lanes.iter().enumerate() {
            // SAFETY: see above. Only bytes whose bit is set are read, and those are bytes of the input
            // (masked-out bytes cannot fault). 64 bytes are written at `count`, which is at most 512 - 64
            // before the last block.
            unsafe {
                let block = _mm512_maskz_loadu_epi8(*lane, from.wrapping_add(64 * i).cast());
                let packed = _mm512_maskz_compress_epi8(*lane, block);
                _mm512_storeu_si512(found.as_mut_ptr().add(count).cast(), packed);
            }
            count += lane.count_ones() as usize;
        }
        if !nest.has_room(count as u32) {
            return walk_slowly(open, close, bit5, nest);
        }
        // One bit for each bracket, in order: whether the context differs behind it from that before.
        let (mut bad, mut emptied) = (0, 0);
        let mut stack = nest.stack;
        let mut differs = [0; 512 / 64 + 2];
        for (word, first) in differs.iter_mut().zip((0..count).step_by(64)) {
            let (mut bits, last) = (0, count.min(first + 64));
            for i in first..last {
                // SAFETY: `found` was written up to `count`, at most 512.
                let byte = u64::from(unsafe { found.get_unchecked(i).assume_init() });
                let (opens, object) = (byte & 2 != 0, (byte >> 5) & 1);
                bad |= (stack ^ object) & u64::from(!opens);
                let after = if opens { (stack << 1) | object } else { stack >> 1 };
                emptied += u32::from(after < 2);
                bits = (bits >> 1) | ((stack ^ after) << 63);
                stack = after;
            }
            *word = bits >> (64 - (last - first));
        }
        let mut ended = Lanes::zero();
        if emptied != 0 {
            // The root ends with the last bracket of the step, or this is a case for the slow walk.
            if emptied > 1 || stack != 1 || !nest.end() {
                return walk_slowly(open, close, bit5, nest);
            }
            ended = behind_last(&lanes);
        }
        nest.bad |= bad & 1 != 0;
        // Each of these bits at its bracket's place.
        let mut changes = [0; LANES];
        let mut at = 0;
        for (change, lane) in changes.iter_mut().zip(lanes) {
            let bits = (differs[at / 64] >> (at % 64)) | (differs[at / 64 + 1] << 1 << (63 - at % 64));
            // SAFETY: see above.
            *change = unsafe { _pdep_u64(bits, lane) };
            at += lane.count_ones() as usize;
        }
        let changes = Lanes::from_array(&changes);
        let mut context = nest.context();
        nest.stack = stack;
        // A change holds from the byte after its bracket on.
        let after = changes.prefix_xor(&mut context);
        (after ^ changes, ended)
    }
}

/// All bits behind the last one set; some bit is set.
#[inline(always)]
fn behind_last(lanes: &[u64; LANES]) -> Lanes {
    let last = lanes.iter().rposition(|lane| *lane != 0).unwrap_or(0);
    let behind = !0 << (63 - lanes[last].leading_zeros()) << 1;
    // SAFETY: see above.
    unsafe {
        let others = _mm512_maskz_set1_epi64(0xFEu8 << last, -1);
        Lanes(_mm512_mask_set1_epi64(others, 1 << last, behind))
    }
}

#[cold]
#[inline(never)]
fn walk_slowly(open: Lanes, close: Lanes, bit5: Lanes, nest: &mut Nest) -> (Lanes, Lanes) {
    let (open, close, bit5) = (open.to_array(), close.to_array(), bit5.to_array());
    let (mut before, mut ended) = ([0; LANES], [0; LANES]);
    for i in 0..LANES {
        (before[i], ended[i]) = if open[i] | close[i] == 0 && !nest.ended {
            (nest.context(), 0)
        } else {
            nest.walk_slowly(open[i], close[i], bit5[i])
        };
    }
    (Lanes::from_array(&before), Lanes::from_array(&ended))
}
