//! Follows paths through a document, given the bitmaps of its commas and brackets.

use super::captures::Captures;
use super::extract::Outcome;
use super::found::{Found, may_have_escape};
use super::text::name_bytes;
use super::trie::NodeId;
use super::wanted::{NONE, Wanted, hash, word_before};
use super::white::{is_white, skip_white};

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

    /// The lengths by which names are told in steps of `count` blocks. For one block it is not worth it.
    #[inline(always)]
    pub(crate) fn lengths(&self, count: usize) -> Option<&'a [u32]> {
        let wanted = self.wanted;
        (count > 1).then_some(&wanted.lengths[..]).filter(|lengths| !lengths.is_empty())
    }

    /// Follows the paths through one step, whose first block starts at `base`.
    #[inline(always)]
    pub(crate) fn feed(&mut self, base: usize, count: usize, found: &Found) {
        for i in 0..count {
            let (open, close) = (found.open[i], found.close[i]);
            let base = base + 64 * i;
            // The bits of what lies ahead in the block.
            let mut ahead = !0;
            loop {
                if self.skip != 0 {
                    let (opens, closes) = (open & ahead, close & ahead);
                    if closes.count_ones() < self.skip {
                        self.skip += opens.count_ones();
                        self.skip -= closes.count_ones();
                        break;
                    }
                    ahead &= self.skip_brackets(base, opens, closes);
                    if self.done {
                        return;
                    }
                }
                // In objects names are of interest, and commas where they end a value; in arrays all commas.
                let colons = if self.frame.object { found.colon[i] } else { 0 };
                let commas = if !self.frame.object | (self.child != NONE) { found.comma[i] } else { 0 };
                let bits = (open | close | colons | commas) & ahead;
                if bits == 0 {
                    break;
                }
                let bit = bits.trailing_zeros();
                ahead = !0 << bit << 1;
                let at = base + bit as usize;
                // Bits are set for bytes of the input only.
                match self.input.get(at) {
                    Some(b':') => {
                        self.name(at, i, found);
                        if self.child != NONE {
                            self.end_scalar_in(base, open, close | found.comma[i]);
                        }
                    }
                    Some(b',') => {
                        self.end_scalar(at);
                        if !self.frame.object {
                            self.element(at);
                        }
                    }
                    Some(b'{' | b'[') => self.open(at),
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

    /// If the value that has begun is a scalar and ends in the block at `base`, that is done with: one stop less.
    #[inline(always)]
    fn end_scalar_in(&mut self, base: usize, open: u64, ends: u64) {
        let Some(bit) = self.start.checked_sub(base).filter(|bit| *bit < 64) else { return };
        let ends = ends & (!0 << bit);
        if ends != 0 && (open >> bit) & 1 == 0 {
            self.end_scalar(base + ends.trailing_zeros() as usize);
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
    fn open(&mut self, at: usize) {
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
        // Whether nothing more is of interest in this array.
        let mut over = false;
        if let Some(&(last, _)) = place.indexes.last() {
            match place.indexes.binary_search_by_key(&index, |&(own, _)| own) {
                Ok(found) => child = place.indexes[found].1,
                Err(_) => over = index > last && child == NONE,
            }
        } else if let Some(slice) = place.slice {
            over = index >= slice.end;
            if !over
                && index >= slice.start
                && (slice.step == 1 || (index - slice.start).is_multiple_of(slice.step))
            {
                child = slice.child;
            }
        }
        if over {
            self.skip = 1;
            self.skip_frame = true;
            return;
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

    /// A name stands before the colon at `at`.
    #[inline(always)]
    fn name(&mut self, at: usize, block: usize, found: &Found) {
        if self.child != NONE {
            // Two colons without a comma between them: only a trusted document can be so.
            self.broken = self.broken.min(at);
            return;
        }
        let mut end = at;
        while end > 0 && is_white(self.input[end - 1]) {
            end -= 1;
        }
        let place = &self.wanted.places[self.frame.place as usize];
        let word = word_before(self.input, end);
        if (place.filter >> hash(word)) & 1 != 0 {
            for (i, name) in place.names.iter().enumerate() {
                if word & name.mask == name.word
                    && let Some(start) = end.checked_sub(name.length)
                    && (name.length <= 8 || name.starts(&self.input[start..]))
                    // A quote behind a backslash does not start a string.
                    && !(start > 0 && self.input[start - 1] == b'\\')
                {
                    return self.member(i as u32, name.child, at);
                }
            }
        }
        if found.backslashes && may_have_escape(at, end, block, found) {
            self.escaped_name(at, end);
        }
    }

    /// The same for a name that may have escapes and ends before `end`.
    #[cold]
    #[inline(never)]
    fn escaped_name(&mut self, at: usize, end: usize) {
        let Some((b'"', head)) = self.input[..end].split_last() else {
            return self.broken = self.broken.min(at);
        };
        // The last quote that no backslash precedes: names start behind a bracket, a comma or white space.
        let mut start = head.len();
        loop {
            match memchr::memrchr(b'"', &head[..start]) {
                None => return self.broken = self.broken.min(at),
                Some(quote) => start = quote,
            }
            if start == 0 || head[start - 1] != b'\\' {
                break;
            }
        }
        let text = name_bytes(&head[start + 1..]);
        let place = &self.wanted.places[self.frame.place as usize];
        if let Some(i) = place.texts.iter().position(|own| **own == *text) {
            self.member(i as u32, place.names[i].child, at);
        }
    }

    /// The member whose colon is at `at` is number `i` of those wanted.
    #[inline(always)]
    fn member(&mut self, i: u32, child: NodeId, at: usize) {
        let start = skip_white(self.input, at + 1);
        let member = self.frame.seen + i;
        let Some(&earlier) = self.seen.get(member as usize) else { return };
        if start >= self.input.len() {
            self.broken = self.broken.min(start);
            return;
        }
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
