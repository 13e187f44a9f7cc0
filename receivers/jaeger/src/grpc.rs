//! `jaeger.api_v2.CollectorService/PostSpans`.

use std::sync::Arc;

use bytes::Bytes;
use component::{ConsumeError, Context, GrpcStatus, async_trait};
use configgrpc::server::{Route, Unary};
use rpcstatus::code;

use crate::intake::Intake;
use crate::proto;

struct PostSpans {
    intake: Intake,
}

/// The one method of the service.
pub(crate) fn route(intake: Intake) -> Route {
    Route {
        service: "jaeger.api_v2.CollectorService",
        method: "PostSpans",
        answer: &[],
        handler: Arc::new(PostSpans { intake }),
    }
}

#[async_trait]
impl Unary for PostSpans {
    async fn call(&self, ctx: &Context, message: Bytes) -> Result<(), GrpcStatus> {
        let traces = proto::request(&message).map_err(|why| {
            let message = format!("grpc: error unmarshalling request: {why}");
            GrpcStatus { code: code::INTERNAL, message, encoded: Bytes::new() }
        })?;
        // The pipeline may take its time.
        drop(message);
        self.intake.consume(ctx, traces).await.map_err(|error| to_status(&error))
    }
}

/// As upstream a status from further down is kept, and other errors are UNKNOWN; but a client that can try again
/// is told so.
fn to_status(error: &ConsumeError) -> GrpcStatus {
    let (code, message) = match error.status() {
        Some(status) => (status.code, status.message.clone()),
        None if error.is_permanent() => (code::UNKNOWN, error.to_string()),
        None => (code::UNAVAILABLE, error.to_string()),
    };
    GrpcStatus { code, message, encoded: Bytes::new() }
}
