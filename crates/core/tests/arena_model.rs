//! Random programs over the bump arena, checked against a naive model after every step: containment, overlap, alignment,
//! ownership, contents, accounting, limits. And with the chunk provider failing on its n-th request.

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ptr::NonNull;
use std::rc::Rc;

use primarena_core::arena::{
    AllocError, Arena, Bump, ChunkProvider, Growth, MAX_ALIGN, Mark, Retain, ScopeId, SystemChunks,
};
use primarena_core::budget::{Limits, Node, fault};

mod rng;
use rng::Rng;

/// The system's memory, with a ledger, failing when told to.
#[derive(Clone, Default)]
struct Ledger {
    live: Rc<RefCell<HashMap<usize, usize>>>,
    requests: Rc<Cell<u64>>,
    /// The request that fails, from 1; 0 for none.
    fail_at: Rc<Cell<u64>>,
    /// Every request that is larger fails.
    largest: Rc<Cell<usize>>,
}

impl Ledger {
    fn new() -> Ledger {
        let ledger = Ledger::default();
        ledger.largest.set(usize::MAX);
        ledger
    }

    fn live_bytes(&self) -> usize {
        self.live.borrow().values().sum()
    }
}

// SAFETY: memory comes from `SystemChunks`.
unsafe impl ChunkProvider for Ledger {
    fn acquire(&self, bytes: usize) -> Result<NonNull<u8>, AllocError> {
        self.requests.set(self.requests.get() + 1);
        if self.requests.get() == self.fail_at.get() || bytes > self.largest.get() {
            return Err(AllocError::OutOfMemory);
        }
        let chunk = SystemChunks::default().acquire(bytes)?;
        assert!(self.live.borrow_mut().insert(chunk.addr().get(), bytes).is_none());
        Ok(chunk)
    }

    unsafe fn release(&self, chunk: NonNull<u8>, bytes: usize) {
        assert_eq!(
            self.live.borrow_mut().remove(&chunk.addr().get()),
            Some(bytes),
            "given back as it was taken"
        );
        // SAFETY: the caller's promise.
        unsafe { SystemChunks::default().release(chunk, bytes) };
    }
}

struct Block {
    at: NonNull<u8>,
    bytes: usize,
    align: usize,
    /// The scope it is in; none for the arena itself.
    scope: Option<ScopeId>,
    stamp: u8,
}

/// What is true of an arena, kept the slow way.
struct World {
    arena: Arena<Ledger>,
    ledger: Ledger,
    blocks: Vec<Block>,
    scopes: Vec<(ScopeId, Option<ScopeId>)>,
    /// A mark, the blocks of the arena itself at that time, and the used bytes.
    marks: Vec<(Mark, usize, usize)>,
    stale_marks: Vec<Mark>,
    ended: Vec<ScopeId>,
    stamp: u8,
}

impl World {
    fn open(rng: &mut Rng) -> World {
        let ledger = Ledger::new();
        let growth = Growth { first_chunk_bytes: 64 << rng.below(7), max_chunk_bytes: 1024 << rng.below(6) };
        World {
            arena: Arena::new(ledger.clone(), growth),
            ledger,
            blocks: Vec::new(),
            scopes: Vec::new(),
            marks: Vec::new(),
            stale_marks: Vec::new(),
            ended: Vec::new(),
            stamp: 0,
        }
    }

    fn bump(&self, scope: Option<ScopeId>) -> &Bump<Ledger> {
        scope.map_or(&*self.arena, |scope| self.arena.scope(scope).expect("the model says that it is open"))
    }

    fn some_scope(&self, rng: &mut Rng) -> Option<ScopeId> {
        (!self.scopes.is_empty() && rng.below(3) > 0).then(|| rng.pick(&self.scopes).0)
    }

    fn alloc(&mut self, rng: &mut Rng) {
        let scope = self.some_scope(rng);
        let align = 1 << rng.below(13);
        let bytes = if rng.below(20) == 0 { 0 } else { rng.size(20_000) as usize };
        let bump = self.bump(scope);
        let (used, total) = (bump.used_bytes(), self.arena.total_bytes());
        let limit = self.arena.limit_bytes();
        match bump.alloc_layout(Layout::from_size_align(bytes, align).unwrap()) {
            Ok(at) => {
                let grown = bump.used_bytes() - used;
                if bytes == 0 {
                    assert!(grown < align, "nothing but alignment");
                    assert_eq!(at.addr().get() % align, 0);
                    return;
                }
                assert!(
                    (bytes..bytes + align.max(8) + 7).contains(&grown),
                    "{bytes} aligned to {align} took {grown}"
                );
                assert!(total <= limit && self.arena.total_bytes() <= limit, "limit {limit}, {total} before");
                self.stamp = self.stamp.wrapping_add(1);
                // SAFETY: just allocated with this size.
                unsafe { at.write_bytes(self.stamp, bytes) };
                self.blocks.push(Block { at, bytes, align, scope, stamp: self.stamp });
            }
            Err(error) => {
                assert_ne!(bytes, 0);
                assert_eq!(
                    (bump.used_bytes(), self.arena.total_bytes()),
                    (used, total),
                    "a failure changes nothing"
                );
                match error {
                    // A chunk that is just enough is the least that it would have taken.
                    AllocError::Limit => assert!(total > limit || total + bytes + align + 72 > limit),
                    AllocError::OutOfMemory => {
                        let largest = self.ledger.largest.get();
                        assert!(
                            self.ledger.fail_at.get() > 0 || (bytes + align).saturating_add(72) > largest
                        );
                    }
                    other => panic!("unexpected: {other}"),
                }
            }
        }
    }

    fn step(&mut self, rng: &mut Rng) {
        match rng.below(100) {
            0..60 => self.alloc(rng),
            60..67 => {
                let of_arena = self.blocks.iter().filter(|block| block.scope.is_none()).count();
                self.marks.push((self.arena.mark(), of_arena, self.arena.used_bytes()));
            }
            67..74 => self.rewind(rng),
            74..81 => {
                let parent = self.some_scope(rng);
                let id = self.arena.open_scope(parent).unwrap();
                self.scopes.push((id, parent));
            }
            81..86 if !self.scopes.is_empty() => {
                let id = rng.pick(&self.scopes).0;
                self.arena.close_scope(id).unwrap();
                self.end_scope(id);
            }
            86..91 => self.reset(rng),
            91..96 => {
                let total = self.arena.total_bytes();
                let limit = match rng.below(4) {
                    0 => rng.below(total as u64 + 1) as usize,
                    1 => total + rng.size(10_000) as usize,
                    _ => usize::MAX,
                };
                self.arena.set_limit_bytes(limit);
            }
            _ => self.use_ended(),
        }
        self.check();
    }

    fn rewind(&mut self, rng: &mut Rng) {
        if self.marks.is_empty() {
            return;
        }
        let index = rng.below(self.marks.len() as u64) as usize;
        let (mark, of_arena, used) = self.marks[index];
        self.arena.rewind(mark).unwrap();
        assert_eq!(self.arena.used_bytes(), used);
        let mut seen = 0;
        self.blocks.retain(|block| {
            seen += usize::from(block.scope.is_none());
            block.scope.is_some() || seen <= of_arena
        });
        // A mark at the very same position is as good as this one.
        self.marks.truncate(index + 1);
    }

    fn reset(&mut self, rng: &mut Rng) {
        let retain = match rng.below(4) {
            0 => Retain::None,
            1 => Retain::All,
            _ => Retain::Bytes(rng.size(100_000) as usize),
        };
        let before: Vec<(usize, usize)> = self.arena.chunks();
        let used = self.arena.used_bytes();
        let limit = self.arena.limit_bytes();
        let kept = self.arena.reset(retain);
        for (id, _) in std::mem::take(&mut self.scopes) {
            self.end_scope(id);
        }
        self.blocks.clear();
        self.stale_marks.extend(self.marks.drain(..).map(|(mark, ..)| mark));
        assert_eq!(self.arena.used_bytes(), 0);
        let chunks = self.arena.chunks();
        assert_eq!(self.arena.total_bytes(), chunks.iter().map(|(_, bytes)| bytes).sum::<usize>());
        assert!(self.arena.total_bytes() <= limit, "a reset obeys the limit");
        match retain {
            Retain::None => assert!(chunks.is_empty()),
            Retain::All => {
                let all: usize = before.iter().map(|(_, bytes)| bytes).sum();
                if all <= limit {
                    assert_eq!(chunks, before);
                }
            }
            Retain::Bytes(most) => {
                assert!(chunks.len() <= 1);
                assert!(self.arena.total_bytes() <= most);
                if kept && used > 0 && most.min(limit) >= 64 {
                    assert!(
                        self.arena.total_bytes() >= used.min((most.min(limit)) / 64 * 64),
                        "holds the last cycle"
                    );
                }
            }
        }
    }

    /// The scope and those in it have ended.
    fn end_scope(&mut self, id: ScopeId) {
        let mut ended = vec![id];
        while let Some(id) = ended.pop() {
            self.scopes.retain(|(scope, parent)| {
                if *parent == Some(id) {
                    ended.push(*scope);
                }
                *scope != id && *parent != Some(id)
            });
            self.blocks.retain(|block| block.scope != Some(id));
            self.ended.push(id);
        }
    }

    /// What has ended answers so.
    fn use_ended(&mut self) {
        for id in self.ended.clone() {
            assert!(self.arena.scope(id).is_err());
            assert!(self.arena.open_scope(Some(id)).is_err());
            assert!(self.arena.close_scope(id).is_err());
        }
        for mark in self.stale_marks.clone() {
            assert!(self.arena.rewind(mark).is_err());
        }
    }

    fn check(&self) {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for block in &self.blocks {
            let start = block.at.addr().get();
            assert_eq!(start % block.align, 0);
            let chunks = self.bump(block.scope).chunks();
            assert!(
                chunks.iter().any(|(at, bytes)| start >= *at && start + block.bytes <= at + bytes),
                "a block lies in a chunk of the scope that it was allocated in"
            );
            // SAFETY: the model says that the block is live.
            let bytes = unsafe { std::slice::from_raw_parts(block.at.as_ptr(), block.bytes) };
            assert!(bytes.iter().all(|byte| *byte == block.stamp), "nobody else wrote there");
            ranges.push((start, start + block.bytes));
        }
        ranges.sort_unstable();
        assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0), "no two overlap");

        let mut total = 0;
        for scope in std::iter::once(None).chain(self.scopes.iter().map(|(id, _)| Some(*id))) {
            let bump = self.bump(scope);
            let live: usize =
                self.blocks.iter().filter(|block| block.scope == scope).map(|block| block.bytes).sum();
            assert!(bump.used_bytes() >= live && bump.used_bytes() <= bump.capacity_bytes());
            for (at, bytes) in bump.chunks() {
                assert_eq!(self.ledger.live.borrow().get(&at), Some(&bytes), "a chunk is the provider's");
            }
            total += bump.capacity_bytes();
        }
        assert_eq!(total, self.arena.total_bytes());
        assert_eq!(total, self.ledger.live_bytes(), "no chunk is without an owner");
        assert!(self.arena.peak_bytes() >= total);
    }

    fn close(self) {
        let ledger = self.ledger.clone();
        drop(self);
        assert_eq!(ledger.live_bytes(), 0);
    }
}

#[test]
fn arena_programs_agree_with_the_model() {
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let mut world = World::open(&mut rng);
        for _ in 0..200 {
            world.step(&mut rng);
        }
        world.close();
    }
}

#[test]
fn arena_programs_survive_every_failing_request() {
    for seed in 0..12 {
        // First without a failure, to know how many requests there are; then with each of them failing.
        let mut requests = 0;
        let mut fail_at = 0;
        while fail_at <= requests {
            let mut rng = Rng::new(1000 + seed);
            let mut world = World::open(&mut rng);
            world.ledger.fail_at.set(fail_at);
            for _ in 0..80 {
                world.step(&mut rng);
            }
            requests = requests.max(world.ledger.requests.get().min(150));
            world.close();
            fail_at += 1;
        }
        assert!(requests > 5, "seed {seed}: {requests} requests");
    }
}

#[test]
fn arena_programs_work_with_a_provider_of_small_chunks() {
    for seed in 0..50 {
        let mut rng = Rng::new(2000 + seed);
        let mut world = World::open(&mut rng);
        world.ledger.largest.set(rng.size(30_000) as usize);
        for _ in 0..150 {
            world.step(&mut rng);
        }
        world.close();
    }
}

fn small() -> Growth {
    Growth { first_chunk_bytes: 1024, max_chunk_bytes: 16 << 10 }
}

#[test]
fn arena_sizes_around_every_border() {
    for first in [64, 1024] {
        for fill in 0..70 {
            for size in 0..130 {
                let growth = Growth { first_chunk_bytes: first, max_chunk_bytes: 4096 };
                let arena = Arena::new(Ledger::new(), growth);
                let a = arena.alloc_fill(fill, 1u8).unwrap();
                let b = arena.alloc_fill(size, 2u8).unwrap();
                let c = arena.alloc(3u64).unwrap();
                assert!(a.iter().all(|byte| *byte == 1) && b.iter().all(|byte| *byte == 2) && *c == 3);
                assert!(
                    arena.used_bytes() >= fill + size + 8 && arena.used_bytes() < fill + size + 8 + 2 * 8
                );
            }
        }
    }
}

#[test]
fn arena_alignments_up_to_a_page() {
    for shift in 0..13 {
        let align = 1 << shift;
        for offset in [0, 1, 63, 64, 1000] {
            let arena = Arena::new(Ledger::new(), small());
            arena.alloc_fill(offset, 0u8).unwrap();
            for size in [1, align - 1, align, align + 1] {
                let at = arena.alloc_layout(Layout::from_size_align(size, align).unwrap()).unwrap();
                assert_eq!(at.addr().get() % align, 0);
            }
        }
    }
    let arena = Arena::new(Ledger::new(), small());
    for size in [0, 1, 10_000] {
        let layout = Layout::from_size_align(size, 2 * MAX_ALIGN).unwrap();
        assert_eq!(arena.alloc_layout(layout), Err(AllocError::TooLarge));
    }
    assert_eq!(arena.alloc_fill(usize::MAX, 0u64), Err(AllocError::TooLarge));
    assert_eq!(arena.alloc_fill(isize::MAX as usize, 0u8).unwrap_err(), AllocError::TooLarge);
}

#[test]
fn arena_copies_slices_and_strings() {
    let arena = Arena::default();
    let numbers = arena.alloc_slice(&[1u16, 2, 3]).unwrap();
    let text = arena.alloc_str("żółw").unwrap();
    let nothing = arena.alloc_slice::<u64>(&[]).unwrap();
    numbers[0] = 9;
    assert_eq!((&*numbers, &*text, nothing.len()), (&[9, 2, 3][..], "żółw", 0));
}

#[test]
fn arena_large_requests_get_chunks_of_their_own() {
    let arena = Arena::new(Ledger::new(), small());
    let first = arena.alloc(1u8).unwrap() as *const u8;
    arena.alloc_fill(9000, 0u8).unwrap();
    let second = arena.alloc(2u8).unwrap() as *const u8;
    assert_eq!(second.addr(), first.addr() + 8, "the current chunk goes on");
    assert_eq!(arena.chunks().iter().map(|(_, bytes)| *bytes).collect::<Vec<_>>(), [1024, 9024]);
}

#[test]
fn arena_resets_converge_to_one_chunk() {
    let ledger = Ledger::new();
    let mut arena = Arena::new(ledger.clone(), small());
    for cycle in 0..6 {
        for _ in 0..100 {
            arena.alloc_fill(100, 0u8).unwrap();
        }
        let requests = ledger.requests.get();
        assert!(arena.reset(Retain::Bytes(1 << 20)));
        assert_eq!(arena.chunks().iter().map(|(_, bytes)| *bytes).collect::<Vec<_>>(), [16384]);
        assert_eq!(
            ledger.requests.get() - requests,
            u64::from(cycle == 0),
            "one consolidation, then nothing"
        );
    }
    arena.reset(Retain::Bytes(5000));
    assert_eq!(arena.total_bytes(), 5000 / 64 * 64);
    arena.reset(Retain::None);
    assert_eq!(arena.total_bytes(), 0);
    arena.alloc_fill(900, 0u8).unwrap();
    ledger.largest.set(0);
    assert!(arena.reset(Retain::Bytes(1 << 20)), "the chunk that is there is enough");
    assert_eq!(arena.total_bytes(), 1024);
    assert!(arena.alloc_fill(3000, 0u8).is_err());
    ledger.largest.set(usize::MAX);
    arena.alloc_fill(900, 0u8).unwrap();
    arena.alloc_fill(3000, 0u8).unwrap();
    ledger.largest.set(0);
    assert!(arena.reset(Retain::Bytes(1 << 20)), "4 KiB hold the largest cycle");
    assert_eq!(arena.total_bytes(), 4096);
    ledger.largest.set(usize::MAX);
    arena.alloc_fill(9000, 0u8).unwrap();
    ledger.largest.set(0);
    assert!(!arena.reset(Retain::Bytes(1 << 20)), "the consolidation failed");
    assert_eq!(arena.total_bytes(), 0);
    ledger.largest.set(usize::MAX);
    arena.alloc(1u8).expect("and the arena works all the same");
}

#[test]
fn arena_limits_hold_when_lowered_below_what_is_held() {
    let mut arena = Arena::new(Ledger::new(), small());
    arena.alloc(0u64).unwrap();
    let scope = arena.open_scope(None).unwrap();
    arena.scope(scope).unwrap().alloc(0u64).unwrap();
    let total = arena.total_bytes();
    for limit in [0, 8, total - 1] {
        arena.set_limit_bytes(limit);
        assert_eq!(arena.alloc(1u8), Err(AllocError::Limit), "although the chunk has room");
        assert_eq!(arena.scope(scope).unwrap().alloc(1u8), Err(AllocError::Limit));
        arena.scoped(|inner| assert_eq!(inner.alloc(1u8), Err(AllocError::Limit)));
        arena.alloc(()).expect("nothing fits always");
        arena.set_limit_bytes(total);
        arena.alloc(1u8).expect("at the limit the chunks are filled");
    }
    arena.set_limit_bytes(1024);
    assert_eq!(arena.alloc(1u8), Err(AllocError::Limit));
    arena.close_scope(scope).unwrap();
    arena.alloc(1u8).expect("enough was given back");
    arena.scoped(|inner| {
        arena.set_limit_bytes(usize::MAX);
        inner.alloc(1u8).unwrap();
        arena.set_limit_bytes(1024);
        assert_eq!(inner.alloc(1u8), Err(AllocError::Limit), "a running scope is bound as well");
    });
    assert_eq!(arena.total_bytes(), 1024);
}

#[test]
fn arena_near_its_limit_takes_a_chunk_that_is_just_enough() {
    let arena = Arena::new(Ledger::new(), Growth::default());
    arena.set_limit_bytes(128);
    arena.alloc_fill(100, 0u8).unwrap();
    assert_eq!(arena.total_bytes(), 128);
}

#[test]
fn arena_chunks_are_charged_to_a_budget() {
    let node = Node::root("cache", Limits { hard: 4096, ..Limits::NONE });
    let mut arena = Arena::new(SystemChunks::charged_to(node.clone()), small());
    arena.alloc_fill(1000, 0u8).unwrap();
    assert_eq!(node.held(), 1024);
    assert!(arena.alloc_fill(4000, 0u8).is_err());
    fault::fail_after(1);
    arena.alloc_fill(1000, 0u8).expect("a smaller chunk may be had when a larger one is refused");
    assert_eq!((node.held() as usize, fault::remaining()), (arena.total_bytes(), 0));
    arena.reset(Retain::None);
    assert_eq!(node.held(), 0);
}

#[test]
fn arena_marks_of_others_are_refused() {
    let mut a = Arena::new(Ledger::new(), small());
    let b = Arena::new(Ledger::new(), small());
    a.alloc(1u8).unwrap();
    assert!(a.rewind(b.mark()).is_err());
    let early = a.mark();
    a.alloc_fill(5000, 0u8).unwrap();
    let late = a.mark();
    a.rewind(early).unwrap();
    assert!(a.rewind(late).is_err(), "it was rewound past");
    a.alloc_fill(50_000, 0u8).unwrap();
    let late = a.mark();
    a.rewind(early).unwrap();
    assert!(a.rewind(late).is_err(), "it was rewound past a chunk of a single request");
}

#[test]
fn arena_scoped_ends_also_when_it_unwinds() {
    let arena = Arena::new(Ledger::new(), small());
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        arena.scoped(|scope| {
            scope.alloc(1u64).unwrap();
            panic!("on purpose");
        })
    }));
    assert!(result.is_err());
    assert_eq!(arena.total_bytes(), 0);
    assert_eq!(arena.scoped(|scope| *scope.alloc(7u64).unwrap()), 7);
}
