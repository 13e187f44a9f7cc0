//! What gRPC and HTTP share: bytes become data, data goes to the pipelines, and their answer becomes
//! a gRPC status. Counts what was accepted and refused.

use bytes::Bytes;
use component::meter::{Counter, Descriptor, Level, OURS};
use component::{ConsumeError, Context, Data, GrpcStatus, Outputs, Received, Settings, Signal};
use pdata::{DecodeError, JsonError, Limits, NotUtf8};
use rpcstatus::code;

const REPAIRED: Descriptor = Descriptor {
    scope: OURS,
    level: Level::Basic,
    name: "sluice_receiver_repaired_strings",
    unit: "{string}",
    description: "Strings that were not UTF-8 and got U+FFFD in place of what is not a character.",
};

/// One signal's way in over one transport.
pub(crate) struct Intake {
    pub(crate) signal: Signal,
    limits: Limits,
    out: Outputs,
    received: Received,
    repaired: Counter,
}

impl Intake {
    /// `transport` is `grpc` or `http`.
    pub(crate) fn new(
        settings: &Settings,
        signal: Signal,
        transport: &str,
        not_utf8: NotUtf8,
        out: Outputs,
    ) -> Self {
        let (meter, id) = (&settings.meter, settings.id.as_str());
        let received = Received::new(meter, id, transport, signal);
        let repaired = meter.counter(REPAIRED, &[("receiver", id), ("transport", transport)]);
        Self { signal, limits: Limits { not_utf8, ..Limits::default() }, out, received, repaired }
    }

    /// The telemetry of a request in protobuf.
    pub(crate) fn read(&self, request: Bytes) -> Result<Data, DecodeError> {
        let decoded = Data::decode(self.signal, request, &self.limits)?;
        if decoded.repaired > 0 {
            self.repaired.add(decoded.repaired as u64);
        }
        Ok(decoded.data)
    }

    /// The telemetry of a request in JSON.
    pub(crate) fn read_json(&self, request: &[u8]) -> Result<Data, JsonError> {
        Data::from_json(self.signal, request, &self.limits)
    }

    /// Hands data to the pipelines. Data without items is answered at once.
    pub(crate) async fn consume(&self, ctx: &Context, data: Data) -> Result<(), GrpcStatus> {
        if data.items() == 0 {
            return Ok(());
        }
        let answer = self.received.consume(&self.out, ctx, data).await;
        answer.map_err(|error| to_status(&error))
    }
}

/// The status for the client: the one from further down as it is, else by whether trying again helps.
/// `internal/errors/errors.go` of the OTLP receiver, v0.159.
fn to_status(error: &ConsumeError) -> GrpcStatus {
    let (code, message) = match error.status() {
        Some(status) => (status.code, status.message.clone()),
        None if error.is_permanent() => (code::INTERNAL, error.to_string()),
        None => (code::UNAVAILABLE, error.to_string()),
    };
    let known = error.status().map(|it| &it.encoded[..]).unwrap_or_default();
    let delay = error.retry_after().filter(|_| rpcstatus::retry_delay(known).is_none());
    if delay.is_none() && known.is_empty() {
        return GrpcStatus { code, message, encoded: Bytes::new() };
    }
    let encoded = rpcstatus::restate(known, code, &message, delay);
    GrpcStatus { code, message, encoded }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_error_without_a_status_says_by_its_class_if_trying_again_helps() {
        let status = to_status(&ConsumeError::permanent("bad"));
        assert_eq!((status.code, status.message.as_str()), (13, "Permanent error: bad"));
        let status = to_status(&ConsumeError::retryable("sending queue is full"));
        assert_eq!((status.code, status.message.as_str()), (14, "sending queue is full"));
        assert!(status.encoded.is_empty());
    }

    #[test]
    fn a_status_from_further_down_is_kept() {
        let encoded = rpcstatus::encode(8, "wait", Some(Duration::from_secs(7)));
        let below = GrpcStatus { code: 8, message: "Throttle (7s)".into(), encoded };
        let status = to_status(&ConsumeError::retryable("wait").with_status(below));
        assert_eq!((status.code, status.message.as_str()), (8, "Throttle (7s)"));
        assert_eq!(rpcstatus::decode(&status.encoded), Some((8, "Throttle (7s)".into())));
        assert_eq!(rpcstatus::retry_delay(&status.encoded), Some(Duration::from_secs(7)));
    }

    #[test]
    fn a_delay_becomes_retry_info() {
        let error = ConsumeError::retryable("busy").after(Duration::from_secs(3));
        let status = to_status(&error);
        assert_eq!(rpcstatus::retry_delay(&status.encoded), Some(Duration::from_secs(3)));
    }
}
