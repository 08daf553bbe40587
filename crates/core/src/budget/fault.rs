//! Failing on purpose: the n-th request of this thread is refused, whatever the limits say.
//!
//! Zig's `FailingAllocator` is the model: a test runs a function with its 1st, 2nd, 3rd … request failing until it gets
//! through, and checks after each that nothing was left behind. The counter belongs to a thread, so tests that run side
//! by side do not disturb each other.

use std::cell::Cell;

thread_local! {
    /// Requests left until one is refused; 0 means that nothing is armed.
    static COUNTDOWN: Cell<u64> = const { Cell::new(0) };
    static INJECTED: Cell<u64> = const { Cell::new(0) };
}

/// Makes the `n`-th request from now on fail, once (1 = the next one). 0 disarms.
///
/// Counted are the entry points that can refuse: [`super::Node::reserve`], [`super::Node::charge`] and the manager's
/// open, grant and charge calls, each once however many nodes it asks.
pub fn fail_after(n: u64) {
    COUNTDOWN.set(n);
}

/// How many requests of this thread were refused on purpose so far.
pub fn injected_failures() -> u64 {
    INJECTED.get()
}

/// Requests left until the armed failure; 0 when nothing is armed (or it has fired).
pub fn remaining() -> u64 {
    COUNTDOWN.get()
}

/// Counts one request; true when it must fail.
#[inline]
pub(crate) fn fires() -> bool {
    let left = COUNTDOWN.get();
    if left == 0 {
        return false;
    }
    count_down(left)
}

#[cold]
fn count_down(left: u64) -> bool {
    COUNTDOWN.set(left - 1);
    if left > 1 {
        return false;
    }
    INJECTED.set(INJECTED.get() + 1);
    true
}
