//! What the record of an alert says.

use std::collections::BTreeMap;

use decision::EVENT_NAME;
use jiff::Timestamp;
use pdata::text::{Base64, hex};
use pdata::{AttributesRef, LogRecord, Logs, ValueRef};
use serde_json::{Map, Value as Json, json};
use xxhash_rust::xxh3::xxh3_128;

/// An alert. What a record does not say is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Alert {
    /// The same record has the same one, also after a retry.
    pub identity: u128,
    /// For people.
    pub title: String,
    /// `info`, `warning`, `error` or `critical`.
    pub severity: String,
    /// The rule or decision that it came from.
    pub rule: String,
    /// What it is about.
    pub key: String,
    /// Of the record that the alert is about, nanoseconds since 1970.
    pub time: u64,
    /// Hexadecimal digits.
    pub trace_id: String,
    /// Hexadecimal digits.
    pub span_id: String,
    /// `service.name` of the resource.
    pub service: String,
    /// Until when the key is blocked, nanoseconds since 1970.
    pub blocked_until: Option<u64>,
    /// Labels that the policy gave.
    pub labels: BTreeMap<String, String>,
    /// What the windows said, by their names.
    pub windows: BTreeMap<String, Json>,
    /// Values of the record, by their paths.
    pub evidence: BTreeMap<String, Json>,
    /// Attributes of the resource.
    pub resource: BTreeMap<String, Json>,
    /// Of the policy.
    pub revision: String,
    /// Where it happened.
    pub pipeline: String,
}

/// The alerts of a payload, and how many records are none.
pub(crate) fn read(logs: &Logs) -> (Vec<Alert>, u64) {
    let (mut alerts, mut others) = (Vec::new(), 0);
    for resource in logs.resources() {
        for record in resource.records() {
            if record.event_name() == EVENT_NAME {
                alerts.push(Alert::new(record, resource.attributes()));
            } else {
                others += 1;
            }
        }
    }
    (alerts, others)
}

impl Alert {
    fn new(record: LogRecord<'_>, resource: AttributesRef<'_>) -> Self {
        let mut alert = Self {
            identity: xxh3_128(record.encoded()),
            title: record.body().map(|it| it.to_string()).unwrap_or_default(),
            time: record.time_unix_nano(),
            trace_id: hex(record.trace_id()),
            span_id: hex(record.span_id()),
            resource: resource.iter().map(|(key, it)| (key.to_owned(), plain(it))).collect(),
            service: resource.get("service.name").map(|it| it.to_string()).unwrap_or_default(),
            ..Self::default()
        };
        for (key, value) in record.attributes().iter() {
            let Some(name) = key.strip_prefix("policy.") else { continue };
            alert.attribute(name, value);
        }
        alert
    }

    fn attribute(&mut self, name: &str, value: ValueRef<'_>) {
        let maps = [("window.", &mut self.windows), ("evidence.", &mut self.evidence)];
        for (prefix, map) in maps {
            if let Some(name) = name.strip_prefix(prefix) {
                map.insert(name.to_owned(), plain(value));
                return;
            }
        }
        if let Some(name) = name.strip_prefix("label.") {
            self.labels.insert(name.to_owned(), value.to_string());
            return;
        }
        match name {
            "rule" => self.rule = value.to_string(),
            "severity" => self.severity = value.to_string(),
            "key" => self.key = value.to_string(),
            "revision" => self.revision = value.to_string(),
            "pipeline" => self.pipeline = value.to_string(),
            "blocked_until" => {
                self.blocked_until = value.as_int().and_then(|it| u64::try_from(it).ok());
            }
            _ => {}
        }
    }

    /// All of it as a document: what templates see, and what is sent where nothing else is asked for.
    pub fn document(&self) -> Json {
        let blocked = self.blocked_until.map(rfc3339).unwrap_or_default();
        let map = |it: &BTreeMap<String, Json>| {
            Json::Object(it.iter().map(|(k, v)| (k.clone(), v.clone())).collect::<Map<_, _>>())
        };
        json!({
            "id": format!("{:032x}", self.identity),
            "title": self.title,
            "severity": self.severity,
            "rule": self.rule,
            "key": self.key,
            "time": rfc3339(self.time),
            "trace_id": self.trace_id,
            "span_id": self.span_id,
            "service": self.service,
            "blocked_until": blocked,
            "labels": self.labels,
            "windows": map(&self.windows),
            "evidence": map(&self.evidence),
            "resource": map(&self.resource),
            "revision": self.revision,
            "pipeline": self.pipeline,
        })
    }

    /// When it happened.
    pub fn time_text(&self) -> String {
        rfc3339(self.time)
    }

    /// How many are queried by the name of a field: `rule`, `key`, `severity`, `service` or `title`.
    pub fn field(&self, name: &str) -> Option<&str> {
        Some(match name {
            "rule" => &self.rule,
            "key" => &self.key,
            "severity" => &self.severity,
            "service" => &self.service,
            "title" => &self.title,
            _ => return None,
        })
    }
}

/// A time; empty where there is none.
pub(crate) fn rfc3339(nanos: u64) -> String {
    let time = Timestamp::from_nanosecond(nanos.into()).ok().filter(|_| nanos > 0);
    time.map(|it| it.to_string()).unwrap_or_default()
}

fn plain(value: ValueRef<'_>) -> Json {
    match value {
        ValueRef::Empty => Json::Null,
        ValueRef::Str(it) => it.into(),
        ValueRef::Bool(it) => it.into(),
        ValueRef::Int(it) => it.into(),
        ValueRef::Double(it) => {
            serde_json::Number::from_f64(it).map_or_else(|| it.to_string().into(), Json::from)
        }
        ValueRef::Bytes(it) => Base64::STANDARD.encode(it).into(),
        ValueRef::Array(it) => it.iter().map(plain).collect(),
        ValueRef::Map(it) => {
            Json::Object(it.iter().map(|(key, it)| (key.to_owned(), plain(it))).collect())
        }
    }
}
