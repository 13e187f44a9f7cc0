//! `service: telemetry: resource:`, and what own telemetry says about the process.

use std::path::Path;
use std::sync::OnceLock;

use component::config::{Type, Value, Wanted};
use component::{BuildInfo, Problems};
use pdata::{AttributesWriter, Builder};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::detect;

/// Keys of the declarative layout; any other is an attribute of the legacy one.
const DECLARATIVE: [&str; 5] =
    ["schema_url", "attributes", "attributes_list", "detectors", DETECTION];
const DETECTION: &str = "detection/development";

/// `service: telemetry: resource:` in either layout: `{attributes: [{name, value, type}], schema_url}`,
/// or attributes as they are, of which `null` takes a default away.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(transparent)]
pub struct ResourceConfig(pub Value);

/// The process, as own telemetry describes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resource {
    pub(crate) attributes: Map<String, Json>,
    schema_url: String,
}

impl Resource {
    pub(crate) fn new(config: &ResourceConfig, build: &BuildInfo) -> Self {
        let schema_url = config.schema_url().to_owned();
        Self { attributes: resource(config, build), schema_url }
    }

    /// Begins telemetry of this resource.
    pub(crate) fn begin<T>(&self, out: &mut Builder<T>) {
        out.resource(|out| attributes(&self.attributes, out)).schema_url(&self.schema_url);
    }
}

/// Fields of a log line, or what the resource is, as attributes.
pub(crate) fn attributes(fields: &Map<String, Json>, out: &mut AttributesWriter<'_>) {
    fields.iter().for_each(|(key, it)| out.value(key, |out| out.json(it)));
}

impl ResourceConfig {
    fn entries(&self) -> &[(String, Value)] {
        match self.0.plain() {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    fn legacy(&self) -> impl Iterator<Item = &(String, Value)> {
        self.entries().iter().filter(|(key, _)| !DECLARATIVE.contains(&key.as_str()))
    }

    fn declared(&self) -> &[Value] {
        match self.0.get("attributes").map(Value::plain) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }

    /// True when the layout is the old one, which still works.
    pub fn is_legacy(&self) -> bool {
        self.legacy().next().is_some()
    }

    /// What is asked for and nobody here detects.
    pub(crate) fn unknown_detectors(&self) -> Vec<&str> {
        self.0.get(DETECTION).map(detect::unknown).unwrap_or_default()
    }

    fn detected(&self, root: &Path) -> Map<String, Json> {
        self.0.get(DETECTION).map(|it| detect::detect(it, root)).unwrap_or_default()
    }

    /// Where the attributes are described.
    pub fn schema_url(&self) -> &str {
        self.0.get("schema_url").and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn validate(&self, problems: &mut Problems) {
        if !matches!(self.0.plain(), Value::Null | Value::Map(_)) {
            let got = self.0.go_kind();
            problems.at("resource", format!("expected a map or struct, got {got:?}"));
            return;
        }
        if self.0.get("attributes_list").is_some() {
            let rule = "resource::attributes_list is not currently supported, please use \
                        resource::attributes";
            problems.at("resource::attributes_list", rule);
        }
        for (key, value) in self.legacy() {
            // A variable is a text here whatever it holds, as in every other text.
            if !matches!(value, Value::Null) && value.as_str().is_none() {
                let rule = format!("legacy resource attribute \"{key}\" must be string or null");
                problems.at(format!("resource::{key}"), rule).wanted =
                    Some(Wanted::Type(Type::Text));
            }
        }
        if !self.declared().is_empty() && self.is_legacy() {
            let rule = "resource::attributes cannot be used together with legacy inline resource \
                        attributes";
            problems.at("resource::attributes", rule);
        }
        for (at, entry) in self.declared().iter().enumerate() {
            if attribute(entry).is_none() {
                let rule =
                    format!("resource.attributes[{at}] needs a name and a value of its type");
                problems.at(format!("resource::attributes::{at}"), rule);
            }
        }
    }
}

/// What own telemetry says about the process, by key: what is detected, then build facts, then the environment, then the
/// configuration. `service/telemetry/otelconftelemetry/resource.go`.
pub(crate) fn resource(config: &ResourceConfig, build: &BuildInfo) -> Map<String, Json> {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let (list, name) = (variable("OTEL_RESOURCE_ATTRIBUTES"), variable("OTEL_SERVICE_NAME"));
    let mut all = config.detected(Path::new("/"));
    all.extend(resource_with(config, build, &list, &name));
    all.sort_keys();
    all
}

fn resource_with(
    config: &ResourceConfig,
    build: &BuildInfo,
    list: &str,
    service_name: &str,
) -> Map<String, Json> {
    let mut all = Map::new();
    all.insert("service.instance.id".into(), instance_id().into());
    all.insert("service.name".into(), build.command.into());
    all.insert("service.version".into(), build.version.into());
    for (key, value) in list.split(',').filter_map(|it| it.split_once('=')) {
        all.insert(key.trim().to_owned(), unescape(value.trim()).into());
    }
    if !service_name.is_empty() {
        all.insert("service.name".into(), service_name.into());
    }
    for (key, value) in config.legacy() {
        match value.as_str() {
            Some(text) => drop(all.insert(key.clone(), text.into())),
            None => drop(all.remove(key)),
        }
    }
    all.extend(config.declared().iter().filter_map(attribute));
    all.sort_keys();
    all
}

/// `{name, value, type}`; the type is that of the value unless given.
fn attribute(entry: &Value) -> Option<(String, Json)> {
    let name = entry.get("name").and_then(Value::as_str).filter(|it| !it.is_empty())?;
    let value = entry.get("value")?;
    let number = |it: &Value| match it.plain() {
        Value::Int(it) => Some(*it as f64),
        Value::Float(it) => Some(*it),
        _ => None,
    };
    let list = || match value.plain() {
        Value::List(items) => items.iter().map(plain).collect::<Option<Vec<_>>>().map(Json::from),
        _ => None,
    };
    let kind = entry.get("type").and_then(Value::as_str).unwrap_or_default();
    let value = match (kind, value.plain()) {
        ("string", _) => value.as_str().map(Json::from),
        ("bool", Value::Bool(it)) => Some(Json::from(*it)),
        ("int", Value::Int(it)) => i64::try_from(*it).ok().map(Json::from),
        ("double", _) => number(value).map(Json::from),
        ("string_array" | "bool_array" | "int_array" | "double_array", _) => list(),
        ("", Value::List(_)) => list(),
        ("", _) => plain(value),
        _ => None,
    }?;
    Some((name.to_owned(), value))
}

fn plain(value: &Value) -> Option<Json> {
    match value {
        Value::Bool(it) => Some(Json::from(*it)),
        Value::Int(it) => i64::try_from(*it).ok().map(Json::from),
        Value::Float(it) => Some(Json::from(*it)),
        other => other.as_str().map(Json::from),
    }
}

/// `%20` and the like; what is no escape stays as it is.
fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        let digits = digits.filter(|it| *byte == b'%' && !it.starts_with('+'));
        let escaped = digits.and_then(|it| u8::from_str_radix(it, 16).ok());
        out.push(escaped.unwrap_or(*byte));
        rest = escaped.and_then(|_| tail.get(2..)).unwrap_or(tail);
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A random UUID, version 4 (RFC 9562 section 5.4): one for the life of the process.
fn instance_id() -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| {
        use std::hash::{BuildHasher, RandomState};
        let (a, b) = (RandomState::new().hash_one(1), RandomState::new().hash_one(2));
        let (a, b) = ((a & !0xf000) | 0x4000, (b & !(0b11 << 62)) | (0b10 << 62));
        let (a, b) = (format!("{a:016x}"), format!("{b:016x}"));
        format!("{}-{}-{}-{}-{}", &a[..8], &a[8..12], &a[12..], &b[..4], &b[4..])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILD: BuildInfo =
        BuildInfo { command: "sluice", description: "Sluice", version: "1.2.3" };

    fn config(json: Json) -> ResourceConfig {
        serde_json::from_value(json).unwrap()
    }

    #[track_caller]
    fn refused(json: Json, want: &str) {
        let mut problems = Problems::default();
        config(json).validate(&mut problems);
        let rules: Vec<&str> = problems.faults().iter().map(|it| it.text.as_str()).collect();
        assert_eq!(rules, [want]);
    }

    #[test]
    fn instance_ids_are_uuids_of_version_four() {
        let id = instance_id();
        assert_eq!((id.len(), &id[14..15]), (36, "4"));
        assert!("89ab".contains(&id[19..20]));
    }

    #[test]
    fn the_legacy_layout_adds_replaces_and_removes() {
        let config = config(serde_json::json!(
            {"service.name": null, "service.version": "9", "k8s.node.name": "n1"}
        ));
        let all = resource_with(&config, &BUILD, "", "");
        assert_eq!(all.get("service.name"), None);
        assert_eq!(all["service.version"], "9");
        assert_eq!(all["k8s.node.name"], "n1");
        assert!(config.is_legacy());
    }

    #[test]
    fn the_declarative_layout_has_types() {
        let config = config(serde_json::json!({"schema_url": "https://s", "attributes": [
            {"name": "service.name", "value": "gate"},
            {"name": "shard", "value": 3, "type": "int"},
            {"name": "share", "value": 1, "type": "double"},
            {"name": "zones", "value": ["a", "b"], "type": "string_array"},
        ]}));
        let all = resource_with(&config, &BUILD, "", "");
        assert_eq!(all["service.name"], "gate");
        assert_eq!(all["shard"], 3);
        assert_eq!(all["share"], 1.0);
        assert_eq!(all["zones"], serde_json::json!(["a", "b"]));
        assert_eq!(config.schema_url(), "https://s");
        assert!(!config.is_legacy());
    }

    #[test]
    fn the_environment_stands_between_the_build_and_the_configuration() {
        let config = config(serde_json::json!({"a": "from config"}));
        let all = resource_with(&config, &BUILD, "a=from env, b=x%20y,broken,c=%zz", "gate");
        assert_eq!(all["a"], "from config");
        assert_eq!(all["b"], "x y");
        assert_eq!(all["c"], "%zz");
        assert_eq!(all["service.name"], "gate");
        assert_eq!(all.get("broken"), None);
    }

    #[test]
    fn mistakes_have_the_collectors_texts() {
        refused(
            serde_json::json!({"a": 1}),
            "legacy resource attribute \"a\" must be string or null",
        );
        refused(
            serde_json::json!({"a": "b", "attributes": [{"name": "c", "value": "d"}]}),
            "resource::attributes cannot be used together with legacy inline resource attributes",
        );
        refused(
            serde_json::json!({"attributes_list": "a=b"}),
            "resource::attributes_list is not currently supported, please use resource::attributes",
        );
        refused(
            serde_json::json!({"attributes": [{"name": "a", "value": "x", "type": "int"}]}),
            "resource.attributes[0] needs a name and a value of its type",
        );
        refused(serde_json::json!("text"), "expected a map or struct, got \"string\"");
    }
}
