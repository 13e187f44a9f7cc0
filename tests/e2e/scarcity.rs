//! Files when there is little of something: memory, descriptors, a backend.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use component::{ConsumeError, Consumer, Context, Data, async_trait};
use pdata::{ResourceLogs, ValueRef};

use super::bad_input::post;
use crate::support::{Endpoint, Process, SLUICE, eventually, get, own_address};

const TELEMETRY: &str = "{metrics: {level: none}}";

/// A backend that counts records by the length of their body.
#[derive(Default)]
struct Lengths(Mutex<BTreeMap<usize, usize>>);

impl Lengths {
    fn get(&self) -> BTreeMap<usize, usize> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl Consumer for Lengths {
    async fn consume(&self, _: &Context, data: Data) -> Result<(), ConsumeError> {
        let logs = data.into_logs().unwrap();
        let mut all = self.0.lock().unwrap();
        for record in logs.resources().flat_map(ResourceLogs::records) {
            let Some(ValueRef::Str(text)) = record.body() else { continue };
            *all.entry(text.len()).or_default() += 1;
        }
        Ok(())
    }
}

/// Files, and how much memory it may take to read them.
const FILES: usize = 300;
/// Of the text without an end in each.
const LONG_BYTES: usize = 1_000_000;
/// What is in flight (16 MiB), what operators hold back (16 MiB), and what a request of these is on its way.
const RESIDENT_BYTES_MAX: u64 = 256 << 20;

/// Reads what `write` makes: each file has to become one record, in little memory.
async fn unfinished(write: fn(&Path), operators: &str) {
    let folder = tempfile::tempdir().unwrap();
    // Its own log is in the folder above.
    let logs = folder.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    (0..FILES).for_each(|n| write(&logs.join(format!("{n}.log"))));
    let arrived = Arc::new(Lengths::default());
    let backend = Endpoint::start(Arc::clone(&arrived) as _).await;
    let yaml = format!(
        "receivers:
  file_log:
    {{include: ['{}/*.log'], start_at: beginning, include_file_path: true, operators: {operators}}}
exporters: {{otlp_grpc: {{endpoint: {}, tls: {{insecure: true}}}}}}
service:
  telemetry: {TELEMETRY}
  pipelines: {{logs: {{receivers: [file_log], exporters: [otlp_grpc]}}}}
",
        logs.display(),
        backend.grpc
    );
    let mut sluice = Process::collector(SLUICE.as_ref(), folder.path(), &yaml);
    eventually(|| arrived.get().values().sum::<usize>() >= FILES).await;
    let peak = sluice.usage().resident_peak_bytes;
    println!("{FILES} records of {LONG_BYTES} bytes without an end: {peak} bytes resident");
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    assert_eq!(arrived.get(), BTreeMap::from([(LONG_BYTES, FILES)]));
    assert!(peak < RESIDENT_BYTES_MAX, "{peak} bytes resident");
    backend.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_without_an_end_in_many_files_are_one_record_each_in_little_memory() {
    unfinished(|path| std::fs::write(path, "x".repeat(LONG_BYTES)).unwrap(), "[]").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_of_container_lines_without_the_last_are_one_record_each_in_little_memory() {
    let parts = |path: &Path| {
        let part = format!("2026-11-30T09:00:00.000000001Z stdout P {}\n", "x".repeat(10_000));
        std::fs::write(path, part.repeat(LONG_BYTES / 10_000)).unwrap();
    };
    unfinished(parts, "[{type: container, add_metadata_from_filepath: false}]").await;
}

/// A backend that knows which lines it got.
#[derive(Default)]
struct Lines(Mutex<BTreeMap<String, usize>>);

impl Lines {
    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn missing(&self, wanted: impl Iterator<Item = String>) -> BTreeSet<String> {
        let got = self.0.lock().unwrap();
        wanted.filter(|it| !got.contains_key(it)).collect()
    }
}

#[async_trait]
impl Consumer for Lines {
    async fn consume(&self, _: &Context, data: Data) -> Result<(), ConsumeError> {
        let logs = data.into_logs().unwrap();
        let mut all = self.0.lock().unwrap();
        for record in logs.resources().flat_map(ResourceLogs::records) {
            let Some(ValueRef::Str(text)) = record.body() else { continue };
            *all.entry(text.to_owned()).or_default() += 1;
        }
        Ok(())
    }
}

/// More than systemd lets a program open at first.
const MANY: usize = 3000;
/// In so many directories.
const DIRECTORIES: usize = 50;

fn file(folder: &Path, n: usize) -> PathBuf {
    folder.join(format!("logs/{}/{n}.log", n % DIRECTORIES))
}

fn append(folder: &Path, what: &str) {
    for n in 0..MANY {
        let path = file(folder, n);
        let mut file = std::fs::File::options().append(true).create(true).open(path).unwrap();
        writeln!(file, "{n} {what}").unwrap();
    }
}

/// Reads more files than the process may open, and they grow, and one of a client comes in between.
async fn many(limit: &str, test: u8, look: impl FnOnce(&Process)) {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..DIRECTORIES {
        std::fs::create_dir_all(file(folder.path(), n).parent().unwrap()).unwrap();
    }
    append(folder.path(), "one");
    let arrived = Arc::new(Lines::default());
    let backend = Endpoint::start(Arc::clone(&arrived) as _).await;
    let address = own_address(test);
    let yaml = format!(
        "receivers:
  file_log:
    {{include: ['{}/logs/*/*.log'], start_at: beginning, max_concurrent_files: 100000}}
  otlp: {{protocols: {{http: {{endpoint: '{address}:4318'}}}}}}
exporters: {{otlp_grpc: {{endpoint: {}, tls: {{insecure: true}}}}}}
service:
  telemetry: {TELEMETRY}
  pipelines: {{logs: {{receivers: [file_log, otlp], exporters: [otlp_grpc]}}}}
",
        folder.path().display(),
        backend.grpc
    );
    let mut sluice = Process::limited(limit, folder.path(), &yaml);
    sluice.ready().await;
    eventually(|| arrived.count() >= MANY).await;
    assert_eq!(post(&address, RECORD).0, 200, "{}", sluice.output());
    look(&sluice);
    append(folder.path(), "two");
    eventually(|| arrived.count() > 2 * MANY).await;
    let wanted = (0..MANY).flat_map(|n| [format!("{n} one"), format!("{n} two")]);
    let missing = arrived.missing(wanted.chain(["pushed".to_owned()]));
    assert!(missing.is_empty(), "{} missing: {}", missing.len(), sluice.output());
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    let often: Vec<usize> =
        arrived.0.lock().unwrap().values().copied().filter(|it| *it > 1).collect();
    assert!(often.is_empty(), "{} lines came twice", often.len());
    backend.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_descriptor_at_all_is_waited_out_and_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join("logs").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = std::fs::File::options().append(true).create(true).open(path).unwrap();
        writeln!(file, "{text}").unwrap();
    };
    (0..100).for_each(|n| write(&format!("a/{n}.log"), &format!("{n} one")));
    let arrived = Arc::new(Lines::default());
    let backend = Endpoint::start(Arc::clone(&arrived) as _).await;
    let address = own_address(184);
    let yaml = format!(
        "receivers:
  file_log: {{include: ['{}/logs/**/*.log'], start_at: beginning}}
  otlp: {{protocols: {{http: {{endpoint: '{address}:4318'}}}}}}
exporters: {{otlp_grpc: {{endpoint: {}, tls: {{insecure: true}}}}}}
service:
  telemetry: {TELEMETRY}
  pipelines: {{logs: {{receivers: [file_log, otlp], exporters: [otlp_grpc]}}}}
",
        folder.path().display(),
        backend.grpc
    );
    let mut sluice = Process::limited("-n 128", folder.path(), &yaml);
    sluice.ready().await;
    eventually(|| arrived.count() == 100).await;
    // Connections take what there is, and more.
    let connect = |_| std::net::TcpStream::connect((address.as_str(), 4318)).unwrap();
    let connections: Vec<_> = (0..200).map(connect).collect();
    sluice.says("accepting a connection failed").await;
    // Files that are closed grow, one is rotated, others are new, in a new directory, too.
    (0..100).for_each(|n| write(&format!("a/{n}.log"), &format!("{n} two")));
    std::fs::rename(folder.path().join("logs/a/0.log"), folder.path().join("logs/a/0.log.1"))
        .unwrap();
    (0..100).for_each(|n| write(&format!("a/{n}.log"), &format!("{n} three")));
    (100..120).for_each(|n| write(&format!("b/c/{n}.log"), &format!("{n} one")));
    sluice.says("there are not enough descriptors").await;
    drop(connections);
    let wanted = || {
        let new = (100..120).map(|n| format!("{n} one"));
        (0..100).flat_map(|n| ["one", "two", "three"].map(|it| format!("{n} {it}"))).chain(new)
    };
    eventually(|| arrived.missing(wanted()).is_empty()).await;
    let missing = arrived.missing(wanted());
    assert!(missing.is_empty(), "{missing:?}\n{}", sluice.output());
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    let output = sluice.output();
    assert_eq!(output.matches("there are not enough descriptors").count(), 1, "{output}");
    assert!(!output.contains("failed to open file"), "{output}");
    backend.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exporter_that_finds_no_descriptor_for_its_connection_waits_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.log");
    let append = |text: &str| {
        let mut file = std::fs::File::options().append(true).create(true).open(&path).unwrap();
        writeln!(file, "{text}").unwrap();
    };
    append("before");
    let arrived = Arc::new(Lines::default());
    let backend = Endpoint::start(Arc::clone(&arrived) as _).await;
    let address = own_address(187);
    let retry = "retry_on_failure: {initial_interval: 100ms, max_interval: 1s}";
    let yaml = format!(
        "receivers:
  file_log: {{include: ['{}']}}
  otlp: {{protocols: {{http: {{endpoint: '{address}:4318'}}}}}}
exporters:
  otlp_grpc: {{endpoint: {}, tls: {{insecure: true}}, {retry}}}
  otlp_http: {{endpoint: '{}', {retry}}}
service:
  telemetry: {{metrics: {{level: none}}, logs: {{level: debug}}}}
  pipelines: {{logs: {{receivers: [file_log, otlp], exporters: [otlp_grpc, otlp_http]}}}}
",
        path.display(),
        backend.grpc,
        backend.http
    );
    let mut sluice = Process::limited("-n 128", folder.path(), &yaml);
    // The file is open from here on, and nobody has connected to the backend.
    sluice.says("Started watching file").await;
    let connect = |_| std::net::TcpStream::connect((address.as_str(), 4318)).unwrap();
    let connections: Vec<_> = (0..200).map(connect).collect();
    sluice.says("accepting a connection failed").await;
    append("after");
    sluice.says("Exporting failed. Will retry the request after interval.").await;
    drop(connections);
    let both = || arrived.0.lock().unwrap().get("after") == Some(&2);
    assert!(eventually(both).await, "{}", sluice.output());
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    backend.stop().await;
}

/// A request with one log record, whose body is "pushed".
const RECORD: &[u8] = b"\x0a\x0e\x12\x0c\x12\x0a\x2a\x08\x0a\x06pushed";

/// Descriptors that the process has open, and its soft limit.
fn descriptors(sluice: &Process) -> (usize, usize) {
    let proc = PathBuf::from(format!("/proc/{}", sluice.pid()));
    let open = std::fs::read_dir(proc.join("fd")).unwrap().count();
    let limits = std::fs::read_to_string(proc.join("limits")).unwrap();
    let line = limits.lines().find(|it| it.starts_with("Max open files")).unwrap();
    (open, line.split_whitespace().nth(3).unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_soft_limit_of_open_files_is_raised_to_the_hard_one() {
    many("-Sn 1024 && ulimit -Hn 4096", 141, |sluice| {
        assert_eq!(descriptors(sluice).1, 4096);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_wait_for_descriptors_and_sockets_do_not() {
    for (limit, test) in [(256, 142), (1024, 143)] {
        many(&format!("-n {limit}"), test, |sluice| {
            let (open, _) = descriptors(sluice);
            assert!(open < limit - limit / 8, "{open} of {limit}");
            assert_eq!(
                sluice.output().matches("may not have more open").count(),
                1,
                "{}",
                sluice.output()
            );
        })
        .await;
    }
}

/// Two pipelines of one receiver, each with its backend.
fn two_pipelines(folder: &Path, healthy: &str, dead: &str, metrics: &str) -> String {
    format!(
        "receivers: {{file_log: {{include: ['{}/in.log*'], start_at: beginning}}}}
processors: {{batch: {{}}}}
exporters:
  otlp_grpc/healthy: {{endpoint: '{healthy}', tls: {{insecure: true}}}}
  otlp_grpc/dead:
    endpoint: '{dead}'
    tls: {{insecure: true}}
    retry_on_failure: {{initial_interval: 100ms, max_interval: 1s}}
service:
  telemetry:
    metrics:
      readers: [{{pull: {{exporter: {{prometheus: {{host: {metrics}, port: 8888}}}}}}}}]
  pipelines:
    logs/healthy: {{receivers: [file_log], processors: [batch], exporters: [otlp_grpc/healthy]}}
    logs/dead: {{receivers: [file_log], processors: [batch], exporters: [otlp_grpc/dead]}}
",
        folder.display()
    )
}

/// Far more than a receiver may have without an answer.
const LINES: usize = 400_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_exporter_does_not_stop_its_neighbour_and_gets_everything_later() {
    let folder = tempfile::tempdir().unwrap();
    let write = |from: usize, to: usize| {
        let path = folder.path().join("in.log");
        let mut file = std::fs::File::options().append(true).create(true).open(path).unwrap();
        let lines: String = (from..to).map(|n| format!("{n:0100}\n")).collect();
        file.write_all(lines.as_bytes()).unwrap();
    };
    write(0, LINES);
    let (healthy, late) = (Arc::new(Lines::default()), Arc::new(Lines::default()));
    let backend = Endpoint::start(Arc::clone(&healthy) as _).await;
    let address = own_address(185);
    let yaml = two_pipelines(folder.path(), &backend.grpc, &format!("{address}:4317"), &address);
    let mut sluice = Process::collector(SLUICE.as_ref(), folder.path(), &yaml);
    assert!(
        eventually(|| healthy.count() == LINES).await,
        "{}\n{}",
        healthy.count(),
        sluice.output()
    );
    sluice.says("a pipeline does not keep up with the others").await;
    let said = sluice.output();
    let line = said.lines().find(|it| it.contains("does not keep up")).unwrap();
    assert!(line.contains("exporter otlp_grpc/dead") && line.contains("logs/dead"), "{line}");
    let held_up = || {
        let all = get(&address, 8888, "/metrics").unwrap_or_default();
        let line = all.lines().find(|it| it.starts_with("sluice_fileconsumer_held_up"))?;
        assert!(line.contains("exporter=\"otlp_grpc/dead\""), "{line}");
        Some(line.ends_with(" 1"))
    };
    assert!(eventually(|| held_up() == Some(true)).await, "{}", sluice.output());
    // It is killed, the file is rotated, and the neighbour still gets what is new, and nothing twice.
    sluice.kill();
    std::fs::rename(folder.path().join("in.log"), folder.path().join("in.log.1")).unwrap();
    write(LINES, LINES + 1000);
    let mut sluice = Process::collector(SLUICE.as_ref(), folder.path(), &yaml);
    assert!(eventually(|| healthy.count() == LINES + 1000).await, "{}", sluice.output());
    // At last the other backend comes.
    let section = serde_json::json!({"protocols": {
        "grpc": {"endpoint": format!("{address}:4317"), "max_recv_msg_size_mib": 64},
    }});
    let section = serde_json::from_value(section).unwrap();
    let next = Arc::clone(&late) as _;
    let server = ledger::Backend::start::<otlp_receiver::Otlp>(&section, &next).await.unwrap();
    let all = eventually(|| late.count() == LINES + 1000).await;
    assert!(all, "{}\n{}", late.count(), sluice.output());
    sluice.says("a pipeline has caught up with the others").await;
    assert!(eventually(|| held_up() != Some(true)).await, "{}", sluice.output());
    write(LINES + 1000, LINES + 1001);
    let all = || healthy.count() == LINES + 1001 && late.count() == LINES + 1001;
    assert!(eventually(all).await, "{}", sluice.output());
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    let twice = healthy.0.lock().unwrap().values().filter(|it| **it > 1).count();
    println!("{twice} of {LINES} lines came twice to the healthy one");
    server.stop().await.unwrap();
    backend.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exporter_that_stops_the_others_of_its_own_pipeline_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = (0..LINES).map(|n| format!("{n:0100}\n")).collect();
    std::fs::write(folder.path().join("in.log"), lines).unwrap();
    let healthy = Arc::new(Lines::default());
    let backend = Endpoint::start(Arc::clone(&healthy) as _).await;
    let address = own_address(186);
    let yaml = two_pipelines(folder.path(), &backend.grpc, &format!("{address}:4317"), &address);
    let start = yaml.find("    logs/healthy").unwrap();
    let both = "exporters: [otlp_grpc/healthy, otlp_grpc/dead]";
    let yaml = format!("{}    logs: {{receivers: [file_log], {both}}}\n", &yaml[..start]);
    let mut sluice = Process::collector(SLUICE.as_ref(), folder.path(), &yaml);
    sluice.says("files are not read on, because an exporter takes nothing").await;
    let said = sluice.output();
    let line = said.lines().find(|it| it.contains("files are not read on")).unwrap();
    assert!(line.contains("otlp_grpc/dead") && !line.contains("healthy"), "{line}");
    let named = || {
        let all = get(&address, 8888, "/metrics").unwrap_or_default();
        let mut lines = all.lines().filter(|it| it.starts_with("sluice_fileconsumer_held_up{"));
        lines.any(|it| it.contains("otlp_grpc/dead") && it.ends_with(" 1"))
    };
    assert!(eventually(named).await, "{}", sluice.output());
    assert!(healthy.count() < LINES, "nothing was held up");
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
    backend.stop().await;
}
