//! The Node-API binding: thin classes and raw callbacks over `primarena-core`, one file each.
//!
//! `raw` makes functions from plain callbacks (the hot path), `buffer` alone turns what JavaScript
//! hands over into slices, `error` carries failures across.
#![allow(missing_docs)]
