//! Per-thread registries: what JavaScript refers to by number in raw calls.
//!
//! A number is an index (20 bits) and a generation (12 bits): a stale one is an answer, not a wrong object.
//! Registries are thread-local because every environment has its own thread, and what a worker held is
//! dropped with its thread.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use primarena_core::error::Code;

use crate::error::Failure;

const INDEX_BITS: u32 = 20;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;
const GENERATIONS: u32 = 1 << (32 - INDEX_BITS);

struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

static THREADS: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static THREAD: u32 = THREADS.fetch_add(1, Relaxed);
}

/// Where generations begin on this thread: far from where they begin on others, so that a number that came from another
/// thread is as stale here as one that was disposed, and does not name this thread's object of the same index.
fn first_generation() -> u32 {
    THREAD.with(|thread| 1 + thread.wrapping_mul(1597) % (GENERATIONS - 1))
}

/// Values of one kind, by number.
pub struct Registry<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

impl<T> Default for Registry<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Registry<T> {
    pub const fn new() -> Self {
        Registry { slots: Vec::new(), free: Vec::new() }
    }

    /// Takes `value` in and gives its number.
    pub fn insert(&mut self, value: T) -> Result<u32, Failure> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.slots.len() as u32 > INDEX_MASK => {
                return Err(Failure::argument("too many native objects are open on this thread"));
            }
            None => {
                self.slots.push(Slot { generation: first_generation(), value: None });
                (self.slots.len() - 1) as u32
            }
        };
        let slot = &mut self.slots[index as usize];
        slot.value = Some(value);
        Ok(index | (slot.generation << INDEX_BITS))
    }

    /// The value with this number, or a stale-handle failure.
    pub fn get(&mut self, number: u32) -> Result<&mut T, Failure> {
        match self.slots.get_mut((number & INDEX_MASK) as usize) {
            Some(Slot { generation, value: Some(value) }) if *generation == number >> INDEX_BITS => Ok(value),
            _ => Err(Failure::new(
                Code::StaleHandle,
                "the native object behind this handle was disposed, or belongs to another thread",
            )),
        }
    }

    /// Takes the value out; its number is stale from now on.
    pub fn remove(&mut self, number: u32) -> Option<T> {
        self.get(number).ok()?;
        let index = number & INDEX_MASK;
        let slot = &mut self.slots[index as usize];
        slot.generation = (slot.generation + 1) % GENERATIONS;
        self.free.push(index);
        slot.value.take()
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        for index in 0..self.slots.len() as u32 {
            let slot = &mut self.slots[index as usize];
            if slot.value.take().is_some() {
                slot.generation = (slot.generation + 1) % GENERATIONS;
                self.free.push(index);
            }
        }
    }
}
