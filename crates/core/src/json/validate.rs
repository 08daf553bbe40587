//! Is it JSON? The fast answer, and on a "no" the slow one that says where.

use super::dispatch::{Task, dispatch};
use super::fault::{JsonError, Limits};
use super::grammar::Engine;
use super::scalar::validate_scalar;
use super::scan::Scanner;
use super::simd::Level;
use super::white::skip_white;

/// Accepts exactly the documents that RFC 8259 allows, in UTF-8 and within `limits`: those that
/// `JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(input))` takes.
///
/// Escapes of lone surrogates and numbers beyond the range of `f64` are accepted, as there; a byte order
/// mark and anything but white space behind the value are not. Neither stack nor, up to 63 levels, heap
/// memory is used for depth.
///
/// # Errors
/// `JsonSyntax` for the first fault; `JsonLimit` if the document is deeper or longer than `limits` allow.
pub fn validate(input: &[u8], limits: &Limits) -> Result<(), JsonError> {
    validate_at(Level::best(), input, limits)
}

/// [`validate`] by the instruction set named: for tests and measurements. A level this machine lacks is
/// replaced by the scalar one.
///
/// # Errors
/// As [`validate`].
pub fn validate_at(level: Level, input: &[u8], limits: &Limits) -> Result<(), JsonError> {
    limits.check_len(input.len())?;
    if starts_container(input) {
        let max_depth = limits.max_depth.unwrap_or(u32::MAX);
        if dispatch(level, Validate { input, max_depth }) == Some(true) {
            return Ok(());
        }
    }
    explain(level, input, limits)
}

/// The fast paths know roots that are objects or arrays; other documents are one token.
#[inline]
pub(crate) fn starts_container(input: &[u8]) -> bool {
    matches!(input.get(skip_white(input, 0)), Some(b'{' | b'['))
}

/// The scalar path, for documents that a fast path has refused or does not know.
#[cold]
#[inline(never)]
fn explain(level: Level, input: &[u8], limits: &Limits) -> Result<(), JsonError> {
    let result = validate_scalar(input, limits);
    debug_assert!(
        result.is_err() || level == Level::Scalar || !level.is_available() || !starts_container(input),
        "{level:?} refuses what is JSON"
    );
    result
}

struct Validate<'a> {
    input: &'a [u8],
    max_depth: u32,
}

impl Task for Validate<'_> {
    type Output = bool;

    #[inline(always)]
    unsafe fn run<E: Engine>(self) -> bool {
        let mut scanner = Scanner::<E>::new(self.input, self.max_depth);
        while scanner.goes_on() {
            // SAFETY: the caller's promise; it goes on.
            unsafe { scanner.step() };
        }
        scanner.finish()
    }
}
