//! The index of one container of a document: where its members or elements are.
//!
//! A document is its bytes. What is read is indexed container by container, when it is first entered, so
//! what nobody looks at costs one pass of counting brackets. An index is a row of `u32`s in memory of the
//! caller's:
//!
//! - the number of entries, and a 0 for the reader's own count of look-ups; then for each entry
//! - of an object: start and end of the name between its quotes, start and end of the value, 0;
//! - of an array: start and end of the value, 0.
//!
//! The 0 is the reader's, for where it put the index of that value. The end of a name has its highest bit
//! set when the name is not plain ASCII without escapes.

use super::dispatch::{Task, dispatch};
use super::fault::{Expected, JsonError};
use super::grammar::Engine;
use super::scan::Glancer;
use super::simd::Level;
use crate::error::Code;

/// Numbers before the entries.
pub const HEADER_NUMBERS: usize = 2;
/// Numbers of an entry of an object.
pub const MEMBER_NUMBERS: usize = 5;
/// Numbers of an entry of an array.
pub const ELEMENT_NUMBERS: usize = 3;
/// Marks a name with escapes or other than ASCII.
pub const ODD_NAME: u32 = 1 << 31;

/// Why there is no index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexError {
    /// It takes so many numbers; none is sure to be written.
    NoRoom(usize),
    /// The document, which was trusted, is not JSON at this byte.
    Broken(usize),
}

impl IndexError {
    /// As the failure of a reader of `input`; nothing when there was only no room.
    pub fn as_json_error(self, input: &[u8]) -> Option<JsonError> {
        match self {
            IndexError::NoRoom(_) => None,
            IndexError::Broken(at) => {
                Some(JsonError::at(input, at.min(input.len()), Code::JsonSyntax, Expected::Value))
            }
        }
    }
}

/// Writes the index of the container that starts at `start` of `input` to `index`; gives how many numbers it
/// takes. The document is below 2 GiB and trusted: what is wrong with it gives a wrong index or an error.
///
/// # Errors
/// See [`IndexError`].
pub fn index_container(input: &[u8], start: usize, index: &mut [u32]) -> Result<usize, IndexError> {
    index_container_at(Level::best(), input, start, index)
}

/// [`index_container`] by the instruction set named: for tests and measurements.
///
/// # Errors
/// As [`index_container`].
pub fn index_container_at(
    level: Level,
    input: &[u8],
    start: usize,
    index: &mut [u32],
) -> Result<usize, IndexError> {
    let is_object = match input.get(start) {
        Some(b'{') => true,
        Some(b'[') => false,
        _ => return Err(IndexError::Broken(start)),
    };
    if input.len() > i32::MAX as usize {
        return Err(IndexError::Broken(i32::MAX as usize));
    }
    let entries = Entries { input, is_object, from: start + 1, count: 0, at: HEADER_NUMBERS, index };
    let level = if level == Level::Scalar { Level::Swar } else { level };
    match dispatch(level, Walk { start, entries }) {
        Some(outcome) => outcome,
        None => Err(IndexError::Broken(start)),
    }
}

/// The entries found so far.
struct Entries<'a> {
    input: &'a [u8],
    is_object: bool,
    /// Behind the bracket or comma before the entry to come.
    from: usize,
    count: u32,
    /// Where the next number goes; goes on when there is no more room.
    at: usize,
    index: &'a mut [u32],
}

impl Entries<'_> {
    /// Takes in the entry that ends before `to`, where a comma or the closing bracket is.
    #[inline(always)]
    fn take(&mut self, to: usize) -> Result<(), IndexError> {
        let mut from = self.skip_white(self.from);
        let mut end = to;
        while end > from && is_white(self.input[end - 1]) {
            end -= 1;
        }
        self.from = to + 1;
        if self.is_object {
            let (name, name_end) = self.name(from, end)?;
            from = self.skip_white((name_end & !ODD_NAME) as usize + 1);
            if self.input.get(from) != Some(&b':') {
                return Err(IndexError::Broken(from));
            }
            from = self.skip_white(from + 1);
            self.put([name, name_end]);
        }
        if from >= end {
            return Err(IndexError::Broken(from));
        }
        self.put([from as u32, end as u32, 0]);
        self.count += 1;
        Ok(())
    }

    /// The name that starts at `quote`: start and end between its quotes.
    #[inline(always)]
    fn name(&self, quote: usize, end: usize) -> Result<(u32, u32), IndexError> {
        let bytes = self.input.get(quote..end).unwrap_or(&[]);
        if bytes.first() != Some(&b'"') {
            return Err(IndexError::Broken(quote));
        }
        let mut odd = 0;
        let mut at = 1;
        // Eight bytes at a time, up to the first quote or odd byte.
        while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            let word = u64::from_le_bytes(*word);
            let stop = equal_bytes(word, b'"') | equal_bytes(word, b'\\') | word & EACH_HIGH;
            if stop != 0 {
                at += stop.trailing_zeros() as usize / 8;
                break;
            }
            at += 8;
        }
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'"' => return Ok(((quote + 1) as u32, (quote + at) as u32 | odd)),
                b'\\' => {
                    odd = ODD_NAME;
                    at += 2;
                }
                _ => {
                    odd |= u32::from(byte >> 7) << 31;
                    at += 1;
                }
            }
        }
        Err(IndexError::Broken(end))
    }

    #[inline(always)]
    fn skip_white(&self, mut at: usize) -> usize {
        while self.input.get(at).is_some_and(|&byte| is_white(byte)) {
            at += 1;
        }
        at
    }

    #[inline(always)]
    fn put<const N: usize>(&mut self, numbers: [u32; N]) {
        if let Some(target) = self.index.get_mut(self.at..self.at + N) {
            target.copy_from_slice(&numbers);
        }
        self.at += N;
    }

    /// The container ends at `end`.
    fn finish(mut self, end: usize) -> Result<usize, IndexError> {
        // What follows the last comma; nothing at all in an empty container.
        if self.count > 0 || self.skip_white(self.from) < end {
            self.take(end)?;
        }
        if self.at > self.index.len() {
            return Err(IndexError::NoRoom(self.at));
        }
        self.index[..HEADER_NUMBERS].copy_from_slice(&[self.count, 0]);
        Ok(self.at)
    }
}

const EACH_LOW: u64 = u64::MAX / 255;
const EACH_HIGH: u64 = EACH_LOW << 7;

/// The highest bit of each byte that equals `byte`; those above the first may be wrong.
#[inline(always)]
fn equal_bytes(word: u64, byte: u8) -> u64 {
    let zero_where_equal = word ^ (EACH_LOW * u64::from(byte));
    zero_where_equal.wrapping_sub(EACH_LOW) & !zero_where_equal & EACH_HIGH
}

fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Counts brackets block by block, and stops at the commas between the container's own entries.
struct Walk<'a> {
    start: usize,
    entries: Entries<'a>,
}

impl Task for Walk<'_> {
    type Output = Result<usize, IndexError>;

    #[inline(always)]
    unsafe fn run<E: Engine>(self) -> Self::Output {
        use super::simd::Word;
        let Walk { start, mut entries } = self;
        let mut glancer = Glancer::new(entries.input, start);
        let mut depth = 0_u32;
        let mut base = start;
        loop {
            // SAFETY: the machine has the instruction set of `E`, as the caller promised.
            let Some(masks) = (unsafe { glancer.step::<E>() }) else {
                return Err(IndexError::Broken(entries.input.len()));
            };
            let (mut open, mut close, mut comma) = ([0; 8], [0; 8], [0; 8]);
            masks.open.store(&mut open);
            masks.close.store(&mut close);
            masks.comma.store(&mut comma);
            for block in 0..E::BLOCKS {
                let (opened, closed) = (open[block], close[block]);
                // Too deep to come back to the container's own level in this block?
                if depth > closed.count_ones() + 1 {
                    depth = depth + opened.count_ones() - closed.count_ones();
                    base += 64;
                    continue;
                }
                let brackets = opened | closed;
                let mut rest = brackets | if depth <= 1 || closed != 0 { comma[block] } else { 0 };
                while rest != 0 {
                    let bit = rest & rest.wrapping_neg();
                    let at = base + rest.trailing_zeros() as usize;
                    rest ^= bit;
                    if bit & opened != 0 {
                        depth += 1;
                    } else if bit & closed != 0 {
                        depth -= 1;
                        if depth == 0 {
                            return entries.finish(at);
                        }
                    } else if depth == 1 {
                        entries.take(at)?;
                    }
                }
                base += 64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Any JSON value as text, with white space anywhere.
    fn json() -> impl Strategy<Value = String> {
        let white = || "[ \t\n\r]{0,2}";
        let string = || "\"([ !#-\\[\\]-~é€]|\\\\[\"\\\\/bn]|\\\\u0041|[\\[\\]{},:]){0,9}\"";
        let leaf = prop_oneof![
            string(),
            "-?(0|[1-9][0-9]{0,2})".prop_map(String::from),
            Just("true".to_owned()),
            Just("null".to_owned()),
            Just("[]".to_owned()),
            Just("{ }".to_owned()),
        ];
        leaf.prop_recursive(5, 120, 12, move |inner| {
            prop_oneof![
                prop::collection::vec((white(), inner.clone(), white()), 0..12).prop_map(|items| {
                    let items: Vec<String> = items.into_iter().map(|(a, v, b)| a + &v + &b).collect();
                    format!("[{}]", items.join(","))
                }),
                prop::collection::vec((white(), string(), white(), inner), 0..12).prop_map(|members| {
                    let members: Vec<String> = members
                        .into_iter()
                        .map(|(a, name, b, v)| format!("{a}{name}{b}:{a}{v}{b}"))
                        .collect();
                    format!("{{{}}}", members.join(","))
                }),
            ]
        })
    }

    /// The same index, one byte after the other.
    fn model(input: &[u8], start: usize) -> Vec<u32> {
        let trim = |mut from: usize, mut to: usize| {
            while from < to && is_white(input[from]) {
                from += 1;
            }
            while to > from && is_white(input[to - 1]) {
                to -= 1;
            }
            (from, to)
        };
        let string_end = |mut at: usize| {
            at += 1;
            while input[at] != b'"' {
                at += if input[at] == b'\\' { 2 } else { 1 };
            }
            at
        };
        let (mut index, mut depth, mut at, mut from) = (vec![0, 0], 0, start, start + 1);
        loop {
            match input[at] {
                b'"' => at = string_end(at),
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            if depth == 0 || (depth == 1 && input[at] == b',') {
                let (mut value, end) = trim(from, at);
                if value < end || index[0] > 0 {
                    if input[start] == b'{' {
                        let name_end = string_end(value);
                        let name = &input[value + 1..name_end];
                        let odd = !name.is_ascii() || name.contains(&b'\\');
                        index.extend([value as u32 + 1, name_end as u32 | if odd { ODD_NAME } else { 0 }]);
                        let colon =
                            name_end + 1 + input[name_end + 1..].iter().position(|&b| b == b':').unwrap();
                        value = trim(colon + 1, end).0;
                    }
                    index.extend([value as u32, end as u32, 0]);
                    index[0] += 1;
                }
                from = at + 1;
            }
            if depth == 0 {
                return index;
            }
            at += 1;
        }
    }

    proptest! {
        #[test]
        fn equals_the_model(value in json(), shift in 0_usize..70) {
            let text = format!("{}[{value}]{}", " ".repeat(shift), " ".repeat(shift / 2));
            let input = text.as_bytes();
            serde_json::from_slice::<serde_json::Value>(input).expect("the strategy makes JSON");
            // Every container of the document, also those inside.
            let mut in_string = false;
            for start in 0..input.len() {
                if input[start] == b'"' && input[..start].iter().rev().take_while(|&&b| b == b'\\').count().is_multiple_of(2) {
                    in_string = !in_string;
                }
                if in_string || !matches!(input[start], b'{' | b'[') {
                    continue;
                }
                let expected = model(input, start);
                for level in Level::available() {
                    let mut index = vec![7; expected.len()];
                    prop_assert_eq!(index_container_at(level, input, start, &mut index), Ok(expected.len()));
                    prop_assert_eq!(&index, &expected);
                    index.pop();
                    prop_assert_eq!(
                        index_container_at(level, input, start, &mut index),
                        Err(IndexError::NoRoom(expected.len()))
                    );
                }
            }
        }

        #[test]
        fn what_is_not_json_gives_an_error_or_an_index_inside(
            text in "[\\[\\]{}\",:\\\\ a1]{0,200}", start in 0_usize..200,
        ) {
            let mut index = vec![0; 1000];
            for level in Level::available() {
                if let Ok(length) = index_container_at(level, text.as_bytes(), start, &mut index) {
                    prop_assert!(length <= 1000);
                    let stride = if text.as_bytes()[start] == b'{' { MEMBER_NUMBERS } else { ELEMENT_NUMBERS };
                    prop_assert_eq!(length, HEADER_NUMBERS + index[0] as usize * stride);
                    for number in &index[HEADER_NUMBERS..length] {
                        prop_assert!((number & !ODD_NAME) as usize <= text.len());
                    }
                }
            }
        }
    }

    #[test]
    fn a_million_levels_take_no_stack() {
        let text = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        let mut index = [0; 5];
        assert_eq!(index_container(text.as_bytes(), 0, &mut index), Ok(5));
        assert_eq!(index, [1, 0, 1, 1_999_999, 0]);
    }

    #[test]
    fn what_is_no_container() {
        for (text, start) in [("1", 0), ("", 0), ("[", 0), ("[1", 0), ("{\"a\":1", 0), ("[]", 9)] {
            assert!(matches!(
                index_container(text.as_bytes(), start, &mut [0; 9]),
                Err(IndexError::Broken(_))
            ));
        }
    }
}
