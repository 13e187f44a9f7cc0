//! Sends log records that are the same once for each interval, with their number.
//!
//! A push is answered when its records are counted here; a caller that can read its records again is answered when what they
//! were counted in has been delivered. One task sends; callers only count their records and wait for room, so that one that
//! gives up takes nothing of others with it.

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
use exporterhelper::{Batch, Claim, Onward, SIZE_BOUNDS};
use golang::time::Zone;
use ottl::{Conditions, ErrorMode, Prefixes, Request};
use pdata::{Depth, Keep, Place};
use tokio::sync::Notify;

pub use config::Config;

use fields::Path;
use gathered::{Gathered, Parts};

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
    /// What was gathered is on its way.
    room: Notify,
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
    const COUNTED: bool = false;
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
            gathered: Mutex::new(Some(nothing(&onward))),
            onward,
            hurry: Notify::new(),
            room: Notify::new(),
            aggregated: settings.meter.histogram(AGGREGATED, SIZE_BOUNDS, &[]),
        }
    }
}

/// An interval that begins.
fn nothing(onward: &Onward) -> Gathered {
    let ctx = Context { flush: true, ..Context::default() };
    Gathered::new(Batch::new(ctx, onward.lost_at_shutdown()))
}

#[async_trait]
impl Component for LogDedup {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        self.onward.start(host);
        let stopping = host.stopping().clone();
        host.spawn(async move {
            let interval = self.plan.config.interval.std();
            loop {
                tokio::select! {
                    biased;
                    () = stopping.cancelled() => break,
                    () = tokio::time::sleep(interval) => {}
                    () = self.hurry.notified() => {}
                }
                let new = nothing(&self.onward);
                let seen = self.lock().as_mut().map(|it| std::mem::replace(it, new));
                self.room.notify_waiters();
                self.send(seen).await;
            }
            let rest = self.lock().take();
            self.room.notify_waiters();
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
        let (same, others) = self.parted(ctx, data)?;
        // They go first: who is refused has counted nothing, and can come again.
        if let Some(others) = others {
            self.onward.next().consume(ctx, others).await?;
        }
        let Some(same) = same else { return Ok(()) };
        let (claim, waiting) = ctx.wants_delivered().then(Claim::new).unzip();
        let own = self.gather(same, claim, ctx.flush).await;
        ctx.keep_place();
        self.send(own).await;
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

    /// Counts records, and waits for room as long as there is none. Gives them back where the last interval is over: it has
    /// been replaced while this call was on its way, and nobody else sends them any more.
    async fn gather(&self, data: Data, claim: Option<Claim>, flush: bool) -> Option<Gathered> {
        let data = self.plan.without_excluded(data);
        let parts = data.partition(Depth::Item, |it| fields::of_record(it, &self.plan.included));
        let mut rest = (parts, claim);
        loop {
            let room = self.room.notified();
            match self.try_gather(rest, flush) {
                Ok(own) => return own,
                Err(back) => rest = back,
            }
            room.await;
        }
    }

    /// Gives back what there is no room for.
    fn try_gather(
        &self,
        (parts, claim): (Parts, Option<Claim>),
        flush: bool,
    ) -> Result<Option<Gathered>, (Parts, Option<Claim>)> {
        let now = clock::unix_nanos();
        let mut gathered = self.lock();
        let Some(all) = gathered.as_mut() else {
            let mut own = nothing(&self.onward);
            own.add(parts, claim, now);
            return Ok(Some(own));
        };
        let result = if all.is_full() {
            Err((parts, claim))
        } else {
            all.add(parts, claim, now);
            Ok(None)
        };
        if flush || all.is_full() {
            self.hurry.notify_one();
        }
        result
    }

    async fn send(&self, gathered: Option<Gathered>) {
        let Some(mut gathered) = gathered else { return };
        let count_key = &self.plan.config.log_count_attribute;
        gathered.counts().for_each(|it| self.aggregated.record(it as f64));
        match gathered.data(count_key, &self.plan.zone, clock::unix_nanos()) {
            Some(data) => self.onward.send(gathered.batch, data, None).await,
            None => gathered.batch.answer(&Ok(())),
        }
    }
}
