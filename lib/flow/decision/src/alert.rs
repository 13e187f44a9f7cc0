//! Alerts: log records of their own. One with the same rule and key is not repeated for a while.

use std::sync::Arc;
use std::time::Duration;

use component::Signal;
use pdata::{Field, Logs, LogsBuilder, Place, ValueBuf, ValueRef};
use rego::Value;

use crate::config::{AlertConfig, BlockConfig};
use crate::path::{Path, Spot};
use crate::project::{Around, event_time, to_rego, value_at};
use crate::values::{text, to_otlp};

/// The event name of an alert.
pub const EVENT_NAME: &str = "sluice.policy.alert";
/// The scope of alerts.
const SCOPE: &str = "sluice/rego";
/// Longest key that an alert shows, in bytes.
const KEY_BYTES_MAX: usize = 1_024;

/// What an alert says.
#[derive(Debug, Clone)]
pub(crate) struct AlertAction {
    title: Arc<str>,
    severity: Severity,
    key: KeyFrom,
    labels: Vec<(Arc<str>, ValueBuf)>,
    evidence: Vec<(Arc<str>, Spot)>,
    /// It blocks its key.
    pub(crate) block: Option<Block>,
}

/// How an alert blocks its key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    /// How long, if it says so.
    pub(crate) ttl: Option<Duration>,
}

#[derive(Debug, Clone)]
enum KeyFrom {
    Nothing,
    Spot(Spot),
    Value(Value),
}

#[derive(Debug, Clone, Copy)]
struct Severity {
    word: &'static str,
    /// As `severity_number` and `severity_text` of the record.
    number: i32,
    text: &'static str,
}

const SEVERITIES: [Severity; 4] = [
    Severity { word: "info", number: 9, text: "INFO" },
    Severity { word: "warning", number: 13, text: "WARN" },
    Severity { word: "error", number: 17, text: "ERROR" },
    Severity { word: "critical", number: 21, text: "FATAL" },
];

fn severity(word: &str, default: &str) -> Result<Severity, String> {
    let word = if word.is_empty() { default } else { word };
    let known = SEVERITIES.iter().find(|it| it.word == word).copied();
    known.ok_or_else(|| {
        format!("unknown severity {word:?}: known are info, warning, error, critical")
    })
}

impl AlertAction {
    /// Of a rule of the section.
    pub(crate) fn of_rule(
        config: &AlertConfig,
        rule: &str,
        signal: Signal,
    ) -> Result<Self, String> {
        let labels = config.labels.iter();
        Ok(Self {
            title: if config.title.is_empty() { rule } else { &config.title }.into(),
            severity: severity(&config.severity, "warning")?,
            key: match config.key.as_str() {
                "" => KeyFrom::Nothing,
                path => KeyFrom::Spot(readable(path, signal)?),
            },
            labels: labels.map(|(k, v)| (k.as_str().into(), v.as_str().into())).collect(),
            evidence: evidence(&config.evidence, signal)?,
            block: None,
        })
    }

    /// Of a rule that blocks.
    pub(crate) fn of_block(
        config: &BlockConfig,
        rule: &str,
        signal: Signal,
    ) -> Result<Self, String> {
        if config.key.is_empty() {
            return Err("block has no key: write the path of what is blocked".into());
        }
        let alert = AlertConfig {
            title: config.title.clone(),
            severity: severity(&config.severity, "critical")?.word.to_owned(),
            key: config.key.clone(),
            labels: config.labels.clone(),
            evidence: config.evidence.clone(),
        };
        let ttl = config.ttl.map(::config::Duration::std);
        let block = Some(Block { ttl });
        Ok(Self { block, ..Self::of_rule(&alert, rule, signal)? })
    }

    /// Of a decision that a policy has built.
    pub(crate) fn of_decision(value: &Value, rule: &str, blocks: bool) -> Result<Self, String> {
        let name = if blocks { "block" } else { "alert" };
        let entries = value.as_object().map_err(|_| format!("{name} is not an object"))?;
        let known: &[&str] = if blocks {
            &["title", "severity", "key", "labels", "ttl"]
        } else {
            &["title", "severity", "key", "labels"]
        };
        let is_known = |key: &Value| key.as_string().is_ok_and(|it| known.contains(&it.as_ref()));
        if let Some(key) = entries.keys_sorted().find(|it| !is_known(it)) {
            return Err(format!(
                "{name} has the unknown key {key}; known are {}",
                known.join(", ")
            ));
        }
        let get = |key: &str| entries.get(&key.into());
        let word = |key: &str| get(key).map_or(Ok(""), |it| text(it, name));
        let mut labels = Vec::new();
        if let Some(all) = get("labels") {
            let all = all.as_object().map_err(|_| format!("labels of {name} is not an object"))?;
            for (key, value) in all.iter_sorted() {
                labels.push((text(key, name)?.into(), to_otlp(value)?));
            }
        }
        let key = get("key").map_or(KeyFrom::Nothing, |it| KeyFrom::Value(it.clone()));
        let ttl = match get("ttl") {
            Some(it) => Some(ttl(it)?),
            None => None,
        };
        if blocks && matches!(key, KeyFrom::Nothing) {
            return Err("block has no key".into());
        }
        let title = word("title")?;
        Ok(Self {
            title: if title.is_empty() { rule } else { title }.into(),
            severity: severity(word("severity")?, if blocks { "critical" } else { "warning" })?,
            key,
            labels,
            evidence: Vec::new(),
            block: blocks.then_some(Block { ttl }),
        })
    }

    /// The key of a record; `None` if the record has not what the path names.
    pub(crate) fn key(&self, place: &Place<'_>, around: &Around<'_>) -> Option<Value> {
        match &self.key {
            KeyFrom::Nothing => Some("".into()),
            KeyFrom::Value(it) => Some(it.clone()),
            KeyFrom::Spot(it) => Some(value_at(it.leaf, &it.keys, place, around))
                .filter(|it| *it != Value::Undefined),
        }
    }
}

fn readable(path: &str, signal: Signal) -> Result<Spot, String> {
    let path = Path::parse(path)?;
    path.spot(signal).ok_or_else(|| format!("{signal} have no {path}"))
}

fn evidence(paths: &[String], signal: Signal) -> Result<Vec<(Arc<str>, Spot)>, String> {
    paths.iter().map(|it| Ok((it.as_str().into(), readable(it, signal)?))).collect()
}

/// `"15m"`, or seconds.
fn ttl(value: &Value) -> Result<Duration, String> {
    let wrong = || "ttl is neither a time such as \"15m\" nor a number of seconds".to_owned();
    match value {
        Value::String(text) => {
            ::config::Duration::parse(text).map(::config::Duration::std).map_err(|_| wrong())
        }
        other => {
            let seconds = other.as_f64().map_err(|_| wrong())?;
            Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
        }
    }
}

/// An alert that is to be sent.
#[derive(Debug)]
pub struct Alert {
    /// What tells it apart from others, to forget that it was sent.
    pub(crate) identity: u128,
    title: Arc<str>,
    severity: Severity,
    rule: Arc<str>,
    key: String,
    blocked_until: Option<u64>,
    attributes: Vec<(String, ValueBuf)>,
    resource: Vec<(String, ValueBuf)>,
    trace_id: Vec<u8>,
    span_id: Vec<u8>,
    time: u64,
}

/// What an alert takes from what surrounds it.
pub(crate) struct Facts<'a> {
    pub(crate) rule: &'a Arc<str>,
    pub(crate) identity: u128,
    pub(crate) key: &'a Value,
    pub(crate) blocked_until: Option<u64>,
    /// What the windows say of the record, by their names.
    pub(crate) windows: Vec<(&'a str, Value)>,
    pub(crate) revision: &'a str,
}

impl Alert {
    /// About the record at a place.
    pub(crate) fn new(
        action: &AlertAction,
        facts: &Facts<'_>,
        place: &Place<'_>,
        around: &Around<'_>,
    ) -> Self {
        let mut attributes: Vec<(String, ValueBuf)> = Vec::new();
        for (name, value) in &facts.windows {
            attributes.push((format!("policy.window.{name}"), otlp(value)));
        }
        for (name, spot) in &action.evidence {
            let value = value_at(spot.leaf, &spot.keys, place, around);
            attributes.push((format!("policy.evidence.{name}"), otlp(&value)));
        }
        let labels = action.labels.iter();
        attributes.extend(labels.map(|(k, v)| (format!("policy.label.{k}"), v.clone())));
        attributes.push(("policy.revision".into(), facts.revision.into()));
        attributes.push(("policy.pipeline".into(), around.pipeline.into()));
        let resource = place.resource().attributes();
        let resource = resource.iter().map(|(k, v)| (k.to_owned(), otlp(&to_rego(v)))).collect();
        let (trace, span) = match place.signal() {
            Signal::Logs => (Field::LOG_TRACE_ID, Field::LOG_SPAN_ID),
            _ => (Field::SPAN_TRACE_ID, Field::SPAN_ID),
        };
        let id = |field| match place.get(field, &[]) {
            Ok(Some(ValueRef::Bytes(it))) => it.to_vec(),
            _ => Vec::new(),
        };
        Self {
            identity: facts.identity,
            title: Arc::clone(&action.title),
            severity: action.severity,
            rule: Arc::clone(facts.rule),
            key: shown(facts.key),
            blocked_until: facts.blocked_until,
            attributes,
            resource,
            trace_id: id(trace),
            span_id: id(span),
            time: event_time(place),
        }
    }
}

fn otlp(value: &Value) -> ValueBuf {
    to_otlp(value).unwrap_or_default()
}

/// A key as a text.
pub(crate) fn shown(key: &Value) -> String {
    let mut text = match key {
        Value::String(it) => it.to_string(),
        other => other.to_json_str().unwrap_or_default(),
    };
    if text.len() > KEY_BYTES_MAX {
        text.truncate(text.floor_char_boundary(KEY_BYTES_MAX));
    }
    text
}

/// Alerts as telemetry.
pub fn records(alerts: &[Alert], now: u64) -> Logs {
    let mut builder = LogsBuilder::new();
    for alert in alerts {
        builder.resource(|out| alert.resource.iter().for_each(|(k, v)| out.put(k, v)));
        builder.scope(SCOPE, "");
        builder.record(|record| {
            record.time_unix_nano(if alert.time == 0 { now } else { alert.time });
            record.observed_time_unix_nano(now);
            record.severity_number(alert.severity.number);
            record.severity_text(alert.severity.text);
            record.event_name(EVENT_NAME);
            record.body(&*alert.title);
            record.attribute("policy.rule", &*alert.rule);
            record.attribute("policy.severity", alert.severity.word);
            if !alert.key.is_empty() {
                record.attribute("policy.key", &alert.key);
            }
            if let Some(until) = alert.blocked_until {
                record.attribute("policy.blocked_until", until.cast_signed());
            }
            alert.attributes.iter().for_each(|(key, value)| record.attribute(key, value));
            record.trace_id(&alert.trace_id);
            record.span_id(&alert.span_id);
        });
    }
    builder.finish()
}
