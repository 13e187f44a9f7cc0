//! Writes any number of answers to one call: each one when the client reads it, and the status behind them.

use std::future::poll_fn;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use component::GrpcStatus;
use futures_util::StreamExt as _;
use h2::SendStream;
use h2::server::SendResponse;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use rpcstatus::{code, escape};
use tokio::time::{Instant, sleep_until};

use super::Answers;
use super::headers::{GRPC, GRPC_MESSAGE, GRPC_STATUS};
use crate::frame;

/// Until when nothing ends for lack of time.
const FAR_AWAY: std::time::Duration = std::time::Duration::from_secs(365 * 24 * 3600);

/// Sends all answers. What is returned is the code at their end, or a status if nothing has been sent, or `None` when
/// the client has gone.
pub(super) async fn send(
    respond: &mut SendResponse<Bytes>,
    request: &HeaderMap,
    (mut answers, end): (Answers, Option<Instant>),
) -> Option<Result<i32, GrpcStatus>> {
    let end = end.unwrap_or_else(|| Instant::now() + FAR_AWAY);
    let first = tokio::select! {
        it = answers.next() => it,
        () = sleep_until(end) => Some(Err(too_late())),
        _ = poll_fn(|cx| respond.poll_reset(cx)) => return None,
    };
    let mut answer = match first {
        Some(Err(status)) => return Some(Err(status)),
        other => other,
    };
    let mut response = Response::new(());
    let content_type = request.get(CONTENT_TYPE).cloned().unwrap_or(GRPC);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    let mut stream = respond.send_response(response, false).ok()?;
    let status = loop {
        match answer {
            None => break None,
            Some(Err(status)) => break Some(status),
            Some(Ok(message)) => {
                let sent = tokio::select! {
                    it = write(&mut stream, &message) => it,
                    () = sleep_until(end) => break Some(too_late()),
                };
                sent?;
            }
        }
        answer = tokio::select! {
            it = answers.next() => it,
            () = sleep_until(end) => Some(Err(too_late())),
            _ = poll_fn(|cx| stream.poll_reset(cx)) => return None,
        };
    };
    let code = status.as_ref().map_or(code::OK, |it| it.code);
    let mut trailers = HeaderMap::with_capacity(2);
    trailers.insert(GRPC_STATUS, HeaderValue::from(code));
    let message = status.map(|it| HeaderValue::from_str(&escape(&it.message)));
    if let Some(Ok(message)) = message {
        trailers.insert(GRPC_MESSAGE, message);
    }
    stream.send_trailers(trailers).ok()?;
    Some(Ok(code))
}

/// One message, as soon as the client has room for it. `None` when it has gone.
async fn write(stream: &mut SendStream<Bytes>, message: &Bytes) -> Option<()> {
    let mut frame = BytesMut::from(&frame::prefix(false, message.len())[..]);
    frame.extend_from_slice(message);
    stream.reserve_capacity(frame.len());
    poll_fn(|cx| {
        loop {
            if stream.capacity() >= frame.len() {
                return Poll::Ready(Some(()));
            }
            if stream.poll_reset(cx).is_ready() {
                return Poll::Ready(None);
            }
            match stream.poll_capacity(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(_) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await?;
    stream.send_data(frame.freeze(), false).ok()
}

fn too_late() -> GrpcStatus {
    let message = "context deadline exceeded".to_owned();
    GrpcStatus { code: code::DEADLINE_EXCEEDED, message, encoded: Bytes::new() }
}
