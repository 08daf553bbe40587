//! Idle chunks: the quarantine, who may have one again, and when they are freed.

use super::classes::{CLASSES, OVERSIZED, class_of, near};
use super::table::{NIL, OWNER, PLACE, State};
use super::{Clock, Drained, Grant, Manager};

/// How many oversized idle chunks are looked at; they differ in size, so the first need not fit.
const OVERSIZED_TRIES: usize = 8;

impl Manager {
    /// A chunk leaves its lease. It is already out of the lease's list.
    #[inline]
    pub(super) fn make_idle(&mut self, index: u32, owner: u32, now_ms: u64) {
        let chunk = &mut self.table[index];
        chunk.state = State::Quarantined;
        chunk.holder = owner;
        chunk.released_at_ms = now_ms;
        chunk.retire = false;
        let (class, capacity) = (usize::from(chunk.class), u64::from(chunk.capacity));
        let holder = &mut self.owners[owner];
        self.table.insert::<OWNER>(&mut holder.idle[class], NIL, index);
        holder.idle_bits |= 1 << class;
        let last = self.quarantine.tail;
        self.table.insert::<PLACE>(&mut self.quarantine, last, index);
        self.counters.quarantined_bytes.add(capacity);
        self.counters.idle_bytes.add(capacity);
    }

    /// Keeps the limits of quarantine and idle memory after `released` chunks became idle.
    #[inline]
    pub(super) fn settle(&mut self, released: usize, now_ms: u64) {
        if self.counters.quarantined_bytes.get() > self.options.quarantine_limit_bytes {
            self.age(now_ms);
            let mut index = self.quarantine.tail;
            for _ in 0..released {
                if index == NIL
                    || self.counters.quarantined_bytes.get() <= self.options.quarantine_limit_bytes
                {
                    break;
                }
                self.table[index].retire = true;
                index = self.table.prev::<PLACE>(index);
            }
        }
        if self.counters.idle_bytes.get() > self.options.idle_limit_bytes {
            self.age(now_ms);
            while self.counters.idle_bytes.get() > self.options.idle_limit_bytes && self.free_oldest_ready() {
            }
        }
    }

    /// Moves what has been long enough in quarantine to the ready chunks. Amortised O(1): each chunk moves once.
    #[inline]
    pub(super) fn age(&mut self, now_ms: u64) {
        while self.quarantine.head != NIL {
            let index = self.quarantine.head;
            let chunk = &mut self.table[index];
            if now_ms.saturating_sub(chunk.released_at_ms) < self.options.quarantine_ms {
                return;
            }
            chunk.state = State::Ready;
            let (class, capacity, retire) =
                (usize::from(chunk.class), u64::from(chunk.capacity), chunk.retire);
            self.table.remove::<PLACE>(&mut self.quarantine, index);
            self.counters.quarantined_bytes.sub(capacity);
            let last = self.ready[class].tail;
            self.table.insert::<PLACE>(&mut self.ready[class], last, index);
            self.ready_bits |= 1 << class;
            if retire {
                self.free(index);
            }
        }
    }

    /// Looks for an idle chunk that `owner` may have: of the classes in `bits`, or, when `bytes` are oversized, of a size
    /// up to `most`. Its capacity is charged to the owner.
    #[inline]
    pub(super) fn reuse(
        &mut self,
        owner: u32,
        bytes: u32,
        most: u32,
        bits: u16,
        clock: &impl Clock,
    ) -> Option<Grant> {
        if !self.options.paranoid {
            let bits = self.owners[owner].idle_bits & bits;
            if bits != 0 {
                let index = self.owners[owner].idle[bits.trailing_zeros() as usize].head;
                if let Some(grant) = self.claim(index, owner) {
                    return Some(grant);
                }
            }
        }
        // Nothing is idle: no need to look at the clock.
        if self.ready_bits == 0 && self.quarantine.is_empty() {
            return None;
        }
        self.reuse_ready(owner, bytes, most, bits, clock)
    }

    fn reuse_ready(
        &mut self,
        owner: u32,
        bytes: u32,
        most: u32,
        bits: u16,
        clock: &impl Clock,
    ) -> Option<Grant> {
        if class_of(bytes) == OVERSIZED && !self.options.paranoid {
            let list = self.owners[owner].idle[OVERSIZED];
            if let Some(index) =
                self.fitting::<OWNER>(list.head, bytes, most, |table, index| table.next::<OWNER>(index))
                && let Some(grant) = self.claim(index, owner)
            {
                return Some(grant);
            }
        }
        self.age(clock.now_ms());
        let bits = self.ready_bits & bits;
        // The latest one: its pages are the likeliest to be in a cache, and the oldest stay to be freed.
        let index = if bits != 0 {
            self.ready[bits.trailing_zeros() as usize].tail
        } else if class_of(bytes) == OVERSIZED {
            self.fitting::<PLACE>(self.ready[OVERSIZED].tail, bytes, most, |table, index| {
                table.prev::<PLACE>(index)
            })?
        } else {
            return None;
        };
        self.claim(index, owner)
    }

    /// The first oversized chunk from `start` on that is large enough, and not more than twice as large.
    fn fitting<const LIST: usize>(
        &self,
        start: u32,
        bytes: u32,
        most: u32,
        step: impl Fn(&super::Table, u32) -> u32,
    ) -> Option<u32> {
        let mut index = start;
        for _ in 0..OVERSIZED_TRIES {
            if index == NIL {
                return None;
            }
            let capacity = self.table[index].capacity;
            if (bytes..=most).contains(&capacity) && capacity / 2 <= bytes {
                return Some(index);
            }
            index = step(&self.table, index);
        }
        None
    }

    /// Takes an idle chunk out for `owner`, if the owner's budget allows.
    #[inline]
    fn claim(&mut self, index: u32, owner: u32) -> Option<Grant> {
        let capacity = self.table[index].capacity;
        if !self.owners[owner].node.take_here(u64::from(capacity)) {
            return None;
        }
        self.unlink_idle(index);
        let chunk = &mut self.table[index];
        let wipe_bytes = if chunk.holder == owner { 0 } else { std::mem::take(&mut chunk.dirty) };
        if wipe_bytes > 0 {
            self.counters.wipes.add(1);
            self.counters.wiped_bytes.add(u64::from(wipe_bytes));
        }
        self.counters.reuses.add(1);
        Some(Grant { chunk: index, capacity, fresh: false, wipe_bytes })
    }

    /// Takes an idle chunk out of its lists.
    #[inline]
    fn unlink_idle(&mut self, index: u32) {
        let chunk = &self.table[index];
        let (class, capacity, holder) = (usize::from(chunk.class), u64::from(chunk.capacity), chunk.holder);
        if chunk.state == State::Quarantined {
            self.table.remove::<PLACE>(&mut self.quarantine, index);
            self.counters.quarantined_bytes.sub(capacity);
        } else {
            debug_assert_eq!(chunk.state, State::Ready);
            let list = &mut self.ready[class];
            self.table.remove::<PLACE>(list, index);
            if list.is_empty() {
                self.ready_bits &= !(1 << class);
            }
        }
        if holder != NIL {
            let owner = &mut self.owners[holder];
            self.table.remove::<OWNER>(&mut owner.idle[class], index);
            if owner.idle[class].is_empty() {
                owner.idle_bits &= !(1 << class);
            }
        }
        self.counters.idle_bytes.sub(capacity);
    }

    /// Gives up an idle chunk: its bytes are nobody's from now on, its index waits for [`Manager::drain`].
    fn free(&mut self, index: u32) {
        self.unlink_idle(index);
        let chunk = &mut self.table[index];
        chunk.state = State::Freed;
        let capacity = u64::from(chunk.capacity);
        self.freed.push(index);
        self.node.release(capacity);
    }

    fn free_oldest_ready(&mut self) -> bool {
        let oldest = (0..CLASSES)
            .filter(|class| !self.ready[*class].is_empty())
            .map(|class| self.ready[class].head)
            .min_by_key(|index| self.table[*index].released_at_ms);
        oldest.map(|index| self.free(index)).is_some()
    }

    /// Takes `bytes` from the `Memory`'s node, freeing idle chunks as far as that is needed. When the process is what is
    /// full, and this was not enough, the others are asked to do the same.
    pub(super) fn take_from_memory(&mut self, bytes: u64, clock: &impl Clock) -> bool {
        let taken = self.node.take(bytes) || self.relieve(bytes, clock);
        self.note_crossing_above();
        taken
    }

    #[cold]
    fn relieve(&mut self, bytes: u64, clock: &impl Clock) -> bool {
        self.age(clock.now_ms());
        while self.free_oldest_ready() {
            if self.node.take(bytes) {
                return true;
            }
        }
        let full = |held: u64, hard: u64| held.checked_add(bytes).is_none_or(|sum| sum > hard);
        if full(self.root.held(), self.root.limits().hard) {
            self.seen_trim_epoch = self.root.request_trim();
        }
        false
    }

    /// Frees what is idle if somebody asked the process to since the last look. One relaxed load when nobody did.
    #[inline]
    pub(super) fn serve_trim(&mut self, clock: &impl Clock) {
        if self.root.trim_epoch() != self.seen_trim_epoch {
            self.seen_trim_epoch = self.root.trim_epoch();
            self.trim(clock);
        }
    }

    /// Frees all idle chunks: those whose quarantine is over at once, the others as soon as theirs is.
    #[cold]
    pub fn trim(&mut self, clock: &impl Clock) {
        self.counters.trims.add(1);
        self.age(clock.now_ms());
        let mut index = self.quarantine.head;
        while index != NIL {
            self.table[index].retire = true;
            index = self.table.next::<PLACE>(index);
        }
        for class in 0..CLASSES {
            while !self.ready[class].is_empty() {
                self.free(self.ready[class].head);
            }
        }
        self.node.give_back_slack();
    }

    /// What has to be freed and told since the last time. The indexes can be granted again from now on.
    pub fn drain(&mut self, clock: &impl Clock) -> Drained {
        self.serve_trim(clock);
        let now_ms = clock.now_ms();
        self.age(now_ms);
        self.settle(0, now_ms);
        let freed = std::mem::take(&mut self.freed);
        for index in &freed {
            self.table.vacate(*index);
        }
        Drained { freed, crossings: std::mem::take(&mut self.crossings) }
    }

    /// The class bits to look through for a chunk of about `bytes`.
    #[inline]
    pub(super) fn bits_near(bytes: u32) -> u16 {
        near(class_of(bytes))
    }
}
