//! Managers on several threads under one process budget: what is asked for is granted or refused with the figures, nobody
//! waits, the limit holds at every moment, and at the end every counter is back at its start. One test only: the
//! statistics of the process are of everything in it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use primarena_core::arena::{Manager, ManagerError, NO_OWNER, Options, Request, process_stats};
use primarena_core::budget::{Limits, Node, shared};

mod rng;
use rng::Rng;

const LIMIT: u64 = 2 << 20;
const SHARED: &str = "tests/threads/shared";

fn work(seed: u64, root: &Arc<Node>, now: &impl Fn() -> u64) -> (u64, u64) {
    let options = Options { quarantine_ms: 1, name: format!("memory {seed}"), ..Options::default() };
    let mut manager = Manager::new(options, root).unwrap();
    let owners = [
        NO_OWNER,
        manager.open_owner("own", Limits::NONE, false).unwrap(),
        manager.open_owner(SHARED, Limits { hard: 1 << 20, ..Limits::NONE }, true).unwrap(),
    ];
    let mut rng = Rng::new(seed);
    let mut leases = Vec::new();
    let (mut granted, mut refused) = (0, 0);
    for _ in 0..100_000 {
        let done = match rng.below(10) {
            0..3 => {
                let opened = manager.open(*rng.pick(&owners), Request::at_least(rng.size(300_000)), now);
                opened.map(|(lease, _)| leases.push(lease))
            }
            3 if !leases.is_empty() => {
                manager.grant(*rng.pick(&leases), Request::at_least(1), 1, now).map(drop)
            }
            4 => manager.charge(owners[1], 1000, now).and_then(|()| manager.uncharge(owners[1], 1000)),
            5 => {
                manager.drain(now);
                continue;
            }
            _ if !leases.is_empty() => {
                let lease = leases.swap_remove(rng.below(leases.len() as u64) as usize);
                manager.close(lease, 5, now).unwrap();
                continue;
            }
            _ => continue,
        };
        match done {
            Ok(()) => granted += 1,
            Err(ManagerError::Budget(exceeded)) => {
                assert_eq!(exceeded.chain.iter().filter(|level| level.refused).count(), 1);
                refused += 1;
            }
            Err(other) => panic!("unexpected: {other}"),
        }
    }
    // Every third thread ends in the middle of its work, as a terminated worker does.
    if !seed.is_multiple_of(3) {
        for lease in leases {
            manager.close(lease, 0, now).unwrap();
        }
    }
    (granted, refused)
}

#[test]
fn threads_share_the_limit_of_the_process() {
    let root = Node::root("process", Limits { hard: LIMIT, ..Limits::NONE });
    let start = std::time::Instant::now();
    let now = || start.elapsed().as_millis() as u64;
    let before = process_stats();
    // Keeps the shared account alive for the look at its end.
    let account = shared(SHARED, Limits { hard: 1 << 20, ..Limits::NONE });
    let done = AtomicBool::new(false);
    let totals: Vec<(u64, u64)> = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            while !done.load(Relaxed) {
                assert!(root.held() <= LIMIT && account.held() <= 1 << 20);
                process_stats();
                std::thread::yield_now();
            }
        });
        let threads: Vec<_> = (0..6)
            .map(|seed| {
                scope.spawn({
                    let (root, now) = (&root, &now);
                    move || work(seed, root, now)
                })
            })
            .collect();
        let totals = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        done.store(true, Relaxed);
        watch.join().unwrap();
        totals
    });
    assert!(totals.iter().all(|(granted, _)| *granted > 1000), "everybody got something: {totals:?}");
    assert!(totals.iter().any(|(_, refused)| *refused > 0), "and the limit was met: {totals:?}");
    assert_eq!((root.held(), account.held()), (0, 0));
    assert!(root.stats().peak <= LIMIT);
    let after = process_stats();
    assert_eq!((after.open_leases, after.leased_bytes, after.idle_bytes), (0, 0, 0));
    assert_eq!((after.used_bytes, after.charged_bytes, after.quarantined_bytes), (0, 0, 0));
    assert_eq!(after.open_owners, 0);
    assert!(
        after.grants - before.grants >= totals.iter().map(|(granted, _)| granted / 2).sum(),
        "totals stay"
    );
}
