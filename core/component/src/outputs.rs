//! Where a receiver or connector delivers: the pipelines that list it, by signal.

use futures_util::future::join_all;
use pdata::{Data, Signal};

use crate::{ConsumeError, Context, Next, PipelineId};

/// The pipelines behind a receiver or connector.
#[derive(Clone, Default)]
pub struct Outputs {
    pipelines: Vec<(PipelineId, Next)>,
}

impl Outputs {
    /// In the order of delivery.
    pub fn new(pipelines: Vec<(PipelineId, Next)>) -> Self {
        Self { pipelines }
    }

    /// True when a pipeline of this signal listens: servers offer only what is wanted.
    pub fn wants(&self, signal: Signal) -> bool {
        self.pipelines.iter().any(|(id, _)| id.signal() == signal)
    }

    /// One pipeline, for routers.
    pub fn pipeline(&self, id: &str) -> Option<&Next> {
        self.pipelines.iter().find(|(it, _)| it.as_str() == id).map(|(_, next)| next)
    }

    /// All pipelines, in the order of delivery.
    pub fn pipelines(&self) -> impl Iterator<Item = &PipelineId> {
        self.pipelines.iter().map(|(id, _)| id)
    }

    /// Delivers to every pipeline of the data's signal; `Ok` when all took it. All are called even
    /// if one fails, and together they are retryable if any is (ADR 0003).
    pub async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let signal = data.signal();
        let mut nexts = self.pipelines.iter().filter(|(id, _)| id.signal() == signal);
        let Some((_, first)) = nexts.next() else { return Ok(()) };
        let rest: Vec<_> = nexts.map(|(_, next)| next.consume(ctx, data.clone())).collect();
        if rest.is_empty() {
            return first.consume(ctx, data).await;
        }
        let (first, rest) = tokio::join!(first.consume(ctx, data.clone()), join_all(rest));
        let errors = std::iter::once(first).chain(rest).filter_map(Result::err);
        ConsumeError::combine(errors).map_or(Ok(()), Err)
    }
}
