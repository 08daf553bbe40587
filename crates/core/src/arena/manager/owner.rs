//! Owners: agents, and the one that stands for work without an agent.

use std::sync::Arc;

use super::classes::CLASSES;
use super::table::{List, NIL, OWNER};
use super::{Clock, Manager, ManagerError};
use crate::budget::{self, Level, Limits, Node, NodeStats, fault};

/// The number of the owner `none`: work without an agent. It differs from every agent and cannot be closed.
pub const NO_OWNER: u32 = 0;

/// One owner.
pub(super) struct Owner {
    pub node: Arc<Node>,
    /// Idle chunks that it had last, the latest first, by class.
    pub idle: [List; CLASSES],
    /// Which of them are not empty.
    pub idle_bits: u16,
    pub leases: u32,
    /// What this manager charged to the node, which other threads may share.
    pub leased_bytes: u64,
    pub charged_bytes: u64,
}

/// An owner's figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerStats {
    /// Its name.
    pub name: String,
    /// Its open leases in this manager.
    pub open_leases: u32,
    /// Capacity of the chunks in them.
    pub leased_bytes: u64,
    /// Bytes charged by this manager for things other than chunks.
    pub charged_bytes: u64,
    /// Its node's figures; of all threads when it is shared.
    pub node: NodeStats,
}

impl Owner {
    pub fn new(node: Arc<Node>) -> Owner {
        Owner {
            node,
            idle: [List::EMPTY; CLASSES],
            idle_bits: 0,
            leases: 0,
            leased_bytes: 0,
            charged_bytes: 0,
        }
    }
}

impl Manager {
    /// A new owner; its number. A `shared` one has one account in all threads, found by its name.
    ///
    /// # Errors
    /// [`ManagerError::Full`] at a million owners.
    pub fn open_owner(&mut self, name: &str, limits: Limits, shared: bool) -> Result<u32, ManagerError> {
        if !self.owners.has_room() {
            return Err(ManagerError::Full { what: "owners" });
        }
        let node = if shared { budget::shared(name, limits) } else { Node::child(&self.node, name, limits) };
        let index = self.owners.open(Owner::new(node)).ok_or(ManagerError::Full { what: "owners" })?;
        self.counters.open_owners.add(1);
        Ok(self.owners.number(index))
    }

    /// Replaces an owner's limits.
    ///
    /// # Errors
    /// [`ManagerError::Stale`] when it was closed.
    pub fn set_owner_limits(&mut self, owner: u32, limits: Limits) -> Result<(), ManagerError> {
        let index = self.owner_index(owner)?;
        self.owners[index].node.set_limits(limits);
        self.note_crossing_of(index);
        Ok(())
    }

    /// Closes an owner. Its idle chunks become nobody's: quarantined as before, and wiped before anyone gets them.
    /// With `force` its open leases are closed and its charges given back, without it they are an error.
    ///
    /// # Errors
    /// [`ManagerError::Stale`], [`ManagerError::Busy`], or [`ManagerError::Argument`] for the owner `none`.
    pub fn close_owner(&mut self, owner: u32, force: bool, clock: &impl Clock) -> Result<(), ManagerError> {
        let index = self.owner_index(owner)?;
        if index == NO_OWNER {
            return Err(ManagerError::Argument("the owner none cannot be closed"));
        }
        let Owner { ref node, leases, charged_bytes, .. } = self.owners[index];
        if !force && (leases > 0 || charged_bytes > 0) {
            return Err(ManagerError::Busy { name: node.name().to_owned(), leases, charged: charged_bytes });
        }
        if leases > 0 {
            self.close_leases_of(index, clock);
        }
        if charged_bytes > 0 {
            self.give_back(index, charged_bytes);
        }
        for class in 0..CLASSES {
            let mut list = self.owners[index].idle[class];
            while !list.is_empty() {
                let chunk = list.head;
                self.table.remove::<OWNER>(&mut list, chunk);
                self.table[chunk].holder = NIL;
            }
        }
        // The slot waits for its next owner with an account of nothing, not with the closed one's.
        self.owners[index] = Owner::new(Arc::clone(&self.node));
        self.owners.close(index);
        self.counters.open_owners.sub(1);
        Ok(())
    }

    /// An owner's figures.
    ///
    /// # Errors
    /// [`ManagerError::Stale`] when it was closed.
    pub fn owner_stats(&self, owner: u32) -> Result<OwnerStats, ManagerError> {
        let owner = &self.owners[self.owner_index(owner)?];
        Ok(OwnerStats {
            name: owner.node.name().to_owned(),
            open_leases: owner.leases,
            leased_bytes: owner.leased_bytes,
            charged_bytes: owner.charged_bytes,
            node: owner.node.stats(),
        })
    }

    /// The nodes from an owner up to the process with their figures; none of them refuses.
    ///
    /// # Errors
    /// [`ManagerError::Stale`] when the owner was closed.
    pub fn levels(&self, owner: u32) -> Result<Vec<Level>, ManagerError> {
        let mut levels = self.exceeded(self.owner_index(owner)?, 0, false).chain;
        levels.iter_mut().for_each(|level| level.refused = false);
        Ok(levels)
    }

    /// Charges bytes that are no chunk of this manager: slabs, documents, ordinary buffers, quanta of sessions.
    ///
    /// # Errors
    /// [`ManagerError::Budget`] or [`ManagerError::Stale`].
    pub fn charge(&mut self, owner: u32, bytes: u64, clock: &impl Clock) -> Result<(), ManagerError> {
        let index = self.owner_index(owner)?;
        let result = self.charge_index(index, bytes, clock);
        self.count_refusal(result)
    }

    fn charge_index(&mut self, index: u32, bytes: u64, clock: &impl Clock) -> Result<(), ManagerError> {
        if fault::fires() {
            return Err(self.refused(index, bytes, true));
        }
        self.serve_trim(clock);
        if !self.owners[index].node.take_here(bytes) {
            return Err(self.refused(index, bytes, false));
        }
        if !self.take_from_memory(bytes, clock) {
            // The error is made with the owner's bytes given back, so that it shows what is held without the request.
            self.owners[index].node.uncharge(bytes);
            return Err(self.refused(index, bytes, false));
        }
        self.owners[index].charged_bytes += bytes;
        self.counters.charged_bytes.add(bytes);
        self.note_crossing_of(index);
        Ok(())
    }

    /// Gives back what [`Manager::charge`] took, or a part of it.
    ///
    /// # Errors
    /// [`ManagerError::Stale`], or [`ManagerError::Argument`] for more than is charged.
    pub fn uncharge(&mut self, owner: u32, bytes: u64) -> Result<(), ManagerError> {
        let index = self.owner_index(owner)?;
        if bytes > self.owners[index].charged_bytes {
            return Err(ManagerError::Argument("expected no more bytes than are charged to the owner"));
        }
        self.give_back(index, bytes);
        Ok(())
    }

    fn give_back(&mut self, index: u32, bytes: u64) {
        let owner = &mut self.owners[index];
        owner.charged_bytes -= bytes;
        owner.node.uncharge(bytes);
        self.node.release(bytes);
        self.counters.charged_bytes.sub(bytes);
    }

    #[inline]
    pub(super) fn owner_index(&self, owner: u32) -> Result<u32, ManagerError> {
        self.owners.find(owner).ok_or(ManagerError::Stale { what: "owner" })
    }
}
