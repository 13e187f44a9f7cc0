//! Telemetry from a file: OTLP/JSON requests, or a single log record.

use pdata::{Data, Limits, Signal};
use serde_json::{Value, json};

use crate::commands::reading;

/// Largest input, in bytes.
const INPUT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Reads a file; `-` is standard input.
///
/// # Errors
/// It cannot be read, or what is in it is no telemetry.
pub fn read(file: &str) -> Result<Vec<Data>, String> {
    let text = reading::text(file, INPUT_BYTES_MAX)?;
    parse(&text).map_err(|error| format!("{file}: {error}"))
}

/// The requests in a text: values of JSON one after another, as the file exporter writes them.
pub(super) fn parse(text: &str) -> Result<Vec<Data>, String> {
    let mut all = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        all.push(request(value.map_err(|error| error.to_string())?)?);
    }
    if all.is_empty() {
        return Err("there is no telemetry in it: give OTLP/JSON, for example \
                    {\"body\": {\"stringValue\": \"text\"}}"
            .to_owned());
    }
    Ok(all)
}

fn request(value: Value) -> Result<Data, String> {
    let signal = [
        ("resourceLogs", Signal::Logs),
        ("resourceSpans", Signal::Traces),
        ("resourceMetrics", Signal::Metrics),
    ]
    .into_iter()
    .find(|(key, _)| value.get(key).is_some());
    let (signal, value) = match signal {
        Some((_, signal)) => (signal, value),
        // A record alone is enough to try a statement on.
        None => (Signal::Logs, json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [value]}]}]})),
    };
    let text = value.to_string();
    Data::from_json(signal, text.as_bytes(), &Limits::default()).map_err(|error| error.to_string())
}
