//! Sends log records that are the same once for each interval, with their number.
//!
//! A push is answered when its records are counted here; a caller that can read its records again is answered when what they
//! were counted in has been delivered.

mod config;
mod fields;
mod gathered;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use component::config::Duration as GoDuration;
use component::meter::{Descriptor, Histogram, Level};
use component::{
    Backoff, BoxError, Component, ConsumeError, Consumer, Context, Data, Host, LostReason, Meter,
    Next, Problems, Processor, ProcessorSettings, RetryConfig, Signal, Stability, Wants,
    async_trait, clock,
};
use exporterhelper::{Claim, SIZE_BOUNDS};
use golang::time::Zone;
use ottl::{Conditions, ErrorMode, Prefixes, Request};
use pdata::{Depth, Keep, Place};
use tokio::time::Instant;
use tracing::{error, warn};

pub use config::Config;

use fields::Path;
use gathered::Gathered;

/// For how long records are offered to a next step that asks for a retry. Upstream drops them at once.
const RETRY_SECS_MAX: i64 = 30;

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
    next: Next,
    /// `None` once nothing is gathered any more.
    gathered: Mutex<Option<Gathered>>,
    host: OnceLock<Host>,
    meter: Meter,
    aggregated: Histogram,
    retry: RetryConfig,
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
        let retry = RetryConfig {
            initial_interval: GoDuration::from_millis(100),
            max_interval: GoDuration::from_secs(5),
            max_elapsed_time: GoDuration::from_secs(RETRY_SECS_MAX),
            ..RetryConfig::default()
        };
        Self {
            plan,
            next,
            gathered: Mutex::new(Some(Gathered::default())),
            host: OnceLock::new(),
            aggregated: settings.meter.histogram(AGGREGATED, SIZE_BOUNDS, &[]),
            meter: settings.meter,
            retry,
        }
    }
}

#[async_trait]
impl Component for LogDedup {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let stopping = self.host.get_or_init(|| host.clone()).stopping().clone();
        host.spawn(async move {
            let interval = self.plan.config.interval.std();
            while stopping.run_until_cancelled(tokio::time::sleep(interval)).await.is_some() {
                let seen = self.lock().as_mut().map(std::mem::take);
                self.send(seen.unwrap_or_default()).await;
            }
            let rest = self.lock().take();
            self.send(rest.unwrap_or_default()).await;
            Ok(())
        });
        Ok(())
    }
}

#[async_trait]
impl Consumer for LogDedup {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let (same, others) = self.parted(ctx, data)?;
        // They go first: who is refused has counted nothing, and can come again.
        if let Some(others) = others {
            self.next.consume(ctx, others).await?;
        }
        let Some(same) = same else { return Ok(()) };
        let (claim, waiting) = ctx.wants_delivered().then(Claim::new).unzip();
        let at_once = self.gather(same, claim, ctx.flush);
        ctx.keep_place();
        if let Some(at_once) = at_once {
            self.send(at_once).await;
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

    /// Counts records. Gives what has to be sent at once: where `flush` is asked for, where too much is gathered, and where the
    /// last interval is over.
    fn gather(&self, data: Data, claim: Option<Claim>, flush: bool) -> Option<Gathered> {
        let plan = &*self.plan;
        let (now, items) = (clock::unix_nanos(), data.items());
        let data = plan.without_excluded(data);
        let parts = data.partition(Depth::Item, |it| fields::of_record(it, &plan.included));
        let mut gathered = self.lock();
        let mut own = Gathered::default();
        let is_over = gathered.is_none();
        let all = gathered.as_mut().unwrap_or(&mut own);
        for (fingerprint, records) in parts {
            all.add(fingerprint, records, now);
        }
        match claim {
            Some(claim) => all.claims.push(claim),
            None => all.accepted += items,
        }
        let at_once = flush || is_over || all.is_full();
        at_once.then(|| std::mem::take(all))
    }

    async fn send(&self, mut gathered: Gathered) {
        let count_key = &self.plan.config.log_count_attribute;
        gathered.counts().for_each(|it| self.aggregated.record(it as f64));
        let Some(data) = gathered.data(count_key, &self.plan.zone, clock::unix_nanos()) else {
            return;
        };
        let wants = if gathered.claims.is_empty() { Wants::Accepted } else { Wants::Delivered };
        let ctx = Context { wants, flush: true, ..Context::default() };
        let result = self.offer(&ctx, data, gathered.accepted > 0).await;
        if let (Err(why), 1..) = (&result, gathered.accepted) {
            let reason = match (why.is_permanent(), self.is_stopping()) {
                (true, _) => LostReason::RejectedByBackend,
                (false, true) => LostReason::ShutdownDeadline,
                (false, false) => LostReason::ExpiredRetry,
            };
            reason.counter(&self.meter).add(gathered.accepted as u64);
            error!(error = %why, dropped_items = gathered.accepted, "failed to consume logs");
        }
        gathered.claims.into_iter().for_each(|it| it.answer(&result));
    }

    /// What nobody else can send again is offered again for a while.
    async fn offer(&self, ctx: &Context, data: Data, again: bool) -> Result<(), ConsumeError> {
        let (start, mut backoff) = (Instant::now(), Backoff::new(&self.retry));
        loop {
            let was_stopping = self.is_stopping();
            let Err(why) = self.next.consume(ctx, data.clone()).await else { return Ok(()) };
            if why.is_permanent() || !again || was_stopping {
                return Err(why);
            }
            warn!(error = %why, "offering records again until they are taken");
            let wait = backoff.next(start.elapsed(), why.retry_after(), 0.5);
            let Some(wait) = wait else { return Err(why) };
            let Some(host) = self.host.get() else { return Err(why) };
            let _ = host.stopping().run_until_cancelled(tokio::time::sleep(wait)).await;
        }
    }

    fn is_stopping(&self) -> bool {
        self.host.get().is_none_or(|it| it.stopping().is_cancelled())
    }
}
