//! The stable codes that every failure carries across the border.

/// A stable error code. The string form (`ERR_…`) is what users match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A limit of the owner, or of one above it, does not allow the bytes.
    BudgetExceeded,
    /// A handle of something that was closed, reset or recycled since.
    StaleHandle,
    /// The allocator underneath has no more memory.
    OutOfMemory,
    /// The document is not JSON.
    JsonSyntax,
    /// The path is not one that is understood.
    JsonPath,
    /// The value at a path is not of the type asked for.
    JsonType,
    /// A required value is missing.
    JsonMissing,
    /// A limit on depth, record size or output size was met.
    JsonLimit,
    /// A template or a value given to it is wrong.
    Template,
    /// A pool holds as many records as it may.
    PoolExhausted,
    /// A record was released before.
    DoubleRelease,
    /// A record belongs to another pool.
    ForeignObject,
    /// A value does not fit its field.
    RecordValue,
    /// A fault of primarena itself.
    Internal,
    /// The arguments do not fit; a fault of the caller.
    InvalidArgument,
}

impl Code {
    /// The stable name that crosses to JavaScript.
    pub const fn as_str(self) -> &'static str {
        match self {
            Code::BudgetExceeded => "ERR_BUDGET_EXCEEDED",
            Code::StaleHandle => "ERR_STALE_HANDLE",
            Code::OutOfMemory => "ERR_OUT_OF_MEMORY",
            Code::JsonSyntax => "ERR_JSON_SYNTAX",
            Code::JsonPath => "ERR_JSON_PATH",
            Code::JsonType => "ERR_JSON_TYPE",
            Code::JsonMissing => "ERR_JSON_MISSING",
            Code::JsonLimit => "ERR_JSON_LIMIT",
            Code::Template => "ERR_TEMPLATE",
            Code::PoolExhausted => "ERR_POOL_EXHAUSTED",
            Code::DoubleRelease => "ERR_DOUBLE_RELEASE",
            Code::ForeignObject => "ERR_FOREIGN_OBJECT",
            Code::RecordValue => "ERR_RECORD_VALUE",
            Code::Internal => "ERR_INTERNAL",
            Code::InvalidArgument => "ERR_INVALID_ARGUMENT",
        }
    }
}
