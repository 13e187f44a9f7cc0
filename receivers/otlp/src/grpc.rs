//! The three `Export` methods.

use std::sync::Arc;

use bytes::Bytes;
use component::{Context, GrpcStatus, Signal, async_trait};
use configgrpc::server::{Route, Unary};
use rpcstatus::code;

use crate::intake::Intake;

/// `Export*ServiceResponse` with an empty `partial_success`, as the Collector answers.
pub(crate) const ANSWER: &[u8] = &[0x0a, 0x00];

/// `Export` of one signal.
pub(crate) struct Export {
    intake: Intake,
}

/// The method that takes the signal of `intake`.
pub(crate) fn route(intake: Intake) -> Route {
    let service = match intake.signal {
        Signal::Traces => "opentelemetry.proto.collector.trace.v1.TraceService",
        Signal::Metrics => "opentelemetry.proto.collector.metrics.v1.MetricsService",
        Signal::Logs => "opentelemetry.proto.collector.logs.v1.LogsService",
    };
    let handler = Arc::new(Export { intake });
    Route { service, method: "Export", answer: ANSWER, handler }
}

#[async_trait]
impl Unary for Export {
    async fn call(&self, ctx: &Context, message: Bytes) -> Result<(), GrpcStatus> {
        let data = self.intake.read(message).map_err(|error| {
            let (code, why) = if error.not_utf8 {
                (code::INVALID_ARGUMENT, error.to_string())
            } else {
                (code::INTERNAL, error.reason)
            };
            let message = format!("grpc: error unmarshalling request: {why}");
            GrpcStatus { code, message, encoded: Bytes::new() }
        })?;
        self.intake.consume(ctx, data).await
    }
}
