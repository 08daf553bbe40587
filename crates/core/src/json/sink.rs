//! Where output bytes go: into bytes that are given, counting on when they are full.

/// A writer into given bytes. Beyond their end it only counts, so that one pass says how many are needed.
#[derive(Debug)]
pub struct Sink<'a> {
    bytes: &'a mut [u8],
    len: usize,
}

impl<'a> Sink<'a> {
    /// A sink over `bytes`.
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Sink { bytes, len: 0 }
    }

    /// Bytes written, or needed if they are more than there were.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds bytes.
    #[inline]
    pub fn put(&mut self, text: &[u8]) {
        let end = self.len + text.len();
        if let Some(place) = self.bytes.get_mut(self.len..end) {
            place.copy_from_slice(text);
        }
        self.len = end;
    }

    /// Takes back all behind the first `len` bytes.
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Adds `raw`, a JSON value, without the white space outside its strings.
    pub fn put_minified(&mut self, raw: &[u8]) {
        let mut rest = raw;
        while let Some(found) = rest.iter().position(|b| matches!(b, b'"' | b' ' | b'\t' | b'\n' | b'\r')) {
            self.put(&rest[..found]);
            rest = &rest[found..];
            let length = if rest[0] == b'"' { string_length(rest) } else { 0 };
            self.put(&rest[..length]);
            rest = &rest[length.max(1)..];
        }
        self.put(rest);
    }
}

/// Bytes of the string at the start of `text`, quotes included; all of `text` if it does not end.
fn string_length(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(found) = text.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if text[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_beyond_the_end() {
        let mut bytes = [0; 5];
        let mut sink = Sink::new(&mut bytes);
        sink.put(b"abc");
        let mark = sink.len();
        sink.put(b"defg");
        assert_eq!(sink.len(), 7);
        sink.put(b"h");
        sink.truncate(mark);
        sink.put(b"xy");
        assert_eq!((sink.len(), sink.is_empty()), (5, false));
        assert_eq!(&bytes, b"abcxy");
    }

    #[test]
    fn minifies() {
        for (raw, expected) in [
            (
                " { \"a b\" : [ 1 ,\n\t2 ] ,\r\n\"c\\\" d\" : \" \\\\\" } ",
                "{\"a b\":[1,2],\"c\\\" d\":\" \\\\\"}",
            ),
            ("1", "1"),
            ("\" x \"", "\" x \""),
            ("\" open", "\" open"),
            ("\"\\", "\"\\"),
            ("", ""),
        ] {
            let mut bytes = [0; 100];
            let mut sink = Sink::new(&mut bytes);
            sink.put_minified(raw.as_bytes());
            let len = sink.len();
            assert_eq!(&bytes[..len], expected.as_bytes());
        }
    }
}
