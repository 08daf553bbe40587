//! Values as JSON text: numbers as `String(n)` gives them, strings as `JSON.stringify` does.

/// Bytes being written to a window that someone checked to be large enough.
#[derive(Debug)]
pub struct Out<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

/// The most bytes that a number takes: `-1.2345678901234567e-308`.
pub const NUMBER_BYTES: usize = 24;

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

    /// An unsigned integer.
    #[inline]
    pub fn unsigned(&mut self, mut value: u64) {
        if value < 10 {
            self.byte(b'0' + value as u8);
            return;
        }
        let mut digits = [0; 20];
        let mut start = 20;
        while value >= 100 {
            let pair = (value % 100) as usize * 2;
            value /= 100;
            start -= 2;
            digits[start..start + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
        }
        if value >= 10 {
            let pair = value as usize * 2;
            start -= 2;
            digits[start..start + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
        } else {
            start -= 1;
            digits[start] = b'0' + value as u8;
        }
        self.raw(&digits[start..]);
    }

    /// A signed integer.
    #[inline]
    pub fn signed(&mut self, value: i64) {
        if value < 0 {
            self.byte(b'-');
        }
        self.unsigned(value.unsigned_abs());
    }

    /// A double: `null` where JSON has no number for it.
    #[inline]
    pub fn float(&mut self, value: f64) {
        if !value.is_finite() {
            self.raw(b"null");
            return;
        }
        // Integers, of which −0 is written as 0.
        if value.abs() < 9_007_199_254_740_992.0 && value == (value as i64) as f64 {
            self.signed(value as i64);
            return;
        }
        if !self.decimal(value) {
            let mut buffer = ryu_js::Buffer::new();
            self.raw(buffer.format_finite(value).as_bytes());
        }
    }

    /// A double that is a decimal of up to six places and fifteen digits, as most measured or typed
    /// numbers are. Such a decimal is the shortest text of its double: two different decimals of at most
    /// fifteen digits never round to the same double, and `scaled / 10^6` is correctly rounded, being a
    /// division of two exact doubles (Clinger, "How to read floating point numbers accurately", 1990).
    #[inline]
    fn decimal(&mut self, value: f64) -> bool {
        let magnitude = value.abs();
        if !(1e-6..1e9).contains(&magnitude) {
            return false;
        }
        let scaled = (magnitude * 1e6 + 0.5) as u64;
        if scaled as f64 / 1e6 != magnitude {
            return false;
        }
        if value < 0.0 {
            self.byte(b'-');
        }
        self.unsigned(scaled / 1_000_000);
        let mut places = (scaled % 1_000_000) as usize;
        let mut digits = *b".000000";
        for pair in (0..3).rev() {
            let two = places % 100 * 2;
            digits[1 + pair * 2..3 + pair * 2].copy_from_slice(&PAIRS[two..two + 2]);
            places /= 100;
        }
        let used = digits.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1);
        self.raw(&digits[..used]);
        true
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

static PAIRS: [u8; 200] = {
    let mut pairs = [0; 200];
    let mut value = 0;
    while value < 100 {
        pairs[2 * value] = b'0' + (value / 10) as u8;
        pairs[2 * value + 1] = b'0' + (value % 10) as u8;
        value += 1;
    }
    pairs
};

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
    fn numbers_are_the_shortest_text() {
        let mut seed = 1_u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed >> 11
        };
        let mut values = vec![
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.1,
            1e-6,
            1e-7,
            123456.789,
            999_999_999.999_999,
            1e9 + 0.5,
            1e21,
            1e22,
            9_007_199_254_740_991.0,
            9_007_199_254_740_992.0,
            1.7976931348623157e308,
            5e-324,
            0.30000000000000004,
            0.000001,
            1.5e-6,
        ];
        for _ in 0..200_000 {
            values.push(f64::from_bits(next() << 11 | next() & 0x7ff));
            values.push(next() as f64 / (1_u64 << 53) as f64);
            values.push((next() % 1_000_000_000_000) as f64 / 1000.0);
            values.push((next() % 1_000_000_000_000_000) as f64 / 1e6);
            values.push(-((next() % 100_000_000) as f64) / 100.0);
            values.push((next() % 100_000_000) as f64 * 0.01);
        }
        let mut buffer = ryu_js::Buffer::new();
        for value in values {
            let expected = if value == 0.0 {
                "0"
            } else if value.is_finite() {
                buffer.format_finite(value)
            } else {
                "null"
            };
            assert_eq!(written(|out| out.float(value)), expected, "{value:e}");
        }
    }

    #[test]
    fn integers_at_each_width() {
        for power in 0..20 {
            for value in [10_u64.pow(power) - 1, 10_u64.pow(power), 10_u64.pow(power) + 1, u64::MAX] {
                assert_eq!(written(|out| out.unsigned(value)), value.to_string());
            }
        }
        for value in [0, -1, 9, -10, i64::MAX, i64::MIN] {
            assert_eq!(written(|out| out.signed(value)), value.to_string());
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
