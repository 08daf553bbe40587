//! JSON over bytes: validation, extraction and splicing in one pass.
//!
//! - [`validate`]: is it JSON, and if not, where and why; [`validate_scalar`] is its plain oracle.
//! - [`path`]: the paths that are understood; [`trie`]: many of them compiled together.
//! - [`captures`]: what an extraction found.
//! - [`reference`](mod@reference): the extractor that is plain to read; it serves every trie.
//! - [`Extractor`]: the extractor that is fast, in the same pass that validates.
//! - [`skip`]: where a string or a value ends, in documents that are trusted.
//! - [`text`]: strings with their escapes resolved.
//! - [`fields`], [`transform`], [`columns`]: the programs; [`program`] is what they share.
//! - `rows`: one row after the other, for columns and for records; `row` predicts what the next one is like.
//! - [`document`]: the index of one container, for documents that are read lazily.
//! - [`value`]: captured values decoded, by [`number`], [`time`], [`text`] and [`pack`]; [`sink`]: output.

mod block;
pub mod captures;
pub mod columns;
mod decimal;
mod dispatch;
pub mod document;
mod extract;
mod fault;
pub mod fields;
mod found;
mod grammar;
mod nest;
pub mod number;
pub mod pack;
pub mod path;
pub mod program;
pub mod reference;
mod row;
pub(crate) mod rows;
mod scalar;
mod scan;
mod simd;
pub mod sink;
pub mod skip;
pub mod text;
pub mod time;
pub mod transform;
pub mod trie;
mod validate;
pub mod value;
mod walker;
mod wanted;
mod white;

pub use extract::{Extractor, Mode};
pub use fault::{Expected, JsonError, Limits};
pub use scalar::validate_scalar;
pub use simd::Level;
pub use validate::{validate, validate_at};
pub use walker::Scratch;
