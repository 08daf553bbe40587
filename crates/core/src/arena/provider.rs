//! Where a bump arena's chunks come from.

use std::alloc::{self, Layout};
use std::ptr::NonNull;
use std::sync::Arc;

use thiserror::Error;

use crate::budget::Node;
use crate::error::Code;

/// Chunks start at a multiple of it, as `malloc`'s do.
pub const CHUNK_ALIGN: usize = 16;

/// Why there is no memory for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AllocError {
    /// The arena's own limit.
    #[error("the arena's limit does not allow it")]
    Limit,
    /// The budget that the arena is charged to; its node tells the figures.
    #[error("the budget does not allow it")]
    Budget,
    /// The system has no more.
    #[error("out of memory")]
    OutOfMemory,
    /// More than an object can have, or an alignment above 4,096.
    #[error("expected at most isize::MAX bytes aligned to at most 4,096")]
    TooLarge,
}

impl AllocError {
    /// The stable code.
    pub fn code(self) -> Code {
        match self {
            AllocError::Limit | AllocError::Budget => Code::BudgetExceeded,
            AllocError::OutOfMemory => Code::OutOfMemory,
            AllocError::TooLarge => Code::InvalidArgument,
        }
    }
}

/// A source of chunks.
///
/// # Safety
/// `acquire` gives memory that nobody else uses, of at least `bytes` bytes, aligned to [`CHUNK_ALIGN`], readable and
/// writable until it is given to `release`.
pub unsafe trait ChunkProvider {
    /// A new chunk. `bytes` is not 0.
    ///
    /// # Errors
    /// When there is none.
    fn acquire(&self, bytes: usize) -> Result<NonNull<u8>, AllocError>;

    /// Takes a chunk back.
    ///
    /// # Safety
    /// `chunk` came from `acquire` of the same provider with the same `bytes`, and nobody uses it any more.
    unsafe fn release(&self, chunk: NonNull<u8>, bytes: usize);
}

/// The system's memory, charged to a budget if there is one.
#[derive(Clone, Debug, Default)]
pub struct SystemChunks {
    budget: Option<Arc<Node>>,
}

impl SystemChunks {
    /// Chunks that are reserved at `budget` for as long as they live.
    pub fn charged_to(budget: Arc<Node>) -> SystemChunks {
        SystemChunks { budget: Some(budget) }
    }

    fn layout(bytes: usize) -> Result<Layout, AllocError> {
        Layout::from_size_align(bytes, CHUNK_ALIGN).map_err(|_| AllocError::TooLarge)
    }
}

// SAFETY: the global allocator keeps the promises of the trait; a request for 0 bytes is refused before it is asked.
unsafe impl ChunkProvider for SystemChunks {
    fn acquire(&self, bytes: usize) -> Result<NonNull<u8>, AllocError> {
        let layout = Self::layout(bytes)?;
        if bytes == 0 {
            return Err(AllocError::TooLarge);
        }
        if let Some(budget) = &self.budget {
            budget.reserve(bytes as u64).map_err(|_| AllocError::Budget)?;
        }
        // SAFETY: the layout's size is not 0 (checked above).
        let chunk = NonNull::new(unsafe { alloc::alloc(layout) });
        if chunk.is_none()
            && let Some(budget) = &self.budget
        {
            budget.release(bytes as u64);
        }
        chunk.ok_or(AllocError::OutOfMemory)
    }

    unsafe fn release(&self, chunk: NonNull<u8>, bytes: usize) {
        let Ok(layout) = Self::layout(bytes) else { return };
        // SAFETY: the caller promises that `acquire` made it with this size, so with this layout.
        unsafe { alloc::dealloc(chunk.as_ptr(), layout) };
        if let Some(budget) = &self.budget {
            budget.release(bytes as u64);
        }
    }
}
