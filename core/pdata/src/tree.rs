//! A metric as structs, for what changes one as a whole: aggregation, other kinds of buckets. It costs
//! a decode and an encode; most changes are made through the fields of a [`Place`], and new metrics are
//! written by a [`MetricsBuilder`](crate::MetricsBuilder).
//!
//! The structs hold less than the bytes: no unknown fields, no text that is not UTF-8, and prost
//! reads messages nested to a depth of 100 only. What does not fit is made to fit, never dropped
//! silently as a whole: text is repaired with U+FFFD, a value nested too deeply becomes its JSON.

pub use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
pub use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge,
    Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum, Summary, SummaryDataPoint,
    exemplar, exponential_histogram_data_point, metric, number_data_point, summary_data_point,
};
use prost::Message as _;

use crate::json::write_object;
use crate::repair::repair;
use crate::schema::Message;
use crate::wire::Writer;
use crate::{Place, Signal, fields, stats};

/// Levels of `AnyValue` that prost reads below the deepest message that has one: an exemplar, at
/// depth 3, has attributes; each level of value is two messages, or three for a map.
const VALUE_DEPTH_MAX: usize = 28;

impl Place<'_> {
    /// The metric with all edits so far; an empty one where there is none.
    pub fn metric_tree(&mut self) -> Metric {
        if self.signal() == Signal::Metrics { read(self.encoded()) } else { Metric::default() }
    }

    /// Replaces the metric.
    pub fn set_metric_tree(&mut self, metric: &Metric) {
        self.replace(&metric.encode_to_vec());
    }

    /// Adds a metric to the scope: false if too many were added.
    pub fn add_metric_tree(&mut self, metric: &Metric) -> bool {
        self.add_item(&metric.encode_to_vec())
    }
}

impl crate::view::Metric<'_> {
    /// The metric as structs.
    pub fn to_tree(self) -> Metric {
        read(self.encoded())
    }
}

fn read(body: &[u8]) -> Metric {
    Metric::decode(body).unwrap_or_else(|_| {
        let mut out = Writer::default();
        repair(&fields::METRIC, body, Some((VALUE_DEPTH_MAX, as_json)), &mut out);
        Metric::decode(out.buf.as_slice()).unwrap_or_else(|_| {
            stats::count_unreadable();
            Metric::default()
        })
    })
}

fn as_json(schema: &'static Message, body: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    write_object(schema, body, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Data, Depth, Keep, Limits, NotUtf8};

    /// The metric with this JSON, through the structs.
    fn tree(json: &[u8], change: impl Fn(&mut Metric)) -> (Metric, Data) {
        let text = [br#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":["#, json, b"]}]}]}"];
        let data = Data::from_json(Signal::Metrics, &text.concat(), &Limits::default()).unwrap();
        through(&data, change)
    }

    fn through(data: &Data, change: impl Fn(&mut Metric)) -> (Metric, Data) {
        let mut read = Metric::default();
        let changed = data.edit(Depth::Item, |place| {
            if place.depth() == Depth::Item {
                read = place.metric_tree();
                change(&mut read);
                place.set_metric_tree(&read);
                return Keep::Whole;
            }
            Keep::Enter
        });
        (read, changed)
    }

    #[test]
    fn a_metric_is_read_changed_and_written() {
        let json = br#"{"name":"a","gauge":{"dataPoints":[{"asInt":"1"},{"asDouble":0.5}]}}"#;
        let (read, changed) = tree(json, |metric| metric.name.push('b'));
        assert!(matches!(&read.data, Some(metric::Data::Gauge(it)) if it.data_points.len() == 2));
        let Data::Metrics(changed) = changed else { panic!() };
        assert_eq!(changed.items(), 2);
        assert_eq!(changed.metrics().next().unwrap().name(), "ab");
    }

    #[test]
    fn points_that_a_change_took_away_are_not_counted() {
        let json = br#"{"gauge":{"dataPoints":[{"asInt":"1"},{"asDouble":0.5}]}}"#;
        let (_, changed) = tree(json, |metric| {
            let Some(metric::Data::Gauge(it)) = &mut metric.data else { panic!() };
            it.data_points.truncate(1);
        });
        assert_eq!(changed.items(), 1);
        let changed = changed.edit(Depth::Item, |place| {
            place.set_messages(crate::Field::METRIC_POINTS, &[]).unwrap_or_default();
            Keep::Enter
        });
        assert_eq!(changed.items(), 0);
    }

    #[test]
    fn text_that_is_not_utf8_is_repaired_and_its_neighbours_stay() {
        let limits = Limits { not_utf8: NotUtf8::Pass, ..Limits::default() };
        let request = b"\x0a\x0c\x12\x0a\x12\x08\x0a\x03a\xffb\x1a\x01c";
        let data = Data::try_from_otlp(Signal::Metrics, request[..].into(), &limits).unwrap();
        let (read, _) = through(&data, |_| {});
        assert_eq!((read.name.as_str(), read.unit.as_str()), ("a\u{fffd}b", "c"));
    }

    #[test]
    fn a_value_nested_too_deeply_for_prost_becomes_json() {
        let levels = 100;
        let open = r#"{"kvlistValue":{"values":[{"value":"#.repeat(levels);
        let text = format!(
            r#"{{"unit":"s","metadata":[{{"key":"k","value":{open}{{}}{}}}]}}"#,
            "}]}}".repeat(levels)
        );
        let (read, _) = tree(text.as_bytes(), |_| {});
        assert_eq!(read.unit, "s");
        let mut value = read.metadata[0].value.as_ref().and_then(|it| it.value.as_ref()).unwrap();
        for _ in 0..VALUE_DEPTH_MAX {
            let any_value::Value::KvlistValue(list) = value else { panic!("{value:?}") };
            value = list.values[0].value.as_ref().and_then(|it| it.value.as_ref()).unwrap();
        }
        let any_value::Value::StringValue(json) = value else { panic!("{value:?}") };
        assert!(json.starts_with(r#"{"kvlistValue":{"values":[{"value":{"kvlist"#), "{json}");
    }
}
