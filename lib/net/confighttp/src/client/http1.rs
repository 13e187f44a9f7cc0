//! HTTP/1.1: a connection takes one request at a time. It is driven by the call that uses it; between calls it rests in
//! the pool, undriven, and a dropped call closes its connection. The only task is the one that closes what rests for too
//! long.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use compression::Chunks;
use confignet::dial;
use configtls::MaybeTls;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::config::KeepaliveConfig;
use super::{Reply, Road};

/// Idle connections of a server when `max_idle_conns_per_host` is 0: what the default queue sends at once.
const IDLE_CONNECTIONS: usize = 10;

type Http1 = http1::Connection<TokioIo<MaybeTls<dial::Connection>>, Full<Chunks>>;

/// A connection and what moves its bytes; `None` once it has ended.
pub(super) struct Live {
    pub(super) send: http1::SendRequest<Full<Chunks>>,
    pub(super) connection: Option<Pin<Box<Http1>>>,
}

struct Idle {
    live: Live,
    since: Instant,
    /// Where it leads.
    to: Road,
}

/// A request that did not bring an answer.
pub(super) struct Broken {
    pub(super) why: String,
    /// The request, if not a byte of it was written.
    pub(super) unsent: Option<Request<Full<Chunks>>>,
}

/// The idle connections. None is kept where the section says so.
pub(super) struct Pool {
    resting: Mutex<Resting>,
    idle_max: usize,
    per_host_max: usize,
    idle_time: Option<Duration>,
}

#[derive(Default)]
struct Resting {
    idle: VecDeque<Idle>,
    /// There is a task that closes those that are too old.
    is_watched: bool,
}

impl Pool {
    pub(super) fn new(kept: Option<&KeepaliveConfig>) -> Arc<Self> {
        let count = |limit: i64| usize::try_from(limit).ok().filter(|it| *it > 0);
        let kept_max = |it: &KeepaliveConfig| count(it.max_idle_conns).unwrap_or(usize::MAX);
        let of_host = |it: &KeepaliveConfig| count(it.max_idle_conns_per_host);
        let time = kept.map(|it| it.idle_conn_timeout.std()).filter(|it| !it.is_zero());
        Arc::new(Self {
            resting: Mutex::default(),
            idle_max: kept.map_or(0, kept_max),
            per_host_max: kept.map_or(0, |it| of_host(it).unwrap_or(IDLE_CONNECTIONS)),
            idle_time: time,
        })
    }

    fn resting(&self) -> MutexGuard<'_, Resting> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn close(&self) {
        self.resting().idle.clear();
    }

    /// The idle connection to a server used last, if one is still open.
    pub(super) async fn take(&self, to: &Road) -> Option<Live> {
        loop {
            let mut live = {
                let idle = &mut self.resting().idle;
                let at = idle.iter().rposition(|it| it.to == *to)?;
                idle.remove(at)?.live
            };
            let Live { send, connection } = &mut live;
            if drive(connection, send.ready()).await.is_ok() && live.connection.is_some() {
                return Some(live);
            }
        }
    }

    /// Takes a connection back. As in Go, a server with enough of them gets no more, and in all the oldest makes way.
    fn keep(self: &Arc<Self>, to: &Road, live: Live, tasks: &Mutex<JoinSet<()>>) {
        let mut resting = self.resting();
        if resting.idle.iter().filter(|it| it.to == *to).count() >= self.per_host_max {
            return;
        }
        resting.idle.push_back(Idle { live, since: Instant::now(), to: to.clone() });
        while resting.idle.len() > self.idle_max {
            resting.idle.pop_front();
        }
        if let Some(time) = self.idle_time
            && !std::mem::replace(&mut resting.is_watched, true)
        {
            super::spawn(tasks, Arc::clone(self).watch(time));
        }
    }

    /// Closes what has rested for `time`, until nothing rests.
    async fn watch(self: Arc<Self>, time: Duration) {
        loop {
            let due = {
                let mut resting = self.resting();
                while resting.idle.front().is_some_and(|it| it.since.elapsed() >= time) {
                    resting.idle.pop_front();
                }
                let Some(first) = resting.idle.front() else {
                    resting.is_watched = false;
                    return;
                };
                first.since + time
            };
            sleep_until(due).await;
        }
    }

    /// One request; the connection comes back when all of the answer was read.
    pub(super) async fn exchange(
        self: &Arc<Self>,
        (to, reply_max): (&Road, usize),
        mut live: Live,
        request: Request<Full<Chunks>>,
        tasks: &Mutex<JoinSet<()>>,
    ) -> Result<Reply, Broken> {
        let answer = drive(&mut live.connection, live.send.try_send_request(request)).await;
        let response = answer.map_err(|mut error| Broken {
            unsent: error.take_message(),
            why: why(error.error()),
        })?;
        let (reply, complete) = read(&mut live.connection, response, reply_max).await;
        let reply = reply.map_err(|error| Broken { why: why(&error), unsent: None })?;
        if complete && live.connection.is_some() {
            self.keep(to, live, tasks);
        }
        Ok(reply)
    }
}

pub(super) async fn shake_hands(connection: MaybeTls<dial::Connection>) -> Result<Live, String> {
    let io = TokioIo::new(connection);
    let (send, connection) = http1::handshake(io).await.map_err(|error| why(&error))?;
    Ok(Live { send, connection: Some(Box::pin(connection)) })
}

/// The body up to the limit, and whether that was all.
async fn read(
    connection: &mut Option<Pin<Box<Http1>>>,
    response: Response<Incoming>,
    reply_max: usize,
) -> (Result<Reply, hyper::Error>, bool) {
    let (head, mut incoming) = response.into_parts();
    let mut body = BytesMut::new();
    let mut complete = true;
    while let Some(frame) = drive(connection, incoming.frame()).await {
        let data = match frame {
            Ok(frame) => frame.into_data().unwrap_or_default(),
            Err(error) => return (Err(error), false),
        };
        let room = reply_max - body.len();
        body.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            complete = false;
            break;
        }
    }
    let reply = Reply { status: head.status, headers: head.headers, body: body.freeze() };
    (Ok(reply), complete)
}

/// Moves the connection's bytes until `work` is done. A connection that ends resolves what waits
/// for it, so `work` is asked once more then.
pub(super) async fn drive<F: Future>(
    connection: &mut Option<Pin<Box<Http1>>>,
    work: F,
) -> F::Output {
    let mut work = pin!(work);
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            match connection.as_mut().map(|it| it.as_mut().poll(cx)) {
                // How it ended is what `work` says.
                Some(Poll::Ready(_)) => *connection = None,
                Some(Poll::Pending) | None => return Poll::Pending,
            }
        }
    })
    .await
}

/// A transport error as Go prints it.
pub(super) fn why(error: &hyper::Error) -> String {
    let mut source = std::error::Error::source(error);
    while let Some(it) = source {
        if let Some(io) = it.downcast_ref::<std::io::Error>() {
            return dial::reason(io);
        }
        source = it.source();
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return "EOF".into();
    }
    format!("net/http: HTTP/1.x transport connection broken: {error}")
}
