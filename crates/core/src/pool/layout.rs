//! Where everything lies in a slab: the one calculation that both sides use.
//!
//! ```text
//! header (64 bytes) | generations: u32 × capacity | free stack: u32 × capacity | column | column | …
//! ```
//!
//! Every part starts on 64 bytes. All slabs of a pool have the same capacity, a power of two, so that the
//! place of a field is a constant plus the index: JavaScript's generated accessors have it as a literal.

use super::PoolError;
use super::schema::{Kind, MAX_RECORD_BYTES, Number, Schema};

/// Bytes of the slab header.
pub const HEADER_BYTES: usize = 64;
/// Columns start on this, so that 64-byte vectors are aligned when the slab is.
pub const COLUMN_ALIGN: usize = 64;
/// Slot words per record: generation and free-stack entry, 4 bytes each.
pub const SLOT_BYTES: usize = 8;
/// Slabs aim at this size: large enough that a million small records are ~130 buffers, small enough that
/// a pool of a few records does not weigh on its owner's budget.
pub const TARGET_SLAB_BYTES: usize = 256 * 1024;
/// The most records of one slab.
pub const MAX_CAPACITY: u32 = 1 << 16;
/// The fewest records of a slab, unless the pool may only hold fewer.
pub const MIN_CAPACITY: u32 = 16;

/// Where one field's column lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// What the field holds.
    pub kind: Kind,
    /// Offset of the values in the slab.
    pub offset: usize,
    /// Bytes from one record's value to the next.
    pub stride: usize,
    /// Offset of the length words in the slab (strings and bytes only).
    pub lengths: usize,
    /// Width of a length word: 0, 1, 2 or 4.
    pub length_bytes: usize,
}

/// The layout of the slabs of one pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    schema: Schema,
    columns: Box<[Column]>,
    capacity: u32,
    slab_bytes: usize,
    align: usize,
}

impl Layout {
    /// Lays the schema out. `capacity` is the number of records of a slab, rounded up to a power of two;
    /// without one it is chosen so that a slab takes about [`TARGET_SLAB_BYTES`], and no more records than
    /// `max_records`.
    pub fn new(schema: Schema, capacity: Option<u32>, max_records: Option<u32>) -> Result<Self, PoolError> {
        let record_bytes: usize = SLOT_BYTES
            + schema
                .fields()
                .iter()
                .map(|field| field.kind.stride() + field.kind.length_bytes())
                .sum::<usize>();
        debug_assert!(record_bytes <= MAX_RECORD_BYTES + SLOT_BYTES);
        let capacity = match capacity {
            Some(0) => return Err(PoolError::Argument("expected slabs of at least 1 record, got 0".into())),
            Some(capacity) if capacity > MAX_CAPACITY => {
                return Err(PoolError::Argument(format!(
                    "expected slabs of at most {MAX_CAPACITY} records, got {capacity}"
                )));
            }
            Some(capacity) => capacity.next_power_of_two(),
            None => {
                let fitting = (TARGET_SLAB_BYTES / record_bytes).max(1) as u32;
                // The power of two at or below what fits.
                let power = 1 << (31 - fitting.leading_zeros());
                power.clamp(MIN_CAPACITY, MAX_CAPACITY)
            }
        };
        let capacity = match max_records {
            Some(max) if max < capacity => max.max(1).next_power_of_two(),
            _ => capacity,
        };

        let records = capacity as usize;
        let mut end = HEADER_BYTES;
        let mut place = |bytes: usize| {
            let start = end.next_multiple_of(COLUMN_ALIGN);
            end = start + bytes;
            start
        };
        place(4 * records);
        place(4 * records);
        let mut align = 8;
        let columns = schema
            .fields()
            .iter()
            .map(|field| {
                let kind = field.kind;
                if let Kind::Vector { align: vector, .. } = kind {
                    align = align.max(vector as usize);
                }
                let (stride, length_bytes) = (kind.stride(), kind.length_bytes());
                let offset = place(stride * records);
                let lengths = if length_bytes == 0 { 0 } else { place(length_bytes * records) };
                Column { kind, offset, stride, lengths, length_bytes }
            })
            .collect();
        let slab_bytes = end.next_multiple_of(COLUMN_ALIGN);
        if slab_bytes >= 1 << 31 {
            return Err(PoolError::Argument(format!(
                "expected slabs below 2 GiB, got {slab_bytes} bytes: {capacity} records of {record_bytes} bytes"
            )));
        }
        Ok(Layout { schema, columns, capacity, slab_bytes, align })
    }

    /// The fields.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// One column a field, in the same order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of the field at `field`.
    pub fn column(&self, field: usize) -> Result<&Column, PoolError> {
        self.columns.get(field).ok_or_else(|| {
            PoolError::Argument(format!("expected a field below {}, got {field}", self.columns.len()))
        })
    }

    /// Records of one slab, a power of two.
    pub const fn capacity(&self) -> u32 {
        self.capacity
    }

    /// `log2(capacity)`: `slot >> shift` is the slab, `slot & (capacity - 1)` the index in it.
    pub const fn shift(&self) -> u32 {
        self.capacity.trailing_zeros()
    }

    /// Bytes of one slab.
    pub const fn slab_bytes(&self) -> usize {
        self.slab_bytes
    }

    /// What the address of a slab must be a multiple of for its vectors to be aligned: 8, 16, 32 or 64.
    pub const fn align(&self) -> usize {
        self.align
    }

    /// Offset of the generations.
    pub const fn generations(&self) -> usize {
        HEADER_BYTES
    }

    /// Offset of the free stack.
    pub const fn free_stack(&self) -> usize {
        (HEADER_BYTES + 4 * self.capacity as usize).next_multiple_of(COLUMN_ALIGN)
    }
}

/// The element type of a field that has one number a record, or of a vector.
pub const fn number_of(kind: Kind) -> Option<Number> {
    match kind {
        Kind::Number(number) | Kind::Vector { element: number, .. } => Some(number),
        Kind::Boolean => Some(Number::U8),
        Kind::Timestamp => Some(Number::F64),
        Kind::String { .. } | Kind::Bytes { .. } => None,
    }
}
