//! Calls that are answered by one message after another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use component::GrpcStatus;
use h2::client::ResponseFuture;
use http::uri::PathAndQuery;

use super::{Broken, Client, failure, grpc_status, http_status, transport};
use crate::frame::{FrameError, Reader};
use rpcstatus::code;

/// What a server sends until it ends the call. The call ends when this is dropped.
pub struct Replies {
    state: State,
    reply_max: usize,
    /// The connection is in use.
    _used: Used,
}

enum State {
    /// The server has said nothing yet; many say nothing before their first message.
    Asked(ResponseFuture),
    Answering(Reader),
    Ended,
}

/// Counts a call for as long as it lives.
struct Used(Arc<AtomicUsize>);

impl Drop for Used {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Client {
    /// A call that is answered by a stream, without credentials. It stays with its connection: when that ends, so does the
    /// stream, and whoever wants more calls again.
    ///
    /// # Errors
    /// There is no connection.
    pub async fn stream(&self, path: &PathAndQuery, request: Bytes) -> Result<Replies, GrpcStatus> {
        let message = self.message([request].as_slice().into()).await?;
        let mut link = self.link.clone();
        let live = self.connection(&mut link).await?;
        live.calls.fetch_add(1, Relaxed);
        let used = Used(Arc::clone(&live.calls));
        let broken = |error: h2::Error| transport(&error);
        let mut send = live.send.ready().await.map_err(broken)?;
        let request = self.request(path, self.headers.clone()).map_err(|it| match it {
            Broken::Sent(status) | Broken::Unsent(status) => status,
        })?;
        let (response, mut body) = send.send_request(request, false).map_err(broken)?;
        // What the server says of a message that it does not take is its answer.
        let _ = body.send_data(message, true);
        Ok(Replies { state: State::Asked(response), reply_max: self.reply_max, _used: used })
    }
}

impl Replies {
    /// The next message; `None` when the server has ended the call as it should.
    ///
    /// # Errors
    /// The status that the server sent, or what is wrong with the connection. There are no more messages then.
    pub async fn next(&mut self) -> Result<Option<Bytes>, GrpcStatus> {
        let next = self.try_next().await;
        if !matches!(next, Ok(Some(_))) {
            self.state = State::Ended;
        }
        next
    }

    async fn try_next(&mut self) -> Result<Option<Bytes>, GrpcStatus> {
        if let State::Asked(response) = &mut self.state {
            let (head, body) = response.await.map_err(|error| transport(&error))?.into_parts();
            if head.status != http::StatusCode::OK {
                return Err(http_status(head.status, &head.headers));
            }
            if let Some(status) = grpc_status(&head.headers) {
                return status.map(|()| None);
            }
            self.state = State::Answering(Reader::new(body, self.reply_max));
        }
        let State::Answering(reader) = &mut self.state else { return Ok(None) };
        if let Some(message) = reader.next().await.map_err(|it| broken(&it))? {
            // Nobody has asked for compression.
            return Ok(Some(if message.compressed { Bytes::new() } else { message.body }));
        }
        let trailers = reader.trailers().await.map_err(|it| broken(&it))?.unwrap_or_default();
        let Some(status) = grpc_status(&trailers) else {
            let text = "server closed the stream without sending trailers";
            return Err(failure(code::INTERNAL, text.into()));
        };
        status.map(|()| None)
    }
}

fn broken(error: &FrameError) -> GrpcStatus {
    match error {
        FrameError::Transport(error) => transport(error),
        FrameError::TooLarge { .. } => failure(code::RESOURCE_EXHAUSTED, error.to_string()),
        other => failure(code::INTERNAL, other.to_string()),
    }
}
