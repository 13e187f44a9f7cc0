//! The sending queue on disk under fire: a backend that is dead, hangs, refuses, or loses its answers, kill -9 at random
//! moments, a disk that is full. Whatever a client was told is stored arrives, and what comes twice is bounded.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use component::{Data, Next};
use ledger::{Fault, Line, Oracle};
use pdata::LogsBuilder;

use crate::support::{
    Endpoint, PATIENCE, Process, SLUICE, eventually, get, own_address, part, skipped,
};

/// Kills of one run; `SLUICE_QUEUE_KILLS` overrides: a night has 1,000. `SLUICE_SEED` is 42.
const KILLS: u64 = 30;
/// Records that have to be answered with success.
const RECORDS: u64 = 20_000;
/// Records of one request.
pub(crate) const BATCH: u64 = 50;
/// Clients that send in turn, each with its own numbers.
const CLIENTS: u32 = 4;
/// Bytes that are in memory of a queue on disk at most, and so come twice after a kill.
const WINDOW_BYTES: u64 = 64 << 20;
/// No record is shorter.
const RECORD_BYTES_MIN: u64 = 80;

/// The collector under test, from `listen` to the backend, with its queue in `state`.
pub(crate) fn config(listen: &str, backend: &Endpoint, state: &Path, more: &str) -> String {
    config_with(listen, backend, state, more, "")
}

/// The same with more keys of the `sending_queue`.
fn config_with(listen: &str, backend: &Endpoint, state: &Path, more: &str, queue: &str) -> String {
    format!(
        "receivers:
  otlp: {{protocols: {{http: {{endpoint: '{listen}'}}}}}}
exporters:
  otlp:
    endpoint: {endpoint}
    tls: {{insecure: true}}
    timeout: 300ms
    retry_on_failure: {{initial_interval: 20ms, max_interval: 100ms}}
    sending_queue: {{storage: file_storage, queue_size: 100000{queue}}}
extensions:
  file_storage: {{directory: '{state}'{more}}}
service:
  extensions: [file_storage]
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    logs: {{receivers: [otlp], exporters: [otlp]}}
",
        state = state.display(),
        endpoint = backend.grpc
    )
}

/// One that sends its numbers in order, again until each was answered with success.
pub(crate) struct Pusher {
    writer: u32,
    address: String,
    /// Numbers below this were answered with success.
    pub(crate) stored: u64,
    /// Times that a request was not.
    pub(crate) refused: u64,
    pub(crate) stream: Option<TcpStream>,
}

impl Pusher {
    pub(crate) fn new(writer: u32, address: &str) -> Self {
        Self { writer, address: address.to_owned(), stored: 0, refused: 0, stream: None }
    }

    /// Sends the next records once. False when they were not taken.
    pub(crate) fn send(&mut self, length: usize) -> bool {
        let status = self.post(&self.request(length));
        if status == Some(200) {
            self.stored += BATCH;
            return true;
        }
        self.refused += 1;
        if status.is_none() {
            self.stream = None;
        }
        false
    }

    /// Sends the next records and does not wait for the answer.
    pub(crate) fn send_and_leave(&mut self, length: usize) {
        let body = self.request(length);
        self.stream = TcpStream::connect(&self.address).ok();
        // The collector may be gone.
        let _ = self.stream.as_mut().map(|it| begin(it, &body));
    }

    fn request(&self, length: usize) -> Vec<u8> {
        let mut builder = LogsBuilder::new();
        builder.resource(|it| it.put("service.name", "pusher"));
        for seq in self.stored..self.stored + BATCH {
            let text = Line::now(self.writer, seq).text(length);
            builder.record(|it| it.body(text.as_str()));
        }
        Data::from(builder.finish()).to_bytes().to_vec()
    }

    /// The status of the answer; `None` when the connection broke.
    fn post(&mut self, body: &[u8]) -> Option<u16> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(TcpStream::connect(&self.address).ok()?),
        };
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        begin(stream, body).ok()?;
        let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
        loop {
            let length = stream.read(&mut piece).ok().filter(|it| *it > 0)?;
            answer.extend_from_slice(&piece[..length]);
            let text = String::from_utf8_lossy(&answer).to_lowercase();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|it| it.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |it| it.trim().parse::<usize>().unwrap()) {
                return head.split(' ').nth(1)?.parse().ok();
            }
        }
    }
}

fn begin(stream: &mut TcpStream, body: &[u8]) -> std::io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: {length}\r\n\r\n"
    )?;
    stream.write_all(body)
}

/// Each sends until it has `quota`, or its patience ends.
async fn send_all(mut pushers: Vec<Pusher>, quota: u64) -> Vec<Pusher> {
    let sending = move || {
        let end = Instant::now() + PATIENCE;
        while pushers.iter().any(|it| it.stored < quota) && Instant::now() < end {
            for pusher in pushers.iter_mut().filter(|it| it.stored < quota) {
                if !pusher.send(40) {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        }
        pushers
    };
    tokio::task::spawn_blocking(sending).await.unwrap()
}

/// What a run has shown.
struct Outcome {
    stored: u64,
    missing: usize,
    doubled: u64,
    doubled_max: u64,
    torn: u64,
}

/// 20,000 records through `program`, which is killed again and again while the backend has one fault after the other.
async fn under_fire(program: &Path, test: u8, folder: &Path, more: &str) -> Outcome {
    let number = |name| std::env::var(name).ok().and_then(|it| it.parse::<u64>().ok());
    let kills = number("SLUICE_QUEUE_KILLS").unwrap_or(KILLS);
    let mut random = fastrand::Rng::with_seed(number("SLUICE_SEED").unwrap_or(42));
    let oracle = Arc::new(Oracle::default());
    let backend = Endpoint::start(Arc::clone(&oracle) as Next).await;
    let listen = format!("{}:4318", own_address(test));
    let state = folder.join("queue");
    std::fs::create_dir_all(&state).unwrap();
    let yaml = config(&listen, &backend, &state, more);
    let mut pushers: Vec<_> = (0..CLIENTS).map(|writer| Pusher::new(writer, &listen)).collect();
    let faults = [
        Fault::Dead,
        Fault::Hang,
        Fault::Busy,
        Fault::LoseAnswer,
        Fault::Slow(Duration::from_millis(20)),
        Fault::None,
    ];
    let (mut doubled, mut doubled_max) = (0, 0);
    for kill in 0..kills {
        oracle.set_fault(faults[random.usize(..faults.len())]);
        let mut collector = Process::collector(program, folder, &yaml);
        let quota = RECORDS / u64::from(CLIENTS) * (kill + 1) / kills;
        pushers = send_all(pushers, quota).await;
        tokio::time::sleep(Duration::from_millis(random.u64(..150))).await;
        collector.kill();
        pushers.iter_mut().for_each(|it| it.stream = None);
        let now = oracle.tally().doubled;
        doubled_max = doubled_max.max(now - doubled);
        doubled = now;
    }
    oracle.set_fault(Fault::None);
    let mut collector = Process::collector(program, folder, &yaml);
    let missing = |most| {
        let missing = pushers.iter().map(|it| oracle.missing(it.writer, it.stored, most).len());
        missing.sum::<usize>()
    };
    eventually(|| missing(1) == 0).await;
    let tally = oracle.tally();
    let outcome = Outcome {
        stored: pushers.iter().map(|it| it.stored).sum(),
        missing: missing(usize::MAX),
        doubled: tally.doubled,
        doubled_max: doubled_max.max(tally.doubled - doubled),
        torn: tally.torn + tally.foreign,
    };
    let Outcome { stored, missing, doubled, doubled_max, .. } = outcome;
    let refused: u64 = pushers.iter().map(|it| it.refused).sum();
    println!(
        "{}: {kills} kills, {stored} records answered with success: missing {missing}, doubled {doubled}, in one \
         life at most {doubled_max}; not taken {refused} times",
        program.file_name().unwrap().display()
    );
    collector.terminate().await;
    backend.stop().await;
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_with_success_survives_kill_9_and_every_fault_of_the_backend() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = under_fire(Path::new(SLUICE), 61, folder.path(), "").await;
    assert!(outcome.stored >= RECORDS * 99 / 100, "only {} were taken", outcome.stored);
    assert_eq!((outcome.missing, outcome.torn), (0, 0));
    let bound = WINDOW_BYTES / RECORD_BYTES_MIN;
    assert!(outcome.doubled_max <= bound, "{} doubled, at most {bound}", outcome.doubled_max);
    // The run must have hurt: answers were lost, so records came twice.
    assert!(outcome.doubled > 0, "the test has no teeth");
    let queue = folder.path().join("queue/exporter_otlp__logs.queue");
    let left = std::fs::read_dir(queue).unwrap().map(|it| it.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["lock"], "what is done gives its space back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_go_collector_in_the_same_fire() {
    let Some(otelcol) = part("otelcol") else { return };
    let folder = tempfile::tempdir().unwrap();
    // Its figures are printed, and judged by nobody: they are in docs/internals/delivery.md.
    let outcome = under_fire(&otelcol, 62, folder.path(), "").await;
    assert!(outcome.stored > 0, "it took nothing");
}

/// What a program that looks into a queue prints, and whether it is content.
fn look(action: &str, path: &Path) -> (String, bool) {
    let words = action.split(' ');
    let out = Command::new(SLUICE).arg("queue").args(words).arg(path).output().unwrap();
    let text = [out.stdout, out.stderr].concat();
    (String::from_utf8(text).unwrap(), out.status.success())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_can_be_looked_into_while_the_collector_runs() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("queue");
    std::fs::create_dir_all(&state).unwrap();
    let oracle = Arc::new(Oracle::default());
    oracle.set_fault(Fault::Dead);
    let backend = Endpoint::start(Arc::clone(&oracle) as Next).await;
    let listen = format!("{}:4318", own_address(64));
    let yaml = config(&listen, &backend, &state, "");
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    sluice.ready().await;
    let mut pusher = Pusher::new(1, &listen);
    assert!(pusher.send(40) && pusher.send(40));
    let (text, _) = look("ls", &state);
    assert!(text.contains("exporter_otlp__logs.queue: 2 requests left (100 items, "), "{text}");
    let (text, _) = look("inspect", &state);
    assert!(text.contains("1 logs 50 items ") && text.contains(" left {\"peer\":"), "{text}");
    let (text, _) = look("export", &state.join("exporter_otlp__logs.queue"));
    let requests: Vec<serde_json::Value> =
        text.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let records = &requests[1]["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
    assert_eq!((requests.len(), records.as_array().unwrap().len()), (2, 50));
    assert!(look("verify", &state).1);
    for action in ["repair", "repair --dry-run"] {
        let (text, content) = look(action, &state);
        assert!(text.contains("the queue is in use: stop the collector") && !content, "{text}");
    }
    sluice.kill();
    // A disk changes a bit.
    let segment = state.join("exporter_otlp__logs.queue/00000000000000000001.seg");
    let mut bytes = std::fs::read(&segment).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let (text, content) = look("verify", &state);
    assert!(text.contains("1 requests left (50 items, ") && text.contains(" 1 damaged"), "{text}");
    assert!(!content);
    let (text, _) = look("repair --dry-run", &state);
    assert!(text.contains("1 damaged requests would be put aside (50 items"), "{text}");
    let (text, content) = look("repair", &state);
    assert!(
        text.contains("1 damaged requests put aside (50 items or more), 1 requests kept"),
        "{text}"
    );
    assert!(content && look("verify", &state).1, "{text}");
    let (text, _) = look("export", &state);
    assert_eq!(text.lines().count(), 1);
    let (text, content) = look("ls", folder.path());
    assert!(text.contains("name the directory of a file_storage") && !content, "{text}");
    backend.stop().await;
}

/// Unmounted when dropped.
struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        // Left mounted, it is an empty tmpfs in a temporary directory.
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

/// A file system of 4 MiB.
fn small_disk(place: &Path) -> Option<Mounted<'_>> {
    std::fs::create_dir_all(place).unwrap();
    let mount = ["-t", "tmpfs", "-o", "size=4m", "tmpfs"];
    if Command::new("mount").args(mount).arg(place).status().is_ok_and(|it| it.success()) {
        return Some(Mounted(place));
    }
    skipped(format_args!("a tmpfs of 4 MiB cannot be mounted: that needs root"));
    None
}

/// Bytes that are free on the file system.
fn free(place: &Path) -> u64 {
    let disk = rustix::fs::statvfs(place).unwrap();
    disk.f_bavail * disk.f_frsize
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_leaves_a_part_of_the_disk_to_others_and_has_a_size_of_its_own() {
    let cases = [
        ("", "the disk has 0 MiB free, and 0 are left to others"),
        (", min_free_mib: 2", "the disk has 2 MiB free, and 2 are left to others"),
        (", max_size: 1048576", "the queue has reached the max_size of 1048576 bytes"),
    ];
    for (more, says) in cases {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("small");
        let Some(_mounted) = small_disk(&state) else { return };
        let oracle = Arc::new(Oracle::default());
        oracle.set_fault(Fault::Dead);
        let backend = Endpoint::start(Arc::clone(&oracle) as Next).await;
        let listen = format!("{}:4318", own_address(210));
        let yaml = config(&listen, &backend, &state, more);
        let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
        sluice.ready().await;
        let mut pusher = Pusher::new(1, &listen);
        while pusher.refused < 5 {
            pusher.send(1000);
            assert!(pusher.stored < 20_000, "it never gets full");
        }
        sluice.says(says).await;
        let (left, mib) = (free(&state), 1 << 20);
        let least = if more.is_empty() { (4 * mib) / 20 } else { 2 * mib };
        assert!(left >= least, "{more}: {left} bytes are left");
        assert!(pusher.stored > 500, "{more}: only {} records were taken", pusher.stored);
        oracle.set_fault(Fault::None);
        let all = || oracle.missing(1, pusher.stored, 1).is_empty();
        assert!(eventually(all).await, "{:?}", oracle.missing(1, pusher.stored, 10));
        assert!(eventually(|| pusher.send(1000)).await, "there is room again");
        assert!(sluice.terminate().await.success());
        backend.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_drops_the_oldest_or_the_newest_where_that_is_chosen_and_counts_it() {
    for overflow in ["drop_oldest", "drop_newest"] {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("small");
        let Some(_mounted) = small_disk(&state) else { return };
        let oracle = Arc::new(Oracle::default());
        oracle.set_fault(Fault::Dead);
        let backend = Endpoint::start(Arc::clone(&oracle) as Next).await;
        let own = own_address(211);
        let listen = format!("{own}:4318");
        let queue = format!(", num_consumers: 1, on_overflow: {overflow}");
        let pull = format!("pull: {{exporter: {{prometheus: {{host: '{own}', port: 8888}}}}}}");
        let yaml = config_with(&listen, &backend, &state, "", &queue)
            .replace("metrics: {level: none}", &format!("metrics: {{readers: [{{{pull}}}]}}"));
        let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
        sluice.ready().await;
        let mut pusher = Pusher::new(1, &listen);
        while pusher.stored < 10_000 {
            assert!(pusher.send(1000), "nobody is refused: {}", sluice.output());
        }
        let lost = || {
            let page = get(&own, 8888, "/metrics").unwrap_or_default();
            let line = page.lines().find(|it| it.contains("reason=\"queue_full_drop_policy\""));
            line.and_then(|it| it.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or_default()
                as u64
        };
        assert!(lost() > 1000, "{}", sluice.output());
        oracle.set_fault(Fault::None);
        // All that was not dropped arrives.
        let arrived = || 10_000 - oracle.missing(1, 10_000, usize::MAX).len() as u64;
        assert!(eventually(|| arrived() + lost() == 10_000).await, "{} {}", arrived(), lost());
        let missing = oracle.missing(1, 10_000, usize::MAX);
        let has_last = missing.last().is_none_or(|it| *it < 9_950);
        assert_eq!(has_last, overflow == "drop_oldest", "{overflow}: {:?}", missing.last());
        assert!(sluice.terminate().await.success());
        backend.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_senders_and_keeps_what_was_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("small");
    let Some(_mounted) = small_disk(&state) else { return };
    let oracle = Arc::new(Oracle::default());
    oracle.set_fault(Fault::Dead);
    let backend = Endpoint::start(Arc::clone(&oracle) as Next).await;
    let listen = format!("{}:4318", own_address(63));
    let yaml = config(&listen, &backend, &state, ", min_free_mib: 0");
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    sluice.ready().await;
    let mut pusher = Pusher::new(1, &listen);
    while pusher.refused < 5 {
        pusher.send(1000);
        assert!(pusher.stored < 20_000, "it never gets full");
    }
    assert!(pusher.stored > 1000, "only {} records fit into 4 MiB", pusher.stored);
    sluice.says("No space left on device").await;
    sluice.says("make room on the disk").await;
    // Also through a crash.
    sluice.kill();
    pusher.stream = None;
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    assert!(eventually(|| TcpStream::connect(&listen).is_ok()).await);
    assert!(!pusher.send(1000), "still full");
    oracle.set_fault(Fault::None);
    assert!(eventually(|| pusher.send(1000)).await, "there is no room again: {}", sluice.output());
    let all = || oracle.missing(1, pusher.stored, 1).is_empty();
    assert!(eventually(all).await, "{:?}", oracle.missing(1, pusher.stored, 10));
    println!("4 MiB: {} records accepted, {} doubled", pusher.stored, oracle.tally().doubled);
    assert!(sluice.terminate().await.success());
    backend.stop().await;
}
