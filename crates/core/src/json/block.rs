//! The engine of one block of 64 bytes, for every instruction set that yields `u64` bitmaps.

use core::marker::PhantomData;

use super::grammar::{Engine, Numerals, Structure};
use super::nest::Nest;
use super::simd::Bytes;

/// [`Engine`] over the bitmaps of `B`.
pub(crate) struct Block<B>(PhantomData<B>);

/// Bytes of a literal that lie in the next block.
pub(crate) type Overhang = u64;

// SAFETY: only `B` uses an instruction set, the one it names.
unsafe impl<B: Bytes> Engine for Block<B> {
    type Word = u64;
    type Raw = B;
    type Carry = Overhang;
    const BLOCKS: usize = 1;
    // `\uXXXX` from the last byte on reads 5 bytes, `false` 4.
    const LOOK_AHEAD: usize = 8;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> B {
        // SAFETY: the caller's promise is the one asked for.
        unsafe { B::load(from) }
    }
    #[inline(always)]
    fn any_high(raw: &B) -> bool {
        raw.any_high()
    }
    #[inline(always)]
    fn quote(raw: &B) -> u64 {
        raw.eq(b'"')
    }
    #[inline(always)]
    fn backslash(raw: &B) -> u64 {
        raw.eq(b'\\')
    }
    #[inline(always)]
    fn control(raw: &B) -> u64 {
        raw.control()
    }
    #[inline(always)]
    fn structure(raw: &B) -> Structure<u64> {
        Structure {
            open: raw.eq_folded(b'{'),
            close: raw.eq_folded(b'}'),
            comma: raw.eq(b','),
            colon: raw.eq(b':'),
            white: raw.white(),
        }
    }
    #[inline(always)]
    fn bit5(raw: &B) -> u64 {
        raw.bit5()
    }
    #[inline(always)]
    fn digit(raw: &B) -> u64 {
        raw.digits()
    }
    #[inline(always)]
    fn zero(raw: &B) -> u64 {
        raw.eq(b'0')
    }
    #[inline(always)]
    fn minus(raw: &B) -> u64 {
        raw.eq(b'-')
    }
    #[inline(always)]
    fn numerals(raw: &B) -> Numerals<u64> {
        Numerals { plus: raw.eq(b'+'), point: raw.eq(b'.'), exponent: raw.eq_folded(b'e') }
    }
    #[inline(always)]
    fn prefix_xor(bits: u64, carry: &mut u64) -> u64 {
        let inside = B::prefix_xor(bits) ^ *carry;
        *carry = ((inside as i64) >> 63) as u64;
        inside
    }
    #[inline(always)]
    fn escaped(backslash: u64, carry: &mut u64) -> u64 {
        escaped(backslash, carry)
    }
    #[inline(always)]
    unsafe fn bad_escapes(_: &B, from: *const u8, escaped: u64, _: &mut Overhang) -> bool {
        // SAFETY: 64 bytes and the look-ahead are readable.
        unsafe { bad_escapes(from, escaped) }
    }
    #[inline(always)]
    fn escape_pending(_: &Overhang) -> bool {
        false
    }
    #[inline(always)]
    unsafe fn literals(_: &B, from: *const u8, starts: u64, carry: &mut Overhang) -> (u64, bool) {
        if starts == 0 {
            return (core::mem::take(carry), false);
        }
        // SAFETY: 64 bytes and the look-ahead are readable.
        unsafe { literals(from, starts, carry) }
    }
    #[inline(always)]
    fn splat(block: u64) -> u64 {
        block
    }
    #[inline(always)]
    unsafe fn walk(_: *const u8, open: u64, close: u64, bit5: u64, nest: &mut Nest) -> (u64, u64) {
        nest.walk(open, close, bit5)
    }
}

/// Bytes after an odd number of backslashes (the algebra of simdjson's `json_escape_scanner`).
#[inline(always)]
pub(crate) fn escaped(backslash: u64, carry: &mut u64) -> u64 {
    const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
    let before = *carry;
    // Subtracting each run's start from the odd bits behind flips them up to the run's end: what then
    // differs from the odd bits are the escaping backslashes and what they escape.
    let may_escape = backslash & !before;
    let codes = (((may_escape << 1) | ODD).wrapping_sub(may_escape)) ^ ODD;
    *carry = (codes & backslash) >> 63;
    codes ^ (backslash | before)
}

const SIMPLE_ESCAPES: [bool; 256] = {
    let mut table = [false; 256];
    let mut i = 0;
    while i < 8 {
        table[b"\"\\/bfnrt"[i] as usize] = true;
        i += 1;
    }
    table
};

/// # Safety
/// `from` is valid for reads of 72 bytes.
#[inline(always)]
unsafe fn bad_escapes(from: *const u8, escaped: u64) -> bool {
    let (mut rest, mut bad) = (escaped, false);
    while rest != 0 {
        let at = rest.trailing_zeros() as usize;
        rest &= rest - 1;
        // SAFETY: `at` is below 64.
        let byte = unsafe { *from.add(at) };
        if byte == b'u' {
            // SAFETY: bytes up to 63 + 4 are readable.
            let hex = unsafe { from.add(at + 1).cast::<[u8; 4]>().read() };
            bad |= !hex.iter().all(u8::is_ascii_hexdigit);
        } else {
            bad |= !SIMPLE_ESCAPES[usize::from(byte)];
        }
    }
    bad
}

/// # Safety
/// `from` is valid for reads of 72 bytes.
#[inline(always)]
unsafe fn literals(from: *const u8, starts: u64, carry: &mut Overhang) -> (u64, bool) {
    let (mut rest, mut bad) = (starts, false);
    let (mut bytes, mut over) = (core::mem::take(carry), 0);
    while rest != 0 {
        let at = rest.trailing_zeros() as usize;
        rest &= rest - 1;
        // SAFETY: bytes up to 63 + 4 are readable.
        let (word, fifth) = unsafe { (from.add(at).cast::<[u8; 4]>().read(), *from.add(at + 4)) };
        let is_false = word == *b"fals";
        bad |= !(word == *b"true" || word == *b"null" || (is_false && fifth == b'e'));
        let span = (0xFu128 | (u128::from(is_false) << 4)) << at;
        bytes |= span as u64;
        over |= (span >> 64) as u64;
    }
    *carry = over;
    (bytes, bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_found_across_blocks() {
        let mut seed = 7u64;
        for round in 0..2000 {
            let bytes: Vec<u8> = (0..192)
                .map(|_| {
                    seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    if (seed >> 33) % 8 < 1 + round % 7 { b'\\' } else { b'x' }
                })
                .collect();
            let (mut carry, mut plain) = (0, false);
            for block in bytes.chunks(64) {
                let bits = block.iter().rev().fold(0, |m, b| (m << 1) | u64::from(*b == b'\\'));
                let found = escaped(bits, &mut carry);
                for (i, b) in block.iter().enumerate() {
                    assert_eq!((found >> i) & 1 == 1, plain);
                    plain = !plain && *b == b'\\';
                }
            }
        }
    }
}
