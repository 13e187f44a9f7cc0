//! A gRPC server for unary methods whose messages are bytes (ADR 0006).
//!
//! The calls of a connection run in the connection's task: a request costs no task switch, answers
//! that are ready together leave in one write, and a client that goes takes its calls with it.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use component::meter::{Calls, Counter};
use component::{
    BoxError, Client, Context, GrpcStatus, Host, InFlight, Meter, Tracer, async_trait,
};
use compression::{Chunks, Compressor, Encoding, Type};
use confignet::server::{Guards, HEAD_WAIT, PARTING, Stream, Tls, sent_away, spread};
use confignet::{Arriving, Listener};
use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, FuturesUnordered};
use h2::{Ping, PingPong, Reason};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, info};

mod call;
mod config;
mod headers;
mod lifetime;
mod pings;
mod streaming;

pub use config::{EnforcementPolicy, Keepalive, ServerConfig, ServerParameters};
use lifetime::{Action, Lifetime};
use pings::{Pings, Traffic};

use crate::frame;

/// What a client may send on one stream before we have read it, in bytes: a batch of the usual size, so
/// that its sender does not wait inside the message. More would be memory that no limit counts.
const STREAM_WINDOW: u32 = 1024 * 1024 + 64;
/// The same for all streams of a connection.
const CONNECTION_WINDOW: u32 = 2 * STREAM_WINDOW;
/// Longest DATA frame taken, in bytes. A message in one frame is used where it was read; one of several
/// is copied once more, into a buffer that is used again. Most batches are shorter than this, and a
/// longer frame would keep the other calls of its connection waiting.
const FRAME_BYTES_MAX: u32 = 1024 * 1024;
/// Longest time for which an answer waits for others that leave with it.
const ANSWER_DELAY_MAX: Duration = Duration::from_millis(1);
/// Longest header list of a call, in bytes.
const HEADER_BYTES_MAX: u32 = 64 * 1024;

/// A unary method.
#[async_trait]
pub trait Unary: Send + Sync + 'static {
    /// Takes the message of a call. The answer to success is [`Route::answer`].
    async fn call(&self, ctx: &Context, message: Bytes) -> Result<(), GrpcStatus>;
}

/// Who answers which method.
pub struct Route {
    /// Full name: `opentelemetry.proto.collector.logs.v1.LogsService`.
    pub service: &'static str,
    /// `Export`.
    pub method: &'static str,
    /// The message that answers every call that succeeds.
    pub answer: &'static [u8],
    /// Takes the calls.
    pub handler: Arc<dyn Unary>,
}

/// The answers to a call, until it ends or fails.
pub type Answers = BoxStream<'static, Result<Bytes, GrpcStatus>>;

/// A method with any number of answers.
pub trait Streaming: Send + Sync + 'static {
    /// Takes the message of a call. The answers are asked for one after the other, and no further than the client reads.
    /// They have to end when the host stops.
    fn call(&self, message: Bytes) -> Answers;
}

/// Who answers which method with any number of answers.
pub struct StreamRoute {
    /// Full name: `grpc.health.v1.Health`.
    pub service: &'static str,
    /// `Watch`.
    pub method: &'static str,
    /// Takes the calls.
    pub handler: Arc<dyn Streaming>,
}

struct Shared {
    endpoints: Vec<Endpoint>,
    streams: Vec<StreamRoute>,
    message_bytes_max: usize,
    streams_max: u32,
    include_metadata: bool,
    guards: Guards,
    parameters: ServerParameters,
    enforcement: EnforcementPolicy,
    calls: Option<Calls>,
    tracer: Tracer,
    in_flight: InFlight,
    refused: Counter,
}

struct Endpoint {
    route: Route,
    plain: Answer,
    encoded: Vec<(Encoding, Answer)>,
}

/// A message with its prefix, ready to send.
struct Answer {
    frame: Bytes,
    encoding: Option<&'static str>,
}

impl Endpoint {
    fn new(route: Route) -> Self {
        let plain = Answer {
            frame: framed(false, &Bytes::from_static(route.answer).into()),
            encoding: None,
        };
        // As grpc-go: a call with an encoding is answered in the same encoding.
        let encodings = [Encoding::Gzip, Encoding::Zstd, Encoding::Snappy];
        let encoded = encodings.into_iter().filter_map(|encoding| {
            let answer = Chunks::from(Bytes::from_static(route.answer));
            let compressed = Compressor::grpc(Type(Some(encoding))).compress(answer).ok()?;
            let frame = framed(true, &compressed);
            Some((encoding, Answer { frame, encoding: Some(encoding.name()) }))
        });
        Self { encoded: encoded.collect(), plain, route }
    }

    fn answer(&self, encoding: Option<Encoding>) -> &Answer {
        let same = self.encoded.iter().find(|(it, _)| Some(*it) == encoding);
        same.map_or(&self.plain, |(_, answer)| answer)
    }
}

fn framed(compressed: bool, message: &Chunks) -> Bytes {
    let mut frame = BytesMut::from(&frame::prefix(compressed, message.remaining())[..]);
    message.pieces().for_each(|it| frame.extend_from_slice(it));
    frame.freeze()
}

/// Binds the endpoint and serves it until the host stops. Returns the address bound.
///
/// # Errors
/// What is not supported yet, and `listen tcp 127.0.0.1:4317: bind: address already in use`.
pub fn serve(
    config: &ServerConfig,
    routes: Vec<Route>,
    around: (&Host, &Meter),
) -> Result<Option<SocketAddr>, BoxError> {
    serve_streams(config, (routes, Vec::new()), around)
}

/// The same with methods that have any number of answers.
///
/// # Errors
/// As [`serve`].
pub fn serve_streams(
    config: &ServerConfig,
    (routes, streams): (Vec<Route>, Vec<StreamRoute>),
    (host, meter): (&Host, &Meter),
) -> Result<Option<SocketAddr>, BoxError> {
    let guards = config.before().find(host)?;
    // Nothing that gRPC's clients could read would say more than the end of the connection.
    let tls = Tls::new(config.tls.get(), &["h2"], b"")?;
    let listener = Listener::bind(&config.net, host)?;
    let address = listener.local_addr();
    info!(endpoint = config.net.endpoint, "Starting GRPC server");
    let shared = Arc::new(Shared {
        endpoints: routes.into_iter().map(Endpoint::new).collect(),
        streams,
        message_bytes_max: config.message_bytes_max(),
        streams_max: config.streams_max(),
        include_metadata: config.include_metadata,
        guards,
        parameters: config.server_parameters(),
        enforcement: config.enforcement_policy(),
        calls: Calls::new(meter, &config.net.endpoint),
        tracer: meter.tracer().clone(),
        in_flight: host.in_flight().clone(),
        refused: InFlight::refused(meter),
    });
    let its_host = host.clone();
    confignet::server::serve(listener, tls, host, move |connection| {
        serve_connection(Arc::clone(&shared), connection, its_host.clone())
    });
    Ok(address)
}

async fn serve_connection(shared: Arc<Shared>, connection: Stream, host: Host) {
    let client =
        Arc::new(Client { peer: connection.get_ref().peer(), is_grpc: true, ..Client::default() });
    let traffic = Arc::new(Traffic::default());
    let mut pings = Pings::new(&shared.enforcement, Arc::clone(&traffic));
    let arriving = Arriving::new(connection, shared.in_flight.enter())
        .with_pings(Box::new(move |stream| pings.is_one_too_many(stream, Instant::now())));
    let handshake = timeout(HEAD_WAIT, builder(&shared).handshake(arriving));
    let shaken = tokio::select! {
        () = sent_away(&host) => return,
        shaken = handshake => shaken,
    };
    let http2 = match shaken {
        Ok(Ok(http2)) => http2,
        Ok(Err(error)) => return debug!(%error, peer = ?client.peer, "no HTTP/2 client"),
        Err(_) => return debug!(peer = ?client.peer, "no HTTP/2 preface in time"),
    };
    drive(shared, (client, traffic), http2, host).await;
}

fn builder(shared: &Shared) -> h2::server::Builder {
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME_BYTES_MAX)
        .max_header_list_size(HEADER_BYTES_MAX)
        .max_concurrent_streams(shared.streams_max);
    builder
}

type Http2 = h2::server::Connection<Arriving, Bytes>;

/// Runs a connection and its calls until the client leaves, or is made to.
///
/// One poll function instead of tasks and channels: h2 wants its connection polled by whoever writes answers,
/// and a thousand connections with one call each then cost one task each. A round of it
/// 1. takes all calls that have come, polls the calls, and lets h2 write, until none of this makes progress;
/// 2. answers for the life of the connection: pings, its greatest age, idleness ([`Lifetime`] decides, on times
///    that it is given), and sleeps until the next of them.
///
/// A connection that is told to leave goes through three states: *serving*; *leaving* (GOAWAY is sent, calls
/// under way are finished, new ones of a client that has not read the GOAWAY yet are still served); *gone*
/// (nothing is under way, the socket is closed as soon as h2 has written what it has). A collector that stops
/// skips the wait between the last two; a reload does not, so that no call is cut that was sent in time.
async fn drive(
    shared: Arc<Shared>,
    (client, traffic): (Arc<Client>, Arc<Traffic>),
    mut http2: Http2,
    host: Host,
) {
    let mut pings = http2.ping_pong();
    let mut calls = FuturesUnordered::new();
    let mut life = Lifetime::new(&shared.parameters, spread(), Instant::now());
    let mut timer = pin!(sleep_until(life.next()));
    let mut stopping = pin!(host.stopping().cancelled());
    let mut stopped = false;
    let mut gone = false;
    let mut parting = pin!(parting(&host));
    poll_fn(|cx| {
        loop {
            // All calls that have come, then the answers that are ready soon, then one write: `poll_accept` both
            // reads and writes, so what the calls below answer leaves with the next turn of this loop, many
            // answers in one segment.
            while let Poll::Ready(accepted) = http2.poll_accept(cx) {
                let Some(Ok((request, respond))) = accepted else { return Poll::Ready(()) };
                let (shared, client) = (Arc::clone(&shared), Arc::clone(&client));
                calls.push(call::handle(shared, client, request, respond));
            }
            // An answer that took this round long enough is not kept waiting for the others'.
            let (mut again, begun) = (false, Instant::now());
            while let Poll::Ready(Some(())) = calls.poll_next_unpin(cx) {
                again = true;
                traffic.answered();
                if begun.elapsed() >= ANSWER_DELAY_MAX {
                    break;
                }
            }
            // From here on each branch runs once, and `again` gives h2 the chance to write what it has queued:
            // nobody else would wake this task for it.
            if !stopped && stopping.as_mut().poll(cx).is_ready() {
                (stopped, again) = (true, true);
                life.stop(Instant::now());
                http2.graceful_shutdown();
            }
            // `calls` are answers that are not written yet, `has_streams` are calls that h2 still knows: one can
            // be empty without the other.
            let idle = life.is_leaving() && !gone && calls.is_empty() && !http2.has_streams();
            if idle && parting.as_mut().poll(cx).is_ready() {
                // Nothing is under way any more.
                (gone, again) = (true, true);
                http2.abrupt_shutdown(Reason::NO_ERROR);
            }
            if !again {
                break;
            }
        }
        life.set_busy(!calls.is_empty(), Instant::now());
        life.set_unread(calls.is_empty() && http2.has_streams(), Instant::now());
        traffic.set_busy(!calls.is_empty());
        while let Poll::Ready(Ok(_)) = poll_pong(&mut pings, cx) {
            life.pong();
        }
        // Returning `Pending` is only allowed after the timer was polled with its new deadline: else nothing
        // would wake this task at that time.
        loop {
            if timer.deadline() != life.next() {
                timer.as_mut().reset(life.next());
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            match life.check(Instant::now()) {
                Action::Wait => {}
                Action::Ping => send_ping(&mut pings),
                Action::Leave => {
                    http2.graceful_shutdown();
                    // The GOAWAY is written by the next `poll_accept`.
                    cx.waker().wake_by_ref();
                }
                Action::Close => return Poll::Ready(()),
            }
        }
    })
    .await;
}

/// How long a client that was told to leave may take to say that it knows. Until then a call of its may
/// be under way, which only matters when the collector goes on.
async fn parting(host: &Host) {
    if host.stopping().is_cancelled() && host.is_leaving() {
        tokio::time::sleep(PARTING).await;
    }
}

fn poll_pong(
    pings: &mut Option<PingPong>,
    cx: &mut std::task::Context<'_>,
) -> Poll<Result<h2::Pong, h2::Error>> {
    pings.as_mut().map_or(Poll::Pending, |it| it.poll_pong(cx))
}

fn send_ping(pings: &mut Option<PingPong>) {
    if let Some(Err(error)) = pings.as_mut().map(|it| it.send_ping(Ping::opaque())) {
        debug!(%error, "a ping could not be sent");
    }
}
