//! Receivers that pods ask for by annotations: `io.opentelemetry.discovery.metrics/...` for a port,
//! `io.opentelemetry.discovery.logs/...` for a container. As `receivercreator/discovery.go`, v0.149.

use std::collections::BTreeMap;

use component::config::Value;
use component::{Endpoint, Signal};

use crate::config::DiscoveryConfig;

const METRICS: &str = "io.opentelemetry.discovery.metrics";
const LOGS: &str = "io.opentelemetry.discovery.logs";
const FILE_LOG: &str = "file_log";
/// Its name before.
const FILE_LOG_BEFORE: &str = "filelog";

/// A receiver that a pod asks for.
#[derive(Debug, PartialEq)]
pub(crate) struct Asked {
    /// Its id.
    pub(crate) id: String,
    /// Its section, with expressions.
    pub(crate) section: Value,
    pub(crate) signal: Signal,
}

/// The annotations of a pod, with what those have that it lacks.
struct Hints<'a> {
    annotations: BTreeMap<&'a str, &'a str>,
    base: &'static str,
    /// The port, or the name of the container.
    scope: String,
}

impl Hints<'_> {
    /// What is said of the port or container, or else of the pod.
    fn get(&self, key: &str) -> Option<&str> {
        let own = format!("{}.{}/{key}", self.base, self.scope);
        let of_pod = format!("{}/{key}", self.base);
        self.annotations
            .get(own.as_str())
            .or_else(|| self.annotations.get(of_pod.as_str()))
            .copied()
    }

    fn is_enabled(&self) -> bool {
        self.get("enabled") == Some("true")
    }
}

/// What the annotations of an endpoint's pod ask for; `yaml` reads a section.
pub(crate) fn asked(
    endpoint: &Endpoint,
    config: &DiscoveryConfig,
    yaml: impl Fn(&str) -> Result<Value, String>,
) -> Result<Option<Asked>, String> {
    let (base, scope) = match endpoint.kind() {
        "port" => (METRICS, "port"),
        "pod.container" => (LOGS, "container_name"),
        _ => return Ok(None),
    };
    let Some(pod) = endpoint.get("pod") else { return Ok(None) };
    let scope = match endpoint.get(scope).map(Value::plain) {
        Some(Value::Int(it)) => it.to_string(),
        Some(Value::String(it)) => it.clone(),
        _ => return Ok(None),
    };
    let text = |of: &str| pod.get(of).and_then(Value::as_str).unwrap_or_default();
    let mut annotations: BTreeMap<&str, &str> =
        config.default_annotations.iter().map(|(key, it)| (key.as_str(), it.as_str())).collect();
    if let Some(Value::Map(own)) = pod.get("annotations").map(Value::plain) {
        annotations.extend(own.iter().filter_map(|(key, it)| Some((key.as_str(), it.as_str()?))));
    }
    let hints = Hints { annotations, base, scope };
    if !hints.is_enabled() {
        return Ok(None);
    }
    let ignored = |name: &str| config.ignore_receivers.iter().any(|it| it == name);
    let (uid, scope) = (text("uid"), &hints.scope);
    let section = hints.get("config").filter(|it| !it.is_empty()).map(yaml).transpose();
    if base == METRICS {
        let Some(scraper) = hints.get("scraper").filter(|it| !it.is_empty() && !ignored(it)) else {
            return Ok(None);
        };
        let section = section?.unwrap_or_default();
        is_of_pod(&section, &endpoint.target)?;
        let id = format!("{scraper}/{uid}_{scope}");
        return Ok(Some(Asked { id, section, signal: Signal::Metrics }));
    }
    if ignored(FILE_LOG) || ignored(FILE_LOG_BEFORE) {
        return Ok(None);
    }
    let (namespace, name) = (text("namespace"), text("name"));
    let path = format!("/var/log/pods/{namespace}_{name}_{uid}/{scope}/*.log");
    let section = section.unwrap_or_else(|error| {
        let pod = format!("{namespace}/{name}");
        tracing::warn!(pod, error, "an annotation is no YAML: its logs are read as without it");
        None
    });
    let defaults = config.default_file_log_config.as_ref();
    let id = format!("{FILE_LOG}/{uid}_{scope}");
    let section = file_log(path, defaults.into_iter().chain(&section));
    Ok(Some(Asked { id, section, signal: Signal::Logs }))
}

/// A section may name only the endpoint that it is for.
fn is_of_pod(section: &Value, target: &str) -> Result<(), String> {
    let Some(own) = section.get("endpoint") else { return Ok(()) };
    let own = own.as_str().ok_or("the endpoint of an annotation has to be a text")?;
    let own = own.replace("`endpoint`", target);
    let rest = own.split_once("://").map_or(own.as_str(), |it| it.1);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host == target {
        return Ok(());
    }
    Err(format!(
        "the endpoint of an annotation has to be that of its pod, {target}: use `endpoint`"
    ))
}

/// The section of `file_log` for the files of one container. Later sections beat earlier ones, and none says which files.
fn file_log<'a>(path: String, sections: impl Iterator<Item = &'a Value>) -> Value {
    let text = |it: &str| Value::String(it.to_owned());
    let operator = Value::Map(vec![
        ("id".to_owned(), text("container-parser")),
        ("type".to_owned(), text("container")),
    ]);
    let mut all = vec![
        ("include".to_owned(), Value::List(vec![Value::String(path)])),
        ("include_file_path".to_owned(), Value::Bool(true)),
        ("include_file_name".to_owned(), Value::Bool(false)),
        ("operators".to_owned(), Value::List(vec![operator])),
    ];
    for section in sections {
        let Value::Map(entries) = section.plain() else { continue };
        for (key, value) in entries {
            if key == "include" {
                tracing::warn!(
                    "include is not set by annotations: it is the container's own files"
                );
                continue;
            }
            all.retain(|it| it.0 != *key);
            all.push((key.clone(), value.clone()));
        }
    }
    Value::Map(all)
}
