//! Changes resource attributes. Stateless; a resource is changed once, however many records it has.

use std::sync::Arc;

use attraction::{Action, Actions, Sender};
use component::{
    Component, ConsumeError, Context, Data, Next, Problems, Processor, ProcessorSettings, Stateless,
};
use pdata::{Depth, Field, Keep};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// `processors: resource:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "resourceprocessor.Config")]
pub struct Config {
    /// What to do, in this order. Required.
    pub attributes: Vec<Action>,
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.attributes.is_empty() {
            problems
                .at("", "missing required field \"attributes\"")
                .require("attributes", "[{key: environment, value: production, action: upsert}]");
        }
    }
}

/// The processor.
pub struct Resource {
    actions: Arc<Actions>,
    next: Next,
}

impl Processor for Resource {
    type Config = Config;
    type Plan = Actions;
    const TYPE: &'static str = "resource";

    fn plan(config: Config, found: &mut Problems) -> Option<Actions> {
        Actions::new(&config.attributes, "attributes", found)
    }

    fn create(_settings: ProcessorSettings, actions: Arc<Actions>, next: Next) -> Self {
        Self { actions, next }
    }
}

impl Component for Resource {}

impl Stateless for Resource {
    fn map(&self, ctx: &Context, data: &Data) -> Result<Data, ConsumeError> {
        let client = ctx.client.as_deref();
        let auth = |name: &str| client?.auth.as_ref()?.text(name);
        let sender = client.map(|it| Sender { peer: it.peer, metadata: &it.metadata, auth: &auth });
        let actions = self.actions.bind(sender);
        Ok(data.edit(Depth::Resource, |place| {
            if let Some(mut attributes) = place.attributes(Field::RESOURCE_ATTRIBUTES) {
                actions.apply(&mut attributes);
            }
            Keep::Whole
        }))
    }

    fn next(&self) -> &Next {
        &self.next
    }
}
