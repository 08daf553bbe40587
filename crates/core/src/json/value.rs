//! One captured value: what it is, and whether it is what a type wants.

use super::number::{parse_f64, parse_integer};
use super::text::push_utf8;
use super::time::parse_rfc3339;

/// What a field, a column or a place in a transform wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any value, as it is.
    Any,
    /// Any value: strings, numbers and so on as JavaScript has them.
    Json,
    /// Any value: its text.
    Bytes,
    /// Text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A number.
    F64,
    /// A number that single precision can hold, rounded.
    F32,
    /// A whole number from 0.
    U8,
    /// A whole number from 0.
    U16,
    /// A whole number from 0.
    U32,
    /// A whole number from 0, as a BigInt.
    U64,
    /// A whole number.
    I8,
    /// A whole number.
    I16,
    /// A whole number.
    I32,
    /// A whole number, as a BigInt.
    I64,
    /// An RFC 3339 text, or milliseconds since 1970.
    Timestamp,
}

impl Kind {
    /// The kind with this name of `t`'s vocabulary.
    pub fn from_name(name: &str) -> Option<Kind> {
        Some(match name {
            "any" => Kind::Any,
            "json" => Kind::Json,
            "bytes" => Kind::Bytes,
            "string" => Kind::String,
            "boolean" => Kind::Boolean,
            "f64" => Kind::F64,
            "f32" => Kind::F32,
            "u8" => Kind::U8,
            "u16" => Kind::U16,
            "u32" => Kind::U32,
            "u64" => Kind::U64,
            "i8" => Kind::I8,
            "i16" => Kind::I16,
            "i32" => Kind::I32,
            "i64" => Kind::I64,
            "timestamp" => Kind::Timestamp,
            _ => return None,
        })
    }

    /// Whether every JSON value is of this kind, `null` too.
    pub const fn is_any(self) -> bool {
        matches!(self, Kind::Any | Kind::Json | Kind::Bytes)
    }

    /// What completes "expected …".
    pub const fn expected(self) -> &'static str {
        match self {
            Kind::Any | Kind::Json | Kind::Bytes => "a JSON value",
            Kind::String => "a string",
            Kind::Boolean => "true or false",
            Kind::F64 => "a number",
            Kind::F32 => "a number of single precision (f32)",
            Kind::U8 => "a whole number from 0 to 255 (u8)",
            Kind::U16 => "a whole number from 0 to 65535 (u16)",
            Kind::U32 => "a whole number from 0 to 4294967295 (u32)",
            Kind::U64 => "a whole number from 0 to 2^64 - 1 (u64)",
            Kind::I8 => "a whole number from -128 to 127 (i8)",
            Kind::I16 => "a whole number from -32768 to 32767 (i16)",
            Kind::I32 => "a whole number from -2147483648 to 2147483647 (i32)",
            Kind::I64 => "a whole number from -2^63 to 2^63 - 1 (i64)",
            Kind::Timestamp => "an RFC 3339 timestamp or milliseconds since 1970",
        }
    }
}

/// A value, decoded as far as its kind asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decoded<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean(bool),
    /// A number, or a timestamp.
    Number(f64),
    /// A whole number of 64 bits; negative ones as two's complement.
    Big(u64),
    /// What is between the quotes of a string.
    Text(&'a [u8]),
    /// A value to be taken as its text.
    Raw,
}

/// The value is not what the kind wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch;

/// What is between the quotes, if `raw` is a string.
#[inline]
fn inner(raw: &[u8]) -> Option<&[u8]> {
    match raw {
        [b'"', inner @ .., b'"'] => Some(inner),
        _ => None,
    }
}

/// Decodes `raw`, a captured value, as `kind`; `null` is `null` for every kind but `Bytes`.
///
/// # Errors
/// [`Mismatch`]; also when a trusted document has something here that is no JSON value.
#[inline]
pub fn decode(kind: Kind, raw: &[u8]) -> Result<Decoded<'_>, Mismatch> {
    if kind == Kind::Bytes {
        return Ok(Decoded::Raw);
    }
    let first = raw.first().copied().unwrap_or_default();
    if first == b'n' {
        return if raw == b"null" { Ok(Decoded::Null) } else { Err(Mismatch) };
    }
    match kind {
        Kind::Any | Kind::Json => match first {
            b'"' => inner(raw).map(Decoded::Text).ok_or(Mismatch),
            b'{' | b'[' => Ok(Decoded::Raw),
            b't' | b'f' => boolean(raw),
            _ => parse_f64(raw).map(Decoded::Number).ok_or(Mismatch),
        },
        Kind::Bytes => Ok(Decoded::Raw),
        Kind::String => inner(raw).map(Decoded::Text).ok_or(Mismatch),
        Kind::Boolean => boolean(raw),
        Kind::F64 => parse_f64(raw).map(Decoded::Number).ok_or(Mismatch),
        Kind::F32 => {
            let value = parse_f64(raw).ok_or(Mismatch)?;
            let rounded = f64::from(value as f32);
            if rounded.is_finite() { Ok(Decoded::Number(rounded)) } else { Err(Mismatch) }
        }
        Kind::Timestamp => timestamp(raw).map(Decoded::Number).ok_or(Mismatch),
        _ => integer(kind, raw),
    }
}

fn boolean(raw: &[u8]) -> Result<Decoded<'static>, Mismatch> {
    match raw {
        b"true" => Ok(Decoded::Boolean(true)),
        b"false" => Ok(Decoded::Boolean(false)),
        _ => Err(Mismatch),
    }
}

#[inline]
fn integer(kind: Kind, raw: &[u8]) -> Result<Decoded<'static>, Mismatch> {
    let value = parse_integer(raw).ok_or(Mismatch)?;
    let (least, most) = match kind {
        Kind::U8 => (0, i64::from(u8::MAX)),
        Kind::U16 => (0, i64::from(u16::MAX)),
        Kind::U32 => (0, i64::from(u32::MAX)),
        Kind::I8 => (i64::from(i8::MIN), i64::from(i8::MAX)),
        Kind::I16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        Kind::I32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        Kind::U64 => return value.to_u64().map(Decoded::Big).ok_or(Mismatch),
        _ => return value.to_i64().map(|value| Decoded::Big(value as u64)).ok_or(Mismatch),
    };
    match value.to_i64() {
        Some(value) if (least..=most).contains(&value) => Ok(Decoded::Number(value as f64)),
        _ => Err(Mismatch),
    }
}

fn timestamp(raw: &[u8]) -> Option<f64> {
    match inner(raw) {
        None => parse_f64(raw).filter(|millis| millis.abs() <= 8.64e15),
        Some(text) if text.contains(&b'\\') => {
            let mut decoded = Vec::new();
            push_utf8(text, &mut decoded);
            parse_rfc3339(&decoded)
        }
        Some(text) => parse_rfc3339(text),
    }
}

/// What a message shows of a value: its text, cut short.
pub fn excerpt(raw: &[u8]) -> String {
    const MOST_BYTES: usize = 60;
    let text = String::from_utf8_lossy(&raw[..raw.len().min(MOST_BYTES)]);
    let text = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
    match raw.first() {
        Some(b'{') => "an object".to_owned(),
        Some(b'[') => "an array".to_owned(),
        _ if raw.len() > MOST_BYTES => format!("{text}…"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_the_kind_wants() {
        for (kind, raw, expected) in [
            (Kind::Any, &b"null"[..], Ok(Decoded::Null)),
            (Kind::Any, b"\"a\"", Ok(Decoded::Text(b"a"))),
            (Kind::Any, b"{}", Ok(Decoded::Raw)),
            (Kind::Any, b"-1.5", Ok(Decoded::Number(-1.5))),
            (Kind::Any, b"tru", Err(Mismatch)),
            (Kind::Any, b"", Err(Mismatch)),
            (Kind::Any, b"\"", Err(Mismatch)),
            (Kind::String, b"1", Err(Mismatch)),
            (Kind::String, b"null", Ok(Decoded::Null)),
            (Kind::String, b"nul", Err(Mismatch)),
            (Kind::Bytes, b"null", Ok(Decoded::Raw)),
            (Kind::Boolean, b"false", Ok(Decoded::Boolean(false))),
            (Kind::Boolean, b"0", Err(Mismatch)),
            (Kind::U8, b"255", Ok(Decoded::Number(255.0))),
            (Kind::U8, b"256", Err(Mismatch)),
            (Kind::U8, b"-1", Err(Mismatch)),
            (Kind::I8, b"-128", Ok(Decoded::Number(-128.0))),
            (Kind::U32, b"1.5", Err(Mismatch)),
            (Kind::U32, b"\"1\"", Err(Mismatch)),
            (Kind::U64, b"18446744073709551615", Ok(Decoded::Big(u64::MAX))),
            (Kind::I64, b"-1", Ok(Decoded::Big(u64::MAX))),
            (Kind::I64, b"9223372036854775808", Err(Mismatch)),
            (Kind::F32, b"0.1", Ok(Decoded::Number(f64::from(0.1_f32)))),
            (Kind::F32, b"1e39", Err(Mismatch)),
            (Kind::F64, b"1e400", Ok(Decoded::Number(f64::INFINITY))),
            (Kind::Timestamp, b"\"1970-01-01T00:00:01Z\"", Ok(Decoded::Number(1000.0))),
            (Kind::Timestamp, b"\"1970-01-01\\u005400:00:01Z\"", Ok(Decoded::Number(1000.0))),
            (Kind::Timestamp, b"1000", Ok(Decoded::Number(1000.0))),
            (Kind::Timestamp, b"\"soon\"", Err(Mismatch)),
            (Kind::Timestamp, b"1e300", Err(Mismatch)),
        ] {
            assert_eq!(decode(kind, raw), expected, "{kind:?} of {:?}", String::from_utf8_lossy(raw));
        }
    }

    #[test]
    fn excerpts_are_short() {
        assert_eq!(excerpt(b"12"), "12");
        assert_eq!(excerpt(b"[1]"), "an array");
        let long = format!("\"{}\"", "é".repeat(100));
        assert!(excerpt(long.as_bytes()).chars().count() < 62);
        assert!(excerpt(long.as_bytes()).ends_with("é…"));
    }
}
