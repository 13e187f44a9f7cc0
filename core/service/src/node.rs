//! One component instance: what it was made from, how it is called, and what it calls.

use std::sync::Arc;
use std::time::Duration;

use component::config::Value;
use component::{
    Component, ConsumeError, Consumer, Context, Data, Host, Id, Kind, Next, Outputs, PipelineId,
    async_trait, fan_out,
};
use exporterhelper::Helper;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::observe::CountOutgoing;

/// Names an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub kind: Kind,
    pub id: Id,
    /// The pipeline of a processor, the signal of an exporter or connector.
    pub part: String,
}

/// One component instance. Clones are the same instance.
#[derive(Clone)]
pub(crate) struct Node {
    pub key: Key,
    pub component: Arc<dyn Component>,
    pub span: Span,
    /// What it was made from.
    pub section: Value,
    /// How it is called.
    pub inlet: Option<Next>,
    /// What it calls.
    pub outlet: Outlet,
    /// The queue in front of an exporter is a node of its own.
    pub helper: Option<Arc<Helper>>,
    /// Since it was started.
    pub host: Option<Host>,
}

/// What an instance calls. It can be changed while it runs.
#[derive(Clone)]
pub(crate) enum Outlet {
    /// It ends here.
    None,
    /// The next step.
    Step(Arc<CountOutgoing>),
    /// Pipelines.
    Pipelines(Outputs),
}

/// What an instance that stays has to call from now on.
pub(crate) enum Rewire {
    Step(Arc<CountOutgoing>, Next),
    Pipelines(Outputs, Vec<(PipelineId, Next)>),
}

impl Rewire {
    /// What is returned is cancelled when the last call on the old way has ended.
    pub fn apply(self) -> CancellationToken {
        match self {
            Rewire::Step(outgoing, next) => outgoing.replace(next),
            Rewire::Pipelines(outputs, pipelines) => outputs.replace(pipelines),
        }
    }
}

impl Key {
    pub fn new(kind: Kind, id: &Id, part: &str) -> Self {
        Self { kind, id: id.clone(), part: part.to_owned() }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&component::instance_name(self.kind, &self.id, &self.part))
    }
}

impl Node {
    /// True when it uses an extension that does not stay.
    pub fn has_lost(&self, extensions: &[Id]) -> bool {
        let used = self.host.as_ref().map(Host::used).unwrap_or_default();
        used.iter().any(|it| extensions.contains(it))
    }
}

/// Several exporters behind one pipeline: all are called, `Ok` when all took it (ADR 0003).
pub(crate) struct FanOut {
    pub ends: Vec<Next>,
}

impl FanOut {
    /// True when it calls exactly these.
    pub fn calls(&self, ends: &[Next]) -> bool {
        self.ends.len() == ends.len() && self.ends.iter().zip(ends).all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

#[async_trait]
impl Consumer for FanOut {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        fan_out(ctx, self.ends.iter(), data).await
    }

    fn unanswering(&self, longer_than: Duration) -> Vec<Arc<str>> {
        self.ends.iter().flat_map(|it| it.unanswering(longer_than)).collect()
    }
}
