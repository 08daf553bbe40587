//! What the fuzz targets do, so that `replay` can do it too, without libFuzzer.
//!
//! The input of every target but `template` is a document; behind its first NUL byte, which no JSON has,
//! follows what the rest of the case is made of (see [`split`]). So one set of seeds, plain JSON files,
//! serves them all.

pub mod columns;
pub mod document;
pub mod extract;
pub mod fields;
pub mod naive;
pub mod program;
pub mod record_json;
pub mod template;
pub mod transform;
pub mod validate;

/// A target: its name, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 8] = [
    ("validate", validate::run),
    ("extract", extract::run),
    ("transform", transform::run),
    ("template", template::run),
    ("record_json", record_json::run),
    ("document", document::run),
    ("columns", columns::run),
    ("fields", fields::run),
];

/// The document, and the bytes that the rest of the case is made of: what follows the first NUL, or the
/// document itself when there is none.
pub fn split(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|&byte| byte == 0) {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, data),
    }
}
