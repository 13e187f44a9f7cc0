//! HTTP/2, with servers that have agreed on it in the TLS handshake: one connection takes all requests for its server at
//! the same time. A task of the client moves its bytes, asks whether it lives, and ends it when it was idle for too long.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use compression::Chunks;
use confignet::dial;
use configtls::MaybeTls;
use h2::client::{Builder, SendRequest};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap};
use http::{HeaderValue, Method, Request, Uri, Version};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::config::ClientConfig;
use super::{Reply, Road, Url};

/// Longest wait for the settings of the server.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for the answer to a ping when `http2_ping_timeout` is 0. `golang.org/x/net/http2`, `Transport`.
const PING_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest head of an answer, in bytes.
const HEAD_BYTES_MAX: u32 = 256 * 1024;

type Http2 = h2::client::Connection<MaybeTls<dial::Connection>, Chunks>;

/// The connections of a client.
pub(super) struct Links {
    all: Arc<Mutex<Vec<(Road, Link)>>>,
    life: Life,
}

/// How long connections live.
#[derive(Debug, Clone, Copy)]
struct Life {
    idle_time: Option<Duration>,
    ping: Option<(Duration, Duration)>,
}

#[derive(Clone)]
struct Link {
    send: SendRequest<Chunks>,
    used: Arc<Used>,
}

/// What is going on on a connection.
struct Used {
    calls: AtomicUsize,
    /// When the last call ended.
    since: Mutex<Instant>,
    /// Why we have ended it.
    ended: OnceLock<&'static str>,
}

/// A connection for one call, which it counts for as long as it lives.
pub(super) struct Taken(Link);

/// A request that did not bring an answer.
pub(super) struct Broken {
    pub(super) why: String,
    /// The server has not seen it: another connection may take it.
    pub(super) is_unsent: bool,
}

impl Links {
    pub(super) fn new(config: &ClientConfig) -> Self {
        let set = |it: component::config::Duration| Some(it.std()).filter(|it| !it.is_zero());
        let answer = set(config.http2_ping_timeout).unwrap_or(PING_TIMEOUT);
        let ping = set(config.http2_read_idle_timeout).map(|pause| (pause, answer));
        let idle_time = config.kept().and_then(|it| set(it.idle_conn_timeout));
        Self { all: Arc::default(), life: Life { idle_time, ping } }
    }

    fn all(&self) -> MutexGuard<'_, Vec<(Road, Link)>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn close(&self) {
        self.all().clear();
    }

    /// The connection to a server.
    pub(super) fn take(&self, to: &Road) -> Option<Taken> {
        // Counted while the list is locked: whoever ends an idle connection looks at both.
        self.all().iter().find(|it| it.0 == *to).map(|it| Taken::new(&it.1))
    }

    /// A new connection; the one that another call has made meanwhile, if there is one.
    pub(super) async fn add(
        &self,
        to: &Road,
        stream: MaybeTls<dial::Connection>,
        tasks: &Mutex<JoinSet<()>>,
    ) -> Result<Taken, String> {
        let mut builder = Builder::new();
        builder.enable_push(false).max_header_list_size(HEAD_BYTES_MAX);
        let shaken = timeout(HANDSHAKE_TIMEOUT, builder.handshake(stream)).await;
        let shaken = shaken.map_err(|_| "http2: timeout awaiting the server's settings".to_owned());
        let (send, connection) = shaken?.map_err(|error| why(&error))?;
        let mut all = self.all();
        if let Some(other) = all.iter().find(|it| it.0 == *to) {
            return Ok(Taken::new(&other.1));
        }
        let (calls, since) = (AtomicUsize::new(0), Mutex::new(Instant::now()));
        let used = Arc::new(Used { calls, since, ended: OnceLock::new() });
        let link = Link { send, used: Arc::clone(&used) };
        let taken = Taken::new(&link);
        all.push((to.clone(), link));
        drop(all);
        super::spawn(tasks, self.life.lead(Arc::clone(&self.all), used, connection));
        Ok(taken)
    }

    /// It is of no more use.
    pub(super) fn forget(&self, taken: &Taken) {
        forget(&mut self.all(), &taken.0.used);
    }
}

fn forget(all: &mut Vec<(Road, Link)>, used: &Arc<Used>) {
    all.retain(|it| !Arc::ptr_eq(&it.1.used, used));
}

impl Life {
    /// Drives a connection to its end.
    async fn lead(
        self,
        all: Arc<Mutex<Vec<(Road, Link)>>>,
        used: Arc<Used>,
        mut connection: Http2,
    ) {
        let pings = connection.ping_pong();
        let lost = self.lost(pings);
        let idle = self.idle(&all, &used);
        tokio::select! {
            ended = connection => tracing::debug!(?ended, "an HTTP/2 connection ended"),
            () = lost => drop(used.ended.set("http2: client connection lost")),
            () = idle => tracing::debug!("an idle HTTP/2 connection is closed"),
        }
        forget(&mut all.lock().unwrap_or_else(PoisonError::into_inner), &used);
    }

    /// Returns when a ping was not answered.
    async fn lost(self, pings: Option<h2::PingPong>) {
        let (Some((pause, answer)), Some(mut pings)) = (self.ping, pings) else {
            return std::future::pending().await;
        };
        loop {
            sleep(pause).await;
            match timeout(answer, pings.ping(h2::Ping::opaque())).await {
                Ok(Ok(_)) => {}
                // The connection itself reports its end.
                Ok(Err(_)) => return std::future::pending().await,
                Err(_) => return,
            }
        }
    }

    /// Returns when there was no call for so long, and none can come any more.
    async fn idle(self, all: &Mutex<Vec<(Road, Link)>>, used: &Arc<Used>) {
        let Some(time) = self.idle_time else { return std::future::pending().await };
        loop {
            let rested = {
                let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                let since = *used.since.lock().unwrap_or_else(PoisonError::into_inner);
                let is_idle = used.calls.load(Relaxed) == 0;
                let rested = if is_idle { since.elapsed() } else { Duration::ZERO };
                if rested >= time {
                    return forget(&mut all, used);
                }
                rested
            };
            sleep(time.saturating_sub(rested)).await;
        }
    }
}

impl Taken {
    fn new(link: &Link) -> Self {
        link.used.calls.fetch_add(1, Relaxed);
        Self(link.clone())
    }

    /// Sends a request and reads its answer.
    pub(super) async fn exchange(
        &self,
        request: Request<()>,
        body: Chunks,
        reply_max: usize,
    ) -> Result<Reply, Broken> {
        let broken = |error: h2::Error| self.broken(&error);
        let unsent = |error: h2::Error| Broken { is_unsent: true, ..self.broken(&error) };
        let mut send = self.0.send.clone().ready().await.map_err(unsent)?;
        let is_empty = !body.has_remaining();
        let (response, mut stream) = send.send_request(request, is_empty).map_err(unsent)?;
        if !is_empty {
            // Everything is queued at once: the bytes are held by the caller anyway, and the connection sends them as
            // fast as the windows allow. A server that refuses may answer before: what it says counts.
            let _ = stream.send_data(body, true);
        }
        let (head, mut incoming) = response.await.map_err(broken)?.into_parts();
        let mut body = BytesMut::new();
        while let Some(data) = incoming.data().await {
            let data = data.map_err(broken)?;
            let room = reply_max - body.len();
            body.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                break;
            }
            incoming.flow_control().release_capacity(data.len()).map_err(broken)?;
        }
        Ok(Reply { status: head.status, headers: head.headers, body: body.freeze() })
    }

    /// What a failure means. RFC 9113, sections 6.8 and 8.7, say which requests a server has not seen.
    fn broken(&self, error: &h2::Error) -> Broken {
        let goes = error.is_go_away() && error.is_remote();
        let refused = error.is_remote() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        let why = self.0.used.ended.get().map_or_else(|| why(error), |it| (*it).to_owned());
        Broken { why, is_unsent: goes || refused }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        *self.0.used.since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.used.calls.fetch_sub(1, Relaxed);
    }
}

/// A request for `url`. What belongs to an HTTP/1.1 connection has no place in it; `Host` is its authority.
pub(super) fn request(
    url: &Url,
    mut headers: HeaderMap,
    length: usize,
) -> Result<Request<()>, String> {
    let host = headers.remove(HOST);
    let host = host.as_ref().and_then(|it| it.to_str().ok()).unwrap_or(url.host());
    let path = url.path().path_and_query().map_or("/", |it| it.as_str());
    let uri = Uri::builder().scheme("https").authority(host).path_and_query(path).build();
    let uri = uri.map_err(|error| format!("https://{host}{path} is no URL: {error}"))?;
    headers.remove(CONNECTION);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

/// A transport error, as near to Go's words as is known here.
fn why(error: &h2::Error) -> String {
    if let Some(io) = error.get_io() {
        return dial::reason(io);
    }
    match error.reason() {
        Some(reason) if error.is_go_away() => {
            format!("http2: server sent GOAWAY and closed the connection; ErrCode={reason:?}")
        }
        Some(reason) if error.is_reset() && error.is_remote() => {
            format!("stream error: {reason:?}; received from peer")
        }
        _ => format!("http2: {error}"),
    }
}
