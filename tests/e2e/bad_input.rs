//! Bad surroundings: files that cannot be read, a backend that is gone, clients that send too much.

use std::fs::Permissions;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use component::{Next, Signal};
use componenttest::Generator;
use configgrpc::client::{Client, ClientConfig};
use ledger::{Fault, Line, Oracle};
use rpcstatus::retry_delay;

use super::logs::pod;
use crate::support::{Endpoint, PATIENCE, Process, SLUICE, eventually, get, own_address};

/// gRPC's UNAVAILABLE.
const UNAVAILABLE: i32 = 14;
/// That send at once.
const CLIENTS: usize = 40;
/// Nobody listens here.
pub const NOBODY: &str = "127.0.0.1:1";

/// What the program is started with so that it may not read everything: root may.
pub fn without_privileges() -> Vec<&'static str> {
    if rustix::process::geteuid().is_root() {
        vec!["setpriv", "--bounding-set=-all", "--inh-caps=-all", SLUICE]
    } else {
        vec![SLUICE]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreadable_file_is_named_once_with_its_remedy_and_counted_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let oracle = Arc::new(Oracle::default());
    let backend = Endpoint::start(Arc::clone(&oracle) as Next).await;
    let address = own_address(101);
    let line = |writer, seq| format!("{}\n", Line::now(writer, seq).text(50));
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("secret.log"), line(1, 0)).unwrap();
    std::fs::set_permissions(file("secret.log"), Permissions::from_mode(0o000)).unwrap();
    std::fs::write(file("open.log"), line(2, 0)).unwrap();
    let yaml = format!(
        "receivers: {{file_log: {{include: ['{}/*.log'], start_at: beginning}}}}
exporters: {{otlp_grpc: {{endpoint: '{}', tls: {{insecure: true}}}}}}
service:
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: '{address}', port: 8888}}}}}}}}]}}}}
  pipelines: {{logs: {{receivers: [file_log], exporters: [otlp_grpc]}}}}
",
        folder.path().display(),
        backend.grpc
    );
    std::fs::write(file("config.yaml"), yaml).unwrap();
    let command = without_privileges();
    let arguments = [&command[1..], &["--config", "config.yaml"]].concat();
    let mut sluice = Process::start(Path::new(command[0]), folder.path(), &arguments);
    sluice.ready().await;
    let unreadable = || {
        let page = get(&address, 8888, "/metrics").unwrap_or_default();
        let line = page.lines().find(|it| it.starts_with("sluice_fileconsumer_unreadable_files{"));
        line.and_then(|it| it.rsplit_once(' ')?.1.parse::<f64>().ok())
    };
    assert!(eventually(|| unreadable() == Some(1.0)).await, "{}", sluice.output());
    for seq in 1..20 {
        let mut open = std::fs::File::options().append(true).open(file("open.log")).unwrap();
        open.write_all(line(2, seq).as_bytes()).unwrap();
        assert!(eventually(|| oracle.delivered(2) == seq + 1).await, "{}", sluice.output());
    }
    let output = sluice.output();
    let complaints: Vec<&str> = output.lines().filter(|it| it.contains("secret.log")).collect();
    let [complaint] = complaints[..] else { panic!("{output}") };
    for text in [
        "error",
        "failed to open file",
        "ermission denied",
        "run the collector as a user that may read it",
    ] {
        assert!(complaint.contains(text), "no {text:?} in {complaint}");
    }
    std::fs::set_permissions(file("secret.log"), Permissions::from_mode(0o644)).unwrap();
    assert!(eventually(|| oracle.delivered(1) == 1).await, "{}", sluice.output());
    assert!(eventually(|| unreadable() == Some(0.0)).await, "{}", sluice.output());
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    backend.stop().await;
}

/// Most that the program may grow, whatever waits: eight times what a reader has under way (16 MiB). Its
/// buffers have spare room, and a request that is compressed is there three times.
const GROWTH_BYTES_MAX: u64 = 128 << 20;
/// Most that four times as much waiting may add.
const NOISE_BYTES: u64 = 32 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_backend_is_gone_files_wait_on_disk_and_memory_stays_within_its_budget() {
    let folder = tempfile::tempdir().unwrap();
    let oracle = Arc::new(Oracle::default());
    oracle.set_fault(Fault::Dead);
    let backend = Endpoint::start(Arc::clone(&oracle) as Next).await;
    let yaml = format!(
        "receivers:
  file_log:
    include: ['{}/pods/*/*/*.log']
    start_at: beginning
    include_file_path: true
    operators: [{{type: container}}]
processors: {{batch: {{}}}}
exporters:
  otlp_grpc: {{endpoint: '{}', tls: {{insecure: true}}, retry_on_failure: {{initial_interval: 100ms, max_interval: 500ms}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{logs: {{receivers: [file_log], processors: [batch], exporters: [otlp_grpc]}}}}
",
        folder.path().display(),
        backend.grpc
    );
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    sluice.ready().await;
    let before = sluice.usage().resident_bytes;
    let mut pods: Vec<_> = (1..=4).map(|it| pod(&folder.path().join("pods"), it, 0)).collect();
    let mut growth = [0; 2];
    for (growth, lines) in growth.iter_mut().zip([5_000, 15_000]) {
        for pod in &mut pods {
            (0..lines).for_each(|_| pod.write_line(1_000).unwrap());
        }
        // What is under way is offered again and again.
        let refused = oracle.tally().refused;
        assert!(eventually(|| oracle.tally().refused > refused + 40).await, "{}", sluice.output());
        *growth = sluice.usage().resident_peak_bytes.saturating_sub(before);
    }
    println!(
        "it grew by {} MiB while 20 MB waited, by {} while 80 MB did",
        growth[0] >> 20,
        growth[1] >> 20
    );
    assert!(growth[1] < growth[0] + NOISE_BYTES && growth[1] < GROWTH_BYTES_MAX, "{growth:?}");
    oracle.set_fault(Fault::None);
    let all = || pods.iter().all(|it| oracle.delivered(it.writer()) == it.written());
    assert!(eventually(all).await, "{:?}\n{}", oracle.tally(), sluice.output());
    let tally = oracle.tally();
    assert_eq!((tally.doubled, tally.torn, tally.foreign), (0, 0, 0));
    let growth = sluice.usage().resident_peak_bytes.saturating_sub(before);
    println!("and by {} MiB until all was delivered", growth >> 20);
    assert!(growth < GROWTH_BYTES_MAX, "{growth} bytes");
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    backend.stop().await;
}

/// `POST /v1/logs`: status, head and body.
pub fn post(address: &str, body: &[u8]) -> (u16, String, String) {
    let mut stream = TcpStream::connect((address, 4318)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST /v1/logs HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-protobuf\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

/// A gateway whose backend is gone.
async fn gateway(folder: &Path, address: &str, processors: &str, queue: &str) -> Process {
    let name = processors.split(':').next().unwrap();
    let yaml = format!(
        "receivers: {{otlp: {{protocols: {{grpc: {{endpoint: '{address}:4317'}}, http: {{endpoint: '{address}:4318'}}}}}}}}
processors: {{{processors}}}
exporters:
  otlp_grpc: {{endpoint: '{NOBODY}', tls: {{insecure: true}}, sending_queue: {queue}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{logs: {{receivers: [otlp], processors: [{name}], exporters: [otlp_grpc]}}}}
"
    );
    let mut sluice = Process::collector(Path::new(SLUICE), folder, &yaml);
    sluice.ready().await;
    sluice
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_are_told_when_to_come_again_while_the_backend_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address(102);
    let mut sluice = gateway(folder.path(), &address, "", "{queue_size: 3}").await;
    let body = componenttest::logs(5).to_bytes();
    for _ in 0..3 {
        assert_eq!(post(&address, &body).0, 200, "{}", sluice.output());
    }
    let (status, head, text) = post(&address, &body);
    assert_eq!(status, 503, "{head}\n{text}");
    assert!(head.contains("\r\nretry-after: 1\r\n"), "{head}");
    assert!(text.contains("sending queue is full"), "{text}");
    let config =
        ClientConfig { endpoint: format!("http://{address}:4317"), ..ClientConfig::default() };
    let client = Client::new(&config, "test", Duration::ZERO).unwrap();
    let status = client
        .call(&component::Context::default(), &otlp::grpc_path(Signal::Logs), &[body])
        .await
        .unwrap_err();
    assert_eq!((status.code, status.message.as_str()), (UNAVAILABLE, "sending queue is full"));
    assert_eq!(retry_delay(&status.encoded), Some(Duration::from_secs(1)));
    sluice.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_memory_limiter_keeps_what_clients_send_within_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address(103);
    // The burst is over before the interval is.
    let limiter = "memory_limiter: {check_interval: 1m, limit_mib: 256, spike_limit_mib: 64}";
    let mut sluice = gateway(folder.path(), &address, limiter, "{queue_size: 100000}").await;
    let body = Generator::new(Signal::Logs).text_bytes(1 << 20).next(1).to_bytes();
    let client = || (0..20).map(|_| post(&address, &body).0).collect::<Vec<_>>();
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients.into_iter().flat_map(|it| it.join().unwrap()).collect()
    });
    let refused = answers.iter().filter(|it| **it == 503).count();
    let taken = answers.iter().filter(|it| **it == 200).count();
    let peak = sluice.usage().resident_peak_bytes;
    println!("{taken} MB taken, {refused} MB refused, at most {} MiB resident", peak >> 20);
    assert_eq!(taken + refused, answers.len(), "{answers:?}");
    assert!(taken > 20 && refused > 100, "{taken} {refused}");
    assert!(peak < 256 << 20, "{peak} bytes");
    // Memory that was free is given back, so that some more may be taken before it refuses again.
    let refused = (0..100).map(|_| post(&address, &body)).find(|it| it.0 == 503);
    let (_, head, text) = refused.unwrap();
    assert!(head.contains("\r\nretry-after: 5\r\n"), "{head}");
    assert!(text.contains("data refused due to high memory usage"), "{text}");
    sluice.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_string_that_is_not_utf8_does_not_cost_the_records_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let oracle = Arc::new(Oracle::default());
    let backend = Endpoint::start(Arc::clone(&oracle) as Next).await;
    let address = own_address(105);
    let yaml = |word: &str| {
        format!(
            "receivers: {{otlp: {{invalid_utf8: {word}, protocols: {{http: {{endpoint: '{address}:4318'}}}}}}}}
processors: {{batch: {{}}}}
exporters: {{otlp_grpc: {{endpoint: '{}', tls: {{insecure: true}}}}}}
service:
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: '{address}', port: 8888}}}}}}}}]}}}}
  pipelines: {{logs: {{receivers: [otlp], processors: [batch], exporters: [otlp_grpc]}}}}
",
            backend.grpc
        )
    };
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml("replace"));
    sluice.ready().await;
    let mut seq = 0;
    let mut request = |bad: bool| {
        let mut builder = pdata::LogsBuilder::new();
        builder.record(|record| {
            record.body(Line::now(1, seq).text(50).as_str());
            let text: &[u8] = if bad { b"\x0a\x03a\xffb" } else { b"\x0a\x03acb" };
            record.attribute("key", pdata::Value::Encoded(text));
        });
        seq += 1;
        builder.finish().to_bytes()
    };
    // They are joined.
    let requests = [request(false), request(true), request(false)].concat();
    assert_eq!(post(&address, &requests).0, 200);
    assert!(eventually(|| oracle.delivered(1) == 3).await, "{}", sluice.output());
    let page = get(&address, 8888, "/metrics").unwrap();
    let repaired =
        page.lines().find(|it| it.starts_with("sluice_receiver_repaired_strings_total{"));
    assert!(repaired.is_some_and(|it| it.ends_with(" 1")), "{page}");
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml("refuse"));
    sluice.says_next("Everything is ready.").await;
    assert!(eventually(|| TcpStream::connect((address.as_str(), 4318)).is_ok()).await);
    let (status, _, said) = post(&address, &request(true));
    assert_eq!(status, 400, "{said}");
    assert!(said.contains("log_records[0]: string field contains invalid UTF-8"), "{said}");
    assert_eq!(post(&address, &request(false)).0, 200);
    assert!(eventually(|| oracle.delivered(1) == 4).await, "{}", sluice.output());
    sluice.terminate().await;
    backend.stop().await;
}
