//! Refuses telemetry while memory is short, so that senders slow down and nothing is lost here.
//!
//! A task looks at resident memory every `check_interval`; `consume` only looks at its verdict. While
//! nothing comes and nothing is refused, it sleeps until something comes, so that an idle collector stays idle.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod config;
mod limiter;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use component::meter::{Counter, Descriptor, Level};
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Host, Next, Processor, Settings,
    Signal, Status, async_trait,
};
use tokio::sync::Notify;
use tracing::{info, warn};

pub use config::Config;
use limiter::Limits;

const MIB: u64 = 1 << 20;
/// Shortest wait that a refused client is told; otherwise it is told when memory is looked at again.
const COME_AGAIN_MIN: Duration = Duration::from_secs(1);
/// While nothing comes, memory is looked at after so many intervals.
const IDLE_INTERVALS: u32 = 30;

/// The processor.
pub struct MemoryLimiter {
    config: Config,
    limits: Limits,
    refusing: AtomicBool,
    /// Something came since the last look.
    passed: AtomicBool,
    awake: Notify,
    accepted: [Counter; 2],
    refused: [Counter; 2],
    next: Next,
}

impl Processor for MemoryLimiter {
    type Config = Config;
    const TYPE: &'static str = "memory_limiter";

    fn create(settings: Settings, config: Config, next: Next) -> Result<Self, BoxError> {
        let total = limiter::total_memory().ok_or("cannot read how much memory there is")?;
        let limits = Limits::new(&config, total);
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
        let [accepted, refused] = counters(&settings);
        let (refusing, passed) = (AtomicBool::new(false), AtomicBool::new(false));
        let awake = Notify::new();
        Ok(Self { config, limits, refusing, passed, awake, accepted, refused, next })
    }
}

/// Accepted and refused, each under its present and its older name.
fn counters(settings: &Settings) -> [[Counter; 2]; 2] {
    let names: [[&'static str; 2]; 2] = match settings.signal {
        Some(Signal::Traces) => [
            ["otelcol_processor_memory_limiter_accepted_spans", "otelcol_processor_accepted_spans"],
            ["otelcol_processor_memory_limiter_refused_spans", "otelcol_processor_refused_spans"],
        ],
        Some(Signal::Metrics) => [
            [
                "otelcol_processor_memory_limiter_accepted_metric_points",
                "otelcol_processor_accepted_metric_points",
            ],
            [
                "otelcol_processor_memory_limiter_refused_metric_points",
                "otelcol_processor_refused_metric_points",
            ],
        ],
        _ => [
            [
                "otelcol_processor_memory_limiter_accepted_log_records",
                "otelcol_processor_accepted_log_records",
            ],
            [
                "otelcol_processor_memory_limiter_refused_log_records",
                "otelcol_processor_refused_log_records",
            ],
        ],
    };
    let labels = [("processor", settings.id.as_str())];
    names.map(|pair| {
        pair.map(|name| {
            let what = Descriptor {
                scope: "go.opentelemetry.io/collector/processor/memorylimiterprocessor",
                name,
                unit: "{item}",
                description: "Items that the memory limiter let through or refused. [Development]",
                level: Level::Basic,
            };
            settings.meter.counter(what, &labels)
        })
    })
}

impl MemoryLimiter {
    /// Until the next look.
    async fn pause(&self, interval: Duration) {
        tokio::time::sleep(interval).await;
        if !self.passed.swap(false, Relaxed) && !self.refusing.load(Relaxed) {
            let idle = interval.saturating_mul(IDLE_INTERVALS);
            // Either way memory is looked at.
            let _ = tokio::time::timeout(idle, self.awake.notified()).await;
        }
    }

    /// One look at the memory.
    fn check(&self, host: &Host, used: u64) {
        let refuse = used >= self.limits.soft;
        if self.refusing.swap(refuse, Relaxed) == refuse {
            return;
        }
        let cur_mem_mib = used / MIB;
        if refuse {
            warn!(cur_mem_mib, "Memory usage is above soft limit. Refusing data.");
            host.report(Status::Recoverable("memory usage is above the soft limit".into()));
        } else {
            info!(cur_mem_mib, "Memory usage back within limits. Resuming normal operation.");
            host.report(Status::Ok);
        }
    }
}

#[async_trait]
impl Component for MemoryLimiter {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let (own, interval) = (host.clone(), self.config.check_interval.std());
        host.spawn(async move {
            loop {
                if let Some(used) = limiter::used_memory() {
                    self.check(&own, used);
                }
                tokio::select! {
                    () = own.stopping().cancelled() => return Ok(()),
                    () = self.pause(interval) => {}
                }
            }
        });
        Ok(())
    }
}

#[async_trait]
impl Consumer for MemoryLimiter {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let items = data.items() as u64;
        if !self.passed.load(Relaxed) && !self.passed.swap(true, Relaxed) {
            self.awake.notify_one();
        }
        if self.refusing.load(Relaxed) {
            for counter in &self.refused {
                counter.add(items);
            }
            let next_look = self.config.check_interval.std().max(COME_AGAIN_MIN);
            let error = ConsumeError::retryable("data refused due to high memory usage");
            return Err(error.after(next_look));
        }
        for counter in &self.accepted {
            counter.add(items);
        }
        self.next.consume(ctx, data).await
    }
}
