//! The section and its defaults.

use component::config::{Duration, Tagged};
use component::{Id, Problems};
use serde::{Deserialize, Serialize};
use stanza::OperatorConfig;

/// What `extract: metadata:` may name beside what the path says, and whether it is there by default.
pub(crate) const METADATA: [(&str, bool); 12] = [
    ("k8s.replicaset.name", true),
    ("k8s.deployment.name", true),
    ("k8s.statefulset.name", true),
    ("k8s.daemonset.name", true),
    ("k8s.job.name", true),
    ("k8s.cronjob.name", true),
    ("container.id", true),
    ("container.image.name", true),
    ("container.image.tag", true),
    ("container.image.repo_digests", false),
    ("k8s.pod.ip", false),
    ("k8s.namespace.name", true),
];

/// `receivers: cri:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Config {
    /// Socket of the runtime as `unix:///path`, or auto: the first of the usual ones that is there. Default auto.
    pub endpoint: String,
    /// Longest wait for one answer of the runtime. Default 2s.
    pub timeout: Duration,
    /// Time between two lists of all containers. In between, only pods are asked for whose log files appear. Default 60s.
    pub resync_interval: Duration,
    /// Listens to the runtime's own stream of events and lists at once when something happens, where that does no harm: containerd
    /// since 2, CRI-O. Default false.
    pub container_events: bool,
    /// Longest wait of a record for the metadata of its container; then it goes on without, counted. Default 1s.
    pub metadata_timeout: Duration,
    /// Where the kubelet puts log files, or auto: the runtime is asked. Default auto.
    pub log_directory: String,
    /// Only containers in these namespaces: `*` and `?` are wildcards. Default all.
    pub namespaces: Vec<String>,
    /// Files to leave alone, as paths: `*`, `?`, `[...]`, `{a,b}`, `**`. Default none.
    pub exclude: Vec<String>,
    /// beginning or end, for files that are there at the start and that no checkpoint knows. Default beginning.
    pub start_at: String,
    /// Which metadata records get.
    pub extract: ExtractConfig,
    /// Log records about containers themselves.
    pub life_cycle: LifeCycleConfig,
    /// Operators for each line, behind the one that takes containers' lines apart. As those of `file_log`.
    #[config(omit_empty)]
    pub operators: Vec<Tagged<OperatorConfig>>,
    /// Where offsets are kept: a storage extension, or none. Default: the collector's own directory.
    #[config(omit_empty)]
    pub storage: Option<Id>,
}

/// `extract:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct ExtractConfig {
    /// Attributes beside those from the path: names of the workload, of the container, of its image.
    pub metadata: Vec<String>,
    /// Labels of the pod. Default none.
    pub labels: Vec<Rule>,
    /// Annotations of the pod. Default none.
    pub annotations: Vec<Rule>,
}

/// Which labels or annotations become attributes; as in `k8s_attributes`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Rule {
    /// Name of the attribute. Default `k8s.pod.labels.<key>`, `k8s.pod.annotations.<key>`.
    #[config(omit_empty)]
    pub tag_name: String,
    /// The key.
    #[config(omit_empty)]
    pub key: String,
    /// All keys that this expression matches as a whole; `$1` in `tag_name` is its first group.
    #[config(omit_empty)]
    pub key_regex: String,
}

/// `life_cycle:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct LifeCycleConfig {
    /// Sends a record when a container has started or ended, with exit code and reason. Default false.
    pub enabled: bool,
}

impl Default for ExtractConfig {
    fn default() -> Self {
        let metadata = METADATA.iter().filter(|it| it.1).map(|it| it.0.to_owned()).collect();
        Self { metadata, labels: Vec::new(), annotations: Vec::new() }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            endpoint: "auto".into(),
            timeout: Duration::from_secs(2),
            resync_interval: Duration::from_secs(60),
            container_events: false,
            metadata_timeout: Duration::from_secs(1),
            log_directory: "auto".into(),
            namespaces: Vec::new(),
            exclude: Vec::new(),
            start_at: "beginning".into(),
            extract: ExtractConfig::default(),
            life_cycle: LifeCycleConfig::default(),
            operators: Vec::new(),
            storage: None,
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        cri::check_endpoint(&self.endpoint, "", problems);
        for (key, value) in [("timeout", self.timeout), ("resync_interval", self.resync_interval)] {
            if value.std().is_zero() {
                problems.at("", format!("{key} must be positive")).about(key);
            }
        }
        if self.log_directory != "auto" && !self.log_directory.starts_with('/') {
            let text = "log_directory must be auto or an absolute path";
            problems.at("", text).set("log_directory", "/var/log/pods");
        }
        if !["beginning", "end"].contains(&self.start_at.as_str()) {
            let text = format!("invalid start_at location '{}'", self.start_at);
            problems.at("", text).one_of("start_at", &["beginning", "end"]);
        }
        for (at, name) in self.namespaces.iter().enumerate() {
            // It becomes a part of a path.
            let plain = |it: char| it.is_ascii_alphanumeric() || "-*?".contains(it);
            if name.is_empty() || !name.chars().all(plain) {
                let text = format!(
                    "namespaces: {name:?} is no name of a namespace: use letters, digits, - and the wildcards * and ?"
                );
                problems.at("", text).about(&format!("namespaces::{at}"));
            }
        }
    }
}
