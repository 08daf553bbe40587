//! Leases: chunks in use by one arena.

use super::classes::{
    MAX_CHUNK_BYTES, OVERSIZED, at_least, capacity_for, class_of, floor_class, page_rounded, within,
};
use super::table::{List, NIL, PLACE, State};
use super::{Clock, Grant, Manager, ManagerError, Request};
use crate::budget::{Level, fault};

/// One lease. The last of its chunks is the current one.
pub(super) struct Lease {
    owner: u32,
    chunks: List,
    /// Whether the last chunk is being bumped in (not when its successor was taken away).
    in_current: bool,
    capacity: u64,
    /// Used bytes of the chunks before the current one.
    filled_bytes: u64,
}

impl Manager {
    /// Opens a lease for `owner` and grants its first chunk.
    ///
    /// # Errors
    /// [`ManagerError::Budget`], [`ManagerError::TooLarge`], [`ManagerError::Stale`] or [`ManagerError::Full`]; nothing
    /// is open then.
    #[inline]
    pub fn open(
        &mut self,
        owner: u32,
        request: Request,
        clock: &impl Clock,
    ) -> Result<(u32, Grant), ManagerError> {
        let owner = self.owner_index(owner)?;
        let sizes = self.sizes(request, self.options.first_chunk_bytes)?;
        if !self.leases.has_room() {
            return Err(ManagerError::Full { what: "leases" });
        }
        self.before_grant(owner, request.min_bytes, clock)?;
        let grant = self.acquire(owner, sizes, clock)?;
        let mut chunks = List::EMPTY;
        self.table.insert::<PLACE>(&mut chunks, NIL, grant.chunk);
        let lease =
            Lease { owner, chunks, in_current: true, capacity: u64::from(grant.capacity), filled_bytes: 0 };
        let Some(slot) = self.leases.open(lease) else { return Err(ManagerError::Full { what: "leases" }) };
        self.hold(slot, owner, grant);
        self.owners[owner].leases += 1;
        self.counters.open_leases.add(1);
        Ok((self.leases.number(slot), grant))
    }

    /// Grants the next chunk, after `used_bytes` of the current one: twice as large if nothing speaks against it.
    ///
    /// # Errors
    /// As [`Manager::open`]; the lease stays as it was.
    #[inline]
    pub fn grant(
        &mut self,
        lease: u32,
        request: Request,
        used_bytes: u64,
        clock: &impl Clock,
    ) -> Result<Grant, ManagerError> {
        let slot = self.lease_slot(lease)?;
        let Lease { owner, chunks, .. } = self.leases[slot];
        let doubled = match chunks.tail {
            NIL => self.options.first_chunk_bytes,
            current => self.table[current].capacity.min(self.options.max_chunk_bytes / 2) * 2,
        };
        let sizes = self.sizes(request, doubled)?;
        let used = self.note_used(slot, used_bytes);
        self.before_grant(owner, request.min_bytes, clock)?;
        let grant = self.acquire(owner, sizes, clock)?;
        let lease = &mut self.leases[slot];
        self.table.insert::<PLACE>(&mut lease.chunks, chunks.tail, grant.chunk);
        lease.capacity += u64::from(grant.capacity);
        lease.in_current = true;
        lease.filled_bytes += used;
        self.counters.used_bytes.add(used);
        self.hold(slot, owner, grant);
        Ok(grant)
    }

    /// Closes a lease after `used_bytes` of its current chunk: its chunks become idle. How many things are to be drained.
    ///
    /// # Errors
    /// [`ManagerError::Stale`] when it was closed.
    #[inline]
    pub fn close(&mut self, lease: u32, used_bytes: u64, clock: &impl Clock) -> Result<usize, ManagerError> {
        let slot = self.lease_slot(lease)?;
        self.note_used(slot, used_bytes);
        self.close_slot(slot, clock.now_ms());
        self.serve_trim(clock);
        Ok(self.pending())
    }

    /// A chunk leaves the lease and the accounting: it could not be made after all, or its bytes were handed to somebody.
    /// Its index can be granted again at once. The lease stays open; if this was its current chunk, the next allocation
    /// has to ask for a grant.
    ///
    /// # Errors
    /// [`ManagerError::Stale`], or [`ManagerError::Argument`] when the chunk is not in the lease.
    pub fn forget_chunk(&mut self, lease: u32, chunk: u32) -> Result<(), ManagerError> {
        let slot = self.lease_slot(lease)?;
        if !self.table.get(chunk).is_some_and(|chunk| chunk.state == State::Leased && chunk.holder == slot) {
            return Err(ManagerError::Argument("expected a chunk of this lease"));
        }
        if self.leases[slot].chunks.tail == chunk {
            self.leases[slot].in_current = false;
        }
        self.unhold(slot, chunk);
        self.node.release(u64::from(self.table[chunk].capacity));
        self.table.vacate(chunk);
        Ok(())
    }

    /// Closes a lease whose chunks exist no longer: the garbage collector takes them. Their indexes can be granted at once.
    /// The capacity that left the accounting.
    ///
    /// # Errors
    /// [`ManagerError::Stale`] when it was closed.
    pub fn abandon(&mut self, lease: u32) -> Result<u64, ManagerError> {
        let slot = self.lease_slot(lease)?;
        let capacity = self.leases[slot].capacity;
        while self.leases[slot].chunks.head != NIL {
            let chunk = self.leases[slot].chunks.head;
            self.unhold(slot, chunk);
            self.node.release(u64::from(self.table[chunk].capacity));
            self.table.vacate(chunk);
        }
        self.finish(slot);
        Ok(capacity)
    }

    /// Closes all leases of an owner, by its index.
    pub(super) fn close_leases_of(&mut self, owner: u32, clock: &impl Clock) {
        let slots: Vec<u32> =
            self.leases.indexes().filter(|slot| self.leases[*slot].owner == owner).collect();
        for slot in slots {
            // Nobody says how far the current chunk was used: all of it counts as used.
            self.note_used(slot, u64::MAX);
            self.close_slot(slot, clock.now_ms());
        }
    }

    /// What every grant begins with.
    #[inline]
    fn before_grant(&mut self, owner: u32, bytes: u64, clock: &impl Clock) -> Result<(), ManagerError> {
        if fault::fires() {
            return self.count_refusal(Err(self.refused(owner, bytes, true)));
        }
        self.serve_trim(clock);
        Ok(())
    }

    /// The sizes of a request that would like a chunk of `usual` bytes.
    #[inline]
    fn sizes(&self, request: Request, usual: u32) -> Result<Sizes, ManagerError> {
        let Request { min_bytes, hint_bytes, most_bytes } = request;
        if min_bytes > u64::from(MAX_CHUNK_BYTES) {
            return Err(ManagerError::TooLarge { bytes: min_bytes });
        }
        let min = min_bytes as u32;
        let hint = hint_bytes.min(u64::from(self.options.max_chunk_bytes)) as u32;
        let most = most_bytes.min(u64::from(MAX_CHUNK_BYTES)) as u32;
        let mut want = usual.max(hint);
        if capacity_for(want) > most {
            want = floor_class(most);
        }
        Ok(Sizes { min, want: want.max(min), most })
    }

    /// An idle chunk of about the size, or else a new one.
    #[inline]
    fn acquire(&mut self, owner: u32, sizes: Sizes, clock: &impl Clock) -> Result<Grant, ManagerError> {
        let Sizes { want, most, .. } = sizes;
        if let Some(grant) = self.reuse(owner, want, most, Self::bits_near(want) & within(most), clock) {
            return Ok(grant);
        }
        let capacity = capacity_for(want);
        if capacity <= most && self.owners[owner].node.take_here(u64::from(capacity)) {
            // Without freeing anything for it yet: what would be freed may be what fits.
            if self.node.take(u64::from(capacity)) {
                self.note_crossing_above();
                return self.made(owner, capacity, class_of(want));
            }
            self.owners[owner].node.uncharge(u64::from(capacity));
        }
        let last = self.acquire_any(owner, sizes, clock);
        self.count_refusal(last)
    }

    /// When the budget does not allow what was wanted: anything idle that fits; or a new chunk for which idle ones are
    /// freed, of the size that was wanted, of the smallest size that fits, or to the page.
    #[cold]
    fn acquire_any(&mut self, owner: u32, sizes: Sizes, clock: &impl Clock) -> Result<Grant, ManagerError> {
        let Sizes { min, want, most } = sizes;
        for class in class_of(min)..OVERSIZED {
            let bits = at_least(class) & !at_least(class + 1) & within(most);
            if let Some(grant) = self.reuse(owner, min, most, bits, clock) {
                return Ok(grant);
            }
        }
        for bytes in [want, min] {
            let capacity = capacity_for(bytes);
            if capacity <= most
                && let Ok(grant) = self.create(owner, capacity, class_of(bytes), clock)
            {
                return Ok(grant);
            }
        }
        // Not even a chunk of the size class: one to the page. It is of an odd size, like the oversized ones.
        let exact = page_rounded(min);
        if exact > most {
            let mut exceeded = self.exceeded(owner, u64::from(exact), false);
            exceeded.chain.iter_mut().for_each(|level| level.refused = false);
            let level = Level {
                name: "operation".into(),
                held: 0,
                reservation: 0,
                limit: most.into(),
                refused: true,
            };
            exceeded.chain.insert(0, level);
            return Err(ManagerError::Budget(exceeded));
        }
        self.create(owner, exact, OVERSIZED, clock)
    }

    /// A new chunk, for which idle ones are freed if need be.
    fn create(
        &mut self,
        owner: u32,
        capacity: u32,
        class: usize,
        clock: &impl Clock,
    ) -> Result<Grant, ManagerError> {
        let charge = u64::from(capacity);
        if !self.owners[owner].node.take_here(charge) {
            return Err(self.refused(owner, charge, false));
        }
        if !self.take_from_memory(charge, clock) {
            self.owners[owner].node.uncharge(charge);
            return Err(self.refused(owner, charge, false));
        }
        self.made(owner, capacity, class)
    }

    /// A new chunk of which owner and `Memory` have been charged.
    fn made(&mut self, owner: u32, capacity: u32, class: usize) -> Result<Grant, ManagerError> {
        match self.table.add(capacity, class, NIL) {
            Some(chunk) => Ok(Grant { chunk, capacity, fresh: true, wipe_bytes: 0 }),
            None => {
                self.owners[owner].node.uncharge(u64::from(capacity));
                self.node.release(u64::from(capacity));
                Err(ManagerError::Full { what: "chunks" })
            }
        }
    }

    /// A granted chunk is in a lease.
    #[inline]
    fn hold(&mut self, slot: u32, owner: u32, grant: Grant) {
        let chunk = &mut self.table[grant.chunk];
        chunk.state = State::Leased;
        chunk.holder = slot;
        self.owners[owner].leased_bytes += u64::from(grant.capacity);
        self.counters.leased_bytes.add(u64::from(grant.capacity));
        self.counters.grants.add(1);
        self.note_crossing_of(owner);
    }

    /// A chunk leaves its lease; what becomes of it is the caller's business.
    #[inline]
    fn unhold(&mut self, slot: u32, chunk: u32) {
        let capacity = u64::from(self.table[chunk].capacity);
        let lease = &mut self.leases[slot];
        self.table.remove::<PLACE>(&mut lease.chunks, chunk);
        lease.capacity -= capacity;
        let owner = &mut self.owners[lease.owner];
        owner.leased_bytes -= capacity;
        owner.node.uncharge(capacity);
        self.counters.leased_bytes.sub(capacity);
    }

    fn close_slot(&mut self, slot: u32, now_ms: u64) {
        let owner = self.leases[slot].owner;
        let mut released = 0;
        // From the last to the first, so that of several of one size the first used is the first to be used again.
        while self.leases[slot].chunks.tail != NIL {
            let chunk = self.leases[slot].chunks.tail;
            self.unhold(slot, chunk);
            self.make_idle(chunk, owner, now_ms);
            released += 1;
        }
        self.finish(slot);
        self.settle(released, now_ms);
    }

    fn finish(&mut self, slot: u32) {
        let lease = &self.leases[slot];
        self.counters.used_bytes.sub(lease.filled_bytes);
        self.counters.open_leases.sub(1);
        self.owners[lease.owner].leases -= 1;
        self.leases.close(slot);
    }

    /// Raises the current chunk's high-water mark. How much of it counts as filled when the lease moves on.
    #[inline]
    fn note_used(&mut self, slot: u32, used_bytes: u64) -> u64 {
        let Lease { chunks, in_current, .. } = self.leases[slot];
        if chunks.tail == NIL || !in_current {
            return 0;
        }
        let chunk = &mut self.table[chunks.tail];
        let used = used_bytes.min(u64::from(chunk.capacity)) as u32;
        chunk.dirty = chunk.dirty.max(used);
        u64::from(used)
    }

    #[inline]
    fn lease_slot(&self, lease: u32) -> Result<u32, ManagerError> {
        self.leases.find(lease).ok_or(ManagerError::Stale { what: "lease" })
    }
}

/// A checked request: the bytes that must fit, the chunk that would be liked, and the largest that is allowed.
#[derive(Clone, Copy)]
struct Sizes {
    min: u32,
    want: u32,
    most: u32,
}
