//! Spans about queueing and exporting, named as upstream's.

use component::trace::Span;
use component::{Context, ExporterSettings, Signal, Tracer};

/// Makes the spans of one exporter.
pub(crate) struct Spans {
    tracer: Tracer,
    name: String,
}

impl Spans {
    pub(crate) fn new(settings: &ExporterSettings, signal: Signal) -> Self {
        let name = format!("exporter/{}/{signal}", settings.id);
        Self { tracer: settings.meter.tracer().clone(), name }
    }

    /// Around all attempts to send a batch.
    pub(crate) fn export(&self, ctx: &Context) -> Option<Span> {
        self.tracer.start(crate::metrics::SCOPE, || self.name.clone(), ctx.span)
    }

    /// Around the wait for room in the queue.
    pub(crate) fn enqueue(&self, ctx: &Context) -> Option<Span> {
        self.tracer.start(crate::metrics::SCOPE, || "exporter/enqueue".into(), ctx.span)
    }
}
