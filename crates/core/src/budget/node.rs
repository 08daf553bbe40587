//! One accountant of the tree.
//!
//! The bookkeeping is Arrow's (`Accountant.java`: every node has a limit, what it takes beyond its reservation is asked
//! of its parent, a refusal undoes the levels below) with Velox's quanta (`MemoryPool.cpp`: a node takes a little more
//! than it needs, so that most requests end at the node itself). Only atomics are used: worker threads share the root.
//!
//! Invariant when nobody is inside a call: `reservation == reserved through this node + slack`, and a parent's `held` is
//! its own charges plus the reservations of its children. So nothing is counted twice and nothing is lost.
//!
//! As in Arrow, two requests that race near a limit may both be refused though one would have fitted; none is ever
//! admitted beyond a limit.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

use super::fault;

/// No limit.
pub const UNLIMITED: u64 = u64::MAX;

const KIB: u64 = 1024;

// States of the soft limit's alarm: silent → crossed (somebody has to report it) → reported.
const UNDER: u8 = 0;
const CROSSED: u8 = 1;
const REPORTED: u8 = 2;

/// The limits of a node, in bytes; [`UNLIMITED`] where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Above it the crossing is noted, once per crossing.
    pub soft: u64,
    /// Above it requests are refused.
    pub hard: u64,
}

impl Limits {
    /// Neither limit.
    pub const NONE: Limits = Limits { soft: UNLIMITED, hard: UNLIMITED };
}

/// One node's figures as a refused request found them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// The node's name.
    pub name: String,
    /// Bytes held through the node.
    pub held: u64,
    /// Bytes the node has taken from its parent.
    pub reservation: u64,
    /// Its hard limit; [`UNLIMITED`] when it has none.
    pub limit: u64,
    /// Whether this is the node that refused.
    pub refused: bool,
}

/// A request was refused. The chain goes from the node that was asked up to the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Bytes asked for.
    pub requested: u64,
    /// The figures of every node on the way to the root.
    pub chain: Vec<Level>,
    /// Refused on purpose by [`fault::fail_after`], not by a limit.
    pub injected: bool,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.injected {
            write!(f, "{} bytes were refused on purpose (failAfter)", self.requested)?;
        } else {
            let by = self
                .chain
                .iter()
                .find(|level| level.refused)
                .map_or("the budget", |level| level.name.as_str());
            write!(f, "{} more bytes exceed the budget of '{by}'", self.requested)?;
        }
        for (i, level) in self.chain.iter().enumerate() {
            let lead = if i == 0 { ": " } else { " < " };
            write!(f, "{lead}{} holds {} of ", level.name, level.held)?;
            match level.limit {
                UNLIMITED => write!(f, "no limit")?,
                limit => write!(f, "{limit}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Exceeded {}

/// A soft limit was crossed upwards since the last report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoftCrossing {
    /// The node's name.
    pub name: String,
    /// Bytes held now (they may have fallen again since the crossing).
    pub held: u64,
    /// The soft limit.
    pub limit: u64,
}

/// What a node's figures are at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeStats {
    /// Bytes held: charged here, and reserved through here by the nodes below.
    pub held: u64,
    /// Bytes taken from the parent, what is spare of them included.
    pub reservation: u64,
    /// The most that was ever held.
    pub peak: u64,
    /// The limits.
    pub limits: Limits,
}

/// An owner of memory: the process, a `Memory`, an agent.
#[derive(Debug)]
pub struct Node {
    name: Box<str>,
    parent: Option<Arc<Node>>,
    held: AtomicU64,
    hard: AtomicU64,
    soft: AtomicU64,
    peak: AtomicU64,
    /// Taken from the parent and not in use: what the next request gets without asking further up.
    slack: AtomicU64,
    reservation: AtomicU64,
    alarm: AtomicU8,
    /// Counts the times somebody asked everyone below this node to give back what is idle.
    trim_epoch: AtomicU32,
}

impl Node {
    /// A tree of its own. Tests make roots; everything else hangs below [`super::process`].
    pub fn root(name: &str, limits: Limits) -> Arc<Node> {
        Arc::new(Self::new(name, None, limits))
    }

    /// A node below `parent`. Dropping it gives back to the parent all that it still held.
    pub fn child(parent: &Arc<Node>, name: &str, limits: Limits) -> Arc<Node> {
        Arc::new(Self::new(name, Some(Arc::clone(parent)), limits))
    }

    fn new(name: &str, parent: Option<Arc<Node>>, limits: Limits) -> Node {
        Node {
            name: name.into(),
            parent,
            held: AtomicU64::new(0),
            hard: AtomicU64::new(limits.hard),
            soft: AtomicU64::new(limits.soft),
            peak: AtomicU64::new(0),
            slack: AtomicU64::new(0),
            reservation: AtomicU64::new(0),
            alarm: AtomicU8::new(UNDER),
            trim_epoch: AtomicU32::new(0),
        }
    }

    /// The name it was made with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The node above; none for a root.
    pub fn parent(&self) -> Option<&Arc<Node>> {
        self.parent.as_ref()
    }

    /// The top of the tree.
    pub fn top(self: &Arc<Self>) -> &Arc<Node> {
        let mut node = self;
        while let Some(parent) = &node.parent {
            node = parent;
        }
        node
    }

    /// Bytes held now.
    #[inline]
    pub fn held(&self) -> u64 {
        self.held.load(Relaxed)
    }

    /// The limits as they are now.
    pub fn limits(&self) -> Limits {
        Limits { soft: self.soft.load(Relaxed), hard: self.hard.load(Relaxed) }
    }

    /// All figures. They are read one after the other, so they belong to one moment only while nobody is charging.
    pub fn stats(&self) -> NodeStats {
        NodeStats {
            held: self.held.load(SeqCst),
            reservation: self.reservation.load(SeqCst),
            peak: self.peak.load(SeqCst),
            limits: self.limits(),
        }
    }

    /// Replaces both limits. They may lie below what is held: then every request is refused until enough was released.
    pub fn set_limits(&self, limits: Limits) {
        self.hard.store(limits.hard, SeqCst);
        self.soft.store(limits.soft, SeqCst);
        let held = self.held.load(SeqCst);
        if held <= limits.soft {
            // A crossing of the old limit that nobody has reported yet stays to be reported.
            let _ = self.alarm.compare_exchange(REPORTED, UNDER, SeqCst, SeqCst);
        } else {
            self.alarm_if_over(held);
        }
    }

    /// Takes `bytes` here and at every node above that has no spare reservation for them.
    ///
    /// # Errors
    /// [`Exceeded`] when a hard limit on the way refuses; then nothing is taken anywhere.
    pub fn reserve(&self, bytes: u64) -> Result<(), Exceeded> {
        if fault::fires() {
            return Err(self.refusal(bytes, true));
        }
        if self.take(bytes) { Ok(()) } else { Err(self.refusal(bytes, false)) }
    }

    /// Gives back what [`Node::reserve`] took, or a part of it.
    #[inline]
    pub fn release(&self, bytes: u64) {
        if self.parent.is_some() {
            // Slack before held: a racing request that finds room here must also find the bytes.
            self.slack.fetch_add(bytes, SeqCst);
            self.uncharge(bytes);
            self.return_slack(false);
        } else {
            self.uncharge(bytes);
        }
    }

    /// Takes `bytes` at this node alone. For an owner of bytes that the node above holds already: an agent whose lease
    /// gets a chunk that its `Memory` has had all along.
    ///
    /// # Errors
    /// [`Exceeded`], with this node only, when its hard limit refuses.
    #[inline]
    pub fn charge(&self, bytes: u64) -> Result<(), Exceeded> {
        if fault::fires() {
            return Err(self.refusal_here(bytes, true));
        }
        if self.take_here(bytes) { Ok(()) } else { Err(self.refusal_here(bytes, false)) }
    }

    /// Gives back what [`Node::charge`] took, or a part of it.
    #[inline]
    pub fn uncharge(&self, bytes: u64) {
        let before = self.held.fetch_sub(bytes, SeqCst);
        debug_assert!(before >= bytes, "{}: {bytes} bytes given back, {before} held", self.name);
        if self.alarm.load(Relaxed) == REPORTED {
            self.rearm(before.wrapping_sub(bytes));
        }
    }

    /// Whether a soft limit was crossed and nobody has reported it yet. One relaxed load.
    #[inline]
    pub fn has_crossing(&self) -> bool {
        self.alarm.load(Relaxed) == CROSSED
    }

    /// The crossing to report, once. The alarm is armed again when what is held falls 1/8 below the soft limit.
    pub fn take_crossing(&self) -> Option<SoftCrossing> {
        self.alarm.compare_exchange(CROSSED, REPORTED, SeqCst, SeqCst).ok()?;
        let held = self.held();
        let limit = self.soft.load(SeqCst);
        self.rearm(held);
        Some(SoftCrossing { name: self.name.to_string(), held, limit })
    }

    /// Gives the whole spare reservation back to the parent.
    pub fn give_back_slack(&self) {
        self.return_slack(true);
    }

    /// Asks everyone below this node to free what is idle at their next grant or close; nobody waits for them.
    /// The number of this request.
    pub fn request_trim(&self) -> u32 {
        self.trim_epoch.fetch_add(1, SeqCst).wrapping_add(1)
    }

    /// The number of trim requests so far.
    #[inline]
    pub fn trim_epoch(&self) -> u32 {
        self.trim_epoch.load(Relaxed)
    }

    /// What refuses `bytes` at this node and above, for an error.
    pub fn refusal(&self, bytes: u64, injected: bool) -> Exceeded {
        let mut chain = Vec::new();
        let mut node = Some(self);
        while let Some(at) = node {
            chain.push(at.level(bytes));
            node = at.parent.as_deref();
        }
        Self::exceeded(bytes, chain, injected)
    }

    /// What refuses `bytes` that are charged to this node alone and reserved at `above` and its parents, for an error.
    pub fn refusal_with(&self, above: &Node, bytes: u64, injected: bool) -> Exceeded {
        let mut all = above.refusal(bytes, injected);
        all.chain.insert(0, self.level(bytes));
        Self::exceeded(bytes, all.chain, injected)
    }

    /// What refuses `bytes` at this node alone, for an error.
    pub fn refusal_here(&self, bytes: u64, injected: bool) -> Exceeded {
        Self::exceeded(bytes, vec![self.level(bytes)], injected)
    }

    fn exceeded(requested: u64, mut chain: Vec<Level>, injected: bool) -> Exceeded {
        if injected {
            chain.iter_mut().for_each(|level| level.refused = false);
        } else {
            // The lowest one that is full now. A race may have emptied it since; then the root stands for "somebody above".
            let at = chain.iter().position(|level| level.refused).unwrap_or(chain.len() - 1);
            chain.iter_mut().enumerate().for_each(|(i, level)| level.refused = i == at);
        }
        Exceeded { requested, chain, injected }
    }

    fn level(&self, bytes: u64) -> Level {
        let (held, limit) = (self.held(), self.hard.load(SeqCst));
        Level {
            name: self.name.to_string(),
            held,
            reservation: self.reservation.load(SeqCst),
            limit,
            refused: held.checked_add(bytes).is_none_or(|sum| sum > limit),
        }
    }

    /// [`Node::charge`] without the error and without counting for fault injection.
    #[inline]
    pub(crate) fn take_here(&self, bytes: u64) -> bool {
        match self.add_here(bytes) {
            Some(sum) => {
                self.note(sum);
                true
            }
            None => false,
        }
    }

    #[inline]
    fn add_here(&self, bytes: u64) -> Option<u64> {
        let mut held = self.held.load(Relaxed);
        loop {
            // The sum is compared, not what is left: a limit lowered below `held` must not wrap round to "plenty".
            let sum = held.checked_add(bytes).filter(|sum| *sum <= self.hard.load(Relaxed))?;
            match self.held.compare_exchange_weak(held, sum, SeqCst, Relaxed) {
                Ok(_) => return Some(sum),
                Err(now) => held = now,
            }
        }
    }

    /// Peak and soft limit, once the request was granted by everyone.
    #[inline]
    fn note(&self, sum: u64) {
        if sum > self.peak.load(Relaxed) {
            self.peak.fetch_max(sum, Relaxed);
        }
        if sum > self.soft.load(Relaxed) && self.alarm.load(Relaxed) == UNDER {
            self.alarm_if_over(sum);
        }
    }

    /// [`Node::reserve`] without the error and without counting for fault injection.
    pub(crate) fn take(&self, bytes: u64) -> bool {
        let Some(sum) = self.add_here(bytes) else { return false };
        if let Some(parent) = &self.parent
            && !self.cover(bytes, parent)
        {
            self.uncharge(bytes);
            return false;
        }
        self.note(sum);
        true
    }

    /// Finds `bytes` in the spare reservation, the rest at the parent.
    fn cover(&self, bytes: u64, parent: &Node) -> bool {
        let spare = self.take_slack(bytes);
        let need = bytes - spare;
        if need == 0 {
            return true;
        }
        // A quantum if the parent has it, otherwise to the byte: the last bytes under a limit can be used.
        let quantum = quantum_bytes(self.held());
        let mut got = need.checked_next_multiple_of(quantum).unwrap_or(need);
        if !parent.take(got) {
            if got == need || !parent.take(need) {
                self.slack.fetch_add(spare, SeqCst);
                self.return_slack(false);
                return false;
            }
            got = need;
        }
        self.reservation.fetch_add(got, SeqCst);
        if got > need {
            self.slack.fetch_add(got - need, SeqCst);
        }
        true
    }

    /// Takes up to `bytes` of the spare reservation.
    fn take_slack(&self, bytes: u64) -> u64 {
        let mut slack = self.slack.load(Relaxed);
        loop {
            let got = slack.min(bytes);
            if got == 0 {
                return 0;
            }
            match self.slack.compare_exchange_weak(slack, slack - got, SeqCst, Relaxed) {
                Ok(_) => return got,
                Err(now) => slack = now,
            }
        }
    }

    /// Gives the parent what is spare beyond a quantum; all of it when nothing else is reserved, or when asked to.
    fn return_slack(&self, all: bool) {
        let Some(parent) = &self.parent else { return };
        loop {
            let slack = self.slack.load(SeqCst);
            let in_use = self.reservation.load(SeqCst) != slack;
            let keep = if in_use && !all { quantum_bytes(self.held()) } else { 0 };
            // Two quanta of distance, so that a request and a release at a border do not both go up every time.
            if slack == 0 || (keep > 0 && slack < 2 * keep) {
                return;
            }
            if self.slack.compare_exchange_weak(slack, keep, SeqCst, Relaxed).is_ok() {
                let excess = slack - keep;
                self.reservation.fetch_sub(excess, SeqCst);
                parent.release(excess);
                // Round again: who released in between may have seen the old reservation and left its slack here.
            }
        }
    }

    #[cold]
    fn alarm_if_over(&self, held: u64) {
        if held > self.soft.load(SeqCst) {
            let _ = self.alarm.compare_exchange(UNDER, CROSSED, SeqCst, SeqCst);
        }
    }

    #[cold]
    fn rearm(&self, held: u64) {
        let soft = self.soft.load(SeqCst);
        if held <= soft - soft / 8 {
            let _ = self.alarm.compare_exchange(REPORTED, UNDER, SeqCst, SeqCst);
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let reservation = *self.reservation.get_mut();
        if let Some(parent) = &self.parent
            && reservation > 0
        {
            parent.release(reservation);
        }
    }
}

/// Velox's steps (1, 4 and 8 MiB), scaled down to a Node service.
fn quantum_bytes(held: u64) -> u64 {
    if held < 1024 * KIB {
        16 * KIB
    } else if held < 16 * 1024 * KIB {
        64 * KIB
    } else {
        256 * KIB
    }
}
