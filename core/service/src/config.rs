//! From the resolved tree to typed sections: ids, pipelines, references, each with the Collector's text.

use std::collections::BTreeMap;

use component::config::Value;
use component::{Config as _, Id, Kind, PipelineId, Problems};

use crate::decode::Decoder;
use crate::registry::Registry;
use crate::telemetry::TelemetryConfig;

/// When a problem shows: it decides the text around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The tree does not fit the types.
    Decode,
    /// The values do not make sense.
    Validate,
    /// The pipelines cannot be built.
    Build,
}

/// One mistake in the configuration.
#[derive(Debug, Clone)]
pub struct Issue {
    /// Keys and list positions from the root down to the culprit.
    pub path: Vec<String>,
    /// In the Collector's words, complete but for the envelope of its stage.
    pub text: String,
    /// What was probably meant.
    pub candidates: Vec<String>,
    /// True when the key is at fault, false when its value is.
    pub at_key: bool,
}

/// Why a configuration cannot run.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Where it failed.
    pub stage: Stage,
    /// Every mistake found at that stage.
    pub issues: Vec<Issue>,
}

impl Problem {
    /// What the Collector prints after `Error: `; `running` is false for `validate`.
    pub fn text(&self, running: bool) -> String {
        let all = self.issues.iter().map(|it| it.text.as_str()).collect::<Vec<_>>().join("\n");
        match self.stage {
            Stage::Decode => format!(
                "failed to get config: cannot unmarshal the configuration: decoding failed due to the \
                 following error(s):\n\n{all}"
            ),
            Stage::Validate if running => format!("invalid configuration: {all}"),
            Stage::Validate => all,
            Stage::Build if running => {
                format!("failed to setup configuration components: {all}")
            }
            Stage::Build => all,
        }
    }
}

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
}

impl Settings {
    /// Types and validates a resolved tree.
    ///
    /// # Errors
    /// Every mistake of the first stage that has any.
    pub fn read(root: &Value, registry: &Registry) -> Result<Self, Problem> {
        let (settings, profiles) = Self::decode(root, registry)?;
        let mut issues = settings.validate(root, registry);
        issues.extend(profiles.iter().map(|id| {
            let text = format!(
                "service::pipelines: pipeline \"{id}\": profiling signal support is at alpha level, \
                 gated under the \"service.profilesSupport\" feature gate"
            );
            issue(&["service", "pipelines", id], &text)
        }));
        if issues.is_empty() {
            Ok(settings)
        } else {
            Err(Problem { stage: Stage::Validate, issues })
        }
    }

    /// Types a resolved tree, with the ids of pipelines for a signal that is not there.
    pub(crate) fn decode(
        root: &Value,
        registry: &Registry,
    ) -> Result<(Self, Vec<String>), Problem> {
        let mut decoder = Decoder::new(registry);
        let settings = decoder.root(root);
        if decoder.issues.is_empty() {
            return Ok((settings, decoder.profiles));
        }
        Err(Problem { stage: Stage::Decode, issues: decoder.issues })
    }

    /// The section of a component.
    pub fn section(&self, kind: Kind, id: &Id) -> Option<&Value> {
        self.of(kind).iter().find(|(it, _)| it == id).map(|(_, section)| section)
    }

    /// The components of a kind.
    pub fn of(&self, kind: Kind) -> &[(Id, Value)] {
        self.components.get(&kind).map_or(&[], Vec::as_slice)
    }

    fn validate(&self, root: &Value, registry: &Registry) -> Vec<Issue> {
        let mut issues = Vec::new();
        let no_pipelines = "service::pipelines: service must have at least one pipeline";
        if self.components.values().all(Vec::is_empty) {
            issues.push(issue(&[], "empty configuration file"));
        } else if self.of(Kind::Receiver).is_empty() {
            issues.push(issue(&[], "no receiver configuration specified in config"));
        } else if self.of(Kind::Exporter).is_empty() {
            issues.push(issue(&[], "no exporter configuration specified in config"));
        } else {
            self.validate_references(&mut issues);
        }
        for (kind, components) in &self.components {
            for (id, section) in components {
                let Some(entry) = registry.find(*kind, id.type_name()) else { continue };
                let Ok(problems) = (entry.check)(section) else { continue };
                issues.extend(
                    problems.list().iter().map(|(key, rule)| at_component(*kind, id, key, rule)),
                );
            }
        }
        let mut telemetry = Problems::default();
        self.service.telemetry.validate(&mut telemetry);
        issues.extend(telemetry.list().iter().map(|(key, rule)| {
            let path: Vec<&str> =
                ["service", "telemetry"].into_iter().chain(key.split("::")).collect();
            // Some of upstream's rules name their key themselves.
            let place = if rule.starts_with("service::") { &path[..2] } else { &path[..] };
            issue(&path, &format!("{}: {rule}", place.join("::")))
        }));
        if self.service.pipelines.is_empty() && !has_profiles(root) {
            issues.push(issue(&["service", "pipelines"], no_pipelines));
        }
        for (id, pipeline) in &self.service.pipelines {
            let path = ["service", "pipelines", id.as_str()];
            let missing = [("receiver", &pipeline.receivers), ("exporter", &pipeline.exporters)];
            for (what, list) in missing {
                if list.is_empty() {
                    let text = format!("service::pipelines::{id}: must have at least one {what}");
                    issues.push(issue(&path, &text));
                }
            }
            for (at, processor) in pipeline.processors.iter().enumerate() {
                if pipeline.processors[..at].contains(processor) {
                    let text = format!(
                        "service::pipelines::{id}: references processor \"{processor}\" multiple times"
                    );
                    issues.push(at_item(&path, "processors", at, &text));
                }
            }
        }
        issues
    }

    fn validate_references(&self, issues: &mut Vec<Issue>) {
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
            issues.push(issue(&["connectors", id.as_str()], &text));
        }
        for (at, id) in self.service.extensions.iter().enumerate() {
            if self.section(Kind::Extension, id).is_none() {
                let text = format!(
                    "service::extensions: references extension \"{id}\" which is not configured"
                );
                let mut issue = at_item(&["service"], "extensions", at, &text);
                issue.candidates = self.ids(&[Kind::Extension]);
                issues.push(issue);
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
                    let mut issue = at_item(&path, key, at, &text);
                    issue.candidates = self.ids(kinds);
                    issues.push(issue);
                }
            }
        }
    }

    fn ids(&self, kinds: &[Kind]) -> Vec<String> {
        let all = kinds.iter().flat_map(|kind| self.of(*kind));
        all.map(|(id, _)| id.to_string()).collect()
    }
}

/// True when a pipeline is listed that never becomes one here.
fn has_profiles(root: &Value) -> bool {
    let pipelines = root.get("service").and_then(|it| it.get("pipelines"));
    matches!(pipelines, Some(Value::Map(entries)) if !entries.is_empty())
}

/// An issue whose value is at fault.
pub(crate) fn issue(path: &[&str], text: &str) -> Issue {
    let path = path.iter().map(|it| (*it).to_owned()).collect();
    Issue { path, text: text.to_owned(), candidates: Vec::new(), at_key: false }
}

fn at_item(path: &[&str], list: &str, at: usize, text: &str) -> Issue {
    let mut issue = issue(path, text);
    issue.path.extend([list.to_owned(), at.to_string()]);
    issue
}

fn at_component(kind: Kind, id: &Id, key: &str, rule: &str) -> Issue {
    let mut path = vec![kind.section().to_owned(), id.to_string()];
    path.extend(key.split("::").filter(|it| !it.is_empty()).map(str::to_owned));
    let text = format!("{}: {rule}", path.join("::"));
    Issue { path, text, candidates: Vec::new(), at_key: false }
}
