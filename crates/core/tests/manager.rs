//! What the manager promises, one promise a test. The random programs are in `manager_model.rs`.

use std::sync::Arc;

use primarena_core::arena::{Grant, Manager, ManagerError, NO_OWNER, Options, Request};
use primarena_core::budget::{Limits, Node, UNLIMITED, fault};
use primarena_core::error::Code;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

struct World {
    root: Arc<Node>,
    manager: Manager,
}

fn world(options: Options) -> World {
    let root = Node::root("process", Limits::NONE);
    let manager = Manager::new(options, &root).unwrap();
    World { root, manager }
}

fn hard(bytes: u64) -> Limits {
    Limits { hard: bytes, ..Limits::NONE }
}

fn open(manager: &mut Manager, owner: u32, min: u64, now: u64) -> (u32, Grant) {
    manager.open(owner, Request::at_least(min), &now).unwrap()
}

fn refusers(error: &ManagerError) -> Vec<String> {
    let ManagerError::Budget(exceeded) = error else { panic!("expected a budget to refuse, got {error:?}") };
    exceeded.chain.iter().filter(|level| level.refused).map(|level| level.name.clone()).collect()
}

#[test]
fn the_same_owner_gets_its_latest_chunk_at_once_and_unwiped() {
    let World { mut manager, .. } = world(Options::default());
    let agent = manager.open_owner("agent", Limits::NONE, false).unwrap();
    let (a, first) = open(&mut manager, agent, 100, 0);
    let (b, second) = open(&mut manager, agent, 100, 0);
    assert!(first.fresh && second.fresh);
    assert_eq!((first.capacity, first.wipe_bytes), (8192, 0));
    manager.close(a, 50, &0).unwrap();
    manager.close(b, 60, &0).unwrap();
    let (_, again) = open(&mut manager, agent, 100, 0);
    assert_eq!(again, Grant { chunk: second.chunk, capacity: 8192, fresh: false, wipe_bytes: 0 });
}

#[test]
fn another_owner_gets_a_chunk_after_its_quarantine_and_wiped() {
    let World { mut manager, .. } = world(Options::default());
    let a = manager.open_owner("a", Limits::NONE, false).unwrap();
    let b = manager.open_owner("b", Limits::NONE, false).unwrap();
    let (lease, first) = open(&mut manager, a, 100, 0);
    manager.close(lease, 5000, &0).unwrap();
    let (lease, _) = open(&mut manager, a, 100, 0);
    manager.close(lease, 70, &1000).unwrap();
    assert_eq!(manager.stats(&1099).quarantined_bytes, 8192);
    let (lease, fresh) = open(&mut manager, b, 100, 1099);
    assert!(fresh.fresh && fresh.chunk != first.chunk, "99 ms are not 100");
    manager.close(lease, 0, &1099).unwrap();
    let (_, reused) = open(&mut manager, NO_OWNER, 100, 1100);
    assert_eq!(
        reused,
        Grant { chunk: first.chunk, capacity: 8192, fresh: false, wipe_bytes: 5000 },
        "5,000, not 70"
    );
    let stats = manager.stats(&1100);
    assert_eq!((stats.wipes, stats.wiped_bytes, stats.reuses, stats.grants), (1, 5000, 2, 4));
}

#[test]
fn the_owner_none_differs_from_every_agent() {
    let World { mut manager, .. } = world(Options::default());
    let agent = manager.open_owner("none", Limits::NONE, false).unwrap();
    let (lease, _) = open(&mut manager, NO_OWNER, 100, 0);
    manager.close(lease, 9, &0).unwrap();
    assert!(open(&mut manager, agent, 100, 0).1.fresh);
    assert!(!open(&mut manager, NO_OWNER, 100, 0).1.fresh, "but it is one owner");
    let error = manager.close_owner(NO_OWNER, true, &0).unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
}

#[test]
fn the_chunks_of_a_closed_owner_are_nobodys() {
    let World { mut manager, .. } = world(Options::default());
    let a = manager.open_owner("a", Limits::NONE, false).unwrap();
    let (lease, first) = open(&mut manager, a, 100, 0);
    manager.close(lease, 9, &0).unwrap();
    manager.close_owner(a, false, &0).unwrap();
    assert_eq!(manager.open(a, Request::at_least(1), &0).unwrap_err().code(), Code::StaleHandle);
    let again = manager.open_owner("a", Limits::NONE, false).unwrap();
    assert_ne!(a, again);
    assert!(open(&mut manager, again, 100, 50).1.fresh, "a new owner of the same name is another one");
    let (_, reused) = open(&mut manager, again, 100, 100);
    assert_eq!((reused.chunk, reused.wipe_bytes), (first.chunk, 9));
}

#[test]
fn an_owner_that_gets_the_place_of_a_closed_one_does_not_get_its_chunks() {
    let World { mut manager, .. } = world(Options::default());
    let first = manager.open_owner("first", Limits::NONE, false).unwrap();
    let (lease, grant) = open(&mut manager, first, 100, 0);
    manager.close(lease, 77, &0).unwrap();
    manager.close_owner(first, false, &0).unwrap();
    // Numbers wait before they are used again: after enough owners one has the same index.
    for _ in 0..200 {
        let other = manager.open_owner("other", Limits::NONE, false).unwrap();
        let (lease, fresh) = open(&mut manager, other, 100, 0);
        assert_ne!(fresh.chunk, grant.chunk);
        manager.forget_chunk(lease, fresh.chunk).unwrap();
        manager.close(lease, 0, &0).unwrap();
        manager.close_owner(other, false, &0).unwrap();
    }
    let same_index = std::iter::repeat_with(|| manager.open_owner("last", Limits::NONE, false).unwrap())
        .find(|owner| owner % (1 << 20) == first % (1 << 20))
        .unwrap();
    assert_ne!(same_index, first);
    assert_eq!(open(&mut manager, same_index, 100, 100).1.wipe_bytes, 77);
}

#[test]
fn an_owner_with_something_open_is_closed_by_force_only() {
    let World { root, mut manager } = world(Options::default());
    let a = manager.open_owner("a", Limits::NONE, false).unwrap();
    let (lease, _) = open(&mut manager, a, 100, 0);
    manager.charge(a, 500, &0).unwrap();
    let error = manager.close_owner(a, false, &0).unwrap_err();
    assert!(matches!(error, ManagerError::Busy { leases: 1, charged: 500, .. }), "{error}");
    manager.close_owner(a, true, &0).unwrap();
    assert_eq!(manager.close(lease, 0, &0).unwrap_err().code(), Code::StaleHandle);
    let stats = manager.stats(&0);
    assert_eq!(
        (stats.open_leases, stats.charged_bytes, stats.idle_bytes, stats.open_owners),
        (0, 0, 8192, 0)
    );
    assert_eq!(
        open(&mut manager, NO_OWNER, 1, 200).1.wipe_bytes,
        8192,
        "nobody said how much of it was used"
    );
    drop(manager);
    assert_eq!(root.held(), 0);
}

#[test]
fn chunks_grow_within_a_lease_and_large_requests_get_their_own() {
    let World { mut manager, .. } = world(Options { max_chunk_bytes: 32 << 10, ..Options::default() });
    let (lease, first) = open(&mut manager, NO_OWNER, 1, 0);
    let mut sizes = vec![first.capacity];
    for min in [1, 1, 1, 1, 100 * KIB, 9 * MIB + 1, 1] {
        sizes.push(manager.grant(lease, Request::at_least(min), 10, &0).unwrap().capacity);
    }
    assert_eq!(sizes, [8192, 16384, 32768, 32768, 32768, 131_072, (9 << 20) + 4096, 32768]);
    let stats = manager.stats(&0);
    assert_eq!((stats.used_bytes, stats.open_leases), (70, 1));
    assert_eq!(stats.leased_bytes, manager.node().held());
    manager.close(lease, 3, &0).unwrap();
    assert_eq!(manager.stats(&0).used_bytes, 0);
    assert_eq!(
        manager.open(NO_OWNER, Request::at_least(2048 * MIB), &0).unwrap_err().code(),
        Code::InvalidArgument
    );
    let (_, reused) = open(&mut manager, NO_OWNER, 9 * MIB, 0);
    assert!(!reused.fresh, "an oversized chunk serves a request of about its size again");
}

#[test]
fn a_first_chunk_follows_its_hint_and_the_budget_may_cut_it() {
    let World { mut manager, .. } = world(Options::default());
    let agent = manager.open_owner("agent", hard(20 * KIB), false).unwrap();
    let (lease, grant) =
        manager.open(agent, Request { hint_bytes: 12 * KIB, ..Request::at_least(100) }, &0).unwrap();
    assert_eq!(grant.capacity, 16384);
    assert_eq!(
        manager.grant(lease, Request::at_least(100), 0, &0).unwrap().capacity,
        4096,
        "32 KiB were wanted, 4 KiB are left and enough"
    );
    let error = manager.grant(lease, Request::at_least(100), 0, &0).unwrap_err();
    assert_eq!(refusers(&error), ["agent"]);
    assert_eq!(error.code(), Code::BudgetExceeded);
    assert_eq!(manager.stats(&0).refusals, 1);
    let none = manager.open(NO_OWNER, Request::at_least(1), &0);
    assert!(none.is_ok(), "another owner's budget is its own");
}

#[test]
fn a_chunk_is_never_larger_than_limits_elsewhere_allow() {
    let World { mut manager, .. } = world(Options::default());
    let ask = |min, most| Request { min_bytes: min, hint_bytes: 0, most_bytes: most };
    let (lease, grant) = manager.open(NO_OWNER, ask(100, 5000), &0).unwrap();
    assert_eq!(grant.capacity, 4096, "8 KiB is usual");
    let sizes: Vec<u32> = [(4000, 4096), (5000, 70_000), (9000, 12_288), (20 * MIB, 20 * MIB)]
        .into_iter()
        .map(|(min, most)| manager.grant(lease, ask(min, most), 0, &0).unwrap().capacity)
        .collect();
    assert_eq!(sizes, [4096, 8192, 12_288, 20 << 20]);
    let error = manager.grant(lease, ask(4097, 8191), 0, &0).unwrap_err();
    assert_eq!(refusers(&error), ["operation"]);
    manager.close(lease, 0, &0).unwrap();
    let (_, grant) = manager.open(NO_OWNER, ask(1, 4096), &0).unwrap();
    assert_eq!((grant.fresh, grant.capacity), (false, 4096), "larger idle ones are passed over");
}

#[test]
fn at_the_quarantine_limit_fresh_memory_is_taken_then_the_budget_refuses() {
    let options = Options { quarantine_limit_bytes: 8 * KIB, limits: hard(24 * KIB), ..Options::default() };
    let World { mut manager, .. } = world(options);
    let owners: Vec<u32> =
        (0..4).map(|i| manager.open_owner(&i.to_string(), Limits::NONE, false).unwrap()).collect();
    for owner in &owners[..3] {
        let (lease, grant) = open(&mut manager, *owner, 8192, 0);
        assert!(grant.fresh);
        manager.close(lease, 1, &0).unwrap();
    }
    let error = manager.open(owners[3], Request::at_least(8192), &99).unwrap_err();
    assert_eq!(refusers(&error), ["memory"], "never early reuse");
    let (lease, _) = open(&mut manager, owners[3], 8192, 100);
    // The first was within the limit and is reused; the two above it are freed, their quarantine being over.
    assert_eq!(manager.drain(&100).freed.len(), 2);
    assert_eq!(manager.node().held(), 8192);
    manager.close(lease, 0, &100).unwrap();
}

#[test]
fn idle_memory_beyond_its_limit_is_freed_oldest_first_but_not_before_its_quarantine() {
    let World { mut manager, .. } = world(Options { idle_limit_bytes: 16 * KIB, ..Options::default() });
    let leases: Vec<_> = (0..4).map(|_| open(&mut manager, NO_OWNER, 8192, 0)).collect();
    for (i, (lease, _)) in leases.iter().enumerate() {
        assert_eq!(manager.close(*lease, 0, &(i as u64)).unwrap(), 0);
    }
    assert_eq!(manager.stats(&50).idle_bytes, 32 * KIB, "too young to be freed");
    let drained = manager.drain(&101);
    assert_eq!(drained.freed, [leases[0].1.chunk, leases[1].1.chunk]);
    assert_eq!(manager.node().held(), 16 * KIB);
    let (_, grant) = open(&mut manager, NO_OWNER, 64 * KIB, 101);
    assert!(grant.fresh && drained.freed.contains(&grant.chunk), "a drained index is granted again");
}

#[test]
fn trim_frees_everything_idle_as_soon_as_that_is_safe() {
    let World { root, mut manager } = world(Options::default());
    let (old, _) = open(&mut manager, NO_OWNER, 1, 0);
    let (young, _) = open(&mut manager, NO_OWNER, 1, 0);
    manager.close(old, 0, &0).unwrap();
    manager.close(young, 0, &60).unwrap();
    manager.trim(&100);
    assert_eq!(manager.drain(&100).freed.len(), 1);
    assert_eq!(manager.drain(&159).freed.len(), 0);
    assert_eq!(manager.drain(&160).freed.len(), 1);
    assert_eq!(
        (manager.stats(&160).idle_bytes, root.held()),
        (0, 0),
        "no spare reservation stays behind either"
    );
}

#[test]
fn over_the_limit_of_the_process_everyone_frees_what_is_idle() {
    let root = Node::root("process", hard(64 * KIB));
    let mut a = Manager::new(Options { name: "a".into(), ..Options::default() }, &root).unwrap();
    let mut b = Manager::new(Options { name: "b".into(), ..Options::default() }, &root).unwrap();
    let (lease, _) = open(&mut a, NO_OWNER, 32 * KIB, 0);
    let (small, _) = open(&mut a, NO_OWNER, 4 * KIB, 0);
    a.close(lease, 0, &0).unwrap();
    let error = b.open(NO_OWNER, Request::at_least(32 * KIB), &200).unwrap_err();
    assert_eq!(refusers(&error), ["process"], "nobody waits for the other thread");
    assert_eq!(a.close(small, 0, &200).unwrap(), 1, "which frees at its next close");
    b.open(NO_OWNER, Request::at_least(32 * KIB), &200).unwrap();
    assert_eq!(a.drain(&200).freed.len(), 1);
}

#[test]
fn a_full_memory_frees_its_own_idle_chunks_before_it_refuses() {
    let World { mut manager, .. } = world(Options { limits: hard(64 * KIB), ..Options::default() });
    let (lease, _) = open(&mut manager, NO_OWNER, 32 * KIB, 0);
    manager.close(lease, 0, &0).unwrap();
    assert!(manager.open(NO_OWNER, Request::at_least(64 * KIB), &50).is_err(), "still in quarantine");
    let (_, grant) = manager.open(NO_OWNER, Request::at_least(64 * KIB), &100).unwrap();
    assert_eq!((grant.fresh, grant.capacity, manager.pending()), (true, 65536, 1));
    assert!(manager.charge(NO_OWNER, 1, &100).is_err());
}

#[test]
fn limits_lowered_below_use_refuse_until_enough_is_back() {
    let World { mut manager, .. } = world(Options::default());
    let agent = manager.open_owner("agent", Limits::NONE, false).unwrap();
    let leases: Vec<u32> = (0..4).map(|_| open(&mut manager, agent, 8192, 0).0).collect();
    manager.set_owner_limits(agent, hard(16 * KIB)).unwrap();
    for lease in &leases[..3] {
        assert!(manager.open(agent, Request::at_least(1), &0).is_err());
        manager.close(*lease, 0, &0).unwrap();
    }
    assert!(manager.open(agent, Request::at_least(1), &0).is_ok());
}

#[test]
fn the_levels_of_an_owner_are_known_without_a_refusal() {
    let World { mut manager, .. } = world(Options::default());
    let agent = manager.open_owner("agent", Limits { hard: MIB, ..Limits::NONE }, false).unwrap();
    let (lease, grant) = open(&mut manager, agent, 1, 0);
    let levels = manager.levels(agent).unwrap();
    let names: Vec<_> = levels.iter().map(|level| level.name.as_str()).collect();
    assert_eq!(names[0], "agent");
    assert_eq!(levels.len(), 3, "{names:?}");
    assert!(
        levels.iter().all(|level| !level.refused && level.held >= u64::from(grant.capacity)),
        "{levels:?}"
    );
    assert_eq!(levels[0].limit, MIB);
    manager.close(lease, 0, &0).unwrap();
    manager.close_owner(agent, false, &0).unwrap();
    assert!(matches!(manager.levels(agent), Err(ManagerError::Stale { .. })));
}

#[test]
fn paranoid_quarantines_from_the_same_owner_too() {
    let World { mut manager, .. } = world(Options { paranoid: true, ..Options::default() });
    let (lease, first) = open(&mut manager, NO_OWNER, 1, 0);
    manager.close(lease, 10, &0).unwrap();
    let (lease, second) = open(&mut manager, NO_OWNER, 1, 99);
    assert!(second.fresh);
    manager.close(lease, 0, &99).unwrap();
    let (_, again) = open(&mut manager, NO_OWNER, 1, 100);
    assert_eq!(again, Grant { chunk: first.chunk, capacity: 8192, fresh: false, wipe_bytes: 0 });
}

#[test]
fn a_chunk_that_could_not_be_made_or_was_taken_leaves_the_accounting() {
    let World { root, mut manager } = world(Options::default());
    let agent = manager.open_owner("agent", Limits::NONE, false).unwrap();
    let (lease, first) = open(&mut manager, agent, 1, 0);
    manager.forget_chunk(lease, first.chunk).unwrap();
    assert_eq!((manager.node().held(), manager.owner_stats(agent).unwrap().node.held), (0, 0));
    let error = manager.forget_chunk(lease, first.chunk).unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    let a = manager.grant(lease, Request::at_least(1), 0, &0).unwrap();
    let b = manager.grant(lease, Request::at_least(1), 500, &0).unwrap();
    assert_eq!(a.chunk, first.chunk, "the index can be granted at once");
    manager.forget_chunk(lease, b.chunk).unwrap();
    let c = manager.grant(lease, Request::at_least(1), 0, &0).unwrap();
    let held = u64::from(a.capacity) + u64::from(c.capacity);
    assert_eq!(manager.stats(&0).leased_bytes, held);
    assert_eq!(manager.stats(&0).used_bytes, 500, "what was handed out is not counted twice");
    manager.close(lease, 0, &0).unwrap();
    drop(manager);
    assert_eq!(root.held(), 0);
}

#[test]
fn an_abandoned_lease_gives_everything_back() {
    let World { root, mut manager } = world(Options::default());
    let (lease, first) = open(&mut manager, NO_OWNER, 1, 0);
    manager.grant(lease, Request::at_least(1), 10, &0).unwrap();
    manager.abandon(lease).unwrap();
    assert_eq!(manager.abandon(lease).unwrap_err().code(), Code::StaleHandle);
    manager.trim(&0);
    assert_eq!((root.held(), manager.stats(&0).used_bytes), (0, 0));
    assert!(manager.drain(&0).freed.is_empty(), "there is nothing left to free");
    assert!(open(&mut manager, NO_OWNER, 1, 0).1.chunk <= first.chunk + 1);
}

#[test]
fn shared_owners_have_one_account_and_get_back_what_a_manager_held() {
    let root = Node::root("process", Limits::NONE);
    let mut a = Manager::new(Options::default(), &root).unwrap();
    let mut b = Manager::new(Options::default(), &root).unwrap();
    let name = "tests/manager/shared";
    let in_a = a.open_owner(name, hard(16 * KIB), true).unwrap();
    let in_b = b.open_owner(name, Limits::NONE, true).unwrap();
    open(&mut a, in_a, 8192, 0);
    a.charge(in_a, 5000, &0).unwrap();
    let error = b.open(in_b, Request::at_least(4096), &0).unwrap_err();
    assert_eq!(refusers(&error), [name]);
    let ManagerError::Budget(exceeded) = &error else { unreachable!() };
    let names: Vec<_> = exceeded.chain.iter().map(|level| level.name.as_str()).collect();
    assert_eq!(names, [name, "memory", "process"]);
    drop(a);
    b.open(in_b, Request::at_least(4096), &0).unwrap();
    assert_eq!(b.owner_stats(in_b).unwrap().node.held, 8192);
}

#[test]
fn soft_limits_are_told_once_per_crossing() {
    let root = Node::root("process", Limits { soft: 30 * KIB, hard: UNLIMITED });
    let limits = Limits { soft: 20 * KIB, hard: UNLIMITED };
    let mut manager = Manager::new(Options { limits, ..Options::default() }, &root).unwrap();
    let agent = manager.open_owner("agent", Limits { soft: 10 * KIB, hard: UNLIMITED }, false).unwrap();
    let names = |manager: &mut Manager| -> Vec<String> {
        manager.drain(&0).crossings.into_iter().map(|crossing| crossing.name).collect()
    };
    let leases: Vec<u32> = (0..2).map(|_| open(&mut manager, agent, 8192, 0).0).collect();
    assert_eq!(manager.pending(), 1);
    assert_eq!(names(&mut manager), ["agent"]);
    open(&mut manager, agent, 8192, 0);
    assert_eq!(
        names(&mut manager),
        ["memory", "process"],
        "24 KiB here, which is 32 KiB in quanta at the process"
    );
    for lease in leases {
        manager.close(lease, 0, &0).unwrap();
    }
    open(&mut manager, agent, 8192, 0);
    assert_eq!(names(&mut manager), ["agent"], "it fell far enough below to be told again");
}

#[test]
fn a_failed_call_changes_nothing() {
    let World { root, mut manager } = world(Options::default());
    let agent = manager.open_owner("agent", Limits::NONE, false).unwrap();
    for n in 1..=4 {
        let before = (manager.stats(&0), root.held(), manager.owner_stats(agent).unwrap());
        fault::fail_after(n);
        let mut done = Vec::new();
        let result = (|| {
            done.push(manager.open(agent, Request::at_least(1), &0)?.0);
            let lease = done[0];
            manager.grant(lease, Request::at_least(1), 10, &0)?;
            manager.charge(agent, 100, &0)?;
            manager.grant(lease, Request::at_least(1), 10, &0)
        })();
        fault::fail_after(0);
        let error = result.unwrap_err();
        assert!(matches!(&error, ManagerError::Budget(exceeded) if exceeded.injected), "{error}");
        if n > 3 {
            manager.uncharge(agent, 100).unwrap();
        }
        for lease in done {
            // 8 KiB, then 16 KiB.
            assert_eq!(manager.stats(&0).leased_bytes, if n > 2 { 24 * KIB } else { 8 * KIB });
            manager.close(lease, 0, &0).unwrap();
        }
        let after = manager.stats(&0);
        assert_eq!(
            (after.open_leases, after.leased_bytes, after.used_bytes, after.charged_bytes),
            (0, 0, 0, 0)
        );
        assert_eq!(after.refusals, before.0.refusals + 1);
        assert_eq!(manager.owner_stats(agent).unwrap().node.held, before.2.node.held);
        assert_eq!(manager.node().held(), after.idle_bytes);
    }
}
