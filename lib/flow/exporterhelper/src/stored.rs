//! What is stored of a request beside its telemetry: what is known of who sent it, so that headers and partitions are
//! the same after a restart. JSON, which people can read in a queue that they look at.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
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
}

/// The span above.
#[derive(Serialize, Deserialize)]
struct Above {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    sampled: bool,
}

/// Nothing of data that was made here.
pub(crate) fn head(ctx: &Context) -> Vec<u8> {
    if ctx.client.is_none() && ctx.span.is_none() {
        return Vec::new();
    }
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
    };
    serde_json::to_vec(&head).unwrap_or_default()
}

/// The context of a request that was stored. What is not understood is left out: the telemetry is what counts.
pub(crate) fn context(head: &Bytes) -> Context {
    if head.is_empty() {
        return Context::default();
    }
    let Head { peer, grpc, metadata, span } = serde_json::from_slice(head).unwrap_or_default();
    let span = span.map(|it| SpanContext {
        trace_id: it.trace_id,
        span_id: it.span_id,
        sampled: it.sampled,
        remote: true,
    });
    // As upstream, what its authenticator knew is not stored.
    let client = Client { peer, metadata, is_grpc: grpc, auth: None };
    Context { client: Some(Arc::new(client)), span, ..Context::default() }
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
        let again = context(&head(&ctx).into());
        let client = again.client.unwrap();
        assert_eq!((client.peer, client.is_grpc, &client.metadata), (peer, true, &metadata));
        assert_eq!(again.span, Some(span));
        assert!(context(&Bytes::new()).client.is_none());
        assert!(context(&Bytes::from_static(b"{}")).span.is_none());
        assert!(context(&Bytes::from_static(b"\xff")).client.is_some(), "not understood");
    }
}
