//! Own log lines as OTLP: `service: telemetry: logs: processors:`.

use std::sync::Arc;

use component::{BuildInfo, Signal};
use serde_json::{Value as Json, json};
use tracing::Level;

use super::periodic::nanos;
use super::resource::{Resource, any};
use super::sender::{ProcessorConfig, Sender};
use crate::logging::tap::{Line, Queues};
use crate::registry::Registry;

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

fn request(lines: &[Line], resource: &Resource) -> Json {
    let records: Vec<Json> = lines.iter().map(record).collect();
    let scope = json!({"scope": {"name": component::meter::OURS}, "logRecords": records});
    resource.request("resourceLogs", "scopeLogs", vec![scope])
}

fn record(line: &Line) -> Json {
    let (number, text) = match line.level {
        Level::ERROR => (17, "error"),
        Level::WARN => (13, "warn"),
        Level::INFO => (9, "info"),
        _ => (5, "debug"),
    };
    let fields = line.fields.iter().map(|(k, v)| json!({"key": k, "value": any(v)}));
    json!({
        "timeUnixNano": nanos(line.time),
        "observedTimeUnixNano": nanos(line.time),
        "severityNumber": number,
        "severityText": text,
        "body": {"stringValue": line.message},
        "attributes": fields.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

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
        let request = request(&[line], &Resource::default());
        let record = &request["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
        assert_eq!(record["severityNumber"], 13);
        assert_eq!(record["body"]["stringValue"], "hello");
        let text = request.to_string();
        let data =
            component::Data::from_json(Signal::Logs, text.as_bytes(), &pdata::Limits::default());
        assert_eq!(data.unwrap().items(), 1);
    }
}
