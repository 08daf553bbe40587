//! Small steps in documents that were validated, or are trusted: where a string or a value ends.
//!
//! Nothing is checked beyond what is touched; everything is memory-safe on any bytes.

use super::dispatch::{Task, dispatch};
use super::grammar::Engine;
use super::scan::Glancer;
use super::simd::{Level, Word};

/// The offset behind the string whose opening quote is at `start`; `None` if none starts there, or it does not end.
pub fn string_end(input: &[u8], start: usize) -> Option<usize> {
    if input.get(start) != Some(&b'"') {
        return None;
    }
    let mut at = start + 1;
    loop {
        let found = at + memchr::memchr2(b'"', b'\\', input.get(at..)?)?;
        if input[found] == b'"' {
            return Some(found + 1);
        }
        at = found + 2;
    }
}

/// The offset behind the value that starts at `start`; `None` if none starts there, or it does not end.
///
/// Containers are skipped by counting brackets outside strings, 64 bytes or more at a time, whatever kinds of
/// brackets they are.
pub fn value_end(input: &[u8], start: usize) -> Option<usize> {
    match input.get(start)? {
        b'"' => string_end(input, start),
        b'{' | b'[' => match dispatch(Level::best(), Skip { input, start }) {
            Some(end) => end,
            None => container_end(input, start),
        },
        b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
            let rest = &input[start..];
            let length =
                rest.iter().position(|b| matches!(b, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r'));
            Some(start + length.unwrap_or(rest.len()))
        }
        _ => None,
    }
}

struct Skip<'a> {
    input: &'a [u8],
    start: usize,
}

impl Task for Skip<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    unsafe fn run<E: Engine>(self) -> Option<usize> {
        let mut glancer = Glancer::new(self.input, self.start);
        let (mut opens, mut closes) = ([0; 8], [0; 8]);
        let mut depth = 0;
        loop {
            let base = glancer.at;
            // SAFETY: the caller's promise.
            let masks = unsafe { glancer.step::<E>() }?;
            masks.open.store(&mut opens);
            masks.close.store(&mut closes);
            for i in 0..E::BLOCKS {
                let (open, close) = (opens[i], closes[i]);
                if close.count_ones() < depth {
                    depth += open.count_ones();
                    depth -= close.count_ones();
                    continue;
                }
                let mut rest = open | close;
                while rest != 0 {
                    let at = rest.trailing_zeros();
                    rest &= rest - 1;
                    if (open >> at) & 1 != 0 {
                        depth += 1;
                        continue;
                    }
                    depth -= 1;
                    if depth == 0 {
                        return Some(base + 64 * i + at as usize + 1);
                    }
                }
            }
        }
    }
}

/// The same, one byte after the other.
fn container_end(input: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match input.get(at)? {
            b'"' => {
                at = string_end(input, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends() {
        assert_eq!(string_end(br#""a\"b\\" "#, 0), Some(8));
        assert_eq!(string_end(br#""a\""#, 0), None);
        assert_eq!(string_end(b"a", 0), None);
        assert_eq!(string_end(b"\"\\", 0), None);
        assert_eq!(value_end(b"[1, -2.5e3 ]", 4), Some(10));
        assert_eq!(value_end(b"[true]", 1), Some(5));
        assert_eq!(value_end(b"12", 0), Some(2));
        assert_eq!(value_end(b"]", 0), None);
        assert_eq!(value_end(b"", 0), None);
    }

    #[test]
    fn containers_at_every_place() {
        for pad in 0..200 {
            for inner in 0..150 {
                let value = format!(r#"{{"a{}":[{{}},"}}]\"",[[]]],"b":{{"c":1}}}}"#, "x".repeat(inner));
                let text = format!("{}{value}]]}}", " ".repeat(pad)).into_bytes().into_boxed_slice();
                let end = Some(pad + value.len());
                assert_eq!(value_end(&text, pad), end);
                assert_eq!(container_end(&text, pad), end);
                for level in Level::available().filter(|level| *level != Level::Scalar) {
                    assert_eq!(dispatch(level, Skip { input: &text, start: pad }), Some(end));
                }
                let cut: Box<[u8]> = text[..pad + value.len() - 1].into();
                assert_eq!(value_end(&cut, pad), None);
            }
        }
    }
}
