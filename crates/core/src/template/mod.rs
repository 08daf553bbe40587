//! JSON templates: constant bytes with holes, rendered from flat arguments.
//!
//! JavaScript compiles a template into a short program ([`Program`]) once. To render it natively, it hands
//! over all strings of the values joined in one string, and everything else (lengths, numbers, flags, row
//! counts) as `f64`s in the order of the program: native code never reads a property of a JavaScript object,
//! which costs more than it saves.
//!
//! - [`program`]: the program and its encoding.
//! - [`render`](mod@render): running it into a window of bytes.
//! - [`escape`]: UTF-16 to JSON string bytes, exactly as `JSON.stringify` writes them.
//! - [`number`]: numbers and timestamps with JavaScript's digits.
//! - [`cache`]: templates by name, bounded in count and bytes.

pub mod cache;
pub mod escape;
pub mod program;
pub mod render;
pub mod time;

pub use cache::{CacheLimits, CacheStats, TemplateCache};
pub use program::{Program, ProgramError};
pub use render::{RenderError, Values, render, render_growing};
