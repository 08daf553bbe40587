//! The text of JSON strings: escapes resolved.
//!
//! Nothing here trusts its input: what is no escape, or ends too soon, becomes U+FFFD.

use std::borrow::Cow;

const REPLACEMENT: &str = "\u{FFFD}";

/// One piece of a string's text.
pub(super) enum Piece<'a> {
    /// Bytes as they are in the document.
    Raw(&'a [u8]),
    /// A character that was escaped.
    Char(char),
    /// Half of a pair that was escaped alone.
    Surrogate(u16),
}

/// The pieces of what is between the quotes of a string.
pub(super) struct Pieces<'a> {
    rest: &'a [u8],
}

impl<'a> Pieces<'a> {
    pub(super) fn new(inner: &'a [u8]) -> Self {
        Pieces { rest: inner }
    }
}

fn hex4(digits: &[u8]) -> Option<u32> {
    let digits = digits.get(..4)?;
    digits.iter().try_fold(0, |unit, &b| Some(unit * 16 + (b as char).to_digit(16)?))
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let rest = self.rest;
        if rest.is_empty() {
            return None;
        }
        if rest[0] != b'\\' {
            let end = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
            self.rest = &rest[end..];
            return Some(Piece::Raw(&rest[..end]));
        }
        let plain = match rest.get(1) {
            Some(b'u') => return Some(self.unicode()),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(&found @ (b'"' | b'\\' | b'/')) => found as char,
            _ => char::REPLACEMENT_CHARACTER,
        };
        self.rest = &rest[rest.len().min(2)..];
        Some(Piece::Char(plain))
    }
}

impl<'a> Pieces<'a> {
    fn unicode(&mut self) -> Piece<'a> {
        let rest = self.rest;
        let Some(unit) = hex4(&rest[2..]) else {
            self.rest = &rest[2..];
            return Piece::Char(char::REPLACEMENT_CHARACTER);
        };
        self.rest = &rest[6..];
        if let Some(plain) = char::from_u32(unit) {
            return Piece::Char(plain);
        }
        if unit < 0xDC00
            && self.rest.starts_with(b"\\u")
            && let Some(low @ 0xDC00..0xE000) = hex4(&self.rest[2..])
        {
            self.rest = &self.rest[6..];
            let code = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
            return Piece::Char(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        Piece::Surrogate(unit as u16)
    }
}

/// The text of a name for comparison: two names are the same to `JSON.parse` if these bytes are. A lone
/// surrogate takes three bytes that are no UTF-8, so it equals only itself.
pub(super) fn name_bytes(inner: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut out = Vec::with_capacity(inner.len());
    for piece in Pieces::new(inner) {
        match piece {
            Piece::Raw(bytes) => out.extend_from_slice(bytes),
            Piece::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Piece::Surrogate(unit) => out.extend_from_slice(&[
                0xE0 | (unit >> 12) as u8,
                0x80 | (unit >> 6 & 0x3F) as u8,
                0x80 | (unit & 0x3F) as u8,
            ]),
        }
    }
    Cow::Owned(out)
}

/// Adds the text of a string to `out` as UTF-8. Lone surrogates become U+FFFD, as in a `TextEncoder`; so
/// do bytes that are no UTF-8 (of a document that was trusted).
pub fn push_utf8(inner: &[u8], out: &mut Vec<u8>) {
    for piece in Pieces::new(inner) {
        match piece {
            Piece::Raw(bytes) => {
                for chunk in bytes.utf8_chunks() {
                    out.extend_from_slice(chunk.valid().as_bytes());
                    if !chunk.invalid().is_empty() {
                        out.extend_from_slice(REPLACEMENT.as_bytes());
                    }
                }
            }
            Piece::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Piece::Surrogate(_) => out.extend_from_slice(REPLACEMENT.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf8(inner: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        push_utf8(inner, &mut out);
        out
    }

    #[test]
    fn names() {
        assert!(matches!(name_bytes(b"plain"), Cow::Borrowed(b"plain")));
        assert_eq!(*name_bytes(br#"a\u00e9\"\\\/\b\f\n\r\t"#), *"aé\"\\/\u{8}\u{c}\n\r\t".as_bytes());
        assert_eq!(*name_bytes(br"\ud83d\ude00"), *"😀".as_bytes());
        assert_eq!(*name_bytes(br"\ud800"), [0xED, 0xA0, 0x80]);
        assert_eq!(*name_bytes(br"\ud800\ud83d\ude00"), *[&[0xED, 0xA0, 0x80], "😀".as_bytes()].concat());
        assert_eq!(*name_bytes(br"\udc00x"), [0xED, 0xB0, 0x80, b'x']);
    }

    #[test]
    fn text_is_always_utf8() {
        assert_eq!(utf8(br"a\u00e9"), "aé".as_bytes());
        for (inner, text) in [
            (&br"\ud800"[..], "\u{FFFD}"),
            (br"\ud800\u0041", "\u{FFFD}A"),
            (b"a\xFFb", "a\u{FFFD}b"),
            (br"\", "\u{FFFD}"),
            (br"\x", "\u{FFFD}"),
            (br"\u12", "\u{FFFD}12"),
            (br"\ud800\u", "\u{FFFD}\u{FFFD}"),
        ] {
            assert_eq!(utf8(inner), text.as_bytes(), "{inner:?}");
        }
    }
}
