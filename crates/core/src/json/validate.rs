//! Is it JSON? The fast answer, and on a "no" the slow one that says where.

use super::block::Block;
use super::fault::{JsonError, Limits};
use super::grammar::Engine;
use super::scalar::validate_scalar;
use super::scan::Scanner;
use super::simd::{Level, swar::Swar};
#[cfg(target_arch = "x86_64")]
use super::simd::{avx2::Avx2, avx512::Avx512, sse42::Sse42};

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
    if starts_container(input) && is_json(level, input, limits.max_depth.unwrap_or(u32::MAX)) {
        return Ok(());
    }
    explain(level, input, limits)
}

/// The fast paths know roots that are objects or arrays; other documents are one token.
#[inline]
pub(crate) fn starts_container(input: &[u8]) -> bool {
    let first = input.iter().find(|b| !matches!(b, b' ' | b'\t' | b'\n' | b'\r'));
    matches!(first, Some(b'{' | b'['))
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

fn is_json(level: Level, input: &[u8], max_depth: u32) -> bool {
    if level != Level::best() && !level.is_available() {
        return false;
    }
    match level {
        Level::Scalar => false,
        // SAFETY: needs nothing of the machine.
        Level::Swar => unsafe { run::<Block<Swar>>(input, max_depth) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level has been found available.
        Level::Sse42 => unsafe { run_sse42(input, max_depth) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::Avx2 => unsafe { run_avx2(input, max_depth) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::Avx512 => unsafe { run_avx512(input, max_depth) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        Level::Neon => unsafe { run_neon(input, max_depth) },
        #[allow(unreachable_patterns)]
        _ => false,
    }
}

/// # Safety
/// The machine has the instruction set of `E`.
#[inline(always)]
unsafe fn run<E: Engine>(input: &[u8], max_depth: u32) -> bool {
    let mut scanner = Scanner::<E>::new(input, max_depth);
    while scanner.goes_on() {
        // SAFETY: the caller's promise; it goes on.
        unsafe { scanner.step() };
    }
    scanner.finish()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2,ssse3,pclmulqdq,popcnt")]
fn run_sse42(input: &[u8], max_depth: u32) -> bool {
    // SAFETY: the features are those of the engine.
    unsafe { run::<Block<Sse42>>(input, max_depth) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,pclmulqdq,popcnt,bmi1,bmi2,lzcnt")]
fn run_avx2(input: &[u8], max_depth: u32) -> bool {
    // SAFETY: the features are those of the engine.
    unsafe { run::<Block<Avx2>>(input, max_depth) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,gfni,vpclmulqdq,pclmulqdq,popcnt,bmi1,bmi2,lzcnt"
)]
fn run_avx512(input: &[u8], max_depth: u32) -> bool {
    // SAFETY: the features are those of the engine.
    unsafe { run::<Avx512>(input, max_depth) }
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon,aes")]
fn run_neon(input: &[u8], max_depth: u32) -> bool {
    // SAFETY: the features are those of the engine.
    unsafe { run::<Block<super::simd::neon::Neon>>(input, max_depth) }
}
