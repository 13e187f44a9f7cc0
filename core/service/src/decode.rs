//! Types the resolved tree and collects every mistake on the way.

use std::collections::BTreeSet;

use component::config::{self, Fault, Saying, Stage, Type, Value};
use component::{Id, Kind, PipelineId};
use confmap::code;

use crate::issue::{Hint, Issue, elsewhere, in_one_line, issue, of_fault, of_rule, only_first};
use crate::registry::{Checked, Registry};
use crate::settings::{PipelineConfig, ServiceConfig, Settings};
use crate::telemetry::TelemetryConfig;
use crate::unknown::{self, Before};

pub(crate) struct Decoder<'a> {
    registry: &'a Registry,
    pub issues: Vec<Issue>,
    /// What would be wrong with the sections that cannot be read, if they could.
    pub later: Vec<Issue>,
    /// What the components say of the sections that can be read.
    pub checked: Vec<(Kind, Id, Checked)>,
    /// Pipelines of the one signal that upstream knows and gates.
    pub profiles: Vec<String>,
}

impl<'a> Decoder<'a> {
    pub fn new(registry: &'a Registry) -> Self {
        Self {
            registry,
            issues: Vec::new(),
            later: Vec::new(),
            checked: Vec::new(),
            profiles: Vec::new(),
        }
    }

    pub fn root(&mut self, root: &Value) -> Settings {
        let mut settings = Settings::default();
        let sections: Vec<&str> =
            Kind::ALL.iter().map(|it| it.section()).chain(["service"]).collect();
        self.refuse_unknown(&[], root, &sections, "'otelcol.configSettings' has invalid keys");
        for kind in Kind::ALL {
            let section = root.get(kind.section()).unwrap_or(&Value::Null);
            let components = self.components(kind, section);
            settings.components.insert(kind, components);
        }
        settings.service = self.service(root.get("service").unwrap_or(&Value::Null));
        settings
    }

    /// Reports the keys of `map` that are not among `known`.
    fn refuse_unknown(&mut self, path: &[&str], map: &Value, known: &[&str], text: &str) {
        let Value::Map(entries) = map.plain() else { return };
        let first = self.issues.len();
        for (key, value) in entries.iter().filter(|it| !known.contains(&it.0.as_str())) {
            let mut issue = issue(path, &format!("{text}: {key}"));
            issue.path.push(key.clone());
            issue.candidates = known.iter().map(|it| (*it).to_owned()).collect();
            issue.at_key = true;
            issue.code = code::UNKNOWN_KEY;
            issue.hint = elsewhere(self.owners(path, key, value));
            self.issues.push(if path.is_empty() {
                unknown::at_top(issue, key, value)
            } else {
                issue
            });
        }
        in_one_line(&mut self.issues[first..], text);
    }

    /// Sections to which a key at the wrong place belongs.
    fn owners(&self, path: &[&str], key: &str, value: &Value) -> Vec<Vec<String>> {
        let service = ["extensions", "pipelines", "telemetry"];
        let is_pipeline = key.parse::<PipelineId>().is_ok();
        let owner = match path {
            [] if service.contains(&key) => vec!["service"],
            [] | ["service"] if is_pipeline => vec!["service", "pipelines"],
            ["service", ..] if Kind::ALL.iter().any(|it| it.section() == key) && path.len() < 3 => {
                return vec![Vec::new()];
            }
            [] => {
                let type_name = key.split('/').next().unwrap_or(key);
                match unknown::kind_for(self.registry, type_name, value) {
                    Some(kind) => vec![kind.section()],
                    None => return Vec::new(),
                }
            }
            _ => return Vec::new(),
        };
        vec![owner.into_iter().map(str::to_owned).collect()]
    }

    fn components(&mut self, kind: Kind, section: &Value) -> Vec<(Id, Value)> {
        let name = kind.section();
        let entries = match section.plain() {
            Value::Null => return Vec::new(),
            Value::Map(entries) => entries,
            other => {
                let text = format!("'{name}' expected a map or struct, got {:?}", other.go_kind());
                self.issues.push(issue(&[name], &text).wants(Type::Map));
                return Vec::new();
            }
        };
        let mut out: Vec<(Id, Value)> = Vec::with_capacity(entries.len());
        let mut seen = BTreeSet::new();
        let mut before: Option<(&str, Id)> = None;
        for (key, section) in entries {
            match key.parse::<Id>() {
                Err(error) => {
                    let text = format!("'{name}' '' {error}");
                    let types: Vec<String> =
                        self.registry.of(kind).map(|it| it.type_name.to_owned()).collect();
                    let cause = if key.contains("${") {
                        "a reference is replaced in values only, not in a key".to_owned()
                    } else {
                        format!("`{key}` cannot be the id of {}", unknown::an(kind))
                    };
                    let issue = self.key_issue(&[name, key], &text, &types, code::BAD_ID);
                    issue.cause = Some(cause);
                }
                Ok(id) if !seen.insert(id.clone()) => {
                    let text =
                        format!("'{name}' '' duplicate name \"{id}\" after unmarshaling {key}");
                    let issue = self.key_issue(&[name, key], &text, &[], code::DUPLICATE_KEY);
                    issue.cause = Some(format!("`{id}` is defined twice"));
                }
                Ok(id) => {
                    let known = self.registry.find(kind, id.type_name()).is_some();
                    let above = before.as_ref().map(|(key, id)| Before { kind, key, id });
                    self.component(kind, key, &id, section, above);
                    if known {
                        before = Some((key, id.clone()));
                    }
                    out.push((id, section.clone()));
                }
            }
        }
        out
    }

    fn component(
        &mut self,
        kind: Kind,
        key: &str,
        id: &Id,
        section: &Value,
        before: Option<Before<'_>>,
    ) {
        let name = kind.section();
        let type_name = id.type_name();
        let Some(entry) = self.registry.find(kind, type_name) else {
            let text = if (kind, type_name) == (Kind::Exporter, "logging") {
                format!(
                    "'{name}' the logging exporter has been deprecated, use the debug exporter instead"
                )
            } else {
                let valid: Vec<&str> = self.type_names(kind);
                format!(
                    "'{name}' unknown type: \"{type_name}\" for id: \"{id}\" (valid values: [{}])",
                    valid.join(" ")
                )
            };
            let before = before.filter(|it| unknown::is_key_of(self.registry, *it, key));
            let issue = self.key_issue(&[name, key], &text, &[], code::UNKNOWN_TYPE).clone();
            let issue = match before {
                Some(it) => self.key_of(&[name, it.key], issue, key, unknown::an(kind)),
                None => unknown::explain(self.registry, (kind, id), section, issue),
            };
            self.issues.pop();
            self.issues.push(issue);
            return;
        };
        if !matches!(section.plain(), Value::Null | Value::Map(_)) {
            let got = section.go_type();
            let text = format!(
                "'{name}' decoding failed due to the following error(s):\n\n'[{id}]' expected type \
                 'map[string]interface {{}}', got unconvertible type '{got}'"
            );
            // A section of which nothing is known: what the text was meant to be, nobody can say.
            let what = match section.plain() {
                Value::String(_) => "a text",
                Value::List(_) => "a list",
                Value::Bool(_) => "a boolean",
                _ => "a number",
            };
            let cause = format!("`{id}` must be a map of keys, but this is {what}");
            return self
                .issues
                .push(issue(&[name, key], &text).code(code::WRONG_TYPE).cause(cause));
        }
        match (entry.check)(section) {
            Err(faults) => {
                let (unread, rest): (Vec<Fault>, Vec<Fault>) =
                    faults.into_iter().partition(|it| it.stage == Stage::Read);
                self.section_issues(name, key, id, &unread);
                // What the start would say may follow from what cannot be read.
                let rest = rest.iter().filter(|it| it.stage != Stage::Start);
                self.later.extend(rest.map(|it| of_rule(kind, id, it)));
            }
            Ok(checked) => {
                let unread: Vec<Fault> = checked.problems.of(Stage::Read).cloned().collect();
                if !unread.is_empty() {
                    self.section_issues(name, key, id, &unread);
                }
                self.checked.push((kind, id.clone(), checked));
            }
        }
    }

    /// One message for the section, as upstream; each mistake at its own place.
    fn section_issues(&mut self, name: &str, key: &str, id: &Id, faults: &[Fault]) {
        let reading = format!("'{name}' error reading configuration for \"{id}\":");
        for (n, (it, mut headline)) in faults.iter().zip(Fault::read_texts(faults)).enumerate() {
            if it.saying == Saying::Alone {
                headline = format!("{reading} {headline}");
            } else if n == 0 {
                headline = format!(
                    "{reading} decoding failed due to the following error(s):\n\n{headline}"
                );
            }
            let mut issue = of_fault(&[name, key], it, it.read_text());
            issue.headline = Some(headline);
            // What is said of a whole after something in it has been left out follows from that.
            let inside = |other: &Fault| {
                it.place.len() < other.place.len() && other.place.starts_with(&it.place)
            };
            issue.follows = faults[..n].iter().any(inside);
            self.issues.push(issue);
        }
    }

    /// A key of the entry `owner` before it that is indented as little as the entry itself. The first one takes the
    /// others behind it along.
    fn key_of(&mut self, owner: &[&str], issue: Issue, key: &str, instead: String) -> Issue {
        let owner: Vec<String> = owner.iter().map(|it| (*it).to_owned()).collect();
        let of = owner.last().cloned().unwrap_or_default();
        let cause = format!("`{key}` is a key of `{of}`, but it is indented as {instead}");
        let mut run = vec![issue.path.clone()];
        for earlier in &mut self.issues {
            match earlier.hint.as_deref_mut() {
                Some(Hint::Indent { owner: other, run: first })
                    if *other == owner && !first.is_empty() =>
                {
                    first.append(&mut run);
                }
                _ => {}
            }
        }
        issue.code(code::NESTING).cause(cause).hinted(Hint::Indent { owner, run })
    }

    fn type_names(&self, kind: Kind) -> Vec<&'static str> {
        self.registry
            .of(kind)
            .flat_map(|it| std::iter::once(it.type_name).chain(it.aliases.iter().copied()))
            .collect()
    }

    fn key_issue(
        &mut self,
        path: &[&str],
        text: &str,
        candidates: &[String],
        code: &'static str,
    ) -> &mut Issue {
        let mut issue = issue(path, text).code(code);
        issue.at_key = true;
        issue.candidates = candidates.to_vec();
        let at = self.issues.len();
        self.issues.push(issue);
        &mut self.issues[at]
    }

    fn service(&mut self, section: &Value) -> ServiceConfig {
        if !matches!(section.plain(), Value::Null | Value::Map(_)) {
            let text = format!("'service' expected a map or struct, got {:?}", section.go_kind());
            self.issues.push(issue(&["service"], &text).wants(Type::Map));
            return ServiceConfig::default();
        }
        let known = ["extensions", "pipelines", "telemetry"];
        self.refuse_unknown(&["service"], section, &known, "'service' has invalid keys");
        let extensions = section.get("extensions").unwrap_or(&Value::Null);
        ServiceConfig {
            extensions: self.ids(&["service", "extensions"], "service.extensions", extensions),
            pipelines: self.pipelines(section.get("pipelines").unwrap_or(&Value::Null)),
            telemetry: self.telemetry(section.get("telemetry").unwrap_or(&Value::Null)),
        }
    }

    fn telemetry(&mut self, section: &Value) -> TelemetryConfig {
        config::load_at(section, "service.telemetry").unwrap_or_else(|faults: Vec<Fault>| {
            for (it, headline) in faults.iter().zip(Fault::read_texts(&faults)) {
                // Sections elsewhere are no help here: the keys of otelconf differ from those before.
                let mut issue = of_fault(&["service", "telemetry"], it, it.read_text());
                issue.headline = Some(headline);
                issue.hint = issue.hint.filter(|it| matches!(**it, Hint::Do(..)));
                self.issues.push(issue);
            }
            TelemetryConfig::default()
        })
    }

    fn pipelines(&mut self, section: &Value) -> Vec<(PipelineId, PipelineConfig)> {
        let entries = match section.plain() {
            Value::Null => return Vec::new(),
            Value::Map(entries) => entries,
            other => {
                let text = format!(
                    "'service.pipelines' expected type 'pipelines.Config', got unconvertible type '{}'",
                    other.go_type()
                );
                let issue = issue(&["service", "pipelines"], &text).wants(Type::Map);
                self.issues.push(issue);
                return Vec::new();
            }
        };
        let first = self.issues.len();
        let mut ids: Vec<(&String, PipelineId, &Value)> = Vec::with_capacity(entries.len());
        for (key, pipeline) in entries {
            let path = ["service", "pipelines", key.as_str()];
            match key.parse::<PipelineId>() {
                Ok(id) if ids.iter().any(|it| it.1 == id) => {
                    let text = format!(
                        "'service.pipelines' duplicate name \"{id}\" after unmarshaling {id}"
                    );
                    self.key_issue(&path, &text, &[], code::DUPLICATE_KEY);
                }
                Ok(id) => ids.push((key, id, pipeline)),
                Err(_) if key.split('/').next().map(str::trim) == Some("profiles") => {
                    self.profiles.push(key.clone());
                }
                Err(error) => {
                    let signals = ["traces", "metrics", "logs"].map(str::to_owned);
                    let text = format!("'service.pipelines' {error}");
                    let issue = self.key_issue(&path, &text, &signals, code::BAD_ID).clone();
                    self.issues.pop();
                    let issue = self.no_pipeline(issue, key, ids.last().map(|it| &it.1));
                    self.issues.push(issue);
                }
            }
        }
        // Upstream stops at the first key that is no id.
        only_first(&mut self.issues[first..]);
        ids.into_iter()
            .filter_map(|(key, id, pipeline)| Some((id, self.pipeline(key, pipeline)?)))
            .collect()
    }

    fn pipeline(&mut self, key: &str, pipeline: &Value) -> Option<PipelineConfig> {
        let path = ["service", "pipelines", key];
        let place = format!("service.pipelines[{key}]");
        if !matches!(pipeline.plain(), Value::Null | Value::Map(_)) {
            let got = pipeline.go_kind();
            let text = format!("'{place}' expected a map or struct, got {got:?}");
            let help = "a pipeline is a map: `{receivers: [...], exporters: [...]}`";
            self.issues.push(issue(&path, &text).wants(Type::Map).advice(help));
            return None;
        }
        let mut list = |list: &str| {
            let ids = pipeline.get(list).unwrap_or(&Value::Null);
            self.ids(&[path[0], path[1], path[2], list], &format!("{place}.{list}"), ids)
        };
        let config = PipelineConfig {
            receivers: list("receivers"),
            processors: list("processors"),
            exporters: list("exporters"),
        };
        let known = ["receivers", "processors", "exporters"];
        self.refuse_unknown(&path, pipeline, &known, &format!("'{place}' has invalid keys"));
        Some(config)
    }

    /// What stands among the pipelines and is none.
    fn no_pipeline(&mut self, issue: Issue, key: &str, before: Option<&PipelineId>) -> Issue {
        let lists = ["receivers", "processors", "exporters"];
        match before {
            Some(pipeline) if lists.contains(&key) => {
                let owner = ["service", "pipelines", pipeline.as_str()];
                self.key_of(&owner, issue, key, "a pipeline".to_owned())
            }
            _ if ["extensions", "telemetry"].contains(&key) => {
                let cause = format!("`{key}` belongs to `service`, not to `pipelines`");
                let to = vec!["service".to_owned()];
                issue.code(code::NESTING).cause(cause).hinted(Hint::Relocate(to))
            }
            _ => {
                let text = format!(
                    "`{key}` is no pipeline: the name begins with `traces`, `metrics` or `logs`"
                );
                issue.cause(text)
            }
        }
    }

    fn ids(&mut self, path: &[&str], place: &str, list: &Value) -> Vec<Id> {
        let items = match list.plain() {
            Value::Null => return Vec::new(),
            Value::List(items) => items,
            other => {
                let got = other.go_kind();
                let text = format!("'{place}' source data must be an array or slice, got {got}");
                self.issues.push(issue(path, &text).wants(Type::List));
                return Vec::new();
            }
        };
        let mut ids = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let wrong = match (item.as_str(), item.plain()) {
                (Some(text), _) => match text.parse::<Id>() {
                    Ok(id) => {
                        ids.push(id);
                        continue;
                    }
                    Err(error) => (error.to_string(), code::BAD_ID),
                },
                // Upstream reads an id without a name, and finds no such component.
                (None, Value::Null) => {
                    ids.push(Id::default());
                    continue;
                }
                (None, Value::Map(entries)) if !entries.is_empty() => {
                    let mut keys: Vec<&str> = entries.iter().map(|it| it.0.as_str()).collect();
                    keys.sort_unstable();
                    (format!("has invalid keys: {}", keys.join(", ")), code::WRONG_TYPE)
                }
                (None, other) => {
                    let got = other.go_kind();
                    (format!("expected a map or struct, got {got:?}"), code::WRONG_TYPE)
                }
            };
            let mut issue = issue(path, &format!("'{place}[{at}]' {}", wrong.0)).code(wrong.1);
            issue.path.push(at.to_string());
            self.issues.push(unknown::bad_item(issue, item));
        }
        ids
    }
}
