//! Messages made from a seed: every field is sometimes absent, sometimes there, keys repeat.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::*;
use opentelemetry_proto::tonic::logs::v1::*;
use opentelemetry_proto::tonic::metrics::v1::exemplar::Value as ExemplarValue;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data as Kind;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::*;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::*;

/// A small generator of random numbers (xorshift64*), so that a seed is a test case.
pub(super) struct Source(u64);

impl Source {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(super) fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 8
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.bits() as usize % limit
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.chance(60) { Some(make(self)) } else { None }
    }

    fn default_or<T: Default>(&mut self, make: impl FnOnce(&mut Self) -> T) -> T {
        self.maybe(make).unwrap_or_default()
    }

    fn several<T>(&mut self, limit: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(limit + 1)).map(|_| make(self)).collect()
    }

    /// Small numbers mostly, large ones sometimes.
    fn number(&mut self) -> u64 {
        let width = self.below(57);
        self.bits() >> width
    }

    fn double(&mut self) -> f64 {
        self.number() as f64 / 8.0
    }

    pub(super) fn text(&mut self) -> String {
        let length = if self.chance(5) { self.below(300) } else { self.below(12) };
        (0..length).map(|_| ['a', 'k', 'z', '_', '\u{e4}', '\u{20ac}'][self.below(6)]).collect()
    }

    pub(super) fn key(&mut self) -> String {
        ["a", "b", "c", "service.name", "", "http.status"][self.below(6)].to_owned()
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.bits() as u8).collect()
    }

    fn id(&mut self, length: usize) -> Vec<u8> {
        if self.chance(50) { self.bytes(length) } else { Vec::new() }
    }

    pub(super) fn any(&mut self, depth: usize) -> AnyValue {
        let value = match self.below(if depth == 0 { 6 } else { 8 }) {
            0 => None,
            1 => Some(Any::StringValue(self.text())),
            2 => Some(Any::BoolValue(self.chance(50))),
            3 => Some(Any::IntValue(self.number() as i64 * [1, -1][self.below(2)])),
            4 => Some(Any::DoubleValue(self.double())),
            5 => {
                let length = self.below(20);
                Some(Any::BytesValue(self.bytes(length)))
            }
            6 => Some(Any::ArrayValue(ArrayValue {
                values: self.several(3, |it| it.any(depth - 1)),
            })),
            _ => Some(Any::KvlistValue(KeyValueList { values: self.attributes(depth - 1) })),
        };
        AnyValue { value }
    }

    pub(super) fn attributes(&mut self, depth: usize) -> Vec<KeyValue> {
        self.several(4, |it| KeyValue {
            key: it.key(),
            value: it.maybe(|it| it.any(depth)),
            key_strindex: 0,
        })
    }

    pub(super) fn resource(&mut self) -> Resource {
        Resource {
            attributes: self.attributes(2),
            dropped_attributes_count: self.default_or(|it| it.number() as u32),
            entity_refs: self.several(1, |it| EntityRef {
                schema_url: it.text(),
                r#type: it.text(),
                id_keys: it.several(2, Self::text),
                description_keys: it.several(2, Self::text),
            }),
        }
    }

    pub(super) fn scope(&mut self) -> InstrumentationScope {
        InstrumentationScope {
            name: self.default_or(Self::text),
            version: self.default_or(Self::text),
            attributes: self.attributes(1),
            dropped_attributes_count: self.default_or(|it| it.number() as u32),
        }
    }

    pub(super) fn record(&mut self) -> LogRecord {
        LogRecord {
            time_unix_nano: self.default_or(Self::number),
            observed_time_unix_nano: self.default_or(Self::number),
            severity_number: self.default_or(|it| it.below(25) as i32),
            severity_text: self.default_or(Self::text),
            body: self.maybe(|it| it.any(3)),
            attributes: self.attributes(3),
            dropped_attributes_count: self.default_or(|it| it.number() as u32),
            flags: self.default_or(|it| it.number() as u32),
            trace_id: self.id(16),
            span_id: self.id(8),
            event_name: self.default_or(Self::text),
        }
    }

    pub(super) fn logs(&mut self) -> LogsData {
        let resource_logs = self.several(3, |it| ResourceLogs {
            resource: it.maybe(Self::resource),
            scope_logs: it.several(3, |it| ScopeLogs {
                scope: it.maybe(Self::scope),
                log_records: it.several(6, Self::record),
                schema_url: it.default_or(Self::text),
            }),
            schema_url: it.default_or(Self::text),
        });
        LogsData { resource_logs }
    }

    pub(super) fn span(&mut self) -> Span {
        Span {
            trace_id: self.id(16),
            span_id: self.id(8),
            trace_state: self.default_or(Self::text),
            parent_span_id: self.id(8),
            flags: self.default_or(|it| it.number() as u32),
            name: self.default_or(Self::text),
            kind: self.default_or(|it| it.below(6) as i32),
            start_time_unix_nano: self.default_or(Self::number),
            end_time_unix_nano: self.default_or(Self::number),
            attributes: self.attributes(2),
            dropped_attributes_count: self.default_or(|it| it.number() as u32),
            events: self.several(2, |it| Event {
                time_unix_nano: it.default_or(Self::number),
                name: it.default_or(Self::text),
                attributes: it.attributes(1),
                dropped_attributes_count: it.default_or(|it| it.number() as u32),
            }),
            dropped_events_count: self.default_or(|it| it.number() as u32),
            links: self.several(2, |it| Link {
                trace_id: it.id(16),
                span_id: it.id(8),
                trace_state: it.default_or(Self::text),
                attributes: it.attributes(1),
                dropped_attributes_count: it.default_or(|it| it.number() as u32),
                flags: it.default_or(|it| it.number() as u32),
            }),
            dropped_links_count: self.default_or(|it| it.number() as u32),
            status: self.maybe(|it| Status {
                message: it.default_or(Self::text),
                code: it.below(3) as i32,
            }),
        }
    }

    pub(super) fn traces(&mut self) -> TracesData {
        let resource_spans = self.several(3, |it| ResourceSpans {
            resource: it.maybe(Self::resource),
            scope_spans: it.several(3, |it| ScopeSpans {
                scope: it.maybe(Self::scope),
                spans: it.several(5, Self::span),
                schema_url: it.default_or(Self::text),
            }),
            schema_url: it.default_or(Self::text),
        });
        TracesData { resource_spans }
    }

    fn exemplars(&mut self) -> Vec<Exemplar> {
        self.several(2, |it| Exemplar {
            filtered_attributes: it.attributes(1),
            time_unix_nano: it.default_or(Self::number),
            span_id: it.id(8),
            trace_id: it.id(16),
            value: it.maybe(|it| {
                if it.chance(50) {
                    ExemplarValue::AsInt(it.number() as i64)
                } else {
                    ExemplarValue::AsDouble(it.double())
                }
            }),
        })
    }

    fn number_point(&mut self) -> NumberDataPoint {
        NumberDataPoint {
            attributes: self.attributes(1),
            start_time_unix_nano: self.default_or(Self::number),
            time_unix_nano: self.default_or(Self::number),
            exemplars: self.exemplars(),
            flags: self.default_or(|it| it.below(2) as u32),
            value: self.maybe(|it| {
                if it.chance(50) {
                    Number::AsInt(-(it.number() as i64))
                } else {
                    Number::AsDouble(it.double())
                }
            }),
        }
    }

    fn histogram_point(&mut self) -> HistogramDataPoint {
        HistogramDataPoint {
            attributes: self.attributes(1),
            start_time_unix_nano: self.default_or(Self::number),
            time_unix_nano: self.default_or(Self::number),
            count: self.default_or(Self::number),
            sum: self.maybe(Self::double),
            bucket_counts: self.several(4, Self::number),
            explicit_bounds: self.several(4, Self::double),
            exemplars: self.exemplars(),
            flags: self.default_or(|it| it.below(2) as u32),
            min: self.maybe(Self::double),
            max: self.maybe(Self::double),
        }
    }

    fn buckets(&mut self) -> Buckets {
        Buckets {
            offset: self.below(100) as i32 - 50,
            bucket_counts: self.several(4, Self::number),
        }
    }

    fn exponential_point(&mut self) -> ExponentialHistogramDataPoint {
        ExponentialHistogramDataPoint {
            attributes: self.attributes(1),
            start_time_unix_nano: self.default_or(Self::number),
            time_unix_nano: self.default_or(Self::number),
            count: self.default_or(Self::number),
            sum: self.maybe(Self::double),
            scale: self.below(40) as i32 - 20,
            zero_count: self.default_or(Self::number),
            positive: self.maybe(Self::buckets),
            negative: self.maybe(Self::buckets),
            flags: self.default_or(|it| it.below(2) as u32),
            exemplars: self.exemplars(),
            min: self.maybe(Self::double),
            max: self.maybe(Self::double),
            zero_threshold: self.default_or(Self::double),
        }
    }

    fn summary_point(&mut self) -> SummaryDataPoint {
        SummaryDataPoint {
            attributes: self.attributes(1),
            start_time_unix_nano: self.default_or(Self::number),
            time_unix_nano: self.default_or(Self::number),
            count: self.default_or(Self::number),
            sum: self.default_or(Self::double),
            quantile_values: self
                .several(3, |it| ValueAtQuantile { quantile: it.double(), value: it.double() }),
            flags: self.default_or(|it| it.below(2) as u32),
        }
    }

    fn kind(&mut self) -> Kind {
        let aggregation_temporality = self.below(3) as i32;
        match self.below(5) {
            0 => Kind::Gauge(Gauge { data_points: self.several(5, Self::number_point) }),
            1 => Kind::Sum(Sum {
                data_points: self.several(5, Self::number_point),
                aggregation_temporality,
                is_monotonic: self.chance(50),
            }),
            2 => Kind::Histogram(Histogram {
                data_points: self.several(5, Self::histogram_point),
                aggregation_temporality,
            }),
            3 => Kind::ExponentialHistogram(ExponentialHistogram {
                data_points: self.several(5, Self::exponential_point),
                aggregation_temporality,
            }),
            _ => Kind::Summary(Summary { data_points: self.several(5, Self::summary_point) }),
        }
    }

    pub(super) fn metric(&mut self) -> Metric {
        Metric {
            name: self.default_or(Self::text),
            description: self.default_or(Self::text),
            unit: self.default_or(Self::text),
            metadata: self.attributes(1),
            data: self.maybe(Self::kind),
        }
    }

    pub(super) fn metrics(&mut self) -> MetricsData {
        let resource_metrics = self.several(3, |it| ResourceMetrics {
            resource: it.maybe(Self::resource),
            scope_metrics: it.several(3, |it| ScopeMetrics {
                scope: it.maybe(Self::scope),
                metrics: it.several(4, Self::metric),
                schema_url: it.default_or(Self::text),
            }),
            schema_url: it.default_or(Self::text),
        });
        MetricsData { resource_metrics }
    }
}
