//! Timestamps as `JSON.stringify` writes a `Date`.

/// The most bytes that a timestamp takes: `"+275760-09-13T00:00:00.000Z"` with its quotes.
pub const MAX_TIMESTAMP_BYTES: usize = 29;

/// The range of a JavaScript `Date`, in milliseconds on either side of 1970.
const MAX_TIME_MS: f64 = 8.64e15;
const DAY_MS: i64 = 86_400_000;

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

    fn timestamp(value: f64) -> String {
        let mut out = [0; MAX_TIMESTAMP_BYTES];
        let length = write_timestamp(value, &mut out);
        String::from_utf8(out[..length].to_vec()).unwrap()
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
}
