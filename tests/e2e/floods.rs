//! Clients that flood: what each does ends with its connection, takes a bounded amount of memory, and keeps nobody else
//! from being served. Also thousands that do nothing, and those that speak TLS to a plain port or only half of it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream as Blocking};
use std::path::Path;
use std::time::{Duration, Instant};

use componenttest::Authority;
use configtls::{ClientConfig, Connector};
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{PATIENCE, Process, SLUICE, eventually, own_address};

/// What floods may add to the memory of the program.
const SURPLUS_MIB: u64 = 48;
/// Frames of a flood.
const FRAMES: u32 = 50_000;
/// Longest time until a client that reads nothing is gone: 30 s, and a busy machine.
const UNREAD_WAIT: Duration = Duration::from_secs(60);

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// "I want nothing", RFC 9113, section 7.
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// RFC 9113, section 4.1.
fn frame(kind: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&length[..], &[kind, flags], &stream.to_be_bytes(), body].concat()
}

fn preface(settings: &[u8]) -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, settings)].concat()
}

/// HPACK: POST and http from the static table, the rest as literals without indexing. RFC 7541, 6.1 and 6.2.2.
fn headers() -> Vec<u8> {
    let literal = |name: &str, value: &str| {
        let length = |text: &str| u8::try_from(text.len()).unwrap();
        [&[0, length(name)], name.as_bytes(), &[length(value)], value.as_bytes()].concat()
    };
    [
        vec![0x83, 0x86],
        literal(":path", "/opentelemetry.proto.collector.logs.v1.LogsService/Export"),
        literal("content-type", "application/grpc"),
        literal("te", "trailers"),
    ]
    .concat()
}

/// A call with an empty message.
fn call(stream: u32) -> Vec<u8> {
    [frame(HEADERS, END_HEADERS, stream, &headers()), frame(DATA, END_STREAM, stream, &[0; 5])]
        .concat()
}

/// Sends `piece` again and again, reading what comes; true when the server ends it before all was sent.
async fn flood<S>(stream: S, begin: Vec<u8>, piece: impl Fn(u32) -> Vec<u8>) -> bool
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut reads, mut writes) = tokio::io::split(stream);
    let reader = tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while reads.read(&mut buffer).await.is_ok_and(|it| it > 0) {}
    });
    let sent = async {
        writes.write_all(&begin).await?;
        for number in 0..FRAMES {
            writes.write_all(&piece(number)).await?;
        }
        writes.flush().await
    };
    let ended = tokio::time::timeout(PATIENCE, sent).await.is_ok_and(|it| it.is_err());
    // Its end may come while the last frames are on the way.
    let gone = tokio::time::timeout(Duration::from_secs(2), reader).await.is_ok();
    ended || gone
}

/// An honest push over either protocol is answered within this time.
const HONEST_WAIT: Duration = Duration::from_secs(5);

fn honest(address: &str) {
    let mut stream = Blocking::connect((address, 4318)).unwrap();
    stream.set_read_timeout(Some(HONEST_WAIT)).unwrap();
    let head =
        "POST /v1/logs HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nConnection: close";
    write!(stream, "{head}\r\nContent-Length: 2\r\n\r\n{{}}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let mut stream = Blocking::connect((address, 4317)).unwrap();
    stream.set_read_timeout(Some(HONEST_WAIT)).unwrap();
    stream.write_all(&[preface(&[]), call(1)].concat()).unwrap();
    let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
    // The end of the answer: trailers that end the stream. "grpc-status" may be compressed, the flag is not.
    while !answer.windows(5).any(|it| it == [HEADERS, END_HEADERS | END_STREAM, 0, 0, 0]) {
        let length = stream.read(&mut buffer).unwrap();
        assert!(length > 0, "{answer:?}");
        answer.extend_from_slice(&buffer[..length]);
    }
}

async fn gateway(folder: &Path, address: &str, tls: &str) -> Process {
    let yaml = format!(
        "receivers:
  otlp: {{protocols: {{grpc: {{endpoint: '{address}:4317'}}, http: {{endpoint: '{address}:4318'}}}}}}
  otlp/tls: {{protocols: {{http: {{endpoint: '{address}:4319', tls: {tls}}}}}}}
exporters: {{nop: }}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{logs: {{receivers: [otlp, otlp/tls], exporters: [nop]}}}}
"
    );
    let mut sluice = Process::collector(Path::new(SLUICE), folder, &yaml);
    sluice.ready().await;
    sluice
}

/// A gateway with a certificate on its third port.
async fn encrypted(folder: &Path, address: &str) -> (Process, Authority) {
    let authority = Authority::new();
    authority.issue("gateway", address);
    let (cert, key) = (authority.path("gateway.pem"), authority.path("gateway.key"));
    let sluice = gateway(folder, address, &format!("{{cert_file: {cert}, key_file: {key}}}")).await;
    (sluice, authority)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_end_and_keep_nobody_from_being_served() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address(200);
    let (mut sluice, authority) = encrypted(folder.path(), &address).await;
    honest(&address);
    let before = sluice.usage().resident_bytes >> 20;
    // A window of 0: its answers have no room, and never will.
    let mut unread = Blocking::connect((address.as_str(), 4317)).unwrap();
    let settings = [0, 4, 0, 0, 0, 0];
    unread
        .write_all(
            &[preface(&settings), (0..50).flat_map(|it| call(2 * it + 1)).collect()].concat(),
        )
        .unwrap();
    let begun = Instant::now();
    let reset = |number: u32| {
        let stream = 2 * number + 1;
        [frame(HEADERS, END_HEADERS, stream, &headers()), frame(RST_STREAM, 0, stream, &CANCEL)]
            .concat()
    };
    let begin_headers = [preface(&[]), frame(HEADERS, 0, 1, &headers())].concat();
    let literal = [&[0, 1, b'x', 127, 0x81, 0x7e][..], &[b'y'; 16_384 - 6]].concat();
    for port in [4317, 4319] {
        let mut config = ClientConfig::default();
        config.common.ca_file = authority.path("ca.pem");
        let connector = Connector::new(&config, &["h2"]).unwrap();
        let connect = async || {
            let stream = TcpStream::connect((address.as_str(), port)).await.unwrap();
            match port {
                4319 => connector.connect(&address, stream).await.unwrap(),
                _ => configtls::MaybeTls::Plain(stream),
            }
        };
        let ended = flood(connect().await, preface(&[]), reset).await;
        println!("{port}: rapid reset: ended {ended}");
        honest(&address);
        let more = |_| frame(CONTINUATION, 0, 1, &literal);
        assert!(flood(connect().await, begin_headers.clone(), more).await, "{port}: CONTINUATION");
        honest(&address);
        let ended = flood(connect().await, preface(&[]), |_| frame(SETTINGS, 0, 0, &[])).await;
        println!("{port}: SETTINGS: ended {ended}");
        honest(&address);
        let begun = [preface(&[]), frame(HEADERS, END_HEADERS, 1, &headers())].concat();
        let ended = flood(connect().await, begun, |_| frame(DATA, 0, 1, &[])).await;
        println!("{port}: empty DATA: ended {ended}");
        honest(&address);
        // Headers of a few KiB that stand for 40 MB: a long one into the table, and then its number.
        let long = [&[0x40, 1, b'x', 127, 0xa1, 0x1e][..], &[b'y'; 4000]].concat();
        let bomb = [headers(), long, vec![0xbe; 10_000]].concat();
        let bombs = |number| frame(HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, &bomb);
        let ended = flood(connect().await, preface(&[]), bombs).await;
        println!("{port}: HPACK: ended {ended}");
        honest(&address);
        let ended = flood(connect().await, preface(&[]), |_| frame(PING, 0, 0, &[0; 8])).await;
        assert!(ended || port == 4319, "gRPC has a policy for pings");
        honest(&address);
    }
    let peak = sluice.usage().resident_peak_bytes >> 20;
    println!("{before} MiB before the floods, {peak} MiB at most");
    assert!(peak < before + SURPLUS_MIB, "{before} MiB, {peak} MiB");
    unread.set_read_timeout(Some(UNREAD_WAIT)).unwrap();
    let mut rest = Vec::new();
    // A reset is an end as well.
    if let Err(why) = unread.read_to_end(&mut rest) {
        assert_eq!(why.kind(), std::io::ErrorKind::ConnectionReset, "after {:?}", begun.elapsed());
    }
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_to_a_plain_port_and_half_a_handshake_end_soon() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address(201);
    let (mut sluice, _authority) = encrypted(folder.path(), &address).await;
    // The head of a handshake record and of a ClientHello that announce more than comes.
    let hello = [&[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[7; 100]].concat();
    let begun = Instant::now();
    let all: Vec<Blocking> = [4317, 4318, 4319, 4319]
        .into_iter()
        .enumerate()
        .map(|(at, port)| {
            let mut stream = Blocking::connect((address.as_str(), port)).unwrap();
            // The last one does not even begin.
            stream.write_all(if at == 3 { &[] } else { &hello }).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream
        })
        .collect();
    honest(&address);
    for (mut stream, name) in all.into_iter().zip(["gRPC", "HTTP", "half", "none"]) {
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        println!(
            "{name}: {read:?} after {:?}: {:?}",
            begun.elapsed(),
            String::from_utf8_lossy(&answer)
        );
        let is_end = |why: std::io::Error| why.kind() == std::io::ErrorKind::ConnectionReset;
        assert!(read.map_or_else(is_end, |_| true), "{name} is still there");
    }
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    honest(&address);
    assert!(sluice.output().contains("a TLS handshake failed"), "{}", sluice.output());
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
}

/// Idle connections, nearly as many as a listener takes.
const IDLE: usize = 9_900;
/// What one of them may take, in KiB.
const IDLE_KIB: u64 = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_connections_leave_room_for_others_and_no_more_come() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address(202);
    let (mut sluice, _authority) = encrypted(folder.path(), &address).await;
    honest(&address);
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, ..limit };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).unwrap();
    if limit.maximum.is_some_and(|it| it < 11_000) {
        crate::support::skipped(format_args!(
            "ten thousand connections need more open files than {limit:?}"
        ));
        return;
    }
    let before = sluice.usage().resident_bytes >> 10;
    let come = |at: usize| {
        // From several addresses, because there is a limit for each.
        let from = Ipv4Addr::new(127, 201, 0, u8::try_from(at / 900).unwrap());
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddrV4::new(from, 0).into()).unwrap();
        socket.connect(&SocketAddrV4::new(address.parse().unwrap(), 4317).into()).unwrap();
        let mut stream = Blocking::from(socket);
        stream.write_all(&preface(&[])).unwrap();
        stream
    };
    let idle: Vec<Blocking> = (0..IDLE).map(come).collect();
    honest(&address);
    let each = (sluice.usage().resident_bytes >> 10).saturating_sub(before) / IDLE as u64;
    println!("{each} KiB for each of {IDLE} idle connections");
    assert!(each < IDLE_KIB, "{each} KiB");
    // Beyond ten thousand they are closed as they come.
    let surplus: Vec<Blocking> = (IDLE..IDLE + 200).map(come).collect();
    let closed = |mut it: &Blocking| {
        it.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut first = [0; 9];
        it.read_exact(&mut first).is_err()
    };
    let closed = surplus.iter().filter(|it| closed(it)).count();
    assert!((100..=101).contains(&closed), "{closed} of 200 were closed");
    drop((idle, surplus));
    let again = || std::panic::catch_unwind(|| honest(&address)).is_ok();
    assert!(eventually(again).await, "{}", sluice.output());
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
}
