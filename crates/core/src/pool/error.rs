//! What can go wrong with records.

use crate::error::Code;

/// A failure of a pool operation; [`PoolError::code`] is stable.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PoolError {
    /// The schema or an argument cannot be used.
    #[error("{0}")]
    Argument(String),
    /// Slab memory does not hold what the rules of the slot words promise.
    #[error("the memory of slab {slab} is damaged: {what}")]
    Damaged {
        /// Number of the slab.
        slab: usize,
        /// Which rule is broken.
        what: &'static str,
    },
    /// A slot that holds no record.
    #[error("slot {slot} holds no record: it was released, or never acquired")]
    Stale {
        /// Number of the slot.
        slot: u32,
    },
    /// The same slot twice in one bulk release.
    #[error("slot {slot} appears twice among the slots to release")]
    Twice {
        /// Number of the slot.
        slot: u32,
    },
    /// A JSON document that is malformed, or does not fit the schema.
    #[error("{message}")]
    Json {
        /// Which of the JSON codes it is.
        code: Code,
        /// What was expected and what came.
        message: String,
        /// Byte offset in the document.
        offset: Option<usize>,
        /// The path to the rows, with the row and the field.
        path: Option<String>,
    },
}

impl PoolError {
    /// The stable code of this failure.
    pub const fn code(&self) -> Code {
        match self {
            PoolError::Argument(_) | PoolError::Damaged { .. } => Code::InvalidArgument,
            PoolError::Stale { .. } => Code::StaleHandle,
            PoolError::Twice { .. } => Code::DoubleRelease,
            PoolError::Json { code, .. } => *code,
        }
    }
}
