//! Sends log records that are the same once for each interval, with their number.
//!
//! A push is answered when its records are counted here; a caller that can read its records again is answered when what they
//! were counted in has been delivered.

mod config;
mod fields;
mod gathered;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use component::meter::{Descriptor, Histogram, Level};
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Host, Next, Problems, Processor,
    ProcessorSettings, Signal, Stability, async_trait, clock,
};
use exporterhelper::{Claim, Onward, SIZE_BOUNDS, Waiting};
use golang::time::Zone;
use ottl::{Conditions, ErrorMode, Prefixes, Request};
use pdata::{Depth, Keep, Place};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

pub use config::Config;

use fields::Path;
use gathered::{BYTES_MAX, Gathered};

const AGGREGATED: Descriptor = Descriptor {
    scope: "github.com/open-telemetry/opentelemetry-collector-contrib/processor/logdedupprocessor",
    level: Level::Basic,
    name: "otelcol_dedup_processor_aggregated_logs",
    unit: "{records}",
    description: "Number of log records that were aggregated together. [Development]",
};

/// The processor.
pub struct LogDedup {
    plan: Arc<Plan>,
    onward: Onward,
    /// `None` once nothing is gathered any more.
    gathered: Mutex<Option<Gathered>>,
    /// It is to be sent before the interval is over.
    hurry: Notify,
    aggregated: Histogram,
}

/// The section, compiled.
pub struct Plan {
    config: Config,
    zone: Zone,
    conditions: Option<Conditions>,
    excluded: Vec<Path>,
    included: Vec<Path>,
}

impl Processor for LogDedup {
    type Config = Config;
    type Plan = Plan;
    const TYPE: &'static str = "log_dedup";
    const ALIASES: &'static [&'static str] = &["logdedup"];
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Logs, Stability::Alpha)];

    fn plan(config: Config, found: &mut Problems) -> Option<Plan> {
        let paths = |it: &[String]| it.iter().map(|it| Path::new(it)).collect();
        let texts = &config.conditions;
        let conditions = (!texts.is_empty()).then(|| {
            Conditions::new(texts, ottl::Context::Log, Prefixes::Optional, ErrorMode::Ignore)
        });
        let conditions = match conditions.transpose() {
            Ok(it) => it,
            Err(wrong) => {
                for (at, error) in wrong {
                    let text = format!("invalid condition: {}", error.message);
                    let place = format!("conditions::{at}");
                    found.late("", text).part(&place, error.span, error.candidates);
                }
                return None;
            }
        };
        let (excluded, included) = (paths(&config.exclude_fields), paths(&config.include_fields));
        let zone = Zone::named(&config.timezone)?;
        Some(Plan { config, zone, conditions, excluded, included })
    }

    fn create(settings: ProcessorSettings, plan: Arc<Plan>, next: Next) -> Self {
        let onward = Onward::new(next, &settings.meter, "failed to consume logs");
        Self {
            plan,
            gathered: Mutex::new(Some(Gathered::new(onward.lost_at_shutdown()))),
            onward,
            hurry: Notify::new(),
            aggregated: settings.meter.histogram(AGGREGATED, SIZE_BOUNDS, &[]),
        }
    }
}

#[async_trait]
impl Component for LogDedup {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        self.onward.start(host);
        let stopping = host.stopping().clone();
        host.spawn(async move {
            let interval = self.plan.config.interval.std();
            let mut ticks = interval_at(Instant::now() + interval, interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    biased;
                    () = stopping.cancelled() => break,
                    _ = ticks.tick() => {}
                    () = self.hurry.notified() => {}
                }
                let seen = self.lock().as_mut().map(|it| std::mem::replace(it, self.nothing()));
                self.send(seen).await;
            }
            let rest = self.lock().take();
            self.send(rest).await;
            Ok(())
        });
        Ok(())
    }

    /// What could not be sent within the grace is counted as lost.
    async fn shutdown(&self) -> Result<(), BoxError> {
        drop(self.lock().take());
        Ok(())
    }
}

#[async_trait]
impl Consumer for LogDedup {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        if data.is_empty() {
            return Ok(());
        }
        let (same, others) = self.parted(ctx, data)?;
        if same.is_some() {
            self.check_room()?;
        }
        // They go first: who is refused has counted nothing, and can come again.
        if let Some(others) = others {
            self.onward.next().consume(ctx, others).await?;
        }
        let Some(same) = same else { return Ok(()) };
        let (now, waiting) = self.gather(ctx, same);
        if let Some(now) = now {
            self.onward.next().consume(ctx, now).await?;
        }
        match waiting {
            Some(waiting) => waiting.answer().await,
            None => Ok(()),
        }
    }
}

impl Plan {
    fn without_excluded(&self, data: Data) -> Data {
        if self.excluded.is_empty() {
            return data;
        }
        data.edit(Depth::Item, |place| {
            if place.depth() == Depth::Item {
                self.excluded.iter().for_each(|it| it.remove(place));
            }
            Keep::Enter
        })
    }
}

impl LogDedup {
    fn lock(&self) -> MutexGuard<'_, Option<Gathered>> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is gathered, and what is passed on.
    fn parted(
        &self,
        ctx: &Context,
        data: Data,
    ) -> Result<(Option<Data>, Option<Data>), ConsumeError> {
        let Some(conditions) = &self.plan.conditions else { return Ok((Some(data), None)) };
        let client = ctx.client.as_deref();
        let request = client.map_or_else(Request::default, |it| {
            let known = it.auth.as_ref().map_or(&[][..], |it| &it.attributes);
            Request::new(it.peer, &it.metadata, it.is_grpc).known_as(known)
        });
        let mut failed = None;
        let parts = data.partition(Depth::Item, |place: &mut Place<'_>| {
            conditions.any(place, &request).unwrap_or_else(|why| {
                failed = Some(why);
                false
            })
        });
        if let Some(why) = failed {
            return Err(ConsumeError::permanent(why));
        }
        let (mut same, mut others) = (None, None);
        for (is_same, part) in parts {
            *(if is_same { &mut same } else { &mut others }) = Some(part);
        }
        Ok((same, others))
    }

    fn nothing(&self) -> Gathered {
        Gathered::new(self.onward.lost_at_shutdown())
    }

    /// Callers that passed here at the same time may still gather what they have.
    fn check_room(&self) -> Result<(), ConsumeError> {
        if self.lock().as_ref().is_some_and(Gathered::is_full) {
            self.hurry.notify_one();
            return Err(ConsumeError::retryable(format!(
                "log_dedup: the next step takes nothing, and no more than {BYTES_MAX} bytes of records may wait; send again"
            )));
        }
        Ok(())
    }

    /// Counts records: what goes on at once, and the claim of a caller that waits.
    fn gather(&self, ctx: &Context, data: Data) -> (Option<Data>, Option<Waiting>) {
        let plan = &*self.plan;
        let (now, items) = (clock::unix_nanos(), data.items());
        let data = plan.without_excluded(data);
        let parts = data.partition(Depth::Item, |it| fields::of_record(it, &plan.included));
        let mut gathered = self.lock();
        let Some(all) = gathered.as_mut() else {
            // It has been replaced while this call was on its way, and gathers nothing any more.
            drop(gathered);
            let mut own = self.nothing();
            own.add_all(parts, now);
            return (self.data(&mut own), None);
        };
        all.add_all(parts, now);
        let (claim, waiting) = ctx.wants_delivered().then(Claim::new).unzip();
        all.batch.join_items(items, claim);
        if ctx.flush || all.is_full() {
            self.hurry.notify_one();
        }
        ctx.keep_place();
        (None, waiting)
    }

    async fn send(&self, gathered: Option<Gathered>) {
        let Some(mut gathered) = gathered else { return };
        let Some(data) = self.data(&mut gathered) else { return };
        self.onward.send(gathered.batch, data, None).await;
    }

    /// The records, each with its number.
    fn data(&self, gathered: &mut Gathered) -> Option<Data> {
        gathered.counts().for_each(|it| self.aggregated.record(it as f64));
        let count_key = &self.plan.config.log_count_attribute;
        gathered.data(count_key, &self.plan.zone, clock::unix_nanos())
    }
}
