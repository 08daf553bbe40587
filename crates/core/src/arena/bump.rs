//! One chain of chunks with a bump pointer. [`super::Arena`] puts scopes around it.
//!
//! Upward, so that the last allocation could grow in place and a retained chunk is filled from its start. The window
//! `cursor..end` is all that an allocation looks at; everything else is behind the slow path. When the limit is lowered
//! below what is held, the windows are closed (`end = cursor`), so that the fast path needs no check of its own.

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::rc::Rc;
use std::{ptr, slice, str};

use super::provider::{AllocError, CHUNK_ALIGN, ChunkProvider};

/// The largest alignment.
pub const MAX_ALIGN: usize = 4096;

/// Chunks are multiples of a cache line.
const GRAIN: usize = 64;

/// The cursor is always a multiple of it. Sizes are rounded up to it at compile time where the type is known, so that
/// aligning, which each allocation would have to wait for, falls away for most types: 0.87 instead of 0.95–1.0 ns for 16 and
/// 32 bytes (`benches/arena.rs`), where bumpalo takes 0.85–0.99.
const STEP: usize = 8;

/// How chunks grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// The first chunk. Each one is twice the one before it…
    pub first_chunk_bytes: usize,
    /// … up to this size. A request above half of it gets a chunk of its own.
    pub max_chunk_bytes: usize,
}

impl Default for Growth {
    fn default() -> Self {
        Growth { first_chunk_bytes: 4 << 10, max_chunk_bytes: 1 << 20 }
    }
}

/// What a reset keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retain {
    /// No chunk.
    None,
    /// Every chunk.
    All,
    /// One chunk of at most so many bytes: as large as the largest cycle since the last `Retain::None`, if that is less.
    Bytes(usize),
}

/// A position to rewind to. Stale after a reset, or when the arena was rewound to before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    cycle: u64,
    chunk: usize,
    offset: usize,
    own: usize,
    pub(super) arena: usize,
}

/// What an arena and its scopes have in common.
pub(super) struct Shared<P> {
    pub provider: P,
    pub growth: Growth,
    /// Bytes of all chunks of the arena and its scopes.
    pub capacity: Cell<usize>,
    pub peak: Cell<usize>,
    pub limit: Cell<usize>,
}

struct Chunk {
    base: NonNull<u8>,
    bytes: usize,
    /// Used bytes, once the arena has moved on; what is in use of the current one is in `cursor`.
    used: usize,
}

#[derive(Default)]
struct Chain {
    /// In order of use. Those after `current` were kept by a reset or a rewind.
    chunks: Vec<Chunk>,
    current: usize,
    /// Chunks of requests that got one of their own, in order of allocation.
    own: Vec<Chunk>,
    /// Used bytes of the chunks before the current one, and of `own`.
    filled: usize,
    largest_cycle: usize,
    cycle: u64,
}

/// A bump allocator over chunks. What it gives lives until its next `&mut` use, so no reference outlives a reset.
/// Nothing is dropped in it: it holds `Copy` values only.
pub struct Bump<P: ChunkProvider> {
    cursor: Cell<NonNull<u8>>,
    end: Cell<NonNull<u8>>,
    chain: RefCell<Chain>,
    shared: Rc<Shared<P>>,
}

impl<P: ChunkProvider> Bump<P> {
    pub(super) fn new(shared: Rc<Shared<P>>) -> Self {
        Bump { cursor: Cell::new(nowhere()), end: Cell::new(nowhere()), chain: RefCell::default(), shared }
    }

    /// Uninitialised bytes.
    ///
    /// # Errors
    /// [`AllocError`]; the arena stays as it was.
    #[inline(always)]
    pub fn alloc_layout(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let (cursor, end) = (self.cursor.get(), self.end.get());
        let padding = match layout.align() {
            ..=STEP => 0,
            align => cursor.addr().get().wrapping_neg() & (align - 1),
        };
        // No overflow: a layout's size is at most isize::MAX, and the padding is less than its alignment.
        let bytes = padding + layout.size().next_multiple_of(STEP);
        if bytes > end.addr().get() - cursor.addr().get() || layout.align() > MAX_ALIGN {
            return self.alloc_slow(layout);
        }
        // SAFETY: `cursor..end` is a part of one chunk, or empty; `bytes` fit into it, `padding` is not more.
        let (at, next) = unsafe { (cursor.add(padding), cursor.add(bytes)) };
        self.cursor.set(next);
        Ok(at)
    }

    /// A value.
    ///
    /// # Errors
    /// [`AllocError`].
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "every call gives memory that no other call gave")]
    pub fn alloc<T: Copy>(&self, value: T) -> Result<&mut T, AllocError> {
        let at = self.alloc_layout(Layout::new::<T>())?.cast::<T>();
        // SAFETY: fresh memory with the layout of a T, nobody else's until the arena is borrowed mutably.
        unsafe {
            at.write(value);
            Ok(&mut *at.as_ptr())
        }
    }

    /// A copy of a slice.
    ///
    /// # Errors
    /// [`AllocError`].
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "every call gives memory that no other call gave")]
    pub fn alloc_slice<T: Copy>(&self, values: &[T]) -> Result<&mut [T], AllocError> {
        let at = self.alloc_layout(Layout::for_value(values))?.cast::<T>();
        // SAFETY: fresh memory with the layout of the slice, so it does not overlap it; nobody else's until the arena is
        // borrowed mutably.
        unsafe {
            ptr::copy_nonoverlapping(values.as_ptr(), at.as_ptr(), values.len());
            Ok(slice::from_raw_parts_mut(at.as_ptr(), values.len()))
        }
    }

    /// `count` times the same value.
    ///
    /// # Errors
    /// [`AllocError`].
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "every call gives memory that no other call gave")]
    pub fn alloc_fill<T: Copy>(&self, count: usize, value: T) -> Result<&mut [T], AllocError> {
        let layout = Layout::array::<T>(count).map_err(|_| AllocError::TooLarge)?;
        let at = self.alloc_layout(layout)?.cast::<T>();
        // SAFETY: fresh memory for `count` values, all written before the slice is made; nobody else's until the arena is
        // borrowed mutably.
        unsafe {
            for i in 0..count {
                at.add(i).write(value);
            }
            Ok(slice::from_raw_parts_mut(at.as_ptr(), count))
        }
    }

    /// A copy of a string.
    ///
    /// # Errors
    /// [`AllocError`].
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "every call gives memory that no other call gave")]
    pub fn alloc_str(&self, text: &str) -> Result<&mut str, AllocError> {
        let bytes = self.alloc_slice(text.as_bytes())?;
        // SAFETY: a copy of a `str`'s bytes.
        Ok(unsafe { str::from_utf8_unchecked_mut(bytes) })
    }

    /// Bytes handed out since the last reset, alignment included.
    pub fn used_bytes(&self) -> usize {
        let chain = self.chain.borrow();
        chain.filled + self.offset(&chain)
    }

    /// Bytes of this chain's chunks.
    pub fn capacity_bytes(&self) -> usize {
        let chain = self.chain.borrow();
        chain.chunks.iter().chain(&chain.own).map(|chunk| chunk.bytes).sum()
    }

    /// The chunks as address and size, those with a request of their own last.
    pub fn chunks(&self) -> Vec<(usize, usize)> {
        let chain = self.chain.borrow();
        chain.chunks.iter().chain(&chain.own).map(|chunk| (chunk.base.addr().get(), chunk.bytes)).collect()
    }

    /// The position now.
    pub(super) fn position(&self, arena: usize) -> Mark {
        let chain = self.chain.borrow();
        Mark {
            cycle: chain.cycle,
            chunk: chain.current,
            offset: self.offset(&chain),
            own: chain.own.len(),
            arena,
        }
    }

    /// Gives back everything that was allocated since the mark; chunks stay, those of single requests go. False when
    /// the mark is stale.
    pub(super) fn rewind_to(&mut self, mark: Mark) -> bool {
        let now = self.position(mark.arena);
        let chain = self.chain.get_mut();
        let reached = match mark.chunk {
            chunk if chunk < now.chunk => mark.offset <= chain.chunks[chunk].used,
            chunk => chunk == now.chunk && mark.offset <= now.offset,
        };
        if mark.cycle != now.cycle || !reached || mark.own > now.own {
            return false;
        }
        for chunk in chain.own.drain(mark.own..) {
            chain.filled -= chunk.used;
            give_back(&self.shared, chunk);
        }
        for index in mark.chunk..now.chunk {
            chain.filled -= chain.chunks[index].used;
        }
        chain.current = mark.chunk;
        self.enter(mark.offset);
        true
    }

    /// Starts the next cycle. False when a chunk that was to be kept could not be had.
    pub(super) fn restart(&mut self, retain: Retain) -> bool {
        let used = self.used_bytes();
        let chain = self.chain.get_mut();
        chain.cycle += 1;
        chain.filled = 0;
        chain.current = 0;
        chain.largest_cycle = if retain == Retain::None { 0 } else { chain.largest_cycle.max(used) };
        let kept = match retain {
            Retain::None => {
                self.keep(|_, _| false);
                true
            }
            Retain::All => {
                let chain = self.chain.get_mut();
                let own = std::mem::take(&mut chain.own);
                chain.chunks.extend(own);
                // Only chunks of this chain are left in the arena when it is reset with a limit below what it holds.
                let others = self.shared.capacity.get() - self.capacity_bytes();
                let limit = self.shared.limit.get().saturating_sub(others);
                self.keep(|kept, bytes| kept + bytes <= limit);
                true
            }
            Retain::Bytes(most) => self.keep_one(most),
        };
        self.enter(0);
        kept
    }

    /// Converges to one chunk for the largest cycle, as Zig's `reset(.{ .retain_with_limit })`.
    fn keep_one(&mut self, most: usize) -> bool {
        let chain = self.chain.get_mut();
        let most = most.min(self.shared.limit.get());
        let cycle = chain.largest_cycle;
        // Rounding up to a power of two leaves room for other alignments in the next cycle.
        let want = cycle.checked_next_power_of_two().map_or(most, |bytes| bytes.min(most)) / GRAIN * GRAIN;
        if want == 0 {
            self.keep(|_, _| false);
            return cycle == 0;
        }
        let mut found = false;
        self.keep(|_, bytes| {
            let fits = !found && bytes >= want && bytes <= most;
            found |= fits;
            fits
        });
        if found {
            return true;
        }
        match self.acquire(want) {
            Ok(chunk) => {
                self.chain.get_mut().chunks.push(chunk);
                true
            }
            Err(_) => false,
        }
    }

    /// Gives back the chunks for which `keep(bytes kept so far, bytes)` is false. The position is the caller's business.
    fn keep(&mut self, mut keep: impl FnMut(usize, usize) -> bool) {
        let chain = self.chain.get_mut();
        let mut kept = 0;
        for chunk in std::mem::take(&mut chain.chunks).into_iter().chain(std::mem::take(&mut chain.own)) {
            if keep(kept, chunk.bytes) {
                kept += chunk.bytes;
                chain.chunks.push(Chunk { used: 0, ..chunk });
            } else {
                give_back(&self.shared, chunk);
            }
        }
    }

    /// Lets every allocation take the slow path, where the limit is looked at.
    pub(super) fn close_window(&self) {
        self.end.set(self.cursor.get());
    }

    /// The used bytes of the current chunk.
    fn offset(&self, chain: &Chain) -> usize {
        chain
            .chunks
            .get(chain.current)
            .map_or(0, |chunk| self.cursor.get().addr().get() - chunk.base.addr().get())
    }

    /// Goes on at `offset` of the current chunk.
    fn enter(&mut self, offset: usize) {
        let chain = self.chain.get_mut();
        let (cursor, end) = window(chain, offset);
        self.cursor.set(cursor);
        self.end.set(if self.shared.capacity.get() > self.shared.limit.get() { cursor } else { end });
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.align() > MAX_ALIGN {
            return Err(AllocError::TooLarge);
        }
        if layout.size() == 0 {
            // SAFETY: an alignment is not 0, and nothing is read or written at the address.
            return Ok(unsafe { NonNull::new_unchecked(ptr::without_provenance_mut(layout.align())) });
        }
        if self.shared.capacity.get() > self.shared.limit.get() {
            return Err(AllocError::Limit);
        }
        let mut chain = self.chain.borrow_mut();
        let offset = self.offset(&chain);
        let (cursor, end) = window(&chain, offset);
        if self.end.get() != end {
            // The window was closed while the limit was lower.
            debug_assert_eq!(cursor, self.cursor.get());
            self.end.set(end);
            drop(chain);
            return self.alloc_layout(layout);
        }
        // What may be needed wherever the chunk starts.
        let need = layout
            .size()
            .checked_add(layout.align().saturating_sub(CHUNK_ALIGN))
            .ok_or(AllocError::TooLarge)?;
        let Growth { first_chunk_bytes, max_chunk_bytes } = self.shared.growth;
        if need > max_chunk_bytes / 2 {
            let mut chunk = self.acquire(grained(need)?)?;
            let padding = chunk.base.addr().get().wrapping_neg() & (layout.align() - 1);
            chunk.used = padding + layout.size();
            chain.filled += chunk.used;
            // SAFETY: the chunk has `need` bytes, which is the size and the most that the alignment can take.
            let at = unsafe { chunk.base.add(padding) };
            chain.own.push(chunk);
            return Ok(at);
        }
        let next = if chain.chunks.is_empty() { 0 } else { chain.current + 1 };
        if chain.chunks.get(next).is_none_or(|chunk| chunk.bytes < need) {
            let last = chain.chunks.get(chain.current).map_or(0, |chunk| chunk.bytes);
            let usual = last.saturating_mul(2).clamp(first_chunk_bytes, max_chunk_bytes);
            let large = usual.max(need.next_power_of_two());
            // If a large one is refused, one that is just enough may not be.
            let chunk = match self.acquire(grained(large)?) {
                Err(_) => self.acquire(grained(need)?)?,
                chunk => chunk?,
            };
            chain.chunks.insert(next, chunk);
        }
        if next > 0 {
            let current = chain.current;
            chain.chunks[current].used = offset;
            chain.filled += offset;
        }
        chain.current = next;
        let (cursor, end) = window(&chain, 0);
        self.cursor.set(cursor);
        self.end.set(end);
        drop(chain);
        self.alloc_layout(layout)
    }

    fn acquire(&self, bytes: usize) -> Result<Chunk, AllocError> {
        let shared = &self.shared;
        let capacity = shared.capacity.get().checked_add(bytes).ok_or(AllocError::TooLarge)?;
        if capacity > shared.limit.get() {
            return Err(AllocError::Limit);
        }
        let base = shared.provider.acquire(bytes)?;
        shared.capacity.set(capacity);
        shared.peak.set(shared.peak.get().max(capacity));
        Ok(Chunk { base, bytes, used: 0 })
    }
}

impl<P: ChunkProvider> Drop for Bump<P> {
    fn drop(&mut self) {
        self.keep(|_, _| false);
    }
}

/// The rest of the current chunk from `offset` on.
fn window(chain: &Chain, offset: usize) -> (NonNull<u8>, NonNull<u8>) {
    match chain.chunks.get(chain.current) {
        None => (nowhere(), nowhere()),
        // SAFETY: an offset is at most the chunk's size, so both stay within the chunk or at its end.
        Some(chunk) => unsafe { (chunk.base.add(offset), chunk.base.add(chunk.bytes)) },
    }
}

/// Where an arena without a chunk is: an empty window, aligned as every other.
fn nowhere() -> NonNull<u8> {
    NonNull::<u64>::dangling().cast()
}

fn give_back<P: ChunkProvider>(shared: &Shared<P>, chunk: Chunk) {
    shared.capacity.set(shared.capacity.get() - chunk.bytes);
    // SAFETY: the chunk came from this provider with this size and has just left the chain; references into it ended
    // with the mutable borrow of the arena that led here.
    unsafe { shared.provider.release(chunk.base, chunk.bytes) };
}

fn grained(bytes: usize) -> Result<usize, AllocError> {
    bytes.checked_next_multiple_of(GRAIN).ok_or(AllocError::TooLarge)
}
