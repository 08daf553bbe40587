//! The `k` records with the largest (or smallest) values of a field.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::key::{Scalar, descend, prefix_key, scalar_of, with_number};
use super::schema::Kind;
use super::{Layout, Pace, PoolError, Slabs};

/// A search in progress.
#[derive(Debug)]
pub struct TopK {
    field: usize,
    count: usize,
    smallest: bool,
    slab: usize,
    /// The best so far; the worst of them on top.
    heap: BinaryHeap<Entry>,
}

/// A candidate; less is better. The key is turned accordingly, text is compared by `smallest`.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    key: u64,
    text: Box<[u8]>,
    slot: u32,
    smallest: bool,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_text = || {
            if self.smallest { self.text.cmp(&other.text) } else { other.text.cmp(&self.text) }
        };
        self.key.cmp(&other.key).then_with(by_text).then(self.slot.cmp(&other.slot))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TopK {
    /// Prepares to find the `count` best records by the field at `field`.
    pub fn new(layout: &Layout, field: usize, count: usize, smallest: bool) -> Result<Self, PoolError> {
        if let Kind::Vector { .. } = layout.column(field)?.kind {
            return Err(PoolError::Argument(format!(
                "field \"{}\" is a vector: expected a field with one value",
                layout.schema().fields()[field].name
            )));
        }
        Ok(TopK { field, count, smallest, slab: 0, heap: BinaryHeap::new() })
    }

    /// Works until done (`true`) or until the pace says to stop (`false`).
    pub fn step(&mut self, slabs: &Slabs, pace: &mut Pace) -> Result<bool, PoolError> {
        while self.slab < slabs.len() && self.count > 0 {
            self.scan(slabs, self.slab)?;
            self.slab += 1;
            if self.slab < slabs.len() && pace.spent() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn scan(&mut self, slabs: &Slabs, number: usize) -> Result<(), PoolError> {
        let Some(slab) = slabs.get(number) else { return Ok(()) };
        let kind = slab.layout().column(self.field)?.kind;
        let smallest = self.smallest;
        match scalar_of(kind) {
            Some(number) => with_number!(number, T => {
                let values = T::split(slab.values(self.field));
                // Nearly every record fails this comparison once the heap is full. Slots come in ascending
                // order, so an equal key never displaces one.
                let mut worst = self.worst();
                for (index, (value, generation)) in values.iter().zip(slab.generations()).enumerate() {
                    if generation[0] & 1 == 0 {
                        continue;
                    }
                    let key = T::load(*value).key();
                    let key = if smallest { key } else { descend(key) };
                    if worst.is_none_or(|worst| key < worst) {
                        self.offer(key, &[], slab.slot(index as u32));
                        worst = self.worst();
                    }
                }
            }),
            None => {
                for index in (0..slab.fresh()).filter(|&index| slab.is_live(index)) {
                    let text = slab.inline(self.field, index);
                    let key = prefix_key(text);
                    let key = if smallest { key } else { !key };
                    if self.worst().is_none_or(|worst| key <= worst) {
                        self.offer(key, text, slab.slot(index));
                    }
                }
            }
        }
        Ok(())
    }

    /// The worst key of a full heap.
    fn worst(&self) -> Option<u64> {
        if self.heap.len() < self.count { None } else { self.heap.peek().map(|entry| entry.key) }
    }

    fn offer(&mut self, key: u64, text: &[u8], slot: u32) {
        let entry = Entry { key, text: text.into(), slot, smallest: self.smallest };
        if self.heap.len() == self.count {
            if self.heap.peek().is_none_or(|worst| entry >= *worst) {
                return;
            }
            self.heap.pop();
        }
        self.heap.push(entry);
    }

    /// The slots, best first; equal values by ascending slot.
    pub fn take(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.heap).into_sorted_vec().into_iter().map(|entry| entry.slot).collect()
    }
}
