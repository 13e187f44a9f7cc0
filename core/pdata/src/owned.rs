//! Conversion to and from the structs of `opentelemetry-proto`, for components that reorder
//! telemetry as a whole. It costs a decode and an encode; views and edits do not.
//!
//! The structs hold less than the bytes: no unknown fields, no text that is not UTF-8, and prost
//! reads messages nested to a depth of 100 only. What does not fit is made to fit, never dropped
//! silently as a whole: text is repaired with U+FFFD, a value nested too deeply becomes its JSON.

use bytes::Bytes;
use opentelemetry_proto::tonic::logs::v1::LogsData;
use opentelemetry_proto::tonic::metrics::v1::MetricsData;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;

use crate::data::chunks_of;
use crate::json::write_object;
use crate::schema::{self, Kind, Role};
use crate::wire::{Payload, Reader, Writer};
use crate::{Logs, Metrics, Signal, Traces, stats};

/// Levels of `AnyValue` that prost reads below the deepest message that has one: an exemplar, at
/// depth 8, has attributes; each level of value is two messages, or three for a map.
const VALUE_DEPTH_MAX: usize = 28;

macro_rules! owned {
    ($name:ident, $message:ident, $it:ident => $items:expr) => {
        impl $name {
            fn count(&self) -> usize {
                let $it = self;
                $items
            }

            /// The same as structs.
            pub fn to_owned(&self) -> $message {
                decode(Signal::$name, self.chunks())
            }

            /// From structs. What decoding would refuse (an id of odd length) passes through.
            pub fn from_owned(message: &$message) -> Self {
                let mut it = Self { chunks: chunks_of(message.encode_to_vec().into()), items: 0 };
                it.items = it.count();
                it
            }
        }
    };
}

owned!(Logs, LogsData, it => it.records().count());
owned!(Traces, TracesData, it => it.spans().count());
owned!(Metrics, MetricsData, it => it.metrics().map(|metric| metric.points().count()).sum());

/// The structs of one chunk of metrics.
pub(crate) fn metrics(chunk: Bytes) -> MetricsData {
    decode(Signal::Metrics, &[chunk])
}

fn decode<M: Message + Default>(signal: Signal, chunks: &[Bytes]) -> M {
    let mut message = M::default();
    if chunks.iter().all(|chunk| message.merge(chunk.clone()).is_ok()) {
        return message;
    }
    message.clear();
    for chunk in chunks {
        let mut writer = Writer::default();
        repair(schema::of(signal), chunk, VALUE_DEPTH_MAX, &mut writer);
        if message.merge(writer.buf.as_slice()).is_err() {
            stats::count_unreadable();
        }
    }
    message
}

/// Copies a message so that prost can read it.
fn repair(schema: &'static schema::Message, body: &[u8], depth: usize, out: &mut Writer) {
    for raw in Reader::new(body) {
        let field = schema.fields.iter().find(|field| field.number == raw.number);
        match (field.map(|field| field.kind), raw.payload) {
            (Some(Kind::Str), Payload::Bytes(bytes)) => {
                out.bytes_field(raw.number, String::from_utf8_lossy(bytes).as_bytes());
            }
            (Some(Kind::Message(of)), Payload::Bytes(bytes)) => {
                let open = out.open(raw.number, of.width);
                if let Some(depth) = depth.checked_sub(usize::from(of.role == Role::AnyValue)) {
                    repair(of, bytes, depth, out);
                } else {
                    let mut text = Vec::new();
                    write_object(of, bytes, &mut text);
                    out.bytes_field(1, &text);
                }
                out.close(open);
            }
            _ => out.raw(body.get(raw.start..raw.end).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;

    use super::*;
    use crate::Limits;

    fn logs(text: &[u8]) -> Logs {
        Logs::from_json(text, &Limits::default()).unwrap()
    }

    #[test]
    fn a_request_survives_the_way_through_structs() {
        let text = br#"{"resourceLogs":[{"resource":{"entityRefs":[{"type":"host"}]},"scopeLogs":[
            {"scope":{},"logRecords":[{"body":{"stringValue":"b"}},{"flags":1}]}]}]}"#;
        let owned = logs(text).to_owned();
        assert_eq!(owned.resource_logs[0].scope_logs[0].log_records.len(), 2);
        let back = Logs::from_owned(&owned);
        assert_eq!(back.items(), 2);
        assert_eq!(back.to_owned(), owned);
    }

    #[test]
    fn text_that_is_not_utf8_is_repaired_and_its_neighbours_stay() {
        let text = b"{\"resourceLogs\":[{\"schemaUrl\":\"a\xffb\"},{\"schemaUrl\":\"c\"}]}";
        let owned = logs(text).to_owned();
        let urls: Vec<_> = owned.resource_logs.iter().map(|it| it.schema_url.as_str()).collect();
        assert_eq!(urls, ["a\u{fffd}b", "c"]);
    }

    #[test]
    fn a_value_nested_too_deeply_for_prost_becomes_json() {
        let levels = 100;
        let open = r#"{"kvlistValue":{"values":[{"value":"#.repeat(levels);
        let text = format!(
            r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"severityText":"s","body":{open}{{}}{}}}]}}]}}]}}"#,
            "}]}}".repeat(levels)
        );
        let owned = logs(text.as_bytes()).to_owned();
        let record = &owned.resource_logs[0].scope_logs[0].log_records[0];
        assert_eq!(record.severity_text, "s");
        let mut value = record.body.as_ref().and_then(|it| it.value.as_ref()).unwrap();
        for _ in 0..VALUE_DEPTH_MAX {
            let Value::KvlistValue(list) = value else { panic!("{value:?}") };
            value = list.values[0].value.as_ref().and_then(|it| it.value.as_ref()).unwrap();
        }
        let Value::StringValue(json) = value else { panic!("{value:?}") };
        assert!(json.starts_with(r#"{"kvlistValue":{"values":[{"value":{"kvlist"#), "{json}");
    }
}
