//! What must hold for every way in which bytes can reach a server: it does not panic, what is under way is never more
//! than what has come and what that is decompressed to, and nothing is under way when the client has gone.
//!
//! The servers are the real ones, behind a unix socket; the clock runs when nothing else does, so that deadlines pass
//! at once.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use component::config::Choices;
use component::{Context, GrpcStatus, InFlight, Meter, async_trait};
use componenttest::TestHost;
use configgrpc::frame::Messages;
use confignet::http2::Frames;
use configgrpc::server::{Route, Unary};
use confighttp::server::Handler;
use confignet::{AddrConfig, Transport};
use http::request::Parts;
use http::{Response, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

/// Longest body and message, decompressed too, in bytes.
const BODY_BYTES_MAX: usize = 1 << 20;
/// What a list of headers may say in more bytes than it came in, for each call: names of the static table.
const HEADERS_BYTES_MAX: usize = 512;
/// Most calls that one input opens.
const CALLS_MAX: usize = 64;
/// gRPC's one byte and length.
const PREFIX_BYTES: usize = 5;

/// A server, what runs it, and what has been sent to it.
pub struct Server {
    runtime: Runtime,
    in_flight: InFlight,
    socket: PathBuf,
    /// The host's tasks are the server.
    _host: TestHost,
}

/// Takes everything, and looks at what is under way.
struct Taker {
    in_flight: InFlight,
    taken: AtomicUsize,
}

impl Taker {
    fn take(&self, body: &Bytes) {
        let bytes = self.in_flight.bytes();
        assert!(
            bytes >= body.len(),
            "{bytes} bytes are under way while {} are handled",
            body.len()
        );
        self.taken.fetch_add(1, Relaxed);
    }
}

#[async_trait]
impl Handler for Taker {
    fn check(&self, _head: &Parts) -> Option<Response<Bytes>> {
        None
    }

    async fn handle(&self, _head: &Parts, _ctx: &Context, body: Bytes) -> Response<Bytes> {
        self.take(&body);
        tokio::task::yield_now().await;
        Response::new(body)
    }

    fn refuse(&self, _head: &Parts, status: StatusCode, message: &str) -> Response<Bytes> {
        let mut response = Response::new(Bytes::copy_from_slice(message.as_bytes()));
        *response.status_mut() = status;
        response
    }
}

#[async_trait]
impl Unary for Taker {
    async fn call(&self, _ctx: &Context, message: Bytes) -> Result<(), GrpcStatus> {
        self.take(&message);
        tokio::task::yield_now().await;
        Ok(())
    }
}

impl Server {
    /// One that speaks HTTP/1.
    pub fn http1() -> Self {
        Self::start("http1", |net, taker, host| {
            let config = confighttp::server::ServerConfig {
                net,
                max_request_body_size: 1 << 20,
                ..Default::default()
            };
            confighttp::server::serve(&config, taker, (host, &Meter::default()))
        })
    }

    /// One that speaks HTTP/2.
    pub fn http2() -> Self {
        Self::start("http2", |net, handler, host| {
            let config = configgrpc::server::ServerConfig {
                net,
                max_recv_msg_size_mib: 1,
                ..Default::default()
            };
            let route = Route { service: "s", method: "m", answer: b"", handler };
            configgrpc::server::serve(&config, vec![route], (host, &Meter::default()))
        })
    }

    fn start<E: std::fmt::Debug, A>(
        name: &str,
        serve: impl FnOnce(AddrConfig, Arc<Taker>, &component::Host) -> Result<A, E>,
    ) -> Self {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().expect("a runtime");
        let socket =
            std::env::temp_dir().join(format!("sluice-fuzz-{name}-{}", std::process::id()));
        let entered = runtime.enter();
        let host = TestHost::new();
        let in_flight = host.in_flight().clone();
        let unix = Transport::NAMES.iter().find(|it| it.0 == "unix").expect("a transport").1;
        let endpoint = socket.to_str().expect("a path");
        let net = AddrConfig { transport: unix.into(), ..AddrConfig::tcp(endpoint) };
        let taker = Taker { in_flight: in_flight.clone(), taken: AtomicUsize::new(0) };
        serve(net, Arc::new(taker), &host).expect("a server");
        drop(entered);
        Self { runtime, in_flight, socket, _host: host }
    }

    /// A client that sends these pieces one after the other, reads what is answered, and goes. `surplus` is what may be
    /// under way beside what was sent.
    fn feed(&self, pieces: &[&[u8]], surplus: usize) {
        let Self { in_flight, socket, .. } = self;
        self.runtime.block_on(async {
            let stream = UnixStream::connect(socket).await.expect("a server that listens");
            let (mut from, mut to) = stream.into_split();
            let send = async {
                let mut sent = 0;
                for piece in pieces {
                    // The server may have closed the connection.
                    if to.write_all(piece).await.is_err() {
                        break;
                    }
                    sent += piece.len();
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    let bytes = in_flight.bytes();
                    assert!(bytes <= sent + surplus, "{bytes} bytes of {sent} are under way");
                }
                drop(to);
            };
            let read = async {
                let mut answer = vec![0; 4096];
                while from.read(&mut answer).await.is_ok_and(|it| it > 0) {}
            };
            tokio::join!(send, read);
            drop(from);
            // A connection that was dropped is noticed at its next turn.
            for _ in 0..100 {
                if in_flight.bytes() == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            panic!("{} bytes of a client that has gone are under way", in_flight.bytes());
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// What an HTTP/1 client sends, in pieces as long as the first byte says.
pub fn http1(server: &Server, input: &[u8]) {
    let Some((step, bytes)) = input.split_first() else { return };
    let pieces: Vec<&[u8]> = bytes.chunks(usize::from(*step).pow(2).max(1)).take(1000).collect();
    let compressed = bytes.to_ascii_lowercase().windows(8).any(|it| it == b"encoding");
    server.feed(&pieces, if compressed { BODY_BYTES_MAX } else { 0 });
}

/// Each two bytes are a step of an HTTP/2 client: what it sends, and how much of it.
pub fn http2(server: &Server, input: &[u8]) {
    frames(input);
    messages(input);
    let (mut wire, mut cuts, mut calls) = (PREFACE.to_vec(), Vec::new(), 0_usize);
    for step in input.chunks_exact(2).take(1000) {
        let [what, size] = *step else { return };
        let call = u32::try_from(calls).unwrap_or(0) * 2 + 1;
        let flag = u8::from(size & 0x80 != 0);
        match what % 10 {
            0 if calls < CALLS_MAX => {
                calls += 1;
                frame(&mut wire, (1, 4 | flag), call + 2, &headers(size));
            }
            1 => frame(&mut wire, (0, flag), call, &vec![what; usize::from(size) * 64]),
            2 => frame(&mut wire, (0, flag), call, &[0, 0, 0, size, 0]),
            3 => frame(&mut wire, (0, 8), call, &vec![size; usize::from(size)]),
            4 => frame(&mut wire, (3, 0), call, &[0, 0, 0, 8]),
            5 => frame(&mut wire, (6, flag), 0, &[size; 8]),
            6 => frame(&mut wire, (8, 0), call, &[0, 0, 1, size]),
            // A frame of which less comes than it says, as long as nothing else is sent.
            7 => wire.extend([size, what, 0, 0, 0, 0, 0, 0, 1]),
            8 => wire.extend(std::iter::repeat_n(what, usize::from(size).pow(2))),
            _ => wire.push(size),
        }
        cuts.push(wire.len());
    }
    let ends = [PREFACE.len()].into_iter().chain(cuts);
    let mut from = 0;
    let pieces: Vec<&[u8]> = ends
        .map(|end| {
            let piece = wire.get(from..end).unwrap_or_default();
            from = end;
            piece
        })
        .collect();
    let compressed = if calls > 0 { BODY_BYTES_MAX } else { 0 };
    server.feed(&pieces, calls * HEADERS_BYTES_MAX + compressed);
}

/// Preface and settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn frame(wire: &mut Vec<u8>, (kind, flags): (u8, u8), stream: u32, body: &[u8]) {
    let length = u32::try_from(body.len()).unwrap_or(0).to_be_bytes();
    wire.extend(length.get(1..).unwrap_or_default());
    wire.extend([kind, flags]);
    wire.extend(stream.to_be_bytes());
    wire.extend(body);
}

/// POST to the only method, and what `more` adds. RFC 7541, 6.1 and 6.2.2.
fn headers(more: u8) -> Vec<u8> {
    let mut block =
        b"\x83\x86\x00\x05:path\x04/s/m\x00\x0ccontent-type\x10application/grpc".to_vec();
    match more % 4 {
        0 => block.extend(b"\x00\x0dgrpc-encoding\x04gzip"),
        1 => block.extend(b"\x00\x0cgrpc-timeout\x0210S"),
        2 => block.extend(b"\x00\x01x\x20aaaaaaaabbbbbbbbccccccccdddddddd"),
        _ => {}
    }
    block
}

/// What is partial does not depend on how it was cut.
fn frames(input: &[u8]) {
    let (mut whole, mut cut) = (Frames::default(), Frames::default());
    for piece in input.chunks(7) {
        cut.came(piece);
        piece.chunks(1).for_each(|byte| whole.came(byte));
        assert_eq!(whole.partial(), cut.partial());
        assert!(whole.partial() <= input.len());
    }
}

/// Neither do messages, and what is kept of them is no more than what has come.
fn messages(input: &[u8]) {
    let split = |step: usize| {
        let (mut messages, mut found) = (Messages::new(BODY_BYTES_MAX), Vec::new());
        for piece in input.chunks(step) {
            messages.push(Bytes::copy_from_slice(piece));
            loop {
                match messages.take() {
                    Ok(Some(message)) => found.push((message.compressed, message.body)),
                    Ok(None) => break,
                    Err(error) => return (found, Some(error.to_string()), false),
                }
            }
        }
        (found, None, messages.is_between())
    };
    let (whole, cut) = (split(input.len().max(1)), split(3));
    assert_eq!(whole, cut);
    let bytes: usize = whole.0.iter().map(|it| it.1.len() + PREFIX_BYTES).sum();
    assert!(bytes <= input.len());
}
