//! Changes the attributes of log records, spans and data points. Stateless; what `include` and
//! `exclude` say of a resource or scope is decided once for all that is below it.

use std::sync::Arc;

use attraction::{Actions, Bound, Sender};
use component::{
    Component, ConsumeError, Context, Data, Next, PerSignal, Problems, Processor,
    ProcessorSettings, Signal, Stateless,
};
use pdata::{Depth, Keep};

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
                |fault| {
                    found.add(fault).only_for(signal.name());
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
        let auth = |name: &str| client?.auth.as_ref()?.text(name);
        let sender = client.map(|it| Sender { peer: it.peer, metadata: &it.metadata, auth: &auth });
        Ok(changed(selection, &self.plan.actions.bind(sender), data))
    }

    fn next(&self) -> &Next {
        &self.next
    }
}

fn changed(selection: &Selection, actions: &Bound<'_>, data: &Data) -> Data {
    let mut walk = selection.walk();
    data.edit(Depth::of_items(data.signal()), |place| {
        let meant = walk.means(place);
        if meant && place.is_counted() {
            let field = place.own_attributes();
            if let Some(mut attributes) = place.attributes(field) {
                actions.apply(&mut attributes);
            }
        }
        if meant { Keep::Enter } else { Keep::Whole }
    })
}
