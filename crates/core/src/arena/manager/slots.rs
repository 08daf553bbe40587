//! Numbered slots with generations, for leases and owners: index in the low 20 bits, generation in the high 12.

use std::collections::VecDeque;

const INDEX_BITS: u32 = 20;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;
const GENERATIONS: u32 = 1 << (32 - INDEX_BITS);

/// A freed slot waits behind this many others before it is used again, so that a number comes back only after
/// 64 × 4,095 openings, not after 4,095.
const WAITING: usize = 64;

struct Slot<T> {
    generation: u32,
    open: bool,
    value: T,
}

pub(super) struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: VecDeque<u32>,
}

impl<T> Slots<T> {
    pub fn new() -> Self {
        Slots { slots: Vec::new(), free: VecDeque::new() }
    }

    pub fn has_room(&self) -> bool {
        self.slots.len() <= INDEX_MASK as usize || !self.free.is_empty()
    }

    /// Opens a slot; its index, or none when all are open.
    #[inline]
    pub fn open(&mut self, value: T) -> Option<u32> {
        if self.free.len() > WAITING || self.slots.len() > INDEX_MASK as usize {
            let index = self.free.pop_front()?;
            let slot = &mut self.slots[index as usize];
            slot.open = true;
            slot.value = value;
            return Some(index);
        }
        self.grow(value)
    }

    #[cold]
    fn grow(&mut self, value: T) -> Option<u32> {
        self.slots.push(Slot { generation: 1, open: true, value });
        // So that freeing a slot never allocates.
        self.free.reserve(self.slots.len() - self.free.len());
        Some((self.slots.len() - 1) as u32)
    }

    /// Opens slot 0 with the number 0, which never goes stale. For the first one only.
    pub fn open_zero(&mut self, value: T) {
        debug_assert!(self.slots.is_empty());
        self.slots.push(Slot { generation: 0, open: true, value });
    }

    /// The number by which others refer to the slot.
    #[inline]
    pub fn number(&self, index: u32) -> u32 {
        index | (self.slots[index as usize].generation << INDEX_BITS)
    }

    /// The index of an open slot with this number.
    #[inline]
    pub fn find(&self, number: u32) -> Option<u32> {
        let index = number & INDEX_MASK;
        let slot = self.slots.get(index as usize)?;
        (slot.open && slot.generation == number >> INDEX_BITS).then_some(index)
    }

    /// Closes an open slot: its number is stale from now on.
    #[inline]
    pub fn close(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        slot.open = false;
        // Generation 0 is left out: the number 0 stays what `open_zero` made it.
        slot.generation = if slot.generation + 1 == GENERATIONS { 1 } else { slot.generation + 1 };
        self.free.push_back(index);
    }

    /// The open slots' indexes.
    pub fn indexes(&self) -> impl Iterator<Item = u32> {
        (0..self.slots.len() as u32).filter(|index| self.slots[*index as usize].open)
    }
}

impl<T> std::ops::Index<u32> for Slots<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: u32) -> &T {
        &self.slots[index as usize].value
    }
}

impl<T> std::ops::IndexMut<u32> for Slots<T> {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut T {
        &mut self.slots[index as usize].value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_does_not_come_back_for_a_long_time() {
        let mut slots = Slots::new();
        let first = slots.open(()).map(|index| slots.number(index)).unwrap();
        slots.close(first & INDEX_MASK);
        for i in 0..WAITING * (GENERATIONS as usize - 2) {
            let index = slots.open(()).unwrap();
            assert_ne!(slots.number(index), first, "after {i} openings");
            assert_eq!(slots.find(first), None);
            slots.close(index);
        }
        assert!(slots.slots.len() <= WAITING + 1);
    }

    #[test]
    fn zero_is_only_the_first() {
        let mut slots = Slots::new();
        slots.open_zero(());
        assert_eq!(slots.find(0), Some(0));
        let index = slots.open(()).unwrap();
        assert_eq!((index, slots.number(index)), (1, 1 | (1 << INDEX_BITS)));
        for number in [1, 2, 1 << INDEX_BITS, u32::MAX] {
            assert_eq!(slots.find(number), None);
        }
    }
}
