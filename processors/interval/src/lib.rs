//! Sends the last point of each stream at an interval. What has no meaning without the points before it goes through at
//! once: deltas, sums that go up and down.
//!
//! A sender is answered when its points wait here; one that can send again is answered when they have arrived, or newer
//! points of the same streams.

mod config;
mod held;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};

use component::meter::Counter;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Host, LostReason, Next, Problems,
    Processor, ProcessorSettings, Signal, Stability, Wants, async_trait,
};
use exporterhelper::Claim;
use streams::{STREAMS_MAX, lock};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

pub use config::{Config, PassThrough};
use held::{BYTES_MAX, Held};

/// The processor.
pub struct Interval {
    config: Arc<Config>,
    /// `None` once nothing is sent any more.
    held: Mutex<Option<Held>>,
    /// It is to be sent before the interval is over.
    hurry: Notify,
    lost: Lost,
    next: Next,
}

/// Points that were taken and did not arrive.
#[derive(Debug)]
struct Lost {
    rejected: Counter,
    at_shutdown: Counter,
}

impl Processor for Interval {
    type Config = Config;
    type Plan = Config;
    const TYPE: &'static str = "interval";
    const COUNTED: bool = false;
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Metrics, Stability::Alpha)];

    fn plan(config: Config, _found: &mut Problems) -> Option<Config> {
        Some(config)
    }

    fn create(settings: ProcessorSettings, config: Arc<Config>, next: Next) -> Self {
        let lost = Lost {
            rejected: LostReason::RejectedByBackend.counter(&settings.meter),
            at_shutdown: LostReason::ShutdownDeadline.counter(&settings.meter),
        };
        let held = Mutex::new(Some(Held::new(&lost.at_shutdown)));
        Self { config, held, hurry: Notify::new(), lost, next }
    }
}

#[async_trait]
impl Component for Interval {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let stopping = host.stopping().clone();
        host.spawn(async move {
            let period = self.config.interval.std();
            let mut ticks = interval_at(Instant::now() + period, period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    biased;
                    () = stopping.cancelled() => break,
                    _ = ticks.tick() => {}
                    () = self.hurry.notified() => {}
                }
                let new = Held::new(&self.lost.at_shutdown);
                let held = lock(&self.held).as_mut().map(|it| std::mem::replace(it, new));
                self.send(held, false).await;
            }
            let held = lock(&self.held).take();
            self.send(held, true).await;
            Ok(())
        });
        Ok(())
    }

    /// What could not be sent within the grace is counted as lost.
    async fn shutdown(&self) -> Result<(), BoxError> {
        drop(lock(&self.held).take());
        Ok(())
    }
}

impl Interval {
    /// Sends what waited. What is refused for now waits for the next interval, unless there is none.
    async fn send(&self, held: Option<Held>, is_last: bool) {
        let Some(mut held) = held else { return };
        let Some(data) = held.data() else { return };
        let wants = if held.claims.is_empty() { Wants::Accepted } else { Wants::Delivered };
        let ctx = Context { wants, flush: is_last, ..Context::default() };
        let answer = self.next.consume(&ctx, data.clone()).await;
        if let Err(error) = &answer {
            let lost = held.losable();
            let waits = !error.is_permanent() && self.wait_again(&data, lost);
            if waits {
                tracing::warn!(%error, points = data.items(), "Metrics export failed, it is tried again");
            } else {
                let reason =
                    if error.is_permanent() { &self.lost.rejected } else { &self.lost.at_shutdown };
                reason.add(lost as u64);
                tracing::error!(%error, dropped_points = lost, "Metrics export failed");
            }
        }
        held.answer(&answer);
    }

    /// False if nothing is sent any more.
    fn wait_again(&self, data: &Data, accepted: usize) -> bool {
        let mut held = lock(&self.held);
        let Some(held) = held.as_mut() else { return false };
        held.take(data, PassThrough::default());
        held.accepted += accepted;
        true
    }

    /// Takes what waits for the interval: what goes on at once, and the claim of a sender that waits.
    fn take(
        &self,
        ctx: &Context,
        data: Data,
    ) -> Result<(Data, Option<exporterhelper::Waiting>), ConsumeError> {
        let pass_through = self.config.pass_through;
        let mut held = lock(&self.held);
        // It has been replaced while this call was on its way, and gathers nothing any more.
        let Some(held) = held.as_mut() else { return Ok((data, None)) };
        if held.is_full() {
            self.hurry.notify_one();
            return Err(ConsumeError::retryable(format!(
                "interval: the next step takes nothing, and no more than {STREAMS_MAX} streams and {BYTES_MAX} bytes \
                 may wait; send again"
            )));
        }
        let taken = held.take(&data, pass_through);
        if taken == 0 {
            return Ok((data, None));
        }
        let (claim, waiting) = ctx.wants_delivered().then(Claim::new).unzip();
        match claim {
            Some(claim) => held.claims.push(claim),
            None => held.accepted += taken,
        }
        if held.is_full() || ctx.flush {
            self.hurry.notify_one();
        }
        ctx.keep_place();
        Ok((data.retain(|place| !held::waits(place, pass_through)), waiting))
    }
}

#[async_trait]
impl Consumer for Interval {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        if data.is_empty() {
            return Ok(());
        }
        let (now, waiting) = self.take(ctx, data)?;
        if !now.is_empty() {
            self.next.consume(ctx, now).await?;
        }
        match waiting {
            Some(waiting) => waiting.answer().await,
            None => Ok(()),
        }
    }
}
