//! The index of a document: where the members and elements of its containers are.
//!
//! A document is its bytes. A container that is entered is indexed together with all that is in it, in one
//! pass over the bitmaps of the grammar; or alone, when that would be more than is likely to be read. An index
//! is a row of `u32`s in memory of the caller's, which JavaScript reads without calling anybody:
//!
//! - of a container: the number of entries, a 0 for the reader's own count of look-ups, where it ends; then
//! - for each member: the key of its name, where the name starts between its quotes, and the value;
//! - for each element: the value;
//! - of a value: where it starts, and where it ends; of a container that is indexed, instead of the end, the
//!   complement of the position of its index.
//!
//! A key ([`name_key`]) tells most names apart. One with escapes or other than ASCII has no key but
//! [`ODD`], which is also set in the count of an object that has such names, and in the start of a string
//! that is no plain ASCII.
//!
//! Entries of one container lie side by side, so an element is found by its number. Containers come in the
//! order in which they end: entries wait in a stack of their own until theirs does.

use core::ops::RangeInclusive;

use super::dispatch::{Task, dispatch};
use super::fault::{Expected, JsonError};
use super::grammar::Engine;
use super::scan::Glancer;
use super::simd::Level;
use crate::error::Code;

/// Numbers before the entries.
pub const HEADER_NUMBERS: usize = 3;
/// Numbers of an entry of an object.
pub const MEMBER_NUMBERS: usize = 4;
/// Numbers of an entry of an array.
pub const ELEMENT_NUMBERS: usize = 2;
/// Marks a name, or the start of a string, with escapes or other than ASCII.
pub const ODD: u32 = 1 << 31;

/// Set in the count of an object that has no name twice; where names have one key, only if they are short.
pub const DISTINCT: u32 = 1 << 30;
/// The longest of those: comparing must not take long, however a document is made.
pub const DISTINCT_NAME_BYTES: usize = 64;
/// How many members such an object has: fewer are looked through in no time, more are hashed.
pub const DISTINCT_MEMBERS: RangeInclusive<usize> = 9..=96;

/// Why there is no index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexError {
    /// So many numbers have to fit into the memory given; none is sure to be written.
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

/// How much of a container is indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Its own entries.
    Alone,
    /// And those of all containers in it.
    Deep,
}

/// Where an index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// The position of the container's own row.
    pub root: usize,
    /// The position behind all that was written.
    pub end: usize,
}

/// What indexing needs for its work; it can be used again.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Entries of the containers that are open.
    waiting: Vec<u32>,
    /// The containers around the innermost one.
    outer: Vec<Frame>,
}

impl Scratch {
    /// Numbers that are kept for the next document.
    const KEPT: usize = 1 << 16;

    fn trim(&mut self) {
        self.waiting.truncate(Self::KEPT);
        self.waiting.shrink_to(Self::KEPT);
        self.outer.clear();
        self.outer.shrink_to(Self::KEPT);
    }
}

/// What is compared before a name itself: its length, and its first, middle and last letter. The name has no
/// escapes and is ASCII.
#[inline(always)]
pub fn name_key(name: &[u8]) -> u32 {
    let length = name.len();
    if length == 0 {
        return 0;
    }
    let letter = |at: usize| u32::from(name[at]);
    letter(0) | letter(length / 2) << 7 | letter(length - 1) << 14 | (length as u32 & 0x3ff) << 21
}

/// Indexes the container that starts at `start` of `input`, in `index` from `at` on. The document is below
/// 2 GiB and trusted: what is wrong with it gives a wrong index or an error.
///
/// # Errors
/// See [`IndexError`].
pub fn index_container(
    input: &[u8],
    start: usize,
    reach: Reach,
    index: &mut [u32],
    at: usize,
    scratch: &mut Scratch,
) -> Result<Indexed, IndexError> {
    index_container_at(Level::best(), input, start, reach, index, at, scratch)
}

/// [`index_container`] by the instruction set named: for tests and measurements.
///
/// # Errors
/// As [`index_container`].
pub fn index_container_at(
    level: Level,
    input: &[u8],
    start: usize,
    reach: Reach,
    index: &mut [u32],
    at: usize,
    scratch: &mut Scratch,
) -> Result<Indexed, IndexError> {
    if !matches!(input.get(start), Some(b'{' | b'[')) {
        return Err(IndexError::Broken(start));
    }
    if input.len() > i32::MAX as usize {
        return Err(IndexError::Broken(i32::MAX as usize));
    }
    let task = (input, start, index, at);
    let level = if level == Level::Scalar { Level::Swar } else { level };
    let outcome = match reach {
        Reach::Alone => dispatch(level, Walk::<false> { task, scratch }),
        Reach::Deep => dispatch(level, Walk::<true> { task, scratch }),
    };
    scratch.trim();
    outcome.unwrap_or(Err(IndexError::Broken(start)))
}

/// A container that is open.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Where its entries start: in `waiting`, or in the index when it is indexed alone.
    base: usize,
    is_object: bool,
    has_odd: bool,
}

/// What comes next in the innermost container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A name and its colon, in an object.
    Name,
    /// A value, from `from` on.
    Value,
    /// A comma or the end: the value was a container, and has been taken in.
    Taken,
}

impl State {
    /// Of a container of which a new entry begins.
    #[inline(always)]
    fn fresh(is_object: bool) -> State {
        if is_object { State::Name } else { State::Value }
    }
}

/// The entries found so far.
struct Entries<'a, const DEEP: bool> {
    input: &'a [u8],
    index: &'a mut [u32],
    /// Where the index goes on; also when there is no more room.
    end: usize,
    /// Entries of the containers that are open, and how many numbers of it are in use.
    waiting: Vec<u32>,
    top: usize,
    outer: &'a mut Vec<Frame>,
    innermost: Frame,
    state: State,
    /// Behind the bracket, comma or colon that was passed last.
    from: usize,
    /// Key of the name that was passed last, and above it where it starts. One register: as two numbers they
    /// were stored apart and loaded together, which took a quarter of all the time.
    name: u64,
    /// What starts here or later has no escapes and is ASCII, as far as the bitmaps go.
    plain_from: usize,
}

impl<const DEEP: bool> Entries<'_, DEEP> {
    /// A name ends before the colon at `at`.
    #[inline(always)]
    fn colon(&mut self, at: usize) -> Result<(), IndexError> {
        let quote = self.skip_white(self.from);
        let end = self.skip_white_back(at) - 1;
        if self.state != State::Name || end <= quote || self.input[quote] != b'"' || self.input[end] != b'"' {
            return Err(IndexError::Broken(quote.min(at)));
        }
        let name = &self.input[quote + 1..end];
        let mut key = name_key(name);
        if quote < self.plain_from && is_odd(name) {
            key = ODD;
            self.innermost.has_odd = true;
        }
        self.name = u64::from(key) | (quote as u64 + 1) << 32;
        self.from = at + 1;
        self.state = State::Value;
        Ok(())
    }

    /// An entry ends before the comma at `at`.
    #[inline(always)]
    fn comma(&mut self, at: usize) -> Result<(), IndexError> {
        match self.state {
            State::Taken => {}
            State::Value => {
                let start = self.skip_white(self.from);
                let end = self.skip_white_back(at);
                if start >= end {
                    return Err(IndexError::Broken(start));
                }
                let odd =
                    start < self.plain_from && self.input[start] == b'"' && is_odd(&self.input[start..end]);
                self.push_value(start as u32 | if odd { ODD } else { 0 }, end as u32);
            }
            State::Name => return Err(IndexError::Broken(at)),
        }
        self.state = State::fresh(self.innermost.is_object);
        self.from = at + 1;
        Ok(())
    }

    /// The value is a container and starts at `at`. The last number of its entry is still to come.
    #[inline(always)]
    fn value_opens(&mut self, at: usize) -> Result<(), IndexError> {
        if self.state != State::Value || self.skip_white(self.from) != at {
            return Err(IndexError::Broken(at));
        }
        self.push_value(at as u32, 0);
        self.state = State::Taken;
        Ok(())
    }

    /// The container that was told to open last has ended: this is the last number of its entry.
    #[inline(always)]
    fn value_closes(&mut self, number: u32) {
        if DEEP {
            self.waiting[self.top - 1] = number;
        } else if let Some(last) = self.index.get_mut(self.end - 1) {
            *last = number;
        }
    }

    /// The container that starts at `at` is the innermost one now.
    #[inline(always)]
    fn open(&mut self, at: usize) -> Result<(), IndexError> {
        self.value_opens(at)?;
        self.outer.push(self.innermost);
        let is_object = self.input[at] == b'{';
        self.innermost = Frame { base: self.top, is_object, has_odd: false };
        self.state = State::fresh(is_object);
        self.from = at + 1;
        Ok(())
    }

    /// The innermost container ends at `at`; gives the position of its row.
    #[inline(always)]
    fn finish_row(&mut self, at: usize) -> Result<usize, IndexError> {
        let Frame { base, is_object, .. } = self.innermost;
        let is_empty = self.entries_end() == base && self.state == State::fresh(is_object);
        if !(is_empty && self.skip_white(self.from) == at) {
            self.comma(at)?;
        }
        if (self.input[at] == b'}') != is_object {
            return Err(IndexError::Broken(at));
        }
        let numbers = self.entries_end() - base;
        let count = numbers / if is_object { MEMBER_NUMBERS } else { ELEMENT_NUMBERS };
        let row = if DEEP { self.end } else { base - HEADER_NUMBERS };
        let mut flags = 0;
        if self.innermost.has_odd {
            flags = ODD;
        } else if is_object && DISTINCT_MEMBERS.contains(&count) {
            let members =
                if DEEP { self.waiting.get(base..self.top) } else { self.index.get(base..self.end) };
            if members.is_some_and(|members| are_distinct(self.input, members)) {
                flags = DISTINCT;
            }
        }
        if let Some(header) = self.index.get_mut(row..row + HEADER_NUMBERS) {
            header.copy_from_slice(&[count as u32 | flags, 0, at as u32 + 1]);
        }
        if DEEP {
            let entries = row + HEADER_NUMBERS;
            self.end = entries + numbers;
            if let Some(target) = self.index.get_mut(entries..self.end) {
                target.copy_from_slice(&self.waiting[base..self.top]);
            }
            self.top = base;
        }
        Ok(row)
    }

    /// The innermost container, which is not the outermost, ends at `at`.
    #[inline(always)]
    fn close(&mut self, at: usize) -> Result<(), IndexError> {
        let row = self.finish_row(at)?;
        self.innermost = self.outer.pop().ok_or(IndexError::Broken(at))?;
        self.value_closes(!(row as u32));
        self.state = State::Taken;
        Ok(())
    }

    /// The outermost container ends at `at`.
    fn finish(&mut self, at: usize) -> Result<Indexed, IndexError> {
        let root = self.finish_row(at)?;
        let end = self.end;
        if end > self.index.len() { Err(IndexError::NoRoom(end)) } else { Ok(Indexed { root, end }) }
    }

    /// Behind the last entry of the innermost container.
    #[inline(always)]
    fn entries_end(&self) -> usize {
        if DEEP { self.top } else { self.end }
    }

    #[inline(always)]
    fn push_value(&mut self, start: u32, end: u32) {
        if self.innermost.is_object {
            self.push([self.name as u32, (self.name >> 32) as u32, start, end]);
        } else {
            self.push([start, end]);
        }
    }

    #[inline(always)]
    fn push<const N: usize>(&mut self, numbers: [u32; N]) {
        if DEEP {
            loop {
                if let Some(target) = self.waiting.get_mut(self.top..self.top + N) {
                    target.copy_from_slice(&numbers);
                    break;
                }
                self.grow();
            }
            self.top += N;
        } else {
            if let Some(target) = self.index.get_mut(self.end..self.end + N) {
                target.copy_from_slice(&numbers);
            }
            self.end += N;
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        self.waiting.resize((self.waiting.len() * 2).max(1024), 0);
    }

    #[inline(always)]
    fn skip_white(&self, at: usize) -> usize {
        match self.input.get(at) {
            Some(0..=b' ') => skip_white(self.input, at),
            _ => at,
        }
    }

    /// Behind the last byte before `at` that is not white; at least 1, as a bracket is before all else.
    #[inline(always)]
    fn skip_white_back(&self, at: usize) -> usize {
        match self.input.get(at - 1) {
            Some(0..=b' ') => skip_white_back(self.input, at),
            _ => at,
        }
    }
}

/// Apart, as most documents have no white space between values, or much of it.
#[inline(never)]
fn skip_white(input: &[u8], mut at: usize) -> usize {
    while input.get(at).is_some_and(|&byte| is_white(byte)) {
        at += 1;
    }
    at
}

#[inline(never)]
fn skip_white_back(input: &[u8], mut at: usize) -> usize {
    while at > 1 && is_white(input[at - 1]) {
        at -= 1;
    }
    at
}

/// Whether no two members have the same name. Says no where that would take long to find out.
fn are_distinct(input: &[u8], members: &[u32]) -> bool {
    let (members, _) = members.as_chunks::<MEMBER_NUMBERS>();
    let mut seen = [0_u64; 32];
    for (place, &[key, name, ..]) in members.iter().enumerate() {
        let hash = key.wrapping_mul(0x9E37_79B1) >> 21;
        let (word, bit) = (&mut seen[hash as usize / 64], 1 << (hash % 64));
        if *word & bit != 0 {
            let mut alike = members[..place].iter().filter(|other| other[0] == key);
            if alike.any(|other| !differ(input, key, other[1], name)) {
                return false;
            }
        }
        *word |= bit;
    }
    true
}

/// Whether two names with this key surely differ: they are short, and their bytes do.
fn differ(input: &[u8], key: u32, one: u32, other: u32) -> bool {
    let length = (key >> 21) as usize;
    let quoted = |start: u32| input.get(start as usize..)?.get(..=length);
    let (Some([one @ .., b'"']), Some([other @ .., b'"'])) = (quoted(one), quoted(other)) else {
        return false;
    };
    length <= DISTINCT_NAME_BYTES && one != other
}

/// Whether a name has escapes or other than ASCII.
#[inline(always)]
fn is_odd(name: &[u8]) -> bool {
    let odd = |word: u64| equal_bytes(word, b'\\') | word & EACH_HIGH;
    let mut found = 0;
    // Eight bytes at a time; the last eight overlap those before.
    if let Some(last) = name.last_chunk::<8>() {
        for word in name.as_chunks::<8>().0 {
            found |= odd(u64::from_le_bytes(*word));
        }
        return found | odd(u64::from_le_bytes(*last)) != 0;
    }
    name.iter().any(|&byte| byte >= 0x80 || byte == b'\\')
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

/// Goes over the bitmaps block by block: brackets, colons and commas in the order of the document. When a
/// container is indexed alone, what is deeper than its own entries is counted only.
struct Walk<'a, const DEEP: bool> {
    /// Input and start in it, index and start in it.
    task: (&'a [u8], usize, &'a mut [u32], usize),
    scratch: &'a mut Scratch,
}

impl<const DEEP: bool> Task for Walk<'_, DEEP> {
    type Output = Result<Indexed, IndexError>;

    #[inline(always)]
    unsafe fn run<E: Engine>(self) -> Self::Output {
        let Walk { task: (input, start, index, at), scratch } = self;
        let is_object = input[start] == b'{';
        // The index of one container is written where it stays; others wait for their containers to end.
        let (base, end) = if DEEP { (0, at) } else { (at + HEADER_NUMBERS, at + HEADER_NUMBERS) };
        let mut entries = Entries::<DEEP> {
            input,
            index,
            end,
            waiting: core::mem::take(&mut scratch.waiting),
            top: 0,
            outer: &mut scratch.outer,
            innermost: Frame { base, is_object, has_odd: false },
            state: State::fresh(is_object),
            from: start + 1,
            name: 0,
            plain_from: 0,
        };
        // SAFETY: the caller's promise is the one asked for.
        let outcome = unsafe { walk::<E, DEEP>(start, &mut entries) };
        scratch.waiting = entries.waiting;
        outcome
    }
}

/// # Safety
/// The machine has the instruction set of `E`.
#[inline(always)]
unsafe fn walk<E: Engine, const DEEP: bool>(
    start: usize,
    entries: &mut Entries<'_, DEEP>,
) -> Result<Indexed, IndexError> {
    use super::simd::Word;
    let mut glancer = Glancer::new(entries.input, start);
    let mut depth = 0_u32;
    let mut base = start;
    loop {
        // SAFETY: the machine has the instruction set of `E`, as the caller promised.
        let Some(masks) = (unsafe { glancer.step::<E>() }) else {
            return Err(IndexError::Broken(entries.input.len()));
        };
        if masks.backslash.any() | glancer.any_high {
            entries.plain_from = glancer.at;
        }
        let (mut open, mut close, mut comma, mut colon) = ([0; 8], [0; 8], [0; 8], [0; 8]);
        masks.open.store(&mut open);
        masks.close.store(&mut close);
        masks.comma.store(&mut comma);
        masks.colon.store(&mut colon);
        for block in 0..E::BLOCKS {
            let (opened, closed) = (open[block], close[block]);
            // Too deep to come back to the container's own level in this block?
            if !DEEP && depth > closed.count_ones() + 1 {
                depth = depth + opened.count_ones() - closed.count_ones();
                base += 64;
                continue;
            }
            let (commas, colons) = (comma[block], colon[block]);
            let own = DEEP || depth <= 1 || closed != 0;
            let mut rest = opened | closed | if own { commas | colons } else { 0 };
            while rest != 0 {
                let bit = rest & rest.wrapping_neg();
                let at = base + rest.trailing_zeros() as usize;
                rest ^= bit;
                if bit & (commas | colons) != 0 {
                    if !DEEP && depth != 1 {
                        continue;
                    }
                    if bit & colons != 0 {
                        entries.colon(at)?;
                    } else {
                        entries.comma(at)?;
                    }
                } else if bit & opened != 0 {
                    if DEEP && depth > 0 {
                        entries.open(at)?;
                    } else if depth == 1 {
                        entries.value_opens(at)?;
                    }
                    depth += 1;
                } else {
                    depth -= 1;
                    if depth == 0 {
                        return entries.finish(at);
                    }
                    if DEEP {
                        entries.close(at)?;
                    } else if depth == 1 {
                        entries.value_closes(at as u32 + 1);
                    }
                }
            }
            base += 64;
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
        let string = || "\"([ !#-\\[\\]-~é€]|\\\\[\"\\\\/bn]|\\\\u0041|[\\[\\]{},:]){0,19}\"";
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

    /// Start of the name in an object; start and end of the value.
    type Entry = (Option<usize>, usize, usize);

    /// The entries of the container at `start`, one byte after the other.
    fn model(input: &[u8], start: usize) -> Vec<Entry> {
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
        let (mut entries, mut depth, mut at, mut from) = (Vec::new(), 0, start, start + 1);
        loop {
            match input[at] {
                b'"' => at = string_end(at),
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            if depth == 0 || (depth == 1 && input[at] == b',') {
                let (mut value, end) = trim(from, at);
                if value < end || !entries.is_empty() {
                    let mut name = None;
                    if input[start] == b'{' {
                        name = Some(value + 1);
                        let name_end = string_end(value);
                        let colon =
                            name_end + 1 + input[name_end + 1..].iter().position(|&b| b == b':').unwrap();
                        value = trim(colon + 1, end).0;
                    }
                    entries.push((name, value, end));
                }
                from = at + 1;
            }
            if depth == 0 {
                return entries;
            }
            at += 1;
        }
    }

    /// Compares the row at `row` with the model; with those of the containers in it when they are indexed.
    fn check(input: &[u8], start: usize, reach: Reach, index: &[u32], row: usize) {
        let expected = model(input, start);
        let is_object = input[start] == b'{';
        let names: Vec<&[u8]> = expected
            .iter()
            .filter_map(|(name, value, _)| {
                let colon = input[..*value].iter().rposition(|&byte| byte == b':')?;
                let end = input[..colon].iter().rposition(|&byte| byte == b'"')?;
                name.map(|name| &input[name..end])
            })
            .collect();
        let odd = |name: &[u8]| !name.is_ascii() || name.contains(&b'\\');
        let has_odd = names.iter().any(|name| odd(name));
        let is_distinct = names.iter().enumerate().all(|(place, name)| {
            let alike = |other: &&[u8]| name_key(other) == name_key(name);
            let differ = |other: &&[u8]| name != other && name.len().max(other.len()) <= DISTINCT_NAME_BYTES;
            names[..place].iter().filter(|other| alike(other)).all(differ)
        });
        let is_distinct = is_object && DISTINCT_MEMBERS.contains(&names.len()) && !has_odd && is_distinct;
        let flags = if has_odd { ODD } else { 0 } | if is_distinct { DISTINCT } else { 0 };
        assert_eq!(index[row], expected.len() as u32 | flags);
        assert_eq!(index[row + 1], 0);
        let mut at = row + HEADER_NUMBERS;
        for (place, &(name, start, end)) in expected.iter().enumerate() {
            if is_object {
                let key = if odd(names[place]) { ODD } else { name_key(names[place]) };
                assert_eq!(index[at..at + 2], [key, name.expect("a member has a name") as u32]);
                at += 2;
            }
            let text = if input[start] == b'"' && odd(&input[start..end]) { ODD } else { 0 };
            assert_eq!(index[at], start as u32 | text);
            let is_container = matches!(input[start], b'{' | b'[');
            if is_container && reach == Reach::Deep {
                let inner = !index[at + 1] as usize;
                assert_eq!(index[inner + 2] as usize, end);
                check(input, start, reach, index, inner);
            } else {
                assert_eq!(index[at + 1] as usize, end);
            }
            at += 2;
        }
    }

    /// Every container of a document, also those inside.
    fn containers(input: &[u8]) -> Vec<usize> {
        let (mut found, mut in_string, mut at) = (Vec::new(), false, 0);
        while at < input.len() {
            match input[at] {
                b'\\' => at += 1,
                b'"' => in_string = !in_string,
                b'{' | b'[' if !in_string => found.push(at),
                _ => {}
            }
            at += 1;
        }
        found
    }

    proptest! {
        #[test]
        fn equals_the_model(value in json(), shift in 0_usize..70, at in 0_usize..9) {
            let text = format!("{}[{value}]{}", " ".repeat(shift), " ".repeat(shift / 2));
            let input = text.as_bytes();
            serde_json::from_slice::<serde_json::Value>(input).expect("the strategy makes JSON");
            let mut scratch = Scratch::default();
            for start in containers(input) {
                for (level, reach) in Level::available().flat_map(|level| [(level, Reach::Alone), (level, Reach::Deep)]) {
                    let mut run = |index: &mut [u32]| index_container_at(level, input, start, reach, index, at, &mut scratch);
                    let Err(IndexError::NoRoom(needed)) = run(&mut []) else { panic!("no room is no room") };
                    let mut index = vec![7; needed];
                    let Indexed { root, end } = run(&mut index).expect("JSON");
                    prop_assert_eq!(end, needed);
                    prop_assert!(index[..at].iter().all(|&number| number == 7));
                    check(input, start, reach, &index, root);
                    index.pop();
                    prop_assert_eq!(run(&mut index), Err(IndexError::NoRoom(needed)));
                }
            }
        }

        #[test]
        fn what_is_not_json_gives_an_error_or_an_index_inside(
            text in "[\\[\\]{}\",:\\\\ a1]{0,200}", start in 0_usize..200,
        ) {
            let input = text.as_bytes();
            let mut index = vec![0; 2000];
            for (level, reach) in Level::available().flat_map(|level| [(level, Reach::Alone), (level, Reach::Deep)]) {
                let result =
                    index_container_at(level, input, start, reach, &mut index, 0, &mut Scratch::default());
                if let Ok(Indexed { root, end }) = result {
                    inside(input, start, &index[..end], root);
                }
            }
        }
    }

    /// Follows an index wherever it leads.
    fn inside(input: &[u8], start: usize, index: &[u32], row: usize) {
        let numbers = if input[start] == b'{' { MEMBER_NUMBERS } else { ELEMENT_NUMBERS };
        assert!(index[row + 2] as usize <= input.len());
        let entries = &index[row + HEADER_NUMBERS..][..(index[row] & !(ODD | DISTINCT)) as usize * numbers];
        for entry in entries.chunks_exact(numbers) {
            let [start, end] = [(entry[numbers - 2] & !ODD) as usize, entry[numbers - 1] as usize];
            assert!(start < input.len() && (numbers == ELEMENT_NUMBERS || entry[1] as usize <= start));
            if end < 1 << 31 {
                assert!(start < end && end <= input.len());
            } else {
                inside(input, start, index, !entry[numbers - 1] as usize);
            }
        }
    }

    #[test]
    fn a_million_levels_take_no_stack() {
        let text = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        let mut index = vec![0; 5_000_000];
        let mut run =
            |reach| index_container(text.as_bytes(), 0, reach, &mut index, 0, &mut Scratch::default());
        assert_eq!(run(Reach::Deep), Ok(Indexed { root: 4_999_993, end: 4_999_998 }));
        assert_eq!(run(Reach::Alone), Ok(Indexed { root: 0, end: 5 }));
        assert_eq!(index[..5], [1, 0, 2_000_000, 1, 1_999_999]);
        let mut row = 4_999_993;
        for level in 0..999_999 {
            assert_eq!(index[row + 2..row + 4], [2_000_000 - level, level + 1]);
            row = !index[row + 4] as usize;
            if row == 0 {
                break;
            }
        }
    }

    #[test]
    fn names_are_distinct_or_not() {
        for count in [1, 2, 8, 9, 10, 40, 96, 97, 300] {
            for twice in [None, Some((0, count - 1)), Some((count / 2, count / 3))] {
                // Lengths of more than 1,024 and common letters: many names have the same key.
                let names: Vec<String> =
                    (0..count).map(|n| format!("a{n:0>4}a{}b", "x".repeat(n % 2 * 1024))).collect();
                let name = |n: usize| &names[twice.filter(|pair| pair.0 == n).map_or(n, |pair| pair.1)];
                let members: Vec<String> = (0..count).map(|n| format!("\"{}\":{n}", name(n))).collect();
                let text = format!("{{{}}}", members.join(","));
                let mut index = vec![0; 2000];
                let mut scratch = Scratch::default();
                let Indexed { root, .. } =
                    index_container(text.as_bytes(), 0, Reach::Deep, &mut index, 0, &mut scratch)
                        .expect("JSON");
                check(text.as_bytes(), 0, Reach::Deep, &index, root);
            }
        }
    }

    #[test]
    fn keys() {
        assert_eq!(name_key(b""), 0);
        assert_eq!(name_key(b"a"), 0x61 | 0x61 << 7 | 0x61 << 14 | 1 << 21);
        assert_eq!(name_key(b"abcd"), 0x61 | 0x63 << 7 | 0x64 << 14 | 4 << 21);
        assert_eq!(name_key(&[b'a'; 1024]), 0x61 | 0x61 << 7 | 0x61 << 14);
    }

    #[test]
    fn what_is_no_container() {
        for (text, start) in [
            ("1", 0),
            ("", 0),
            ("[", 0),
            ("[1", 0),
            ("{\"a\":1", 0),
            ("[]", 9),
            ("[1,]", 0),
            ("[,1]", 0),
            ("[1{}]", 0),
            ("[{}[]]", 0),
            ("[{]", 0),
            ("[\"a\":1]", 0),
            ("{\"a\"}", 0),
            ("{\"a\",\"b\":1}", 0),
            ("{1:2}", 0),
            ("{\"a\":1,}", 0),
            ("{\"a\":\"b\":1}", 0),
            ("{\"a\":}", 0),
            ("{:1}", 0),
            ("[1}", 0),
        ] {
            for reach in [Reach::Alone, Reach::Deep] {
                let result =
                    index_container(text.as_bytes(), start, reach, &mut [0; 99], 0, &mut Scratch::default());
                let counted_only = reach == Reach::Alone && text == "[{]";
                assert!(matches!(result, Err(IndexError::Broken(_))) || counted_only, "{text} {result:?}");
            }
        }
    }
}
