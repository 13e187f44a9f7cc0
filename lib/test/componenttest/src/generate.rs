//! Telemetry in any amount and size; every item is different.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "the numbers of tests are small"
)]

use component::{Data, Signal};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, LogsData, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, MetricsData, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, TracesData};
use pdata::Limits;
use prost::Message;

/// 2024-06-10T06:13:20Z, the time of the first item.
const EPOCH_NANOS: u64 = 1_718_000_000_000_000_000;

/// `n` log records of about 100 bytes.
pub fn logs(n: usize) -> Data {
    data(Signal::Logs, n)
}

/// `n` spans of about 100 bytes.
pub fn traces(n: usize) -> Data {
    data(Signal::Traces, n)
}

/// One gauge with `n` points of about 100 bytes.
pub fn metrics(n: usize) -> Data {
    data(Signal::Metrics, n)
}

/// `n` items of `signal`, of about 100 bytes, numbered from 0.
pub fn data(signal: Signal, n: usize) -> Data {
    Generator::new(signal).next(n)
}

/// Makes requests whose items are numbered on (log body, span name, point value).
#[derive(Debug, Clone)]
pub struct Generator {
    signal: Signal,
    text_bytes: usize,
    service: String,
    made: usize,
}

impl Generator {
    /// Items with 64 bytes of text.
    pub fn new(signal: Signal) -> Self {
        Self { signal, text_bytes: 64, service: "test".to_owned(), made: 0 }
    }

    /// Items with so much text.
    #[must_use]
    pub fn text_bytes(self, text_bytes: usize) -> Self {
        Self { text_bytes, ..self }
    }

    /// Resources with this `service.name`.
    #[must_use]
    pub fn service(self, service: &str) -> Self {
        Self { service: service.to_owned(), ..self }
    }

    /// The next `n` items in one resource and one scope.
    pub fn next(&mut self, n: usize) -> Data {
        let numbers = self.made..self.made + n;
        self.made += n;
        let attributes = vec![text("service.name", &self.service)];
        let resource = Some(Resource { attributes, ..Resource::default() });
        let scope = Some(InstrumentationScope { name: "test".into(), ..Default::default() });
        let bytes = match self.signal {
            Signal::Logs => {
                let log_records = numbers.map(|i| self.record(i)).collect();
                let scope_logs = vec![ScopeLogs { scope, log_records, ..ScopeLogs::default() }];
                let resource = ResourceLogs { resource, scope_logs, ..ResourceLogs::default() };
                LogsData { resource_logs: vec![resource] }.encode_to_vec()
            }
            Signal::Traces => {
                let spans = numbers.map(|i| self.span(i)).collect();
                let scope_spans = vec![ScopeSpans { scope, spans, ..ScopeSpans::default() }];
                let resource = ResourceSpans { resource, scope_spans, ..ResourceSpans::default() };
                TracesData { resource_spans: vec![resource] }.encode_to_vec()
            }
            Signal::Metrics => {
                let metrics = vec![self.gauge(numbers)];
                let scope_metrics = vec![ScopeMetrics { scope, metrics, ..Default::default() }];
                let resource = ResourceMetrics { resource, scope_metrics, ..Default::default() };
                MetricsData { resource_metrics: vec![resource] }.encode_to_vec()
            }
        };
        from_otlp(self.signal, bytes)
    }

    fn record(&self, i: usize) -> LogRecord {
        LogRecord {
            time_unix_nano: EPOCH_NANOS + i as u64,
            severity_number: 9,
            severity_text: "INFO".into(),
            body: Some(any(&self.text(i))),
            attributes: vec![text("log.iostream", "stdout")],
            ..LogRecord::default()
        }
    }

    fn span(&self, i: usize) -> Span {
        let mut trace_id = vec![1; 8];
        trace_id.extend((i as u64).to_be_bytes());
        Span {
            trace_id,
            span_id: (i as u64 + 1).to_be_bytes().to_vec(),
            name: self.text(i),
            start_time_unix_nano: EPOCH_NANOS + i as u64,
            end_time_unix_nano: EPOCH_NANOS + i as u64 + 1_000,
            ..Span::default()
        }
    }

    fn gauge(&self, numbers: std::ops::Range<usize>) -> Metric {
        let point = |i: usize| NumberDataPoint {
            time_unix_nano: EPOCH_NANOS + i as u64,
            attributes: vec![text("text", &self.text(i))],
            value: Some(number_data_point::Value::AsInt(i as i64)),
            ..NumberDataPoint::default()
        };
        let data = Some(metric::Data::Gauge(Gauge { data_points: numbers.map(point).collect() }));
        Metric { name: "test".into(), unit: "1".into(), data, ..Metric::default() }
    }

    /// The number, then filler up to the wanted length.
    fn text(&self, i: usize) -> String {
        let mut text = format!("{i} ");
        while text.len() < self.text_bytes {
            text.push((b'a' + (text.len() % 26) as u8) as char);
        }
        text
    }
}

fn any(text: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text.to_owned())) }
}

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.into(), value: Some(any(value)), ..KeyValue::default() }
}

fn from_otlp(signal: Signal, bytes: Vec<u8>) -> Data {
    Data::try_from_otlp(signal, bytes.into(), &Limits::default()).expect("generated data is valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_data_has_the_items_asked_for_and_none_twice() {
        for signal in Signal::ALL {
            let mut generator = Generator::new(signal).text_bytes(300);
            let (first, second) = (generator.next(3), generator.next(3));
            assert_eq!((first.items(), second.items(), first.signal()), (3, 3, signal));
            assert!(3 * 300 <= first.bytes(), "{} bytes", first.bytes());
            assert_ne!(first.to_bytes(), second.to_bytes());
        }
    }
}
