//! An alert as Alertmanager wants it (`postableAlert` of its `api/v2/openapi.yaml`). Labels tell alerts apart, so only what stays
//! the same of one is a label; what changes from time to time is an annotation.

use alerts::Alert;
use serde_json::{Map, Value as Json, json};

use crate::Config;

/// One element of the list that is posted.
pub(crate) fn of(alert: &Alert, config: &Config) -> Json {
    let mut labels = Map::new();
    let mut put = |name: &str, text: &str| {
        if !text.is_empty() {
            labels.insert(label_name(name), text.into());
        }
    };
    for (name, text) in &alert.labels {
        put(name, text);
    }
    let own = alert.labels.get(&config.severity_attribute).unwrap_or(&alert.severity);
    put("severity", if own.is_empty() { &config.severity } else { own });
    put("alertname", &alert.rule);
    put("key", &alert.key);
    put("service", &alert.service);
    let mut annotations = Map::new();
    let mut say = |name: String, text: String| {
        if !text.is_empty() {
            annotations.insert(label_name(&name), text.into());
        }
    };
    say("summary".into(), alert.title.clone());
    say("TraceID".into(), alert.trace_id.clone());
    say("SpanID".into(), alert.span_id.clone());
    say("pipeline".into(), alert.pipeline.clone());
    say("revision".into(), alert.revision.clone());
    for (prefix, values) in [("window", &alert.windows), ("evidence", &alert.evidence)] {
        for (name, value) in values {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            say(format!("{prefix}_{name}"), text);
        }
    }
    let document = alert.document();
    let mut all = json!({"labels": labels, "annotations": annotations});
    // Alertmanager refuses what is no URL, such as the default that upstream has.
    if config.generator_url.contains("://") {
        all["generatorURL"] = config.generator_url.as_str().into();
    }
    for (key, from) in [("startsAt", "time"), ("endsAt", "blocked_until")] {
        if let Some(text) = document[from].as_str().filter(|it| !it.is_empty()) {
            all[key] = text.into();
        }
    }
    all
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`, as Prometheus names labels.
fn label_name(text: &str) -> String {
    let valid = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = text.chars().map(valid).collect();
    let name = name.trim_end_matches('_');
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name.into() }
}
