//! What Promtail writes to: Loki's `POST /loki/api/v1/push`, snappy around protobuf, as in
//! `pkg/push/push.proto` of Loki 3.5.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use compression::{Encoding, decompress};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ledger::Oracle;
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const PATH: &str = "/loki/api/v1/push";
/// Longest request, before and after decompression, in bytes.
const REQUEST_BYTES_MAX: usize = 64 << 20;

#[derive(Clone, PartialEq, Message)]
struct Push {
    #[prost(message, repeated, tag = "1")]
    streams: Vec<Stream>,
}

/// Its labels do not matter here.
#[derive(Clone, PartialEq, Message)]
struct Stream {
    #[prost(message, repeated, tag = "2")]
    entries: Vec<Entry>,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(string, tag = "2")]
    line: String,
}

/// Takes pushes and counts their lines.
pub async fn run(listener: TcpListener, oracle: Arc<Oracle>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let oracle = Arc::clone(&oracle);
        connections.spawn(async move {
            let service = service_fn(|request| answer(request, &oracle));
            // The client comes again when a connection breaks.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    oracle: &Oracle,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, text) = match take(request).await {
        Ok(push) => {
            let entries = push.streams.iter().flat_map(|it| &it.entries);
            entries.for_each(|it| count_line(oracle, &it.line));
            (StatusCode::NO_CONTENT, String::new())
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error:#}")),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    Ok(response)
}

async fn take(request: Request<Incoming>) -> anyhow::Result<Push> {
    anyhow::ensure!(request.uri().path() == PATH, "{} is not {PATH}", request.uri());
    let body = Limited::new(request.into_body(), REQUEST_BYTES_MAX).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
    let body = decompress(Encoding::Snappy, &body, REQUEST_BYTES_MAX)?;
    Push::decode(body).context("no push request")
}

/// The ledger begins at `w=` and ends with the line, or with the JSON text around it.
pub fn count_line(oracle: &Oracle, line: &str) {
    let text = &line[line.find("w=").unwrap_or(0)..];
    oracle.count_text(text.split('"').next().unwrap_or(text));
}

#[cfg(test)]
mod tests {
    use compression::{Compressor, Params, Type};
    use confighttp::client::{Client, ClientConfig, Url};
    use http::HeaderValue;
    use ledger::Line;

    use component::Context;

    use super::*;
    use crate::sink::Sink;
    use crate::table::Output;

    #[tokio::test]
    async fn a_push_is_counted_and_what_is_no_push_refused() {
        let sink = Sink::start(Output::Loki, false, None).await.unwrap();
        let line = |seq| Line::now(1, seq).text(10);
        let lines = [line(0), format!("{{\"ledger\":\"{}\"}}", line(1)), "w=1 seq=2 torn".into()];
        let entries = lines.into_iter().map(|line| Entry { line }).collect();
        let push = Push { streams: vec![Stream { entries }] };
        let snappy = Type(Some(Encoding::Snappy));
        let body = Compressor::http(snappy, Params::default())
            .compress(Bytes::from(push.encode_to_vec()).into())
            .unwrap();
        let url = Url::parse(&format!("http://127.0.0.1:{}{PATH}", sink.port)).unwrap();
        let config = ClientConfig { compression: Type::NONE.into(), ..ClientConfig::default() };
        let client = Client::new(&config, url, "test").unwrap();
        let proto = HeaderValue::from_static("application/x-protobuf");
        let reply = client.post(&Context::default(), proto.clone(), body).await.unwrap();
        assert_eq!(reply.status, StatusCode::NO_CONTENT);
        let refused = client
            .post(&Context::default(), proto, Bytes::from_static(b"\xff").into())
            .await
            .unwrap();
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        let tally = sink.oracle.tally();
        assert_eq!((tally.delivered, tally.torn), (2, 1));
        sink.stop().await.unwrap();
    }
}
