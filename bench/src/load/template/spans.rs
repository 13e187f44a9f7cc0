//! Spans as tracers send them that do not know OTLP.

#![expect(clippy::cast_possible_truncation, reason = "the numbers of a load are small")]

use serde_json::json;

use super::{RECORD_TIME, RESOURCE, Shape, attributes};

/// Of each span, in microseconds, as both formats have it.
const START_MICROS: u64 = RECORD_TIME / 1000;
const DURATION_MICROS: u64 = 1234;
const NAME: &str = "GET /api/v1/orders/{id}";

/// The line and the attributes of a span.
fn tags(shape: Shape, line: &mut dyn FnMut() -> String) -> Vec<(String, String)> {
    let ledger = ("ledger".to_owned(), line());
    std::iter::once(ledger).chain(attributes(shape.attributes)).collect()
}

/// `POST /api/v2/spans` of Zipkin.
pub fn zipkin(shape: Shape, line: &mut dyn FnMut() -> String) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(shape.seed);
    let service = RESOURCE[0].1;
    let spans = (0..shape.records).map(|_| {
        let tags: serde_json::Map<_, _> =
            tags(shape, line).into_iter().map(|(key, it)| (key, it.into())).collect();
        json!({
            "traceId": format!("{:032x}", random.u128(..)),
            "id": format!("{:016x}", random.u64(..)),
            "parentId": format!("{:016x}", random.u64(..)),
            "name": NAME,
            "kind": "SERVER",
            "timestamp": START_MICROS,
            "duration": DURATION_MICROS,
            "localEndpoint": {"serviceName": service},
            "tags": tags,
        })
    });
    spans.collect::<serde_json::Value>().to_string().into_bytes()
}

/// Types of Thrift's binary protocol.
const I32: u8 = 8;
const I64: u8 = 10;
const STRING: u8 = 11;
const STRUCT: u8 = 12;
const LIST: u8 = 15;

/// A struct of Thrift that is being written: each field has a type and a number, and a zero ends it.
struct Thrift(Vec<u8>);

impl Thrift {
    fn field(&mut self, kind: u8, number: i16) {
        self.0.push(kind);
        self.0.extend(number.to_be_bytes());
    }

    fn i64(&mut self, number: i16, value: u64) {
        self.field(I64, number);
        self.0.extend(value.to_be_bytes());
    }

    fn text(&mut self, number: i16, text: &str) {
        self.field(STRING, number);
        self.0.extend((text.len() as u32).to_be_bytes());
        self.0.extend(text.as_bytes());
    }

    fn list(&mut self, number: i16, count: usize) {
        self.field(LIST, number);
        self.0.push(STRUCT);
        self.0.extend((count as u32).to_be_bytes());
    }

    fn tags(&mut self, number: i16, tags: &[(String, String)]) {
        self.list(number, tags.len());
        for (key, value) in tags {
            self.text(1, key);
            // TagType STRING.
            self.field(I32, 2);
            self.0.extend([0; 4]);
            self.text(3, value);
            self.end();
        }
    }

    fn end(&mut self) {
        self.0.push(0);
    }
}

/// `POST /api/traces` of Jaeger: a `Batch` of `jaeger.thrift`.
pub fn jaeger(shape: Shape, line: &mut dyn FnMut() -> String) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(shape.seed);
    let mut out = Thrift(Vec::new());
    out.field(STRUCT, 1);
    out.text(1, RESOURCE[0].1);
    let process = RESOURCE[1..].iter().map(|(key, it)| ((*key).to_owned(), (*it).to_owned()));
    out.tags(2, &process.collect::<Vec<_>>());
    out.end();
    out.list(2, shape.records);
    for _ in 0..shape.records {
        for id in 1..=4 {
            out.i64(id, random.u64(..));
        }
        out.text(5, NAME);
        out.field(I32, 7);
        out.0.extend(1_u32.to_be_bytes());
        out.i64(8, START_MICROS);
        out.i64(9, DURATION_MICROS);
        out.tags(10, &tags(shape, line));
        out.end();
    }
    out.end();
    out.0
}
