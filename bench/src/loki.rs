//! What Promtail writes to: Loki's `POST /loki/api/v1/push`, snappy around protobuf, as in
//! `pkg/push/push.proto` of Loki 3.5.

use anyhow::Context as _;
use ledger::Oracle;
use prost::Message;

use crate::push::Kind;

/// The sink.
pub const KIND: Kind = Kind { path: PATH, count };
const PATH: &str = "/loki/api/v1/push";

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

fn count(body: &[u8], oracle: &Oracle) -> anyhow::Result<()> {
    let push = Push::decode(body).context("no push request")?;
    let entries = push.streams.iter().flat_map(|it| &it.entries);
    entries.for_each(|it| count_line(oracle, &it.line));
    Ok(())
}

/// The ledger begins at `w=` and ends with the line, or with the JSON text around it.
pub fn count_line(oracle: &Oracle, line: &str) {
    let text = &line[line.find("w=").unwrap_or(0)..];
    oracle.count_text(text.split('"').next().unwrap_or(text));
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use compression::{Compressor, Encoding, Params, Type};
    use confighttp::client::{Client, ClientConfig, Url};
    use http::{HeaderValue, StatusCode};
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
