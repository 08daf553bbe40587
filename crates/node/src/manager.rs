//! `NativeManager`: the class over `core::arena::Manager`. The calls on the hot path are raw functions in `lease.rs`.

use std::cell::RefCell;
use std::sync::LazyLock;
use std::time::Instant;

use napi::Env;
use napi_derive::napi;
use primarena_core::arena::{Grant, Manager, ManagerError, Options, Stats, process_stats};
use primarena_core::budget::{self, Exceeded, Limits, NodeStats, SoftCrossing, UNLIMITED, fault};

use crate::env::Registry;
use crate::error::{Failure, Result};

/// A manager, and what its last `leaseOpen` or `leaseGrant` granted.
pub struct Entry {
    pub manager: Manager,
    pub details: Details,
}

/// What `leaseDetails` tells.
#[derive(Clone, Copy)]
pub struct Details {
    pub handle: u32,
    pub grant: Grant,
}

thread_local! {
    static MANAGERS: RefCell<Registry<Entry>> = const { RefCell::new(Registry::new()) };
    static LAST_EXCEEDED: RefCell<Option<Exceeded>> = const { RefCell::new(None) };
    static HOOKED: RefCell<bool> = const { RefCell::new(false) };
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The managers' clock.
pub fn now_ms() -> u64 {
    START.elapsed().as_millis() as u64
}

/// Calls `work` with the manager of this number.
#[inline]
pub fn with<T>(
    id: u32,
    work: impl FnOnce(&mut Entry) -> std::result::Result<T, ManagerError>,
) -> std::result::Result<T, Failure> {
    // `try_with`: a finalizer may come after the thread's own data is gone.
    let result = MANAGERS.try_with(|managers| work(managers.borrow_mut().get(id)?).map_err(failure));
    result.unwrap_or_else(|_| Err(Failure::argument("this thread is ending")))
}

#[cold]
fn failure(error: ManagerError) -> Failure {
    let failure = Failure::new(error.code(), error.to_string());
    if let ManagerError::Budget(exceeded) = error {
        LAST_EXCEEDED.set(Some(exceeded));
    }
    failure
}

/// How a manager decides; see `Options` of the core.
#[napi(object)]
pub struct ManagerOptions {
    pub name: String,
    pub soft_limit_bytes: Option<f64>,
    pub hard_limit_bytes: Option<f64>,
    pub idle_limit_bytes: Option<f64>,
    pub quarantine_ms: Option<f64>,
    pub quarantine_limit_bytes: Option<f64>,
    pub first_chunk_bytes: Option<u32>,
    pub max_chunk_bytes: Option<u32>,
    pub paranoid: Option<bool>,
}

#[napi(object)]
pub struct OwnerOptions {
    pub name: String,
    pub soft_limit_bytes: Option<f64>,
    pub hard_limit_bytes: Option<f64>,
    /// One account in all threads, found by the name.
    pub shared: Option<bool>,
}

#[napi(object)]
pub struct LimitOptions {
    pub soft_limit_bytes: Option<f64>,
    pub hard_limit_bytes: Option<f64>,
}

/// A soft limit that was crossed upwards.
#[napi(object)]
pub struct BudgetEvent {
    pub node: String,
    pub held_bytes: f64,
    pub limit_bytes: f64,
}

/// What JavaScript has to do (free these chunks) and to tell.
#[napi(object)]
pub struct Drained {
    pub freed: Vec<u32>,
    pub events: Vec<BudgetEvent>,
}

/// The figures of an owner. Limits are `Infinity` where there is none.
#[napi(object)]
pub struct OwnerFigures {
    pub name: String,
    pub open_leases: u32,
    pub leased_bytes: f64,
    pub charged_bytes: f64,
    pub held_bytes: f64,
    pub peak_bytes: f64,
    pub soft_limit_bytes: f64,
    pub hard_limit_bytes: f64,
}

/// The figures of a manager, or the sum over all of the process.
#[napi(object)]
pub struct ManagerFigures {
    /// Chunks and charges together: what counts against the limit.
    pub held_bytes: f64,
    /// The same with what was reserved one level up and is spare.
    pub reservation_bytes: f64,
    pub peak_bytes: f64,
    pub soft_limit_bytes: f64,
    pub hard_limit_bytes: f64,
    pub open_leases: f64,
    pub open_owners: f64,
    pub leased_bytes: f64,
    pub used_bytes: f64,
    pub idle_bytes: f64,
    pub quarantined_bytes: f64,
    pub pending_free_bytes: f64,
    pub charged_bytes: f64,
    pub grants: f64,
    pub reuses: f64,
    pub wipes: f64,
    pub wiped_bytes: f64,
    pub trims: f64,
    pub refusals: f64,
}

/// One node of a refused request's chain.
#[napi(object)]
pub struct BudgetLevel {
    pub name: String,
    pub held_bytes: f64,
    pub reservation_bytes: f64,
    pub limit_bytes: f64,
    pub refused: bool,
}

/// A refused request: who was asked, from the owner up to the process.
#[napi(object)]
pub struct BudgetRefusal {
    pub requested_bytes: f64,
    /// Refused on purpose, by `failAfter`.
    pub injected: bool,
    pub chain: Vec<BudgetLevel>,
}

#[napi]
pub struct NativeManager {
    id: u32,
}

#[napi]
impl NativeManager {
    #[napi(constructor, catch_unwind)]
    pub fn new(env: &Env, options: ManagerOptions) -> Result<Self> {
        let usual = Options::default();
        let options = Options {
            limits: limits(options.soft_limit_bytes, options.hard_limit_bytes)?,
            name: options.name,
            first_chunk_bytes: options.first_chunk_bytes.unwrap_or(usual.first_chunk_bytes),
            max_chunk_bytes: options.max_chunk_bytes.unwrap_or(usual.max_chunk_bytes),
            idle_limit_bytes: whole(options.idle_limit_bytes, "idleLimitBytes")?
                .unwrap_or(usual.idle_limit_bytes),
            quarantine_ms: whole(options.quarantine_ms, "quarantineMs")?.unwrap_or(usual.quarantine_ms),
            quarantine_limit_bytes: whole(options.quarantine_limit_bytes, "quarantineLimitBytes")?
                .unwrap_or(usual.quarantine_limit_bytes),
            paranoid: options.paranoid.unwrap_or(usual.paranoid),
        };
        let manager = Manager::new(options, budget::process()).map_err(failure)?;
        drop_with_environment(env)?;
        let grant = Grant { chunk: 0, capacity: 0, fresh: false, wipe_bytes: 0 };
        let entry = Entry { manager, details: Details { handle: 0, grant } };
        let id = MANAGERS.with(|managers| managers.borrow_mut().insert(entry))?;
        Ok(NativeManager { id })
    }

    /// The number by which raw calls name this manager, on this thread.
    #[napi(getter)]
    pub fn id(&self) -> u32 {
        self.id
    }

    #[napi(catch_unwind)]
    pub fn open_owner(&self, options: OwnerOptions) -> Result<u32> {
        let limits = limits(options.soft_limit_bytes, options.hard_limit_bytes)?;
        let shared = options.shared.unwrap_or(false);
        Ok(with(self.id, |entry| entry.manager.open_owner(&options.name, limits, shared))?)
    }

    #[napi(catch_unwind)]
    pub fn set_owner_limits(
        &self,
        owner: u32,
        soft_bytes: Option<f64>,
        hard_bytes: Option<f64>,
    ) -> Result<()> {
        let limits = limits(soft_bytes, hard_bytes)?;
        Ok(with(self.id, |entry| entry.manager.set_owner_limits(owner, limits))?)
    }

    #[napi(catch_unwind)]
    pub fn set_limits(&self, soft_bytes: Option<f64>, hard_bytes: Option<f64>) -> Result<()> {
        let limits = limits(soft_bytes, hard_bytes)?;
        Ok(with(self.id, |entry| {
            entry.manager.set_limits(limits);
            Ok(())
        })?)
    }

    /// Its idle chunks become nobody's. With `force` its open leases end and its charges are given back.
    #[napi(catch_unwind)]
    pub fn close_owner(&self, owner: u32, force: Option<bool>) -> Result<()> {
        Ok(with(self.id, |entry| entry.manager.close_owner(owner, force.unwrap_or(false), &now_ms))?)
    }

    #[napi(catch_unwind)]
    pub fn owner_stats(&self, owner: u32) -> Result<OwnerFigures> {
        let stats = with(self.id, |entry| entry.manager.owner_stats(owner))?;
        Ok(OwnerFigures {
            name: stats.name,
            open_leases: stats.open_leases,
            leased_bytes: stats.leased_bytes as f64,
            charged_bytes: stats.charged_bytes as f64,
            held_bytes: stats.node.held as f64,
            peak_bytes: stats.node.peak as f64,
            soft_limit_bytes: limit(stats.node.limits.soft),
            hard_limit_bytes: limit(stats.node.limits.hard),
        })
    }

    /// The nodes from an owner up to the process: for refusals by a level that only JavaScript knows.
    #[napi(catch_unwind)]
    pub fn levels(&self, owner: u32) -> Result<Vec<BudgetLevel>> {
        Ok(levels(with(self.id, |entry| entry.manager.levels(owner))?))
    }

    #[napi(catch_unwind)]
    pub fn stats(&self) -> Result<ManagerFigures> {
        let (node, stats) = with(self.id, |entry| {
            let stats = entry.manager.stats(&now_ms);
            Ok((entry.manager.node().stats(), stats))
        })?;
        Ok(figures(node, stats))
    }

    /// The size of a chunk that is in a lease or idle; 0 for any other index.
    #[napi(catch_unwind)]
    pub fn chunk_capacity(&self, chunk: u32) -> Result<u32> {
        Ok(with(self.id, |entry| Ok(entry.manager.chunk_capacity(chunk)))?)
    }

    /// Gives up all idle chunks as soon as their quarantine is over. `drain` tells which.
    #[napi(catch_unwind)]
    pub fn trim(&self) -> Result<()> {
        Ok(with(self.id, |entry| {
            entry.manager.trim(&now_ms);
            Ok(())
        })?)
    }

    /// The chunks to free (their indexes come back as fresh ones from now on) and what is to be told.
    #[napi(catch_unwind)]
    pub fn drain(&self) -> Result<Drained> {
        let drained = with(self.id, |entry| Ok(entry.manager.drain(&now_ms)))?;
        Ok(Drained { freed: drained.freed, events: drained.crossings.into_iter().map(event).collect() })
    }

    /// Bytes were dropped, and only the garbage collector can free them.
    #[napi(catch_unwind)]
    pub fn add_pending_free(&self, bytes: f64) -> Result<()> {
        let bytes = whole(Some(bytes), "bytes")?.unwrap_or(0);
        Ok(with(self.id, |entry| {
            entry.manager.add_pending_free(bytes);
            Ok(())
        })?)
    }

    /// It did.
    #[napi(catch_unwind)]
    pub fn pending_freed(&self, bytes: f64) -> Result<()> {
        let bytes = whole(Some(bytes), "bytes")?.unwrap_or(0);
        Ok(with(self.id, |entry| {
            entry.manager.pending_freed(bytes);
            Ok(())
        })?)
    }

    /// Gives back all that is held; every later call is a stale handle. A second time does nothing.
    #[napi(catch_unwind)]
    pub fn dispose(&self) {
        remove(self.id);
    }

    /// The limits of the whole process.
    #[napi(catch_unwind)]
    pub fn set_process_budget(options: LimitOptions) -> Result<()> {
        budget::process().set_limits(limits(options.soft_limit_bytes, options.hard_limit_bytes)?);
        Ok(())
    }

    /// The sum over all managers of all threads.
    #[napi(catch_unwind)]
    pub fn process_stats() -> ManagerFigures {
        figures(budget::process().stats(), process_stats())
    }

    /// Makes the `n`-th request of this thread from now on fail, once; 0 disarms. How many failed so far.
    #[napi(catch_unwind)]
    pub fn fail_after(n: u32) -> f64 {
        fault::fail_after(u64::from(n));
        fault::injected_failures() as f64
    }

    /// The last refusal of this thread's budgets, once.
    #[napi(catch_unwind)]
    pub fn last_refusal() -> Option<BudgetRefusal> {
        let exceeded = LAST_EXCEEDED.take()?;
        Some(BudgetRefusal {
            requested_bytes: exceeded.requested as f64,
            injected: exceeded.injected,
            chain: levels(exceeded.chain),
        })
    }
}

fn levels(chain: Vec<budget::Level>) -> Vec<BudgetLevel> {
    let level = |level: budget::Level| BudgetLevel {
        name: level.name,
        held_bytes: level.held as f64,
        reservation_bytes: level.reservation as f64,
        limit_bytes: limit(level.limit),
        refused: level.refused,
    };
    chain.into_iter().map(level).collect()
}

impl Drop for NativeManager {
    fn drop(&mut self) {
        remove(self.id);
    }
}

fn remove(id: u32) {
    // Out of the registry first: the manager is dropped when nothing is borrowed.
    let entry = MANAGERS.try_with(|managers| managers.borrow_mut().remove(id));
    drop(entry);
}

/// A worker that is terminated runs no finalizers; this gives back what its managers held.
fn drop_with_environment(env: &Env) -> Result<()> {
    if HOOKED.replace(true) {
        return Ok(());
    }
    let hooked = env.add_env_cleanup_hook((), |()| {
        let _ = MANAGERS.try_with(|managers| managers.borrow_mut().clear());
        let _ = HOOKED.try_with(|hooked| hooked.replace(false));
    });
    hooked.map(|_| ()).map_err(|error| Failure::argument(error.to_string()).into())
}

fn event(crossing: SoftCrossing) -> BudgetEvent {
    BudgetEvent { node: crossing.name, held_bytes: crossing.held as f64, limit_bytes: crossing.limit as f64 }
}

fn figures(node: NodeStats, stats: Stats) -> ManagerFigures {
    ManagerFigures {
        held_bytes: node.held as f64,
        reservation_bytes: node.reservation as f64,
        peak_bytes: node.peak as f64,
        soft_limit_bytes: limit(node.limits.soft),
        hard_limit_bytes: limit(node.limits.hard),
        open_leases: stats.open_leases as f64,
        open_owners: stats.open_owners as f64,
        leased_bytes: stats.leased_bytes as f64,
        used_bytes: stats.used_bytes as f64,
        idle_bytes: stats.idle_bytes as f64,
        quarantined_bytes: stats.quarantined_bytes as f64,
        pending_free_bytes: stats.pending_free_bytes as f64,
        charged_bytes: stats.charged_bytes as f64,
        grants: stats.grants as f64,
        reuses: stats.reuses as f64,
        wipes: stats.wipes as f64,
        wiped_bytes: stats.wiped_bytes as f64,
        trims: stats.trims as f64,
        refusals: stats.refusals as f64,
    }
}

fn limit(bytes: u64) -> f64 {
    if bytes == UNLIMITED { f64::INFINITY } else { bytes as f64 }
}

fn limits(soft: Option<f64>, hard: Option<f64>) -> std::result::Result<Limits, Failure> {
    Ok(Limits {
        soft: whole(soft, "softLimitBytes")?.unwrap_or(UNLIMITED),
        hard: whole(hard, "hardLimitBytes")?.unwrap_or(UNLIMITED),
    })
}

/// A whole number from 0 up; `Infinity` is the largest.
fn whole(number: Option<f64>, name: &str) -> std::result::Result<Option<u64>, Failure> {
    match number {
        None => Ok(None),
        Some(number) if number >= 0.0 => Ok(Some(number as u64)),
        Some(number) => Err(Failure::argument(format!("{name}: expected a number from 0 up, got {number}"))),
    }
}
