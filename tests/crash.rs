//! kill -9 at random moments, with rotation and compression before, during and after: nothing is lost,
//! and what comes twice is bounded.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use component::Next;
use ledger::{Fault, Oracle, Pod, PodName};

use crate::support::{Endpoint, Process, SLUICE, eventually};

/// Kills of one run. `SLUICE_KILLS` overrides: the nightly run has 10,000. `SLUICE_SEED` is 42.
const KILLS: u64 = 200;
/// Bytes that may be in flight, and so come twice after a kill: the reader's budget.
const IN_FLIGHT_BYTES: u64 = 16 << 20;
/// No line of the ledger is shorter, as a record.
const LINE_BYTES_MIN: u64 = 80;
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
async fn no_line_is_lost_through_kill_9_and_rotation() {
    let number = |name| std::env::var(name).ok().and_then(|it| it.parse::<u64>().ok());
    let kills = number("SLUICE_KILLS").unwrap_or(KILLS);
    let seed = number("SLUICE_SEED").unwrap_or(42);
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("state")).unwrap();
    let oracle = Arc::new(Oracle::default());
    let backend = Endpoint::start(Arc::clone(&oracle) as Next).await;
    let yaml = config(folder.path(), &backend);
    let mut pods = pods(&folder.path().join("pods"));
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bytes = 0;
    let mut doubled_before = 0;
    let mut doubled_max = 0;
    // What is rotated away before anybody has ever looked is nobody's.
    write_lines(&mut pods, &mut random);
    let mut first = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    eventually(|| pods.iter().all(|it| oracle.delivered(it.writer()) == it.written())).await;
    first.terminate().await;
    for _ in 0..kills {
        let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
        let life = Duration::from_millis(random.u64(5..400));
        let end = Instant::now() + life;
        while Instant::now() < end {
            bytes += write_some(&mut pods, &mut random);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        sluice.kill();
        let doubled = oracle.tally().doubled;
        doubled_max = doubled_max.max(doubled - doubled_before);
        doubled_before = doubled;
        // Life goes on while nobody reads.
        for _ in 0..random.u32(0..8) {
            bytes += write_some(&mut pods, &mut random);
        }
    }
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    let all = |oracle: &Oracle| pods.iter().all(|it| oracle.delivered(it.writer()) == it.written());
    eventually(|| all(&oracle)).await;
    let status = sluice.terminate().await;
    let tally = oracle.tally();
    let written: u64 = pods.iter().map(Pod::written).sum();
    let rotations: u32 = pods.iter().map(Pod::rotations).sum();
    let bound = IN_FLIGHT_BYTES / LINE_BYTES_MIN;
    println!(
        "{kills} kills, {rotations} rotations, {written} lines ({bytes} bytes): delivered {}, doubled {}, \
         after one kill at most {doubled_max} of the {bound} that may be, torn {}",
        tally.delivered, tally.doubled, tally.torn
    );
    let missing: Vec<_> = pods
        .iter()
        .map(|it| (it.writer(), oracle.missing(it.writer(), it.written(), 1000)))
        .filter(|it| !it.1.is_empty())
        .collect();
    // Files and log stay for whoever looks into it.
    assert!(missing.is_empty(), "missing by writer: {missing:?}; see {}", folder.keep().display());
    assert_eq!((tally.torn, tally.foreign), (0, 0), "{:?}", tally.torn_sample);
    assert!(status.success(), "{}", sluice.output());
    // The run must have hurt: lines came twice, and files were rotated under the reader.
    assert!(tally.doubled > 0 && u64::from(rotations) > kills / 4, "the test has no teeth");
    assert!(doubled_max <= bound, "{doubled_max} doubled after one kill, at most {bound}");
    backend.stop().await;
}

/// Kills of a run in which one of two pipelines is left behind.
const KILLS_BEHIND: u64 = 40;
/// More than a receiver may have in flight.
const BACKLOG_LINES: usize = 250;

fn two_pipelines(folder: &Path, healthy: &Endpoint, late: &Endpoint) -> String {
    let exporters = format!(
        "otlp_grpc/late:
    endpoint: {}
    tls: {{insecure: true}}
    retry_on_failure: {{initial_interval: 20ms, max_interval: 100ms}}
  otlp_grpc:",
        late.grpc
    );
    let second = "    logs/late: {receivers: [file_log], processors: [batch], exporters: [otlp_grpc/late]}\n";
    config(folder, healthy).replace("otlp_grpc:\n", &format!("{exporters}\n")) + second
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_line_is_lost_for_a_pipeline_that_was_left_behind_through_kill_9_and_rotation() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("state")).unwrap();
    let oracles: [Arc<Oracle>; 2] = std::array::from_fn(|_| Arc::default());
    let [healthy, late] = &oracles;
    let first = Endpoint::start(Arc::clone(healthy) as Next).await;
    let second = Endpoint::start(Arc::clone(late) as Next).await;
    let yaml = two_pipelines(folder.path(), &first, &second);
    let mut pods = pods(&folder.path().join("pods"));
    let mut random = fastrand::Rng::with_seed(7);
    late.set_fault(Fault::Hang);
    for pod in &mut pods {
        (0..BACKLOG_LINES).for_each(|_| pod.write_line(20_000).unwrap());
    }
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    sluice.says("a pipeline does not keep up with the others").await;
    let all = |oracle: &Oracle, pods: &[Pod]| {
        pods.iter().all(|it| oracle.delivered(it.writer()) == it.written())
    };
    assert!(eventually(|| all(healthy, &pods)).await, "{:?}", healthy.tally());
    sluice.kill();
    for kill in 0..KILLS_BEHIND {
        late.set_fault(if kill % 4 == 3 { Fault::None } else { Fault::Hang });
        let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
        let end = Instant::now() + Duration::from_millis(random.u64(5..600));
        while Instant::now() < end {
            write_some(&mut pods, &mut random);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        sluice.kill();
        write_some(&mut pods, &mut random);
    }
    late.set_fault(Fault::None);
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    eventually(|| oracles.iter().all(|it| all(it, &pods))).await;
    let status = sluice.terminate().await;
    let rotations: u32 = pods.iter().map(Pod::rotations).sum();
    for oracle in &oracles {
        let missing: Vec<_> = pods
            .iter()
            .map(|it| (it.writer(), oracle.missing(it.writer(), it.written(), 1000)))
            .filter(|it| !it.1.is_empty())
            .collect();
        let tally = oracle.tally();
        println!(
            "{KILLS_BEHIND} kills, {rotations} rotations: delivered {}, doubled {}",
            tally.delivered, tally.doubled
        );
        assert!(missing.is_empty(), "by writer: {missing:?}; see {}", folder.keep().display());
        assert_eq!((tally.torn, tally.foreign), (0, 0), "{:?}", tally.torn_sample);
    }
    assert!(status.success(), "{}", sluice.output());
    assert!(u64::from(rotations) > KILLS_BEHIND / 4, "the test has no teeth");
    first.stop().await;
    second.stop().await;
}

/// As a newcomer has it: no storage.
fn plain_config(folder: &Path, backend: &Endpoint) -> String {
    format!(
        "receivers:
  file_log: {{include: ['{folder}/pods/*/*/*.log'], start_at: beginning, include_file_path: true,
    operators: [{{type: container}}]}}
exporters:
  otlp_grpc: {{endpoint: {endpoint}, tls: {{insecure: true}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{logs: {{receivers: [file_log], exporters: [otlp_grpc]}}}}
",
        folder = folder.display(),
        endpoint = backend.grpc
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_defaults_nothing_is_lost_when_the_collector_dies_while_the_backend_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let oracle = Arc::new(Oracle::default());
    let backend = Endpoint::start(Arc::clone(&oracle) as Next).await;
    let yaml = plain_config(folder.path(), &backend);
    let mut pods = pods(&folder.path().join("pods"));
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    sluice.says("offsets are kept in the default directory").await;
    sluice.ready().await;
    let mut random = fastrand::Rng::with_seed(1);
    // What is rotated away before anybody has ever looked is nobody's.
    write_lines(&mut pods, &mut random);
    let all = || pods.iter().all(|it| oracle.delivered(it.writer()) == it.written());
    assert!(eventually(all).await, "{:?}", oracle.tally());
    oracle.set_fault(Fault::Dead);
    for _ in 0..20 {
        write_some(&mut pods, &mut random);
    }
    assert!(eventually(|| oracle.tally().refused > 0).await);
    sluice.kill();
    for _ in 0..20 {
        write_some(&mut pods, &mut random);
    }
    oracle.set_fault(Fault::None);
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    let all = || pods.iter().all(|it| oracle.delivered(it.writer()) == it.written());
    assert!(eventually(all).await, "{:?}", oracle.tally());
    assert!(sluice.terminate().await.success());
    // What has arrived is not sent again.
    let doubled = oracle.tally().doubled;
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    sluice.says_next("resuming").await;
    pods[0].write_line(100).unwrap();
    assert!(
        eventually(|| pods.iter().all(|it| oracle.delivered(it.writer()) == it.written())).await
    );
    assert_eq!(oracle.tally().doubled, doubled);
    assert!(sluice.terminate().await.success());
    backend.stop().await;
}

/// A few lines by everyone, and a rotation now and then. Returns the bytes written.
fn write_some(pods: &mut [Pod], random: &mut fastrand::Rng) -> u64 {
    let bytes = write_lines(pods, random);
    for pod in pods {
        if random.u32(..60) == 0 {
            pod.rotate().unwrap();
        }
    }
    bytes
}

/// A few lines by everyone, some long. Returns the bytes written.
fn write_lines(pods: &mut [Pod], random: &mut fastrand::Rng) -> u64 {
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
