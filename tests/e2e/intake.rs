//! Clients that mean no good: slow, silent, many, or with more than there is room for.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use crate::support::{PATIENCE, Process, SLUICE, own_address};

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
fn slow(address: &str, port: u16, begin: &str) -> Vec<TcpStream> {
    let begun = (0..100).map(|_| {
        let mut stream = TcpStream::connect((address, port)).unwrap();
        stream.write_all(begin.as_bytes()).unwrap();
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
    let mut heads: Vec<_> = [8888, 13133].map(|port| slow(&address, port, "GET /")).into();
    let head = "GET /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n";
    let _bodies = [8888, 13133].map(|port| slow(&address, port, head));
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
