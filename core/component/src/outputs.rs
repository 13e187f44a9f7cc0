//! Where a receiver or connector delivers: the pipelines that list it, by signal.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use pdata::{Data, Signal};
use tokio_util::sync::CancellationToken;

use crate::{ConsumeError, Context, Id, Next, PipelineId, Place, Switch, Tracer};

/// The pipelines behind a receiver or connector. All clones are the same: when the configuration is
/// reloaded, a component that stays calls other pipelines from then on.
#[derive(Clone)]
pub struct Outputs {
    pipelines: Arc<Switch<Vec<(PipelineId, Next)>>>,
    /// Nothing is delivered to the others.
    only: Option<PipelineId>,
    /// Nothing else is delivered.
    signals: Option<Arc<[Signal]>>,
    spans: Option<Arc<Spans>>,
    /// The last one is the first to see the data.
    finish: Vec<Arc<dyn Finish>>,
}

/// What a receiver does to all of its data at last. It may wait for what it has to know.
#[async_trait]
pub trait Finish: Send + Sync {
    /// What goes to the pipelines.
    async fn finish(&self, data: Data) -> Data;
}

/// Makes the span of each delivery of a receiver.
struct Spans {
    tracer: Tracer,
    receiver: Id,
}

impl Default for Outputs {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Outputs {
    /// In the order of delivery.
    pub fn new(pipelines: Vec<(PipelineId, Next)>) -> Self {
        let pipelines = Arc::new(Switch::new(pipelines));
        Self { pipelines, only: None, signals: None, spans: None, finish: Vec::new() }
    }

    /// The same, but only to one of the pipelines, as long as it is there.
    #[must_use]
    pub fn only(&self, pipeline: &PipelineId) -> Self {
        Self { only: Some(pipeline.clone()), ..self.clone() }
    }

    /// Names the exporters that have taken nothing for so long, by pipeline.
    pub fn unanswering(&self, longer_than: Duration) -> Vec<(PipelineId, Vec<Arc<str>>)> {
        let pipelines = self.pipelines.get();
        let wanted = pipelines.iter().filter(|(id, _)| self.delivers(id));
        wanted.map(|(id, next)| (id.clone(), next.unanswering(longer_than))).collect()
    }

    fn delivers(&self, pipeline: &PipelineId) -> bool {
        self.only.as_ref().is_none_or(|it| it == pipeline)
            && self.signals.as_ref().is_none_or(|it| it.contains(&pipeline.signal()))
    }

    /// The same, but only for these signals.
    #[must_use]
    pub fn only_signals(self, signals: &[Signal]) -> Self {
        Self { signals: Some(signals.into()), ..self }
    }

    /// True when these are the pipelines.
    pub fn delivers_to(&self, pipelines: &[(PipelineId, Next)]) -> bool {
        let own = self.pipelines.get();
        let same = |(a, b): (&(PipelineId, Next), &(PipelineId, Next))| {
            a.0 == b.0 && Arc::ptr_eq(&a.1, &b.1)
        };
        own.len() == pipelines.len() && own.iter().zip(pipelines).all(same)
    }

    /// Delivers elsewhere from now on. What is returned is cancelled when the last call to the pipelines
    /// before has ended.
    pub fn replace(&self, pipelines: Vec<(PipelineId, Next)>) -> CancellationToken {
        self.pipelines.set(pipelines)
    }

    /// With a last step before the pipelines, and before the last steps that are there already.
    #[must_use]
    pub fn finished_by(mut self, finish: Arc<dyn Finish>) -> Self {
        self.finish.push(finish);
        self
    }

    /// With a span around each delivery, named as upstream's. `receiver/receiverhelper/obsreport.go`.
    #[must_use]
    pub fn with_spans(self, tracer: &Tracer, receiver: &Id) -> Self {
        let spans = Spans { tracer: tracer.clone(), receiver: receiver.clone() };
        Self { spans: tracer.is_on().then(|| Arc::new(spans)), ..self }
    }

    /// True when a pipeline of this signal listens: servers offer only what is wanted.
    pub fn wants(&self, signal: Signal) -> bool {
        let pipelines = self.pipelines.get();
        pipelines.iter().any(|(id, _)| id.signal() == signal && self.delivers(id))
    }

    /// One pipeline, for routers.
    pub fn pipeline(&self, id: &str) -> Option<Next> {
        let pipelines = self.pipelines.get();
        pipelines.iter().find(|(it, _)| it.as_str() == id).map(|(_, next)| Arc::clone(next))
    }

    /// All pipelines, in the order of delivery.
    pub fn pipelines(&self) -> Vec<PipelineId> {
        let pipelines = self.pipelines.get();
        pipelines.iter().map(|(id, _)| id).filter(|it| self.delivers(it)).cloned().collect()
    }

    /// Delivers to every pipeline of the data's signal; `Ok` when all took it. All are called even
    /// if one fails, and together they are retryable if any is (ADR 0003).
    pub async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let mut data = data;
        for finish in self.finish.iter().rev() {
            data = finish.finish(data).await;
        }
        let Some(spans) = &self.spans else { return self.deliver(ctx, data).await };
        let (what, accepted, refused) = match data.signal() {
            Signal::Traces => ("TraceDataReceived", "accepted_spans", "refused_spans"),
            Signal::Metrics => {
                ("MetricsReceived", "accepted_metric_points", "refused_metric_points")
            }
            Signal::Logs => ("LogsReceived", "accepted_log_records", "refused_log_records"),
        };
        let (items, id) = (data.items() as u64, &spans.receiver);
        let scope = "go.opentelemetry.io/collector/receiver/receiverhelper";
        let name = || format!("receiver/{id}/{what}");
        let Some(mut span) = spans.tracer.start(scope, name, ctx.span) else {
            return self.deliver(ctx, data).await;
        };
        span.text("receiver", id.as_str());
        let answer = self.deliver(&ctx.below(&span), data).await;
        span.count(accepted, if answer.is_ok() { items } else { 0 });
        span.count(refused, if answer.is_ok() { 0 } else { items });
        answer.inspect_err(|error| span.fail(error))
    }

    /// Delivers to some of the pipelines, for routers. Answers as [`Outputs::consume`] does; a pipeline that
    /// is not there (any more) is an error that can be retried, since nothing may be lost in a reload.
    pub async fn consume_by(
        &self,
        ctx: &Context,
        ids: &[PipelineId],
        data: Data,
    ) -> Result<(), ConsumeError> {
        let pipelines = self.pipelines.get();
        if let Some(absent) = ids.iter().find(|id| pipelines.iter().all(|(it, _)| it != *id)) {
            return Err(ConsumeError::retryable(format!("there is no pipeline \"{absent}\"")));
        }
        let nexts = pipelines.iter().filter(|(id, _)| ids.contains(id));
        fan_out(ctx, nexts.map(|it| &it.1), data).await
    }

    async fn deliver(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let signal = data.signal();
        let pipelines = self.pipelines.get();
        let nexts = pipelines.iter().filter(|(id, _)| id.signal() == signal && self.delivers(id));
        fan_out(ctx, nexts.map(|it| &it.1), data).await
    }
}

/// Calls all of `nexts` at the same time: `Ok` when all took it (ADR 0003). What is stored by all of them has kept
/// its place.
///
/// # Errors
/// Those of all calls, as one.
pub async fn fan_out<'a>(
    ctx: &Context,
    mut nexts: impl Iterator<Item = &'a Next>,
    data: Data,
) -> Result<(), ConsumeError> {
    let Some(first) = nexts.next() else { return Ok(()) };
    let rest: Vec<&Next> = nexts.collect();
    if rest.is_empty() {
        return first.consume(ctx, data).await;
    }
    let places: Vec<Place> = ctx.place.iter().flat_map(|it| it.branches(1 + rest.len())).collect();
    let mut places = places.into_iter();
    let calls = std::iter::once(first).chain(rest).map(|next| {
        let branch = places.next().map(|it| Context { place: Some(it), ..ctx.clone() });
        let data = data.clone();
        async move {
            let ctx = branch.as_ref().unwrap_or(ctx);
            let answer = next.consume(ctx, data).await;
            ctx.keep_place();
            answer
        }
    });
    let errors = join_all(calls).await.into_iter().filter_map(Result::err);
    ConsumeError::combine(errors).map_or(Ok(()), Err)
}
