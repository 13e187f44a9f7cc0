//! Events as data points. `splunkhec_to_metricdata.go`, v0.149.

use component::Data;
use golang::strconv::{float, parse_float};
use pdata::{MetricsBuilder, Value};
use serde_json::Value as Json;
use tracing::debug;

use crate::event::{Event, grouped};
use crate::logs::Around;

/// Each value is a gauge. What is no number is left out.
pub(crate) fn metrics(events: Vec<Event>, around: &Around<'_>) -> Data {
    let mut builder = MetricsBuilder::new();
    for (metadata, events) in grouped(events) {
        builder.resource(|out| around.resource(&metadata, out));
        for event in &events {
            let dimensions = dimensions(event);
            for (name, value) in event.values() {
                let Some(value) = number(value) else {
                    debug!(name, "leaving out a metric whose value is no number");
                    continue;
                };
                builder.metric(|metric| {
                    metric.name(name);
                    metric.gauge(|points| {
                        points.point(|point| {
                            point.time_unix_nano(event.time_unix_nano);
                            point.double(value);
                            for (key, text) in &dimensions {
                                point.attribute(key, Value::Str(text));
                            }
                        });
                    });
                });
            }
        }
    }
    builder.finish().into()
}

fn number(value: &Json) -> Option<f64> {
    match value {
        Json::Number(it) => it.as_f64(),
        Json::String(it) => parse_float(it).ok(),
        _ => None,
    }
}

/// The other fields, as text.
fn dimensions(event: &Event) -> Vec<(&str, String)> {
    let is_dimension = |(key, value): &(&String, &Json)| {
        let is_value = key.starts_with("metric_name") || key.as_str() == "_value";
        !is_value && !key.is_empty() && !value.is_null()
    };
    let all = event.fields.iter().filter(is_dimension);
    all.map(|(key, value)| (key.as_str(), printed(value))).collect()
}

/// As Go's `%v` prints it.
fn printed(value: &Json) -> String {
    match value {
        Json::Null => "<nil>".to_owned(),
        Json::String(it) => it.clone(),
        Json::Number(it) => float(it.as_f64().unwrap_or_default()),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(printed).collect();
            format!("[{}]", items.join(" "))
        }
        other => other.to_string(),
    }
}
