//! What an extraction found: which bytes of the document are at which path.

/// The slot of an entry that no longer counts.
pub const TOMBSTONE: u32 = u32::MAX;

/// Entries whose memory is kept between documents.
pub(super) const MOST_IDLE: usize = 1 << 16;

/// One value that a path led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The number that the path was given in its [`Trie`](super::trie::Trie); [`TOMBSTONE`] if a later
    /// member of the same name took the place of what this lay in.
    pub slot: u32,
    /// Offset of the value's first byte.
    pub start: u32,
    /// Offset behind its last byte; no white space before it.
    pub end: u32,
}

impl Capture {
    /// The value's bytes. A capture of another document gives no bytes, or others; it never panics.
    #[inline]
    pub fn of<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        input.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// The captures of one document.
///
/// Of one slot they are in the order of its nodelist; a value comes before what was captured inside it. So
/// a path to rows gives a mark, and what was captured from its columns follows until the next mark.
#[derive(Clone, Debug, Default)]
pub struct Captures {
    entries: Vec<Capture>,
}

impl Captures {
    /// No captures, and no memory yet.
    pub const fn new() -> Self {
        Captures { entries: Vec::new() }
    }

    /// Forgets all entries, keeps the memory.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Gives memory back that a large document needed.
    pub fn trim(&mut self) {
        if self.entries.capacity() > MOST_IDLE {
            self.entries = Vec::new();
        }
    }

    /// The number of entries, tombstones included: a position for [`Captures::bury`].
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a capture; `end` may be set later by [`Captures::close`].
    #[inline]
    pub fn push(&mut self, slot: u32, start: u32, end: u32) {
        self.entries.push(Capture { slot, start, end });
    }

    /// Sets the end of the entries `from..to`, all of which are of one value.
    #[inline]
    pub fn close(&mut self, from: usize, to: usize, end: u32) {
        for entry in self.entries.get_mut(from..to).unwrap_or_default() {
            entry.end = end;
        }
    }

    /// Makes tombstones of the entries `from..to`: they lay in a member whose name came again.
    #[inline]
    pub fn bury(&mut self, from: usize, to: usize) {
        for entry in self.entries.get_mut(from..to).unwrap_or_default() {
            entry.slot = TOMBSTONE;
        }
    }

    /// All entries, tombstones included.
    pub fn entries(&self) -> &[Capture] {
        &self.entries
    }

    /// The entries that count.
    pub fn iter(&self) -> impl Iterator<Item = &Capture> {
        self.entries.iter().filter(|entry| entry.slot != TOMBSTONE)
    }
}
