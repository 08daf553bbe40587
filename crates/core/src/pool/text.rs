//! Values as JSON text: numbers as `String(n)` gives them, strings as `JSON.stringify` does.

use crate::digits::{ROOM, write_number, write_signed, write_unsigned};

/// Bytes being written to a window that someone checked to be large enough.
#[derive(Debug)]
pub struct Out<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

/// Bytes copied without a call, and without a loop.
const KEY_ROOM: usize = 16;

/// `{"name":` or `,"name":`, also padded.
#[derive(Debug)]
pub struct Key {
    all: Box<[u8]>,
    padded: [u8; KEY_ROOM],
}

impl Key {
    /// Takes these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        let mut padded = [0; KEY_ROOM];
        padded.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Key { all: bytes.into(), padded }
    }
}

impl<'a> Out<'a> {
    /// Writes to `bytes` from its start.
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Out { bytes, at: 0 }
    }

    /// Bytes written.
    pub fn len(&self) -> usize {
        self.at
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.at == 0
    }

    /// Room that is left.
    pub fn room(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self, byte: u8) {
        self.bytes[self.at] = byte;
        self.at += 1;
    }

    /// Bytes as they are.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    /// The start of a member.
    #[inline]
    pub fn key(&mut self, key: &Key) {
        if key.all.len() <= KEY_ROOM
            && let Some(out) = self.bytes.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut)
        {
            *out = key.padded;
            self.at += key.all.len();
        } else {
            self.raw(&key.all);
        }
    }

    /// An unsigned integer.
    #[inline]
    pub fn unsigned(&mut self, value: u64) {
        self.number(|out| write_unsigned(value, out));
    }

    /// A signed integer.
    #[inline]
    pub fn signed(&mut self, value: i64) {
        self.number(|out| write_signed(value, out));
    }

    /// A double: `null` where JSON has no number for it.
    #[inline]
    pub fn float(&mut self, value: f64) {
        self.number(|out| write_number(value, out));
    }

    /// What `write` writes, at once into the window where that goes on far enough.
    #[inline]
    fn number(&mut self, write: impl Fn(&mut [u8; ROOM]) -> usize) {
        if let Some(out) = self.bytes.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut) {
            self.at += write(out);
        } else {
            let mut text = [0; ROOM];
            let length = write(&mut text);
            self.raw(&text[..length]);
        }
    }

    /// Text in quotes. Bytes that are not UTF-8 become U+FFFD: the output is JSON whatever the slab holds.
    #[inline]
    pub fn string(&mut self, text: &[u8]) {
        self.byte(b'"');
        if text.is_ascii() || simdutf8::basic::from_utf8(text).is_ok() {
            self.escaped(text);
        } else {
            self.escaped(String::from_utf8_lossy(text).as_bytes());
        }
        self.byte(b'"');
    }

    fn escaped(&mut self, text: &[u8]) {
        let mut plain = 0;
        for (index, &byte) in text.iter().enumerate() {
            let escape = ESCAPES[byte as usize];
            if escape == 0 {
                continue;
            }
            self.raw(&text[plain..index]);
            plain = index + 1;
            if escape == b'u' {
                let hex = |nibble: u8| b"0123456789abcdef"[nibble as usize];
                self.raw(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)]);
            } else {
                self.raw(&[b'\\', escape]);
            }
        }
        self.raw(&text[plain..]);
    }

    /// Bytes as base64 (RFC 4648, with padding) in quotes.
    pub fn base64(&mut self, bytes: &[u8]) {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let letter = |word: u32, shift: u32| ALPHABET[(word >> shift & 63) as usize];
        self.byte(b'"');
        for group in bytes.chunks(3) {
            let word =
                group.iter().enumerate().fold(0, |word, (i, &byte)| word | u32::from(byte) << (16 - 8 * i));
            let mut letters = [letter(word, 18), letter(word, 12), letter(word, 6), letter(word, 0)];
            letters[group.len() + 1..].fill(b'=');
            self.raw(&letters);
        }
        self.byte(b'"');
    }
}

/// The most bytes that text of `length` bytes takes: each byte may become `\u00XX`.
pub const fn string_bytes(length: usize) -> usize {
    6 * length + 2
}

/// The bytes that `length` bytes take as base64.
pub const fn base64_bytes(length: usize) -> usize {
    length.div_ceil(3) * 4 + 2
}

/// What follows the backslash for each byte; 0 where none is needed.
static ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = b'u';
        byte += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Out)) -> String {
        let mut bytes = vec![0; 4096];
        let mut out = Out::new(&mut bytes);
        write(&mut out);
        let length = out.len();
        bytes.truncate(length);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn numbers_fit_a_window_of_their_length() {
        for room in [0, 1, 7, ROOM] {
            let mut bytes = vec![b'#'; 4 + 24 + 20 + room];
            let mut out = Out::new(&mut bytes);
            out.signed(-120);
            out.float(-2.2250738585072014e-308);
            out.unsigned(u64::MAX);
            let length = out.len();
            assert_eq!(bytes[..length], *b"-120-2.2250738585072014e-30818446744073709551615");
        }
    }

    #[test]
    fn strings_are_escaped_as_json_stringify_does() {
        let text: String = (0..0x80).map(char::from).chain("é€😀\u{7f}\u{2028}".chars()).collect();
        let json = written(|out| out.string(text.as_bytes()));
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        assert!(
            json.contains("\\u0000\\u0001")
                && json.contains("\\b\\t\\n\\u000b\\f\\r")
                && json.contains("\\u001f")
        );
        assert!(json.contains("\\\"#") && json.contains("[\\\\]") && json.contains("\u{7f}é€😀"));
        assert_eq!(written(|out| out.string(b"a\xffb")), "\"a\u{fffd}b\"");
    }

    #[test]
    fn base64_of_each_remainder() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(written(|out| out.base64(bytes.as_bytes())), format!("\"{text}\""));
        }
        assert_eq!(written(|out| out.base64(&[0xfb, 0xff, 0xfe])), "\"+//+\"");
    }
}
