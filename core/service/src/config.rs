//! From the resolved tree to typed sections: ids, pipelines, references, each with the Collector's text.

use component::config::{Fault, Stage, Value};
use component::{Config as _, Id, Kind, Problems};
use confmap::code;

use crate::decode::Decoder;
use crate::issue::{
    Issue, Late, Needed, Problem, at_item, caution_code, independent, issue, mark_followers,
    of_fault, of_rule, only_first, rule_text,
};
use crate::registry::{Checked, Plan, Registry};
use crate::settings::Settings;

/// What a tree amounts to.
struct Decoded {
    settings: Settings,
    /// Pipelines of profiles.
    profiles: Vec<String>,
    /// What cannot be read.
    issues: Vec<Issue>,
    /// What else is wrong there.
    later: Vec<Issue>,
    /// What the components say of what can be read.
    checked: Vec<(Kind, Id, Checked)>,
}

impl Settings {
    /// Types and validates a resolved tree.
    ///
    /// # Errors
    /// Every mistake of the first stage that has any.
    pub fn read(root: &Value, registry: &Registry) -> Result<Self, Problem> {
        let Decoded { mut settings, profiles, issues: wrong, later, checked } =
            Self::decode_all(root, registry);
        let mut issues = settings.validate(root, registry, checked);
        if !wrong.is_empty() {
            let mut problem = Problem::new(Stage::Read, wrong);
            issues.extend(settings.said.late.drain(..).map(|it| it.issue));
            problem.more = independent(issues, &problem.issues);
            problem.more.extend(later);
            mark_followers(&mut problem.issues, &mut problem.more);
            return Err(problem);
        }
        issues.extend(profiles.iter().map(|id| {
            let text = format!(
                "service::pipelines: pipeline \"{id}\": profiling signal support is at alpha level, \
                 gated under the \"service.profilesSupport\" feature gate"
            );
            let cause = "pipelines of profiles are behind a feature gate that this build does not have";
            issue(&["service", "pipelines", id], &text).code(code::GATED).cause(cause).remove()
        }));
        if issues.is_empty() {
            return Ok(settings);
        }
        let mut problem = Problem::new(Stage::Check, issues);
        problem.more = settings.said.late.into_iter().map(|it| it.issue).collect();
        problem.warnings = settings.said.warnings;
        Err(problem)
    }

    /// Types a resolved tree, with the ids of pipelines for a signal that is not there.
    pub(crate) fn decode(
        root: &Value,
        registry: &Registry,
    ) -> Result<(Self, Vec<String>), Problem> {
        let Decoded { settings, profiles, issues, .. } = Self::decode_all(root, registry);
        if issues.is_empty() {
            return Ok((settings, profiles));
        }
        Err(Problem::new(Stage::Read, issues))
    }

    fn decode_all(root: &Value, registry: &Registry) -> Decoded {
        let mut decoder = Decoder::new(registry);
        let settings = decoder.root(root);
        let Decoder { profiles, issues, later, checked, .. } = decoder;
        Decoded { settings, profiles, issues, later, checked }
    }

    /// What makes the instances of a processor or connector.
    pub(crate) fn plan(&self, kind: Kind, id: &Id) -> Option<&Plan> {
        self.plans.get(&(kind, id.clone()))
    }

    /// The same, with the plans of `before` where the section is what it was: what they hold lives on.
    pub(crate) fn with_plans_of(&self, before: &Settings) -> Self {
        let mut settings = self.clone();
        for ((kind, id), plan) in &mut settings.plans {
            if let Some(kept) = before.plan(*kind, id)
                && before.section(*kind, id) == self.section(*kind, id)
            {
                *plan = kept.clone();
            }
        }
        settings
    }

    /// The section of a component.
    pub fn section(&self, kind: Kind, id: &Id) -> Option<&Value> {
        self.of(kind).iter().find(|(it, _)| it == id).map(|(_, section)| section)
    }

    /// The components of a kind.
    pub fn of(&self, kind: Kind) -> &[(Id, Value)] {
        self.components.get(&kind).map_or(&[], Vec::as_slice)
    }

    fn validate(
        &mut self,
        root: &Value,
        registry: &Registry,
        checked: Vec<(Kind, Id, Checked)>,
    ) -> Vec<Issue> {
        let mut issues = Vec::new();
        let no_pipelines = "service::pipelines: service must have at least one pipeline";
        if self.components.values().all(Vec::is_empty) {
            let text = "empty configuration file";
            let cause = "the configuration defines no component";
            let help = "a configuration needs `receivers:`, `exporters:` and `service: pipelines:`";
            issues.push(issue(&[], text).code(code::INCOMPLETE).cause(cause).advice(help));
        } else if self.of(Kind::Receiver).is_empty() {
            let text = "no receiver configuration specified in config";
            let issue = issue(&[], text)
                .cause("no receiver is defined: the section `receivers` is missing or empty");
            issues.push(self.without_section(Kind::Receiver, registry, issue));
        } else if self.of(Kind::Exporter).is_empty() {
            let text = "no exporter configuration specified in config";
            let issue = issue(&[], text)
                .cause("no exporter is defined: the section `exporters` is missing or empty");
            issues.push(self.without_section(Kind::Exporter, registry, issue));
        } else {
            self.validate_references(registry, &mut issues);
            only_first(&mut issues);
        }
        self.take_in(checked, &mut issues);
        let mut telemetry = Problems::default();
        self.service.telemetry.validate(&mut telemetry);
        let above = ["service", "telemetry"];
        issues.extend(
            telemetry.of(Stage::Check).map(|it| of_fault(&above, it, rule_text(&above, it))),
        );
        if self.service.pipelines.is_empty() && !has_profiles(root) {
            let cause = "no pipeline is defined: `service: pipelines:` is missing or empty";
            let issue = issue(&["service", "pipelines"], no_pipelines);
            let follows = self.components.values().all(Vec::is_empty);
            let issue = Issue { follows, ..issue.code(code::INCOMPLETE).cause(cause) };
            issues.push(self.with_pipeline(registry, issue));
        }
        for (id, pipeline) in &self.service.pipelines {
            let first = issues.len();
            let path = ["service", "pipelines", id.as_str()];
            let missing = [("receiver", &pipeline.receivers), ("exporter", &pipeline.exporters)];
            for (what, list) in missing {
                if list.is_empty() {
                    let text = format!("service::pipelines::{id}: must have at least one {what}");
                    let cause = format!("the pipeline `{id}` has no {what}");
                    let issue = issue(&path, &text).code(code::INCOMPLETE).cause(cause);
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
                    let cause = format!("`{processor}` is listed twice in the pipeline `{id}`");
                    issues.push(issue.cause(cause).remove());
                }
            }
            only_first(&mut issues[first..]);
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
            let cause = format!("`{id}` is the id of a connector and of another {twin}");
            let mut issue =
                issue(&["connectors", id.as_str()], &text).code(code::AMBIGUOUS).cause(cause);
            issue.at_key = true;
            issues.push(issue);
        }
        for (at, id) in self.service.extensions.iter().enumerate() {
            if self.section(Kind::Extension, id).is_none() {
                let text = format!(
                    "service::extensions: references extension \"{id}\" which is not configured"
                );
                let issue = at_item(&["service"], "extensions", at, &text);
                issues.push(self.undefined(issue, id, &[Kind::Extension], registry, None));
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
                    issues.push(self.undefined(issue, id, kinds, registry, Some(pipeline)));
                }
            }
        }
    }

    /// Takes in what the components say; mistakes go to `issues`.
    fn take_in(&mut self, checked: Vec<(Kind, Id, Checked)>, issues: &mut Vec<Issue>) {
        for (kind, id, Checked { problems, plan }) in checked {
            let rules: Vec<&Fault> = problems.of(Stage::Check).collect();
            issues.extend(rules.iter().enumerate().map(|(at, it)| {
                // The Collector says some of them twice, of a struct and of what holds it.
                let same = |other: &&Fault| {
                    (&other.text, other.place.last()) == (&it.text, it.place.last())
                };
                let follows = rules[..at].iter().any(same);
                Issue { follows, ..of_rule(kind, &id, it) }
            }));
            let late = |stage| -> Vec<Late> {
                (problems.of(stage).filter(|it| self.concerns(it, &id)))
                    .map(|it| {
                        let issue = Issue { text: it.text.clone(), ..of_rule(kind, &id, it) };
                        Late { kind, id: id.clone(), signal: it.signal, issue }
                    })
                    .collect()
            };
            let (create, start) = (late(Stage::Create), late(Stage::Start));
            self.said.late.extend(create);
            self.said.at_start.extend(start);
            self.said.needs.extend(problems.needed().iter().map(|(key, need)| {
                let above = [kind.section(), id.as_str()].into_iter();
                let path = above.chain(key.split("::")).map(str::to_owned).collect();
                Needed { kind, id: id.clone(), path, need: need.clone() }
            }));
            self.said.warnings.extend(problems.warnings().iter().map(|(caution, it)| {
                let (text, cause) = (it.text.clone(), Some(it.text.clone()));
                Issue { text, cause, ..of_rule(kind, &id, it).code(caution_code(*caution)) }
            }));
            self.plans.extend(plan.map(|it| ((kind, id), it)));
        }
    }

    /// False for what is said only of pipelines that do not list the component.
    fn concerns(&self, fault: &Fault, id: &Id) -> bool {
        fault.signal.is_none_or(|signal| {
            self.service.pipelines.iter().any(|(pipeline, config)| {
                let lists = [&config.receivers, &config.processors, &config.exporters];
                pipeline.signal().name() == signal && lists.iter().any(|it| it.contains(id))
            })
        })
    }
}

/// True when a pipeline is listed that never becomes one here.
fn has_profiles(root: &Value) -> bool {
    let pipelines = root.get("service").and_then(|it| it.get("pipelines"));
    matches!(pipelines, Some(Value::Map(entries)) if !entries.is_empty())
}
