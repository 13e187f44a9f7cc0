//! From the resolved tree to typed sections: ids, pipelines, references, each with the Collector's text.

use std::collections::BTreeMap;

use component::config::{DecodeIssue, Value};
use component::{Id, Kind, PipelineId};

use crate::registry::Registry;

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
    /// `service: telemetry:` as written.
    pub telemetry: Value,
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
        let mut decoder = Decoder { registry, issues: Vec::new(), profiles: Vec::new() };
        let settings = decoder.root(root);
        if !decoder.issues.is_empty() {
            return Err(Problem { stage: Stage::Decode, issues: decoder.issues });
        }
        let mut issues = settings.validate(root, registry);
        issues.extend(decoder.profiles.iter().map(|id| {
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
        if *root == Value::Null {
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
                issues.extend(problems.list().iter().map(|(key, rule)| at_component(*kind, id, key, rule)));
            }
        }
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
                    issues.push(at_item(&path, "processors", at, text));
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
                let mut issue = at_item(&["service"], "extensions", at, text);
                issue.candidates = self.ids(&[Kind::Extension]);
                issues.push(issue);
            }
        }
        for (pipeline, config) in &self.service.pipelines {
            let lists = [
                ("receiver", "receivers", &config.receivers, &[Kind::Receiver, Kind::Connector][..]),
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
                    let mut issue = at_item(&path, key, at, text);
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

fn at_item(path: &[&str], list: &str, at: usize, text: String) -> Issue {
    let mut issue = issue(path, &text);
    issue.path.extend([list.to_owned(), at.to_string()]);
    issue
}

fn at_component(kind: Kind, id: &Id, key: &str, rule: &str) -> Issue {
    let mut path = vec![kind.section().to_owned(), id.to_string()];
    path.extend(key.split("::").filter(|it| !it.is_empty()).map(str::to_owned));
    let text = format!("{}: {rule}", path.join("::"));
    Issue { path, text, candidates: Vec::new(), at_key: false }
}

/// Types the tree and collects every mistake on the way.
struct Decoder<'a> {
    registry: &'a Registry,
    issues: Vec<Issue>,
    /// Pipelines of the one signal that upstream knows and gates.
    profiles: Vec<String>,
}

const KINDS: [Kind; 5] =
    [Kind::Receiver, Kind::Processor, Kind::Exporter, Kind::Connector, Kind::Extension];

impl Decoder<'_> {
    fn root(&mut self, root: &Value) -> Settings {
        let mut settings = Settings::default();
        let sections: Vec<&str> = KINDS.iter().map(|it| it.section()).chain(["service"]).collect();
        self.refuse_unknown(&[], root, &sections, "'otelcol.configSettings' has invalid keys");
        for kind in KINDS {
            let section = root.get(kind.section()).unwrap_or(&Value::Null);
            let components = self.components(kind, section);
            settings.components.insert(kind, components);
        }
        settings.service = self.service(root.get("service").unwrap_or(&Value::Null));
        settings
    }

    /// Reports the keys of `map` that are not among `known`.
    fn refuse_unknown(&mut self, path: &[&str], map: &Value, known: &[&str], text: &str) {
        let Value::Map(entries) = map else { return };
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            let mut issue = issue(path, &format!("{text}: {key}"));
            issue.path.push(key.clone());
            issue.candidates = known.iter().map(|it| (*it).to_owned()).collect();
            issue.at_key = true;
            self.issues.push(issue);
        }
    }

    fn components(&mut self, kind: Kind, section: &Value) -> Vec<(Id, Value)> {
        let name = kind.section();
        let entries = match section {
            Value::Null => return Vec::new(),
            Value::Map(entries) => entries,
            other => {
                let text = format!("'{name}' expected a map or struct, got {:?}", go_kind(other));
                self.issues.push(issue(&[name], &text));
                return Vec::new();
            }
        };
        let mut out: Vec<(Id, Value)> = Vec::with_capacity(entries.len());
        for (key, section) in entries {
            match key.parse::<Id>() {
                Err(error) => self.key_issue(&[name, key], format!("'{name}' '' {error}"), &[]),
                Ok(id) if out.iter().any(|(it, _)| *it == id) => {
                    let text = format!("'{name}' '' duplicate name \"{id}\" after unmarshaling {key}");
                    self.key_issue(&[name, key], text, &[]);
                }
                Ok(id) => {
                    self.component(kind, key, &id, section);
                    out.push((id, section.clone()));
                }
            }
        }
        out
    }

    fn component(&mut self, kind: Kind, key: &str, id: &Id, section: &Value) {
        let name = kind.section();
        let type_name = id.type_name();
        let Some(entry) = self.registry.find(kind, type_name) else {
            let text = if (kind, type_name) == (Kind::Exporter, "logging") {
                format!("'{name}' the logging exporter has been deprecated, use the debug exporter instead")
            } else {
                let valid: Vec<&str> = self.type_names(kind);
                format!(
                    "'{name}' unknown type: \"{type_name}\" for id: \"{id}\" (valid values: [{}])",
                    valid.join(" ")
                )
            };
            let candidates: Vec<String> =
                self.type_names(kind).into_iter().map(str::to_owned).collect();
            return self.key_issue(&[name, key], text, &candidates);
        };
        if !matches!(section, Value::Null | Value::Map(_)) {
            let got = go_type(section);
            let text = format!(
                "'{name}' decoding failed due to the following error(s):\n\n'[{id}]' expected type \
                 'map[string]interface {{}}', got unconvertible type '{got}'"
            );
            return self.issues.push(issue(&[name, key], &text));
        }
        if let Err(issues) = (entry.check)(section) {
            self.section_issues(name, key, id, &issues);
        }
    }

    /// One message for the section, as upstream, at the place of its first mistake; one more issue
    /// without text of its own for each further place.
    fn section_issues(&mut self, name: &str, key: &str, id: &Id, issues: &[DecodeIssue]) {
        let intro = format!(
            "'{name}' error reading configuration for \"{id}\": decoding failed due to the following \
             error(s):"
        );
        for it in issues {
            let mut path = vec![name.to_owned(), key.to_owned()];
            path.extend(it.path.iter().cloned());
            let text = format!("{intro}\n\n{}", it.message);
            self.issues.push(Issue { path, text, candidates: Vec::new(), at_key: true });
        }
    }

    fn type_names(&self, kind: Kind) -> Vec<&'static str> {
        self.registry
            .of(kind)
            .flat_map(|it| std::iter::once(it.type_name).chain(it.aliases.iter().copied()))
            .collect()
    }

    fn key_issue(&mut self, path: &[&str], text: String, candidates: &[String]) {
        let mut issue = issue(path, &text);
        issue.at_key = true;
        issue.candidates = candidates.to_vec();
        self.issues.push(issue);
    }

    fn service(&mut self, section: &Value) -> ServiceConfig {
        if !matches!(section, Value::Null | Value::Map(_)) {
            let text = format!("'service' expected a map or struct, got {:?}", go_kind(section));
            self.issues.push(issue(&["service"], &text));
            return ServiceConfig::default();
        }
        let known = ["extensions", "pipelines", "telemetry"];
        self.refuse_unknown(&["service"], section, &known, "'service' has invalid keys");
        let extensions = section.get("extensions").unwrap_or(&Value::Null);
        ServiceConfig {
            extensions: self.ids(&["service", "extensions"], "service.extensions", extensions),
            pipelines: self.pipelines(section.get("pipelines").unwrap_or(&Value::Null)),
            telemetry: section.get("telemetry").cloned().unwrap_or_default(),
        }
    }

    fn pipelines(&mut self, section: &Value) -> Vec<(PipelineId, PipelineConfig)> {
        let entries = match section {
            Value::Null => return Vec::new(),
            Value::Map(entries) => entries,
            other => {
                let text =
                    format!("'service.pipelines' expected a map or struct, got {:?}", go_kind(other));
                self.issues.push(issue(&["service", "pipelines"], &text));
                return Vec::new();
            }
        };
        let mut out = Vec::with_capacity(entries.len());
        for (key, pipeline) in entries {
            let path = ["service", "pipelines", key.as_str()];
            let place = format!("service.pipelines[{key}]");
            let id = match key.parse::<PipelineId>() {
                Ok(id) => id,
                Err(_) if key.split('/').next().map(str::trim) == Some("profiles") => {
                    self.profiles.push(key.clone());
                    continue;
                }
                Err(error) => {
                    let signals = ["traces", "metrics", "logs"].map(str::to_owned);
                    self.key_issue(&path, format!("'service.pipelines' '' {error}"), &signals);
                    continue;
                }
            };
            let known = ["receivers", "processors", "exporters"];
            let text = format!("'{place}' has invalid keys");
            self.refuse_unknown(&path, pipeline, &known, &text);
            let mut list = |list: &str| {
                let ids = pipeline.get(list).unwrap_or(&Value::Null);
                self.ids(&[path[0], path[1], path[2], list], &format!("{place}.{list}"), ids)
            };
            let (receivers, exporters) = (list("receivers"), list("exporters"));
            let config = PipelineConfig {
                receivers: without_doubles(receivers),
                processors: list("processors"),
                exporters: without_doubles(exporters),
            };
            out.push((id, config));
        }
        out
    }

    fn ids(&mut self, path: &[&str], place: &str, list: &Value) -> Vec<Id> {
        let items: Vec<&Value> = match list {
            Value::Null => return Vec::new(),
            Value::List(items) => items.iter().collect(),
            Value::Map(_) => {
                let text = format!("'{place}' source data must be an array or slice, got map");
                self.issues.push(issue(path, &text));
                return Vec::new();
            }
            one => vec![one],
        };
        let mut ids = Vec::with_capacity(items.len());
        for (at, item) in items.into_iter().enumerate() {
            let text = item.as_str().unwrap_or_default();
            // A single text is a list separated by commas, as for every list of texts upstream.
            for text in if matches!(list, Value::List(_)) { vec![text] } else { text.split(',').collect() } {
                match text.parse::<Id>() {
                    Ok(id) => ids.push(id),
                    Err(error) => {
                        let mut issue = issue(path, &format!("'{place}[{at}]' {error}"));
                        issue.path.push(at.to_string());
                        self.issues.push(issue);
                    }
                }
            }
        }
        ids
    }
}

/// A receiver or exporter that is listed twice is one, as upstream.
fn without_doubles(ids: Vec<Id>) -> Vec<Id> {
    let mut out: Vec<Id> = Vec::with_capacity(ids.len());
    for id in ids {
        if !out.contains(&id) {
            out.push(id);
        }
    }
    out
}

/// Go's `reflect.Kind` of a value.
fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::List(_) => "slice",
        other => go_type(other),
    }
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "nil",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Float(_) => "float64",
        Value::String(_) => "string",
        Value::List(_) => "[]interface {}",
        Value::Map(_) => "map[string]interface {}",
        Value::Sourced { value, .. } => go_type(value),
    }
}
