//! Reads one row after the other, each from its first byte on, its values handed on where they lie.
//!
//! Rows of one document mostly have the same members in the same order. So what lies between one value and the
//! next is kept (brackets, comma, name, colon and white space), and expected again in the next row: a comparison
//! of a word or two then tells all of it. That is done twice over. A row that is as an earlier one was, but for
//! its values, is read by the list of what lies between them ([`Step`]). Any other is read object by object, and
//! in each object a member is expected to be followed by the one that followed it the last time ([`Member`]).
//! What is not expected is read as any member is, and expected the next time.
//!
//! A row that needs more than that (two members of one name, a value that is not what is wanted) is read
//! again by the plain extractor, which decides what it means. So is every row if a path counts from the end of
//! an array.

use super::captures::{Capture, Captures};
use super::reference;
use super::simd::near::{scalar_stop, string_stop};
use super::skip::{string_end, value_end};
use super::text::name_bytes;
use super::trie::{NodeId, Trie};
use super::wanted::NONE;
use super::white::skip_white;

/// Takes the values of rows.
pub(crate) trait RowSink {
    type Error;

    /// Takes the value of `slot` that starts at `at` and answers where it ends; `None` if it is not what was
    /// expected, or does not end.
    fn value(&mut self, slot: u32, input: &[u8], at: usize) -> Option<usize>;

    /// Forgets the values of the row at hand: they come again, by [`RowSink::cell`].
    fn undo(&mut self);

    /// Takes a value of the row at hand.
    fn cell(&mut self, input: &[u8], capture: Capture) -> Result<(), Self::Error>;

    /// The error of a document that is no JSON at `at`.
    fn broken(&self, input: &[u8], at: usize) -> Self::Error;
}

/// The compiled paths from a row.
#[derive(Debug)]
pub(crate) struct Row {
    trie: Trie,
    /// The slot of each node that is wanted and nothing in it; else [`NONE`].
    leaves: Vec<u32>,
}

/// What rows were like so far. It refers to places in the document.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    /// What a whole row was like; empty if that is not known.
    steps: Vec<Step>,
    /// How much longer the steps are tried, if they do not fit.
    patience: u32,
    /// How many rows may still be taken for a model.
    models: u32,
    /// Whether the row at hand is to be a model, and can be one.
    records: bool,
    /// Where the last value ended.
    gap: usize,
    members: Vec<Member>,
    /// The first member of the objects at each node.
    heads: Vec<u32>,
    /// The object in which each node was met last.
    met: Vec<u64>,
    objects: u64,
}

/// With more names than this, the others are looked up every time.
const MOST_MEMBERS: usize = 512;
/// How many names are compared with one that was not expected.
const MOST_STEPS: usize = 24;
/// Rows that do not fit before another one is taken for a model, if all before did.
const MOST_PATIENCE: u32 = 32;
/// Rows that are taken for models before rows are found to be too different.
const MOST_MODELS: u32 = 32;

/// Bytes of the document that are expected again.
#[derive(Clone, Copy, Debug)]
struct Text {
    /// The first sixteen bytes, as far as there are so many, and the bits of them.
    first: u128,
    mask: u128,
    /// The last sixteen, if there are more.
    last: u128,
    length: usize,
    /// Where it was.
    at: usize,
}

/// What lies before a value of a row, from the end of the one before it.
#[derive(Clone, Copy, Debug)]
struct Step {
    text: Text,
    /// The slot of the value, [`NONE`] if it is not wanted, [`END`] if the row ends instead.
    slot: u32,
}

/// The slot of what ends a row.
const END: u32 = NONE - 1;

/// What was met between two values of an object: from the opening bracket, or the end of the value before.
#[derive(Clone, Copy, Debug)]
struct Member {
    text: Text,
    child: NodeId,
    /// The slot, if nothing in the value is wanted.
    leaf: u32,
    /// The member that came behind it.
    next: u32,
}

impl Learned {
    /// Forgets everything.
    pub(super) fn clear(&mut self, row: &Row) {
        let nodes = row.trie.nodes().len();
        self.steps.clear();
        self.patience = 0;
        self.models = MOST_MODELS;
        self.members.clear();
        self.heads.clear();
        self.heads.resize(nodes, NONE);
        self.met.clear();
        self.met.resize(nodes, 0);
        self.objects = 0;
    }
}

#[inline(always)]
fn word_at(input: &[u8], at: usize) -> Option<u128> {
    input.get(at..)?.first_chunk().map(|bytes| u128::from_le_bytes(*bytes))
}

impl Text {
    fn new(input: &[u8], at: usize, end: usize) -> Self {
        let text = &input[at..end];
        let first = &text[..text.len().min(16)];
        let mask = u128::MAX.checked_shr(128 - 8 * first.len() as u32).unwrap_or(0);
        let first = first.iter().rev().fold(0, |word, byte| (word << 8) | u128::from(*byte));
        let last = text.last_chunk().map_or(0, |last| u128::from_le_bytes(*last));
        Text { first, mask, last, length: text.len(), at }
    }

    /// Whether this stands at `at`.
    #[inline(always)]
    fn is_at(&self, input: &[u8], at: usize) -> bool {
        let Some(first) = word_at(input, at) else { return false };
        first & self.mask == self.first && (self.length <= 16 || self.ends_at(input, at))
    }

    #[inline(always)]
    fn ends_at(&self, input: &[u8], at: usize) -> bool {
        let last = at + self.length - 16;
        word_at(input, last) == Some(self.last)
            && (self.length <= 32
                || input.get(at + 16..last) == input.get(self.at + 16..self.at + self.length - 16))
    }
}

impl Row {
    pub(super) fn new(trie: Trie) -> Row {
        let leaf = |node: &super::trie::Node| match node.slots[..] {
            [slot] if !node.enters_object() && !node.enters_array() => slot,
            _ => NONE,
        };
        let leaves = trie.nodes().iter().map(leaf).collect();
        Row { trie, leaves }
    }

    /// Hands the values of the row at `start` to `sink` and answers where it ends; `None` if it has to be
    /// read plainly.
    #[inline]
    pub(super) fn read<S: RowSink>(
        &self,
        input: &[u8],
        start: usize,
        learned: &mut Learned,
        sink: &mut S,
    ) -> Option<usize> {
        if !self.trie.is_forward() {
            return None;
        }
        if learned.patience > 0 {
            if let Some(end) = follow(&learned.steps, input, start, sink) {
                learned.patience = (learned.patience + 1).min(MOST_PATIENCE);
                return Some(end);
            }
            learned.patience -= 1;
            sink.undo();
        }
        self.walk(input, start, learned, sink)
    }

    #[inline(never)]
    fn walk<S: RowSink>(
        &self,
        input: &[u8],
        start: usize,
        learned: &mut Learned,
        sink: &mut S,
    ) -> Option<usize> {
        learned.records = learned.patience == 0 && learned.models > 0;
        if learned.records {
            learned.steps.clear();
            learned.gap = start;
            learned.models -= 1;
        }
        let mut walk = Walk { row: self, input, learned, sink };
        let end = walk.value(0, self.leaves[0], start)?;
        walk.record(end, END);
        if learned.records {
            learned.patience = 1;
        }
        Some(end)
    }

    /// The same, by the plain extractor.
    ///
    /// # Errors
    /// Those of the sink.
    #[cold]
    pub(super) fn read_plainly<S: RowSink>(
        &self,
        input: &[u8],
        start: usize,
        captures: &mut Captures,
        sink: &mut S,
    ) -> Result<usize, S::Error> {
        sink.undo();
        let end = value_end(input, start).ok_or_else(|| sink.broken(input, start))?;
        captures.clear();
        reference::extract(&self.trie, &input[start..end], captures)
            .map_err(|broken| sink.broken(input, start + broken.0))?;
        for &Capture { slot, start: from, end: to } in captures.iter() {
            let moved = |at: u32| (start + at as usize) as u32;
            sink.cell(input, Capture { slot, start: moved(from), end: moved(to) })?;
        }
        Ok(end)
    }
}

/// Hands the values of the row at `start` to `sink`, if it is as `steps` say, and answers where it ends.
#[inline(always)]
fn follow<S: RowSink>(steps: &[Step], input: &[u8], start: usize, sink: &mut S) -> Option<usize> {
    let mut at = start;
    for step in steps {
        if !step.text.is_at(input, at) {
            return None;
        }
        at += step.text.length;
        at = match step.slot {
            NONE => skip(input, at)?,
            END => return Some(at),
            slot => sink.value(slot, input, at)?,
        };
    }
    None
}

/// The reading of one row.
struct Walk<'a, S> {
    row: &'a Row,
    input: &'a [u8],
    learned: &'a mut Learned,
    sink: &'a mut S,
}

impl<S: RowSink> Walk<'_, S> {
    /// Reads the value at `at`, which belongs to the node `id`; answers where it ends.
    #[inline(always)]
    fn value(&mut self, id: NodeId, leaf: u32, at: usize) -> Option<usize> {
        if leaf == NONE {
            return self.container(id, at);
        }
        self.record(at, leaf);
        let end = self.sink.value(leaf, self.input, at)?;
        self.learned.gap = end;
        Some(end)
    }

    /// The row at hand has a value at `at`, or its end before it.
    #[inline(always)]
    fn record(&mut self, at: usize, slot: u32) {
        let Learned { steps, gap, records: true, .. } = &mut *self.learned else { return };
        steps.push(Step { text: Text::new(self.input, *gap, at), slot });
    }

    fn container(&mut self, id: NodeId, at: usize) -> Option<usize> {
        let node = self.row.trie.node(id);
        let first = *self.input.get(at)?;
        if first == b'{' && node.enters_object() && node.slots.is_empty() {
            return self.object(id, at);
        }
        // Another row may have something else here, or more of it, and what is between would be the same.
        self.learned.records = false;
        let mut end = None;
        for &slot in &node.slots {
            end = Some(self.sink.value(slot, self.input, at)?);
        }
        match first {
            b'{' if node.enters_object() => self.object(id, at),
            b'[' if node.enters_array() => self.array(id, at),
            _ => end.or_else(|| skip(self.input, at)),
        }
    }

    fn object(&mut self, id: NodeId, open: usize) -> Option<usize> {
        let input = self.input;
        self.learned.objects += 1;
        let object = self.learned.objects;
        // What is expected, and what came before it.
        let (mut next, mut before) = (self.learned.heads[id as usize], NONE);
        // Of the bracket, or behind the last value.
        let mut at = open;
        loop {
            let (child, leaf);
            match self.learned.members.get(next as usize) {
                Some(member) if member.text.is_at(input, at) => {
                    at += member.text.length;
                    (child, leaf) = (member.child, member.leaf);
                    (before, next) = (next, member.next);
                }
                _ => match self.name(id, at, &mut before, &mut next)? {
                    Next::Member(named, value) => {
                        (child, leaf) = named;
                        at = value;
                    }
                    Next::End(end) => return Some(end),
                },
            }
            if child == NONE {
                self.record(at, NONE);
                at = skip(input, at)?;
                self.learned.gap = at;
                continue;
            }
            let met = self.learned.met.get_mut(child as usize)?;
            if *met == object {
                return None;
            }
            *met = object;
            at = self.value(child, leaf, at)?;
        }
    }

    /// Reads what is at `at`, the place of a bracket or a comma, and was not expected.
    #[inline(always)]
    fn name(&mut self, id: NodeId, at: usize, before: &mut u32, next: &mut u32) -> Option<Next> {
        match *self.input.get(at)? {
            b'}' => Some(Next::End(at + 1)),
            _ => self.new_name(id, at, before, next),
        }
    }

    #[inline(never)]
    fn new_name(&mut self, id: NodeId, at: usize, before: &mut u32, next: &mut u32) -> Option<Next> {
        let input = self.input;
        let separator = skip_white(input, at);
        let quote = skip_white(input, separator + 1);
        match input.get(separator)? {
            b'}' => return Some(Next::End(separator + 1)),
            b'{' if input.get(quote) == Some(&b'}') => return Some(Next::End(quote + 1)),
            b'{' | b',' => {}
            _ => return None,
        }
        let end = string_end(input, quote)?;
        let colon = skip_white(input, end);
        if *input.get(colon)? != b':' {
            return None;
        }
        let value = skip_white(input, colon + 1);
        // Those from here on come first, then those from the front: a name was left out, or moved.
        let Learned { members, heads, .. } = &mut *self.learned;
        let mut link = *next;
        for step in 0..MOST_STEPS {
            if link == NONE && step < MOST_STEPS / 2 {
                link = heads[id as usize];
            }
            let Some(member) = members.get(link as usize) else { break };
            if member.text.length == value - at && member.text.is_at(input, at) {
                (*before, *next) = (link, member.next);
                return Some(Next::Member((member.child, member.leaf), value));
            }
            link = member.next;
        }
        let child = self.row.trie.node(id).member(&name_bytes(&input[quote + 1..end - 1])).unwrap_or(NONE);
        let named = (child, self.row.leaves.get(child as usize).copied().unwrap_or(NONE));
        if members.len() < MOST_MEMBERS {
            let own = members.len() as u32;
            members.push(Member { text: Text::new(input, at, value), child, leaf: named.1, next: *next });
            match members.get_mut(*before as usize) {
                Some(before) => before.next = own,
                None => heads[id as usize] = own,
            }
            *before = own;
        }
        Some(Next::Member(named, value))
    }

    fn array(&mut self, id: NodeId, open: usize) -> Option<usize> {
        let (row, input) = (self.row, self.input);
        let node = row.trie.node(id);
        let last = node.indexes.last().map_or(0, |&(index, _)| index);
        let mut at = skip_white(input, open + 1);
        if *input.get(at)? == b']' {
            return Some(at + 1);
        }
        for index in 0..=last {
            at = match node.element(index) {
                Some(child) => self.value(child, row.leaves[child as usize], at)?,
                None => skip(input, at)?,
            };
            at = skip_white(input, at);
            match *input.get(at)? {
                b',' => at = skip_white(input, at + 1),
                b']' => return Some(at + 1),
                _ => return None,
            }
        }
        value_end(input, open)
    }
}

/// What comes next in an object.
enum Next {
    /// A member's node and slot, and where its value starts.
    Member((NodeId, u32), usize),
    /// Nothing; the offset behind the object.
    End(usize),
}

/// The offset behind the value at `at`; `None` if there is none, or it does not end.
#[inline(always)]
pub(crate) fn skip(input: &[u8], at: usize) -> Option<usize> {
    match *input.get(at)? {
        b'"' => {
            let stop = string_stop(input, at + 1);
            if input.get(stop) == Some(&b'"') { Some(stop + 1) } else { string_end(input, at) }
        }
        b'{' | b'[' => value_end(input, at),
        _ => Some(scalar_stop(input, at)).filter(|end| *end > at),
    }
}

/// What is between the quotes of the string at `at`, and the offset behind it; `None` if it has escapes.
#[inline(always)]
pub(crate) fn plain_string(input: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let Some(b'"') = input.get(at) else { return None };
    let stop = string_stop(input, at + 1);
    let Some(b'"') = input.get(stop) else { return None };
    Some((input.get(at + 1..stop)?, stop + 1))
}
