//! Every level of the validator against the scalar state machine, and that against serde_json.

use primarena_core::json::{Level, Limits, validate_at, validate_scalar};
use serde::de::IgnoredAny;

/// Compares all validators on `data`, and on `data` behind white space that moves it within its blocks.
pub fn run(data: &[u8]) {
    let accepted = check(data, &Limits::default());
    let valid = std::str::from_utf8(data).is_ok() && serde_json::from_slice::<IgnoredAny>(data).is_ok();
    assert_eq!(accepted, valid, "{:?}", String::from_utf8_lossy(data));
    let sum = data.iter().fold(data.len(), |sum, &byte| sum.wrapping_mul(31) + usize::from(byte));
    let moved = [" ".repeat(sum % 130).as_bytes(), data].concat();
    assert_eq!(check(&moved, &Limits::default()), accepted);
    check(data, &Limits { max_depth: Some((sum % 5) as u32), max_bytes: Some(sum % 1000) });
}

/// In a heap block that ends where the document ends: AddressSanitizer sees a read of one byte more.
fn check(data: &[u8], limits: &Limits) -> bool {
    let exact: Box<[u8]> = data.into();
    let expected = validate_scalar(&exact, limits);
    for level in Level::available() {
        let found = validate_at(level, &exact, limits);
        assert_eq!(found, expected, "{level:?} {limits:?} {:?}", String::from_utf8_lossy(data));
    }
    expected.is_ok()
}
