//! All slabs of a pool, by slot number, with bulk acquire and release.

use super::layout::Layout;
use super::{PoolError, Slab};

/// The slabs of one pool for the length of one call. A number whose slab was trimmed is a hole.
#[derive(Debug)]
pub struct Slabs<'a> {
    layout: &'a Layout,
    slabs: Vec<Option<Slab<'a>>>,
    /// Where the last acquire found a slot; the next one starts there.
    cursor: usize,
}

impl<'a> Slabs<'a> {
    /// Takes the memory of each slab; an empty slice is a hole.
    pub fn new(layout: &'a Layout, memory: Vec<&'a mut [u8]>) -> Result<Self, PoolError> {
        if memory.len() as u64 > 1 << (32 - layout.shift()) {
            return Err(PoolError::Argument(format!(
                "{} slabs are more than slot numbers reach",
                memory.len()
            )));
        }
        let slabs = memory
            .into_iter()
            .enumerate()
            .map(
                |(number, bytes)| {
                    if bytes.is_empty() { Ok(None) } else { Slab::new(layout, bytes, number).map(Some) }
                },
            )
            .collect::<Result<_, _>>()?;
        Ok(Slabs { layout, slabs, cursor: 0 })
    }

    /// The layout of the slabs.
    pub fn layout(&self) -> &'a Layout {
        self.layout
    }

    /// How many slab numbers there are, holes included.
    pub fn len(&self) -> usize {
        self.slabs.len()
    }

    /// Whether there is no slab at all.
    pub fn is_empty(&self) -> bool {
        self.slabs.is_empty()
    }

    /// The slab with this number, unless it is a hole.
    pub fn get(&self, number: usize) -> Option<&Slab<'a>> {
        self.slabs.get(number)?.as_ref()
    }

    /// The slabs that are there, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Slab<'a>> {
        self.slabs.iter().flatten()
    }

    /// Records in all slabs.
    pub fn live(&self) -> usize {
        self.iter().map(|slab| slab.live() as usize).sum()
    }

    /// Splits a slot number into its slab and the index in it, when that slab is there.
    pub fn locate(&self, slot: u32) -> Option<(&Slab<'a>, u32)> {
        let slab = self.get((slot >> self.layout.shift()) as usize)?;
        Some((slab, slot & (self.layout.capacity() - 1)))
    }

    /// As [`Slabs::locate`], to write.
    pub(super) fn locate_mut(&mut self, slot: u32) -> Option<(&mut Slab<'a>, u32)> {
        let slab = self.slabs.get_mut((slot >> self.layout.shift()) as usize)?.as_mut()?;
        Some((slab, slot & (self.layout.capacity() - 1)))
    }

    /// Whether the slot holds a record.
    pub fn is_live(&self, slot: u32) -> bool {
        self.locate(slot).is_some_and(|(slab, index)| slab.is_live(index))
    }

    /// Takes a free slot of any slab. `None` when all are full: JavaScript has to add a slab.
    pub fn acquire(&mut self) -> Result<Option<u32>, PoolError> {
        let from = self.cursor;
        for number in (from..self.slabs.len()).chain(0..from) {
            if let Some(slab) = &mut self.slabs[number]
                && let Some(index) = slab.acquire()?
            {
                self.cursor = number;
                return Ok(Some(slab.slot(index)));
            }
        }
        Ok(None)
    }

    /// Releases all of `slots`, or none: first each is checked to hold a record and to appear once.
    pub fn release(&mut self, slots: &[u32]) -> Result<(), PoolError> {
        let mut seen: Vec<Vec<u64>> = vec![Vec::new(); self.slabs.len()];
        for &slot in slots {
            if !self.is_live(slot) {
                return Err(PoolError::Stale { slot });
            }
            let words = &mut seen[(slot >> self.layout.shift()) as usize];
            if words.is_empty() {
                words.resize((self.layout.capacity() as usize).div_ceil(64), 0);
            }
            let index = (slot & (self.layout.capacity() - 1)) as usize;
            if words[index / 64] >> (index % 64) & 1 == 1 {
                return Err(PoolError::Twice { slot });
            }
            words[index / 64] |= 1 << (index % 64);
        }
        for &slot in slots {
            if let Some((slab, index)) = self.locate_mut(slot) {
                slab.release(index)?;
            }
        }
        Ok(())
    }

    /// Releases every record; gives their number.
    pub fn clear(&mut self) -> Result<usize, PoolError> {
        self.slabs.iter_mut().flatten().try_fold(0, |released, slab| Ok(released + slab.clear()? as usize))
    }

    /// Calls `each` with every slot that holds a record, in ascending order.
    pub fn for_each_live(&self, mut each: impl FnMut(u32)) {
        for slab in self.iter() {
            for block in 0..(slab.fresh() as usize).div_ceil(64) {
                let mut mask = slab.live_mask(block);
                while mask != 0 {
                    each(slab.slot((block * 64) as u32 + mask.trailing_zeros()));
                    mask &= mask - 1;
                }
            }
        }
    }

    /// Checks every rule of the slot words in every slab.
    pub fn check(&self) -> Result<(), PoolError> {
        self.iter().try_for_each(Slab::check)
    }
}
