//! The section of the connector.

use std::collections::BTreeMap;

use component::Problems;
use serde::{Deserialize, Serialize};

/// `connectors: rego:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Config {
    /// What the processor has, too.
    #[serde(flatten)]
    pub policy: decision::Config,
    /// Names that policies use, and the pipelines that each stands for.
    pub routes: BTreeMap<String, Vec<String>>,
    /// Pipelines of records that have no route. Default: those behind the connector that are no route and take no alerts.
    pub default_pipelines: Vec<String>,
    /// Pipelines of logs that take the alerts. Default: none, alerts are lost and counted.
    pub alerts: Vec<String>,
    /// Pipelines of logs that take the decisions of `decision_logs`. Default: none, they are lost and counted.
    pub decisions: Vec<String>,
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.policy.validate(problems);
    }
}
