//! Events as data points. `splunkhec_to_metricdata.go`, v0.149.

use component::Data;
use golang::strconv::{float, parse_float};
use pdata::{MetricsBuilder, Value};
use serde_json::Value as Json;

use crate::event::{Event, grouped};
use crate::logs::Around;

/// With it begin the fields that name metrics.
const NAME: &str = "metric_name";

/// Each value is a gauge. How many values are none: they are no numbers, are not there, or have a name that is none.
pub(crate) fn metrics(events: Vec<Event>, around: &Around<'_>) -> (Data, usize) {
    let (mut builder, mut lost) = (MetricsBuilder::new(), 0);
    for (metadata, events) in grouped(events) {
        builder.resource(|out| around.resource(&metadata, out));
        for event in &events {
            let dimensions = dimensions(event);
            let numbers = event.values().filter_map(|it| Some((it.0, number(it.1)?)));
            let mut made = 0;
            for (name, value) in numbers {
                made += 1;
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
            let named = event.fields.keys().filter(|it| it.starts_with(NAME)).count();
            lost += named.max(1) - made;
        }
    }
    (builder.finish().into(), lost)
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
        let is_value = key.starts_with(NAME) || key.as_str() == "_value";
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
