//! Arenas: memory that is handed out by moving an offset and given back all at once.
//!
//! - [`Manager`] decides which chunk of V8 memory a lease gets next, by index; JavaScript owns the bytes and bumps in them.
//! - [`Arena`] bumps itself, over chunks of a [`ChunkProvider`]: for Rust's own caches, programs and scratch.

mod bump;
mod manager;
mod provider;
mod scopes;

pub use bump::{Bump, Growth, MAX_ALIGN, Mark, Retain};
pub use manager::{
    Clock, Drained, Grant, MAX_CHUNK_BYTES, MAX_CLASS_BYTES, MIN_CHUNK_BYTES, Manager, ManagerError,
    NO_OWNER, Options, OwnerStats, Request, Stats, process_stats,
};
pub use provider::{AllocError, CHUNK_ALIGN, ChunkProvider, SystemChunks};
pub use scopes::{Arena, Ended, ScopeId};
