//! What OTLP's transports share: paths, the partial success in an answer, and errors that are relayed.
//! `opentelemetry-proto` 1.7; the three answers differ in names only, so one message reads them all.

use std::time::Duration;

use component::meter::{Counter, Descriptor, Level, OURS};
use component::{ConsumeError, ExporterSettings, GrpcStatus, LostReason, Signal};
use http::uri::PathAndQuery;
use prost::Message as _;
use rpcstatus::code_name;

/// Where gRPC exports a signal.
pub fn grpc_path(signal: Signal) -> PathAndQuery {
    PathAndQuery::from_static(match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    })
}

/// Where HTTP exports a signal, below the base URL.
pub const fn http_path(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/v1/traces",
        Signal::Metrics => "/v1/metrics",
        Signal::Logs => "/v1/logs",
    }
}

/// The error of a request that a backend answered with `status`, or with what amounts to it. A client
/// that speaks OTLP sees the status with the text that upstream would give it.
pub fn refused(status: GrpcStatus, retryable: bool, delay: Option<Duration>) -> ConsumeError {
    let text = format!("rpc error: code = {} desc = {}", code_name(status.code), status.message);
    match (retryable, delay.filter(|it| !it.is_zero())) {
        (false, _) => {
            let message = format!("Permanent error: {text}");
            ConsumeError::permanent(text).with_status(GrpcStatus { message, ..status })
        }
        (true, None) => ConsumeError::retryable(text).with_status(status),
        (true, Some(delay)) => {
            let wait = component::config::Duration::of(delay);
            let text = format!("Throttle ({wait}), error: {text}");
            let status = GrpcStatus { message: text.clone(), ..status };
            ConsumeError::retryable(text).after(delay).with_status(status)
        }
    }
}

/// What a backend says about data that it did not keep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartialSuccess {
    /// Spans, data points or log records that it refused.
    pub rejected: i64,
    /// Why, or a warning when nothing was refused.
    pub message: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Answer {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<AnswerPart>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AnswerPart {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    message: String,
}

impl PartialSuccess {
    /// Reads an `Export...ServiceResponse`; `None` when everything was kept.
    ///
    /// # Errors
    /// When it is no protobuf.
    pub fn decode(answer: &[u8]) -> Result<Option<Self>, String> {
        let answer = Answer::decode(answer).map_err(|error| error.to_string())?;
        let part = answer.partial_success.unwrap_or_default();
        Ok(Self { rejected: part.rejected, message: part.message }.if_any())
    }

    /// Reads the same in JSON.
    ///
    /// # Errors
    /// When it is no JSON.
    pub fn from_json(answer: &[u8]) -> Result<Option<Self>, String> {
        let answer: serde_json::Value =
            serde_json::from_slice(answer).map_err(|error| error.to_string())?;
        let get = |camel: &str, snake: &str| {
            let part = answer.get("partialSuccess").or_else(|| answer.get("partial_success"))?;
            part.get(camel).or_else(|| part.get(snake))
        };
        let rejected = [
            ("rejectedSpans", "rejected_spans"),
            ("rejectedDataPoints", "rejected_data_points"),
            ("rejectedLogRecords", "rejected_log_records"),
        ];
        let rejected = rejected.into_iter().find_map(|(camel, snake)| get(camel, snake));
        // 64-bit integers are text in proto3 JSON.
        let rejected = rejected.and_then(|it| it.as_i64().or_else(|| it.as_str()?.parse().ok()));
        let message = get("errorMessage", "error_message").and_then(|it| it.as_str());
        let message = message.unwrap_or_default().to_owned();
        Ok(Self { rejected: rejected.unwrap_or(0), message }.if_any())
    }

    fn if_any(self) -> Option<Self> {
        (self.rejected > 0 || !self.message.is_empty()).then_some(self)
    }
}

const REJECTED: Descriptor = Descriptor {
    scope: OURS,
    level: Level::Basic,
    name: "sluice_exporter_partial_success_rejected",
    unit: "{item}",
    description: "Spans, data points or log records that the backend refused in an answer of success.",
};

/// Tells the operator about partial successes of one exporter.
#[derive(Debug)]
pub struct Reporter {
    signal: Signal,
    rejected: Counter,
    lost: Counter,
}

impl Reporter {
    /// For one exporter.
    pub fn new(settings: &ExporterSettings) -> Self {
        let signal = settings.signal;
        let attributes = [("exporter", settings.id.as_str()), ("signal", signal.name())];
        let meter = &settings.meter;
        let lost = LostReason::RejectedByBackend.counter(meter);
        Self { signal, rejected: meter.counter(REJECTED, &attributes), lost }
    }

    /// Warns and counts what of `items` the backend refused. The data is not sent again: the backend said that
    /// this cannot help.
    pub fn report(&self, partial: &PartialSuccess, items: usize) {
        let PartialSuccess { rejected, message: error_message } = partial;
        // A backend may claim anything; more than was sent it did not refuse.
        let refused = u64::try_from(*rejected).unwrap_or(0).min(items as u64);
        self.rejected.add(refused);
        self.lost.add(refused);
        let text = "Partial success response";
        match self.signal {
            Signal::Traces => tracing::warn!(error_message, dropped_spans = rejected, "{text}"),
            Signal::Metrics => {
                tracing::warn!(error_message, dropped_data_points = rejected, "{text}");
            }
            Signal::Logs => tracing::warn!(error_message, dropped_log_records = rejected, "{text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> PartialSuccess {
        PartialSuccess { rejected: 2, message: "bad".into() }
    }

    #[test]
    fn protobuf_answers_are_read() {
        assert_eq!(PartialSuccess::decode(b"\x0a\x07\x08\x02\x12\x03bad"), Ok(Some(two())));
        assert_eq!(PartialSuccess::decode(b"\x0a\x00"), Ok(None));
        assert_eq!(PartialSuccess::decode(b""), Ok(None));
        assert!(PartialSuccess::decode(b"\x0a\x07").is_err());
    }

    #[test]
    fn json_answers_are_read() {
        let read = |text: &str| PartialSuccess::from_json(text.as_bytes());
        let text = r#"{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"bad"}}"#;
        assert_eq!(read(text), Ok(Some(two())));
        let text = r#"{"partial_success":{"rejected_spans":2,"error_message":"bad"}}"#;
        assert_eq!(read(text), Ok(Some(two())));
        assert_eq!(read(r#"{"partialSuccess":{}}"#), Ok(None));
        assert_eq!(read("{}"), Ok(None));
        assert!(read("").is_err());
    }
}
