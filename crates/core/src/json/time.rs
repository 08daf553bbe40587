//! Timestamps: RFC 3339 texts to milliseconds since 1970.

/// Milliseconds since 1970 of an RFC 3339 date and time (`2024-02-29T12:00:00.123+01:00`). Digits beyond
/// milliseconds are cut off, as `Date` does. A leap second is taken as the first second after it.
pub fn parse_rfc3339(text: &[u8]) -> Option<f64> {
    let number = |from: usize, to: usize| -> Option<i64> {
        text.get(from..to)?
            .iter()
            .try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
    };
    let sign = |at: usize, wanted: &[u8]| text.get(at).filter(|b| wanted.contains(b));
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    sign(4, b"-").and(sign(7, b"-")).and(sign(10, b"Tt ")).and(sign(13, b":")).and(sign(16, b":"))?;
    let mut at = 19;
    let mut millis = 0;
    if text.get(at) == Some(&b'.') {
        let digits = text[at + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        let kept = digits.min(3);
        millis = number(at + 1, at + 1 + kept)? * [100, 10, 1][kept - 1];
        at += 1 + digits;
    }
    let offset_minutes = match text.get(at)? {
        b'Z' | b'z' => {
            at += 1;
            0
        }
        plus_or_minus @ (b'+' | b'-') => {
            let (hours, minutes) = (number(at + 1, at + 3)?, number(at + 4, at + 6)?);
            sign(at + 3, b":")?;
            if hours > 23 || minutes > 59 {
                return None;
            }
            at += 6;
            (hours * 60 + minutes) * if *plus_or_minus == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = [31, 28 + i64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let valid = at == text.len()
        && (1..=12).contains(&month)
        && (1..=month_days[(month.clamp(1, 12) - 1) as usize]).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    let minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset_minutes;
    valid.then_some(((minutes * 60 + second) * 1000 + millis) as f64)
}

/// Days of the proleptic Gregorian calendar (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", Some(0.0)),
            ("1970-01-01t00:00:00.5z", Some(500.0)),
            ("2024-02-29T12:34:56.789123+01:30", Some(1_709_204_696_789.0)),
            ("2024-02-29 12:34:56-00:00", Some(1_709_210_096_000.0)),
            ("1969-12-31T23:59:59.999Z", Some(-1.0)),
            ("0000-01-01T00:00:00Z", Some(-62_167_219_200_000.0)),
            ("9999-12-31T23:59:59Z", Some(253_402_300_799_000.0)),
            ("2016-12-31T23:59:60Z", Some(1_483_228_800_000.0)),
            ("2023-02-29T00:00:00Z", None),
            ("2024-13-01T00:00:00Z", None),
            ("2024-00-01T00:00:00Z", None),
            ("2024-01-00T00:00:00Z", None),
            ("2024-01-01T24:00:00Z", None),
            ("2024-01-01T00:60:00Z", None),
            ("2024-01-01T00:00:61Z", None),
            ("2024-01-01T00:00:00", None),
            ("2024-01-01T00:00:00.Z", None),
            ("2024-01-01T00:00:00Zx", None),
            ("2024-01-01T00:00:00+1:00", None),
            ("2024-01-01T00:00:00+24:00", None),
            ("2024-01-01", None),
            ("", None),
            ("+024-01-01T00:00:00Z", None),
        ] {
            assert_eq!(parse_rfc3339(text.as_bytes()), millis, "{text}");
        }
    }
}
