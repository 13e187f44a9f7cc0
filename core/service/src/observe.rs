//! The edge before a component: names the component in errors and in what it logs.

use std::sync::Arc;

use async_trait::async_trait;
use component::meter::{Counter, Descriptor};
use component::{ConsumeError, Consumer, Context, Data, Next, Settings};
use tracing::{Instrument, Span};

const INCOMING: Descriptor = Descriptor {
    name: "otelcol_processor_incoming_items",
    unit: "{item}",
    description: "Number of items passed to the processor. [Alpha]",
};
const OUTGOING: Descriptor = Descriptor {
    name: "otelcol_processor_outgoing_items",
    unit: "{item}",
    description: "Number of items emitted from the processor. [Alpha]",
};

/// In front of a component.
pub(crate) struct Observe {
    origin: Arc<str>,
    span: Span,
    incoming: Option<Counter>,
    next: Next,
}

/// Behind a processor: counts what it lets through.
pub(crate) struct CountOutgoing {
    outgoing: Counter,
    next: Next,
}

impl Observe {
    /// In front of an exporter or connector.
    pub fn wrap(origin: &str, span: Span, next: Next) -> Next {
        Arc::new(Self { origin: origin.into(), span, incoming: None, next })
    }

    /// In front of a processor, which is counted.
    pub fn wrap_processor(origin: &str, span: Span, settings: &Settings, next: Next) -> Next {
        let incoming = Some(settings.meter.counter(INCOMING, &attributes(settings)));
        Arc::new(Self { origin: origin.into(), span, incoming, next })
    }
}

impl CountOutgoing {
    /// Behind the processor of `settings`.
    pub fn wrap(settings: &Settings, next: Next) -> Next {
        Arc::new(Self { outgoing: settings.meter.counter(OUTGOING, &attributes(settings)), next })
    }
}

fn attributes(settings: &Settings) -> [(&str, &str); 2] {
    let signal = settings.signal.map_or("", component::Signal::name);
    [("processor", settings.id.as_str()), ("otel.signal", signal)]
}

#[async_trait]
impl Consumer for Observe {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        if let Some(incoming) = &self.incoming {
            incoming.add(data.items() as u64);
        }
        let answer = self.next.consume(ctx, data).instrument(self.span.clone()).await;
        answer.map_err(|error| error.at(&self.origin))
    }
}

#[async_trait]
impl Consumer for CountOutgoing {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        self.outgoing.add(data.items() as u64);
        self.next.consume(ctx, data).await
    }
}
