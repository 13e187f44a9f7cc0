//! Events as log records. `splunk_to_logdata.go`, v0.149.

use component::Data;
use pdata::{AttributesWriter, LogsBuilder, ValueWriter};
use serde_json::Value as Json;

use crate::config::Splitting;
use crate::event::{Event, Metadata, grouped};

/// What a request says of the resources of its telemetry.
pub(crate) struct Around<'a> {
    pub(crate) names: &'a hec::Metadata,
    pub(crate) token: Option<&'a str>,
}

impl Around<'_> {
    pub(crate) fn resource(&self, metadata: &Metadata, out: &mut AttributesWriter<'_>) {
        let hec::Metadata { host, source, sourcetype, index } = self.names;
        for (name, value) in [host, source, sourcetype, index].into_iter().zip(metadata) {
            if !value.is_empty() {
                out.put(name, value);
            }
        }
        if let Some(token) = self.token {
            out.put(hec::TOKEN, token);
        }
    }
}

pub(crate) fn logs(events: Vec<Event>, around: &Around<'_>) -> Data {
    let mut builder = LogsBuilder::new();
    for (metadata, events) in grouped(events) {
        builder.resource(|out| around.resource(&metadata, out));
        for event in &events {
            builder.record(|record| {
                record.time_unix_nano(event.time_unix_nano);
                record.body_with(|out| write(&event.body, out));
                record.attributes(|out| {
                    for (name, value) in &event.fields {
                        out.value(name, |out| write(value, out));
                    }
                });
            });
        }
    }
    builder.finish().into()
}

/// Numbers are floating point numbers, and members are sorted by their keys, as upstream. The parser limits the depth.
fn write(value: &Json, out: &mut ValueWriter<'_>) {
    match value {
        Json::Null => {}
        Json::Bool(it) => out.put(*it),
        Json::Number(it) => out.put(it.as_f64().unwrap_or_default()),
        Json::String(it) => out.put(it),
        Json::Array(items) => out.array(|out| {
            items.iter().for_each(|it| out.value(|out| write(it, out)));
        }),
        Json::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|it| it.0);
            out.map(|out| {
                members.iter().for_each(|(key, it)| out.value(key, |out| write(it, out)));
            });
        }
    }
}

/// Raw events, which have their metadata in common.
pub(crate) fn raw(
    body: &[u8],
    splitting: Splitting,
    (metadata, time_unix_nano): (&Metadata, u64),
    around: &Around<'_>,
) -> Data {
    let text = String::from_utf8_lossy(body);
    let mut builder = LogsBuilder::new();
    builder.resource(|out| around.resource(metadata, out));
    let mut record = |text: &str| {
        builder.record(|record| {
            record.time_unix_nano(time_unix_nano);
            record.body(text);
        });
    };
    match splitting {
        Splitting::Line => text.lines().for_each(record),
        Splitting::None => record(&text),
    }
    builder.finish().into()
}
