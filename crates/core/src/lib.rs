//! The memory logic of primarena, without Node in it.
//!
//! - [`arena`]: chunked bump arenas over a chunk provider, and the manager that leases chunks.
//! - [`budget`]: the process-wide tree of reservations and limits.
//! - [`digits`]: numbers as text, with the digits of JavaScript.
//! - [`json`]: validation, extraction and splicing over JSON bytes in one pass.
//! - [`pool`]: fixed-layout records in slabs, their slot words and bulk kernels.
//! - [`template`]: JSON templates, their cache and their rendering.
//! - [`layout`]: the one table of what Rust writes and JavaScript reads.
#![deny(missing_docs)]

pub mod arena;
pub mod budget;
pub mod digits;
pub mod error;
pub mod json;
pub mod layout;
pub mod pool;
pub mod template;
