//! Own log lines as OTLP: `service: telemetry: logs: processors:`.

use std::sync::Arc;

use component::{BuildInfo, Data, Signal};
use pdata::{LogsBuilder, RecordWriter};
use tracing::Level;

use super::periodic::nanos;
use super::resource::{Resource, attributes};
use super::sender::{ProcessorConfig, Sender};
use crate::registry::Registry;
use crate::telemetry::logging::tap::{Line, Queues};

/// Longest time that a line waits in a batch, in milliseconds. otelconf's default.
const DELAY_MILLIS: i64 = 1_000;

/// Queues for lines and what sends them.
pub(super) fn lines(
    processors: &[ProcessorConfig],
    registry: &Registry,
    build: &BuildInfo,
    resource: &Resource,
) -> Result<(Queues, Vec<Sender<Line>>), String> {
    let (mut queues, mut senders) = (Vec::new(), Vec::new());
    for processor in processors {
        let resource = resource.clone();
        let encode = move |lines: &[Line]| request(lines, &resource);
        let around = (registry, build);
        let (queue, sender) = Sender::new(processor, Signal::Logs, DELAY_MILLIS, around, encode)?;
        queues.push(queue);
        senders.push(sender);
    }
    Ok((Arc::new(queues), senders))
}

fn request(lines: &[Line], resource: &Resource) -> Data {
    let mut out = LogsBuilder::new();
    resource.begin(&mut out);
    out.scope(component::meter::OURS, "");
    for line in lines {
        out.record(|record| write(line, record));
    }
    out.finish().into()
}

fn write(line: &Line, record: &mut RecordWriter<'_>) {
    let (number, text) = match line.level {
        Level::ERROR => (17, "error"),
        Level::WARN => (13, "warn"),
        Level::INFO => (9, "info"),
        _ => (5, "debug"),
    };
    record.time_unix_nano(nanos(line.time));
    record.observed_time_unix_nano(nanos(line.time));
    record.severity_number(number);
    record.severity_text(text);
    record.body(&line.message);
    record.attributes(|out| attributes(&line.fields, out));
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use pdata::ValueRef;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_becomes_a_log_record() {
        let fields = json!({"otelcol.component.id": "otlp", "n": 3, "nested": {"a": [1.5, true]}});
        let line = Line {
            time: UNIX_EPOCH,
            level: Level::WARN,
            message: "hello".into(),
            fields: fields.as_object().unwrap().clone(),
        };
        let data = request(&[line], &Resource::default()).into_logs().unwrap();
        let record = data.records().next().unwrap();
        assert_eq!(record.severity_number(), 13);
        assert_eq!(record.body(), Some(ValueRef::Str("hello")));
        assert_eq!(record.attributes().get("n"), Some(ValueRef::Int(3)));
        let nested = record.attributes().get("nested").unwrap();
        assert_eq!(nested.to_string(), r#"{"a":[1.5,true]}"#);
    }
}
