//! An arena with child scopes: each has chunks of its own, all count against one limit.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::rc::Rc;

use super::bump::{Bump, Growth, Mark, Retain, Shared};
use super::provider::{ChunkProvider, SystemChunks};

/// A scope that was closed, or ended when the arena was reset; or a mark of before a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this {0} has ended")]
pub struct Ended(&'static str);

/// A scope of an [`Arena`], by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScopeId {
    index: usize,
    generation: u64,
}

struct Scope<P: ChunkProvider> {
    generation: u64,
    parent: Option<ScopeId>,
    /// Boxed: references into it are handed out while others are opened. None when the scope has ended.
    bump: Option<Box<Bump<P>>>,
}

/// A chunked bump arena for Rust's own use: caches, compiled programs, scratch.
///
/// It dereferences to its [`Bump`], from which the arena's own allocations come. Scopes are opened with
/// [`Arena::open_scope`]; a reset ends them, also those that are still open.
///
/// ```
/// use primarena_core::arena::{Arena, Retain};
///
/// let mut arena = Arena::default();
/// let sum = {
///     let numbers = arena.alloc_slice(&[1u32, 2, 3])?;
///     numbers.iter().sum::<u32>()
/// };
/// assert_eq!(sum, 6);
/// arena.reset(Retain::All);
/// assert_eq!(arena.used_bytes(), 0);
/// # Ok::<(), primarena_core::arena::AllocError>(())
/// ```
pub struct Arena<P: ChunkProvider = SystemChunks> {
    root: Bump<P>,
    scopes: RefCell<Vec<Scope<P>>>,
    next_generation: Cell<u64>,
    shared: Rc<Shared<P>>,
}

impl Default for Arena {
    fn default() -> Self {
        Arena::new(SystemChunks::default(), Growth::default())
    }
}

impl<P: ChunkProvider> Deref for Arena<P> {
    type Target = Bump<P>;

    #[inline(always)]
    fn deref(&self) -> &Bump<P> {
        &self.root
    }
}

impl<P: ChunkProvider> Arena<P> {
    /// An arena without a chunk: the first allocation takes one.
    pub fn new(provider: P, growth: Growth) -> Arena<P> {
        let growth = Growth {
            first_chunk_bytes: growth.first_chunk_bytes.clamp(64, isize::MAX as usize / 2),
            max_chunk_bytes: growth
                .max_chunk_bytes
                .clamp(growth.first_chunk_bytes.max(64), isize::MAX as usize / 2),
        };
        let shared = Rc::new(Shared {
            provider,
            growth,
            capacity: Cell::new(0),
            peak: Cell::new(0),
            limit: Cell::new(usize::MAX),
        });
        Arena {
            root: Bump::new(Rc::clone(&shared)),
            scopes: RefCell::default(),
            next_generation: Cell::new(1),
            shared,
        }
    }

    /// Bytes of all chunks, scopes included.
    pub fn total_bytes(&self) -> usize {
        self.shared.capacity.get()
    }

    /// The most that [`Arena::total_bytes`] ever was.
    pub fn peak_bytes(&self) -> usize {
        self.shared.peak.get()
    }

    /// The most bytes of chunks that the arena and its scopes may have.
    pub fn limit_bytes(&self) -> usize {
        self.shared.limit.get()
    }

    /// Replaces the limit. It may lie below what is held: then no allocation succeeds until enough was given back.
    pub fn set_limit_bytes(&self, limit_bytes: usize) {
        self.shared.limit.set(limit_bytes);
        if self.shared.capacity.get() > limit_bytes {
            self.root.close_window();
            self.scopes
                .borrow()
                .iter()
                .filter_map(|scope| scope.bump.as_ref())
                .for_each(|bump| bump.close_window());
        }
    }

    /// The position of the arena's own allocations now.
    pub fn mark(&self) -> Mark {
        self.root.position(Rc::as_ptr(&self.shared) as usize)
    }

    /// Gives back the arena's own allocations since the mark (not those of its scopes).
    ///
    /// # Errors
    /// [`Ended`] when the mark is of before a reset, was rewound past, or belongs to another arena.
    pub fn rewind(&mut self, mark: Mark) -> Result<(), Ended> {
        let mine = mark.arena == Rc::as_ptr(&self.shared) as usize;
        if mine && self.root.rewind_to(mark) { Ok(()) } else { Err(Ended("mark")) }
    }

    /// Gives back everything at once: the scopes end, the arena's own chunks are kept as `retain` says. False when a
    /// chunk that was to be kept could not be had; the arena can be used all the same.
    pub fn reset(&mut self, retain: Retain) -> bool {
        for scope in self.scopes.get_mut() {
            scope.bump = None;
        }
        self.root.restart(retain)
    }

    /// Opens a scope, in the arena or in another scope. It has no chunk before its first allocation.
    ///
    /// # Errors
    /// [`Ended`] when `parent` has ended.
    pub fn open_scope(&self, parent: Option<ScopeId>) -> Result<ScopeId, Ended> {
        if let Some(parent) = parent {
            self.scope(parent)?;
        }
        Ok(self.add_scope(parent))
    }

    fn add_scope(&self, parent: Option<ScopeId>) -> ScopeId {
        let mut scopes = self.scopes.borrow_mut();
        let generation = self.next_generation.get();
        self.next_generation.set(generation + 1);
        let scope = Scope { generation, parent, bump: Some(Box::new(Bump::new(Rc::clone(&self.shared)))) };
        let index = match scopes.iter().position(|scope| scope.bump.is_none()) {
            Some(index) => {
                scopes[index] = scope;
                index
            }
            None => {
                scopes.push(scope);
                scopes.len() - 1
            }
        };
        ScopeId { index, generation }
    }

    /// The allocator of an open scope.
    ///
    /// # Errors
    /// [`Ended`].
    pub fn scope(&self, id: ScopeId) -> Result<&Bump<P>, Ended> {
        let scopes = self.scopes.borrow();
        let scope = scopes.get(id.index).filter(|scope| scope.generation == id.generation);
        let bump: *const Bump<P> = scope.and_then(|scope| scope.bump.as_deref()).ok_or(Ended("scope"))?;
        // SAFETY: the box does not move when the vector grows, and is dropped only by methods that borrow the arena
        // mutably (`scoped` drops only its own). `add_scope` writes to empty entries only.
        Ok(unsafe { &*bump })
    }

    /// Ends a scope and those in it; their chunks are given back.
    ///
    /// # Errors
    /// [`Ended`] when it has ended before.
    pub fn close_scope(&mut self, id: ScopeId) -> Result<(), Ended> {
        self.scope(id)?;
        let mut ended = vec![id];
        while let Some(id) = ended.pop() {
            let scopes = self.scopes.get_mut();
            scopes[id.index].bump = None;
            let inner = scopes
                .iter()
                .enumerate()
                .filter(|(_, scope)| scope.bump.is_some() && scope.parent == Some(id));
            ended.extend(inner.map(|(index, scope)| ScopeId { index, generation: scope.generation }));
        }
        Ok(())
    }

    /// Runs `work` with a scope that ends with it, also when it unwinds.
    pub fn scoped<R>(&self, work: impl FnOnce(&Bump<P>) -> R) -> R {
        struct End<'a, P: ChunkProvider>(&'a Arena<P>, usize);
        impl<P: ChunkProvider> Drop for End<'_, P> {
            fn drop(&mut self) {
                self.0.scopes.borrow_mut()[self.1].bump = None;
            }
        }
        let id = self.add_scope(None);
        // Nobody else knows the number, and `R` cannot borrow from the scope: no reference is left when it ends.
        let end = End(self, id.index);
        let bump: *const Bump<P> = match &self.scopes.borrow()[id.index].bump {
            Some(bump) => &raw const **bump,
            None => unreachable!("it was just opened"),
        };
        // SAFETY: the box stays where it is until `end` is dropped, which is after `work`.
        let result = work(unsafe { &*bump });
        drop(end);
        result
    }
}
