//! Sinks of programs that push over HTTP: snappy around protobuf, one message in each request.

use std::sync::Arc;

use bytes::Bytes;
use compression::{Encoding, decompress};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use ledger::Oracle;
use tokio::net::TcpListener;

use crate::serve::serve;

/// Longest request, before and after decompression, in bytes.
const REQUEST_BYTES_MAX: usize = 64 << 20;

/// What is pushed where.
#[derive(Clone, Copy)]
pub struct Kind {
    pub path: &'static str,
    /// Reads a message and counts what is in it.
    pub count: fn(&[u8], &Oracle) -> anyhow::Result<()>,
}

/// Takes pushes and counts what is in them.
pub async fn run(kind: Kind, listener: TcpListener, oracle: Arc<Oracle>) {
    serve(listener, move |request| {
        let oracle = Arc::clone(&oracle);
        async move { answer(kind, request, &oracle).await }
    })
    .await;
}

async fn answer(kind: Kind, request: Request<Incoming>, oracle: &Oracle) -> Response<Full<Bytes>> {
    let (status, text) = match take(kind, request, oracle).await {
        Ok(()) => (StatusCode::NO_CONTENT, String::new()),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error:#}")),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
}

async fn take(kind: Kind, request: Request<Incoming>, oracle: &Oracle) -> anyhow::Result<()> {
    anyhow::ensure!(request.uri().path() == kind.path, "{} is not {}", request.uri(), kind.path);
    let body = Limited::new(request.into_body(), REQUEST_BYTES_MAX).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
    let body = decompress(Encoding::Snappy, &body, REQUEST_BYTES_MAX)?;
    (kind.count)(&body, oracle)
}
