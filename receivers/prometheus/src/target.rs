//! What is scraped: the labels of a target, and the URL that they make (`scrape/target.go` of Prometheus 3).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::{ScrapeConfig, Text, duration};
use crate::labels::Labels;
use crate::relabel::{self, Rule};

/// Labels of service discovery, which are gone after relabelling.
const META: &str = "__meta_";

/// A target as it was found: its address and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) labels: Vec<(String, String)>,
}

impl Found {
    pub(crate) fn at(address: &str, labels: &BTreeMap<String, Text>) -> Self {
        let mut all = vec![("__address__".to_owned(), address.to_owned())];
        all.extend(labels.iter().map(|(name, value)| (name.clone(), value.to_string())));
        Self { labels: all }
    }
}

/// A target that is scraped.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    /// Of all its series, with `job` and `instance`, without those that begin with `__`.
    pub(crate) labels: Labels<'static>,
    pub(crate) url: String,
    pub(crate) scheme: String,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    /// Attributes of its resource that service discovery knows.
    pub(crate) attributes: Vec<(String, String)>,
}

impl Target {
    pub(crate) fn job(&self) -> &str {
        self.labels.get("job")
    }

    pub(crate) fn instance(&self) -> &str {
        self.labels.get("instance")
    }
}

/// What all targets of a job have in common.
pub(crate) struct Job<'a> {
    pub(crate) config: &'a ScrapeConfig,
    pub(crate) interval: &'a str,
    pub(crate) timeout: &'a str,
    pub(crate) rules: &'a [Rule],
}

impl Job<'_> {
    /// The target, `None` when the rules drop it.
    ///
    /// # Errors
    /// What is wrong with its labels.
    pub(crate) fn target(&self, found: &Found) -> Result<Option<Target>, String> {
        let mut labels = Labels::default();
        let defaults = [
            ("job", &*self.config.job_name),
            ("__scrape_interval__", self.interval),
            ("__scrape_timeout__", self.timeout),
            ("__metrics_path__", &*self.config.metrics_path),
            ("__scheme__", &*self.config.scheme),
        ];
        for (name, value) in defaults {
            labels.set(name.into(), value.into());
        }
        for (name, values) in &self.config.params {
            if let Some(first) = values.first() {
                labels.set(format!("__param_{name}").into(), (&**first).into());
            }
        }
        for (name, value) in &found.labels {
            labels.set(name.into(), value.into());
        }
        let scheme_found = labels.get("__scheme__").to_owned();
        let attributes = kubernetes_attributes(&labels);
        if !relabel::apply(self.rules, &mut labels) {
            return Ok(None);
        }
        let address = labels.get("__address__").to_owned();
        if address.is_empty() {
            return Err("no address".to_owned());
        }
        if address.contains('/') {
            return Err(format!("{address:?} is not a valid hostname"));
        }
        let time = |name: &str| {
            let text = labels.get(name);
            let time = duration(text).filter(|it| !it.is_zero());
            time.ok_or_else(|| format!("{name} has the value {text:?}, which is no duration"))
        };
        let (interval, timeout) = (time("__scrape_interval__")?, time("__scrape_timeout__")?);
        if timeout > interval {
            return Err(format!(
                "scrape timeout cannot be greater than scrape interval ({timeout:?} > {interval:?})"
            ));
        }
        let url = self.url(&labels, &address);
        if labels.get("instance").is_empty() {
            labels.set("instance".into(), Cow::Borrowed(&address));
        }
        let mut labels = labels.into_owned();
        labels.retain(|it| !it.starts_with("__"));
        let scheme = scheme_found;
        Ok(Some(Target { labels, url, scheme, interval, timeout, attributes }))
    }

    /// Scheme, address and path of the labels; the parameters of the job, of which labels replace the first.
    fn url(&self, labels: &Labels<'_>, address: &str) -> String {
        let mut params: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, values) in &self.config.params {
            params.insert(name, values.iter().map(|it| &**it).collect());
        }
        for (label, value) in labels.iter() {
            let Some(name) = label.strip_prefix("__param_") else { continue };
            let values = params.entry(name).or_default();
            match values.first_mut() {
                Some(first) => *first = value,
                None => values.push(value),
            }
        }
        let pairs =
            params.iter().flat_map(|(name, values)| values.iter().map(move |it| (name, it)));
        let query: Vec<String> =
            pairs.map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
        let (scheme, path) = (labels.get("__scheme__"), labels.get("__metrics_path__"));
        let slash = if path.starts_with('/') { "" } else { "/" };
        let (mark, query) =
            if query.is_empty() { ("", String::new()) } else { ("?", query.join("&")) };
        format!("{scheme}://{address}{slash}{path}{mark}{query}")
    }
}

/// `url.QueryEscape`.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => out.extend(['%'].into_iter().chain(hex(byte >> 4)).chain(hex(byte & 0xf))),
        }
    }
    out
}

fn hex(digit: u8) -> Option<char> {
    char::from_digit(digit.into(), 16).map(|it| it.to_ascii_uppercase())
}

/// `addKubernetesResource`.
fn kubernetes_attributes(labels: &Labels<'_>) -> Vec<(String, String)> {
    let controller = match labels.get(&format!("{META}kubernetes_pod_controller_kind")) {
        "ReplicaSet" => Some("k8s.replicaset.name"),
        "DaemonSet" => Some("k8s.daemonset.name"),
        "StatefulSet" => Some("k8s.statefulset.name"),
        "Job" => Some("k8s.job.name"),
        "CronJob" => Some("k8s.cronjob.name"),
        _ => None,
    };
    let mut all = Vec::new();
    let mut add = |name: &str, attribute: &str| {
        let value = labels.get(&format!("{META}kubernetes_{name}"));
        if !value.is_empty() && !all.iter().any(|it: &(String, String)| it.0 == attribute) {
            all.push((attribute.to_owned(), value.to_owned()));
        }
    };
    add("pod_name", "k8s.pod.name");
    add("pod_uid", "k8s.pod.uid");
    add("pod_container_name", "k8s.container.name");
    add("namespace", "k8s.namespace.name");
    add("pod_node_name", "k8s.node.name");
    add("node_name", "k8s.node.name");
    add("endpoint_node_name", "k8s.node.name");
    if let Some(attribute) = controller {
        add("pod_controller_name", attribute);
    }
    all
}

/// The labels of a sample with those of its target. `mutateSampleLabels`.
pub(crate) fn with_target<'a>(labels: &mut Labels<'a>, target: &'a Labels<'static>, honor: bool) {
    let mut conflicts: Vec<(&str, String)> = Vec::new();
    for (name, value) in target.iter() {
        let exposed = labels.get(name);
        if !exposed.is_empty() {
            if honor {
                continue;
            }
            conflicts.push((name, exposed.to_owned()));
        }
        labels.set(name.into(), value.into());
    }
    // As Prometheus: the shortest first.
    conflicts.sort_by_key(|it| it.0.len());
    for (name, value) in conflicts {
        let mut renamed = format!("exported_{name}");
        while !labels.get(&renamed).is_empty() {
            renamed.insert_str(0, "exported_");
        }
        labels.set(renamed.into(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RelabelConfig;

    fn target(job: &str, rules: &str, found: &[(&str, &str)]) -> Result<Option<Target>, String> {
        let config: ScrapeConfig = serde_json::from_str(job).unwrap();
        let rules: Vec<RelabelConfig> = serde_json::from_str(rules).unwrap();
        let rules: Vec<Rule> = rules.iter().map(|it| Rule::new(it).unwrap()).collect();
        let job = Job { config: &config, interval: "1m", timeout: "10s", rules: &rules };
        let labels = found.iter().map(|(name, it)| ((*name).to_owned(), (*it).to_owned()));
        job.target(&Found { labels: labels.collect() })
    }

    #[test]
    fn labels_make_the_url() {
        let job = r#"{"job_name": "j", "params": {"match[]": ["a b", "c"]}, "metrics_path": "/federate"}"#;
        let got = target(job, "[]", &[("__address__", "h:1"), ("site", "one")]).unwrap().unwrap();
        assert_eq!(got.url, "http://h:1/federate?match%5B%5D=a+b&match%5B%5D=c");
        assert_eq!(got.labels.shown(), r#"{instance="h:1", job="j", site="one"}"#);
        assert_eq!(got.interval, Duration::from_secs(60));
    }

    #[test]
    fn rules_may_change_where_it_is_and_drop_it() {
        let rules = r#"[
            {"source_labels": ["__meta_path"], "target_label": "__metrics_path__", "regex": "(.+)"},
            {"source_labels": ["__address__"], "target_label": "__address__", "replacement": "$1:9"},
            {"source_labels": ["site"], "action": "drop", "regex": "two"}]"#;
        let job = r#"{"job_name": "j"}"#;
        let found = [("__address__", "h"), ("__meta_path", "/m")];
        let got = target(job, rules, &found).unwrap().unwrap();
        assert_eq!((got.url.as_str(), got.instance()), ("http://h:9/m", "h:9"));
        let found = [("__address__", "h"), ("site", "two")];
        assert_eq!(target(job, rules, &found), Ok(None));
        let wrong = target(job, "[]", &[("__address__", "http://h:1")]);
        assert!(wrong.unwrap_err().contains("is not a valid hostname"));
    }

    #[test]
    fn labels_that_conflict_are_renamed_or_honoured() {
        let target = Labels::from_list(vec![("job".into(), "t".into()), ("x".into(), "t".into())]);
        let target = target.unwrap();
        let list = || vec![("job".into(), "e".into()), ("exported_job".into(), "old".into())];
        let mut labels = Labels::from_list(list()).unwrap();
        with_target(&mut labels, &target, false);
        let want = r#"{exported_exported_job="e", exported_job="old", job="t", x="t"}"#;
        assert_eq!(labels.shown(), want);
        let mut labels = Labels::from_list(list()).unwrap();
        with_target(&mut labels, &target, true);
        assert_eq!(labels.shown(), r#"{exported_job="old", job="e", x="t"}"#);
    }
}
