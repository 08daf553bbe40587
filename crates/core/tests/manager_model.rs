//! Random programs over the manager, checked against a naive model after every step: no chunk in two hands, quarantine
//! and wiping, limits, trims, exact accounting, and refusals only where nothing was possible.

use std::collections::HashMap;
use std::sync::Arc;

use primarena_core::arena::{Grant, Manager, ManagerError, NO_OWNER, Options, Request};
use primarena_core::budget::{Limits, Node, UNLIMITED, fault};

mod rng;
use rng::Rng;

const PAGE: u64 = 4096;
const LARGEST_CLASS: u64 = 8 << 20;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Leased,
    /// The last owner, if it is still open, and when it was released.
    Idle(Option<u32>, u64),
    /// Given up, not drained yet.
    Freed,
}

struct Chunk {
    capacity: u64,
    /// Its true high-water mark since the last wipe.
    dirty: u64,
    place: Place,
}

struct Lease {
    handle: u32,
    owner: u32,
    chunks: Vec<u32>,
    /// Whether the last of them is being filled.
    filling: bool,
    filled: u64,
}

struct Owner {
    number: u32,
    hard: u64,
    charged: u64,
}

struct World {
    root: Arc<Node>,
    root_hard: u64,
    hard: u64,
    options: Options,
    manager: Manager,
    now: u64,
    owners: Vec<Owner>,
    leases: Vec<Lease>,
    chunks: HashMap<u32, Chunk>,
    /// Everything idle had to go when this was asked for, and was not yet looked at.
    trim_asked: bool,
    /// The last trim that was carried out.
    trimmed_at: Option<u64>,
    stale_leases: Vec<u32>,
    stale_owners: Vec<u32>,
}

impl World {
    fn open(rng: &mut Rng, paranoid: bool) -> World {
        let root = Node::root("process", Limits::NONE);
        let options = Options {
            quarantine_ms: *rng.pick(&[0, 1, 100]),
            idle_limit_bytes: rng.size(1 << 20),
            quarantine_limit_bytes: rng.size(1 << 20),
            first_chunk_bytes: 4096 << rng.below(3),
            max_chunk_bytes: 4096 << rng.below(7),
            paranoid,
            ..Options::default()
        };
        World {
            manager: Manager::new(options.clone(), &root).unwrap(),
            root,
            root_hard: UNLIMITED,
            hard: UNLIMITED,
            options,
            now: 1000,
            owners: vec![Owner { number: NO_OWNER, hard: UNLIMITED, charged: 0 }],
            leases: Vec::new(),
            chunks: HashMap::new(),
            trim_asked: false,
            trimmed_at: None,
            stale_leases: Vec::new(),
            stale_owners: Vec::new(),
        }
    }

    fn is_aged(&self, released_at: u64) -> bool {
        self.now - released_at >= self.options.quarantine_ms
    }

    fn leased_by(&self, owner: u32) -> u64 {
        let leases = self.leases.iter().filter(|lease| lease.owner == owner);
        leases.flat_map(|lease| &lease.chunks).map(|chunk| self.chunks[chunk].capacity).sum()
    }

    fn held_by(&self, owner: &Owner) -> u64 {
        self.leased_by(owner.number) + owner.charged
    }

    /// What cannot be freed now.
    fn bound_bytes(&self) -> u64 {
        let chunks: u64 = self
            .chunks
            .values()
            .filter(|chunk| match chunk.place {
                Place::Leased => true,
                Place::Idle(_, released_at) => !self.is_aged(released_at),
                Place::Freed => false,
            })
            .map(|chunk| chunk.capacity)
            .sum();
        chunks + self.owners.iter().map(|owner| owner.charged).sum::<u64>()
    }

    /// Whether a request could be satisfied by anything the rules allow.
    fn possible(&self, owner: &Owner, min: u64, most: u64) -> bool {
        let room = owner.hard.saturating_sub(self.held_by(owner));
        let idle = self.chunks.values().any(|chunk| {
            // Odd sizes, which are looked for among the oversized only, need not be found.
            let sized = chunk.capacity.is_power_of_two() && chunk.capacity <= LARGEST_CLASS;
            let mine = |holder| holder == Some(owner.number) && !self.options.paranoid;
            sized
                && (min..=most.min(room)).contains(&chunk.capacity)
                && match chunk.place {
                    // What may be used by all is freed first when a trim was asked for.
                    Place::Idle(_, at) if self.is_aged(at) => !self.trim_asked,
                    Place::Idle(holder, _) => mine(holder),
                    _ => false,
                }
        });
        let exact = min.max(1).next_multiple_of(PAGE);
        let free = self.hard.min(self.root_hard).saturating_sub(self.bound_bytes());
        // An idle chunk of an odd size may have been counted as free though only its neighbours were tried; it is freed
        // as well, so nothing is left out here.
        idle || exact <= most.min(room).min(free)
    }

    /// Takes over what a grant says, having checked that the rules allow it.
    fn granted(&mut self, owner: u32, grant: Grant, min: u64, most: u64) {
        let capacity = u64::from(grant.capacity);
        assert!(capacity >= min && capacity <= most && capacity % PAGE == 0, "{grant:?} for {min}..={most}");
        if grant.fresh {
            let before = self.chunks.get(&grant.chunk);
            assert!(before.is_none(), "index {} was {:?}", grant.chunk, before.map(|chunk| chunk.place));
            assert_eq!(grant.wipe_bytes, 0);
            self.chunks.insert(grant.chunk, Chunk { capacity, dirty: 0, place: Place::Leased });
            return;
        }
        let chunk = &self.chunks[&grant.chunk];
        let Place::Idle(holder, released_at) = chunk.place else {
            panic!("chunk {} was granted while {:?}", grant.chunk, chunk.place)
        };
        let same = holder == Some(owner);
        assert_eq!(chunk.capacity, capacity);
        assert!(self.is_aged(released_at) || (same && !self.options.paranoid), "granted in quarantine");
        assert_eq!(
            u64::from(grant.wipe_bytes),
            if same { 0 } else { chunk.dirty },
            "wiped as far as it was used"
        );
        let dirty = if same { chunk.dirty } else { 0 };
        self.chunks.insert(grant.chunk, Chunk { capacity, dirty, place: Place::Leased });
    }

    /// A refusal changes nothing but idle chunks; and nothing else was possible.
    fn refused(&mut self, error: &ManagerError, injected: bool, possible: bool) {
        let ManagerError::Budget(exceeded) = error else { panic!("unexpected: {error}") };
        assert_eq!(exceeded.injected, injected, "{error}");
        assert!(injected || !possible, "refused though it was possible: {error}");
        assert_eq!(
            exceeded.chain.iter().filter(|level| level.refused).count(),
            usize::from(!injected),
            "{exceeded:?}"
        );
        if !injected {
            self.after_trim();
        }
    }

    fn request(&self, rng: &mut Rng) -> Request {
        let min_bytes = if rng.below(60) == 0 { rng.size(12 << 20) } else { rng.size(60_000) };
        let most_bytes = if rng.below(6) == 0 { rng.size(100_000) } else { u64::MAX };
        Request { min_bytes, hint_bytes: rng.size(200_000), most_bytes }
    }

    fn inject(rng: &mut Rng) -> bool {
        let injected = rng.below(25) == 0;
        fault::fail_after(u64::from(injected));
        injected
    }

    fn open_lease(&mut self, rng: &mut Rng) {
        let request = self.request(rng);
        let at = rng.below(self.owners.len() as u64) as usize;
        let owner = self.owners[at].number;
        let injected = Self::inject(rng);
        let possible = self.possible(&self.owners[at], request.min_bytes, request.most_bytes);
        match self.manager.open(owner, request, &self.now) {
            Ok((handle, grant)) => {
                assert!(!injected);
                self.after_trim();
                self.granted(owner, grant, request.min_bytes, request.most_bytes);
                let chunks = vec![grant.chunk];
                self.leases.push(Lease { handle, owner, chunks, filling: true, filled: 0 });
            }
            Err(error) => self.refused(&error, injected, possible),
        }
        fault::fail_after(0);
    }

    fn use_current(&mut self, rng: &mut Rng, at: usize) -> u64 {
        let lease = &self.leases[at];
        let Some(current) = lease.chunks.last().filter(|_| lease.filling) else {
            return rng.size(5000);
        };
        let chunk = self.chunks.get_mut(current).unwrap();
        let used = rng.size(chunk.capacity);
        chunk.dirty = chunk.dirty.max(used);
        used
    }

    fn grant(&mut self, rng: &mut Rng, at: usize) {
        let request = self.request(rng);
        let used = self.use_current(rng, at);
        let Lease { handle, owner, filling, .. } = self.leases[at];
        let counts = filling && !self.leases[at].chunks.is_empty();
        let injected = Self::inject(rng);
        let of = self.owners.iter().find(|other| other.number == owner).unwrap();
        let possible = self.possible(of, request.min_bytes, request.most_bytes);
        match self.manager.grant(handle, request, used, &self.now) {
            Ok(grant) => {
                assert!(!injected);
                self.after_trim();
                self.granted(owner, grant, request.min_bytes, request.most_bytes);
                let lease = &mut self.leases[at];
                lease.chunks.push(grant.chunk);
                lease.filled += if counts { used } else { 0 };
                lease.filling = true;
            }
            Err(error) => self.refused(&error, injected, possible),
        }
        fault::fail_after(0);
    }

    fn idle(&mut self, chunk: u32, owner: u32) {
        self.chunks.get_mut(&chunk).unwrap().place = Place::Idle(Some(owner), self.now);
    }

    fn close(&mut self, rng: &mut Rng, at: usize) {
        let used = self.use_current(rng, at);
        let lease = self.leases.swap_remove(at);
        let pending = self.manager.close(lease.handle, used, &self.now).unwrap();
        assert_eq!(pending, self.manager.pending());
        lease.chunks.iter().for_each(|chunk| self.idle(*chunk, lease.owner));
        self.stale_leases.push(lease.handle);
        self.after_trim();
        self.after_settling();
    }

    fn forget(&mut self, rng: &mut Rng, at: usize) {
        let lease = &mut self.leases[at];
        if lease.chunks.is_empty() {
            return;
        }
        let index = rng.below(lease.chunks.len() as u64) as usize;
        let chunk = lease.chunks.remove(index);
        if index == lease.chunks.len() {
            lease.filling = false;
        }
        self.manager.forget_chunk(lease.handle, chunk).unwrap();
        self.chunks.remove(&chunk);
        assert!(self.manager.forget_chunk(lease.handle, chunk).is_err());
    }

    fn charge(&mut self, rng: &mut Rng) {
        let at = rng.below(self.owners.len() as u64) as usize;
        let bytes = rng.size(100_000).max(1);
        let number = self.owners[at].number;
        if rng.below(2) == 0 {
            let given = bytes.min(self.owners[at].charged);
            self.manager.uncharge(number, given).unwrap();
            self.owners[at].charged -= given;
            let too_much = self.owners[at].charged + 1;
            assert!(self.manager.uncharge(number, too_much).is_err());
            return;
        }
        let injected = Self::inject(rng);
        let room = self.owners[at].hard.saturating_sub(self.held_by(&self.owners[at]));
        let free = self.hard.min(self.root_hard).saturating_sub(self.bound_bytes());
        match self.manager.charge(number, bytes, &self.now) {
            Ok(()) => {
                assert!(!injected && bytes <= room);
                self.after_trim();
                self.owners[at].charged += bytes;
            }
            Err(error) => self.refused(&error, injected, bytes <= room.min(free)),
        }
        fault::fail_after(0);
    }

    fn close_owner(&mut self, rng: &mut Rng) {
        let at = 1 + rng.below(self.owners.len() as u64 - 1) as usize;
        let Owner { number, charged, .. } = self.owners[at];
        let open = self.leases.iter().any(|lease| lease.owner == number);
        let force = rng.below(2) == 0;
        let result = self.manager.close_owner(number, force, &self.now);
        if !force && (open || charged > 0) {
            assert!(matches!(result, Err(ManagerError::Busy { .. })));
            return;
        }
        result.unwrap();
        for at in
            (0..self.leases.len()).rev().filter(|at| self.leases[*at].owner == number).collect::<Vec<_>>()
        {
            let lease = self.leases.swap_remove(at);
            if let Some(current) = lease.chunks.last().filter(|_| lease.filling) {
                let chunk = self.chunks.get_mut(current).unwrap();
                chunk.dirty = chunk.capacity;
            }
            lease.chunks.iter().for_each(|chunk| self.idle(*chunk, number));
            self.stale_leases.push(lease.handle);
        }
        for chunk in self.chunks.values_mut() {
            if let Place::Idle(holder, _) = &mut chunk.place {
                *holder = holder.filter(|holder| *holder != number);
            }
        }
        self.owners.swap_remove(at);
        self.stale_owners.push(number);
    }

    fn drain(&mut self) {
        let drained = self.manager.drain(&self.now);
        self.note_freed();
        for index in &drained.freed {
            let chunk = self.chunks.remove(index).expect("a chunk that the model knows");
            assert_eq!(chunk.place, Place::Freed);
        }
        assert!(self.chunks.values().all(|chunk| chunk.place != Place::Freed), "all that was freed is told");
        assert_eq!(self.manager.pending(), 0);
        self.after_trim();
        self.after_settling();
        if let Some(trimmed_at) = self.trimmed_at {
            let left = |chunk: &Chunk| matches!(chunk.place, Place::Idle(_, at) if at < trimmed_at && self.is_aged(at));
            assert!(!self.chunks.values().any(left), "what was idle at a trim is freed as soon as it may be");
        }
    }

    /// Which chunks were given up by the last call, and that they might be.
    fn note_freed(&mut self) {
        let (now, quarantine) = (self.now, self.options.quarantine_ms);
        for (index, chunk) in &mut self.chunks {
            if let Place::Idle(_, released_at) = chunk.place
                && self.manager.chunk_capacity(*index) == 0
            {
                assert!(now - released_at >= quarantine, "freed in quarantine");
                chunk.place = Place::Freed;
            }
        }
    }

    /// After a call that looks for trim requests.
    fn after_trim(&mut self) {
        self.note_freed();
        if std::mem::take(&mut self.trim_asked) {
            let left = |chunk: &Chunk| matches!(chunk.place, Place::Idle(_, at) if self.is_aged(at));
            assert!(!self.chunks.values().any(left), "a trim frees everything that may be freed");
            self.trimmed_at = Some(self.now);
        }
    }

    /// After a call that keeps the limit of idle memory.
    fn after_settling(&mut self) {
        self.note_freed();
        let idle = |aged_only: bool| -> u64 {
            let idle = self
                .chunks
                .values()
                .filter(|chunk| matches!(chunk.place, Place::Idle(_, at) if !aged_only || self.is_aged(at)));
            idle.map(|chunk| chunk.capacity).sum()
        };
        assert!(idle(false) <= self.options.idle_limit_bytes || idle(true) == 0);
    }

    fn set_limits(&mut self, rng: &mut Rng) {
        let limit = if rng.below(3) == 0 { UNLIMITED } else { rng.size(4 << 20) };
        let limits = Limits { hard: limit, soft: rng.size(4 << 20) };
        match rng.below(3) {
            0 => {
                self.root.set_limits(limits);
                self.root_hard = limit;
            }
            1 => {
                self.manager.set_limits(limits);
                self.hard = limit;
            }
            _ => {
                let at = rng.below(self.owners.len() as u64) as usize;
                self.manager.set_owner_limits(self.owners[at].number, limits).unwrap();
                self.owners[at].hard = limit;
            }
        }
    }

    fn step(&mut self, rng: &mut Rng) {
        let lease = (!self.leases.is_empty()).then(|| rng.below(self.leases.len() as u64) as usize);
        match (rng.below(100), lease) {
            (0..22, _) | (22..60, None) => self.open_lease(rng),
            (22..36, Some(at)) => self.grant(rng, at),
            (36..57, Some(at)) => self.close(rng, at),
            (57..59, Some(at)) => self.forget(rng, at),
            (59, Some(at)) => {
                let lease = self.leases.swap_remove(at);
                let capacity: u64 = lease.chunks.iter().map(|chunk| self.chunks[chunk].capacity).sum();
                assert_eq!(self.manager.abandon(lease.handle), Ok(capacity));
                self.chunks.retain(|index, _| !lease.chunks.contains(index));
                self.stale_leases.push(lease.handle);
            }
            (60..70, _) => self.charge(rng),
            (70..75, _) => {
                let number = self.manager.open_owner("agent", Limits::NONE, false).unwrap();
                self.owners.push(Owner { number, hard: UNLIMITED, charged: 0 });
            }
            (75..79, _) if self.owners.len() > 1 => self.close_owner(rng),
            (79..83, _) => self.set_limits(rng),
            (83..85, _) => {
                self.root.request_trim();
                self.trim_asked = true;
            }
            (85..86, _) => {
                self.trim_asked = true;
                self.manager.trim(&self.now);
                self.after_trim();
                // A request of the process, if there was one, is still to be served; it finds nothing more to do.
            }
            (86..92, _) => self.drain(),
            (92..98, _) => self.now += rng.size(200),
            _ => self.use_stale(),
        }
        self.note_freed();
        self.check();
    }

    fn use_stale(&mut self) {
        for lease in self.stale_leases.clone() {
            assert!(matches!(self.manager.close(lease, 0, &self.now), Err(ManagerError::Stale { .. })));
        }
        for owner in self.stale_owners.clone() {
            assert!(matches!(self.manager.charge(owner, 0, &self.now), Err(ManagerError::Stale { .. })));
        }
    }

    fn check(&mut self) {
        let sum = |wanted: fn(&Place) -> bool| -> u64 {
            self.chunks.values().filter(|chunk| wanted(&chunk.place)).map(|chunk| chunk.capacity).sum()
        };
        let leased = sum(|place| *place == Place::Leased);
        let idle = sum(|place| matches!(place, Place::Idle(..)));
        let young = self
            .chunks
            .values()
            .filter(|chunk| matches!(chunk.place, Place::Idle(_, at) if !self.is_aged(at)));
        let quarantined: u64 = young.map(|chunk| chunk.capacity).sum();
        let charged: u64 = self.owners.iter().map(|owner| owner.charged).sum();
        for (index, chunk) in &self.chunks {
            let want = if chunk.place == Place::Freed { 0 } else { chunk.capacity };
            assert_eq!(u64::from(self.manager.chunk_capacity(*index)), want);
        }
        assert_eq!(
            self.manager.node().held(),
            leased + idle + charged,
            "the Memory holds chunks and charges"
        );
        assert_eq!(self.root.held(), self.manager.node().stats().reservation);
        for owner in &self.owners {
            let stats = self.manager.owner_stats(owner.number).unwrap();
            assert_eq!(
                stats.node.held,
                self.held_by(owner),
                "an owner holds what its leases hold, and charges"
            );
            assert_eq!(
                (stats.leased_bytes, stats.charged_bytes),
                (self.leased_by(owner.number), owner.charged)
            );
            let leases = self.leases.iter().filter(|lease| lease.owner == owner.number).count();
            assert_eq!(stats.open_leases as usize, leases);
        }
        let now = self.now;
        let stats = self.manager.stats(&now);
        // Reading the figures ends quarantines, and with that frees what was waiting to be freed.
        self.note_freed();
        let idle_now: u64 = self
            .chunks
            .values()
            .filter(|chunk| matches!(chunk.place, Place::Idle(..)))
            .map(|chunk| chunk.capacity)
            .sum();
        assert_eq!((stats.leased_bytes, stats.idle_bytes), (leased, idle_now));
        assert_eq!((stats.quarantined_bytes, stats.charged_bytes), (quarantined, charged));
        assert_eq!(stats.open_leases as usize, self.leases.len());
        assert_eq!(stats.open_owners as usize, self.owners.len() - 1);
        assert_eq!(stats.used_bytes, self.leases.iter().map(|lease| lease.filled).sum::<u64>());
    }

    /// Everything closed, trimmed and drained, every counter is back at its start.
    fn end(mut self, rng: &mut Rng) {
        self.drain();
        while !self.leases.is_empty() {
            self.close(rng, 0);
        }
        for owner in &mut self.owners {
            self.manager.uncharge(owner.number, owner.charged).unwrap();
            owner.charged = 0;
        }
        self.now += self.options.quarantine_ms;
        self.manager.trim(&self.now);
        self.drain();
        assert!(self.chunks.is_empty());
        assert_eq!((self.manager.node().held(), self.root.held()), (0, 0));
        self.check();
        drop(self.manager);
        assert_eq!(self.root.held(), 0);
    }
}

fn run(seeds: std::ops::Range<u64>, steps: usize, paranoid: bool) {
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| {
            let mut rng = Rng::new(seed);
            let mut world = World::open(&mut rng, paranoid);
            for _ in 0..steps {
                world.step(&mut rng);
            }
            world.end(&mut rng);
        });
        fault::fail_after(0);
        assert!(outcome.is_ok(), "seed {seed}, paranoid {paranoid}");
    }
}

#[test]
fn programs_agree_with_the_model() {
    run(0..600, 400, false);
}

#[test]
fn paranoid_programs_agree_with_the_model() {
    run(10000..10200, 400, true);
}

#[test]
fn dropping_a_manager_gives_everything_back_whatever_is_open() {
    for seed in 0..50 {
        let mut rng = Rng::new(5000 + seed);
        let mut world = World::open(&mut rng, false);
        for _ in 0..100 {
            world.step(&mut rng);
        }
        let root = world.root.clone();
        drop(world);
        assert_eq!(root.held(), 0, "seed {seed}");
    }
}
