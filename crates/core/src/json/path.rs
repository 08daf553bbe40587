//! Paths to values: JSONPath (RFC 9535) as far as one pass over the bytes can follow it, and JSON Pointers.
//!
//! Understood of RFC 9535: names (`$.a`, `$['a b']`, `$["a"]`), indexes (also negative), slices (with steps)
//! and wildcards. Descendants (`..`), filters and unions are refused with a position. A path that is empty
//! or starts with `/` is a JSON Pointer (RFC 6901).

use std::fmt;

/// The most segments of a path: what bounds the recursion of readers.
pub const MAX_SEGMENTS: usize = 128;

/// The largest index of RFC 9535: 2^53 - 1.
const MAX_INDEX: i64 = (1 << 53) - 1;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// The member of this name (decoded).
    Name(String),
    /// The element at this index; from the end if it is negative.
    Index(i64),
    /// A token of a JSON Pointer that is an index in an array and a name in an object.
    Token(String, u32),
    /// Every member or element.
    Wildcard,
    /// A range of elements.
    Slice(Slice),
}

/// `start:end:step` of RFC 9535.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The first index; from the end if it is negative.
    pub start: Option<i64>,
    /// The index before which the slice ends; from the end if it is negative.
    pub end: Option<i64>,
    /// The distance of two elements; 0 selects nothing, below 0 goes backwards.
    pub step: i64,
}

impl Slice {
    /// The indexes that the slice selects of `length` elements, in its order (RFC 9535, 2.3.4.2.2).
    pub fn indexes(&self, length: usize) -> impl Iterator<Item = usize> {
        let length = length as i64;
        let step = self.step;
        let normal = |index: i64| if index >= 0 { index } else { length + index };
        let (mut at, end) = if step >= 0 {
            let start = normal(self.start.unwrap_or(0)).clamp(0, length);
            (start, normal(self.end.unwrap_or(length)).clamp(0, length))
        } else {
            let start = self.start.map_or(length - 1, normal).clamp(-1, length - 1);
            (start, self.end.map_or(-1, |end| normal(end).clamp(-1, length - 1)))
        };
        std::iter::from_fn(move || {
            if (step > 0 && at < end) || (step < 0 && at > end) {
                let index = at as usize;
                at = at.saturating_add(step);
                Some(index)
            } else {
                None
            }
        })
    }
}

/// A parsed path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    segments: Vec<Segment>,
}

/// Why a text is not a path that is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError {
    /// Where, in UTF-16 code units from the start of the text: what JavaScript counts.
    pub position: usize,
    /// What would have been accepted there.
    pub expected: &'static str,
    /// The character that is there; `None` at the end.
    pub found: Option<char>,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at position {}, found ", self.expected, self.position)?;
        match self.found {
            Some(found) => write!(f, "{found:?}"),
            None => f.write_str("the end"),
        }
    }
}

impl std::error::Error for PathError {}

impl Path {
    /// Reads a path from the root: `$…`, or a JSON Pointer.
    ///
    /// # Errors
    /// Where the text stops being a path, and what was expected there.
    pub fn parse(text: &str) -> Result<Path, PathError> {
        let mut parser = Parser { text, at: 0 };
        match text.as_bytes().first() {
            None => Ok(Path::default()),
            Some(b'/') => parser.pointer(),
            Some(b'$') => {
                parser.at = 1;
                parser.query(Vec::new())
            }
            Some(_) => Err(parser.error("\"$\" or \"/\"")),
        }
    }

    /// Reads a path from the value at hand (a row): also plain names (`author.name`), which need no `$`.
    ///
    /// # Errors
    /// As [`Path::parse`].
    pub fn parse_relative(text: &str) -> Result<Path, PathError> {
        let mut parser = Parser { text, at: 0 };
        match parser.peek() {
            None | Some('/' | '$') => Path::parse(text),
            Some('[') => parser.query(Vec::new()),
            Some(_) => {
                let name = parser.shorthand("a name, \"$\", \"[\" or \"/\"")?;
                parser.query(vec![Segment::Name(name)])
            }
        }
    }

    /// The path of one member of the value at hand.
    pub fn of_name(name: impl Into<String>) -> Path {
        Path { segments: vec![Segment::Name(name.into())] }
    }

    /// The path of all members or elements of the value at hand.
    pub(crate) fn wildcard() -> Path {
        Path { segments: vec![Segment::Wildcard] }
    }

    /// The segments, outermost first.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// This path, and from there `relative`.
    ///
    /// # Errors
    /// If both together have more than [`MAX_SEGMENTS`].
    pub fn join(&self, relative: &Path) -> Result<Path, PathError> {
        let segments: Vec<_> = self.segments.iter().chain(&relative.segments).cloned().collect();
        if segments.len() > MAX_SEGMENTS {
            return Err(PathError { position: 0, expected: TOO_LONG, found: None });
        }
        Ok(Path { segments })
    }

    /// The path without its last segment, if that is a wildcard.
    pub(crate) fn before_wildcard(&self) -> Option<Path> {
        let (Segment::Wildcard, before) = self.segments.split_last()? else { return None };
        Some(Path { segments: before.to_vec() })
    }

    /// Whether the path may lead to any number of values: it has a wildcard or a slice.
    pub fn is_many(&self) -> bool {
        self.segments.iter().any(|s| matches!(s, Segment::Wildcard | Segment::Slice(_)))
    }
}

const TOO_LONG: &str = "at most 128 segments";

/// A reader of one text. `at` is always on a character boundary.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn skip_blank(&mut self) {
        while let Some(' ' | '\t' | '\n' | '\r') = self.peek() {
            self.at += 1;
        }
    }

    fn error(&self, expected: &'static str) -> PathError {
        PathError {
            position: self.text[..self.at].chars().map(char::len_utf16).sum(),
            expected,
            found: self.peek(),
        }
    }

    /// `/a~1b/0`
    fn pointer(&mut self) -> Result<Path, PathError> {
        let mut segments = Vec::new();
        while self.eat('/') {
            let start = self.at;
            let mut name = String::new();
            while let Some(found) = self.peek().filter(|&c| c != '/') {
                self.at += found.len_utf8();
                if found != '~' {
                    name.push(found);
                } else if self.eat('0') {
                    name.push('~');
                } else if self.eat('1') {
                    name.push('/');
                } else {
                    return Err(self.error("\"0\" or \"1\" after \"~\""));
                }
            }
            let token = &self.text[start..self.at];
            let plain = token == "0" || !token.starts_with('0') && token.bytes().all(|b| b.is_ascii_digit());
            let index = if plain { token.parse::<u32>().ok() } else { None };
            self.push(&mut segments, index.map_or(Segment::Name(name.clone()), |i| Segment::Token(name, i)))?;
        }
        Ok(Path { segments })
    }

    /// What follows `$`, after `segments`.
    fn query(&mut self, mut segments: Vec<Segment>) -> Result<Path, PathError> {
        while self.at < self.text.len() {
            // White space is allowed between segments, not at the end.
            let before = self.at;
            self.skip_blank();
            let segment = if self.eat('.') {
                if self.eat('*') {
                    Segment::Wildcard
                } else {
                    let expected = if self.peek() == Some('.') {
                        "a name or \"*\" (descendants, \"..\", are not supported)"
                    } else {
                        "a name or \"*\" (other names: ['…'])"
                    };
                    Segment::Name(self.shorthand(expected)?)
                }
            } else if self.eat('[') {
                self.bracket()?
            } else {
                self.at = before;
                return Err(self.error("\".\", \"[\" or the end"));
            };
            self.push(&mut segments, segment)?;
        }
        Ok(Path { segments })
    }

    fn push(&self, segments: &mut Vec<Segment>, segment: Segment) -> Result<(), PathError> {
        if segments.len() == MAX_SEGMENTS {
            return Err(self.error(TOO_LONG));
        }
        segments.push(segment);
        Ok(())
    }

    /// A name that needs no quotes: letters, `_`, digits (not first), anything beyond ASCII.
    fn shorthand(&mut self, expected: &'static str) -> Result<String, PathError> {
        let start = self.at;
        while let Some(found) = self.peek() {
            let first = found.is_ascii_alphabetic() || found == '_' || !found.is_ascii();
            if !first && (self.at == start || !found.is_ascii_digit()) {
                break;
            }
            self.at += found.len_utf8();
        }
        if self.at == start { Err(self.error(expected)) } else { Ok(self.text[start..self.at].to_owned()) }
    }

    fn bracket(&mut self) -> Result<Segment, PathError> {
        self.skip_blank();
        let segment = match self.peek() {
            Some('*') => {
                self.at += 1;
                Segment::Wildcard
            }
            Some(quote @ ('\'' | '"')) => {
                self.at += 1;
                Segment::Name(self.quoted(quote)?)
            }
            Some('-' | '0'..='9' | ':') => self.index_or_slice()?,
            Some('?') => {
                return Err(
                    self.error("a name in quotes, an index, a slice or \"*\" (filters are not supported)")
                );
            }
            _ => return Err(self.error("a name in quotes, an index, a slice or \"*\"")),
        };
        self.skip_blank();
        if self.eat(']') {
            Ok(segment)
        } else if self.peek() == Some(',') {
            Err(self.error("\"]\" (unions are not supported)"))
        } else {
            Err(self.error("\"]\""))
        }
    }

    fn index_or_slice(&mut self) -> Result<Segment, PathError> {
        let start = self.integer()?;
        let before = self.at;
        self.skip_blank();
        if !self.eat(':') {
            self.at = before;
            return start.map(Segment::Index).ok_or_else(|| self.error("an index"));
        }
        self.skip_blank();
        let end = self.integer()?;
        self.skip_blank();
        let mut step = None;
        if self.eat(':') {
            self.skip_blank();
            step = self.integer()?;
        }
        Ok(Segment::Slice(Slice { start, end, step: step.unwrap_or(1) }))
    }

    /// A whole number as RFC 9535 writes it, or nothing.
    fn integer(&mut self) -> Result<Option<i64>, PathError> {
        let start = self.at;
        let negative = self.eat('-');
        let digits = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        let text = &self.text[digits..self.at];
        if text.is_empty() {
            return if negative { Err(self.error("a digit")) } else { Ok(None) };
        }
        let canonical = text == "0" && !negative || !text.starts_with('0');
        match text.parse::<i64>() {
            Ok(number) if canonical && number <= MAX_INDEX => {
                Ok(Some(if negative { -number } else { number }))
            }
            _ => {
                self.at = start;
                Err(self.error("a whole number without leading zeros, up to 2^53 - 1"))
            }
        }
    }

    /// The rest of a quoted name.
    fn quoted(&mut self, quote: char) -> Result<String, PathError> {
        let mut name = String::new();
        loop {
            let Some(found) = self.peek() else { return Err(self.error("the closing quote")) };
            if (found as u32) < 0x20 {
                return Err(self.error("control characters to be escaped"));
            }
            if found == '\\' {
                name.push(self.escape(quote)?);
                continue;
            }
            self.at += found.len_utf8();
            if found == quote {
                return Ok(name);
            }
            name.push(found);
        }
    }

    fn escape(&mut self, quote: char) -> Result<char, PathError> {
        self.at += 1;
        let decoded = match self.peek() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some(found @ ('/' | '\\')) => found,
            Some(found) if found == quote => found,
            Some('u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.error("an escape: one of b f n r t u / \\ or the quote")),
        };
        self.at += 1;
        Ok(decoded)
    }

    /// The four digits after `\u`, and the second escape of a surrogate pair.
    fn unicode(&mut self) -> Result<char, PathError> {
        let start = self.at;
        let mut unit = self.hex4()?;
        if (0xd800..0xdc00).contains(&unit) && self.eat('\\') && self.eat('u') {
            let low = self.hex4()?;
            if (0xdc00..0xe000).contains(&low) {
                unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            }
        }
        char::from_u32(unit).ok_or_else(|| {
            self.at = start;
            self.error("a surrogate only as part of a pair")
        })
    }

    fn hex4(&mut self) -> Result<u32, PathError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|c| c.to_digit(16));
            unit = unit * 16 + digit.ok_or_else(|| self.error("four hexadecimal digits after \\u"))?;
            self.at += 1;
        }
        Ok(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<Segment> {
        names.iter().map(|&n| Segment::Name(n.to_owned())).collect()
    }

    fn segments(text: &str) -> Vec<Segment> {
        Path::parse(text).unwrap_or_else(|e| panic!("{text}: {e}")).segments
    }

    fn slice(start: Option<i64>, end: Option<i64>, step: i64) -> Vec<Segment> {
        vec![Segment::Slice(Slice { start, end, step })]
    }

    #[test]
    fn json_path() {
        assert_eq!(segments("$"), []);
        assert_eq!(segments("$.a.b_1"), names(&["a", "b_1"]));
        assert_eq!(segments("$ .a ['b']"), names(&["a", "b"]));
        assert_eq!(segments("$['a b'][ \"c\\\"'\" ]"), names(&["a b", "c\"'"]));
        assert_eq!(segments(r"$['\u00e9\ud83d\ude00\'\\\n']"), names(&["é😀'\\\n"]));
        assert_eq!(segments("$.ünï.__proto__"), names(&["ünï", "__proto__"]));
        assert_eq!(segments("$['']"), names(&[""]));
        assert_eq!(segments("$[0][-1]"), [Segment::Index(0), Segment::Index(-1)]);
        assert_eq!(segments("$[*].*"), [Segment::Wildcard, Segment::Wildcard]);
        assert_eq!(segments("$[1:2]"), slice(Some(1), Some(2), 1));
        assert_eq!(segments("$[ 1 : -2 : 3 ]"), slice(Some(1), Some(-2), 3));
        assert_eq!(segments("$[::-1]"), slice(None, None, -1));
        assert_eq!(segments("$[:]"), slice(None, None, 1));
        assert_eq!(segments("$[:3:]"), slice(None, Some(3), 1));
        assert_eq!(segments("$[9007199254740991]"), [Segment::Index(MAX_INDEX)]);
    }

    #[test]
    fn json_pointer() {
        assert_eq!(segments(""), []);
        assert_eq!(segments("/"), names(&[""]));
        assert_eq!(segments("/a~1b/~01/-/01"), names(&["a/b", "~1", "-", "01"]));
        assert_eq!(segments("/0/12"), [Segment::Token("0".into(), 0), Segment::Token("12".into(), 12)]);
        assert_eq!(segments("/4294967296"), names(&["4294967296"]));
    }

    #[test]
    fn relative() {
        assert_eq!(Path::parse_relative("author.name").unwrap().segments, names(&["author", "name"]));
        assert_eq!(Path::parse_relative("$.a").unwrap().segments, names(&["a"]));
        assert_eq!(Path::parse_relative("/a").unwrap().segments, names(&["a"]));
        assert_eq!(Path::parse_relative("['a b']").unwrap().segments, names(&["a b"]));
        assert_eq!(Path::parse_relative("$").unwrap().segments, []);
        assert_eq!(Path::parse_relative("a-b").unwrap_err().position, 1);
        let joined = Path::parse("$.rows[*]").unwrap().join(&Path::of_name("x")).unwrap();
        assert!(joined.is_many());
        assert_eq!(joined.segments.len(), 3);
    }

    #[test]
    fn refused_with_the_position() {
        for (text, position, expected) in [
            ("a", 0, "\"$\" or \"/\""),
            ("$..a", 2, "descendants"),
            ("$.a..b", 4, "descendants"),
            ("$.", 2, "a name or \"*\""),
            ("$.1", 2, "a name or \"*\""),
            ("$.a-b", 3, "\".\", \"[\" or the end"),
            ("$.a ", 3, "\".\", \"[\" or the end"),
            (" $.a", 0, "\"$\" or \"/\""),
            ("$[?@.a]", 2, "filters"),
            ("$[0,1]", 3, "unions"),
            ("$['a','b']", 5, "unions"),
            ("$[", 2, "a name in quotes"),
            ("$[a]", 2, "a name in quotes"),
            ("$[01]", 2, "leading zeros"),
            ("$[-0]", 2, "leading zeros"),
            ("$[-]", 3, "a digit"),
            ("$[9007199254740992]", 2, "2^53"),
            ("$[99999999999999999999999]", 2, "2^53"),
            ("$[1:2:3:4]", 7, "\"]\""),
            ("$['a", 4, "the closing quote"),
            ("$['\u{1}']", 3, "control characters"),
            ("$['\\x']", 4, "an escape"),
            ("$['\\\"']", 4, "an escape"),
            ("$['\\u12']", 7, "four hexadecimal"),
            ("$['\\ud800']", 5, "a pair"),
            ("$['\\udc00']", 5, "a pair"),
            ("$['\\ud800\\u0041']", 5, "a pair"),
            ("$.😀😀-", 6, "the end"),
            ("/a~2", 3, "\"0\" or \"1\""),
            ("/a~", 3, "\"0\" or \"1\""),
        ] {
            let error = Path::parse(text).expect_err(text);
            assert_eq!(error.position, position, "{text}: {error}");
            assert!(error.expected.contains(expected), "{text}: {error}");
        }
        assert!(Path::parse(&"/a".repeat(MAX_SEGMENTS)).is_ok());
        assert!(Path::parse(&"/a".repeat(MAX_SEGMENTS + 1)).is_err());
        let half = Path::parse(&"/a".repeat(MAX_SEGMENTS / 2)).unwrap();
        assert!(half.join(&half).is_ok());
        assert!(half.join(&half).unwrap().join(&half).is_err());
        assert_eq!(
            Path::parse("$.a-").unwrap_err().to_string(),
            "expected \".\", \"[\" or the end at position 3, found '-'"
        );
        assert_eq!(Path::parse("$[").unwrap_err().found, None);
    }

    #[test]
    fn slices_as_rfc_9535_has_them() {
        let select = |text: &str, length: usize| -> Vec<usize> {
            match &segments(text)[0] {
                Segment::Slice(slice) => slice.indexes(length).collect(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(select("$[1:3]", 7), [1, 2]);
        assert_eq!(select("$[5:]", 7), [5, 6]);
        assert_eq!(select("$[1:5:2]", 7), [1, 3]);
        assert_eq!(select("$[5:1:-2]", 7), [5, 3]);
        assert_eq!(select("$[::-1]", 3), [2, 1, 0]);
        assert_eq!(select("$[-2:]", 5), [3, 4]);
        assert_eq!(select("$[:-3]", 5), [0, 1]);
        assert_eq!(select("$[10:]", 5), Vec::<usize>::new());
        assert_eq!(select("$[::0]", 5), Vec::<usize>::new());
        assert_eq!(select("$[:0:-1]", 3), [2, 1]);
        assert_eq!(select("$[-100:100]", 3), [0, 1, 2]);
        assert_eq!(select("$[100:-100:-1]", 3), [2, 1, 0]);
        assert_eq!(select("$[::9007199254740991]", 3), [0]);
        assert_eq!(select("$[:]", 0), Vec::<usize>::new());
        assert_eq!(select("$[::-1]", 0), Vec::<usize>::new());
    }
}
