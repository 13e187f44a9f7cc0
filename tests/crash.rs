//! kill -9 at random moments: nothing is lost, and what comes twice is bounded. Files that were rotated
//! while nobody read them are not part of it yet: see docs/compatibility.md.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use component::Next;
use testbed::{Oracle, Pod, PodName};

use crate::support::{Endpoint, Process, SLUICE, eventually};

/// Kills of one run. `SLUICE_KILLS` overrides: the nightly run has 10,000.
const KILLS: usize = 200;
/// Bytes that may be in flight, and so come twice, per kill: the reader's budget.
const IN_FLIGHT_BYTES: u64 = 16 << 20;
/// Everything is kept: what the kubelet removes before it is read again is not ours to promise.
const KEEP: usize = usize::MAX;

fn config(folder: &Path, backend: &Endpoint) -> String {
    format!(
        "receivers:
  file_log:
    include: ['{folder}/pods/*/*/*.log']
    start_at: beginning
    include_file_path: true
    storage: file_storage
    poll_interval: 50ms
    operators: [{{type: container}}]
processors:
  batch: {{timeout: 20ms}}
exporters:
  otlp_grpc:
    endpoint: {endpoint}
    tls: {{insecure: true}}
    retry_on_failure: {{initial_interval: 20ms, max_interval: 100ms}}
extensions:
  file_storage: {{directory: '{folder}/state'}}
service:
  extensions: [file_storage]
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    logs: {{receivers: [file_log], processors: [batch], exporters: [otlp_grpc]}}
",
        folder = folder.display(),
        endpoint = backend.grpc
    )
}

fn pods(root: &Path) -> Vec<Pod> {
    let pod = |writer: u32| {
        let name = PodName {
            namespace: "test".into(),
            pod: format!("pod-{writer}"),
            uid: format!("4f2b9c1e-0000-4000-8000-{writer:012}"),
            container: "app".into(),
        };
        Pod::create(root, &name, writer, KEEP).unwrap()
    };
    (0..4).map(pod).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_line_is_lost_through_kill_9() {
    let kills = std::env::var("SLUICE_KILLS").ok().and_then(|it| it.parse().ok()).unwrap_or(KILLS);
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("state")).unwrap();
    let oracle = Arc::new(Oracle::default());
    let backend = Endpoint::start(Arc::clone(&oracle) as Next).await;
    let yaml = config(folder.path(), &backend);
    let mut pods = pods(&folder.path().join("pods"));
    let mut random = fastrand::Rng::with_seed(42);
    let mut bytes = 0;
    for _ in 0..kills {
        let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
        let life = Duration::from_millis(random.u64(5..400));
        let end = Instant::now() + life;
        while Instant::now() < end {
            bytes += write_some(&mut pods, &mut random);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        sluice.kill();
        // Life goes on while nobody reads.
        bytes += write_some(&mut pods, &mut random);
    }
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    let all = |oracle: &Oracle| pods.iter().all(|it| oracle.delivered(it.writer()) == it.written());
    eventually(|| all(&oracle)).await;
    let status = sluice.terminate().await;
    let tally = oracle.tally();
    let written: u64 = pods.iter().map(Pod::written).sum();
    println!(
        "{kills} kills, {written} lines ({bytes} bytes): delivered {}, doubled {}, torn {}",
        tally.delivered, tally.doubled, tally.torn
    );
    assert_eq!((tally.torn, tally.foreign), (0, 0), "{:?}", tally.torn_sample);
    for pod in &pods {
        let missing = oracle.missing(pod.writer(), pod.written(), 10);
        assert!(
            missing.is_empty(),
            "writer {}: missing {missing:?}\n{}",
            pod.writer(),
            sluice.output()
        );
    }
    assert_eq!((tally.torn, tally.foreign), (0, 0), "{:?}", tally.torn_sample);
    assert!(status.success(), "{}", sluice.output());
    // The run must have hurt: lines came twice.
    assert!(tally.doubled > 0, "the test has no teeth");
    let shortest_line = 80;
    let bound = kills as u64 * IN_FLIGHT_BYTES.min(bytes) / shortest_line;
    assert!(tally.doubled <= bound, "{} doubled, at most {bound}", tally.doubled);
    backend.stop().await;
}

/// A few lines by everyone, some long. Returns the bytes written.
fn write_some(pods: &mut [Pod], random: &mut fastrand::Rng) -> u64 {
    let mut bytes = 0;
    for pod in pods {
        for _ in 0..random.u32(0..20) {
            let length = if random.u32(..100) == 0 { 20_000 } else { random.usize(0..400) };
            pod.write_line(length).unwrap();
            bytes += length as u64 + 120;
        }
    }
    bytes
}
