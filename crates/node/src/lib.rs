//! The Node-API binding: thin classes and raw callbacks over `primarena-core`, one file each.
//!
//! - [`raw`]: functions from plain callbacks (the hot path), with arguments read and unwinding caught.
//! - [`buffer`]: the only file that turns what JavaScript hands over into slices.
//! - [`error`]: carries failures across, with their stable codes.
//! - [`env`]: per-thread registries of what JavaScript refers to by number.
//! - [`manager`], [`lease`]: chunks, leases, owners and budgets.
//! - [`program`]: compiled JSON programs and what runs them.
//! - [`record_pool`]: the layout of record pools and the bulk calls over their slabs.
#![allow(missing_docs)] // Nothing here is public in Rust; the docs of the surface are in `src/`.
#![cfg_attr(test, allow(dead_code))] // Under test nothing is exported, so nothing is used from here on.

mod buffer;
mod document;
mod env;
mod error;
mod lease;
mod manager;
mod pages;
mod program;
mod raw;
mod record_pool;
mod template;

use napi::bindgen_prelude::{JsValue, Object};
use napi_derive::napi;

/// The raw functions, as one object: `src/native.ts` types and destructures it once.
#[napi(catch_unwind, ts_return_type = "object")]
pub fn raw_functions(env: &napi::Env) -> napi::Result<Object<'_>> {
    let object = Object::new(env)?;
    let exports = raw::Exports::new(env.raw(), object.raw());
    // One `register` call for each file with raw functions.
    lease::register(&exports)?;
    program::register(&exports)?;
    record_pool::register(&exports)?;
    document::register(&exports)?;
    template::register(&exports)?;
    Ok(object)
}
