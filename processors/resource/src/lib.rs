//! Changes resource attributes. Stateless; a resource is changed once, however many records it has.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

use attraction::{Action, Actions, Sender};
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Next, Problems, Processor,
    Settings, async_trait,
};
use pdata::Scratch;
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// `processors: resource:`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// What to do, in this order. Required.
    pub attributes: Vec<Action>,
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.attributes.is_empty() {
            problems
                .at("", "missing required field \"attributes\"")
                .set("attributes", "[{key: environment, value: production, action: upsert}]");
        }
        Actions::check(&self.attributes, "attributes", problems);
    }
}

/// The processor.
pub struct Resource {
    actions: Actions,
    next: Next,
}

impl Processor for Resource {
    type Config = Config;
    const TYPE: &'static str = "resource";

    fn create(_settings: Settings, config: Config, next: Next) -> Result<Self, BoxError> {
        Ok(Self { actions: Actions::new(&config.attributes)?, next })
    }
}

impl Component for Resource {}

#[async_trait]
impl Consumer for Resource {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let new = {
            let client = ctx.client.as_deref();
            let sender = client.map(|it| Sender { peer: it.peer, metadata: &it.metadata });
            let actions = self.actions.bind(sender);
            data.edit_resources(&mut Scratch::new(), |attributes| actions.apply(attributes))
        };
        // The next step may take its time.
        drop(data);
        self.next.consume(ctx, new).await
    }
}
