//! The tree of budgets against a naive model, under threads, and with requests failing on purpose.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use primarena_core::budget::{Limits, Node, UNLIMITED, fault};

mod rng;
use rng::Rng;

const KIB: u64 = 1024;

fn hard(bytes: u64) -> Limits {
    Limits { hard: bytes, ..Limits::NONE }
}

#[test]
fn a_refusal_names_the_node_that_refused_and_takes_nothing() {
    let root = Node::root("process", hard(100 * KIB));
    let memory = Node::child(&root, "memory", hard(50 * KIB));
    let agent = Node::child(&memory, "agent", Limits::NONE);
    agent.reserve(40 * KIB).unwrap();
    let error = agent.reserve(11 * KIB).unwrap_err();
    let refused: Vec<_> = error.chain.iter().map(|level| (level.name.as_str(), level.refused)).collect();
    assert_eq!(refused, [("agent", false), ("memory", true), ("process", false)]);
    assert_eq!(error.chain[0].held, 40 * KIB);
    assert_eq!(error.requested, 11 * KIB);
    assert!(error.to_string().contains("'memory'"), "{error}");
    assert_eq!((agent.held(), agent.stats().peak), (40 * KIB, 40 * KIB));
    agent.reserve(10 * KIB).unwrap();
    agent.release(50 * KIB);
    assert_eq!((agent.held(), memory.held(), root.held()), (0, 0, 0));
}

#[test]
fn the_last_bytes_under_a_limit_can_be_used() {
    // 1,000 bytes of the root are less than a quantum of the child.
    let root = Node::root("process", hard(1000));
    let memory = Node::child(&root, "memory", Limits::NONE);
    memory.reserve(999).unwrap();
    memory.reserve(1).unwrap();
    assert!(memory.reserve(1).is_err());
    assert_eq!(root.held(), 1000);
    memory.release(1000);
    assert_eq!(root.held(), 0);
}

#[test]
fn a_limit_lowered_below_use_refuses_until_enough_is_back() {
    for lowered in [0, 1, 99, 100, 101, 199] {
        let root = Node::root("process", hard(200));
        let node = Node::child(&root, "memory", hard(200));
        node.reserve(200).unwrap();
        node.set_limits(hard(lowered));
        for held in (0..200).rev() {
            // `held + 1` are held here; one more byte fits once that stays within the new limit.
            let fits = held + 2 <= lowered;
            assert_eq!(node.reserve(1).is_ok(), fits, "limit {lowered}, {} held", held + 1);
            node.release(if fits { 2 } else { 1 });
        }
        assert_eq!((node.held(), root.held()), (0, 0));
    }
}

#[test]
fn spare_reservation_does_not_let_a_request_past_a_lowered_limit() {
    let root = Node::root("process", Limits::NONE);
    let node = Node::child(&root, "memory", Limits::NONE);
    node.reserve(100).unwrap();
    assert!(node.stats().reservation > 100, "a quantum was taken");
    node.set_limits(hard(100));
    assert!(node.reserve(1).is_err());
    root.set_limits(hard(0));
    node.set_limits(Limits::NONE);
    node.reserve(1).expect("the quantum was granted before the root was lowered");
    assert!(node.reserve(64 * KIB).is_err(), "but no more than the quantum");
    node.release(101);
}

#[test]
fn sums_that_overflow_are_refused() {
    let root = Node::root("process", Limits::NONE);
    let node = Node::child(&root, "memory", Limits::NONE);
    node.reserve(5).unwrap();
    assert!(node.reserve(u64::MAX).is_err());
    assert!(node.charge(u64::MAX).is_err());
    assert!(node.reserve(u64::MAX - 4).is_err());
    assert_eq!(node.held(), 5);
    node.release(5);
    assert_eq!(root.held(), 0);
}

#[test]
fn a_dropped_node_gives_back_what_it_held() {
    let root = Node::root("process", Limits::NONE);
    let memory = Node::child(&root, "memory", Limits::NONE);
    let agent = Node::child(&memory, "agent", Limits::NONE);
    agent.reserve(70 * KIB).unwrap();
    agent.charge(5).unwrap();
    memory.reserve(3).unwrap();
    drop(agent);
    assert_eq!(memory.held(), 3);
    drop(memory);
    assert_eq!(root.held(), 0);
}

#[test]
fn a_soft_crossing_is_noted_once_until_it_fell_an_eighth_below() {
    let node = Node::root("agent", Limits { soft: 800, hard: UNLIMITED });
    node.reserve(800).unwrap();
    assert!(!node.has_crossing(), "at the limit is not over it");
    node.reserve(1).unwrap();
    assert!(node.has_crossing());
    let crossing = node.take_crossing().unwrap();
    assert_eq!((crossing.name.as_str(), crossing.held, crossing.limit), ("agent", 801, 800));
    assert_eq!(node.take_crossing(), None);
    for _ in 0..3 {
        node.release(100);
        node.reserve(100).unwrap();
    }
    assert_eq!(node.take_crossing(), None, "701 and 801 are within the hysteresis");
    node.release(101);
    node.reserve(101).unwrap();
    assert!(node.take_crossing().is_some(), "700 armed it again");
    node.release(801);
    node.set_limits(Limits { soft: 10, hard: UNLIMITED });
    node.reserve(5).unwrap();
    node.set_limits(Limits { soft: 4, hard: UNLIMITED });
    assert!(node.take_crossing().is_some(), "lowering the limit crosses it too");
    node.release(5);
}

#[test]
fn a_crossing_that_fell_back_before_it_was_reported_is_still_reported() {
    let node = Node::root("agent", Limits { soft: 100, hard: UNLIMITED });
    node.reserve(101).unwrap();
    node.release(101);
    assert_eq!(node.take_crossing().unwrap().held, 0);
    node.reserve(101).unwrap();
    assert!(node.take_crossing().is_some());
    node.release(101);
}

#[test]
fn a_refused_request_leaves_neither_a_peak_nor_an_alarm() {
    let root = Node::root("process", hard(10));
    let node = Node::child(&root, "memory", Limits { soft: 50, hard: UNLIMITED });
    assert!(node.reserve(100).is_err());
    assert_eq!((node.stats().peak, node.has_crossing()), (0, false));
}

#[test]
fn the_nth_request_fails_on_purpose() {
    let root = Node::root("process", Limits::NONE);
    let node = Node::child(&root, "memory", Limits::NONE);
    for n in 1..=5 {
        let before = fault::injected_failures();
        fault::fail_after(n);
        for i in 1..=5 {
            let result = if i % 2 == 0 { node.charge(10) } else { node.reserve(10) };
            assert_eq!(result.is_err(), i == n, "request {i} with failAfter({n})");
            match result {
                Ok(()) if i % 2 == 0 => node.uncharge(10),
                Ok(()) => node.release(10),
                Err(error) => assert!(error.injected && error.to_string().contains("failAfter"), "{error}"),
            }
        }
        assert_eq!(fault::injected_failures() - before, 1);
        assert_eq!(fault::remaining(), 0);
    }
    assert_eq!((node.held(), root.held()), (0, 0));
}

/// A node as one would write it without atomics, slack or quanta.
#[derive(Default)]
struct Naive {
    parent: Option<usize>,
    reserved: u64,
    charged: u64,
    hard: u64,
}

/// What a node and everything below it reserved, plus its own charges: a lower bound of what it must hold.
fn exact(model: &[Naive], at: usize) -> u64 {
    let below: u64 =
        (0..model.len()).filter(|i| model[*i].parent == Some(at)).map(|i| through(model, i)).sum();
    model[at].reserved + model[at].charged + below
}

/// What passed through a node to the one above: all of it except its own charges.
fn through(model: &[Naive], at: usize) -> u64 {
    exact(model, at) - model[at].charged
}

#[test]
fn random_trees_agree_with_a_naive_model() {
    let quantum = 256 * KIB;
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        let mut nodes = vec![Node::root("root", Limits::NONE)];
        let mut model = vec![Naive { hard: UNLIMITED, ..Naive::default() }];
        for _ in 0..1 + rng.below(6) {
            let parent = rng.below(nodes.len() as u64) as usize;
            nodes.push(Node::child(&nodes[parent], "node", Limits::NONE));
            model.push(Naive { parent: Some(parent), hard: UNLIMITED, ..Naive::default() });
        }
        for step in 0..400 {
            let at = rng.below(nodes.len() as u64) as usize;
            let bytes = rng.size(1 << 21);
            match rng.below(6) {
                0 | 1 => {
                    let held: Vec<u64> = nodes.iter().map(|node| node.held()).collect();
                    if nodes[at].reserve(bytes).is_ok() {
                        model[at].reserved += bytes;
                    } else {
                        // Refused only if some node on the way could not take it, spare quanta of others included.
                        let mut way = Some(at);
                        let mut full = false;
                        while let Some(i) = way {
                            full |= held[i] + bytes > model[i].hard;
                            way = model[i].parent;
                        }
                        assert!(full, "seed {seed} step {step}: refused with room on the way");
                    }
                }
                2 => {
                    let fits = nodes[at].held() + bytes <= model[at].hard;
                    assert_eq!(nodes[at].charge(bytes).is_ok(), fits, "seed {seed} step {step}");
                    model[at].charged += if fits { bytes } else { 0 };
                }
                3 => {
                    let bytes = rng.below(model[at].reserved + 1);
                    nodes[at].release(bytes);
                    model[at].reserved -= bytes;
                }
                4 => {
                    let bytes = rng.below(model[at].charged + 1);
                    nodes[at].uncharge(bytes);
                    model[at].charged -= bytes;
                }
                _ => {
                    let limit = if rng.below(3) == 0 { UNLIMITED } else { rng.size(1 << 23) };
                    nodes[at].set_limits(hard(limit));
                    model[at].hard = limit;
                    if rng.below(2) == 0 {
                        nodes[at].give_back_slack();
                    }
                }
            }
            for i in 0..nodes.len() {
                let (held, want) = (nodes[i].held(), exact(&model, i));
                let children = model.iter().filter(|node| node.parent == Some(i)).count() as u64;
                let slack = 2 * quantum * 6 * children;
                assert!(
                    held >= want && held <= want + slack,
                    "seed {seed} step {step} node {i}: {held}, model {want}"
                );
                let below: u64 = (0..nodes.len())
                    .filter(|c| model[*c].parent == Some(i))
                    .map(|c| nodes[c].stats().reservation)
                    .sum();
                assert_eq!(
                    held,
                    model[i].reserved + model[i].charged + below,
                    "seed {seed} step {step} node {i}"
                );
                assert!(nodes[i].stats().peak >= held);
            }
        }
        for i in 0..nodes.len() {
            nodes[i].release(model[i].reserved);
            nodes[i].uncharge(model[i].charged);
        }
        assert!(nodes.iter().all(|node| node.held() == 0), "seed {seed}: everything was given back");
        assert!(nodes.iter().all(|node| node.stats().reservation == 0), "seed {seed}: no slack stays behind");
    }
}

#[test]
fn threads_never_get_more_than_the_limit_and_everything_comes_back() {
    const LIMIT: u64 = 1 << 20;
    let root = Node::root("process", hard(LIMIT));
    let shared = Node::child(&root, "shared", hard(LIMIT));
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let (root, shared) = (Arc::clone(&root), Arc::clone(&shared));
            scope.spawn(move || {
                let own = Node::child(&root, "own", Limits::NONE);
                let mut rng = Rng::new(seed);
                let mut held: Vec<(bool, u64)> = Vec::new();
                for _ in 0..100_000 {
                    let bytes = rng.size(1 << 17);
                    let mine = rng.below(2) == 0;
                    let node = if mine { &own } else { &shared };
                    if rng.below(2) == 0 && node.reserve(bytes).is_ok() {
                        held.push((mine, bytes));
                    } else if !held.is_empty() {
                        let (mine, bytes) = held.swap_remove(rng.below(held.len() as u64) as usize);
                        if mine { own.release(bytes) } else { shared.release(bytes) }
                    }
                    assert!(root.held() <= LIMIT, "the root never holds more than its limit");
                    assert!(shared.held() <= LIMIT);
                }
                for (mine, bytes) in held {
                    if mine { own.release(bytes) } else { shared.release(bytes) }
                }
            });
        }
    });
    assert_eq!((shared.held(), shared.stats().reservation), (0, 0));
    assert_eq!(root.held(), 0);
    assert!(root.stats().peak <= LIMIT);
}

#[test]
fn nothing_spare_stays_behind_when_the_last_two_release_at_once() {
    let root = Node::root("process", hard(20 * KIB));
    let shared = Node::child(&root, "shared", Limits::NONE);
    // Every round ends with nobody inside a call: whoever comes last looks.
    let inside = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        let round = |seed: u64| {
            let (root, shared, inside) = (&root, &shared, &inside);
            move || {
                let mut rng = Rng::new(seed);
                for _ in 0..200_000 {
                    inside.fetch_add(1, SeqCst);
                    let bytes = rng.size(18 * KIB);
                    if shared.reserve(bytes).is_ok() {
                        shared.release(bytes);
                    }
                    // The other one may come in between the two looks, but then it is inside at the third.
                    if inside.fetch_sub(1, SeqCst) == 1 {
                        let (held, spare) = (root.held(), shared.stats().reservation);
                        assert!(
                            inside.load(SeqCst) > 0 || (held, spare) == (0, 0) || root.held() == 0,
                            "{held} {spare}"
                        );
                    }
                }
            }
        };
        scope.spawn(round(1));
        scope.spawn(round(2));
    });
    assert_eq!((root.held(), shared.stats().reservation), (0, 0));
}

#[test]
fn threads_that_cross_a_soft_limit_together_raise_one_alarm() {
    let node = Node::root("shared", Limits { soft: 100, hard: UNLIMITED });
    let barrier = std::sync::Barrier::new(4);
    let crossings: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    (0..1000).filter(|_| node.reserve(1).is_ok() && node.take_crossing().is_some()).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(crossings, 1);
    assert_eq!(node.held(), 4000);
}
