//! What is stored of a request beside its telemetry: what is known of who sent it, so that headers and partitions are
//! the same after a restart. JSON, which people can read in a queue that they look at.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use component::clock::unix_nanos;
use component::trace::SpanContext;
use component::{Client, Context, Signal};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Head {
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<SocketAddr>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    grpc: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metadata: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<Above>,
    /// When it came, in nanoseconds since 1970. Absent in files of the first version.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<u64>,
}

/// The span above.
#[derive(Serialize, Deserialize)]
struct Above {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    sampled: bool,
}

/// Of data that was made here only when it came.
pub(crate) fn head(ctx: &Context, since: u64) -> Vec<u8> {
    let client = ctx.client.as_deref();
    let span = |it: &SpanContext| Above {
        trace_id: it.trace_id,
        span_id: it.span_id,
        sampled: it.sampled,
    };
    let head = Head {
        peer: client.and_then(|it| it.peer),
        grpc: client.is_some_and(|it| it.is_grpc),
        metadata: client.map(|it| it.metadata.clone()).unwrap_or_default(),
        span: ctx.span.as_ref().map(span),
        since: Some(since),
    };
    serde_json::to_vec(&head).unwrap_or_default()
}

/// The context of a request that was stored, and when it came. What is not understood is left out: the telemetry is what
/// counts.
pub(crate) fn context(head: &Bytes) -> (Context, u64) {
    let Head { peer, grpc, metadata, span, since } =
        serde_json::from_slice(head).unwrap_or_default();
    let since = since.unwrap_or_else(unix_nanos);
    if peer.is_none() && !grpc && metadata.is_empty() && span.is_none() {
        return (Context::default(), since);
    }
    let span = span.map(|it| SpanContext {
        trace_id: it.trace_id,
        span_id: it.span_id,
        sampled: it.sampled,
        remote: true,
    });
    // As upstream, what its authenticator knew is not stored.
    let client = Client { peer, metadata, is_grpc: grpc, auth: None };
    (Context { client: Some(Arc::new(client)), span, ..Context::default() }, since)
}

/// How a log says which signal a record is.
pub(crate) fn kind(signal: Signal) -> u16 {
    match signal {
        Signal::Traces => 1,
        Signal::Metrics => 2,
        Signal::Logs => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sent_it_is_known_again() {
        let metadata = vec![("x-tenant".to_owned(), "a\"\u{e9}".to_owned())];
        let peer = "[::1]:4317".parse().ok();
        let client = Client { peer, metadata: metadata.clone(), is_grpc: true, auth: None };
        let client = Some(Arc::new(client));
        let span = SpanContext { trace_id: [1; 16], span_id: [2; 8], sampled: true, remote: true };
        let ctx = Context { client, span: Some(span), ..Context::default() };
        let (again, since) = context(&head(&ctx, 7).into());
        assert_eq!(since, 7);
        let client = again.client.unwrap();
        assert_eq!((client.peer, client.is_grpc, &client.metadata), (peer, true, &metadata));
        assert_eq!(again.span, Some(span));
        let (own, since) = context(&head(&Context::default(), 8).into());
        assert_eq!((own.client.is_none(), since), (true, 8));
        for head in ["", "{}", "\u{ff}"] {
            let (unknown, since) = context(&Bytes::from(head));
            assert!(unknown.span.is_none() && unknown.client.is_none() && since > 8);
        }
    }
}
