//! The fields of a record: their names, kinds and limits.

use super::PoolError;

/// The most fields of one schema.
pub const MAX_FIELDS: usize = 256;
/// The longest name of a field, in bytes.
pub const MAX_NAME_BYTES: usize = 256;
/// The most bytes that one record may take, so that a slab of the fewest records stays below 2 GiB.
pub const MAX_RECORD_BYTES: usize = 1 << 26;

/// A fixed-width number as it lies in memory (little-endian).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Number {
    /// 8 bits, unsigned.
    U8,
    /// 16 bits, unsigned.
    U16,
    /// 32 bits, unsigned.
    U32,
    /// 64 bits, unsigned; a BigInt in JavaScript.
    U64,
    /// 8 bits, signed.
    I8,
    /// 16 bits, signed.
    I16,
    /// 32 bits, signed.
    I32,
    /// 64 bits, signed; a BigInt in JavaScript.
    I64,
    /// 32 bits, floating.
    F32,
    /// 64 bits, floating.
    F64,
}

impl Number {
    /// Width in bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Number::U8 | Number::I8 => 1,
            Number::U16 | Number::I16 => 2,
            Number::U32 | Number::I32 | Number::F32 => 4,
            Number::U64 | Number::I64 | Number::F64 => 8,
        }
    }
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One number.
    Number(Number),
    /// One byte, 0 or 1.
    Boolean,
    /// Milliseconds since 1970, an integer kept as f64 (so is `Date`).
    Timestamp,
    /// UTF-8 text of up to `max` bytes, inline, with its length.
    String {
        /// The most bytes.
        max: u32,
    },
    /// Up to `max` bytes, inline, with their length.
    Bytes {
        /// The most bytes.
        max: u32,
    },
    /// A fixed number of numbers.
    Vector {
        /// What each element is.
        element: Number,
        /// How many there are.
        length: u32,
        /// Alignment of each record's vector: a power of two from the element's width to 64.
        align: u32,
    },
}

impl Kind {
    /// Bytes from one record's value to the next in the column, without the length word.
    pub const fn stride(self) -> usize {
        match self {
            Kind::Number(number) => number.bytes(),
            Kind::Boolean => 1,
            Kind::Timestamp => 8,
            Kind::String { max } | Kind::Bytes { max } => max as usize,
            Kind::Vector { element, length, align } => {
                (element.bytes() * length as usize).next_multiple_of(align as usize)
            }
        }
    }

    /// Width of the length word in bytes; 0 where there is none.
    pub const fn length_bytes(self) -> usize {
        match self {
            Kind::String { max } | Kind::Bytes { max } => match max {
                0..=0xff => 1,
                0x100..=0xffff => 2,
                _ => 4,
            },
            _ => 0,
        }
    }
}

/// One field of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name, as in JavaScript and JSON.
    pub name: Box<str>,
    /// What it holds.
    pub kind: Kind,
}

/// The checked fields of a record, in the order in which they were declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    fields: Box<[Field]>,
}

impl Schema {
    /// Checks the fields: at least one, each name once, each length within limits.
    pub fn new(fields: Vec<Field>) -> Result<Self, PoolError> {
        let wrong = |message: String| Err(PoolError::Argument(message));
        if fields.is_empty() || fields.len() > MAX_FIELDS {
            return wrong(format!("expected 1 to {MAX_FIELDS} fields, got {}", fields.len()));
        }
        let mut seen = rustc_hash::FxHashSet::default();
        let mut record_bytes = 0;
        for Field { name, kind } in &fields {
            if name.is_empty() || name.len() > MAX_NAME_BYTES {
                return wrong(format!(
                    "expected field names of 1 to {MAX_NAME_BYTES} bytes, got one of {} bytes",
                    name.len()
                ));
            }
            if !seen.insert(name) {
                return wrong(format!("field \"{name}\" appears twice"));
            }
            match *kind {
                Kind::String { max: 0 } | Kind::Bytes { max: 0 } | Kind::Vector { length: 0, .. } => {
                    return wrong(format!("field \"{name}\": expected a length of at least 1, got 0"));
                }
                Kind::Vector { element, align, .. }
                    if !align.is_power_of_two() || align > 64 || (align as usize) < element.bytes() =>
                {
                    return wrong(format!(
                        "field \"{name}\": expected an alignment that is a power of two from {} to 64, got {align}",
                        element.bytes()
                    ));
                }
                _ => {}
            }
            record_bytes += kind.stride() + kind.length_bytes();
            if record_bytes > MAX_RECORD_BYTES {
                return wrong(format!(
                    "expected records of at most {MAX_RECORD_BYTES} bytes; \"{name}\" goes beyond"
                ));
            }
        }
        Ok(Schema { fields: fields.into() })
    }

    /// The fields, in order of declaration.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The index of the field called `name`.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| &*field.name == name)
    }
}
