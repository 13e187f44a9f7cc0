//! Counts spans and measures their durations, by service, name, kind, status and other attributes, and sends the numbers at an
//! interval. Spans end here: what goes on is a sum of them, which begins anew when the process does. So every caller is
//! answered as soon as its spans have been counted.

mod book;
mod config;
mod key;
mod plan;
mod series;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use component::{
    BoxError, Component, Connector, ConnectorSettings, ConsumeError, Consumer, Context, Data, Host,
    Outputs, Problems, Signal, Stability, async_trait, clock,
};
use exporterhelper::{Batch, Onward};
use tokio::time::MissedTickBehavior;

use book::{Book, Gates};
pub use config::Config;
pub use plan::Plan;

const WITHOUT_RESOURCES: &str = "connector.spanmetrics.excludeResourceMetrics";
const LEGACY_NAMES: &str = "connector.spanmetrics.legacyMetricNames";
const OTEL_STATUS_CODE: &str = "spanmetrics.statusCodeConvention.useOtelPrefix";

/// The connector.
pub struct SpanMetrics {
    plan: Arc<Plan>,
    book: Mutex<Book>,
    onward: Onward,
}

impl Connector for SpanMetrics {
    type Config = Config;
    type Plan = Plan;
    const TYPE: &'static str = "span_metrics";
    const ALIASES: &'static [&'static str] = &["spanmetrics"];
    const SIGNALS: &'static [(Signal, Signal, Stability)] =
        &[(Signal::Traces, Signal::Metrics, Stability::Alpha)];

    fn plan(config: Config, _found: &mut Problems) -> Option<Plan> {
        Some(Plan::new(config))
    }

    fn create(
        settings: ConnectorSettings,
        plan: Arc<Plan>,
        out: Outputs,
    ) -> Result<Self, BoxError> {
        let book = Mutex::new(Book::new(&plan));
        let onward = Onward::new(Arc::new(All(out)), &settings.meter, "Failed ConsumeMetrics");
        Ok(Self { plan, book, onward })
    }
}

/// All pipelines behind the connector.
struct All(Outputs);

#[async_trait]
impl Consumer for All {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        self.0.consume(ctx, data).await
    }
}

#[async_trait]
impl Component for SpanMetrics {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        self.onward.start(host);
        let gates = host.view().gates;
        let is_on = |id: &str| gates.iter().any(|it| it.id == id && it.is_on);
        self.book().set_gates(Gates {
            without_resources: is_on(WITHOUT_RESOURCES),
            legacy_names: is_on(LEGACY_NAMES),
            otel_status_code: is_on(OTEL_STATUS_CODE),
        });
        let stopping = host.stopping().clone();
        host.spawn(async move {
            let mut ticks = tokio::time::interval(self.plan.config.metrics_flush_interval.std());
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first tick comes at once.
            ticks.tick().await;
            loop {
                tokio::select! {
                    () = stopping.cancelled() => return Ok(()),
                    _ = ticks.tick() => self.flush(false).await,
                }
            }
        });
        Ok(())
    }

    /// What was counted since the last flush is sent, too.
    async fn shutdown(&self) -> Result<(), BoxError> {
        if self.book().is_changed() {
            self.flush(true).await;
        }
        Ok(())
    }
}

#[async_trait]
impl Consumer for SpanMetrics {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        if let Data::Traces(traces) = data {
            self.book().count(&self.plan, &traces, clock::unix_nanos());
        }
        ctx.keep_place();
        Ok(())
    }
}

impl SpanMetrics {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn flush(&self, is_last: bool) {
        let metrics = self.book().flush(&self.plan, clock::unix_nanos(), is_last);
        if metrics.is_empty() {
            return;
        }
        let data = Data::from(metrics);
        let mut batch = Batch::new(Context::default(), self.onward.lost_at_shutdown());
        batch.join(data.clone(), None);
        self.onward.send(batch, data, None).await;
    }
}
