//! The process-wide tree of reservations and limits: process → each `Memory` → its agents.
//!
//! [`Node`] is the accountant of one owner, [`Exceeded`] says which of the nodes above a request refused it,
//! [`process`] is the root that every thread shares, [`shared`] the registry of nodes that several threads use by name,
//! [`fault`] makes the n-th request fail on purpose.

pub mod fault;
mod node;
mod shared;

pub use node::{Exceeded, Level, Limits, Node, NodeStats, SoftCrossing, UNLIMITED};
pub use shared::{process, shared};
