//! One slab and its slot words.
//!
//! The rules, which JavaScript's acquire and release keep too:
//!
//! - The generation of a slot is odd while it holds a record and even while it is free; it grows by one at
//!   each acquire and each release. A handle is good while its generation equals the slot's.
//! - Free slots below `FRESH` are on the free stack, `FREE` of them; acquire pops the last one. With an empty
//!   stack Rust takes slot number `FRESH` and adds one, up to `LIMIT`; JavaScript first puts several fresh
//!   ones on the stack, the lowest on top, and adds as many. Memory beyond `FRESH` was never touched.
//! - A release fills the record with zeros, then pushes its slot. A slot whose generation reaches
//!   [`LAST_GENERATION`] is retired instead: no handle ever matches a later record by wrap-around.
//!
//! So `live = FRESH − FREE − RETIRED` needs no counter of its own.

use super::PoolError;
use super::layout::Layout;

/// Header word: how many slots the free stack holds.
pub const FREE: usize = 0;
/// Header word: the first slot that was never on the free stack nor used.
pub const FRESH: usize = 1;
/// Header word: how many slots may be used, at most the capacity.
pub const LIMIT: usize = 2;
/// Header word: how many slots are retired.
pub const RETIRED: usize = 3;

/// The (even) generation at which a slot is retired. It stays within 31 bits: a small integer to V8.
pub const LAST_GENERATION: u32 = 0x7fff_fffe;

/// A slab: its bytes, borrowed for one call, and the layout that says what they mean.
#[derive(Debug)]
pub struct Slab<'a> {
    layout: &'a Layout,
    bytes: &'a mut [u8],
    number: usize,
}

impl<'a> Slab<'a> {
    /// The slab with this number in its pool. `bytes` must be exactly one slab of `layout`.
    pub fn new(layout: &'a Layout, bytes: &'a mut [u8], number: usize) -> Result<Self, PoolError> {
        if bytes.len() != layout.slab_bytes() {
            return Err(PoolError::Argument(format!(
                "expected slab {number} to have {} bytes, got {}",
                layout.slab_bytes(),
                bytes.len()
            )));
        }
        let slab = Slab { layout, bytes, number };
        if slab.header(LIMIT) > layout.capacity()
            || slab.header(FRESH) > slab.header(LIMIT)
            || slab.header(FREE) as u64 + u64::from(slab.header(RETIRED)) > u64::from(slab.header(FRESH))
        {
            return Err(slab.damaged("its counters contradict each other"));
        }
        Ok(slab)
    }

    /// Makes zeroed bytes a slab with room for `limit` records.
    pub fn format(bytes: &mut [u8], limit: u32) {
        bytes[4 * LIMIT..4 * LIMIT + 4].copy_from_slice(&limit.to_le_bytes());
    }

    fn damaged(&self, what: &'static str) -> PoolError {
        PoolError::Damaged { slab: self.number, what }
    }

    fn word(&self, offset: usize) -> u32 {
        let bytes = &self.bytes[offset..offset + 4];
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    fn set_word(&mut self, offset: usize, value: u32) {
        self.bytes[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
    }

    /// One of the header words.
    pub fn header(&self, word: usize) -> u32 {
        self.word(4 * word)
    }

    fn set_header(&mut self, word: usize, value: u32) {
        self.set_word(4 * word, value);
    }

    /// The layout of this slab.
    pub fn layout(&self) -> &'a Layout {
        self.layout
    }

    /// The whole memory of this slab.
    pub fn bytes(&self) -> &[u8] {
        self.bytes
    }

    /// Slots from here on were never used nor on the free stack.
    pub fn fresh(&self) -> u32 {
        self.header(FRESH)
    }

    /// Records that it holds.
    pub fn live(&self) -> u32 {
        self.header(FRESH).saturating_sub(self.header(FREE)).saturating_sub(self.header(RETIRED))
    }

    /// Slots that an acquire can still take.
    pub fn available(&self) -> u32 {
        self.header(FREE) + self.header(LIMIT).saturating_sub(self.header(FRESH))
    }

    /// The generation of each slot below `fresh`, as little-endian words.
    pub fn generations(&self) -> &[[u8; 4]] {
        let start = self.layout.generations();
        self.bytes[start..start + 4 * self.fresh() as usize].as_chunks().0
    }

    /// The generation of one slot.
    pub fn generation(&self, index: u32) -> u32 {
        self.word(self.layout.generations() + 4 * index as usize)
    }

    /// Whether the slot holds a record.
    pub fn is_live(&self, index: u32) -> bool {
        index < self.fresh() && self.generation(index) & 1 == 1
    }

    /// Which of the 64 slots from `64 * block` on hold records, one bit each.
    #[inline]
    pub fn live_mask(&self, block: usize) -> u64 {
        let generations = self.generations();
        let start = (64 * block).min(generations.len());
        let words = &generations[start..(start + 64).min(generations.len())];
        words.iter().enumerate().fold(0, |mask, (bit, word)| mask | u64::from(word[0] & 1) << bit)
    }

    /// Takes a free slot. `None` when there is none.
    pub fn acquire(&mut self) -> Result<Option<u32>, PoolError> {
        let (free, fresh) = (self.header(FREE), self.header(FRESH));
        let index = if free > 0 {
            let index = self.word(self.layout.free_stack() + 4 * (free as usize - 1));
            if index >= fresh || self.generation(index) & 1 == 1 {
                return Err(self.damaged("its free stack holds a slot that is not free"));
            }
            self.set_header(FREE, free - 1);
            index
        } else if fresh < self.header(LIMIT) {
            self.set_header(FRESH, fresh + 1);
            fresh
        } else {
            return Ok(None);
        };
        let generation = self.generation(index) | 1;
        self.set_word(self.layout.generations() + 4 * index as usize, generation);
        Ok(Some(index))
    }

    /// Gives the slot of a record back: the record is zeroed, its handles are stale.
    pub fn release(&mut self, index: u32) -> Result<(), PoolError> {
        if !self.is_live(index) {
            return Err(PoolError::Stale { slot: self.slot(index) });
        }
        let free = self.header(FREE);
        if free >= self.layout.capacity() {
            return Err(self.damaged("its free stack holds more slots than there are"));
        }
        self.erase(index);
        let generation = self.generation(index).wrapping_add(1);
        self.set_word(self.layout.generations() + 4 * index as usize, generation);
        if generation >= LAST_GENERATION {
            let retired = self.header(RETIRED).saturating_add(1);
            self.set_header(RETIRED, retired);
        } else {
            self.set_word(self.layout.free_stack() + 4 * free as usize, index);
            self.set_header(FREE, free + 1);
        }
        Ok(())
    }

    /// Releases every record, column by column; gives their number. (One by one takes six times as long.)
    pub fn clear(&mut self) -> Result<u32, PoolError> {
        let (fresh, live) = (self.fresh() as usize, self.live());
        let (generations, stack) = (self.layout.generations(), self.layout.free_stack());
        let (mut free, mut retired) = (self.header(FREE) as usize, self.header(RETIRED));
        if live == 0 {
            return Ok(0);
        }
        // Free slots are zeros already.
        for column in self.layout.columns() {
            self.bytes[column.offset..column.offset + fresh * column.stride].fill(0);
            self.bytes[column.lengths..column.lengths + fresh * column.length_bytes].fill(0);
        }
        let [words, entries] = self
            .bytes
            .get_disjoint_mut([generations..generations + 4 * fresh, stack..stack + 4 * fresh])
            .map_err(|_| PoolError::Argument("the layout's slot words overlap".to_owned()))?;
        let entries = entries.as_chunks_mut::<4>().0;
        let was_free = free;
        // The lowest slot comes to lie on top, as with fresh ones: the next records follow the order of memory.
        for (index, word) in words.as_chunks_mut::<4>().0.iter_mut().enumerate().rev() {
            let generation = u32::from_le_bytes(*word);
            if generation & 1 == 0 {
                continue;
            }
            let generation = generation.wrapping_add(1);
            *word = generation.to_le_bytes();
            if generation >= LAST_GENERATION {
                retired += 1;
            } else if let Some(entry) = entries.get_mut(free) {
                *entry = (index as u32).to_le_bytes();
                free += 1;
            } else {
                return Err(self.damaged("its free stack holds more slots than there are"));
            }
        }
        let released = (free - was_free) as u32 + (retired - self.header(RETIRED));
        self.set_header(FREE, free as u32);
        self.set_header(RETIRED, retired);
        Ok(released)
    }

    /// Fills every column of the record with zeros.
    fn erase(&mut self, index: u32) {
        let index = index as usize;
        for column in self.layout.columns() {
            let start = column.offset + index * column.stride;
            self.bytes[start..start + column.stride].fill(0);
            if column.length_bytes > 0 {
                let start = column.lengths + index * column.length_bytes;
                self.bytes[start..start + column.length_bytes].fill(0);
            }
        }
    }

    /// The pool-wide number of a slot.
    pub fn slot(&self, index: u32) -> u32 {
        ((self.number as u32) << self.layout.shift()) | index
    }

    /// The values of a column, up to the last slot that was ever used, as bytes.
    pub fn values(&self, field: usize) -> &[u8] {
        let column = &self.layout.columns()[field];
        &self.bytes[column.offset..column.offset + self.fresh() as usize * column.stride]
    }

    /// The text or bytes of one record: what its length word says, within its maximum.
    #[inline]
    pub fn inline(&self, field: usize, index: u32) -> &[u8] {
        let column = &self.layout.columns()[field];
        let index = index as usize;
        let at = column.lengths + index * column.length_bytes;
        let length = match (column.length_bytes, &self.bytes[at..at + column.length_bytes]) {
            (1, word) => word[0] as usize,
            (2, word) => u16::from_le_bytes([word[0], word[1]]) as usize,
            (4, word) => u32::from_le_bytes([word[0], word[1], word[2], word[3]]) as usize,
            _ => column.stride,
        };
        let start = column.offset + index * column.stride;
        &self.bytes[start..start + length.min(column.stride)]
    }

    /// Writes the low bytes of a number, as many as the column is wide.
    #[inline]
    pub(super) fn set_number(&mut self, field: usize, index: u32, value: [u8; 8]) {
        let column = &self.layout.columns()[field];
        let start = column.offset + index as usize * column.stride;
        let place = &mut self.bytes[start..start + column.stride];
        // A copy of constant length is one instruction, one of any length a call.
        match column.stride {
            8 => place.copy_from_slice(&value),
            4 => place.copy_from_slice(&value[..4]),
            2 => place.copy_from_slice(&value[..2]),
            _ => place[0] = value[0],
        }
    }

    /// Writes a vector.
    pub(super) fn set_vector(&mut self, field: usize, index: u32, value: &[u8]) {
        let column = &self.layout.columns()[field];
        let start = column.offset + index as usize * column.stride;
        self.bytes[start..start + value.len()].copy_from_slice(value);
    }

    /// Writes text or bytes; they must fit.
    pub(super) fn set_inline(&mut self, field: usize, index: u32, value: &[u8]) {
        let column = &self.layout.columns()[field];
        let index = index as usize;
        let start = column.offset + index * column.stride;
        let (used, rest) = self.bytes[start..start + column.stride].split_at_mut(value.len());
        used.copy_from_slice(value);
        rest.fill(0);
        let at = column.lengths + index * column.length_bytes;
        let length = (value.len() as u32).to_le_bytes();
        self.bytes[at..at + column.length_bytes].copy_from_slice(&length[..column.length_bytes]);
    }

    /// Checks every rule of the slot words. For tests and `paranoid` runs: it reads all of them.
    pub fn check(&self) -> Result<(), PoolError> {
        let mut free = vec![false; self.fresh() as usize];
        let stack = self.layout.free_stack();
        for entry in 0..self.header(FREE) as usize {
            let index = self.word(stack + 4 * entry);
            match free.get_mut(index as usize) {
                Some(seen) if !*seen => *seen = true,
                Some(_) => return Err(self.damaged("its free stack holds a slot twice")),
                None => return Err(self.damaged("its free stack holds a slot that was never used")),
            }
        }
        let mut retired = 0;
        for (index, &on_stack) in free.iter().enumerate() {
            let generation = self.generation(index as u32);
            match (generation & 1 == 1, on_stack) {
                (true, true) => return Err(self.damaged("its free stack holds a slot that is not free")),
                (false, false) if generation >= LAST_GENERATION => retired += 1,
                (false, false) => return Err(self.damaged("a free slot is not on the free stack")),
                _ => {}
            }
        }
        if retired != self.header(RETIRED) {
            return Err(self.damaged("its count of retired slots is wrong"));
        }
        Ok(())
    }
}
