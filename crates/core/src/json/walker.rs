//! Follows paths through a document, given the bitmaps of its commas and brackets.

use super::captures::Captures;
use super::extract::Outcome;
use super::grammar::{Engine, Masks};
use super::simd::Word;
use super::text::name_bytes;
use super::trie::{NodeId, Trie};

/// No node, no member.
const NONE: u32 = u32::MAX;

/// A name as words to compare with a document.
#[derive(Clone, Debug)]
struct Name {
    /// The first eight bytes, closing quote included, where they reach; the rest is zero.
    word: u64,
    mask: u64,
    /// What of the name and its quote lies behind eight bytes.
    rest: Box<[u8]>,
    length: usize,
    child: NodeId,
}

/// What is looked for in one container.
#[derive(Clone, Debug, Default)]
struct Place {
    names: Vec<Name>,
    /// One bit for each hash of the first two bytes that a name in `names` has.
    filter: u64,
    /// The names themselves, for those that are escaped in the document.
    texts: Vec<Box<[u8]>>,
    slots: Vec<u32>,
    indexes: Vec<(u64, NodeId)>,
    any: u32,
    enters_object: bool,
    enters_array: bool,
}

/// A trie, its names made ready for comparison.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    places: Vec<Place>,
}

#[inline(always)]
fn hash(word: u64) -> u32 {
    ((word as u16).wrapping_mul(0x9E37) >> 10) as u32
}

impl Wanted {
    pub(crate) fn new(trie: &Trie) -> Self {
        let place = |node: &super::trie::Node| {
            let mut filter = 0;
            let names = node.names.iter().map(|(text, child)| {
                let mut quoted = text.to_vec();
                quoted.push(b'"');
                // A name with such bytes is escaped wherever it occurs: it must not be compared as it is.
                let escaped = text.iter().any(|b| matches!(b, b'"' | b'\\' | 0..=0x1F));
                let mut first = [0; 8];
                let count = quoted.len().min(8);
                first[..count].copy_from_slice(&quoted[..count]);
                let word = u64::from_le_bytes(first);
                let mask = if count == 8 { !0 } else { (1 << (8 * count)) - 1 };
                if text.is_empty() {
                    // One byte only: whatever follows the quote.
                    filter = !0;
                } else if !escaped {
                    filter |= 1 << hash(word);
                }
                let (word, mask) = if escaped { (1, 0) } else { (word, mask) };
                Name { word, mask, rest: quoted[count..].into(), length: text.len(), child: *child }
            });
            Place {
                names: names.collect(),
                filter,
                texts: node.names.iter().map(|(text, _)| text.clone()).collect(),
                slots: node.slots.clone(),
                indexes: node.indexes.clone(),
                any: node.any.unwrap_or(NONE),
                enters_object: node.enters_object(),
                enters_array: node.enters_array(),
            }
        };
        Wanted { places: trie.nodes().iter().map(place).collect() }
    }
}

/// Memory that one extraction leaves to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    frames: Vec<Frame>,
    seen: Vec<Seen>,
}

/// The entries of a member's value, `from == NONE` as long as it has not been met.
#[derive(Clone, Copy, Debug)]
struct Seen {
    from: u32,
    to: u32,
}

/// A container that a path leads into.
#[derive(Clone, Copy, Debug)]
struct Frame {
    place: NodeId,
    object: bool,
    /// Of the next element.
    index: u64,
    /// Where its members are in `seen`.
    seen: u32,
    /// Its own entry in `seen`, in its object's part.
    member: u32,
    /// The entries of the container itself.
    from: u32,
    to: u32,
}

/// The bitmaps of one step.
#[derive(Default)]
pub(crate) struct Blocks {
    quote: [u64; 8],
    backslash: [u64; 8],
    open: [u64; 8],
    close: [u64; 8],
    comma: [u64; 8],
    any_backslash: bool,
}

impl Blocks {
    #[inline(always)]
    pub(crate) fn set<E: Engine>(&mut self, masks: &Masks<E::Word>) {
        masks.quote.store(&mut self.quote);
        masks.backslash.store(&mut self.backslash);
        masks.open.store(&mut self.open);
        masks.close.store(&mut self.close);
        masks.comma.store(&mut self.comma);
        self.any_backslash = masks.backslash.any();
    }
}

/// Which of several members with one name counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duplicates {
    First,
    Last,
}

/// A walk over one document. It checks nothing that the validator checks; it is safe on any bytes.
pub(crate) struct Walker<'a> {
    wanted: &'a Wanted,
    input: &'a [u8],
    captures: &'a mut Captures,
    frames: &'a mut Vec<Frame>,
    seen: &'a mut Vec<Seen>,
    duplicates: Duplicates,
    /// The innermost frame, which is not in `frames`; nothing has been entered yet if `place` is `NONE`.
    frame: Frame,
    /// Brackets to be closed before anything is of interest.
    skip: u32,
    /// Whether what is skipped is the rest of the innermost frame.
    skip_frame: bool,
    /// The node of the value that comes next or has begun; `NONE` if nothing leads there.
    child: NodeId,
    /// Where the value begins, and the entries of it: those of a scalar, or of what is skipped.
    start: usize,
    from: u32,
    to: u32,
    member: u32,
    done: bool,
    plain: bool,
    /// Where a trusted document is not JSON.
    broken: usize,
}

impl<'a> Walker<'a> {
    pub(crate) fn new(
        wanted: &'a Wanted,
        input: &'a [u8],
        captures: &'a mut Captures,
        scratch: &'a mut Scratch,
        duplicates: Duplicates,
    ) -> Self {
        let Scratch { frames, seen } = scratch;
        frames.clear();
        seen.clear();
        let frame = Frame { place: NONE, object: false, index: 0, seen: 0, member: NONE, from: 0, to: 0 };
        let mut walker = Walker {
            wanted,
            input,
            captures,
            frames,
            seen,
            duplicates,
            frame,
            skip: 0,
            skip_frame: false,
            child: NONE,
            start: 0,
            from: 0,
            to: 0,
            member: NONE,
            done: false,
            plain: false,
            broken: usize::MAX,
        };
        walker.begin(0, skip_white(input, 0));
        walker
    }

    #[inline(always)]
    pub(crate) fn done(&self) -> bool {
        self.done
    }

    /// Whether all of `most` values have been found, and have ended.
    #[inline(always)]
    pub(crate) fn complete(&self, most: usize) -> bool {
        self.captures.len() >= most && self.from == self.to && self.closed()
    }

    /// Whether no entered container has entries of its own that wait for its end.
    fn closed(&self) -> bool {
        let waits = |frame: &Frame| frame.from != frame.to;
        !waits(&self.frame) && !self.frames.iter().any(waits)
    }

    pub(crate) fn outcome(&self) -> Outcome {
        if self.plain { Outcome::Plain } else { Outcome::Done }
    }

    pub(crate) fn finish_trusted(&self, most: usize) -> Outcome {
        if self.plain {
            Outcome::Plain
        } else if self.broken != usize::MAX {
            Outcome::Broken(self.broken)
        } else if self.done || self.complete(most) {
            Outcome::Done
        } else {
            Outcome::Broken(self.input.len())
        }
    }

    /// Follows the paths through one step, whose first block starts at `base`.
    #[inline(always)]
    pub(crate) fn feed(&mut self, base: usize, count: usize, blocks: &Blocks) {
        for i in 0..count {
            let (open, close) = (blocks.open[i], blocks.close[i]);
            let mut bits = open | close | blocks.comma[i];
            let base = base + 64 * i;
            loop {
                if self.skip != 0 {
                    let (opens, closes) = (open & bits, close & bits);
                    if closes.count_ones() < self.skip {
                        self.skip += opens.count_ones();
                        self.skip -= closes.count_ones();
                        break;
                    }
                    bits &= self.skip_brackets(base, opens, closes);
                    if self.done {
                        return;
                    }
                }
                if bits == 0 {
                    break;
                }
                let at = base + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                // Bits are set for bytes of the input only; the check costs nothing that is seen.
                match self.input.get(at) {
                    Some(b',') => self.comma(at, base, i, blocks),
                    Some(b'{' | b'[') => self.open(at, base, i, blocks),
                    _ => self.close(at),
                }
                if self.done {
                    return;
                }
            }
        }
    }

    /// Counts brackets one by one; returns the bits of what comes behind the last one needed.
    #[inline(always)]
    fn skip_brackets(&mut self, base: usize, opens: u64, closes: u64) -> u64 {
        let mut rest = opens | closes;
        while rest != 0 {
            let at = rest.trailing_zeros();
            rest &= rest - 1;
            if (opens >> at) & 1 != 0 {
                self.skip += 1;
                continue;
            }
            self.skip -= 1;
            if self.skip == 0 {
                let end = base + at as usize;
                if self.skip_frame {
                    self.skip_frame = false;
                    self.close(end);
                } else {
                    self.end_value(end + 1);
                    self.done = self.frame.place == NONE;
                }
                return !0 << at << 1;
            }
        }
        0
    }

    /// The value at `start` belongs to the node `child`: its entries begin.
    #[inline(always)]
    fn begin(&mut self, child: NodeId, start: usize) {
        self.child = child;
        self.start = start;
        self.from = self.captures.len() as u32;
        for &slot in &self.wanted.places[child as usize].slots {
            self.captures.push(slot, start as u32, start as u32);
        }
        self.to = self.captures.len() as u32;
    }

    /// The value that has begun ends before `end`.
    #[inline(always)]
    fn end_value(&mut self, end: usize) {
        self.child = NONE;
        if self.from != self.to {
            self.captures.close(self.from as usize, self.to as usize, end as u32);
            self.to = self.from;
        }
    }

    /// A scalar, if one has begun, ends before the operator at `at`.
    #[inline(always)]
    fn end_scalar(&mut self, at: usize) {
        if self.child == NONE {
            return;
        }
        let mut end = at;
        while end > self.start && is_white(self.input[end - 1]) {
            end -= 1;
        }
        if self.duplicates == Duplicates::First && !is_scalar(&self.input[self.start..end]) {
            self.broken = self.broken.min(self.start);
        }
        self.end_value(end);
    }

    #[inline(always)]
    fn comma(&mut self, at: usize, base: usize, block: usize, blocks: &Blocks) {
        self.end_scalar(at);
        if self.frame.object {
            self.name(at, base, block, blocks);
        } else {
            self.element(at);
        }
    }

    #[inline(always)]
    fn open(&mut self, at: usize, base: usize, block: usize, blocks: &Blocks) {
        let child = self.child;
        if child == NONE {
            self.skip = 1;
            return;
        }
        let place = &self.wanted.places[child as usize];
        let object = self.input[at] == b'{';
        let enter = if object { place.enters_object } else { place.enters_array };
        // Wildcards over members need all names of the object: that is for the plain walker.
        if object && place.any != NONE {
            (self.plain, self.done) = (true, true);
            return;
        }
        if at != self.start {
            self.broken = self.broken.min(at);
        }
        if !enter {
            self.skip = 1;
            return;
        }
        self.child = NONE;
        self.frames.push(self.frame);
        let seen = self.seen.len() as u32;
        self.frame =
            Frame { place: child, object, index: 0, seen, member: self.member, from: self.from, to: self.to };
        self.to = self.from;
        if object {
            self.seen.resize(seen as usize + place.names.len(), Seen { from: NONE, to: NONE });
            self.name(at, base, block, blocks);
        } else {
            self.element(at);
        }
    }

    #[inline(always)]
    fn close(&mut self, at: usize) {
        self.end_scalar(at);
        let frame = self.frame;
        if self.input[at] != if frame.object { b'}' } else { b']' } {
            self.broken = self.broken.min(at);
        }
        self.captures.close(frame.from as usize, frame.to as usize, at as u32 + 1);
        self.seen.truncate(frame.seen as usize);
        if let Some(member) = self.seen.get_mut(frame.member as usize) {
            member.to = self.captures.len() as u32;
        }
        match self.frames.pop() {
            Some(outer) if outer.place != NONE => self.frame = outer,
            _ => {
                self.frame.from = self.frame.to;
                self.done = true;
            }
        }
    }

    /// An element may follow the bracket or comma at `at`.
    #[inline(always)]
    fn element(&mut self, at: usize) {
        let index = self.frame.index;
        self.frame.index += 1;
        let place = &self.wanted.places[self.frame.place as usize];
        let mut child = place.any;
        if let Some(&(last, _)) = place.indexes.last() {
            if let Ok(found) = place.indexes.binary_search_by_key(&index, |&(own, _)| own) {
                child = place.indexes[found].1;
            } else if index > last && child == NONE {
                // Nothing more is of interest here.
                self.skip = 1;
                self.skip_frame = true;
                return;
            }
        }
        if child == NONE {
            return;
        }
        let start = skip_white(self.input, at + 1);
        if !matches!(self.input.get(start), None | Some(b']')) {
            self.member = NONE;
            self.begin(child, start);
        }
    }

    /// A member may follow the bracket or comma at `at`.
    #[inline(always)]
    fn name(&mut self, at: usize, base: usize, block: usize, blocks: &Blocks) {
        let mut start = at + 1;
        if self.input.get(start) != Some(&b'"') {
            start = skip_white(self.input, start);
            if self.input.get(start) != Some(&b'"') {
                if self.input.get(start) != Some(&b'}') {
                    self.broken = self.broken.min(start);
                }
                return;
            }
        }
        start += 1;
        let place = &self.wanted.places[self.frame.place as usize];
        let word = word_at(self.input, start);
        if (place.filter >> hash(word)) & 1 != 0 {
            for (i, name) in place.names.iter().enumerate() {
                if word & name.mask == name.word
                    && (name.rest.is_empty()
                        || self.input[start..].get(8..).is_some_and(|r| r.starts_with(&name.rest)))
                {
                    return self.member(i as u32, name.child, start + name.length + 1);
                }
            }
        }
        if blocks.any_backslash && may_have_escape(start, base - 64 * block, blocks) {
            self.escaped_name(start);
        }
    }

    /// The same for a name that may have escapes.
    #[cold]
    #[inline(never)]
    fn escaped_name(&mut self, start: usize) {
        let mut end = start;
        loop {
            match self.input.get(end) {
                None => return self.broken = self.broken.min(end),
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(_) => end += 1,
            }
        }
        let place = &self.wanted.places[self.frame.place as usize];
        let text = name_bytes(&self.input[start..end]);
        if let Some(i) = place.texts.iter().position(|own| **own == *text) {
            self.member(i as u32, place.names[i].child, end + 1);
        }
    }

    /// The member whose name ends before `at` is number `i` of those wanted.
    #[inline(always)]
    fn member(&mut self, i: u32, child: NodeId, at: usize) {
        let mut start = at;
        if self.input.get(start) != Some(&b':') {
            start = skip_white(self.input, start);
            if self.input.get(start) != Some(&b':') {
                self.broken = self.broken.min(start);
                return;
            }
        }
        let start = skip_white(self.input, start + 1);
        if start >= self.input.len() {
            self.broken = self.broken.min(start);
            return;
        }
        let member = self.frame.seen + i;
        let Some(&earlier) = self.seen.get(member as usize) else { return };
        if earlier.from != NONE {
            if self.duplicates == Duplicates::First {
                return;
            }
            self.captures.bury(earlier.from as usize, earlier.to as usize);
        }
        self.member = member;
        self.begin(child, start);
        self.seen[member as usize] = Seen { from: self.from, to: self.to };
    }
}

/// Whether the name that starts at `start` may contain a backslash; `base` is where the step starts.
#[inline(always)]
fn may_have_escape(start: usize, base: usize, blocks: &Blocks) -> bool {
    let (block, bit) = ((start - base) / 64, (start - base) % 64);
    let (Some(quote), Some(backslash)) = (blocks.quote.get(block), blocks.backslash.get(block)) else {
        return true;
    };
    let (quote, backslash) = (quote >> bit, backslash >> bit);
    // The bits below the closing quote, or all if it is in another block.
    quote == 0 || backslash & (quote - 1) & !quote != 0
}

/// The eight bytes at `at`; zeros behind the end.
#[inline(always)]
fn word_at(input: &[u8], at: usize) -> u64 {
    match input.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()) {
        Some(bytes) => u64::from_le_bytes(bytes),
        None => {
            let rest = input.get(at..).unwrap_or(&[]);
            rest.iter().rev().fold(0, |word, b| (word << 8) | u64::from(*b))
        }
    }
}

#[inline(always)]
fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[inline(always)]
fn skip_white(input: &[u8], mut at: usize) -> usize {
    while input.get(at).is_some_and(|b| is_white(*b)) {
        at += 1;
    }
    at
}

/// Whether bytes of a trusted document look like one string, number or literal.
fn is_scalar(bytes: &[u8]) -> bool {
    match bytes {
        [b'"', inner @ .., b'"'] => {
            let mut at = 0;
            while let Some(found) = inner.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
                if inner[at + found] == b'"' {
                    return false;
                }
                at += found + 2;
            }
            at <= inner.len()
        }
        [b'-' | b'0'..=b'9' | b't' | b'f' | b'n', rest @ ..] => {
            rest.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        }
        _ => false,
    }
}
