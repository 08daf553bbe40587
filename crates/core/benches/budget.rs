//! What a budget check costs: the target is at most 150 ns for each chunk that is granted.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use primarena_core::budget::{Limits, Node};

fn budget(c: &mut Criterion) {
    let limits = Limits { soft: 1 << 40, hard: 1 << 41 };
    let root = Node::root("process", limits);
    let memory = Node::child(&root, "memory", limits);
    let agent = Node::child(&memory, "agent", limits);
    let mut group = c.benchmark_group("budget");
    group.bench_function("charge one node and give back (a reused chunk)", |b| {
        b.iter(|| {
            agent.charge(black_box(8192)).unwrap();
            agent.uncharge(black_box(8192));
        });
    });
    group.bench_function("charge the agent, reserve at the Memory, give both back (a fresh chunk)", |b| {
        b.iter(|| {
            agent.charge(black_box(65536)).unwrap();
            memory.reserve(black_box(65536)).unwrap();
            memory.release(black_box(65536));
            agent.uncharge(black_box(65536));
        });
    });
    group.bench_function("reserve through three levels and give back", |b| {
        b.iter(|| {
            agent.reserve(black_box(65536)).unwrap();
            agent.release(black_box(65536));
        });
    });
    group.finish();
}

criterion_group!(benches, budget);
criterion_main!(benches);
