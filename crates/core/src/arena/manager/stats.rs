//! What the managers count. Each manager writes its own block, so that the hot path has no locked instruction for it;
//! the process's figures are the sum over all of them.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

/// A number that one thread writes and any may read.
#[derive(Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    #[inline]
    pub fn sub(&self, n: u64) {
        debug_assert!(self.get() >= n);
        self.0.store(self.0.load(Relaxed).wrapping_sub(n), Relaxed);
    }

    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

macro_rules! counters {
    (gauges { $($(#[$gauge_doc:meta])* $gauge:ident,)* } totals { $($(#[$total_doc:meta])* $total:ident,)* }) => {
        /// One manager's counters, or the sum over the managers of the process.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Stats {
            $($(#[$gauge_doc])* pub $gauge: u64,)*
            $($(#[$total_doc])* pub $total: u64,)*
        }

        #[derive(Default)]
        pub(super) struct Counters {
            $(pub $gauge: Count,)*
            $(pub $total: Count,)*
        }

        impl Counters {
            pub fn read(&self) -> Stats {
                Stats { $($gauge: self.$gauge.get(),)* $($total: self.$total.get(),)* }
            }
        }

        impl Stats {
            fn add(&mut self, other: &Stats) {
                $(self.$gauge += other.$gauge;)*
                $(self.$total += other.$total;)*
            }

            /// Only what stays true after a manager is gone.
            fn totals(&self) -> Stats {
                Stats { $($total: self.$total,)* ..Stats::default() }
            }
        }
    };
}

counters! {
    gauges {
        /// Leases open now.
        open_leases,
        /// Capacity of the chunks in leases.
        leased_bytes,
        /// Used bytes of the chunks that leases have filled (what is used of the current chunk, only its user knows).
        used_bytes,
        /// Capacity of the chunks that are in no lease, quarantined ones included.
        idle_bytes,
        /// Capacity of the idle chunks that only their last owner may use yet.
        quarantined_bytes,
        /// Bytes of dropped chunks that the garbage collector has yet to free. Reported by JavaScript, not limited.
        pending_free_bytes,
        /// Bytes charged for things other than chunks: slabs, documents, ordinary buffers.
        charged_bytes,
        /// Owners open now, the owner `none` left out.
        open_owners,
    }
    totals {
        /// Chunks granted.
        grants,
        /// Of these, chunks that existed.
        reuses,
        /// Chunks wiped because their owner changed.
        wipes,
        /// Bytes wiped for that.
        wiped_bytes,
        /// Trims, asked for from outside or by the process.
        trims,
        /// Requests refused.
        refusals,
    }
}

static MANAGERS: Mutex<Registry> = Mutex::new(Registry { live: Vec::new(), gone: None });

struct Registry {
    live: Vec<Arc<Counters>>,
    gone: Option<Stats>,
}

pub(super) fn register() -> Arc<Counters> {
    let counters = Arc::new(Counters::default());
    MANAGERS.lock().unwrap_or_else(PoisonError::into_inner).live.push(Arc::clone(&counters));
    counters
}

pub(super) fn unregister(counters: &Arc<Counters>) {
    let mut managers = MANAGERS.lock().unwrap_or_else(PoisonError::into_inner);
    managers.live.retain(|other| !Arc::ptr_eq(other, counters));
    let totals = counters.read().totals();
    managers.gone.get_or_insert_default().add(&totals);
}

/// The sum over all managers of this process; totals include those that are gone.
pub fn process_stats() -> Stats {
    let managers = MANAGERS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut sum = managers.gone.unwrap_or_default();
    for counters in &managers.live {
        sum.add(&counters.read());
    }
    sum
}
