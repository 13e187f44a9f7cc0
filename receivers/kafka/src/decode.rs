//! Values of records as telemetry.

use bytes::Bytes;
use component::{Data, Signal};
use kafka::Record;
use pdata::{Depth, Field, Keep, Limits, LogsBuilder};

use crate::config::{Encoding, HeaderExtraction};

/// Telemetry that is handed on at once, in bytes: records are joined up to it.
const CHUNK_BYTES: usize = 1 << 20;

/// Telemetry of some records, and the offset after them.
pub(crate) struct Chunk {
    pub(crate) data: Option<Data>,
    pub(crate) next: i64,
}

/// What the values of a topic are.
#[derive(Debug, Clone)]
pub(crate) struct Decoder {
    pub(crate) signal: Signal,
    pub(crate) encoding: Encoding,
    pub(crate) headers: HeaderExtraction,
}

impl Decoder {
    /// Joins records; what cannot be read is given beside them.
    pub(crate) fn chunks(&self, records: &[Record]) -> (Vec<Chunk>, Vec<String>) {
        let (mut chunks, mut wrong) = (Vec::new(), Vec::new());
        let (mut parts, mut bytes) = (Vec::new(), 0);
        let mut next = 0;
        let mut bodies = Vec::new();
        for record in records {
            next = record.offset + 1;
            bytes += record.value.len();
            if self.joins_bodies() {
                bodies.push(record);
            } else {
                match self.decode(record.value.clone()) {
                    Ok(data) => parts.push(self.with_headers(data, record)),
                    Err(why) => wrong.push(format!("offset {}: {why}", record.offset)),
                }
            }
            if bytes >= CHUNK_BYTES {
                parts.extend(self.bodies(&mut bodies));
                chunks.push(Chunk { data: Data::concat(std::mem::take(&mut parts)), next });
                bytes = 0;
            }
        }
        if bytes > 0 || next > 0 {
            parts.extend(self.bodies(&mut bodies));
            chunks.push(Chunk { data: Data::concat(parts), next });
        }
        (chunks, wrong)
    }

    /// True if each record is the body of a log record, and nothing has to be told apart.
    fn joins_bodies(&self) -> bool {
        matches!(self.encoding, Encoding::Raw | Encoding::Text) && !self.headers.extract_headers
    }

    fn bodies(&self, records: &mut Vec<&Record>) -> Option<Data> {
        let records = std::mem::take(records);
        (!records.is_empty()).then(|| self.logs(records.into_iter()))
    }

    fn logs<'a>(&self, records: impl Iterator<Item = &'a Record>) -> Data {
        let mut builder = LogsBuilder::new();
        let now = component::clock::unix_nanos();
        for record in records {
            builder.record(|out| {
                out.observed_time_unix_nano(now);
                match self.encoding {
                    Encoding::Raw => out.body(pdata::Value::Bytes(&record.value)),
                    _ => out.body(&*String::from_utf8_lossy(&record.value)),
                }
            });
        }
        builder.finish().into()
    }

    fn decode(&self, value: Bytes) -> Result<Data, String> {
        let limits = Limits::default();
        match self.encoding {
            Encoding::OtlpProto => {
                Data::try_from_otlp(self.signal, value, &limits).map_err(|why| why.to_string())
            }
            Encoding::OtlpJson => {
                Data::from_json(self.signal, &value, &limits).map_err(|why| why.to_string())
            }
            Encoding::Raw | Encoding::Text => {
                Ok(self.logs(std::iter::once(&Record { value, ..Record::default() })))
            }
        }
    }

    fn with_headers(&self, data: Data, record: &Record) -> Data {
        let wanted = |name: &str| self.headers.headers.iter().any(|it| it == name);
        let found: Vec<_> = record.headers.iter().filter(|it| wanted(&it.key)).collect();
        if !self.headers.extract_headers || found.is_empty() {
            return data;
        }
        data.edit(Depth::Resource, |place| {
            if let Some(mut attributes) = place.attributes(Field::RESOURCE_ATTRIBUTES) {
                for header in &found {
                    let value = String::from_utf8_lossy(&header.value);
                    attributes.set(&format!("kafka.header.{}", header.key), &*value);
                }
            }
            Keep::Whole
        })
    }
}
