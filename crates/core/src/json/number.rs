//! The numbers of JSON, exactly as `JSON.parse` reads them.

use super::decimal::{MOST_EXPONENT, nearest};

/// Powers of ten, exact as `f64`.
const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// The number that `raw` is, rounded as IEEE 754 says; `None` if it is no JSON number.
#[inline]
pub fn parse_f64(raw: &[u8]) -> Option<f64> {
    f64_in(raw, 0, raw.len())
}

/// The number at `start..end` of `input`, as [`parse_f64`] reads it. Bytes behind it may be looked at.
///
/// Up to 2^53 and 10^22 one division is exact (W. D. Clinger, "How to read floating point numbers accurately", 1990).
/// Numbers of many digits go the other way at once: whether they are below 2^53 cannot be foretold.
#[inline]
pub(crate) fn f64_in(input: &[u8], start: usize, end: usize) -> Option<f64> {
    let parts = Parts::read(input, start, end)?;
    let value = match parts.exponent {
        _ if !parts.exact => return slow(&input[start..end]),
        exponent @ -15..=0 if parts.mantissa <= 1 << 53 => parts.mantissa as f64 / POWERS[-exponent as usize],
        exponent if (-MOST_EXPONENT..=MOST_EXPONENT).contains(&exponent) => nearest(parts.mantissa, exponent),
        _ => return slow(&input[start..end]),
    };
    Some(if parts.negative { -value } else { value })
}

#[cold]
fn slow(raw: &[u8]) -> Option<f64> {
    std::str::from_utf8(raw).ok()?.parse().ok()
}

/// A whole number: sign and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integer {
    /// Whether a minus sign is before it; also of `-0`.
    pub negative: bool,
    /// Without its sign.
    pub size: u64,
}

impl Integer {
    /// As an `i64`, if it is one.
    #[inline]
    pub fn to_i64(self) -> Option<i64> {
        if self.negative { 0_i64.checked_sub_unsigned(self.size) } else { i64::try_from(self.size).ok() }
    }

    /// As a `u64`, if it is one.
    #[inline]
    pub fn to_u64(self) -> Option<u64> {
        (!self.negative || self.size == 0).then_some(self.size)
    }
}

/// The whole number that `raw` is; `None` if it is not whole, or needs more than 64 bits and a sign.
///
/// Whole numbers written with a fraction or an exponent (`1e3`, `2.0`) are taken where `f64` holds them
/// exactly.
#[inline]
pub fn parse_integer(raw: &[u8]) -> Option<Integer> {
    integer_in(raw, 0, raw.len())
}

/// The whole number at `start..end` of `input`, as [`parse_integer`] reads it. Bytes behind it may be looked at.
#[inline(always)]
pub(crate) fn integer_in(input: &[u8], start: usize, end: usize) -> Option<Integer> {
    match digits_in(input, start, end) {
        Some(size) => Some(Integer { negative: false, size }),
        None => any_integer(input, start, end),
    }
}

/// The number at `start..end` if that is 1 to 19 digits: what nearly all whole numbers are.
#[inline(always)]
fn digits_in(input: &[u8], start: usize, end: usize) -> Option<u64> {
    let size = all_digits(input, start, end)?;
    // No zero in front.
    (end - start == 1 || size >= TENS[(end - start - 1) % TENS.len()]).then_some(size)
}

#[inline(never)]
fn any_integer(input: &[u8], start: usize, end: usize) -> Option<Integer> {
    let Parts { negative, mantissa, exponent, exact } = Parts::read(input, start, end)?;
    if exponent == 0 && exact {
        return Some(Integer { negative, size: mantissa });
    }
    long_integer(negative, &input[start..end])
}

#[cold]
fn long_integer(negative: bool, raw: &[u8]) -> Option<Integer> {
    let digits = std::str::from_utf8(&raw[usize::from(negative)..]).ok()?;
    if let Ok(size) = digits.parse() {
        return Some(Integer { negative, size });
    }
    let size: f64 = digits.parse().ok()?;
    let whole = size.fract() == 0.0 && size <= 9_007_199_254_740_992.0;
    whole.then_some(Integer { negative, size: size as u64 })
}

/// A number taken apart: mantissa times ten to the exponent.
struct Parts {
    negative: bool,
    mantissa: u64,
    exponent: i32,
    /// Whether mantissa and exponent say all: false beyond 19 digits.
    exact: bool,
}

impl Parts {
    #[inline(always)]
    fn read(input: &[u8], start: usize, end: usize) -> Option<Parts> {
        let negative = start < end && input.get(start) == Some(&b'-');
        let mut parts = Parts { negative, mantissa: 0, exponent: 0, exact: true };
        let first = start + usize::from(negative);
        let mut at = parts.digits(input, first);
        let whole = at - first;
        if whole == 0 || whole > 1 && input[first] == b'0' {
            return None;
        }
        if at >= end {
            parts.exact = whole <= 19;
            return (at == end).then_some(parts);
        }
        let mut fraction = 0;
        if input.get(at) == Some(&b'.') {
            let point = at;
            fraction = end - point - 1;
            if let Some(digits) = all_digits(input, point + 1, end)
                && whole + fraction <= 19
            {
                parts.mantissa = parts.mantissa * TENS[fraction] + digits;
                parts.exponent = -(fraction as i32);
                return Some(parts);
            }
            at = parts.digits(input, point + 1);
            fraction = at - point - 1;
            if fraction == 0 {
                return None;
            }
        }
        parts.exact = whole + fraction <= 19;
        let mut exponent = 0_i32;
        if let Some(b'e' | b'E') = input.get(at) {
            at += 1;
            let down = input.get(at) == Some(&b'-');
            at += usize::from(matches!(input.get(at), Some(b'+' | b'-')));
            let digits = at;
            while let Some(digit @ b'0'..=b'9') = input.get(at) {
                exponent = exponent.saturating_mul(10).saturating_add(i32::from(digit - b'0'));
                at += 1;
            }
            if at == digits {
                return None;
            }
            if down {
                exponent = -exponent;
            }
        }
        // A fraction too long for i32 is not exact anyway.
        parts.exponent = exponent.saturating_sub(i32::try_from(fraction).unwrap_or(i32::MAX));
        (at == end).then_some(parts)
    }

    /// Adds digits to the mantissa, eight at a time; wraps beyond 19 of them, which `exact` then says.
    #[inline(always)]
    fn digits(&mut self, input: &[u8], mut at: usize) -> usize {
        loop {
            let (value, count) = leading_digits(eight_bytes(input, at));
            self.mantissa = self.mantissa.wrapping_mul(TENS[count]).wrapping_add(value);
            at += count;
            if count < 8 {
                return at;
            }
        }
    }
}

const TENS: [u64; 20] = {
    let mut tens = [1; 20];
    let mut i = 1;
    while i < 20 {
        tens[i] = tens[i - 1] * 10;
        i += 1;
    }
    tens
};

/// The number at `start..end`, if that is 1 to 19 digits and not at the very front of the input.
#[inline(always)]
fn all_digits(input: &[u8], start: usize, end: usize) -> Option<u64> {
    match end.wrapping_sub(start) {
        count @ 1..=8 => few_digits(input, start, count),
        count @ 9..=19 => many_digits(input, end, count),
        _ => None,
    }
}

/// The number that the `count` digits before `end` are, of which there are 9 to 19: one way for all of them, as which
/// one it is cannot be foretold.
#[inline(always)]
fn many_digits(input: &[u8], end: usize, count: usize) -> Option<u64> {
    let words = input.get(end.checked_sub(24)?..end)?.as_chunks::<8>().0;
    let [first, second, third] = words else { return None };
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes) ^ ZEROS;
    // What comes before the digits is cut off: zeros in front of them.
    let cut = |word: u64, digits: usize| match digits {
        0 => 0,
        digits => (word >> (64 - 8 * digits)) << (64 - 8 * digits),
    };
    let words =
        [cut(word(first), count.saturating_sub(16)), cut(word(second), (count - 8).min(8)), word(third)];
    let others = words.iter().fold(0, |others, word| others | word.wrapping_add(0x76 * ONES) | word);
    let [first, second, third] = words.map(eight_digits);
    // At most 19 digits fit.
    (others & (0x80 * ONES) == 0).then(|| (first * TENS[8] + second) * TENS[8] + third)
}

/// The number that `count` digits are, of which there are one to eight.
#[inline(always)]
fn few_digits(input: &[u8], at: usize, count: usize) -> Option<u64> {
    let word = (eight_bytes(input, at) ^ ZEROS) << (64 - 8 * count);
    // A byte above 9 has its highest bit, or gets it by the addition.
    let others = (word.wrapping_add(0x76 * ONES) | word) & (0x80 * ONES);
    (others == 0).then(|| eight_digits(word))
}

/// The eight bytes from `at` on, zeros behind the end.
#[inline(always)]
fn eight_bytes(input: &[u8], at: usize) -> u64 {
    match input.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(eight) => u64::from_le_bytes(*eight),
        None => last_bytes(input, at),
    }
}

#[inline(never)]
fn last_bytes(input: &[u8], at: usize) -> u64 {
    let rest = input.get(at..).unwrap_or_default();
    if let (Some(front), Some(back)) = (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        let [front, back] = [front, back].map(|four| u64::from(u32::from_le_bytes(*four)));
        return front | back << (8 * (rest.len() - 4));
    }
    rest.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte))
}

const ONES: u64 = 0x0101_0101_0101_0101;
const ZEROS: u64 = b'0' as u64 * ONES;

/// The number that the digits at the front of eight bytes are, and how many they are.
#[inline(always)]
fn leading_digits(text: u64) -> (u64, usize) {
    // Digits become 0 to 9; bytes above have their highest bit set by adding 0x76 to the lower seven, or already.
    let word = text ^ ZEROS;
    let others = (((word & (0x7F * ONES)) + 0x76 * ONES) | word) & (0x80 * ONES);
    let count = (others.trailing_zeros() / 8) as usize;
    // What are no digits fall out above; zeros come in before the first digit.
    let word = if count == 0 { 0 } else { word << (64 - 8 * count) };
    (eight_digits(word), count)
}

/// The number whose digits are the bytes from the lowest to the highest: three multiplications instead of eight
/// (D. Lemire, "Quickly parsing eight digits", 2022).
#[inline(always)]
fn eight_digits(word: u64) -> u64 {
    let pairs = word.wrapping_mul(10).wrapping_add(word >> 8);
    let low = (pairs & 0x0000_00FF_0000_00FF).wrapping_mul(100 + (1_000_000 << 32));
    let high = ((pairs >> 16) & 0x0000_00FF_0000_00FF).wrapping_mul(1 + (10_000 << 32));
    low.wrapping_add(high) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_std() {
        let mut texts: Vec<String> = [
            "0",
            "-0",
            "1",
            "-1",
            "10",
            "0.1",
            "1.5",
            "-2.25",
            "1e3",
            "1E+3",
            "1e-3",
            "123.456e7",
            "1e22",
            "1e23",
            "9007199254740991",
            "9007199254740992",
            "9007199254740993",
            "9007199254740993e0",
            "18446744073709551615",
            "18446744073709551616",
            "1e308",
            "1e400",
            "-1e400",
            "1e-400",
            "5e-324",
            "2.2250738585072011e-308",
            "0.000001",
            "1234567890123456789",
            "12345678901234567890123",
            "0.1234567890123456789012345",
            "1e99999999999",
            "1e-99999999999",
            "0e0",
            "0.0e-99999999999",
            "123456789012345678.9",
            "4.35",
            "0.3",
        ]
        .map(str::to_owned)
        .to_vec();
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        let mut random = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        for _ in 0..200_000 {
            let (a, b, e) = (random() >> (random() % 64), random() >> (random() % 64), random() % 60);
            texts.push(match random() % 4 {
                0 => format!("{a}"),
                1 => format!("-{a}.{b}"),
                2 => format!("{a}e{}", e as i64 - 30),
                _ => format!("{}", f64::from_bits(random())).replace("inf", "1").replace("NaN", "0"),
            });
        }
        for text in &texts {
            let got = parse_f64(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(got.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
        }
    }

    #[test]
    fn leading_digits_are_nothing_else() {
        for text in [b"00000000", b"12345678", b"99999999"] {
            for count in 0..8 {
                let expected = text[..count].iter().fold(0, |n, digit| n * 10 + u64::from(digit - b'0'));
                for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit()) {
                    let mut other = *text;
                    other[count] = byte;
                    assert_eq!(leading_digits(u64::from_le_bytes(other)), (expected, count), "{other:?}");
                }
                assert_eq!(leading_digits(eight_bytes(&text[..count], 0)), (expected, count));
            }
            let all = std::str::from_utf8(text).unwrap().parse().unwrap();
            assert_eq!(leading_digits(u64::from_le_bytes(*text)), (all, 8));
        }
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in [
            "", "-", "01", "-01", "1.", ".5", "1e", "1e+", "+1", "1x", "0x1", "NaN", "inf", "1.e5", "1 ",
            "--1",
        ] {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text}");
            assert_eq!(parse_integer(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn whole_numbers() {
        for (text, signed, unsigned) in [
            ("0", Some(0), Some(0)),
            ("-0", Some(0), Some(0)),
            ("-5", Some(-5), None),
            ("18446744073709551615", None, Some(u64::MAX)),
            ("18446744073709551616", None, None),
            ("9223372036854775807", Some(i64::MAX), Some(i64::MAX as u64)),
            ("-9223372036854775808", Some(i64::MIN), None),
            ("-9223372036854775809", None, None),
            ("9999999999999999999", None, Some(9_999_999_999_999_999_999)),
            ("1e3", Some(1000), Some(1000)),
            ("-2.0", Some(-2), None),
            ("25e-1", None, None),
            ("1.5", None, None),
            ("1e400", None, None),
            ("1e17", None, None),
            ("99999999999999999999999999999999", None, None),
        ] {
            let value = parse_integer(text.as_bytes());
            assert_eq!(value.and_then(Integer::to_i64), signed, "{text}");
            assert_eq!(value.and_then(Integer::to_u64), unsigned, "{text}");
        }
    }
}
