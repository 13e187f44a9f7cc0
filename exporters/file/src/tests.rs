use std::path::Path;
use std::time::Duration;

use componenttest::{TestHost, config, data, exporter_settings, problems};

use super::*;

/// Longest time that a test waits for something that has to happen.
const LIMIT: Duration = Duration::from_secs(10);

// Writes where nothing is kept: conformance needs no file.
componenttest::conformance!(exporter File, r#"{"path": "/dev/null", "append": true}"#);

fn section(path: &Path, more: &str) -> String {
    format!(r#"{{"path": "{}"{more}}}"#, path.display())
}

async fn started(signal: Signal, section: &str) -> (Arc<File>, TestHost) {
    let host = TestHost::new();
    let exporter =
        Arc::new(File::create(exporter_settings("file", signal), config(section)).unwrap());
    Arc::clone(&exporter).start(&host).await.unwrap();
    (exporter, host)
}

async fn write(exporter: &File, data: Data) {
    exporter.consume(&Context::delivered(), data).await.unwrap();
}

/// Requests with a length before each.
fn framed(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (record, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        out.push(record.to_vec());
        bytes = rest;
    }
    out
}

#[tokio::test]
async fn json_is_one_request_per_line_and_there_when_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");
    std::fs::write(&path, "old").unwrap();
    let (exporter, host) = started(Signal::Logs, &section(&path, "")).await;
    let mut want = Vec::new();
    for items in [3, 5] {
        let data = data(Signal::Logs, items);
        data.to_json(&mut want);
        want.push(b'\n');
        write(&exporter, data).await;
        assert!(std::fs::read(&path).unwrap() == want);
    }
    host.shutdown(&*exporter, LIMIT).await;
}

#[expect(clippy::disallowed_methods, reason = "it reads what it has written")]
#[tokio::test]
async fn protobuf_and_compressed_requests_have_a_length_before_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let (exporter, host) = started(Signal::Traces, &section(&path, r#","format":"proto""#)).await;
    let sent = [data(Signal::Traces, 2), data(Signal::Traces, 3)];
    for it in &sent {
        write(&exporter, it.clone()).await;
    }
    host.shutdown(&*exporter, LIMIT).await;
    let got = framed(&std::fs::read(&path).unwrap());
    assert_eq!(got, sent.each_ref().map(|it| it.chunks().concat()));

    let (exporter, host) = started(Signal::Logs, &section(&path, r#","compression":"zstd""#)).await;
    let sent = data(Signal::Logs, 4);
    write(&exporter, sent.clone()).await;
    host.shutdown(&*exporter, LIMIT).await;
    let got = framed(&std::fs::read(&path).unwrap());
    let mut want = Vec::new();
    sent.to_json(&mut want);
    assert!(got.len() == 1 && zstd::stream::decode_all(&*got[0]).unwrap() == want);
}

#[tokio::test]
async fn appending_keeps_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sub/out.json");
    let more = r#","append":true,"create_directory":true"#;
    for _ in 0..2 {
        let (exporter, host) = started(Signal::Logs, &section(&path, more)).await;
        write(&exporter, data(Signal::Logs, 1)).await;
        host.shutdown(&*exporter, LIMIT).await;
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
}

#[tokio::test]
async fn signals_share_a_rotating_file_without_loss() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");
    let section = section(
        &path,
        r#","rotation":{"max_megabytes":1,"max_backups":100,"max_days":0,"localtime":false}"#,
    );
    let (logs, logs_host) = started(Signal::Logs, &section).await;
    let (traces, traces_host) = started(Signal::Traces, &section).await;
    let (log, span) = (data(Signal::Logs, 1_000), data(Signal::Traces, 1_000));
    for _ in 0..12 {
        tokio::join!(write(&logs, log.clone()), write(&traces, span.clone()));
    }
    logs_host.shutdown(&*logs, LIMIT).await;
    traces_host.shutdown(&*traces, LIMIT).await;
    let (mut files, mut lines) = (0, 0);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(text.len() <= 1024 * 1024);
        for line in text.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
            lines += 1;
        }
        files += 1;
    }
    assert_eq!(lines, 24);
    assert!(files > 2, "{files} files");
}

#[tokio::test]
async fn a_full_disk_is_retryable_and_leaves_no_half_record() {
    let (exporter, host) = started(Signal::Logs, r#"{"path": "/dev/full", "append": true}"#).await;
    let error = exporter.consume(&Context::default(), data(Signal::Logs, 1)).await.unwrap_err();
    assert!(!error.is_permanent());
    assert!(
        error.to_string().starts_with("cannot write to \"/dev/full\": No space left"),
        "{error}"
    );
    host.shutdown(&*exporter, LIMIT).await;
}

#[tokio::test]
async fn what_cannot_be_done_fails_the_start_with_the_remedy() {
    let start = async |section: &str| {
        let exporter =
            File::create(exporter_settings("file/x", Signal::Logs), config(section)).unwrap();
        Arc::new(exporter).start(&TestHost::new()).await.unwrap_err().to_string()
    };
    let error = start(r#"{"path": "/nowhere/x"}"#).await;
    assert!(
        error.starts_with("exporters::file/x: cannot open \"/nowhere/x\" for writing"),
        "{error}"
    );
    let error = start(r#"{"path": "/tmp/*", "group_by": {"enabled": true}}"#).await;
    assert!(error.contains("group_by is not supported yet"), "{error}");
}

#[test]
fn mistakes_are_named_in_the_collectors_words() {
    let check = |section: &str, want: &str| assert_eq!(problems::<Config>(section), [want]);
    check("{}", "path must be non-empty");
    check(r#"{"path": "a", "format": "text"}"#, "format type is not supported");
    check(r#"{"path": "a", "compression": "gzip"}"#, "compression is not supported");
    check(
        r#"{"path": "a", "append": true, "compression": "zstd"}"#,
        "append and compression enabled at the same time is not supported",
    );
}

#[tokio::test]
async fn only_the_first_instance_begins_the_file_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");
    let (first, host) = started(Signal::Logs, &section(&path, "")).await;
    write(&first, data(Signal::Logs, 3)).await;
    let length = || std::fs::metadata(&path).unwrap().len();
    let one = length();
    // Two reloads: each instance starts before the one before it ends.
    let mut before = (first, host);
    for _ in 0..2 {
        let host = before.1.successor();
        let config = config(&section(&path, r#", "format": "json""#));
        let next = Arc::new(File::create(exporter_settings("file", Signal::Logs), config).unwrap());
        Arc::clone(&next).start(&host).await.unwrap();
        before.1.shutdown(&*before.0, LIMIT).await;
        before = (next, host);
    }
    write(&before.0, data(Signal::Logs, 3)).await;
    assert_eq!(length(), 2 * one);
    before.1.shutdown(&*before.0, LIMIT).await;
    let (_first, _host) = started(Signal::Logs, &section(&path, "")).await;
    assert_eq!(length(), 0, "a new process does");
}

/// More calls than may write at once that are given up while the file takes nothing; then another part of the program blocks for a moment, in a
/// program that has WRITES_MAX + 1 threads for that.
#[test]
fn a_file_that_stands_still_leaves_threads_to_others() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(WRITES_MAX + 1)
        .build()
        .unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    runtime.block_on(async {
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&writer));
        let (exporter, _host) = started(Signal::Logs, &section(Path::new(&path), "")).await;
        let (ctx, data) = (Context::default(), data(Signal::Logs, 5_000));
        for _ in 0..=WRITES_MAX {
            let call = exporter.consume(&ctx, data.clone());
            tokio::time::timeout(Duration::from_millis(50), call).await.unwrap_err();
        }
        let other = tokio::task::spawn_blocking(|| 1);
        let other = tokio::time::timeout(Duration::from_secs(30), other).await;
        assert_eq!(other.expect("no thread is left").unwrap(), 1);
        exporter.shutdown().await.unwrap();
    });
    drop(reader);
    runtime.shutdown_background();
}
