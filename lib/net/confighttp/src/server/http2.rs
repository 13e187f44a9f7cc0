//! An HTTP/2 connection, after a TLS handshake in which client and server have agreed on it: many requests at a time, each
//! in a task of the host.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use component::{Client, Host};
use confignet::Arriving;
use confignet::server::{STOP_GRACE, Stream, sent_away};
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::debug;

use super::Shared;
use super::config::Limits;

/// What a client may send on one stream before we have read it, in bytes: more would be memory that no limit counts.
const STREAM_WINDOW: u32 = 1024 * 1024;
/// The same for all streams of a connection.
const CONNECTION_WINDOW: u32 = 2 * STREAM_WINDOW;
/// Requests at a time on one connection.
const STREAMS_MAX: u32 = 100;
/// Longest header list of a request, in bytes.
const HEADER_BYTES_MAX: u32 = 64 * 1024;

/// Runs the requests of a connection.
#[derive(Clone)]
struct OnHost(Host);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for OnHost {
    fn execute(&self, request: F) {
        self.0.spawn(async move {
            request.await;
            Ok(())
        });
    }
}

/// The requests that are under way, and those whose answers are not read yet.
#[derive(Debug)]
struct Traffic(Mutex<State>);

#[derive(Debug)]
struct State {
    /// By their number; since when there is an answer.
    open: BTreeMap<u64, Option<Instant>>,
    next: u64,
    /// Since when nothing is under way.
    idle_since: Instant,
}

impl Traffic {
    fn new() -> Arc<Self> {
        let idle_since = Instant::now();
        Arc::new(Self(Mutex::new(State { open: BTreeMap::new(), next: 0, idle_since })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(self: &Arc<Self>) -> Busy {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.open.insert(number, None);
        Busy { traffic: Arc::clone(self), number }
    }

    /// What the limits say: when to look again, and what is wrong.
    fn check(&self, limits: &Limits) -> (Instant, Option<&'static str>) {
        let state = self.state();
        let answered = state.open.values().flatten().min();
        let unread =
            answered.map(|it| (*it + limits.write_max, "the client read its answer too slowly"));
        let idle_max = if state.next == 0 { Some(limits.head_max) } else { limits.idle_max };
        let idle = idle_max.filter(|_| state.open.is_empty());
        let idle = idle.map(|max| (state.idle_since + max, "the client was idle"));
        let now = Instant::now();
        let due = [unread, idle].into_iter().flatten().min();
        // What begins meanwhile is no sooner due than this.
        let soonest = now + limits.write_max.min(limits.idle_max.unwrap_or(limits.write_max));
        let next = due.map_or(soonest, |it| it.0.min(soonest));
        (next, due.filter(|it| it.0 <= now).map(|it| it.1))
    }
}

/// A request is under way until its answer has been taken.
#[derive(Debug)]
struct Busy {
    traffic: Arc<Traffic>,
    number: u64,
}

impl Busy {
    fn answered(&self) {
        self.traffic.state().open.insert(self.number, Some(Instant::now()));
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.traffic.state();
        state.open.remove(&self.number);
        state.idle_since = Instant::now();
    }
}

/// An answer that says when the client has room for it.
struct Answer {
    body: Full<Bytes>,
    _busy: Busy,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

pub(super) async fn serve(shared: Arc<Shared>, connection: Stream, peer: Arc<Client>, host: Host) {
    let traffic = Traffic::new();
    let limits = shared.config.limits();
    let io = TokioIo::new(Arriving::new(connection, shared.in_flight.enter()));
    let service = {
        let (shared, traffic, peer) =
            (Arc::clone(&shared), Arc::clone(&traffic), Arc::clone(&peer));
        service_fn(move |request| {
            let busy = traffic.begin();
            let (shared, peer) = (Arc::clone(&shared), Arc::clone(&peer));
            async move {
                let answer = shared.answer(request, peer).await?;
                busy.answered();
                Ok::<_, super::Hangup>(answer.map(|it| Answer { body: Full::new(it), _busy: busy }))
            }
        })
    };
    let mut builder = http2::Builder::new(OnHost(host.clone()));
    builder
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_BYTES_MAX);
    let mut connection = pin!(builder.serve_connection(io, service));
    let grace = tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                debug!(%error, peer = ?peer.peer, "an HTTP/2 connection ended early");
            }
            return;
        }
        why = watch(&limits, &traffic) => {
            return debug!(peer = ?peer.peer, why, "closing an HTTP/2 connection");
        }
        () = at(limits.leave_at) => limits.close_at,
        () = sent_away(&host) => Some(Instant::now() + STOP_GRACE),
    };
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = connection.as_mut() => {}
        _ = watch(&limits, &traffic) => {}
        () = at(grace) => {}
        () = sent_away(&host) => drop(timeout(STOP_GRACE, connection).await),
    }
}

/// Returns when the connection has to end.
async fn watch(limits: &Limits, traffic: &Traffic) -> &'static str {
    loop {
        match traffic.check(limits) {
            (_, Some(why)) => return why,
            (next, None) => sleep_until(next).await,
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
