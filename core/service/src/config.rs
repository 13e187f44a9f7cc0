//! From the resolved tree to typed sections: ids, pipelines, references, each with the Collector's text.

use std::collections::BTreeMap;

use component::config::Value;
use component::{Config as _, Id, Kind, PipelineId, Problems};
use confmap::code;

use crate::decode::Decoder;
use crate::issue::{
    Issue, Problem, Said, Stage, at_component, at_item, caution_code, independent, issue,
};
use crate::registry::Registry;
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
}

impl Settings {
    /// Types and validates a resolved tree.
    ///
    /// # Errors
    /// Every mistake of the first stage that has any.
    pub fn read(root: &Value, registry: &Registry) -> Result<Self, Problem> {
        let (mut settings, profiles, wrong) = Self::decode_all(root, registry);
        let mut issues = settings.validate(root, registry);
        if !wrong.is_empty() {
            let mut problem = Problem::new(Stage::Decode, wrong);
            issues.append(&mut settings.said.late);
            problem.more = independent(issues, &problem.issues);
            return Err(problem);
        }
        issues.extend(profiles.iter().map(|id| {
            let text = format!(
                "service::pipelines: pipeline \"{id}\": profiling signal support is at alpha level, \
                 gated under the \"service.profilesSupport\" feature gate"
            );
            issue(&["service", "pipelines", id], &text).code(code::GATED).remove()
        }));
        if issues.is_empty() {
            return Ok(settings);
        }
        let mut problem = Problem::new(Stage::Validate, issues);
        problem.more = settings.said.late;
        Err(problem)
    }

    /// Types a resolved tree, with the ids of pipelines for a signal that is not there.
    pub(crate) fn decode(
        root: &Value,
        registry: &Registry,
    ) -> Result<(Self, Vec<String>), Problem> {
        let (settings, profiles, issues) = Self::decode_all(root, registry);
        if issues.is_empty() {
            return Ok((settings, profiles));
        }
        Err(Problem::new(Stage::Decode, issues))
    }

    /// What can be read, the pipelines of profiles, and what cannot be read.
    fn decode_all(root: &Value, registry: &Registry) -> (Self, Vec<String>, Vec<Issue>) {
        let mut decoder = Decoder::new(registry);
        let settings = decoder.root(root);
        (settings, decoder.profiles, decoder.issues)
    }

    /// The section of a component.
    pub fn section(&self, kind: Kind, id: &Id) -> Option<&Value> {
        self.of(kind).iter().find(|(it, _)| it == id).map(|(_, section)| section)
    }

    /// The components of a kind.
    pub fn of(&self, kind: Kind) -> &[(Id, Value)] {
        self.components.get(&kind).map_or(&[], Vec::as_slice)
    }

    fn validate(&mut self, root: &Value, registry: &Registry) -> Vec<Issue> {
        let mut issues = Vec::new();
        let no_pipelines = "service::pipelines: service must have at least one pipeline";
        if self.components.values().all(Vec::is_empty) {
            issues.push(issue(&[], "empty configuration file").code(code::INCOMPLETE));
        } else if self.of(Kind::Receiver).is_empty() {
            let issue = issue(&[], "no receiver configuration specified in config");
            issues.push(self.without_section(Kind::Receiver, registry, issue));
        } else if self.of(Kind::Exporter).is_empty() {
            let issue = issue(&[], "no exporter configuration specified in config");
            issues.push(self.without_section(Kind::Exporter, registry, issue));
        } else {
            self.validate_references(registry, &mut issues);
        }
        self.said = self.ask_components(registry, &mut issues);
        let mut telemetry = Problems::default();
        self.service.telemetry.validate(&mut telemetry);
        issues.extend(telemetry.list().iter().map(|it| {
            let path: Vec<&str> =
                ["service", "telemetry"].into_iter().chain(it.key.split("::")).collect();
            // Some of upstream's rules name their key themselves.
            let place = if it.rule.starts_with("service::") { &path[..2] } else { &path[..] };
            issue(&path, &format!("{}: {}", place.join("::"), it.rule))
        }));
        if self.service.pipelines.is_empty() && !has_profiles(root) {
            let issue = issue(&["service", "pipelines"], no_pipelines).code(code::INCOMPLETE);
            issues.push(self.with_pipeline(registry, issue));
        }
        for (id, pipeline) in &self.service.pipelines {
            let path = ["service", "pipelines", id.as_str()];
            let missing = [("receiver", &pipeline.receivers), ("exporter", &pipeline.exporters)];
            for (what, list) in missing {
                if list.is_empty() {
                    let text = format!("service::pipelines::{id}: must have at least one {what}");
                    let issue = issue(&path, &text).code(code::INCOMPLETE);
                    let key = format!("{what}s");
                    let kind = if what == "receiver" { Kind::Receiver } else { Kind::Exporter };
                    issues.push(match self.one_for(kind, id.signal(), registry) {
                        Some(one) => {
                            issue.set(&[path[0], path[1], path[2], &key], format!("[{one}]"))
                        }
                        None => issue,
                    });
                }
            }
            for (at, processor) in pipeline.processors.iter().enumerate() {
                if pipeline.processors[..at].contains(processor) {
                    let text = format!(
                        "service::pipelines::{id}: references processor \"{processor}\" multiple times"
                    );
                    let issue = at_item(&path, "processors", at, &text).code(code::TWICE);
                    issues.push(issue.remove());
                }
            }
        }
        issues
    }

    fn validate_references(&self, registry: &Registry, issues: &mut Vec<Issue>) {
        for (id, _) in self.of(Kind::Connector) {
            let twin = if self.section(Kind::Exporter, id).is_some() {
                "exporter"
            } else if self.section(Kind::Receiver, id).is_some() {
                "receiver"
            } else {
                continue;
            };
            let text = format!(
                "connectors::{id}: ambiguous ID: Found both \"{id}\" {twin} and \"{id}\" connector. \
                 Change one of the components' IDs to eliminate ambiguity (e.g. rename \"{id}\" \
                 connector to \"{id}/connector\")"
            );
            let mut issue = issue(&["connectors", id.as_str()], &text).code(code::AMBIGUOUS);
            issue.at_key = true;
            issues.push(issue);
        }
        for (at, id) in self.service.extensions.iter().enumerate() {
            if self.section(Kind::Extension, id).is_none() {
                let text = format!(
                    "service::extensions: references extension \"{id}\" which is not configured"
                );
                let issue = at_item(&["service"], "extensions", at, &text);
                issues.push(self.undefined(issue, id, &[Kind::Extension], registry));
            }
        }
        for (pipeline, config) in &self.service.pipelines {
            let lists = [
                (
                    "receiver",
                    "receivers",
                    &config.receivers,
                    &[Kind::Receiver, Kind::Connector][..],
                ),
                ("processor", "processors", &config.processors, &[Kind::Processor]),
                ("exporter", "exporters", &config.exporters, &[Kind::Exporter, Kind::Connector]),
            ];
            for (what, key, ids, kinds) in lists {
                for (at, id) in ids.iter().enumerate() {
                    if kinds.iter().any(|kind| self.section(*kind, id).is_some()) {
                        continue;
                    }
                    let text = format!(
                        "service::pipelines::{pipeline}: references {what} \"{id}\" which is not configured"
                    );
                    let path = ["service", "pipelines", pipeline.as_str()];
                    let issue = at_item(&path, key, at, &text);
                    issues.push(self.undefined(issue, id, kinds, registry));
                }
            }
        }
    }

    /// Asks every component that can be read; mistakes go to `issues`.
    fn ask_components(&self, registry: &Registry, issues: &mut Vec<Issue>) -> Said {
        let mut said = Said::default();
        for (kind, components) in &self.components {
            for (id, section) in components {
                let Some(entry) = registry.find(*kind, id.type_name()) else { continue };
                let Ok(problems) = (entry.check)(section) else { continue };
                issues.extend(problems.list().iter().map(|it| at_component(*kind, id, it)));
                let late = problems
                    .late_list()
                    .iter()
                    .map(|it| Issue { text: it.rule.clone(), ..at_component(*kind, id, it) });
                said.late.extend(late);
                said.warnings.extend(problems.warnings().iter().map(|(caution, it)| {
                    let text = it.rule.clone();
                    Issue { text, ..at_component(*kind, id, it).code(caution_code(*caution)) }
                }));
            }
        }
        said
    }
}

/// True when a pipeline is listed that never becomes one here.
fn has_profiles(root: &Value) -> bool {
    let pipelines = root.get("service").and_then(|it| it.get("pipelines"));
    matches!(pipelines, Some(Value::Map(entries)) if !entries.is_empty())
}
