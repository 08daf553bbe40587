//! The manager of one `Memory` on one thread: owners, leases and the chunks they use, by index. It touches no byte.
//!
//! A lease belongs to an owner (an agent, or [`NO_OWNER`]) and is granted chunks one after the other. When it closes, its
//! chunks become idle. An idle chunk serves its last owner again at once, the latest one first; anybody else only after
//! its quarantine, and wiped up to its high-water mark. A chunk that is too young for another owner is too young to be
//! freed as well: native code that was handed its bytes may still be writing.
//!
//! What is charged: a chunk's capacity to the `Memory`'s node from the time it is made until it is freed, and to its
//! owner's node while it is in a lease. Nothing on the path open, grant, close with an idle chunk allocates or walks.
//!
//! - `lease`: open, grant, close. `idle`: quarantine, reuse, freeing. `owner`: agents and their charges.
//! - `table`: the chunks and their lists. `slots`: numbers with generations. `classes`: sizes. `stats`: counters.

mod classes;
mod idle;
mod lease;
mod owner;
mod slots;
mod stats;
mod table;

use std::sync::Arc;

use thiserror::Error;

use crate::budget::{Exceeded, Limits, Node, SoftCrossing};
use crate::error::Code;

pub use classes::{MAX_CHUNK_BYTES, MAX_CLASS_BYTES, MIN_CHUNK_BYTES};
pub use owner::{NO_OWNER, OwnerStats};
pub use stats::{Stats, process_stats};

use classes::CLASSES;
use lease::Lease;
use owner::Owner;
use slots::Slots;
use stats::Counters;
use table::{List, State, Table};

/// The time, read only when it matters: most opens do not look at it.
pub trait Clock {
    /// Milliseconds since a fixed moment; never goes back.
    fn now_ms(&self) -> u64;
}

impl Clock for u64 {
    fn now_ms(&self) -> u64 {
        *self
    }
}

impl<F: Fn() -> u64> Clock for F {
    fn now_ms(&self) -> u64 {
        self()
    }
}

/// How a manager decides.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name of the `Memory`'s node.
    pub name: String,
    /// The limits of the `Memory`'s node.
    pub limits: Limits,
    /// The smallest first chunk of a lease, unless the budget only allows less.
    pub first_chunk_bytes: u32,
    /// Chunks grow within a lease up to this size, at most [`MAX_CLASS_BYTES`]; a larger request gets what it needs.
    pub max_chunk_bytes: u32,
    /// Beyond it the oldest idle chunks are freed.
    pub idle_limit_bytes: u64,
    /// How long a released chunk is kept from other owners, and from being freed.
    pub quarantine_ms: u64,
    /// A chunk that is released while more than this is in quarantine is freed afterwards, not reused by others.
    pub quarantine_limit_bytes: u64,
    /// Keeps released chunks from their own last owner too.
    pub paranoid: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            name: "memory".into(),
            limits: Limits::NONE,
            first_chunk_bytes: 8 << 10,
            max_chunk_bytes: 1 << 20,
            idle_limit_bytes: 64 << 20,
            quarantine_ms: 100,
            quarantine_limit_bytes: 32 << 20,
            paranoid: false,
        }
    }
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ManagerError {
    /// The number of a lease or owner that was closed.
    #[error("this {what} was closed")]
    Stale {
        /// What kind of thing.
        what: &'static str,
    },
    /// A budget refused.
    #[error("{0}")]
    Budget(Exceeded),
    /// A request that no chunk can satisfy.
    #[error("expected at most {MAX_CHUNK_BYTES} bytes in one piece, got {bytes}")]
    TooLarge {
        /// Bytes asked for.
        bytes: u64,
    },
    /// All numbers of a kind are in use.
    #[error("too many {what} are open in one Memory")]
    Full {
        /// What kind of thing.
        what: &'static str,
    },
    /// The owner cannot be closed yet.
    #[error("'{name}' still has {leases} open leases and {charged} bytes charged")]
    Busy {
        /// The owner's name.
        name: String,
        /// Its open leases.
        leases: u32,
        /// Its bytes other than chunks.
        charged: u64,
    },
    /// A wrong argument.
    #[error("{0}")]
    Argument(&'static str),
}

impl ManagerError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            ManagerError::Stale { .. } => Code::StaleHandle,
            ManagerError::Budget(_) => Code::BudgetExceeded,
            ManagerError::Full { .. } => Code::OutOfMemory,
            ManagerError::TooLarge { .. } | ManagerError::Busy { .. } | ManagerError::Argument(_) => {
                Code::InvalidArgument
            }
        }
    }
}

/// What a lease asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// What has to fit into one chunk.
    pub min_bytes: u64,
    /// What is expected to be needed: the chunk is about as large, if that is allowed.
    pub hint_bytes: u64,
    /// The largest chunk that limits outside of the tree allow; [`u64::MAX`] when there are none.
    pub most_bytes: u64,
}

impl Request {
    /// At least so many bytes, nothing else asked.
    pub fn at_least(min_bytes: u64) -> Request {
        Request { min_bytes, hint_bytes: 0, most_bytes: u64::MAX }
    }
}

/// A chunk for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its index.
    pub chunk: u32,
    /// Its size in bytes.
    pub capacity: u32,
    /// It has to be made: the index is new, or the chunk that had it was freed.
    pub fresh: bool,
    /// Bytes from its start that have to be zeroed before use: it was another owner's.
    pub wipe_bytes: u32,
}

/// What JavaScript has to do and to tell.
#[derive(Debug, Default)]
pub struct Drained {
    /// Chunks to free; their indexes may be granted again, as fresh, from now on.
    pub freed: Vec<u32>,
    /// Soft limits that were crossed.
    pub crossings: Vec<SoftCrossing>,
}

/// See the module's head.
pub struct Manager {
    options: Options,
    /// The `Memory`'s node: holds all chunks and charges of this manager.
    node: Arc<Node>,
    root: Arc<Node>,
    seen_trim_epoch: u32,
    table: Table,
    owners: Slots<Owner>,
    leases: Slots<Lease>,
    /// Idle chunks in order of release, until their quarantine is over; then they are in `ready`.
    quarantine: List,
    ready: [List; CLASSES],
    ready_bits: u16,
    freed: Vec<u32>,
    crossings: Vec<SoftCrossing>,
    counters: Arc<Counters>,
}

impl Manager {
    /// A manager whose node hangs below `parent` ([`crate::budget::process`], except in tests).
    ///
    /// # Errors
    /// [`ManagerError::Argument`] when a chunk size is out of range.
    pub fn new(options: Options, parent: &Arc<Node>) -> Result<Manager, ManagerError> {
        let sizes = MIN_CHUNK_BYTES..=MAX_CLASS_BYTES;
        if !sizes.contains(&options.first_chunk_bytes) || !sizes.contains(&options.max_chunk_bytes) {
            return Err(ManagerError::Argument("expected chunk sizes from 4 KiB to 8 MiB"));
        }
        let node = Node::child(parent, &options.name, options.limits);
        let root = Arc::clone(node.top());
        let mut owners = Slots::new();
        owners.open_zero(Owner::new(Node::child(&node, "none", Limits::NONE)));
        Ok(Manager {
            seen_trim_epoch: root.trim_epoch(),
            options,
            node,
            root,
            table: Table::default(),
            owners,
            leases: Slots::new(),
            quarantine: List::EMPTY,
            ready: [List::EMPTY; CLASSES],
            ready_bits: 0,
            freed: Vec::new(),
            crossings: Vec::new(),
            counters: stats::register(),
        })
    }

    /// The `Memory`'s node.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Replaces the limits of the `Memory`'s node.
    pub fn set_limits(&mut self, limits: Limits) {
        self.node.set_limits(limits);
        self.note_crossing_above();
    }

    /// Counters of this manager, with the quarantine as it is now.
    pub fn stats(&mut self, clock: &impl Clock) -> Stats {
        self.age(clock.now_ms());
        self.counters.read()
    }

    /// The size of a chunk that is in a lease or idle; 0 for any other index.
    pub fn chunk_capacity(&self, chunk: u32) -> u32 {
        match self.table.get(chunk) {
            Some(chunk) if !matches!(chunk.state, State::Vacant | State::Freed) => chunk.capacity,
            _ => 0,
        }
    }

    /// How many things [`Manager::drain`] would report.
    #[inline]
    pub fn pending(&self) -> usize {
        self.freed.len() + self.crossings.len()
    }

    /// Bytes of dropped chunks that the garbage collector has yet to free (Node 20 cannot free them at once).
    pub fn add_pending_free(&mut self, bytes: u64) {
        self.counters.pending_free_bytes.add(bytes);
    }

    /// Such bytes were freed.
    pub fn pending_freed(&mut self, bytes: u64) {
        let bytes = bytes.min(self.counters.pending_free_bytes.get());
        self.counters.pending_free_bytes.sub(bytes);
    }

    #[inline]
    fn note_crossing_of(&mut self, owner: u32) {
        if self.owners[owner].node.has_crossing() {
            let crossing = self.owners[owner].node.take_crossing();
            self.crossings.extend(crossing);
        }
    }

    #[inline]
    fn note_crossing_above(&mut self) {
        for node in [&self.node, &self.root] {
            if node.has_crossing() {
                self.crossings.extend(node.take_crossing());
            }
        }
    }

    /// The chain of nodes from the owner up.
    #[cold]
    fn exceeded(&self, owner: u32, bytes: u64, injected: bool) -> Exceeded {
        self.owners[owner].node.refusal_with(&self.node, bytes, injected)
    }

    #[cold]
    fn refused(&self, owner: u32, bytes: u64, injected: bool) -> ManagerError {
        ManagerError::Budget(self.exceeded(owner, bytes, injected))
    }

    /// Counts a refusal that reaches the caller.
    #[inline]
    fn count_refusal<T>(&self, result: Result<T, ManagerError>) -> Result<T, ManagerError> {
        if result.is_err() {
            self.counters.refusals.add(1);
        }
        result
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        // An owner's node may be shared with other threads; the `Memory`'s own gives back what it held by being dropped,
        // as soon as the owners' nodes below it are gone.
        for index in self.owners.indexes() {
            let owner = &self.owners[index];
            owner.node.uncharge(owner.leased_bytes + owner.charged_bytes);
        }
        stats::unregister(&self.counters);
    }
}
