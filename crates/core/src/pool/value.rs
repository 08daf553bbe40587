//! JSON values as field values. The bytes are one value of a validated document; should somebody have
//! changed them since, the answer is a misfit or another value, never more.

use std::ops::Range;

use crate::error::Code;
use crate::json::number::{Integer, f64_in, integer_in, parse_f64};
use crate::json::text::push_utf8;
use crate::json::time::parse_rfc3339;

use super::schema::{Kind, Number};

/// The furthest that a JavaScript `Date` goes from 1970.
const MAX_MILLISECONDS: f64 = 8.64e15;

/// Why a value does not fit its field.
#[derive(Clone, Debug, PartialEq)]
pub struct Misfit {
    /// `JsonType` for the wrong kind of value, `RecordValue` for one that is out of range or too long.
    pub code: Code,
    /// What was expected, and what came.
    pub message: String,
}

/// The values of one field, as bytes for its column.
pub enum Parsed<'a> {
    /// A number, a boolean or a timestamp: as many of the bytes as its column is wide.
    Fixed([u8; 8]),
    /// Text or bytes, to be stored with their length.
    Inline(&'a [u8]),
    /// The elements of a vector.
    Vector(&'a [u8]),
}

/// Reads `json` as a value of `kind`. `scratch` holds what has to be decoded.
pub fn parse<'a>(kind: Kind, json: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<Parsed<'a>, Misfit> {
    match kind {
        Kind::Number(kind) => Ok(Parsed::Fixed(store(kind, json)?.to_le_bytes())),
        Kind::Boolean => match json {
            b"true" => Ok(Parsed::Fixed([1, 0, 0, 0, 0, 0, 0, 0])),
            b"false" => Ok(Parsed::Fixed([0; 8])),
            _ => Err(wrong_kind("a boolean", json)),
        },
        Kind::Timestamp => {
            let milliseconds = match json.first() {
                Some(b'"') => {
                    let text = decode(json, scratch);
                    let at = parse_rfc3339(text);
                    at.ok_or_else(|| out_of_range("a date and time as of RFC 3339", json))?
                }
                _ => integral(json, "a timestamp: milliseconds, or RFC 3339 text")?,
            };
            if milliseconds.abs() > MAX_MILLISECONDS {
                return Err(out_of_range("a timestamp within 8.64e15 milliseconds of 1970", json));
            }
            Ok(Parsed::Fixed(milliseconds.to_le_bytes()))
        }
        Kind::String { max } => {
            if json.first() != Some(&b'"') {
                return Err(wrong_kind("a string", json));
            }
            let text = decode(json, scratch);
            if text.len() > max as usize {
                return Err(too_long(max, text.len()));
            }
            Ok(Parsed::Inline(text))
        }
        Kind::Bytes { max } => {
            if json.first() != Some(&b'"') {
                return Err(wrong_kind("bytes as a base64 string", json));
            }
            let mut text = Vec::new();
            let text = decode(json, &mut text);
            scratch.clear();
            if !base64(text, scratch) {
                return Err(out_of_range("base64 with padding", json));
            }
            if scratch.len() > max as usize {
                return Err(too_long(max, scratch.len()));
            }
            Ok(Parsed::Inline(scratch))
        }
        Kind::Vector { element, length, .. } => {
            let Some(inner) = json.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) else {
                return Err(wrong_kind("an array of numbers", json));
            };
            scratch.clear();
            let mut count = 0;
            if !inner.trim_ascii().is_empty() {
                for item in inner.split(|&byte| byte == b',') {
                    let item = item.trim_ascii();
                    let bytes = store(element, item)?.to_le_bytes();
                    count += 1;
                    if count > length {
                        break;
                    }
                    scratch.extend_from_slice(&bytes[..element.bytes()]);
                }
            }
            if count != length {
                let got = if count > length { "more".to_owned() } else { count.to_string() };
                return Err(Misfit {
                    code: Code::RecordValue,
                    message: format!("expected {length} elements, got {got}"),
                });
            }
            Ok(Parsed::Vector(scratch))
        }
    }
}

/// Reads the number at `place` of `input`: its low bytes are those of the column. `None` if it does not fit. Bytes
/// behind it may be looked at.
#[inline(always)]
pub fn number(kind: Number, input: &[u8], place: Range<usize>) -> Option<u64> {
    let float = || f64_in(input, place.start, place.end);
    let (least, most) = match kind {
        Number::F64 => return float().map(f64::to_bits),
        Number::F32 => return float().map(|value| (value as f32).to_bits().into()),
        _ => bounds(kind),
    };
    match integer_in(input, place.start, place.end)? {
        Integer { negative: false, size } if size <= most => Some(size),
        Integer { negative: true, size } if size <= least.unsigned_abs() => Some(size.wrapping_neg()),
        _ => None,
    }
}

/// The least and the most of an integer.
#[inline(always)]
fn bounds(kind: Number) -> (i64, u64) {
    match kind {
        Number::U8 => (0, 0xff),
        Number::U16 => (0, 0xffff),
        Number::U32 => (0, 0xffff_ffff),
        Number::U64 | Number::F32 | Number::F64 => (0, u64::MAX),
        Number::I8 => (-0x80, 0x7f),
        Number::I16 => (-0x8000, 0x7fff),
        Number::I32 => (-0x8000_0000, 0x7fff_ffff),
        Number::I64 => (i64::MIN, i64::MAX as u64),
    }
}

fn store(kind: Number, json: &[u8]) -> Result<u64, Misfit> {
    number(kind, json, 0..json.len()).ok_or_else(|| match kind {
        Number::F64 | Number::F32 => wrong_kind("a number", json),
        _ if !starts_number(json) => wrong_kind("a whole number", json),
        _ => {
            let (least, most) = bounds(kind);
            out_of_range(&format!("a whole number, {least} to {most}"), json)
        }
    })
}

fn starts_number(json: &[u8]) -> bool {
    json.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-')
}

fn integral(json: &[u8], expected: &str) -> Result<f64, Misfit> {
    let value = parse_f64(json).ok_or_else(|| wrong_kind(expected, json))?;
    if value.fract() == 0.0 && value.is_finite() { Ok(value) } else { Err(out_of_range(expected, json)) }
}

/// The text of a string value, quotes included in `json`.
fn decode<'a>(json: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
    let inner = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
    if memchr::memchr(b'\\', inner).is_none() {
        return inner;
    }
    scratch.clear();
    push_utf8(inner, scratch);
    scratch
}

fn base64(text: &[u8], out: &mut Vec<u8>) -> bool {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        b'0'..=b'9' => Some(letter - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (groups, rest) = text.as_chunks::<4>();
    let Some((last, groups)) = groups.split_last() else { return rest.is_empty() };
    let used = 4 - last.iter().rev().take_while(|&&letter| letter == b'=').count();
    if !rest.is_empty() || used < 2 {
        return false;
    }
    let mut group = |letters: &[u8]| {
        let mut word = 0;
        for (position, &letter) in letters.iter().enumerate() {
            match value(letter) {
                Some(six) => word |= u32::from(six) << (18 - 6 * position),
                None => return false,
            }
        }
        // Bits beyond the last whole byte must be 0: each value has one text.
        let count = letters.len() - 1;
        if word & ((1 << (24 - 8 * count)) - 1) != 0 {
            return false;
        }
        out.extend_from_slice(&word.to_be_bytes()[1..1 + count]);
        true
    };
    groups.iter().all(|letters| group(letters)) && group(&last[..used])
}

/// What kind of value these bytes are, for a message.
pub(super) fn name_of(json: &[u8]) -> &'static str {
    match json.first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

#[cold]
fn wrong_kind(expected: &str, json: &[u8]) -> Misfit {
    Misfit { code: Code::JsonType, message: format!("expected {expected}, got {}", name_of(json)) }
}

#[cold]
fn out_of_range(expected: &str, json: &[u8]) -> Misfit {
    let shown = String::from_utf8_lossy(&json[..json.len().min(40)]);
    let more = if json.len() > 40 { "…" } else { "" };
    Misfit { code: Code::RecordValue, message: format!("expected {expected}, got {shown}{more}") }
}

#[cold]
fn too_long(max: u32, length: usize) -> Misfit {
    Misfit { code: Code::RecordValue, message: format!("expected at most {max} bytes, got {length}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(kind: Kind, json: &str) -> Result<[u8; 8], Code> {
        match parse(kind, json.as_bytes(), &mut Vec::new()) {
            Ok(Parsed::Fixed(bytes)) => Ok(bytes),
            Ok(_) => panic!("{json} gave something else"),
            Err(misfit) => Err(misfit.code),
        }
    }

    #[test]
    fn integers_keep_to_their_range() {
        let u8s = Kind::Number(Number::U8);
        assert_eq!(fixed(u8s, "255").map(u64::from_le_bytes), Ok(255));
        assert_eq!(fixed(u8s, "2.55e2").map(u64::from_le_bytes), Ok(255));
        assert_eq!(fixed(u8s, "-0").map(u64::from_le_bytes), Ok(0));
        for json in ["256", "-1", "0.5", "1e300", "1e400", "99999999999999999999"] {
            assert_eq!(fixed(u8s, json), Err(Code::RecordValue), "{json}");
        }
        for json in ["\"1\"", "null", "true", "[1]", "{}", "", "inf", "nan", "+1"] {
            assert_eq!(fixed(u8s, json), Err(Code::JsonType), "{json}");
        }
        let i64s = Kind::Number(Number::I64);
        assert_eq!(fixed(i64s, "-9223372036854775808").map(i64::from_le_bytes), Ok(i64::MIN));
        assert_eq!(fixed(i64s, "9223372036854775808"), Err(Code::RecordValue));
        assert_eq!(fixed(i64s, "1e3").map(i64::from_le_bytes), Ok(1000));
        let u64s = Kind::Number(Number::U64);
        assert_eq!(fixed(u64s, "18446744073709551615").map(u64::from_le_bytes), Ok(u64::MAX));
        assert_eq!(fixed(u64s, "18446744073709551616"), Err(Code::RecordValue));
        assert_eq!(fixed(u64s, "-1"), Err(Code::RecordValue));
    }

    #[test]
    fn doubles_are_the_nearest() {
        let kind = Kind::Number(Number::F64);
        for json in [
            "0",
            "-0",
            "-0.0",
            "1",
            "0.1",
            "1e400",
            "-1e400",
            "9007199254740993",
            "123456789012345678",
            "2.2250738585072011e-308",
        ] {
            let expected: f64 = json.parse().unwrap();
            assert_eq!(fixed(kind, json).map(u64::from_le_bytes), Ok(expected.to_bits()), "{json}");
        }
    }

    #[test]
    fn base64_is_strict() {
        let decoded = |text: &str| {
            let mut out = Vec::new();
            base64(text.as_bytes(), &mut out).then_some(out)
        };
        assert_eq!(decoded(""), Some(vec![]));
        assert_eq!(decoded("Zg=="), Some(b"f".to_vec()));
        assert_eq!(decoded("Zm8="), Some(b"fo".to_vec()));
        assert_eq!(decoded("Zm9vYmFy"), Some(b"foobar".to_vec()));
        for text in ["Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm9v\n", "-_8="] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }

    #[test]
    fn vectors_have_exactly_their_length() {
        let kind = Kind::Vector { element: Number::U16, length: 2, align: 2 };
        let mut scratch = Vec::new();
        assert!(matches!(parse(kind, b"[ 1 ,\n2]", &mut scratch), Ok(Parsed::Vector(&[1, 0, 2, 0]))));
        for (json, code) in [
            ("[]", Code::RecordValue),
            ("[1]", Code::RecordValue),
            ("[1,2,3]", Code::RecordValue),
            ("[1,70000]", Code::RecordValue),
            ("[1,null]", Code::JsonType),
            ("[1,[2]]", Code::JsonType),
            ("7", Code::JsonType),
        ] {
            assert_eq!(
                parse(kind, json.as_bytes(), &mut scratch).err().map(|misfit| misfit.code),
                Some(code),
                "{json}"
            );
        }
    }
}
