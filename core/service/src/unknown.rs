//! A component type that this build does not have: a typing mistake, the wrong section, a key that is indented as
//! little as a component, a type of otelcol-contrib, or one that upstream has removed.

use component::config::Value;
use component::{Id, Kind};
use confmap::{closest, code};

use crate::issue::{Hint, Issue};
use crate::registry::Registry;
use crate::upstream::{self, Removed, folded};

/// What other programs call it.
const HABITS: [(Kind, &str, &str); 7] = [
    (Kind::Exporter, "console", "debug"),
    (Kind::Exporter, "stdout", "debug"),
    (Kind::Exporter, "print", "debug"),
    (Kind::Receiver, "tail", "file_log"),
    (Kind::Receiver, "tailer", "file_log"),
    (Kind::Receiver, "filebeat", "file_log"),
    (Kind::Receiver, "promtail", "file_log"),
];

/// The component before an unknown one, to which the unknown one may belong as a key.
#[derive(Clone, Copy)]
pub(crate) struct Before<'a> {
    pub kind: Kind,
    pub key: &'a str,
    pub id: &'a Id,
}

/// True when the component before has a key of this name.
pub(crate) fn is_key_of(registry: &Registry, before: Before<'_>, key: &str) -> bool {
    let Some(entry) = registry.find(before.kind, before.id.type_name()) else { return false };
    let is_type = Kind::ALL
        .iter()
        .any(|it| registry.find(*it, key).is_some() || upstream::find(*it, key).is_some());
    // A section is a map, or `null`, or a reference.
    let schema = (entry.schema)();
    let ways = schema["anyOf"].as_array().into_iter().flatten();
    !is_type && ways.into_iter().any(|it| it["properties"].get(key).is_some())
}

/// Says what a component of an unknown type is.
pub(crate) fn explain(
    registry: &Registry,
    (kind, id): (Kind, &Id),
    section: &Value,
    issue: Issue,
) -> Issue {
    let written = id.type_name();
    let accepts = |it: &Kind| {
        let checked = registry.find(*it, written).map(|it| (it.check)(section));
        checked.is_some_and(|it| it.is_ok_and(|it| it.problems.faults().is_empty()))
    };
    let removed = upstream::find_removed(kind, written);
    // What was written for today's connector of this name is only in the wrong section.
    let moved = removed.and_then(|it| it.by).is_some_and(|by| by.0 != kind && accepts(&by.0));
    if let Some(removed) = removed.filter(|_| !moved) {
        return gone(registry, kind, id, removed, issue);
    }
    let bare = without_kind(kind, written);
    // The same name, but for its underscores and the word for its kind.
    if let Some(name) = ours(registry, kind).find(|it| folded(it) == folded(bare)) {
        return meant(id, name, unknown(kind, id, issue));
    }
    if let Some((_, _, name)) = HABITS.iter().find(|it| it.0 == kind && it.1 == written) {
        return meant(id, name, unknown(kind, id, issue));
    }
    if let Some(name) = upstream::find(kind, written).or_else(|| upstream::find(kind, bare)) {
        return not_here(kind, written, name, issue);
    }
    let others: Vec<Kind> =
        Kind::ALL.into_iter().filter(|it| registry.find(*it, written).is_some()).collect();
    if let Some((other, rest)) = others.split_first() {
        let also: String = rest.iter().map(|it| format!(" or {}", an(*it))).collect();
        let text = format!("`{written}` is {}{also}, not {}", an(*other), an(kind));
        let issue = issue.code(code::NESTING).cause(text);
        let to = vec![other.section().to_owned()];
        return Issue { hint: rest.is_empty().then(|| Box::new(Hint::Relocate(to))), ..issue };
    }
    let elsewhere = Kind::ALL.into_iter().find_map(|it| Some((it, upstream::find(it, written)?)));
    if let Some((other, name)) = elsewhere {
        let text = format!(
            "`{written}` is {} of otelcol-contrib, not {}, and this build does not have it",
            an(other),
            an(kind)
        );
        let issue = unknown(kind, id, issue).cause(text);
        return issue.advice(format!("`{name}` would stand in `{}`", other.section()));
    }
    let issue = unknown(kind, id, issue);
    let all = spellings(registry, kind).chain(upstream::types(kind));
    let Some(near) = closest(bare, all.collect::<Vec<_>>()) else {
        let known = ours(registry, kind).collect::<Vec<_>>().join(", ");
        return issue.advice(format!("the {kind}s of this build are: {known}"));
    };
    if let Some(entry) = registry.find(kind, near) {
        return meant(id, entry.type_name, issue);
    }
    issue.advice(format!("did you mean `{near}`? It exists in otelcol-contrib, not in this build"))
}

/// `a processor`, `an exporter`.
pub(crate) fn an(kind: Kind) -> String {
    let article = if matches!(kind, Kind::Exporter | Kind::Extension) { "an" } else { "a" };
    format!("{article} {kind}")
}

/// What to add to the cause when a type that is used is one of otelcol-contrib.
pub(crate) fn missing_here(registry: &Registry, kinds: &[Kind], type_name: &str) -> Option<String> {
    let is_ours = kinds.iter().any(|it| registry.find(*it, type_name).is_some());
    let upstream = kinds.iter().any(|it| upstream::find(*it, type_name).is_some());
    (upstream && !is_ours)
        .then(|| format!("`{type_name}` exists in otelcol-contrib, not in this build"))
}

/// The kind whose type of this name accepts a section.
pub(crate) fn kind_for(registry: &Registry, type_name: &str, section: &Value) -> Option<Kind> {
    let found = Kind::ALL.into_iter().filter_map(|it| Some((it, registry.find(it, type_name)?)));
    let mut found: Vec<_> = found.collect();
    // The one that has fewest complaints.
    found.sort_by_key(|(_, entry)| match (entry.check)(section) {
        Ok(checked) => checked.problems.faults().len(),
        Err(faults) => faults.len() + 1000,
    });
    found.first().map(|it| it.0)
}

fn unknown(kind: Kind, id: &Id, issue: Issue) -> Issue {
    let text = format!("there is no {kind} of the type `{}`", id.type_name());
    issue.code(code::UNKNOWN_TYPE).cause(text)
}

/// The right name, with the part behind the slash.
fn meant(id: &Id, name: &str, issue: Issue) -> Issue {
    let right = id.as_str().replacen(id.type_name(), name, 1);
    issue.hinted(Hint::Rename(right))
}

fn not_here(kind: Kind, written: &str, name: &str, issue: Issue) -> Issue {
    let also = if name == written { String::new() } else { format!(" (today `{name}`)") };
    let text = format!("`{written}`{also} exists in otelcol-contrib, not in this build");
    let issue = issue.code(code::UNKNOWN_TYPE).cause(text);
    issue.advice(format!("remove it, also from the pipelines, or send the data to an otelcol-contrib that has this {kind}"))
}

/// What took the place of the receivers that asked one target for its metrics.
const SCRAPE: &str = "prometheus: {config: {scrape_configs: [{job_name: app, scrape_interval: 10s, \
                      static_configs: [{targets: ['localhost:9090']}]}]}}";

fn gone(
    registry: &Registry,
    kind: Kind,
    id: &Id,
    removed: &'static Removed,
    issue: Issue,
) -> Issue {
    let written = id.type_name();
    let issue = issue.code(code::REMOVED);
    let Some((by_kind, by)) = removed.by else {
        let text = format!("upstream has removed the {kind} `{written}`, and nothing replaces it");
        return issue.cause(text).hinted(Hint::RemoveEverywhere);
    };
    let what = if by_kind == kind { format!("`{by}`") } else { format!("the {by_kind} `{by}`") };
    let text = format!("upstream has removed the {kind} `{written}`; {what} does its work today");
    let issue = issue.cause(text);
    if registry.find(by_kind, by).is_none() {
        return issue.advice(format!("{what} exists in otelcol-contrib, not in this build"));
    }
    if by_kind != kind {
        return issue
            .advice(format!("define `{by}` in `{}`, and list it as one", by_kind.section()));
    }
    if kind == Kind::Receiver {
        return issue.advice(match by {
            "otlp" => "write `otlp`, also in the pipelines, and let the clients send OTLP".into(),
            "prometheus" => format!("write `{SCRAPE}` instead, also in the pipelines"),
            by => format!("write `{by}`, also in the pipelines"),
        });
    }
    let right = id.as_str().replacen(written, by, 1);
    issue.hinted(Hint::Replace(right, removed.endpoint))
}

/// `filelogreceiver`, `file_exporter`: the names of Go's modules.
fn without_kind(kind: Kind, written: &str) -> &str {
    let bare = written.strip_suffix(kind.name()).map(|it| it.trim_end_matches('_'));
    bare.filter(|it| !it.is_empty()).unwrap_or(written)
}

fn ours(registry: &Registry, kind: Kind) -> impl Iterator<Item = &'static str> {
    registry.of(kind).map(|it| it.type_name)
}

/// Old names, too.
fn spellings(registry: &Registry, kind: Kind) -> impl Iterator<Item = &'static str> {
    registry.of(kind).flat_map(|it| std::iter::once(it.type_name).chain(it.aliases.iter().copied()))
}

/// An item of a list of ids that is none.
pub(crate) fn bad_item(issue: Issue, item: &Value) -> Issue {
    match item.plain() {
        Value::String(text) => issue.cause(format!("`{text}` cannot be the id of a component")),
        _ => issue.cause("the id of a component is a text"),
    }
}

/// Keys at the top that show what a file is really for.
const FOREIGN: [(&str, &str); 17] = [
    ("mode", "the values of a Helm chart: the configuration is below `config`"),
    ("presets", "the values of a Helm chart: the configuration is below `config`"),
    ("image", "the values of a Helm chart: the configuration is below `config`"),
    (
        "apiVersion",
        "a Kubernetes manifest: the configuration is inside, often below `data` or `spec: config`",
    ),
    (
        "kind",
        "a Kubernetes manifest: the configuration is inside, often below `data` or `spec: config`",
    ),
    ("scrape_configs", "a configuration of Prometheus or Promtail"),
    ("clients", "a configuration of Promtail"),
    ("positions", "a configuration of Promtail"),
    ("server", "a configuration of Promtail or Loki"),
    ("global", "a configuration of Prometheus"),
    ("rule_files", "a configuration of Prometheus"),
    ("sources", "a configuration of Vector"),
    ("sinks", "a configuration of Vector"),
    ("transforms", "a configuration of Vector"),
    ("filebeat.inputs", "a configuration of Filebeat"),
    ("inputs", "a configuration of Fluent Bit or Filebeat"),
    ("pipeline", "a configuration of Fluent Bit"),
];

/// A key at the top that is unknown: a wrapper around the configuration, or another program's.
pub(crate) fn at_top(issue: Issue, key: &str, value: &Value) -> Issue {
    let sections = Kind::ALL.iter().map(|it| it.section()).chain(["service"]);
    if issue.hint.is_none() && sections.filter(|it| value.get(it).is_some()).count() > 1 {
        let cause =
            format!("the configuration is wrapped in `{key}`, as in the values of a Helm chart");
        return issue.code(code::NESTING).cause(cause).hinted(Hint::Unwrap);
    }
    match FOREIGN.iter().find(|it| it.0 == key).filter(|_| issue.hint.is_none()) {
        Some((_, what)) => issue.advice(format!("this looks like {what}")),
        None => issue,
    }
}
