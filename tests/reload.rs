//! Reloads under load: clients push over kept connections and files grow and rotate, while processors,
//! receivers, exporters, pipelines and own telemetry change, and some configurations are wrong. Nothing is
//! refused, nothing is lost, and nothing grows.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use component::config::{Value, load};
use component::{Component, Consumer, Context, Data, Exporter, Next, Signal};
use componenttest::{TestHost, exporter_settings, spawn};
use ledger::{Line, Oracle, Pod, PodName, Usage, free_port};
use otlp_grpc_exporter::OtlpGrpc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Endpoint, Process, SLUICE, eventually};

/// Reloads of one run. `SLUICE_RELOADS` overrides: the release run has 1,000.
const RELOADS: u64 = 100;
/// Reloads before what is open is counted for the first time.
const WARM: u64 = 20;
/// Kinds of change, in turn.
const KINDS: u64 = 8;
/// Descriptors and threads that may be more at the end: connections come and go, and so do the runtime's
/// threads for blocking work.
const SLACK: u64 = 24;
/// Memory that may be more at the end: the allocator's.
const SLACK_BYTES: u64 = 24 << 20;
/// Kept by the rotation: far more than one reload takes to read.
const KEEP: usize = 50;

/// Where the program listens.
struct Ports {
    grpc: u16,
    http: u16,
    metrics: u16,
    health: u16,
}

/// The n-th configuration: each differs from the one before in one way.
fn config(folder: &Path, ports: &Ports, backend: &Endpoint, n: u64) -> String {
    // How often each kind has come so far; its parity is what changes.
    let turn = |kind: u64| (n + KINDS - kind) / KINDS;
    let odd = |kind: u64, a: &'static str, b: &'static str| if turn(kind) % 2 == 0 { a } else { b };
    let misspelt = if n % KINDS == 5 { "\n    timeuot: 1s" } else { "" };
    let second = odd(6, "", "\n    logs/2: {receivers: [otlp], exporters: [nop]}");
    format!(
        "receivers:
  otlp:
    protocols:
      grpc: {{endpoint: '127.0.0.1:{grpc}', max_recv_msg_size_mib: {mib}}}
      http: {{endpoint: '127.0.0.1:{http}', include_metadata: {metadata}}}
  file_log:
    include: ['{folder}/pods/*/*/*.log']
    start_at: beginning
    storage: file_storage
    poll_interval: {poll}
    operators: [{{type: container}}]
processors:
  resource: {{attributes: [{{key: turn, value: 'n{turn}', action: upsert}}]}}
  batch: {{timeout: {batch}}}
exporters:
  nop: {{}}
  otlp_grpc:{misspelt}
    endpoint: {backend}
    timeout: {timeout}
    tls: {{insecure: true}}
    retry_on_failure: {{initial_interval: 20ms, max_interval: 100ms}}
extensions:
  file_storage: {{directory: '{folder}/state'}}
  health_check: {{endpoint: '127.0.0.1:{health}', path: {path}}}
service:
  extensions: [file_storage, health_check]
  telemetry:
    logs: {{sampling: {{enabled: false}}}}
    resource: {{attributes: [{{name: turn, value: {resource}}}]}}
    metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {metrics}}}}}}}}}]}}
  pipelines:
    logs: {{receivers: [file_log, otlp], processors: [resource, batch], exporters: [otlp_grpc]}}{second}
",
        grpc = ports.grpc,
        http = ports.http,
        metrics = ports.metrics,
        health = ports.health,
        folder = folder.display(),
        backend = backend.grpc,
        turn = turn(0),
        mib = odd(1, "5", "6"),
        metadata = odd(1, "false", "true"),
        timeout = odd(2, "5s", "6s"),
        poll = odd(3, "50ms", "60ms"),
        batch = odd(4, "20ms", "30ms"),
        path = odd(4, "/", "/health"),
        resource = odd(7, "a", "b"),
    )
}

/// Lines that are pushed, and what became of them.
#[derive(Default)]
struct Pushes {
    stop: AtomicBool,
    accepted: AtomicU64,
    refused: AtomicU64,
    last_refusal: std::sync::Mutex<String>,
}

impl Pushes {
    fn refuse(&self, why: impl std::fmt::Display) {
        self.refused.fetch_add(1, Relaxed);
        *self.last_refusal.lock().unwrap() = why.to_string();
    }

    /// The next request: a few lines as OTLP/JSON, and the number of the line after them.
    fn request(writer: u32, from: u64, random: &mut fastrand::Rng) -> (u64, String) {
        let to = from + random.u64(1..20);
        let record =
            |seq| serde_json::json!({"body": {"stringValue": Line::now(writer, seq).text(80)}});
        let records: Vec<_> = (from..to).map(record).collect();
        let logs = serde_json::json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]});
        (to, logs.to_string())
    }

    /// Pushes over gRPC, as other collectors do: a request that the server has not taken before it said
    /// goodbye goes over the next connection.
    async fn over_grpc(&self, writer: u32, endpoint: &str) -> u64 {
        let section = serde_json::json!({"endpoint": endpoint, "tls": {"insecure": true}});
        let section: Value = serde_json::from_value(section).unwrap();
        let config = load(&section).unwrap();
        let client = Arc::new(
            OtlpGrpc::create(exporter_settings("otlp_grpc", Signal::Logs), config).unwrap(),
        );
        Arc::clone(&client).start(&TestHost::new()).await.unwrap();
        let mut random = fastrand::Rng::with_seed(u64::from(writer));
        let mut next = 0;
        while !self.stop.load(Relaxed) {
            let (to, json) = Self::request(writer, next, &mut random);
            let limits = pdata::Limits::default();
            let data = Data::from_json(Signal::Logs, json.as_bytes(), &limits).unwrap();
            match client.consume(&Context::default(), data).await {
                Ok(()) => (next, _) = (to, self.accepted.fetch_add(1, Relaxed)),
                Err(error) => self.refuse(error),
            }
            tokio::time::sleep(Duration::from_micros(random.u64(0..4000))).await;
        }
        client.shutdown().await.unwrap();
        next
    }

    /// Pushes over one HTTP connection for as long as the server keeps it. A client that hides nothing:
    /// whatever is not a 200 counts.
    async fn over_http(&self, writer: u32, port: u16) -> u64 {
        let mut random = fastrand::Rng::with_seed(u64::from(writer));
        let (mut next, mut kept) = (0, None);
        while !self.stop.load(Relaxed) {
            let (to, json) = Self::request(writer, next, &mut random);
            let stream = match kept.take() {
                Some(stream) => Ok(stream),
                None => TcpStream::connect(("127.0.0.1", port)).await,
            };
            let answer = async { post(stream?, &json).await };
            match answer.await {
                Ok(stream) => {
                    (next, kept) = (to, stream);
                    self.accepted.fetch_add(1, Relaxed);
                }
                Err(error) => self.refuse(error),
            }
            tokio::time::sleep(Duration::from_micros(random.u64(0..4000))).await;
        }
        next
    }
}

/// The connection, unless the server has said that this was the last answer.
async fn post(mut stream: TcpStream, json: &str) -> std::io::Result<Option<TcpStream>> {
    let head = format!(
        "POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        json.len()
    );
    stream.write_all((head + json).as_bytes()).await?;
    let mut answer = Vec::new();
    let end = br#"{"partialSuccess":{}}"#;
    while !answer.ends_with(end) {
        if stream.read_buf(&mut answer).await? == 0 {
            break;
        }
    }
    let text = String::from_utf8_lossy(&answer);
    if !text.starts_with("HTTP/1.1 200 ") {
        return Err(std::io::Error::other(format!("{text:?}")));
    }
    let last = text.to_ascii_lowercase().contains("connection: close");
    Ok((!last).then_some(stream))
}

/// What the program has open.
#[derive(Debug)]
struct Held {
    descriptors: u64,
    threads: u64,
    bytes: u64,
}

impl Held {
    fn by(pid: u32) -> Self {
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count() as u64;
        let usage = Usage::of(pid).unwrap();
        Self { descriptors, threads: usage.threads, bytes: usage.resident_bytes }
    }

    fn is_hardly_more_than(&self, other: &Self) -> bool {
        self.descriptors <= other.descriptors + SLACK
            && self.threads <= other.threads + SLACK
            && self.bytes <= other.bytes + SLACK_BYTES
    }
}

fn pod(folder: &Path, writer: u32) -> Pod {
    let name = PodName {
        namespace: "test".into(),
        pod: format!("pod-{writer}"),
        uid: format!("4f2b9c1e-0000-4000-8000-{writer:012}"),
        container: "app".into(),
    };
    Pod::create(&folder.join("pods"), &name, writer, KEEP).unwrap()
}

/// Writes lines until told to stop; says how many.
async fn write(pushes: &Pushes, mut pod: Pod) -> Pod {
    let mut random = fastrand::Rng::with_seed(u64::from(pod.writer()));
    while !pushes.stop.load(Relaxed) {
        for _ in 0..random.u32(0..8) {
            pod.write_line(random.usize(0..300)).unwrap();
        }
        if random.u32(0..100) == 0 {
            pod.rotate().unwrap();
        }
        tokio::time::sleep(Duration::from_micros(random.u64(0..4000))).await;
    }
    pod
}

/// Reloads, one configuration after the other. Says what the program held once it was warm, and the
/// longest time from the signal to the log line.
async fn reload_all(
    sluice: &mut Process,
    reloads: u64,
    yaml: impl Fn(u64) -> String,
) -> (Held, Duration) {
    let mut random = fastrand::Rng::with_seed(42);
    let (mut warm, mut slowest) = (Held::by(sluice.pid()), Duration::ZERO);
    for n in 1..=reloads {
        sluice.rewrite(&yaml(n));
        let begun = Instant::now();
        sluice.hang_up();
        let wrong = n % KINDS == 5;
        let said =
            if wrong { "the running configuration stays" } else { "Configuration reloaded." };
        sluice.says_next(said).await;
        slowest = slowest.max(begun.elapsed());
        if n == WARM {
            warm = Held::by(sluice.pid());
        }
        tokio::time::sleep(Duration::from_millis(random.u64(0..30))).await;
    }
    (warm, slowest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_refused_or_lost_or_grows_through_reloads_under_load() {
    let reloads = std::env::var("SLUICE_RELOADS").ok().and_then(|it| it.parse().ok());
    let reloads: u64 = reloads.unwrap_or(RELOADS);
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("state")).unwrap();
    let oracle = Arc::new(Oracle::default());
    let backend = Endpoint::start(Arc::clone(&oracle) as Next).await;
    let port = || free_port().unwrap();
    let ports = Ports { grpc: port(), http: port(), metrics: port(), health: port() };
    let yaml = |n| config(folder.path(), &ports, &backend, n);
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml(0));
    sluice.ready().await;

    let pushes = Arc::new(Pushes::default());
    let (ours, endpoint) = (Arc::clone(&pushes), format!("127.0.0.1:{}", ports.grpc));
    let grpc = spawn(async move { ours.over_grpc(10, &endpoint).await });
    let (ours, http) = (Arc::clone(&pushes), ports.http);
    let http = spawn(async move { ours.over_http(11, http).await });
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let (ours, pod) = (Arc::clone(&pushes), pod(folder.path(), writer));
            spawn(async move { write(&ours, pod).await })
        })
        .collect();

    let (warm, slowest) = reload_all(&mut sluice, reloads, yaml).await;
    pushes.stop.store(true, Relaxed);
    let mut written = vec![(10, grpc.await.unwrap()), (11, http.await.unwrap())];
    for writer in writers {
        let pod = writer.await.unwrap();
        written.push((pod.writer(), pod.written()));
    }
    let arrived = || written.iter().all(|(writer, lines)| oracle.delivered(*writer) == *lines);
    eventually(arrived).await;
    // What was replaced last may take its time.
    let mut end = Held::by(sluice.pid());
    let calm = eventually(|| {
        end = Held::by(sluice.pid());
        end.is_hardly_more_than(&warm)
    });
    let calm = calm.await;
    let tally = oracle.tally();
    let (accepted, refused) = (pushes.accepted.load(Relaxed), pushes.refused.load(Relaxed));
    println!(
        "{reloads} reloads, slowest {slowest:?} with the signal; {accepted} requests accepted, {refused} refused; \
         lines {written:?}: delivered {}, doubled {}, torn {}; {warm:?} became {end:?}",
        tally.delivered, tally.doubled, tally.torn
    );
    let log = || {
        let kept = std::env::temp_dir().join("sluice-reload.log");
        std::fs::write(&kept, sluice.output()).unwrap();
        kept.display().to_string()
    };
    assert_eq!(refused, 0, "{} ({})", pushes.last_refusal.lock().unwrap(), log());
    for (writer, lines) in &written {
        let missing = oracle.missing(*writer, *lines, 10);
        assert!(missing.is_empty(), "writer {writer}: missing {missing:?} ({})", log());
    }
    assert_eq!((tally.torn, tally.foreign), (0, 0), "{:?}", tally.torn_sample);
    assert!(calm, "{warm:?} became {end:?}");
    assert!(accepted > reloads && written.iter().all(|it| it.1 > reloads), "the test has no teeth");
    let status = sluice.terminate().await;
    assert!(status.success(), "{}", sluice.output());
    backend.stop().await;
}

#[tokio::test]
async fn a_watched_file_is_reloaded_and_a_mistake_in_it_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join("timeout");
    let yaml = |key: &str| {
        format!(
            "receivers: {{nop: {{}}}}
processors: {{batch: {{timeout: '${{file:{part}}}'}}, resource: {{attributes: [{{key: a, value: {key}, action: upsert}}]}}}}
exporters: {{nop: {{}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{logs: {{receivers: [nop], processors: [batch, resource], exporters: [nop]}}}}
",
            part = part.display()
        )
    };
    let config = folder.path().join("sluice.yaml");
    std::fs::write(&part, "1s").unwrap();
    std::fs::write(&config, yaml("x")).unwrap();
    let arguments = ["--watch", "--config", config.to_str().unwrap()];
    let mut sluice = Process::start(Path::new(SLUICE), folder.path(), &arguments);
    sluice.ready().await;
    sluice.rewrite(&yaml("y"));
    sluice.says_next("Configuration reloaded.").await;
    sluice.says_next("\"kept\": 3, \"started\": \"processor/resource (logs)\"").await;
    std::fs::write(&part, "soon").unwrap();
    sluice.says_next("time: invalid duration").await;
    sluice.says_next(&format!("{}:1:1", part.display())).await;
    sluice.says_next("the running configuration stays").await;
    std::fs::write(&part, "2s").unwrap();
    sluice.says_next("Configuration reloaded.").await;
    sluice.says_next("\"started\": \"processor/batch (logs)\"").await;
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
}
