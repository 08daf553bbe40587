//! Runs a task by the instruction set that is asked for.

use super::block::Block;
use super::grammar::Engine;
#[cfg(target_arch = "aarch64")]
use super::simd::neon::Neon;
use super::simd::{Level, swar::Swar};
#[cfg(target_arch = "x86_64")]
use super::simd::{avx2::Avx2, avx512::Avx512, sse42::Sse42};

/// What is compiled once for each instruction set.
pub(crate) trait Task {
    type Output;
    /// To be `#[inline(always)]`: it becomes part of a function that has the features.
    ///
    /// # Safety
    /// The machine has the instruction set of `E`.
    unsafe fn run<E: Engine>(self) -> Self::Output;
}

/// Runs the task, unless the level is the scalar one or this machine lacks it.
#[inline]
pub(crate) fn dispatch<T: Task>(level: Level, task: T) -> Option<T::Output> {
    if !level.is_usable() {
        return None;
    }
    match level {
        // SAFETY: needs nothing of the machine.
        Level::Swar => Some(unsafe { task.run::<Block<Swar>>() }),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level has been found available.
        Level::Sse42 => Some(unsafe { sse42(task) }),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::Avx2 => Some(unsafe { avx2(task) }),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::Avx512 => Some(unsafe { avx512(task) }),
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        Level::Neon => Some(unsafe { neon(task) }),
        #[allow(unreachable_patterns)]
        _ => None,
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2,ssse3,pclmulqdq,popcnt")]
fn sse42<T: Task>(task: T) -> T::Output {
    // SAFETY: the features are those of the engine.
    unsafe { task.run::<Block<Sse42>>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,pclmulqdq,popcnt,bmi1,bmi2,lzcnt")]
fn avx2<T: Task>(task: T) -> T::Output {
    // SAFETY: the features are those of the engine.
    unsafe { task.run::<Block<Avx2>>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,gfni,vpclmulqdq,pclmulqdq,popcnt,bmi1,bmi2,lzcnt"
)]
fn avx512<T: Task>(task: T) -> T::Output {
    // SAFETY: the features are those of the engine.
    unsafe { task.run::<Avx512>() }
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon,aes")]
fn neon<T: Task>(task: T) -> T::Output {
    // SAFETY: the features are those of the engine.
    unsafe { task.run::<Block<Neon>>() }
}
