//! Removes attributes that are not on a list, and masks what should not be seen, also in the bodies of log records.
//! Stateless.

mod apply;
mod config;
mod database;
mod json;
mod mask;
mod redis;
mod rules;
mod sql;
#[cfg(test)]
mod tests;
mod url;

use std::sync::Arc;

use component::{
    Component, ConsumeError, Context, Data, Next, Problems, Processor, ProcessorSettings, Signal,
    Stateless,
};
use pdata::{Depth, Field, Keep};

pub use config::{Config, Database, DbSanitizer, HashFunction, UrlSanitizer};
pub use rules::Rules;

/// The processor.
pub struct Redaction {
    rules: Arc<Rules>,
    next: Next,
}

impl Processor for Redaction {
    type Config = Config;
    type Plan = Rules;
    const TYPE: &'static str = "redaction";

    fn plan(config: Config, found: &mut Problems) -> Option<Rules> {
        Rules::new(&config, found)
    }

    fn create(_settings: ProcessorSettings, rules: Arc<Rules>, next: Next) -> Self {
        Self { rules, next }
    }
}

impl Component for Redaction {}

impl Stateless for Redaction {
    fn map(&self, _ctx: &Context, data: &Data) -> Result<Data, ConsumeError> {
        let rules = &*self.rules;
        Ok(data.edit(Depth::Child, |place| {
            // Of metrics the points have attributes.
            let metric = place.signal() == Signal::Metrics && place.depth() == Depth::Item;
            if place.depth() == Depth::Item {
                apply::span_name(place, rules);
            }
            if !metric {
                let field = place.own_attributes();
                apply::attributes(place, field, rules);
            }
            if place.log().is_some() && place.depth() == Depth::Item {
                apply::body(place, Field::LOG_BODY, rules);
            }
            Keep::Enter
        }))
    }

    fn next(&self) -> &Next {
        &self.next
    }
}
