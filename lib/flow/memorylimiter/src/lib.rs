//! Says whether memory is short. The processor `memory_limiter` asks it for all that passes, the extension of that name for
//! each request of a server.
//!
//! A task looks at resident memory every `check_interval`; who asks is told its verdict, and looks at memory itself
//! when so much has come since the last look that it could use up half of what was left. While nothing
//! comes and nothing is refused, the task sleeps until something comes, so that an idle collector stays idle.
//! Servers read no further when what has come of requests under way takes its share of the limit.

mod config;
mod limits;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use component::{Host, InFlightLimit, Planned, Problems, Status, memory};
use pdata::buffer;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::{info, warn};

pub use config::Config;
use limits::Limits;
pub use limits::used_memory;

const MIB: u64 = 1 << 20;
/// Shortest wait that a refused client is told; otherwise it is told when memory is looked at again.
const COME_AGAIN_MIN: Duration = Duration::from_secs(1);
/// While data is refused, memory is looked at after this time, though the interval may be longer.
const REFUSING_INTERVAL_MAX: Duration = Duration::from_secs(5);
/// While nothing comes, memory is looked at after so many intervals.
const IDLE_INTERVALS: u32 = 30;
/// Memory is not looked at again before so many bytes have come, or the interval is over.
const LOOK_BYTES_MIN: u64 = MIB;
/// Memory that is free is given back at most so often: it costs a thread a few milliseconds, and faults later.
const GIVE_BACK_PAUSE: Duration = Duration::from_millis(200);
/// Requests that are being read or have no answer yet may take this part of what is left of the hard limit.
const IN_FLIGHT_PART: u64 = 4;

/// The section, and what it amounts to on this machine.
#[derive(Debug, Clone)]
pub struct Plan {
    config: Config,
    total: u64,
    limits: Limits,
}

impl Planned for Plan {
    type Section = Config;

    fn plan(config: Config, found: &mut Problems) -> Option<Self> {
        let Some(total) = limits::total_memory() else {
            found.late("", "cannot read how much memory there is");
            return None;
        };
        let limits = Limits::new(&config, total);
        Some(Self { config, total, limits })
    }
}

/// Watches over memory.
pub struct Limiter {
    plan: Arc<Plan>,
    refusing: AtomicBool,
    /// Somebody asked since the last look.
    asked: AtomicBool,
    /// Bytes that have come since the last look.
    taken: AtomicU64,
    /// Bytes that may come before the next look.
    allowance: AtomicU64,
    awake: Notify,
    /// When memory that is free was last given back.
    given_back: Mutex<Option<Instant>>,
    started: OnceLock<(Host, InFlightLimit)>,
}

impl Limiter {
    /// One that does not look at memory yet.
    pub fn new(plan: Arc<Plan>) -> Self {
        let Plan { config, total, limits } = &*plan;
        if config.limit_mib == 0 {
            info!(
                total_memory_mib = total / MIB,
                limit_percentage = config.limit_percentage,
                spike_limit_percentage = config.spike_limit_percentage,
                "Using percentage memory limiter"
            );
        }
        info!(
            limit_mib = limits.hard / MIB,
            spike_limit_mib = (limits.hard - limits.soft) / MIB,
            check_interval = config.check_interval.std().as_secs_f64(),
            "Memory limiter configured"
        );
        Self {
            plan,
            refusing: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            taken: AtomicU64::new(0),
            allowance: AtomicU64::new(0),
            awake: Notify::new(),
            given_back: Mutex::default(),
            started: OnceLock::new(),
        }
    }

    /// Looks at memory until `host` stops.
    pub fn run(self: Arc<Self>, host: &Host) {
        let in_flight = host.in_flight().limit(self.in_flight_max(0));
        let _ = self.started.set((host.clone(), in_flight));
        let (own, interval) = (host.clone(), self.plan.config.check_interval.std());
        host.spawn(async move {
            loop {
                self.look();
                tokio::select! {
                    () = own.stopping().cancelled() => return Ok(()),
                    () = self.pause(interval) => {}
                }
            }
        });
    }

    /// Whether what comes, `bytes` long, has to be refused: the answer is when it may come again.
    pub fn must_refuse(&self, bytes: u64) -> Option<Duration> {
        if !self.asked.load(Relaxed) && !self.asked.swap(true, Relaxed) {
            self.awake.notify_one();
        }
        self.take(bytes);
        if self.refusing.load(Relaxed) && self.due().is_some() {
            // What is free by now is found before the interval is over.
            self.look();
        }
        let next_look = self.plan.config.check_interval.std().min(REFUSING_INTERVAL_MAX);
        self.refusing.load(Relaxed).then(|| next_look.max(COME_AGAIN_MIN))
    }

    /// Until the next look.
    async fn pause(&self, interval: Duration) {
        let end = Instant::now() + interval;
        while Instant::now() < end {
            let step = end.min(Instant::now() + REFUSING_INTERVAL_MAX);
            if tokio::time::timeout_at(step, self.beyond()).await.is_ok()
                || self.refusing.load(Relaxed)
            {
                return;
            }
        }
        if !self.asked.swap(false, Relaxed) {
            let idle = interval.saturating_mul(IDLE_INTERVALS);
            // Whatever ends it, memory is looked at.
            tokio::select! {
                () = tokio::time::sleep(idle) => {}
                () = self.awake.notified() => {}
                () = self.beyond() => {}
            }
        }
    }

    /// Waits until servers have read more than is left: what they have refused was in memory, too.
    async fn beyond(&self) {
        match self.started.get() {
            Some((host, _)) => host.in_flight().beyond().await,
            None => std::future::pending().await,
        }
    }

    /// Bytes of requests that may be under way while `used` is used. What has come may be there twice while it is
    /// joined or decompressed, and as much may wait in the connections.
    fn in_flight_max(&self, used: u64) -> usize {
        let share = self.plan.limits.hard.saturating_sub(used) / IN_FLIGHT_PART;
        usize::try_from(share).unwrap_or(usize::MAX)
    }

    /// Looks at memory if what comes now could matter.
    fn take(&self, bytes: u64) {
        let taken = self.taken.fetch_add(bytes, Relaxed) + bytes;
        if taken >= self.allowance.load(Relaxed) {
            self.look();
        }
    }

    fn look(&self) {
        let Some(mut used) = used_memory() else { return };
        if used >= self.plan.limits.soft
            && let Some(host) = self.due()
        {
            *self.given_back() = Some(Instant::now());
            buffer::trim();
            memory::give_back(host);
            used = used_memory().unwrap_or(used);
        }
        self.check(used);
    }

    /// The host, when memory that is free may be given back again.
    fn due(&self) -> Option<&Host> {
        let due = self.given_back().is_none_or(|it| it.elapsed() >= GIVE_BACK_PAUSE);
        self.started.get().filter(|_| due).map(|(host, _)| host)
    }

    fn given_back(&self) -> MutexGuard<'_, Option<Instant>> {
        self.given_back.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One look at the memory, of which `used` bytes are used.
    pub fn check(&self, used: u64) {
        self.taken.store(0, Relaxed);
        let left = self.plan.limits.soft.saturating_sub(used);
        let allowance = (left / 2).max(LOOK_BYTES_MIN);
        self.allowance.store(allowance, Relaxed);
        let refuse = left == 0;
        if let Some((host, in_flight)) = self.started.get() {
            in_flight.set(self.in_flight_max(used));
            host.in_flight().allow(usize::try_from(allowance).unwrap_or(usize::MAX));
        }
        if self.refusing.swap(refuse, Relaxed) == refuse {
            return;
        }
        let cur_mem_mib = used / MIB;
        if refuse {
            warn!(cur_mem_mib, "Memory usage is above soft limit. Refusing data.");
            self.report(Status::Recoverable("memory usage is above the soft limit".into()));
        } else {
            info!(cur_mem_mib, "Memory usage back within limits. Resuming normal operation.");
            self.report(Status::Ok);
        }
    }

    fn report(&self, status: Status) {
        if let Some((host, _)) = self.started.get() {
            host.report(status);
        }
    }
}
