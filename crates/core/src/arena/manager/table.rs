//! The chunks of a manager: what is known of each, and the lists they are in.
//!
//! A chunk is an index; the bytes are somewhere else. Every chunk is in at most two lists: one for its place (a lease, the
//! quarantine, or the ready chunks of its class) and, while idle, one of its last owner.

/// The end of a list.
pub(super) const NIL: u32 = u32::MAX;
/// The most chunks a manager has: an index crosses to JavaScript in 20 bits.
pub(super) const MAX_CHUNKS: usize = 1 << 20;

/// Which of its two lists.
pub(super) const PLACE: usize = 0;
pub(super) const OWNER: usize = 1;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// The index is not in use.
    Vacant,
    /// In a lease; `holder` is the lease's slot.
    Leased,
    /// Idle, released too recently for another owner; `holder` is the last owner's index, or `NIL`.
    Quarantined,
    /// Idle and of use to everyone; `holder` as before.
    Ready,
    /// Given up; the index waits until JavaScript has freed the bytes.
    Freed,
}

#[derive(Clone, Copy)]
struct Link {
    prev: u32,
    next: u32,
}

pub(super) struct Chunk {
    pub capacity: u32,
    /// High-water mark since the last wipe: beyond it the bytes are zero.
    pub dirty: u32,
    pub holder: u32,
    pub class: u8,
    pub state: State,
    /// Free it as soon as its quarantine is over.
    pub retire: bool,
    pub released_at_ms: u64,
    links: [Link; 2],
}

#[derive(Clone, Copy)]
pub(super) struct List {
    pub head: u32,
    pub tail: u32,
}

impl List {
    pub const EMPTY: List = List { head: NIL, tail: NIL };

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.head == NIL
    }
}

#[derive(Default)]
pub(super) struct Table {
    chunks: Vec<Chunk>,
    vacant: Vec<u32>,
}

impl Table {
    /// A new chunk, or none when all indexes are in use.
    pub fn add(&mut self, capacity: u32, class: usize, holder: u32) -> Option<u32> {
        const UNLINKED: Link = Link { prev: NIL, next: NIL };
        let chunk = Chunk {
            capacity,
            dirty: 0,
            holder,
            class: class as u8,
            state: State::Leased,
            retire: false,
            released_at_ms: 0,
            links: [UNLINKED; 2],
        };
        if let Some(index) = self.vacant.pop() {
            self.chunks[index as usize] = chunk;
            return Some(index);
        }
        if self.chunks.len() == MAX_CHUNKS {
            return None;
        }
        self.chunks.push(chunk);
        Some((self.chunks.len() - 1) as u32)
    }

    /// The index can be given to a new chunk from now on.
    pub fn vacate(&mut self, index: u32) {
        self[index].state = State::Vacant;
        self.vacant.push(index);
    }

    pub fn get(&self, index: u32) -> Option<&Chunk> {
        self.chunks.get(index as usize)
    }

    #[inline]
    pub fn next<const LIST: usize>(&self, index: u32) -> u32 {
        self[index].links[LIST].next
    }

    #[inline]
    pub fn prev<const LIST: usize>(&self, index: u32) -> u32 {
        self[index].links[LIST].prev
    }

    /// Puts `index` after `after`, or first when that is `NIL`.
    #[inline]
    pub fn insert<const LIST: usize>(&mut self, list: &mut List, after: u32, index: u32) {
        let next = if after == NIL { list.head } else { self.next::<LIST>(after) };
        self[index].links[LIST] = Link { prev: after, next };
        match after {
            NIL => list.head = index,
            _ => self[after].links[LIST].next = index,
        }
        match next {
            NIL => list.tail = index,
            _ => self[next].links[LIST].prev = index,
        }
    }

    #[inline]
    pub fn remove<const LIST: usize>(&mut self, list: &mut List, index: u32) {
        let Link { prev, next } = self[index].links[LIST];
        match prev {
            NIL => list.head = next,
            _ => self[prev].links[LIST].next = next,
        }
        match next {
            NIL => list.tail = prev,
            _ => self[next].links[LIST].prev = prev,
        }
    }
}

impl std::ops::Index<u32> for Table {
    type Output = Chunk;

    #[inline]
    fn index(&self, index: u32) -> &Chunk {
        &self.chunks[index as usize]
    }
}

impl std::ops::IndexMut<u32> for Table {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut Chunk {
        &mut self.chunks[index as usize]
    }
}
