//! What a reader may refuse, and how it says where and why.

use core::fmt;

use crate::error::Code;

/// The bounds a document must stay within. The default allows any depth and 4 GiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// How many objects and arrays may be open at once; `[[]]` has depth 2. `None` allows any.
    pub max_depth: Option<u32>,
    /// How many bytes a document may have. `None` allows what offsets of 32 bits reach: 4 GiB - 1.
    pub max_bytes: Option<usize>,
}

impl Limits {
    /// Checks the length of a document.
    ///
    /// # Errors
    /// `JsonLimit` with the offset at which the document should have ended.
    pub fn check_len(&self, len: usize) -> Result<(), JsonError> {
        let most = self.max_bytes.unwrap_or(usize::MAX).min(u32::MAX as usize);
        if len <= most {
            return Ok(());
        }
        // Line and column would need a pass over bytes that are too many by definition.
        Err(JsonError {
            code: Code::JsonLimit,
            offset: most,
            line: 0,
            column: 0,
            expected: Expected::FewerBytes,
        })
    }
}

/// What a reader would have accepted at the place where it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Any value.
    Value,
    /// The first element of an array, or its end.
    ValueOrArrayEnd,
    /// The first member of an object, or its end.
    NameOrObjectEnd,
    /// The name of the next member, after a comma.
    Name,
    /// The colon after a name.
    Colon,
    /// What follows a member.
    CommaOrObjectEnd,
    /// What follows an element.
    CommaOrArrayEnd,
    /// Nothing but white space after the value.
    End,
    /// A digit of a number.
    Digit,
    /// The rest of the literal `true`.
    True,
    /// The rest of the literal `false`.
    False,
    /// The rest of the literal `null`.
    Null,
    /// The quote that ends a string.
    StringEnd,
    /// Characters below U+0020 must be escaped in strings.
    EscapedControl,
    /// One of `"`, `\`, `/`, `b`, `f`, `n`, `r`, `t`, `u` after a backslash.
    Escape,
    /// Four hexadecimal digits after `\u`.
    HexDigit,
    /// Bytes that are UTF-8.
    Utf8,
    /// Fewer open objects and arrays.
    LessDepth,
    /// A shorter document.
    FewerBytes,
}

impl Expected {
    /// The phrase that completes "expected …".
    pub const fn as_str(self) -> &'static str {
        match self {
            Expected::Value => "a value",
            Expected::ValueOrArrayEnd => "a value or ']'",
            Expected::NameOrObjectEnd => "a string or '}'",
            Expected::Name => "a string as the member's name",
            Expected::Colon => "':'",
            Expected::CommaOrObjectEnd => "',' or '}'",
            Expected::CommaOrArrayEnd => "',' or ']'",
            Expected::End => "the end of the document",
            Expected::Digit => "a digit",
            Expected::True => "true",
            Expected::False => "false",
            Expected::Null => "null",
            Expected::StringEnd => "'\"' at the end of the string",
            Expected::EscapedControl => "control characters to be escaped",
            Expected::Escape => "an escape: one of \" \\ / b f n r t u",
            Expected::HexDigit => "four hexadecimal digits",
            Expected::Utf8 => "valid UTF-8",
            Expected::LessDepth => "fewer nested values than the depth limit",
            Expected::FewerBytes => "fewer bytes than the size limit",
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a document was refused, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// `JsonSyntax` or `JsonLimit`.
    pub code: Code,
    /// Offset in bytes of the first byte that does not fit; the length of the document if it ends too soon.
    pub offset: usize,
    /// Line of that byte, from 1; only `\n` ends a line. 0 if the document was too long to look at.
    pub line: usize,
    /// Column in that line, from 1, in UTF-16 code units: what JavaScript and editors count.
    pub column: usize,
    /// What would have been accepted there.
    pub expected: Expected,
}

impl JsonError {
    /// An error at `offset` of `input`, with line and column counted. What lies before `offset` must be UTF-8.
    pub(crate) fn at(input: &[u8], offset: usize, code: Code, expected: Expected) -> Self {
        let before = &input[..offset];
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        let start = memchr::memrchr(b'\n', before).map_or(0, |p| p + 1);
        // Every character has one byte that is no continuation; those of four bytes take two code units.
        let units = |b: &u8| usize::from(*b & 0xC0 != 0x80) + usize::from(*b >= 0xF0);
        let column = 1 + before[start..].iter().map(units).sum::<usize>();
        JsonError { code, offset, line, column, expected }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at offset {}", self.expected, self.offset)?;
        if self.line > 0 {
            write!(f, " (line {}, column {})", self.line, self.column)?;
        }
        Ok(())
    }
}

impl std::error::Error for JsonError {}
