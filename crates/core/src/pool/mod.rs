//! Fixed-layout records in slabs of memory that JavaScript owns.
//!
//! A slab is one block of bytes: a header, the slot words (generations, free stack), then one column for
//! each field. Records never move, and a slot keeps its number for as long as its slab lives:
//! `slot = slab number * capacity + index`. JavaScript acquires and releases single slots by editing the
//! slot words itself; the bulk calls here edit the same words, so both sides must keep to the rules in
//! [`slab`]. Nothing here trusts a word that it reads: JavaScript can write anything into its own memory,
//! and the worst that it may get is an error or a wrong answer.
//!
//! - [`schema`]: names and kinds of the fields; [`layout`]: where the columns lie.
//! - [`slab`]: one slab and its slot words; [`slabs`]: all slabs of a pool, slot numbers, bulk acquire and release.
//! - [`key`], [`sort`], [`top_k`], [`aggregate`], [`filter`]: kernels that read columns.
//! - [`write`], [`read`]: records to and from JSON bytes; [`text`]: numbers and strings as JSON text.
//! - [`pace`]: how long a piece of work may run before it must let others have the thread.
//!
//! Columns and not rows: `docs/decisions.md` has the figures (kernels 3 to 30 times faster, single records the same).

pub mod aggregate;
pub mod error;
pub mod filter;
pub mod key;
pub mod layout;
pub mod pace;
pub mod read;
pub mod schema;
pub mod slab;
pub mod slabs;
pub mod sort;
pub mod text;
pub mod top_k;
mod value;
pub mod write;

pub use error::PoolError;
pub use layout::Layout;
pub use pace::Pace;
pub use schema::{Field, Kind, Number, Schema};
pub use slab::Slab;
pub use slabs::Slabs;
