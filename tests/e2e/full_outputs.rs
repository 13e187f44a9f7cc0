//! Standard output and standard error that nobody reads, that are closed, or whose disk is full.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::bad_input::post;
use crate::support::{SLUICE, eventually, get, own_address};

/// A request whose log record has a body of 4,000 bytes.
fn request() -> Vec<u8> {
    let mut builder = pdata::LogsBuilder::new();
    builder.record(|record| record.body("x".repeat(4_000).as_str()));
    builder.finish().to_bytes().to_vec()
}

/// A collector on its way, killed when dropped.
struct Running(Child);

impl Running {
    fn start(folder: &Path, yaml: &str, out: Stdio, err: Stdio) -> Self {
        std::fs::write(folder.join("sluice.yaml"), yaml).unwrap();
        let mut command = Command::new(SLUICE);
        command.args(["--config", "sluice.yaml"]).current_dir(folder);
        command.env("STATE_DIRECTORY", folder.join("state")).stdin(Stdio::null());
        Self(command.stdout(out).stderr(err).spawn().unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// Asks it once to stop; its code.
    async fn stop(&mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        let mut status = None;
        let ended = eventually(|| {
            status = self.0.try_wait().unwrap();
            status.is_some()
        });
        assert!(ended.await, "it does not stop");
        status.unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Everything that comes in is said in the log.
fn talkative(address: &str, debug: &str) -> String {
    format!(
        "receivers: {{otlp: {{protocols: {{http: {{endpoint: '{address}:4318'}}}}}}}}
exporters: {{debug: {{verbosity: detailed, sampling_initial: 1000000, {debug}}}}}
service:
  telemetry:
    logs: {{sampling: {{enabled: false}}}}
    metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: '{address}', port: 8888}}}}}}}}]}}
  pipelines: {{logs: {{receivers: [otlp], exporters: [debug]}}}}
"
    )
}

async fn up(address: &str) {
    assert!(eventually(|| std::net::TcpStream::connect((address, 4318)).is_ok()).await);
}

fn missing(address: &str) -> f64 {
    let page = get(address, 8888, "/metrics").unwrap();
    let mut lines = page.lines();
    let line = lines.find(|it| it.starts_with("sluice_log_lines_missing_total"));
    line.map_or(0.0, |it| it.rsplit_once(' ').unwrap().1.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_standard_error_stops_neither_data_nor_reloads_nor_the_stop() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address(121);
    let yaml = talkative(&address, "");
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut sluice = Running::start(folder.path(), &yaml, Stdio::null(), writer.into());
    up(&address).await;
    let body = request();
    // Far more than the pipe and the buffer hold.
    for _ in 0..700 {
        assert_eq!(post(&address, &body).0, 200);
    }
    assert!(missing(&address) > 0.0);
    // Neither log lines nor the text for a person hold up a reload.
    std::fs::write(folder.path().join("sluice.yaml"), "receivers: {nop: {bad: key}}").unwrap();
    sluice.signal(Signal::HUP);
    let failed = "result=\"failure\"} 1";
    let page = || get(&address, 8888, "/metrics").unwrap_or_default();
    assert!(eventually(|| page().contains(failed)).await, "{}", page());
    assert_eq!(sluice.stop().await, Some(0));
    // What the pipe held is there, in whole lines but for the last.
    drop(sluice);
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    assert!(said.contains("Everything is ready."), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_that_are_missing_are_said_where_they_are_missing_and_the_last_ones_come_out() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address(122);
    let yaml = talkative(&address, "");
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut sluice = Running::start(folder.path(), &yaml, Stdio::null(), writer.into());
    up(&address).await;
    let body = request();
    for _ in 0..700 {
        assert_eq!(post(&address, &body).0, 200);
    }
    let count = missing(&address);
    let reading = std::thread::spawn(move || {
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap();
        said
    });
    // Until there is room again, what is said is missing, too.
    let has_room = || {
        let before = missing(&address);
        assert_eq!(post(&address, &body).0, 200);
        missing(&address) <= before
    };
    assert!(eventually(has_room).await, "{count}");
    assert_eq!(sluice.stop().await, Some(0));
    let said = reading.join().unwrap();
    let gaps =
        said.lines().filter(|it| it.contains("\twarn\t") && it.contains(" are missing here."));
    let lines = gaps.map(|it| {
        let number = it.rsplit_once("\"lines\": ").unwrap().1;
        number.trim_end_matches('}').parse::<f64>().unwrap()
    });
    // A few more may have been dropped after they were counted.
    assert!(count > 0.0 && lines.sum::<f64>() >= count, "{count}");
    assert!(said.trim_end().lines().last().unwrap().contains("Shutdown complete."), "the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standard_error_that_is_closed_or_on_a_full_disk_costs_log_lines_only() {
    for (test, closed) in [(123, true), (124, false)] {
        let folder = tempfile::tempdir().unwrap();
        let address = own_address(test);
        let err = if closed {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            writer.into()
        } else {
            File::options().write(true).open("/dev/full").unwrap().into()
        };
        let yaml = talkative(&address, "");
        let mut sluice = Running::start(folder.path(), &yaml, Stdio::null(), err);
        up(&address).await;
        for _ in 0..20 {
            assert_eq!(post(&address, &request()).0, 200);
        }
        assert!(eventually(|| missing(&address) >= 20.0).await, "{}", missing(&address));
        assert_eq!(sluice.stop().await, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_that_stands_still_holds_up_its_pipeline_only() {
    let folder = tempfile::tempdir().unwrap();
    let address = own_address(125);
    let copy = folder.path().join("copy.json");
    let yaml = talkative(&address, "use_internal_logger: false").replace(
        "receivers: [otlp], exporters: [debug]}",
        "receivers: [otlp/held], exporters: [debug]}, logs/free: {receivers: [otlp], exporters: [file]}",
    );
    let yaml = yaml
        .replace(
            "receivers: {",
            &format!(
                "receivers: {{otlp/held: {{protocols: {{http: {{endpoint: '{address}:4319'}}}}}}, "
            ),
        )
        .replace("exporters: {", &format!("exporters: {{file: {{path: '{}'}}, ", copy.display()))
        // Of the pipelines.
        .replace(&format!("exporters: {{file: {{path: '{}'}}, debug}}", copy.display()), "");
    let (_reader, writer) = std::io::pipe().unwrap();
    let mut sluice = Running::start(folder.path(), &yaml, writer.into(), Stdio::null());
    up(&address).await;
    let body = request();
    let head = format!(
        "POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    // Clients that wait for the console, more than the program has threads for what blocks.
    let mut waiting = Vec::new();
    for _ in 0..600 {
        use std::io::Write as _;
        let mut client = std::net::TcpStream::connect((address.as_str(), 4319)).unwrap();
        client.write_all(head.as_bytes()).unwrap();
        client.write_all(&body).unwrap();
        waiting.push(client);
    }
    for _ in 0..20 {
        assert_eq!(post(&address, &body).0, 200);
    }
    assert_eq!(std::fs::read_to_string(copy).unwrap().lines().count(), 20);
    // Their data is answered to nobody, so nothing is lost that somebody relied on.
    assert!(sluice.stop().await.is_some());
}

#[test]
fn a_command_whose_reader_leaves_says_nothing_and_a_full_disk_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    let nop = "receivers: {nop: }\nexporters: {nop: }\nservice: {pipelines: {logs: {receivers: [nop], exporters: [nop]}}}\n";
    std::fs::write(&file, nop).unwrap();
    let config = format!("--config={}", file.display());
    let commands: &[&[&str]] = &[
        &["--help"],
        &["--version"],
        &["help", "validate"],
        &["components"],
        &["schema"],
        &["man"],
        &["completion", "bash"],
        &["explain", "SL0001"],
        &["featuregate"],
        &["demo", "--print-config"],
        &["print-config", &config],
        &["print-config", "-o=json", &config],
        &["graph", &config],
    ];
    for arguments in commands {
        let run = |out: Stdio| {
            let output = Command::new(SLUICE).args(*arguments).stdout(out).output().unwrap();
            (output.status.code(), String::from_utf8(output.stderr).unwrap())
        };
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(run(writer.into()), (Some(0), String::new()), "{arguments:?}");
        let full = File::options().write(true).open("/dev/full").unwrap();
        let (code, said) = run(full.into());
        assert_eq!(code, Some(1), "{arguments:?}: {said}");
        assert!(said.starts_with("Error: cannot write: No space left"), "{arguments:?}: {said}");
    }
}
