//! How long a piece of work may run before it must let others have the thread.

use std::time::{Duration, Instant};

/// A time slice. Kernels ask [`Pace::spent`] every few thousand records, and stop at a point from which
/// they can go on when it says yes.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    deadline: Option<Instant>,
    steps: Option<u32>,
}

impl Pace {
    /// Runs to the end.
    pub const fn unlimited() -> Self {
        Pace { deadline: None, steps: None }
    }

    /// A slice of `duration` from now on.
    pub fn slice(duration: Duration) -> Self {
        Pace { deadline: Instant::now().checked_add(duration), steps: None }
    }

    /// Stops at the `steps`-th question: a slice that does not depend on a clock, for tests.
    pub const fn steps(steps: u32) -> Self {
        Pace { deadline: None, steps: Some(steps) }
    }

    /// Whether the slice is over. Reads the clock (about 25 ns) when there is a deadline.
    #[inline]
    pub fn spent(&mut self) -> bool {
        if let Some(steps) = &mut self.steps {
            *steps = steps.saturating_sub(1);
            return *steps == 0;
        }
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}
