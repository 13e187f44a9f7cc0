//! The section.

use alerts::{EntriesConfig, Text, Tree};
use component::config::{Problems, Section, Value};
use component::{QueueConfig, RetryConfig};
use kube::ApiConfig;
use serde::{Deserialize, Serialize};

/// Fastest pace, in changes per second.
const PACE_MAX: f64 = 1000.0;

/// `exporters: k8s_patch:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct Config {
    /// Which API server, and who we are there.
    #[serde(flatten)]
    pub api: ApiConfig,
    /// Version of the objects' API: `v1`, `networking.k8s.io/v1`. Required.
    pub api_version: String,
    /// Kind of the objects: `ConfigMap`. Required.
    pub kind: String,
    /// The same as it stands in URLs: `configmaps`. Required.
    pub resource: String,
    /// Namespace of the object, a template with the fields of an alert. Default: none, for objects that belong to no namespace.
    pub namespace: String,
    /// Name of the object, a template. Required.
    pub name: String,
    /// What is applied: the fields of the object but `apiVersion`, `kind` and `metadata`. Texts are templates with the alerts in
    /// force as `.entries`; an element `for_each: ...` of a list stands for one for each. Required.
    pub object: Value,
    /// Objects that may be changed, as `namespace/name` with `*` for any part of a name. Required if `namespace` or `name` is a
    /// template.
    pub allow: Vec<String>,
    /// The API server does all but keep it, and the log says so. Default `false`.
    pub dry_run: bool,
    /// Most changes per second; more wait. Default 1, 0.001 to 1000.
    pub patches_per_second: f64,
    /// Who the fields belong to. Default `sluice`.
    pub field_manager: String,
    /// Which keys, and for how long.
    #[serde(flatten)]
    pub entries: EntriesConfig,
    /// Retries of what may pass later.
    pub retry_on_failure: RetryConfig,
    /// Queue in front. On by default.
    pub sending_queue: Section<QueueConfig>,
}

impl Default for Config {
    fn default() -> Self {
        let queue = QueueConfig { num_consumers: 1, ..QueueConfig::default() };
        Self {
            api: ApiConfig::default(),
            api_version: String::new(),
            kind: String::new(),
            resource: String::new(),
            namespace: String::new(),
            name: String::new(),
            object: Value::Null,
            allow: Vec::new(),
            dry_run: false,
            patches_per_second: 1.0,
            field_manager: "sluice".to_owned(),
            entries: EntriesConfig::default(),
            retry_on_failure: RetryConfig::default(),
            sending_queue: Section::on(queue),
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        let required = [
            ("api_version", &self.api_version, "v1"),
            ("kind", &self.kind, "ConfigMap"),
            ("resource", &self.resource, "configmaps"),
            ("name", &self.name, "blocked"),
            ("field_manager", &self.field_manager, "sluice"),
        ];
        for (key, value, example) in required {
            if value.is_empty() {
                problems.at("", format!("there is no {key}")).require(key, example);
            }
        }
        for (key, text) in [("namespace", &self.namespace), ("name", &self.name)] {
            if let Err(why) = Text::new(text) {
                problems.at(key, why);
            }
        }
        match self.object.plain() {
            Value::Map(_) => {
                if let Err(why) = Tree::new(&self.object) {
                    problems.at("object", why);
                }
            }
            _ => drop(problems.at("object", "must be a map of fields, such as {data: {...}}")),
        }
        let is_plain = Text::is_plain(&self.namespace) && Text::is_plain(&self.name);
        if !is_plain && self.allow.is_empty() {
            let text = "namespace or name comes from alerts: say which objects may be changed";
            problems.at("", text).require("allow", "[default/blocked-*]");
        }
        if !(0.001..=PACE_MAX).contains(&self.patches_per_second) {
            problems.at("patches_per_second", "must be between 0.001 and 1000");
        }
        self.api.validate("apiconfig", problems);
        self.entries.validate(problems);
        self.retry_on_failure.validate("retry_on_failure", problems);
        if let Some(queue) = self.sending_queue.get() {
            queue.validate("sending_queue", problems);
        }
    }
}
