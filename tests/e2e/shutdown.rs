//! SIGTERM while the backend is gone.

use std::time::Instant;

use super::bad_input::{NOBODY, post};
use crate::support::{Process, SLUICE, own_address};

/// A request with one log record, whose severity text is "a".
const RECORD: &[u8] = b"\x0a\x07\x12\x05\x12\x03\x1a\x01a";
const TELEMETRY: &str = "{metrics: {level: none}}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_file_keeps_needs_no_waiting_for_a_dead_backend() {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = (0..5_000).map(|at| format!("line {at}\n")).collect();
    std::fs::write(folder.path().join("in.log"), lines).unwrap();
    let yaml = format!(
        "receivers: {{file_log: {{include: ['{}/in.log'], start_at: beginning}}}}
processors: {{batch: {{}}}}
exporters: {{otlp_grpc: {{endpoint: '{NOBODY}', tls: {{insecure: true}}}}}}
service:
  telemetry: {TELEMETRY}
  pipelines: {{logs: {{receivers: [file_log], processors: [batch], exporters: [otlp_grpc]}}}}
",
        folder.path().display()
    );
    let mut sluice = Process::collector(SLUICE.as_ref(), folder.path(), &yaml);
    sluice.says("Will retry the request after interval").await;
    let asked = Instant::now();
    let status = sluice.terminate().await;
    assert_eq!(status.code(), Some(0), "{}", sluice.output());
    // The reader waits five seconds for answers, as the Collector's does.
    assert!(asked.elapsed().as_secs() < 15, "{:?}\n{}", asked.elapsed(), sluice.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_handed_over_and_cannot_be_sent_is_counted_and_said() {
    let folder = tempfile::tempdir().unwrap();
    // It accepts connections and never answers.
    let backend = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = own_address(131);
    let yaml = format!(
        "receivers: {{otlp: {{protocols: {{http: {{endpoint: '{address}:4318'}}}}}}}}
exporters: {{otlp_grpc: {{endpoint: '{}', timeout: 60s, tls: {{insecure: true}}}}}}
service:
  telemetry: {TELEMETRY}
  pipelines: {{logs: {{receivers: [otlp], exporters: [otlp_grpc]}}}}
",
        backend.local_addr().unwrap()
    );
    let mut sluice = Process::collector(SLUICE.as_ref(), folder.path(), &yaml);
    sluice.ready().await;
    // Ten are being sent, the others wait in the queue.
    for _ in 0..13 {
        assert_eq!(post(&address, RECORD).0, 200, "{}", sluice.output());
    }
    let status = sluice.terminate().await;
    assert_eq!(status.code(), Some(2), "{}", sluice.output());
    let output = sluice.output();
    assert!(output.contains("They are lost.") && output.contains("\"lost_items\": 13"), "{output}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_that_reads_for_ever_does_not_keep_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let included = folder.path().join("part.yaml");
    std::fs::write(&included, "{}").unwrap();
    let yaml = format!(
        "receivers: {{nop: '${{file:{}}}'}}
exporters: {{nop: {{}}}}
service:
  telemetry: {TELEMETRY}
  pipelines: {{logs: {{receivers: [nop], exporters: [nop]}}}}
",
        included.display()
    );
    let mut sluice = Process::collector(SLUICE.as_ref(), folder.path(), &yaml);
    sluice.ready().await;
    // A pipe that nobody writes to.
    std::fs::remove_file(&included).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &included, rustix::fs::Mode::RUSR).unwrap();
    sluice.hang_up();
    sluice.says("Config updated, restart service").await;
    let status = sluice.terminate().await;
    assert_eq!(status.code(), Some(0), "{}", sluice.output());
}
