//! An event as a log record. `receiver/k8seventsreceiver/k8s_event_to_logdata.go`, v0.156.

use kube::{Meta, null_is_default};
use pdata::LogsBuilder;
use serde::Deserialize;

const SCOPE: &str =
    "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/k8seventsreceiver";
/// Severity numbers by the type of events. The first two are those of Kubernetes.
const SEVERITIES: [(&str, i32); 4] =
    [("normal", 9), ("warning", 13), ("error", 17), ("critical", 21)];

/// An event of the core group.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Event {
    pub(crate) metadata: Meta,
    involved_object: Reference,
    #[serde(deserialize_with = "null_is_default")]
    reason: String,
    #[serde(deserialize_with = "null_is_default")]
    message: String,
    #[serde(deserialize_with = "null_is_default")]
    source: Source,
    #[serde(deserialize_with = "null_is_default")]
    r#type: String,
    #[serde(deserialize_with = "null_is_default")]
    action: String,
    #[serde(deserialize_with = "null_is_default")]
    count: i64,
    event_time: Option<String>,
    last_timestamp: Option<String>,
    first_timestamp: Option<String>,
    series: Option<Series>,
    /// Its name in JSON is that of the newer API.
    #[serde(rename = "reportingComponent", deserialize_with = "null_is_default")]
    reporting_controller: String,
    #[serde(deserialize_with = "null_is_default")]
    reporting_instance: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reference {
    kind: String,
    namespace: String,
    name: String,
    uid: String,
    api_version: String,
    resource_version: String,
    field_path: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Source {
    host: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Series {
    last_observed_time: Option<String>,
}

fn nanos(time: Option<&String>) -> Option<u64> {
    let nanos = golang::time::rfc3339(time?)?;
    u64::try_from(nanos).ok().filter(|it| *it > 0)
}

impl Event {
    /// When it happened, in nanoseconds since 1970: the first of its times that is set.
    fn time(&self) -> Option<u64> {
        let times = [&self.event_time, &self.last_timestamp, &self.first_timestamp];
        times.into_iter().find_map(|it| nanos(it.as_ref()))
    }

    /// When it happened last.
    pub(crate) fn last(&self) -> u64 {
        let series = self.series.as_ref().and_then(|it| it.last_observed_time.as_ref());
        let created = nanos(Some(&self.metadata.creation_timestamp));
        nanos(series).or_else(|| self.time()).or(created).unwrap_or(0)
    }

    pub(crate) fn record(&self, version: &str, builder: &mut LogsBuilder) {
        let object = &self.involved_object;
        builder.resource(|out| {
            for (name, value) in [
                ("k8s.node.name", &self.source.host),
                ("k8s.object.kind", &object.kind),
                ("k8s.object.name", &object.name),
                ("k8s.object.uid", &object.uid),
                ("k8s.object.fieldpath", &object.field_path),
                ("k8s.object.api_version", &object.api_version),
                ("k8s.object.resource_version", &object.resource_version),
            ] {
                out.put(name, value.as_str());
            }
        });
        builder.scope(SCOPE, version);
        builder.record(|record| {
            record.time_unix_nano(self.time().unwrap_or(0));
            let is = |name: &str| self.r#type.eq_ignore_ascii_case(name);
            if let Some((_, severity)) = SEVERITIES.iter().find(|it| is(it.0)) {
                record.severity_number(*severity);
                record.severity_text(&self.r#type);
            }
            record.body(self.message.as_str());
            for (name, value) in [
                ("k8s.event.reason", &self.reason),
                ("k8s.event.action", &self.action),
                ("k8s.event.start_time", &go_time(&self.metadata.creation_timestamp)),
                ("k8s.event.name", &self.metadata.name),
                ("k8s.event.uid", &self.metadata.uid),
                ("k8s.namespace.name", &object.namespace),
                ("k8s.event.reporting_controller", &self.reporting_controller),
                ("k8s.event.reporting_instance", &self.reporting_instance),
            ] {
                record.attribute(name, value.as_str());
            }
            if self.count != 0 {
                record.attribute("k8s.event.count", self.count);
            }
        });
    }
}

/// As Go prints a time, in UTC: `2023-01-01 00:00:00 +0000 UTC`.
fn go_time(time: &str) -> String {
    match time.strip_suffix('Z').and_then(|it| it.split_once('T')) {
        Some((day, clock)) => format!("{day} {clock} +0000 UTC"),
        None => "0001-01-01 00:00:00 +0000 UTC".into(),
    }
}
