//! Changes the attributes of log records, spans and data points. Stateless; what `include` and
//! `exclude` say of a resource or scope is decided once for all that is below it.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

use attraction::{Actions, Bound, Sender};
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Next, Processor, Settings, Signal,
    async_trait,
};
use pdata::{Logs, Metrics, Scratch, Traces};

mod config;
#[cfg(test)]
mod tests;

pub use config::Config;
use matching::Selection;

/// The processor.
pub struct Attributes {
    actions: Actions,
    selection: Selection,
    next: Next,
}

impl Processor for Attributes {
    type Config = Config;
    const TYPE: &'static str = "attributes";

    fn create(settings: Settings, config: Config, next: Next) -> Result<Self, BoxError> {
        let actions = Actions::new(&config.actions)?;
        let signal = settings.signal.unwrap_or(Signal::Logs);
        let selection = Selection::new(config.include.as_ref(), config.exclude.as_ref(), signal)?;
        Ok(Self { actions, selection, next })
    }
}

impl Component for Attributes {}

#[async_trait]
impl Consumer for Attributes {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let client = ctx.client.as_deref();
        let sender = client.map(|it| Sender { peer: it.peer, metadata: &it.metadata });
        let new = changed(&self.selection, &self.actions.bind(sender), &data);
        // The next step may take its time.
        drop(data);
        self.next.consume(ctx, new).await
    }
}

fn changed(selection: &Selection, actions: &Bound<'_>, data: &Data) -> Data {
    if selection.is_all() {
        return data.edit_attributes(&mut Scratch::new(), |_, it| actions.apply(it));
    }
    match data {
        Data::Logs(it) => logs(selection, actions, it).into(),
        Data::Traces(it) => traces(selection, actions, it).into(),
        Data::Metrics(it) => metrics(selection, actions, it).into(),
    }
}

fn logs(selection: &Selection, actions: &Bound<'_>, logs: &Logs) -> Logs {
    logs.rewrite(&mut Scratch::new(), |resource, edit| {
        let Some(extent) = selection.of_resource(resource.resource()) else { return };
        edit.scopes(|edit| {
            let Some(extent) = extent.of_scope(edit.scope()) else { return };
            edit.records(|record, edit| {
                if extent.record(record) {
                    actions.apply(&mut edit.attributes());
                }
            });
        });
    })
}

fn traces(selection: &Selection, actions: &Bound<'_>, traces: &Traces) -> Traces {
    traces.rewrite(&mut Scratch::new(), |resource, edit| {
        let Some(extent) = selection.of_resource(resource.resource()) else { return };
        edit.scopes(|edit| {
            let Some(extent) = extent.of_scope(edit.scope()) else { return };
            edit.spans(|span, edit| {
                if extent.span(span) {
                    actions.apply(&mut edit.attributes());
                }
            });
        });
    })
}

fn metrics(selection: &Selection, actions: &Bound<'_>, metrics: &Metrics) -> Metrics {
    metrics.rewrite(&mut Scratch::new(), |resource, edit| {
        let Some(extent) = selection.of_resource(resource.resource()) else { return };
        edit.metrics(|metric, edit| {
            if extent.metric(metric) {
                edit.points(|_, edit| actions.apply(&mut edit.attributes()));
            }
        });
    })
}
