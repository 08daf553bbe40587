//! The validator that is plain to read: one byte after the other, no recursion.
//!
//! It is the oracle that the SIMD paths are tested against, the path of machines without SIMD, and
//! what finds the place of an error once a fast path has refused a document.

use super::fault::{Expected, JsonError, Limits};
use super::white::skip_white;
use crate::error::Code;

/// Where the first fault is and what would have been accepted there.
type Fault = (usize, Code, Expected);

/// Accepts exactly what RFC 8259 allows, in UTF-8 and within `limits`.
///
/// # Errors
/// The first fault in document order: `JsonSyntax`, or `JsonLimit` for a bracket that goes too deep
/// or a document that is too long.
pub fn validate_scalar(input: &[u8], limits: &Limits) -> Result<(), JsonError> {
    limits.check_len(input.len())?;
    let fault = document(input, limits.max_depth.unwrap_or(u32::MAX)).err();
    let checked = &input[..fault.map_or(input.len(), |f| f.0)];
    // Grammar lets bytes from 0x80 pass in strings only; whether they are UTF-8 is a question of its own.
    // A fault never lies inside a character: it is at an ASCII byte, or at what follows one.
    if let Err(utf8) = simdutf8::compat::from_utf8(checked) {
        return Err(JsonError::at(input, utf8.valid_up_to(), Code::JsonSyntax, Expected::Utf8));
    }
    match fault {
        None => Ok(()),
        Some((offset, code, expected)) => Err(JsonError::at(input, offset, code, expected)),
    }
}

/// The kinds of the open containers, one bit each: set for an object.
#[derive(Default)]
struct Open {
    words: Vec<u64>,
    depth: usize,
}

impl Open {
    fn push(&mut self, object: bool) {
        if self.depth.is_multiple_of(64) {
            self.words.push(0);
        }
        if let Some(word) = self.words.last_mut() {
            *word = (*word << 1) | u64::from(object);
        }
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
        if self.depth.is_multiple_of(64) {
            self.words.pop();
        } else if let Some(word) = self.words.last_mut() {
            *word >>= 1;
        }
    }

    fn in_object(&self) -> bool {
        self.words.last().is_some_and(|w| w & 1 == 1)
    }
}

fn document(input: &[u8], max_depth: u32) -> Result<(), Fault> {
    let mut open = Open::default();
    let mut at = skip_white(input, 0);
    let mut expected = Expected::Value;
    'value: loop {
        // `at` is where a value must start; `expected` says what else may be here.
        match input.get(at) {
            Some(b'"') => at = string(input, at)?,
            Some(b'{') => {
                deeper(&mut open, true, at, max_depth)?;
                at = skip_white(input, at + 1);
                if input.get(at) == Some(&b'}') {
                    open.pop();
                    at += 1;
                } else {
                    at = name(input, at, Expected::NameOrObjectEnd)?;
                    expected = Expected::Value;
                    continue 'value;
                }
            }
            Some(b'[') => {
                deeper(&mut open, false, at, max_depth)?;
                at = skip_white(input, at + 1);
                if input.get(at) == Some(&b']') {
                    open.pop();
                    at += 1;
                } else {
                    expected = Expected::ValueOrArrayEnd;
                    continue 'value;
                }
            }
            Some(b'-' | b'0'..=b'9') => at = number(input, at)?,
            Some(b't') => at = literal(input, at, b"true", Expected::True)?,
            Some(b'f') => at = literal(input, at, b"false", Expected::False)?,
            Some(b'n') => at = literal(input, at, b"null", Expected::Null)?,
            _ => return Err((at, Code::JsonSyntax, expected)),
        }
        // A value has ended: close what ends here, then look for the next one.
        loop {
            at = skip_white(input, at);
            if open.depth == 0 {
                return if at == input.len() { Ok(()) } else { Err((at, Code::JsonSyntax, Expected::End)) };
            }
            let object = open.in_object();
            match input.get(at) {
                Some(b',') => {
                    at = skip_white(input, at + 1);
                    if object {
                        at = name(input, at, Expected::Name)?;
                    }
                    expected = Expected::Value;
                    continue 'value;
                }
                Some(b'}') if object => {}
                Some(b']') if !object => {}
                _ => {
                    let or = if object { Expected::CommaOrObjectEnd } else { Expected::CommaOrArrayEnd };
                    return Err((at, Code::JsonSyntax, or));
                }
            }
            open.pop();
            at += 1;
        }
    }
}

fn deeper(open: &mut Open, object: bool, at: usize, max_depth: u32) -> Result<(), Fault> {
    if open.depth as u64 >= u64::from(max_depth) {
        return Err((at, Code::JsonLimit, Expected::LessDepth));
    }
    open.push(object);
    Ok(())
}

/// A member's name and its colon; returns where its value must start.
fn name(input: &[u8], at: usize, expected: Expected) -> Result<usize, Fault> {
    if input.get(at) != Some(&b'"') {
        return Err((at, Code::JsonSyntax, expected));
    }
    let at = skip_white(input, string(input, at)?);
    if input.get(at) != Some(&b':') {
        return Err((at, Code::JsonSyntax, Expected::Colon));
    }
    Ok(skip_white(input, at + 1))
}

/// A string from its opening quote; returns the offset after its closing one.
fn string(input: &[u8], start: usize) -> Result<usize, Fault> {
    let mut at = start + 1;
    loop {
        match input.get(at) {
            None => return Err((at, Code::JsonSyntax, Expected::StringEnd)),
            Some(b'"') => return Ok(at + 1),
            Some(0..=0x1F) => return Err((at, Code::JsonSyntax, Expected::EscapedControl)),
            Some(b'\\') => match input.get(at + 1) {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => at += 2,
                Some(b'u') => {
                    for i in at + 2..at + 6 {
                        if !input.get(i).is_some_and(u8::is_ascii_hexdigit) {
                            return Err((i, Code::JsonSyntax, Expected::HexDigit));
                        }
                    }
                    at += 6;
                }
                _ => return Err((at + 1, Code::JsonSyntax, Expected::Escape)),
            },
            Some(_) => at += 1,
        }
    }
}

fn digits(input: &[u8], mut at: usize) -> Result<usize, Fault> {
    let start = at;
    while input.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    if at == start { Err((at, Code::JsonSyntax, Expected::Digit)) } else { Ok(at) }
}

/// A number; returns the offset after it. What may follow is the caller's question, so `01` fails there.
fn number(input: &[u8], start: usize) -> Result<usize, Fault> {
    let mut at = start + usize::from(input[start] == b'-');
    at = if input.get(at) == Some(&b'0') { at + 1 } else { digits(input, at)? };
    if input.get(at) == Some(&b'.') {
        at = digits(input, at + 1)?;
    }
    if let Some(b'e' | b'E') = input.get(at) {
        let sign = usize::from(matches!(input.get(at + 1), Some(b'+' | b'-')));
        at = digits(input, at + 1 + sign)?;
    }
    Ok(at)
}

fn literal(input: &[u8], at: usize, text: &[u8], expected: Expected) -> Result<usize, Fault> {
    for (i, byte) in text.iter().enumerate() {
        if input.get(at + i) != Some(byte) {
            return Err((at + i, Code::JsonSyntax, expected));
        }
    }
    Ok(at + text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (usize, usize, usize, Expected) {
        let e = validate_scalar(text.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!(e.code, Code::JsonSyntax);
        (e.offset, e.line, e.column, e.expected)
    }

    #[test]
    fn says_where_and_what() {
        use Expected::*;
        assert_eq!(fault(""), (0, 1, 1, Value));
        assert_eq!(fault("  "), (2, 1, 3, Value));
        assert_eq!(fault("{\"a\":1,\n \"é𝄞\" 2}"), (18, 2, 8, Colon));
        assert_eq!(fault("[1,]"), (3, 1, 4, Value));
        assert_eq!(fault("[,"), (1, 1, 2, ValueOrArrayEnd));
        assert_eq!(fault("{,"), (1, 1, 2, NameOrObjectEnd));
        assert_eq!(fault("{\"a\":1,}"), (7, 1, 8, Name));
        assert_eq!(fault("{\"a\":1]"), (6, 1, 7, CommaOrObjectEnd));
        assert_eq!(fault("[1}"), (2, 1, 3, CommaOrArrayEnd));
        assert_eq!(fault("1 2"), (2, 1, 3, End));
        assert_eq!(fault("01"), (1, 1, 2, End));
        assert_eq!(fault("[-]"), (2, 1, 3, Digit));
        assert_eq!(fault("[1.e5]"), (3, 1, 4, Digit));
        assert_eq!(fault("[tru]"), (4, 1, 5, True));
        assert_eq!(fault("[falze]"), (4, 1, 5, False));
        assert_eq!(fault("nul"), (3, 1, 4, Null));
        assert_eq!(fault("\"abc"), (4, 1, 5, StringEnd));
        assert_eq!(fault("\"a\nc"), (2, 1, 3, EscapedControl));
        assert_eq!(fault("\"a\\x\""), (3, 1, 4, Escape));
        assert_eq!(fault("\"a\\u00zz\""), (6, 1, 7, HexDigit));
        assert_eq!(fault("\u{FEFF}1"), (0, 1, 1, Value));
    }

    #[test]
    fn reports_bad_utf8_before_later_faults() {
        let at = |bytes: &[u8]| {
            let e = validate_scalar(bytes, &Limits::default()).unwrap_err();
            (e.offset, e.expected)
        };
        assert_eq!(at(b"[\"ab\xFF\",]"), (4, Expected::Utf8));
        assert_eq!(at(b"[\"ab\xC3\"]"), (4, Expected::Utf8));
        assert_eq!(at(b"\"\xED\xA0\x80\""), (1, Expected::Utf8));
        assert_eq!(at(b"[\"ab\xC3"), (4, Expected::Utf8));
        assert_eq!(at(b"[\"ab\",,\xFF"), (6, Expected::Value));
        assert_eq!(at("[\"é\" é".as_bytes()), (6, Expected::CommaOrArrayEnd));
    }

    #[test]
    fn keeps_limits() {
        let limits = Limits { max_depth: Some(2), max_bytes: Some(9) };
        assert_eq!(validate_scalar(b"[[1],{}]", &limits), Ok(()));
        let e = validate_scalar(b"[[1],[[]", &limits).unwrap_err();
        assert_eq!((e.code, e.offset, e.expected), (Code::JsonLimit, 6, Expected::LessDepth));
        let e = validate_scalar(b"[1,2,3,4,5]", &limits).unwrap_err();
        assert_eq!((e.code, e.offset), (Code::JsonLimit, 9));
        assert_eq!(validate_scalar(b"1", &Limits { max_depth: Some(0), max_bytes: None }), Ok(()));
    }

    #[test]
    fn takes_no_stack_for_depth() {
        let deep = [vec![b'['; 1_000_000], vec![b']'; 1_000_000]].concat();
        assert_eq!(validate_scalar(&deep, &Limits::default()), Ok(()));
        let mixed = [b"{\"a\":[".repeat(300_000), b"]}".repeat(300_000)].concat();
        assert_eq!(validate_scalar(&mixed, &Limits::default()), Ok(()));
        assert!(validate_scalar(&mixed[..mixed.len() - 1], &Limits::default()).is_err());
    }
}
