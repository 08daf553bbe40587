//! The one table of what Rust writes and JavaScript reads.
