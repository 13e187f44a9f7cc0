//! One OTLP request, encoded once; each sending copies it and writes new ledger lines into it. So
//! the load maker is cheap, and every record carries writer, number, time and checksum.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "the numbers of a load are small"
)]

use std::ops::Range;

use bytes::Bytes;
use ledger::Line;
use memchr::memmem;
use pdata::{AttributesWriter, Data, LogsBuilder, MetricsBuilder, Signal, TracesBuilder};

mod spans;

/// How a line looks before it is filled in; the digits' places never move.
const BLANK: &str = "w=00000 seq=000000000000 t=0000000000000000000 len=";
/// From the beginning of a line to its checksum, and to its padding.
const CRC_AT: usize = BLANK.len() + "000000 crc=".len();
const PADDING_AT: usize = CRC_AT + "00000000 ".len();
/// Data points of one metric.
const POINTS_PER_METRIC: usize = 10;

/// What the records of a request look like.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub signal: Signal,
    pub records: usize,
    pub attributes: usize,
    pub seed: u64,
    pub encoding: Encoding,
}

/// How a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Protobuf,
    Json,
    /// Spans only.
    ZipkinJson,
    /// Spans only.
    JaegerThrift,
}

/// An encoded request and where its lines begin.
pub struct Template {
    bytes: Vec<u8>,
    lines: Vec<usize>,
    padding: usize,
}

impl Template {
    pub fn new(shape: Shape) -> Self {
        let padding = match shape.signal {
            Signal::Logs => 270,
            Signal::Traces | Signal::Metrics => 60,
        };
        let mut random = fastrand::Rng::with_seed(shape.seed);
        let mut line = || -> String {
            let words = ledger::padding(&mut random, padding);
            format!("{BLANK}{padding:06} crc=00000000 {words}")
        };
        let mut otlp = || -> Data {
            match shape.signal {
                Signal::Logs => logs(shape, &mut line).into(),
                Signal::Traces => traces(shape, &mut line).into(),
                Signal::Metrics => metrics(shape, &mut line).into(),
            }
        };
        let bytes = match shape.encoding {
            Encoding::Protobuf => otlp().to_bytes().to_vec(),
            Encoding::Json => {
                let mut bytes = Vec::new();
                otlp().to_json(&mut bytes);
                bytes
            }
            Encoding::ZipkinJson => spans::zipkin(shape, &mut line),
            Encoding::JaegerThrift => spans::jaeger(shape, &mut line),
        };
        let lines = memmem::find_iter(&bytes, BLANK).collect();
        Self { bytes, lines, padding }
    }

    /// The request with lines `first`, `first + 1`, ... of `writer`, written now.
    pub fn fill(&self, writer: u32, first: u64) -> Bytes {
        let mut bytes = self.bytes.clone();
        let Line { time, .. } = Line::now(writer, first);
        for (&at, seq) in self.lines.iter().zip(first..) {
            let line = Line { writer, seq, time };
            let text = &mut bytes[at..at + PADDING_AT + self.padding];
            let (head, padding) = text.split_at_mut(PADDING_AT);
            let crc = line.checksum(std::str::from_utf8(padding).unwrap_or_default());
            digits(&mut head[WRITER], u64::from(writer), 10);
            digits(&mut head[SEQ], seq, 10);
            digits(&mut head[TIME], time, 10);
            digits(&mut head[CRC_AT..CRC_AT + 8], u64::from(crc), 16);
        }
        bytes.into()
    }
}

/// Where the digits of a line are.
const WRITER: Range<usize> = 2..7;
const SEQ: Range<usize> = 12..24;
const TIME: Range<usize> = 27..46;

/// Fills `out` with a number, zeros in front.
fn digits(out: &mut [u8], mut number: u64, base: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number % base) as usize];
        number /= base;
    }
}

const EXTRA: [(&str, &str); 3] = [
    ("http.request.method", "GET"),
    ("http.route", "/api/v1/orders/{id}"),
    ("server.address", "checkout.shop.svc"),
];
const RESOURCE: [(&str, &str); 3] = [
    ("service.name", "checkout"),
    ("service.version", "1.14.2"),
    ("k8s.pod.name", "checkout-6c5f8d9b7-x2x9z"),
];
/// Of the records themselves; the ledger has the time that counts.
const RECORD_TIME: u64 = 1_795_337_709_623_000_000;

/// `attributes` pairs: first the well-known ones, then numbered ones.
fn attributes(count: usize) -> impl Iterator<Item = (String, String)> {
    let known = EXTRA.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
    known.chain((0..).map(|at| (format!("app.attribute.{at}"), format!("value-{at}")))).take(count)
}

fn logs(shape: Shape, line: &mut dyn FnMut() -> String) -> pdata::Logs {
    let mut builder = LogsBuilder::new();
    builder.resource(|it| RESOURCE.iter().for_each(|(key, value)| it.put(key, *value)));
    builder.scope("bench", "1");
    for at in 0..shape.records {
        builder.record(|it| {
            it.time_unix_nano(RECORD_TIME);
            // Half of them go where a pipeline drops what is below INFO.
            it.severity_number(if at % 2 == 0 { 9 } else { 5 });
            it.severity_text(if at % 2 == 0 { "INFO" } else { "DEBUG" });
            it.body(line().as_str());
            for (key, value) in attributes(shape.attributes) {
                it.attribute(&key, value.as_str());
            }
            // The fields stand in the order of their numbers, as all encoders of OTLP write them.
            it.observed_time_unix_nano(RECORD_TIME);
        });
    }
    builder.finish()
}

/// The line and the attributes of a span or point.
fn put_all(shape: Shape, line: &mut dyn FnMut() -> String, out: &mut AttributesWriter<'_>) {
    out.put("ledger", line().as_str());
    attributes(shape.attributes).for_each(|(key, value)| out.put(&key, value.as_str()));
}

fn traces(shape: Shape, line: &mut dyn FnMut() -> String) -> pdata::Traces {
    let mut random = fastrand::Rng::with_seed(shape.seed);
    let mut builder = TracesBuilder::new();
    builder.resource(|it| RESOURCE.iter().for_each(|(key, value)| it.put(key, *value)));
    for _ in 0..shape.records {
        builder.span(|it| {
            it.trace_id(&random.u128(..).to_be_bytes());
            it.span_id(&random.u64(..).to_be_bytes());
            it.parent_span_id(&random.u64(..).to_be_bytes());
            it.name("GET /api/v1/orders/{id}");
            it.kind(2);
            it.start_time_unix_nano(RECORD_TIME);
            it.end_time_unix_nano(RECORD_TIME + 1_234_567);
            it.attributes(|out| put_all(shape, line, out));
        });
    }
    builder.finish()
}

fn metrics(shape: Shape, line: &mut dyn FnMut() -> String) -> pdata::Metrics {
    let mut builder = MetricsBuilder::new();
    builder.resource(|it| RESOURCE.iter().for_each(|(key, value)| it.put(key, *value)));
    for at in 0..shape.records.div_ceil(POINTS_PER_METRIC) {
        let first = at * POINTS_PER_METRIC;
        builder.metric(|it| {
            it.name(&format!("http.server.requests.{at}"));
            it.unit("{request}");
            it.sum(2, true, |points| {
                for at in first..shape.records.min(first + POINTS_PER_METRIC) {
                    points.point(|it| {
                        it.attributes(|out| put_all(shape, line, out));
                        it.start_time_unix_nano(RECORD_TIME);
                        it.time_unix_nano(RECORD_TIME + 60_000_000_000);
                        it.int(at as i64);
                    });
                }
            });
        });
    }
    builder.finish()
}

#[cfg(test)]
mod tests {
    use ledger::Oracle;
    use pdata::Limits;

    use super::*;

    #[test]
    fn every_record_of_every_signal_and_encoding_carries_a_line_that_checks() {
        for signal in Signal::ALL {
            for encoding in [Encoding::Protobuf, Encoding::Json] {
                let shape = Shape { signal, records: 25, attributes: 5, seed: 7, encoding };
                let bytes = Template::new(shape).fill(3, 100);
                let limits = Limits::default();
                let data = if encoding == Encoding::Json {
                    Data::from_json(signal, &bytes, &limits).unwrap()
                } else {
                    Data::try_from_otlp(signal, bytes, &limits).unwrap()
                };
                let oracle = Oracle::default();
                oracle.count(&data);
                let tally = oracle.tally();
                assert_eq!((tally.delivered, tally.torn, tally.foreign), (25, 0, 0), "{signal}");
                assert_eq!(oracle.missing(3, 125, 200).len(), 100);
            }
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_bytes() {
        let shape = Shape {
            signal: Signal::Logs,
            records: 5,
            attributes: 3,
            seed: 1,
            encoding: Encoding::Protobuf,
        };
        let other = Shape { seed: 2, ..shape };
        assert_eq!(Template::new(shape).bytes, Template::new(shape).bytes);
        assert_ne!(Template::new(shape).bytes, Template::new(other).bytes);
    }
}
