//! The disk under a sending queue: calls that fail with EIO, and a machine that dies, so that only what was waited for is
//! there. strace makes the calls fail, and says what they were; without it these tests say that they are skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use component::Next;
use ledger::{Fault, Oracle};

use crate::queue::{BATCH, Pusher, config};
use crate::support::{Endpoint, Process, SLUICE, eventually, own_address, skipped};

/// Lives of one queue, each of which ends with the death of the machine.
const LIVES: u64 = 4;
/// Requests in each of them.
const REQUESTS: u64 = 10;

/// True where strace can follow a process.
fn can_trace() -> bool {
    let mut try_it = Command::new("strace");
    try_it.args(["-o", "/dev/null", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
    let can = try_it.status().is_ok_and(|it| it.success());
    if !can {
        skipped(format_args!(
            "strace is missing, or may not follow processes: apt-get install strace"
        ));
    }
    can
}

/// Starts the collector, followed by strace with these arguments. It is the child, strace follows it from outside.
fn traced(folder: &Path, yaml: &str, arguments: &[&str]) -> Process {
    let config = folder.join("traced.yaml");
    std::fs::write(&config, yaml).unwrap();
    let trace = folder.join("trace");
    let mut all = vec!["-D", "-f", "-y", "-q", "-s", "0", "-o", trace.to_str().unwrap()];
    all.extend(arguments);
    all.extend([SLUICE, "--config", config.to_str().unwrap()]);
    Process::start(Path::new("strace"), folder, &all)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_refuses_who_waits_and_loses_nothing_that_was_answered_with_success() {
    if !can_trace() {
        return;
    }
    for inject in ["writev:error=EIO:when=3..6", "fdatasync:error=EIO:when=3..3"] {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("queue");
        std::fs::create_dir_all(&state).unwrap();
        let oracle = Arc::new(Oracle::default());
        oracle.set_fault(Fault::Dead);
        let backend = Endpoint::start(Arc::clone(&oracle) as Next).await;
        let listen = format!("{}:4318", own_address(212));
        let yaml = config(&listen, &backend, &state, ", fsync: true");
        let segment = state.join("exporter_otlp__logs.queue/00000000000000000001.seg");
        let (call, _) = inject.split_once(':').unwrap();
        let (trace, inject) = (format!("trace={call}"), format!("inject={inject}"));
        let filter = ["-P", segment.to_str().unwrap(), "-e", &trace, "-e", &inject];
        let mut sluice = traced(folder.path(), &yaml, &filter);
        sluice.ready().await;
        let mut pusher = Pusher::new(1, &listen);
        let all = eventually(|| {
            pusher.send(100);
            pusher.stored >= 20 * BATCH
        });
        assert!(all.await, "{call}: it takes nothing any more:\n{}", sluice.output());
        assert!(pusher.refused > 0, "{call}: nobody was told:\n{}", sluice.output());
        sluice.says("Input/output error").await;
        // Also after a crash.
        sluice.kill();
        pusher.stream = None;
        let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
        oracle.set_fault(Fault::None);
        let missing = || oracle.missing(1, pusher.stored, 10);
        assert!(eventually(|| missing().is_empty()).await, "{call}: {:?}", missing());
        assert_eq!(oracle.tally().torn, 0);
        assert!(sluice.terminate().await.success());
        backend.stop().await;
    }
}

/// How much of each file the disk has for certain: what was written before a call that waited for it, and returned. After
/// one that failed the disk gets no more of a file, whatever later calls say, until another file takes its place.
fn synced(trace: &str) -> BTreeMap<PathBuf, u64> {
    let (mut written, mut synced) = (BTreeMap::new(), BTreeMap::new());
    let mut lost: BTreeSet<&str> = BTreeSet::new();
    let mut begun: BTreeMap<&str, (&str, &str, u64)> = BTreeMap::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some((from, to)) = renamed(call) {
            let (bytes, safe) = (written.get(from).copied(), synced.get(Path::new(from)).copied());
            written.insert(to, bytes.unwrap_or_default());
            synced.insert(PathBuf::from(to), safe.unwrap_or_default());
            lost.remove(to);
            continue;
        }
        let of_file = || {
            let (name, rest) = call.split_once('(')?;
            let (_, rest) = rest.split_once('<')?;
            let path = rest.split_once('>')?.0;
            Some((name, path, written.get(path).copied().unwrap_or_default()))
        };
        let resumed = call.starts_with("<... ");
        let Some(of) = (if resumed { begun.remove(thread) } else { of_file() }) else { continue };
        if call.ends_with("<unfinished ...>") {
            begun.insert(thread, of);
            continue;
        }
        let result = call.rsplit_once(" = ").and_then(|it| it.1.split(' ').next()?.parse().ok());
        match (of, result) {
            ((name, path, _), Some(bytes)) if name.starts_with("write") => {
                *written.entry(path).or_default() += u64::try_from(bytes).unwrap_or_default();
                synced.entry(PathBuf::from(path)).or_insert(0);
            }
            ((_, path, before), Some(0)) if !lost.contains(path) => {
                synced.insert(PathBuf::from(path), before);
            }
            ((name, path, _), Some(-1)) if name.ends_with("sync") => {
                lost.insert(path);
            }
            _ => {}
        }
    }
    synced
}

/// The two names of a file that was given the second one.
fn renamed(call: &str) -> Option<(&str, &str)> {
    let names = call.strip_prefix("rename(\"")?.strip_suffix(" = 0")?.trim_end();
    names.strip_suffix("\")")?.split_once("\", \"")
}

/// The files of the queue below `folder`, each with its length and what would be left of it if the machine died.
fn at_risk(folder: &Path, synced: &BTreeMap<PathBuf, u64>) -> Vec<(PathBuf, u64, u64)> {
    let paths = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let of_queue = paths.filter(|it| it.extension().is_some_and(|it| it == "seg" || it == "done"));
    // What was not written in this life is of a life before: that one had its end.
    let known = of_queue.filter_map(|path| {
        let (length, left) = (path.metadata().ok()?.len(), synced.get(&path).copied()?);
        Some((path, length, left.min(length)))
    });
    known.collect()
}

/// The machine dies: of what is below `folder` only what was synced is left. Says how much went.
fn lose_power(folder: &Path, synced: &BTreeMap<PathBuf, u64>) -> u64 {
    let mut lost = 0;
    for (path, length, left) in at_risk(folder, synced) {
        lost += length - left;
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(left).unwrap();
    }
    lost
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_fsync_nothing_that_was_answered_with_success_dies_with_the_machine() {
    if !can_trace() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("queue");
    std::fs::create_dir_all(&state).unwrap();
    let oracle = Arc::new(Oracle::default());
    oracle.set_fault(Fault::Dead);
    let backend = Endpoint::start(Arc::clone(&oracle) as Next).await;
    let listen = format!("{}:4318", own_address(213));
    let yaml = config(&listen, &backend, &state, ", fsync: true");
    let mut pusher = Pusher::new(1, &listen);
    for life in 1..=LIVES {
        let calls = ["-e", "trace=write,writev,fdatasync,fsync"];
        let mut sluice = traced(folder.path(), &yaml, &calls);
        while pusher.stored < life * REQUESTS * BATCH {
            assert!(eventually(|| pusher.send(100)).await, "{}", sluice.output());
        }
        // One more, of which nobody knows whether it was stored.
        let mut unknown = Pusher::new(2, &listen);
        unknown.send_and_leave(100);
        sluice.kill();
        pusher.stream = None;
        let trace = || std::fs::read_to_string(folder.path().join("trace")).unwrap_or_default();
        assert!(eventually(|| trace().contains("killed by SIGKILL")).await, "strace has ended");
        let synced = synced(&trace());
        let segments = synced.keys().filter(|it| it.extension().is_some_and(|it| it == "seg"));
        assert!(segments.count() > 0, "the disk was waited for: {synced:?}");
        let lost = lose_power(&state.join("exporter_otlp__logs.queue"), &synced);
        println!("life {life}: {} records were answered, {lost} bytes died", pusher.stored);
    }
    // The test has teeth: where nobody waits for the disk, what was answered dies.
    let calls = ["-e", "trace=write,writev,fdatasync,fsync"];
    let careless = config(&listen, &backend, &state, ", queue_fsync_interval: 1h");
    let mut sluice = traced(folder.path(), &careless, &calls);
    let mut unlucky = Pusher::new(3, &listen);
    assert!(eventually(|| unlucky.send(100)).await, "{}", sluice.output());
    sluice.kill();
    let trace = || std::fs::read_to_string(folder.path().join("trace")).unwrap_or_default();
    assert!(eventually(|| trace().contains("killed by SIGKILL")).await, "strace has ended");
    let lost = lose_power(&state.join("exporter_otlp__logs.queue"), &synced(&trace()));
    assert!(lost >= 100 * BATCH, "only {lost} bytes died");
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    oracle.set_fault(Fault::None);
    let missing = || oracle.missing(1, pusher.stored, 10);
    assert!(eventually(|| missing().is_empty()).await, "{:?}", missing());
    assert_eq!(oracle.missing(3, BATCH, usize::MAX).len() as u64, BATCH);
    assert!(sluice.terminate().await.success());
    backend.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_disk_did_not_take_is_written_anew_and_survives_the_death_of_the_machine() {
    if !can_trace() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("queue");
    std::fs::create_dir_all(&state).unwrap();
    let oracle = Arc::new(Oracle::default());
    oracle.set_fault(Fault::Dead);
    let backend = Endpoint::start(Arc::clone(&oracle) as Next).await;
    let listen = format!("{}:4318", own_address(50));
    let yaml = config(&listen, &backend, &state, ", queue_fsync_interval: 20ms");
    let calls = ["-e", "trace=write,writev,fdatasync,fsync,rename"];
    let fails = ["-e", "inject=fdatasync:error=EIO:when=3..3"];
    let mut sluice = traced(folder.path(), &yaml, &[calls, fails].concat());
    sluice.ready().await;
    let trace = || std::fs::read_to_string(folder.path().join("trace")).unwrap_or_default();
    let mut pusher = Pusher::new(1, &listen);
    let failed = eventually(|| {
        pusher.send(100);
        trace().contains("EIO")
    });
    assert!(failed.await, "{}", sluice.output());
    // Those who pushed were answered before: what they were told has to become true.
    let queue = state.join("exporter_otlp__logs.queue");
    let is_safe = || {
        let all = at_risk(&queue, &synced(&trace()));
        !all.is_empty() && all.iter().all(|(_, length, left)| length == left)
    };
    assert!(eventually(is_safe).await, "{:?}", at_risk(&queue, &synced(&trace())));
    sluice.kill();
    assert!(eventually(|| trace().contains("killed by SIGKILL")).await, "strace has ended");
    assert_eq!(lose_power(&queue, &synced(&trace())), 0);
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    oracle.set_fault(Fault::None);
    let missing = || oracle.missing(1, pusher.stored, 10);
    assert!(eventually(|| missing().is_empty()).await, "{:?}", missing());
    assert!(pusher.stored > 0 && sluice.terminate().await.success());
    backend.stop().await;
}

#[test]
fn what_a_trace_says_is_synced_is_what_was_written_before_the_call_that_returned() {
    let trace = "7 write(3</q/1.seg>, \"\"..., 8) = 8\n\
                 7 writev(3</q/1.seg>, [{iov_base=\"\"..., iov_len=32}], 1) = 32\n\
                 8 fdatasync(4</q/1.seg> <unfinished ...>\n\
                 7 writev(3</q/1.seg>, [{iov_base=\"\"..., iov_len=5}], 1) = 5\n\
                 8 <... fdatasync resumed>)         = 0\n\
                 7 writev(3</q/1.seg>, [{iov_base=\"\"..., iov_len=5}], 1) = -1 EIO (Input/output error)\n\
                 8 fdatasync(4</q/2.seg>) = -1 EIO (Input/output error)\n";
    let of = |name: &str, bytes| (PathBuf::from(name), bytes);
    assert_eq!(synced(trace), BTreeMap::from([of("/q/1.seg", 40)]));
    // What a call that failed was to wait for stays lost, until the file is another one.
    let failed = format!(
        "{trace}8 fdatasync(4</q/1.seg>) = -1 EIO (Input/output error) (INJECTED)\n7 fsync(4</q/1.seg>) = 0\n"
    );
    assert_eq!(synced(&failed), BTreeMap::from([of("/q/1.seg", 40)]));
    let anew = "7 write(5</q/1.new>, \"\"..., 45) = 45\n7 fdatasync(5</q/1.new>) = 0\n7 rename(\"/q/1.new\", \"/q/1.seg\") = 0\n";
    let anew = synced(&format!("{failed}{anew}"));
    assert_eq!(anew, BTreeMap::from([of("/q/1.new", 45), of("/q/1.seg", 45)]));
}
