//! Numbers and timestamps as `JSON.stringify` writes them.

/// The most bytes that a number takes: `-1.2345678901234567e-123` and the like.
pub const MAX_NUMBER_BYTES: usize = 25;
/// The most bytes that a timestamp takes: `"+275760-09-13T00:00:00.000Z"` with its quotes.
pub const MAX_TIMESTAMP_BYTES: usize = 29;

/// The range of a JavaScript `Date`, in milliseconds on either side of 1970.
const MAX_TIME_MS: f64 = 8.64e15;
const DAY_MS: i64 = 86_400_000;
/// Whole numbers below this have the digits of an integer.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

/// Writes `value` with the digits of `String(value)`; `null` where JSON has no number for it.
pub fn write_number(value: f64, out: &mut [u8; MAX_NUMBER_BYTES]) -> usize {
    if value.abs() < MAX_WHOLE && value as i64 as f64 == value {
        let whole = value as i64;
        out[0] = b'-';
        let at = usize::from(whole < 0);
        return write_whole(whole.unsigned_abs(), out, at);
    }
    let magnitude = value.abs();
    if (1e-6..MOST_SCALED).contains(&magnitude) {
        // Not `round`, a library call on the oldest x86-64: what this may round otherwise is not the value.
        let scaled = (magnitude * SCALE + 0.5) as u64;
        if scaled as f64 / SCALE == magnitude {
            return write_decimal(scaled, value < 0.0, out);
        }
    }
    if !value.is_finite() {
        out[..4].copy_from_slice(b"null");
        return 4;
    }
    let mut buffer = ryu_js::Buffer::new();
    let text = buffer.format_finite(value).as_bytes();
    out[..text.len()].copy_from_slice(text);
    text.len()
}

/// Millionths, and the most that is written by way of them.
///
/// A decimal of at most six places and fifteen digits is the only such decimal that reads as that double, so
/// where it does, its digits are the shortest. It takes a third of the time of the general way.
const SCALE: f64 = 1e6;
const MOST_SCALED: f64 = 1e9;

/// Writes millionths with a point, without the zeros at their end.
fn write_decimal(millionths: u64, negative: bool, out: &mut [u8; MAX_NUMBER_BYTES]) -> usize {
    out[0] = b'-';
    let point = write_whole(millionths / 1_000_000, out, usize::from(negative));
    out[point] = b'.';
    let places = (millionths % 1_000_000) as u32;
    for (index, pair) in [places / 10_000, places / 100 % 100, places % 100].into_iter().enumerate() {
        let at = point + 1 + index * 2;
        out[at..at + 2].copy_from_slice(&PAIRS[pair as usize]);
    }
    let mut end = point + 7;
    while out[end - 1] == b'0' {
        end -= 1;
    }
    end
}

/// The digits of 0 to 99, two each.
static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut value = 0;
    while value < 100 {
        pairs[value] = [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8];
        value += 1;
    }
    pairs
};

/// Writes the digits of a whole number below 2^53 from `at` on; gives where they end.
fn write_whole(value: u64, out: &mut [u8; MAX_NUMBER_BYTES], at: usize) -> usize {
    if let Ok(value) = u32::try_from(value) {
        let end = at + value.checked_ilog10().unwrap_or(0) as usize + 1;
        write_digits(value, out, at, end);
        return end;
    }
    // At most 2^53 / 10^8, which is below 2^32: each half is written in 32 bits.
    let end = write_whole(value / 100_000_000, out, at);
    write_digits((value % 100_000_000) as u32, out, end, end + 8);
    end + 8
}

/// Writes the last digits of `value` between `at` and `end`.
fn write_digits(mut value: u32, out: &mut [u8; MAX_NUMBER_BYTES], at: usize, mut end: usize) {
    while end >= at + 2 {
        end -= 2;
        out[end..end + 2].copy_from_slice(&PAIRS[(value % 100) as usize]);
        value /= 100;
    }
    if end > at {
        out[at] = b'0' + value as u8;
    }
}

/// Writes milliseconds since 1970 as `Date.prototype.toISOString` does, quoted; `null` for what is not a time.
pub fn write_timestamp(time_ms: f64, out: &mut [u8; MAX_TIMESTAMP_BYTES]) -> usize {
    if time_ms.is_nan() || time_ms.abs() > MAX_TIME_MS {
        out[..4].copy_from_slice(b"null");
        return 4;
    }
    let time_ms = time_ms.trunc() as i64;
    let (days, in_day) = (time_ms.div_euclid(DAY_MS), time_ms.rem_euclid(DAY_MS));
    let (year, month, day) = civil(days);
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        out[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(b"\"");
    if (0..=9999).contains(&year) {
        put(&digits::<4>(year.unsigned_abs()));
    } else {
        put(if year < 0 { b"-" } else { b"+" });
        put(&digits::<6>(year.unsigned_abs()));
    }
    let in_day = in_day.unsigned_abs();
    for (before, value) in [
        (b"-", u64::from(month)),
        (b"-", u64::from(day)),
        (b"T", in_day / 3_600_000),
        (b":", in_day / 60_000 % 60),
        (b":", in_day / 1000 % 60),
    ] {
        put(before);
        put(&digits::<2>(value));
    }
    put(b".");
    put(&digits::<3>(in_day % 1000));
    put(b"Z\"");
    at
}

/// Year, month and day of a day since 1970-01-01, in the proleptic Gregorian calendar
/// (Howard Hinnant, `civil_from_days`, <https://howardhinnant.github.io/date_algorithms.html>).
fn civil(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, day as u32)
}

fn digits<const N: usize>(mut value: u64) -> [u8; N] {
    let mut text = [b'0'; N];
    for place in text.iter_mut().rev() {
        *place = b'0' + (value % 10) as u8;
        value /= 10;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(value: f64) -> String {
        let mut out = [0; MAX_NUMBER_BYTES];
        let length = write_number(value, &mut out);
        String::from_utf8(out[..length].to_vec()).unwrap()
    }

    fn timestamp(value: f64) -> String {
        let mut out = [0; MAX_TIMESTAMP_BYTES];
        let length = write_timestamp(value, &mut out);
        String::from_utf8(out[..length].to_vec()).unwrap()
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
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (9_007_199_254_740_991.0, "9007199254740991"),
            (-9_007_199_254_740_992.0, "-9007199254740992"),
            (9_007_199_254_740_994.0, "9007199254740994"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
            (f64::NEG_INFINITY, "null"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn timestamps_are_those_of_to_iso_string() {
        for (value, text) in [
            (0.0, "\"1970-01-01T00:00:00.000Z\""),
            (-1.0, "\"1969-12-31T23:59:59.999Z\""),
            (951_782_400_000.0, "\"2000-02-29T00:00:00.000Z\""),
            (1_700_000_000_123.9, "\"2023-11-14T22:13:20.123Z\""),
            (-62_198_755_200_000.0, "\"-000001-01-01T00:00:00.000Z\""),
            (253_402_300_800_000.0, "\"+010000-01-01T00:00:00.000Z\""),
            (8.64e15, "\"+275760-09-13T00:00:00.000Z\""),
            (-8.64e15, "\"-271821-04-20T00:00:00.000Z\""),
            (8.64e15 + 2.0, "null"),
            (f64::NAN, "null"),
        ] {
            assert_eq!(timestamp(value), text);
        }
    }

    proptest! {
        #[test]
        fn numbers_read_back_as_themselves(bits: u64) {
            let value = f64::from_bits(bits);
            if value.is_finite() {
                prop_assert_eq!(number(value).parse::<f64>().unwrap(), value);
            } else {
                prop_assert_eq!(number(value), "null");
            }
        }

        #[test]
        fn decimals_have_the_digits_of_the_general_way(digits in 1_u64..=9_999_999_999_999_999, places in 0_u32..17, by: i8) {
            let value = (digits as f64 / 10_f64.powi(places as i32)).copysign(f64::from(by));
            let value = f64::from_bits(value.to_bits().wrapping_add_signed(i64::from(by % 2)));
            let mut buffer = ryu_js::Buffer::new();
            prop_assert_eq!(number(value), buffer.format_finite(value));
        }

        #[test]
        fn whole_numbers_have_their_digits(value in -9_007_199_254_740_991_i64..=9_007_199_254_740_991) {
            prop_assert_eq!(number(value as f64), value.to_string());
        }
    }
}
