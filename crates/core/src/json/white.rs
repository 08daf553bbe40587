//! White space between values.

#[inline(always)]
pub(super) fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The offset of the first byte from `at` on that is no white space.
#[inline(always)]
pub(super) fn skip_white(input: &[u8], at: usize) -> usize {
    if input.get(at).is_some_and(|byte| *byte > b' ') { at } else { skip_some_white(input, at) }
}

/// Apart, as most documents have no white space between values, or much of it.
#[inline(never)]
fn skip_some_white(input: &[u8], mut at: usize) -> usize {
    while input.get(at).is_some_and(|byte| is_white(*byte)) {
        at += 1;
    }
    at
}

/// The offset behind the last byte before `at` that is no white space; at least 1.
#[inline(always)]
pub(super) fn skip_white_back(input: &[u8], at: usize) -> usize {
    match input.get(at.wrapping_sub(1)) {
        Some(0..=b' ') => skip_some_white_back(input, at),
        _ => at,
    }
}

#[inline(never)]
fn skip_some_white_back(input: &[u8], mut at: usize) -> usize {
    while at > 1 && is_white(input[at - 1]) {
        at -= 1;
    }
    at
}
