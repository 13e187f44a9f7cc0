//! The Helm chart's log presets collect `/var/log/pods`, as the chart wrote them. The folder is made up: a mount
//! namespace of its own shows it to the program alone.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use component::Next;
use ledger::{Oracle, Pod, PodName};

use crate::configs::{ENVIRONMENT, folder as configurations};
use crate::support::{Endpoint, Process, SLUICE, eventually, get, own_address};

/// Everything is kept: what the kubelet removes before it is read again is not ours to promise.
const KEEP: usize = usize::MAX;
/// Lines that are there before the first start: `start_at: end` leaves them out.
const EARLIER: u64 = 50;
/// Deaths of the collector with checkpoints.
const KILLS: usize = 5;
/// Shows the folder `$0` at its places, then becomes the program: a signal to it reaches the program.
const SCRIPT: &str =
    r#"mount --bind "$0/log" /var/log && mount --bind "$0/lib" /var/lib && exec "$@""#;

/// A node: a preset, its pods, and the backend it sends to.
struct Node {
    folder: tempfile::TempDir,
    /// `MY_POD_IP`. The ports of the presets are fixed, and tests run beside each other.
    address: String,
    oracle: Arc<Oracle>,
    backend: Endpoint,
    pods: Vec<Pod>,
    random: fastrand::Rng,
}

impl Node {
    /// `None`, and said, when the preset or a mount namespace cannot be had.
    async fn new(preset: &str, number: u8) -> Option<Self> {
        let file = configurations().join("helm").join(preset);
        let Ok(yaml) = fs::read_to_string(&file) else {
            crate::support::skipped(format_args!(
                "no configuration at {} (set SLUICE_CONFIGS)",
                file.display()
            ));
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let oracle = Arc::new(Oracle::default());
        let backend = Endpoint::start(Arc::clone(&oracle) as Next).await;
        // As users add a backend to what the chart made: a second file.
        let overlay = format!(
            "exporters: {{otlp_grpc/backend: {{endpoint: '{}', tls: {{insecure: true}}}}}}\n\
             service: {{pipelines: {{logs: {{exporters: [debug, otlp_grpc/backend]}}}}}}\n",
            backend.grpc
        );
        fs::write(folder.path().join("preset.yaml"), &yaml).unwrap();
        fs::write(folder.path().join("backend.yaml"), overlay).unwrap();
        for name in ["log/pods", "lib/otelcol"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let address = own_address(number);
        let random = fastrand::Rng::with_seed(number.into());
        let node = Self { folder, address, oracle, backend, pods: Vec::new(), random };
        let probe = Command::new("unshare").args(node.arguments(&["--version"])).output();
        if !probe.as_ref().is_ok_and(|it| it.status.success()) {
            crate::support::skipped(format_args!(
                "{preset} needs a mount namespace, and there is none: {probe:?}"
            ));
            return None;
        }
        Some(node)
    }

    /// For `unshare`: the program with these arguments, in its namespace and environment.
    fn arguments(&self, program: &[&str]) -> Vec<String> {
        let mut arguments = vec!["--mount".to_owned()];
        if !rustix::process::geteuid().is_root() {
            arguments.push("--map-root-user".to_owned());
        }
        let folder = self.folder.path().display().to_string();
        arguments.extend(["sh", "-c", SCRIPT, &folder, "env"].map(str::to_owned));
        arguments.extend(ENVIRONMENT.map(|(name, value)| format!("{name}={value}")));
        arguments.push(format!("MY_POD_IP={}", self.address));
        arguments.push(SLUICE.to_owned());
        arguments.extend(program.iter().map(|it| (*it).to_owned()));
        arguments
    }

    /// Starts the program, and waits until it follows a file.
    async fn start(&self) -> Process {
        let arguments = self.arguments(&["--config", "preset.yaml", "--config", "backend.yaml"]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut sluice = Process::start(Path::new("unshare"), self.folder.path(), &arguments);
        sluice.ready().await;
        let follows = || {
            let page = get(&self.address, 8888, "/metrics").unwrap_or_default();
            let line = page.lines().find(|it| it.starts_with("otelcol_fileconsumer_open_files"));
            line.is_some_and(|it| !it.ends_with(" 0"))
        };
        assert!(eventually(follows).await, "{}", sluice.output());
        sluice
    }

    fn add_pod(&mut self, namespace: &str, pod: &str, container: &str) {
        let writer = u32::try_from(self.pods.len()).unwrap();
        let name = PodName {
            namespace: namespace.into(),
            pod: pod.into(),
            uid: format!("4f2b9c1e-0000-4000-8000-{writer:012}"),
            container: container.into(),
        };
        let root = self.folder.path().join("log/pods");
        self.pods.push(Pod::create(&root, &name, writer, KEEP).unwrap());
    }

    /// Everyone writes, now and then a line that containerd cuts in parts.
    async fn write(&mut self, lines: usize) {
        for n in 0..lines {
            for pod in &mut self.pods {
                let length =
                    if self.random.u8(..) == 0 { 40_000 } else { self.random.usize(..400) };
                pod.write_line(length).unwrap();
            }
            if n % 10 == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    fn rotate(&mut self) {
        self.pods.iter_mut().for_each(|it| it.rotate().unwrap());
    }

    /// The first pod's earlier lines and the collector's own pod are left out, the rest is there.
    async fn has_all_that_was_asked_for(&self) {
        let wanted = |pod: &Pod| match pod.writer() {
            0 => pod.written() - EARLIER,
            1 => 0,
            _ => pod.written(),
        };
        let all = || self.pods.iter().all(|it| self.oracle.delivered(it.writer()) >= wanted(it));
        eventually(all).await;
        let tally = self.oracle.tally();
        assert_eq!((tally.torn, tally.foreign), (0, 0), "{:?}", tally.torn_sample);
        for pod in &self.pods {
            let missing = self.oracle.missing(pod.writer(), pod.written(), usize::MAX);
            let left_out = pod.written() - wanted(pod);
            assert!(missing.iter().copied().eq(0..left_out), "{}: {missing:?}", pod.writer());
        }
        let record = tally.sample.unwrap();
        for attribute in [
            "k8s.namespace.name: ",
            "k8s.pod.name: ",
            "k8s.container.name: app",
            "log.file.path: /var/log/pods/",
        ] {
            assert!(record.contains(attribute), "no {attribute} in\n{record}");
        }
    }
}

async fn collects(preset: &str, number: u8) {
    let Some(mut node) = Node::new(preset, number).await else { return };
    node.add_pod("shop", "cart-0", "app");
    node.write(EARLIER as usize).await;
    let mut sluice = node.start().await;
    node.add_pod("default", "example-opentelemetry-collector-agent-x", "opentelemetry-collector");
    node.add_pod("shop", "cart-2", "app");
    node.add_pod("auth", "identity-3", "app");
    for _ in 0..3 {
        node.write(200).await;
        node.rotate();
    }
    node.write(200).await;
    node.has_all_that_was_asked_for().await;
    let status = sluice.terminate().await;
    assert!(status.success(), "{}", sluice.output());
    assert_eq!(node.oracle.tally().doubled, 0, "{}", sluice.output());
    node.backend.stop().await;
}

async fn collects_through_kill_9(preset: &str, number: u8) {
    let Some(mut node) = Node::new(preset, number).await else { return };
    node.add_pod("shop", "cart-0", "app");
    node.write(EARLIER as usize).await;
    // Dies before it has read anything: the place it meant to begin at must survive.
    node.start().await.kill();
    node.add_pod("default", "example-opentelemetry-collector-agent-x", "opentelemetry-collector");
    for kill in 0..KILLS {
        node.write(100).await;
        let mut sluice = node.start().await;
        node.add_pod("shop", &format!("cart-{kill}"), "app");
        node.write(100).await;
        node.rotate();
        // Shorter and longer than a batch waits: with and without an answer.
        let more = node.random.usize(..1000);
        node.write(more).await;
        sluice.kill();
        // Life goes on while nobody reads.
        node.write(100).await;
        node.rotate();
        node.add_pod("auth", &format!("identity-{kill}"), "app");
    }
    let mut sluice = node.start().await;
    node.has_all_that_was_asked_for().await;
    let status = sluice.terminate().await;
    assert!(status.success(), "{}", sluice.output());
    println!("{preset}: {} doubled through {KILLS} kills", node.oracle.tally().doubled);
    node.backend.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_logs_preset_collects_each_line_once() {
    collects("preset-logsCollection-daemonset.yaml", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_logs_preset_with_older_names_collects_each_line_once() {
    collects("preset-logsCollection-daemonset-legacy-names.yaml", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_logs_preset_with_checkpoints_loses_nothing_through_kill_9() {
    collects("preset-logsCollection-storeCheckpoints-daemonset.yaml", 3).await;
    collects_through_kill_9("preset-logsCollection-storeCheckpoints-daemonset.yaml", 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_logs_preset_with_checkpoints_and_older_names_loses_nothing_through_kill_9() {
    collects("preset-logsCollection-storeCheckpoints-daemonset-legacy-names.yaml", 5).await;
    collects_through_kill_9(
        "preset-logsCollection-storeCheckpoints-daemonset-legacy-names.yaml",
        6,
    )
    .await;
}
