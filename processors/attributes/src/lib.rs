//! Changes the attributes of log records, spans and data points. Stateless; what `include` and
//! `exclude` say of a resource or scope is decided once for all that is below it.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

use std::sync::Arc;

use attraction::{Actions, Bound, Sender};
use component::{
    Component, ConsumeError, Context, Data, Next, PerSignal, Problems, Processor,
    ProcessorSettings, Signal, Stateless,
};
use pdata::{Logs, Metrics, Scratch, Traces};

mod config;
#[cfg(test)]
mod tests;

pub use config::Config;
use matching::Selection;

/// The processor.
pub struct Attributes {
    plan: Arc<Plan>,
    signal: Signal,
    next: Next,
}

/// The section, compiled.
pub struct Plan {
    actions: Actions,
    selections: PerSignal<Selection>,
}

impl Processor for Attributes {
    type Config = Config;
    type Plan = Plan;
    const TYPE: &'static str = "attributes";

    fn plan(config: Config, found: &mut Problems) -> Option<Plan> {
        let actions = Actions::new(&config.actions, "actions", found);
        let selections = PerSignal::new(|signal| {
            Selection::new(config.include.as_ref(), config.exclude.as_ref(), signal).unwrap_or_else(
                |text| {
                    found.late("", text).only_for(signal.name());
                    Selection::default()
                },
            )
        });
        Some(Plan { actions: actions?, selections })
    }

    fn create(settings: ProcessorSettings, plan: Arc<Plan>, next: Next) -> Self {
        Self { plan, signal: settings.signal, next }
    }
}

impl Component for Attributes {}

impl Stateless for Attributes {
    fn map(&self, ctx: &Context, data: &Data) -> Result<Data, ConsumeError> {
        let selection = self.plan.selections.get(self.signal);
        let client = ctx.client.as_deref();
        let sender = client.map(|it| Sender { peer: it.peer, metadata: &it.metadata });
        Ok(changed(selection, &self.plan.actions.bind(sender), data))
    }

    fn next(&self) -> &Next {
        &self.next
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
