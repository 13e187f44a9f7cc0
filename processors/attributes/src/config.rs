//! The section of the attributes processor.

use attraction::Action;
use component::Problems;
use matching::MatchProperties;
use serde::{Deserialize, Serialize};

/// `processors: attributes:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "attributesprocessor.Config")]
pub struct Config {
    /// Which records, spans and metrics to change. Default: all.
    pub include: Option<MatchProperties>,
    /// Which of these to leave alone. Default: none.
    pub exclude: Option<MatchProperties>,
    /// What to do, in this order. Required.
    pub actions: Vec<Action>,
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.actions.is_empty() {
            problems
                .at("", "missing required field \"actions\"")
                .require("actions", "[{key: environment, value: production, action: upsert}]");
        }
    }
}
