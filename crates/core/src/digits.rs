//! Numbers as text, with the digits of JavaScript's `String(value)`.

/// The room that writing a number needs: more than its text, so that whole words can be stored.
pub const ROOM: usize = 32;
/// The most bytes of a number's text: `-0.0000012345678901234567`.
pub const MOST_BYTES: usize = 25;

/// Whole numbers below this are written as integers: `String` shows all their digits too.
const MOST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// Writes `value` at the start of `out` and gives the length; `null` where JSON has no number for it.
///
/// The digits are the shortest that read back as `value`, and of those the closest: ECMAScript's
/// `Number::toString`. Between the bounds below they come from `zmij` (Schubfach: Giulietti, "The Schubfach way
/// to render doubles", 2021), which writes a plain decimal there as JavaScript does; elsewhere from `ryu-js`.
#[inline]
pub fn write_number(value: f64, out: &mut [u8; ROOM]) -> usize {
    let whole = value as i64;
    // Of these, −0 is written as 0.
    if whole as f64 == value && value.abs() < MOST_WHOLE {
        return write_signed(whole, out);
    }
    write_fraction(value, out)
}

/// Millionths, and the most that is written by way of them.
const SCALE: f64 = 1e6;
const MOST_SCALED: f64 = 1e9;

fn write_fraction(value: f64, out: &mut [u8; ROOM]) -> usize {
    let magnitude = value.abs();
    if (1e-6..MOST_SCALED).contains(&magnitude) {
        let millionths = (magnitude * SCALE + 0.5) as u64;
        if millionths as f64 / SCALE == magnitude {
            return write_decimal(millionths, value < 0.0, out);
        }
    }
    if (1e-5..MOST_WHOLE).contains(&magnitude) {
        put(zmij::Buffer::new().format_finite(value).as_bytes(), out)
    } else if value.is_finite() {
        put(ryu_js::Buffer::new().format_finite(value).as_bytes(), out)
    } else {
        put(b"null", out)
    }
}

/// Writes millionths that are no whole number, with a point. A decimal of up to six places and fifteen digits, as
/// most measured and typed numbers are, is the shortest text of its double: two of at most fifteen digits never
/// round to the same one, and the division of two exact doubles is correctly rounded (Clinger, "How to read
/// floating point numbers accurately", 1990). It takes half of the time of the general way.
#[inline]
fn write_decimal(millionths: u64, negative: bool, out: &mut [u8; ROOM]) -> usize {
    out[0] = b'-';
    let point = write_at(millionths / 1_000_000, usize::from(negative), out);
    out[point] = b'.';
    let places = digits(millionths % 1_000_000 * 100);
    out[point + 1..point + 9].copy_from_slice(&(places | ZEROS).to_le_bytes());
    // The first place is lowest: zeros at the end are the bytes above.
    point + 9 - places.leading_zeros() as usize / 8
}

/// Copies a text of at most [`ROOM`] bytes by its two ends, of a constant length each: no call.
#[inline]
fn put(text: &[u8], out: &mut [u8; ROOM]) -> usize {
    let length = text.len();
    if let (Some(first), Some(last)) = (text.first_chunk::<16>(), text.last_chunk::<16>()) {
        out[..16].copy_from_slice(first);
        out[length - 16..length].copy_from_slice(last);
    } else if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        out[..8].copy_from_slice(first);
        out[length - 8..length].copy_from_slice(last);
    } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        out[..4].copy_from_slice(first);
        out[length - 4..length].copy_from_slice(last);
    } else {
        out[..length].copy_from_slice(text);
    }
    length
}

/// Writes a signed integer; gives the length.
#[inline]
pub fn write_signed(value: i64, out: &mut [u8; ROOM]) -> usize {
    out[0] = b'-';
    write_at(value.unsigned_abs(), usize::from(value < 0), out)
}

/// Writes an unsigned integer; gives the length.
#[inline]
pub fn write_unsigned(value: u64, out: &mut [u8; ROOM]) -> usize {
    write_at(value, 0, out)
}

const EIGHT: u64 = 100_000_000;
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Writes from `at`, which is 0 or 1; gives the end. The count of digits is no branch: it changes from one
/// number to the next.
#[inline]
fn write_at(value: u64, at: usize, out: &mut [u8; ROOM]) -> usize {
    if value < EIGHT {
        return write_head(value, at, out);
    }
    let (head, tail) = (value / EIGHT, value % EIGHT);
    let end = if head < EIGHT {
        write_head(head, at, out)
    } else {
        let end = write_head(head / EIGHT, at, out);
        write_eight(head % EIGHT, end, out)
    };
    write_eight(tail, end, out)
}

/// Up to eight digits, without zeros in front.
#[inline]
fn write_head(value: u64, at: usize, out: &mut [u8; ROOM]) -> usize {
    let digits = digits(value);
    // The last digit is always there.
    let zeros = (digits | 1 << 56).trailing_zeros() / 8;
    out[at..at + 8].copy_from_slice(&((digits | ZEROS) >> (8 * zeros)).to_le_bytes());
    at + 8 - zeros as usize
}

#[inline]
fn write_eight(value: u64, at: usize, out: &mut [u8; ROOM]) -> usize {
    out[at..at + 8].copy_from_slice(&(digits(value) | ZEROS).to_le_bytes());
    at + 8
}

/// The eight digits of a value below 10^8, one a byte, the first one lowest: halves, quarters and eighths are
/// divided side by side, by multiplication (Paul Khuong, "How to print integers really fast", 2017).
#[inline]
const fn digits(value: u64) -> u64 {
    let fours = (value / 10_000) | ((value % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x7f_0000_007f;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((twos - tens * 10) << 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(value: f64) -> String {
        let mut out = [b'#'; ROOM];
        let length = write_number(value, &mut out);
        assert!(length <= MOST_BYTES);
        String::from_utf8(out[..length].to_vec()).unwrap()
    }

    /// By the code that follows ECMAScript's `Number::toString`.
    fn expected(value: f64) -> String {
        match value {
            0.0 => "0".into(),
            value if value.is_finite() => ryu_js::Buffer::new().format_finite(value).into(),
            _ => "null".into(),
        }
    }

    #[test]
    fn numbers_have_the_digits_of_javascript() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (7.0, "7"),
            (-7.0, "-7"),
            (0.5, "0.5"),
            (-1e-7, "-1e-7"),
            (1e-6, "0.000001"),
            (1.5e-6, "0.0000015"),
            (-1.2345678901234567e-6, "-0.0000012345678901234567"),
            (0.00001, "0.00001"),
            (-0.000012, "-0.000012"),
            (123456.789, "123456.789"),
            (0.1 + 0.2, "0.30000000000000004"),
            (5e-324, "5e-324"),
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (4_503_599_627_370_495.5, "4503599627370495.5"),
            (9_007_199_254_740_991.0, "9007199254740991"),
            (-9_007_199_254_740_992.0, "-9007199254740992"),
            (9_007_199_254_740_994.0, "9007199254740994"),
            (-2.2250738585072014e-308, "-2.2250738585072014e-308"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
            (f64::NEG_INFINITY, "null"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn many_numbers_have_the_digits_of_ryu() {
        // PRIMARENA_NUMBERS=100000000 for a longer look.
        let count = std::env::var("PRIMARENA_NUMBERS").map_or(200_000, |count| count.parse().unwrap());
        let mut seed = 1_u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mixed = (seed ^ seed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed ^ mixed >> 32
        };
        for _ in 0..count {
            let bits = next();
            // Exponents near 1, where most numbers are, and around each power of ten.
            let near = bits & !(0x7f << 56) & !(1 << 62) | 0x3c << 56;
            let power = 10_f64.powi((bits % 40) as i32 - 12);
            let around = f64::from_bits(power.to_bits().wrapping_add(bits >> 8 & 7).wrapping_sub(3));
            for value in [
                f64::from_bits(bits),
                f64::from_bits(near),
                around,
                (bits >> 11) as f64 / 9_007_199_254_740_992.0,
                (bits % 1_000_000_000_000) as f64 / 1000.0,
                (bits % 1_000_000_000_000_000) as f64 / 1e6,
                -((bits % 100_000_000) as f64) / 100.0,
                (bits % 100_000_000) as f64 * 0.01,
                (bits >> 34) as f64 * 0.25,
                f64::from(f32::from_bits(bits as u32)),
            ] {
                assert_eq!(number(value), expected(value), "{value:e}");
            }
        }
    }

    #[test]
    fn integers_at_each_width() {
        let mut out = [0; ROOM];
        let powers = (0..20).map(|power| 10_u64.pow(power));
        for value in powers.flat_map(|power| [power - 1, power, power + 1]).chain([u64::MAX]) {
            let length = write_unsigned(value, &mut out);
            assert_eq!(out[..length], *value.to_string().as_bytes());
        }
        for value in [0, -1, 9, -10, i64::MAX, i64::MIN] {
            let length = write_signed(value, &mut out);
            assert_eq!(out[..length], *value.to_string().as_bytes());
        }
        for value in (0..EIGHT / 100).map(|value| value * 100 + value % 100) {
            let mut text = value;
            for place in (0..8).rev() {
                assert_eq!((digits(value) >> (8 * place)) & 0xff, text % 10, "{value}");
                text /= 10;
            }
        }
    }

    proptest! {
        #[test]
        fn numbers_read_back_as_themselves(bits: u64) {
            let value = f64::from_bits(bits);
            if value.is_finite() {
                prop_assert_eq!(number(value).parse::<f64>().unwrap(), value);
            }
            prop_assert_eq!(number(value), expected(value));
        }

        #[test]
        fn decimals_have_the_digits_of_ryu(digits in 1_u64..=9_999_999_999_999_999, places in 0_u32..17, by: i8) {
            let value = (digits as f64 / 10_f64.powi(places as i32)).copysign(f64::from(by));
            let value = f64::from_bits(value.to_bits().wrapping_add_signed(i64::from(by % 2)));
            prop_assert_eq!(number(value), expected(value));
        }

        #[test]
        fn whole_numbers_have_their_digits(value in -9_007_199_254_740_991_i64..=9_007_199_254_740_991, any: u64) {
            prop_assert_eq!(number(value as f64), value.to_string());
            let mut out = [0; ROOM];
            let length = write_unsigned(any, &mut out);
            prop_assert_eq!(std::str::from_utf8(&out[..length]).unwrap(), any.to_string());
        }
    }
}
