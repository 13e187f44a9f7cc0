//! Clients that mean no good: slow, silent, many, or with more than there is room for.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use compression::{Chunks, Compressor, Encoding, Params, Type as Compression};
use socket2::{Domain, Socket, Type};

use crate::support::{PATIENCE, Process, SLUICE, eventually, own_address};

/// An honest client gives up after this time: a scraper with a short timeout.
const HONEST_WAIT: Duration = Duration::from_secs(3);

/// The answer to `GET path` for a client that waits no longer than [`HONEST_WAIT`] for any of it.
fn honest(address: &str, port: u16, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((address, port))?;
    stream.set_read_timeout(Some(HONEST_WAIT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Connections that have sent this, and nothing more.
fn slow(address: &str, port: u16, begin: &[u8], count: usize) -> Vec<TcpStream> {
    let begun = (0..count).map(|_| {
        let mut stream = TcpStream::connect((address, port)).unwrap();
        stream.set_write_timeout(Some(HONEST_WAIT)).unwrap();
        // The server may have closed it already.
        let _ = stream.write_all(begin);
        stream
    });
    begun.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_do_not_blind_metrics_and_health() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address(111);
    let yaml = format!(
        "extensions: {{health_check: {{endpoint: '{address}:13133'}}}}
receivers: {{otlp: {{protocols: {{http: {{endpoint: '{address}:4318'}}}}}}}}
exporters: {{nop: }}
service:
  extensions: [health_check]
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: '{address}', port: 8888}}}}}}}}]}}}}
  pipelines: {{logs: {{receivers: [otlp], exporters: [nop]}}}}
"
    );
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    sluice.ready().await;
    let mut heads: Vec<_> = [8888, 13133].map(|port| slow(&address, port, b"GET /", 100)).into();
    let head = b"GET /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n";
    let _bodies = [8888, 13133].map(|port| slow(&address, port, head, 100));
    for _ in 0..3 {
        // One more byte of each, as slow clients do.
        heads.iter_mut().flatten().for_each(|it| it.write_all(b"x").unwrap());
        for (port, path, text) in
            [(8888, "/metrics", "otelcol_process_uptime"), (13133, "/", "Server available")]
        {
            let answer = honest(&address, port, path).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
            assert!(answer.contains(text), "{answer}");
        }
    }
    // Slow clients are sent away, so that they do not take every place in the end.
    for mut it in heads.into_iter().flatten() {
        it.set_read_timeout(Some(PATIENCE)).unwrap();
        match it.read(&mut [0]) {
            Ok(0) => {}
            Ok(_) => panic!("a head that is cut has no answer"),
            Err(why) => assert_eq!(why.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
}

/// What the hard limit of the gateway may be passed by, for moments, with the pages of the program itself, of which a debug
/// build has many. As a rule it stays 20 MiB below that limit.
const SURPLUS_MIB: u64 = 32;

/// A gateway that forgets what it takes, with a memory limit.
async fn limited(folder: &Path, address: &str, limit: &str) -> Process {
    let yaml = format!(
        "receivers: {{otlp: {{protocols: {{grpc: {{endpoint: '{address}:4317'}}, http: {{endpoint: '{address}:4318'}}}}}}}}
processors: {{memory_limiter: {{check_interval: 1s, {limit}}}}}
exporters: {{nop: }}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{logs: {{receivers: [otlp], processors: [memory_limiter], exporters: [nop]}}}}
"
    );
    let mut sluice = Process::collector(Path::new(SLUICE), folder, &yaml);
    sluice.ready().await;
    sluice
}

const HEAD: &str = "POST /v1/logs HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n";

/// The beginning of a gRPC connection: preface and settings, and `calls` calls of which only the headers and a
/// prefix come, which announces a message of 4 MiB.
fn calls(calls: u8) -> Vec<u8> {
    let literal = |name: &str, value: &str| {
        let length = |text: &str| u8::try_from(text.len()).unwrap();
        [&[0, length(name)], name.as_bytes(), &[length(value)], value.as_bytes()].concat()
    };
    // HPACK: POST and http from the static table, the rest as literals without indexing. RFC 7541, 6.1 and 6.2.2.
    let headers = [
        vec![0x83, 0x86],
        literal(":path", "/opentelemetry.proto.collector.logs.v1.LogsService/Export"),
        literal("content-type", "application/grpc"),
    ]
    .concat();
    let mut all = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    for call in 0..calls {
        let stream = [0, 0, 0, 2 * call + 1];
        let length = u8::try_from(headers.len()).unwrap();
        all.extend([&[0, 0, length, 1, 4], &stream[..], &headers].concat());
        all.extend([&[0, 0, 5, 0, 0], &stream[..], &[0, 0, 0x40, 0, 0]].concat());
    }
    all
}

/// A frame of 1 MiB for the first of the calls, of which the last byte is missing.
fn unfinished_frame() -> Vec<u8> {
    let body = vec![0; (1 << 20) - 1];
    [calls(1), vec![0x10, 0, 0, 0, 0, 0, 0, 0, 1], body].concat()
}

/// A chunked body of 8 MiB without its end.
fn unfinished_chunks() -> Vec<u8> {
    let chunk = [b"10000\r\n", &vec![b' '; 65536][..], b"\r\n"].concat();
    [format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n").into_bytes(), chunk.repeat(128)].concat()
}

/// A body of 20 MiB that fits into a few KiB.
fn compressed() -> Vec<u8> {
    let compressor = Compressor::http(Compression(Some(Encoding::Gzip)), Params::default());
    let chunks = compressor.compress(Chunks::from(Bytes::from(vec![b' '; 20 << 20]))).unwrap();
    let body: Vec<u8> = chunks.pieces().flat_map(|it| it.to_vec()).collect();
    let head = format!("{HEAD}Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_clients_take_no_more_than_the_limit_and_honest_ones_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address(112);
    let mut sluice = limited(folder.path(), &address, "limit_mib: 128").await;
    let honest = format!(r#"{{"x": "{}", "resourceLogs": []}}"#, "x".repeat(3 << 20)).into_bytes();
    let announced = format!("{HEAD}Content-Length: 4194304\r\n\r\n").into_bytes();
    let large_head = format!("{HEAD}X: {}", "x".repeat(250_000)).into_bytes();
    // What is announced and does not come takes nothing from anybody, while it does not come.
    let silent = [slow(&address, 4318, &announced, 100), slow(&address, 4317, &calls(100), 2)];
    assert_eq!(post_json(&address, &honest), 200, "{}", sluice.output());
    drop(silent);
    for (name, port, begin, count) in [
        ("chunked bodies", 4318, unfinished_chunks(), 60),
        ("compressed bodies", 4318, compressed(), 100),
        ("frames", 4317, unfinished_frame(), 200),
        ("heads", 4318, large_head, 300),
    ] {
        let attackers = std::thread::scope(|scope| {
            let attackers: Vec<_> =
                (0..10).map(|_| scope.spawn(|| slow(&address, port, &begin, count / 10))).collect();
            attackers.into_iter().flat_map(|it| it.join().unwrap()).collect::<Vec<_>>()
        });
        let peak = sluice.usage().resident_peak_bytes >> 20;
        println!("{name}: at most {peak} MiB resident");
        assert!(peak < 128 + SURPLUS_MIB, "{name}: {peak} MiB");
        drop(attackers);
        let taken = eventually(|| post_json(&address, &honest) == 200).await;
        assert!(taken, "after {name}: {}", sluice.output());
    }
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
}

/// The status of a push.
fn post_json(address: &str, body: &[u8]) -> u16 {
    let mut stream = TcpStream::connect((address, 4318)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("{HEAD}Connection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    // It may be refused before all is sent.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    std::str::from_utf8(&answer[9..]).unwrap().parse().unwrap()
}

/// Connections that come and go. Their memory is that of many requests.
const CONNECTIONS: usize = 3_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_is_taken_again_soon_after_many_connections_have_gone() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address(113);
    let mut sluice = limited(folder.path(), &address, "limit_mib: 86, spike_limit_mib: 26").await;
    let push = br#"{"resourceLogs": [{"scopeLogs": [{"logRecords": [{}]}]}]}"#;
    assert_eq!(post_json(&address, push), 200);
    // Of this process, which may have a lower limit than the program.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, ..limit };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).unwrap();
    let connections: Vec<_> = (0..CONNECTIONS).map(|at| come(&address, at)).collect();
    let refused = || post_json(&address, push) == 503;
    assert!(eventually(refused).await, "{} MiB", sluice.usage().resident_bytes >> 20);
    drop(connections);
    let gone = Instant::now();
    assert!(eventually(|| post_json(&address, push) == 200).await, "{}", sluice.output());
    println!("taken again after {:?}", gone.elapsed());
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
}

/// A client of either protocol, from one of several addresses because of the limit for each, that stays idle.
fn come(address: &str, at: usize) -> TcpStream {
    let from = SocketAddrV4::new(Ipv4Addr::new(127, 200, 0, u8::try_from(at / 900).unwrap()), 0);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&from.into()).unwrap();
    let (port, begin) = match at % 2 {
        0 => (4317, calls(0)),
        _ => (4318, format!("{HEAD}Content-Length: 2\r\n\r\n{{}}").into_bytes()),
    };
    let to = SocketAddrV4::new(address.parse().unwrap(), port);
    socket.connect(&to.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.write_all(&begin).unwrap();
    stream
}
