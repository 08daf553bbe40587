//! JSON over bytes: validation, extraction and splicing in one pass.
//!
//! - [`path`]: the paths that are understood; [`trie`]: many of them compiled together.
//! - [`captures`]: what an extraction found.
//! - [`reference`](mod@reference): the extractor that is plain to read; it serves every trie.
//! - [`text`]: strings with their escapes resolved.

pub mod captures;
pub mod path;
pub mod reference;
pub mod text;
pub mod trie;
