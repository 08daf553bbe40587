//! RFC 3339 text as milliseconds since 1970.

/// The furthest that a JavaScript `Date` goes from 1970.
pub const MAX_MILLISECONDS: f64 = 8.64e15;

/// Reads `2024-02-29T12:30:00.125Z`, or with an offset as `+01:00`. Digits of a fraction beyond the third
/// are dropped, as `Date.parse` does. A leap second is not understood, as in `Date.parse`.
pub fn parse(text: &[u8]) -> Option<f64> {
    let number = |from: usize, length: usize| {
        let digits = text.get(from..from + length)?;
        digits.iter().try_fold(0_i64, |value, &digit| {
            digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0'))
        })
    };
    let is = |at: usize, byte: u8| text.get(at).is_some_and(|found| found.to_ascii_uppercase() == byte);
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    if !(is(4, b'-') && is(7, b'-') && is(10, b'T') && is(13, b':') && is(16, b':')) {
        return None;
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut at = 19;
    let mut milliseconds = 0;
    if is(at, b'.') {
        let digits = text[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        for place in 0..3 {
            let digit = if place < digits { i64::from(text[at + 1 + place] - b'0') } else { 0 };
            milliseconds = milliseconds * 10 + digit;
        }
        at += 1 + digits;
    }
    let offset = match text.get(at)? {
        b'Z' | b'z' if text.len() == at + 1 => 0,
        sign @ (b'+' | b'-') if text.len() == at + 6 && is(at + 3, b':') => {
            let (hours, minutes) = (number(at + 1, 2)?, number(at + 4, 2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    let days = days_from_civil(year, month, day);
    let minutes = days * 1440 + hour * 60 + minute - offset;
    Some((minutes * 60_000 + second * 1000 + milliseconds) as f64)
}

/// Days since 1970 in the Gregorian calendar: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn times_as_date_parse_reads_them() {
        for (text, milliseconds) in [
            ("1970-01-01T00:00:00Z", 0.0),
            ("2024-02-29T12:30:00.125Z", 1_709_209_800_125.0),
            ("2024-02-29T12:30:00.1259+01:00", 1_709_206_200_125.0),
            ("1969-12-31T23:59:59.9-00:30", 1_799_900.0),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000.0),
            ("9999-12-31t23:59:59z", 253_402_300_799_000.0),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(milliseconds), "{text}");
        }
        for text in [
            "",
            "2024",
            "2024-02-29",
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-00-01T00:00:00Z",
            "2024-01-32T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:60Z",
            "2024-01-01 00:00:00Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+1:00",
            "2024-01-01T00:00:00Zx",
            "2024-01-01T00:00:00+24:00",
            "2024-01-01T00:00:00.5",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
