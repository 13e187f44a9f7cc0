//! An HTTP/1.1 connection: one request at a time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use component::{Client, Host};
use confignet::server::{STOP_GRACE, Stream, sent_away};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, interval_at, timeout};
use tracing::debug;

use super::config::Limits;
use super::pulse::{Pulse, Watched};
use super::{Shared, closing};

/// Most bytes buffered of a connection, hence of a head.
const BUFFER_BYTES_MAX: usize = 256 * 1024;

pub(super) async fn serve(shared: Arc<Shared>, connection: Stream, peer: Arc<Client>, host: Host) {
    let pulse = Pulse::new(shared.in_flight.enter());
    let limits = shared.config.limits();
    let io = TokioIo::new(Watched::new(connection, Arc::clone(&pulse)));
    let service = {
        let (shared, pulse, peer) = (Arc::clone(&shared), Arc::clone(&pulse), Arc::clone(&peer));
        let host = host.clone();
        service_fn(move |request| {
            let busy = pulse.begin();
            let (shared, peer, host) = (Arc::clone(&shared), Arc::clone(&peer), host.clone());
            let is_old = limits.leave_at.is_some_and(|it| it <= Instant::now());
            async move {
                let answer = shared.answer(request, peer).await;
                drop(busy);
                let parting = is_old || host.stopping().is_cancelled();
                answer.map(|it| if parting { closing(it) } else { it }.map(Full::new))
            }
        })
    };
    let mut builder = http1::Builder::new();
    builder.keep_alive(limits.is_kept).max_buf_size(BUFFER_BYTES_MAX);
    // Without a timer of its own hyper would end idle connections.
    builder.header_read_timeout(None);
    let mut connection = pin!(builder.serve_connection(io, service));
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                debug!(%error, peer = ?peer.peer, "an HTTP connection ended early");
            }
            return;
        }
        why = watch(&limits, &pulse) => {
            return debug!(peer = ?peer.peer, why, "closing an HTTP connection");
        }
        () = sent_away(&host) => {}
    }
    connection.as_mut().graceful_shutdown();
    // A head that has not come yet is not worth waiting for.
    if pulse.owes_an_answer() {
        let _ = timeout(STOP_GRACE, connection).await;
    }
}

/// Returns when the connection has to end.
async fn watch(limits: &Limits, pulse: &Pulse) -> &'static str {
    // A timeout is noticed half of it late at worst.
    let mut pause = limits.head_max.min(limits.write_max);
    pause = (pause.min(limits.idle_max.unwrap_or(pause)) / 2).max(Duration::from_millis(1));
    let mut ticks = interval_at(Instant::now() + pause, pause);
    loop {
        ticks.tick().await;
        if pulse.head_age().is_some_and(|age| age >= limits.head_max) {
            return "the head of a request came too slowly";
        }
        if pulse.stall_age().is_some_and(|age| age >= limits.write_max) {
            return "the client read its answer too slowly";
        }
        if limits.idle_max.is_some_and(|max| pulse.idle_age().is_some_and(|age| age >= max)) {
            return "the client was idle";
        }
        if limits.close_at.is_some_and(|it| it <= Instant::now()) {
            return "its time was over";
        }
    }
}
