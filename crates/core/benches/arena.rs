//! The bump arena against bumpalo: small values, reset and start again. And the manager's open, grant, close.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use primarena_core::arena::{Arena, Growth, Manager, NO_OWNER, Options, Request, Retain, SystemChunks};
use primarena_core::budget::{Limits, Node};

/// Values for each reset: about what one operation of a service allocates.
const VALUES: usize = 1000;

fn values<const WORDS: usize>(c: &mut Criterion) {
    let mut group = c.benchmark_group(format!("alloc of {} bytes", WORDS * 8));
    group.throughput(Throughput::Elements(VALUES as u64));
    group.bench_function("arena", |b| {
        let mut arena = Arena::new(SystemChunks::default(), Growth::default());
        b.iter(|| {
            for i in 0..VALUES {
                black_box(arena.alloc([black_box(i as u64); WORDS]).unwrap());
            }
            arena.reset(Retain::Bytes(1 << 20));
        });
    });
    group.bench_function("bumpalo try_alloc", |b| {
        let mut bump = bumpalo::Bump::new();
        b.iter(|| {
            for i in 0..VALUES {
                black_box(bump.try_alloc([black_box(i as u64); WORDS]).unwrap());
            }
            bump.reset();
        });
    });
    group.bench_function("bumpalo alloc", |b| {
        let mut bump = bumpalo::Bump::new();
        b.iter(|| {
            for i in 0..VALUES {
                black_box(bump.alloc([black_box(i as u64); WORDS]));
            }
            bump.reset();
        });
    });
    group.finish();
}

fn fresh(c: &mut Criterion) {
    let mut group = c.benchmark_group("new, 1000 values of 24 bytes, drop");
    group.bench_function("arena", |b| {
        b.iter_batched(
            Arena::default,
            |arena| {
                for i in 0..VALUES {
                    black_box(arena.alloc([i as u64; 3]).unwrap());
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("bumpalo", |b| {
        b.iter_batched(
            bumpalo::Bump::new,
            |bump| {
                for i in 0..VALUES {
                    black_box(bump.try_alloc([i as u64; 3]).unwrap());
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn manager(c: &mut Criterion) {
    let root = Node::root("process", Limits { soft: 1 << 40, hard: 1 << 41 });
    let mut manager = Manager::new(Options::default(), &root).unwrap();
    let owners: Vec<u32> = (0..1000)
        .map(|i| manager.open_owner(&i.to_string(), Limits { soft: 1 << 30, hard: 1 << 31 }, false).unwrap())
        .collect();
    let mut group = c.benchmark_group("manager");
    for (name, grants) in [("open, close", 0), ("open, grant, close", 1)] {
        group.bench_function(BenchmarkId::new(name, "one owner"), |b| {
            b.iter(|| {
                let (lease, _) = manager.open(NO_OWNER, Request::at_least(100), &0).unwrap();
                for _ in 0..grants {
                    manager.grant(lease, Request::at_least(100), 8000, &0).unwrap();
                }
                manager.close(lease, black_box(100), &0).unwrap()
            });
        });
        let mut next = 0;
        group.bench_function(BenchmarkId::new(name, "1000 owners in turn"), |b| {
            b.iter(|| {
                next = (next + 1) % owners.len();
                let (lease, _) = manager.open(owners[next], Request::at_least(100), &0).unwrap();
                for _ in 0..grants {
                    manager.grant(lease, Request::at_least(100), 8000, &0).unwrap();
                }
                manager.close(lease, black_box(100), &0).unwrap()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, values::<1>, values::<2>, values::<4>, values::<8>, fresh, manager);
criterion_main!(benches);
