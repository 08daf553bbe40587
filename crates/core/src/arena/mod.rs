//! Arenas: memory that is handed out by moving an offset and given back all at once.
//!
//! - [`Manager`] decides which chunk of V8 memory a lease gets next, by index; JavaScript owns the bytes and bumps in them.

mod manager;

pub use manager::{
    Clock, Drained, Grant, MAX_CHUNK_BYTES, MAX_CLASS_BYTES, MIN_CHUNK_BYTES, Manager, ManagerError,
    NO_OWNER, Options, OwnerStats, Request, Stats, process_stats,
};
