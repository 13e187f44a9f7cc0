//! A configuration as values: what `config` makes of the resolved tree, and everybody else reads.

use std::collections::BTreeMap;

use component::config::Value;
use component::{End, Id, Kind, PipelineId, PipelineView};

use crate::issue::Said;
use crate::registry::Plan;
use crate::telemetry::TelemetryConfig;

/// `service: pipelines: <id>:`.
#[derive(Debug, Clone, Default)]
pub struct PipelineConfig {
    /// Receivers and connectors that feed it.
    pub receivers: Vec<Id>,
    /// In the order of the data.
    pub processors: Vec<Id>,
    /// Exporters and connectors behind it.
    pub exporters: Vec<Id>,
}

/// `service:`.
#[derive(Debug, Clone, Default)]
pub struct ServiceConfig {
    /// Started first, in this order.
    pub extensions: Vec<Id>,
    /// In the order written.
    pub pipelines: Vec<(PipelineId, PipelineConfig)>,
    /// Own logs and metrics.
    pub telemetry: TelemetryConfig,
}

/// A whole configuration: valid by itself, not yet built.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Components by kind and id, in the order written.
    pub components: BTreeMap<Kind, Vec<(Id, Value)>>,
    /// `service:`.
    pub service: ServiceConfig,
    /// What the components say of their sections besides mistakes.
    pub said: Said,
    /// What their sections amount to: made once, whatever uses it.
    pub(crate) plans: BTreeMap<(Kind, Id), Plan>,
}

impl Settings {
    /// What is connected with what, for people.
    pub(crate) fn pipelines(&self) -> Vec<PipelineView> {
        let end = |id: &Id| End {
            id: id.clone(),
            is_connector: self.section(Kind::Connector, id).is_some(),
        };
        let shown = self.service.pipelines.iter().map(|(id, it)| PipelineView {
            id: id.clone(),
            receivers: it.receivers.iter().map(end).collect(),
            processors: it.processors.clone(),
            exporters: it.exporters.iter().map(end).collect(),
        });
        shown.collect()
    }
}
