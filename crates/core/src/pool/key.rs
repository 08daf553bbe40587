//! Values of a column as numbers, and as order-preserving `u64` keys.
//!
//! The order is that of `TypedArray.prototype.sort`: numbers ascending, −0 before +0, NaN last. Text and
//! bytes are ordered by their bytes (for UTF-8 that is by code point); their key is the first eight.

use super::schema::{Kind, Number};

/// The key of NaN: after every number, also in descending order.
pub const NAN_KEY: u64 = u64::MAX;

/// A number type of a column.
pub trait Scalar: Copy + PartialOrd {
    /// Its bytes in memory.
    type Bytes: Copy;
    /// The values of a column, as their bytes; what is left over at the end is not looked at.
    fn split(bytes: &[u8]) -> &[Self::Bytes];
    /// The bytes of one value.
    fn store(self) -> Self::Bytes;
    /// The value of these bytes.
    fn load(bytes: Self::Bytes) -> Self;
    /// The order-preserving key.
    fn key(self) -> u64;
    /// As JavaScript's number type has it (64-bit integers lose their low bits).
    fn to_f64(self) -> f64;
}

macro_rules! integers {
    ($($type:ty, $bytes:literal, $offset:expr;)*) => {
        $(impl Scalar for $type {
            type Bytes = [u8; $bytes];
            #[inline]
            fn split(bytes: &[u8]) -> &[[u8; $bytes]] {
                bytes.as_chunks().0
            }
            #[inline]
            fn store(self) -> [u8; $bytes] {
                self.to_le_bytes()
            }
            #[inline]
            fn load(bytes: [u8; $bytes]) -> Self {
                <$type>::from_le_bytes(bytes)
            }
            #[inline]
            fn key(self) -> u64 {
                // Signed types are moved up so that their smallest value is 0 in two's complement of 64 bits.
                (self as i64 as u64).wrapping_add($offset)
            }
            #[inline]
            fn to_f64(self) -> f64 {
                self as f64
            }
        })*
    };
}

integers! {
    u8, 1, 0;
    u16, 2, 0;
    u32, 4, 0;
    u64, 8, 0;
    i8, 1, 1 << 63;
    i16, 2, 1 << 63;
    i32, 4, 1 << 63;
    i64, 8, 1 << 63;
}

impl Scalar for f64 {
    type Bytes = [u8; 8];
    #[inline]
    fn split(bytes: &[u8]) -> &[[u8; 8]] {
        bytes.as_chunks().0
    }
    #[inline]
    fn store(self) -> [u8; 8] {
        self.to_le_bytes()
    }
    #[inline]
    fn load(bytes: [u8; 8]) -> Self {
        f64::from_le_bytes(bytes)
    }
    #[inline]
    fn key(self) -> u64 {
        if self.is_nan() {
            return NAN_KEY;
        }
        let bits = self.to_bits();
        bits ^ ((bits as i64 >> 63) as u64 | 1 << 63)
    }
    #[inline]
    fn to_f64(self) -> f64 {
        self
    }
}

impl Scalar for f32 {
    type Bytes = [u8; 4];
    #[inline]
    fn split(bytes: &[u8]) -> &[[u8; 4]] {
        bytes.as_chunks().0
    }
    #[inline]
    fn store(self) -> [u8; 4] {
        self.to_le_bytes()
    }
    #[inline]
    fn load(bytes: [u8; 4]) -> Self {
        f32::from_le_bytes(bytes)
    }
    #[inline]
    fn key(self) -> u64 {
        f64::from(self).key()
    }
    #[inline]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

/// The key of text or bytes: the first eight, missing ones as 0. Equal keys need a look at the rest.
#[inline]
pub fn prefix_key(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    let used = bytes.len().min(8);
    word[..used].copy_from_slice(&bytes[..used]);
    u64::from_be_bytes(word)
}

/// Turns an ascending key into one for descending order; NaN stays last.
#[inline]
pub fn descend(key: u64) -> u64 {
    if key == NAN_KEY { key } else { !key }
}

/// The number type of a field that has one value to order by; `None` for text, bytes and vectors.
pub const fn scalar_of(kind: Kind) -> Option<Number> {
    match kind {
        Kind::Number(number) => Some(number),
        Kind::Boolean => Some(Number::U8),
        Kind::Timestamp => Some(Number::F64),
        Kind::String { .. } | Kind::Bytes { .. } | Kind::Vector { .. } => None,
    }
}

/// Runs `$body` with `$type` standing for the Rust type of `$number`.
macro_rules! with_number {
    ($number:expr, $type:ident => $body:expr) => {
        match $number {
            $crate::pool::schema::Number::U8 => {
                type $type = u8;
                $body
            }
            $crate::pool::schema::Number::U16 => {
                type $type = u16;
                $body
            }
            $crate::pool::schema::Number::U32 => {
                type $type = u32;
                $body
            }
            $crate::pool::schema::Number::U64 => {
                type $type = u64;
                $body
            }
            $crate::pool::schema::Number::I8 => {
                type $type = i8;
                $body
            }
            $crate::pool::schema::Number::I16 => {
                type $type = i16;
                $body
            }
            $crate::pool::schema::Number::I32 => {
                type $type = i32;
                $body
            }
            $crate::pool::schema::Number::I64 => {
                type $type = i64;
                $body
            }
            $crate::pool::schema::Number::F32 => {
                type $type = f32;
                $body
            }
            $crate::pool::schema::Number::F64 => {
                type $type = f64;
                $body
            }
        }
    };
}
pub(crate) use with_number;

#[cfg(test)]
mod tests {
    use super::*;

    fn ascending<T: Scalar + std::fmt::Debug>(values: &[T]) {
        for pair in values.windows(2) {
            assert!(pair[0].key() < pair[1].key(), "{pair:?}");
            assert!(
                descend(pair[0].key()) > descend(pair[1].key()) || descend(pair[1].key()) == NAN_KEY,
                "{pair:?}"
            );
        }
    }

    #[test]
    fn keys_keep_the_order_of_each_type() {
        ascending(&[0u8, 1, 254, 255]);
        ascending(&[0u64, 1, u64::from(u32::MAX) + 1, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX - 1]);
        ascending(&[i8::MIN, -1, 0, 1, i8::MAX]);
        ascending(&[i64::MIN, -1, 0, 1, i64::MAX - 1]);
        ascending(&[
            f64::NEG_INFINITY,
            f64::MIN,
            -1.0,
            -f64::MIN_POSITIVE,
            -5e-324,
            -0.0,
            0.0,
            5e-324,
            1.0,
            f64::MAX,
            f64::INFINITY,
            f64::NAN,
        ]);
        ascending(&[f32::NEG_INFINITY, -1.5, -0.0, 0.0, 1e-45, 1.5, f32::INFINITY, f32::NAN]);
        assert_eq!((-f64::NAN).key(), NAN_KEY);
    }

    #[test]
    fn text_keys_are_the_first_eight_bytes() {
        assert!(prefix_key(b"") < prefix_key(b"a"));
        assert!(prefix_key(b"a") < prefix_key(b"ab"));
        assert!(prefix_key(b"ab") < prefix_key(b"b"));
        assert_eq!(prefix_key(b"abcdefgh"), prefix_key(b"abcdefghij"));
    }
}
