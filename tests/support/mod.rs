//! Starting and watching the program under test.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use component::Next;
use component::config::Value;
use ledger::{Backend, Usage, free_port};
use otlp_receiver::Otlp;

/// The binary under test.
pub const SLUICE: &str = env!("CARGO_BIN_EXE_sluice");

/// How long anything may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Real programs, filled by `tests/parts/get-*`; `SLUICE_PARTS` or the user's cache.
pub fn part(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SLUICE_PARTS")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/sluice-parts")))?;
    let program = folder.join("bin").join(name);
    if program.exists() {
        return Some(program);
    }
    skipped(format_args!("tests/parts/get-{name} was not run: {} is missing", program.display()));
    None
}

/// Says that a check is skipped and why, and how many were. Test runners hide what passing tests print, so it goes
/// past them, to standard error itself.
pub fn skipped(why: std::fmt::Arguments<'_>) {
    static SKIPPED: AtomicU32 = AtomicU32::new(0);
    let number = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    // Nothing depends on whether it can be said.
    let _ = writeln!(std::io::stderr(), "skipped {number}: {why}");
}

/// Waits for a condition; false when it did not come true in time.
pub async fn eventually(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

/// An address of the loopback that is this process's and this test's alone: its ports are free, also where
/// they must be fixed. Two files with the same number would take each other's ports.
#[track_caller]
pub fn own_address(test: u8) -> String {
    static TAKEN: Mutex<BTreeMap<u8, &str>> = Mutex::new(BTreeMap::new());
    let file = std::panic::Location::caller().file();
    let taken = *TAKEN.lock().unwrap().entry(test).or_insert(file);
    assert_eq!(taken, file, "both use the number {test}");
    let [_, _, high, low] = std::process::id().to_be_bytes();
    format!("127.{high}.{low}.{test}")
}

/// The body of `GET path`, when the answer is 200.
pub fn get(host: &str, port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect((host, port)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.lines().next()?.contains(" 200 ").then(|| body.to_owned())
}

/// Sends telemetry of a signal (`log`, `trace`, `metric`) as OTLP/JSON, and returns the first line of the answer.
pub fn post(address: &str, port: u16, signal: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect((address, port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let path = format!("/v1/{signal}s").replace("metricss", "metrics");
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

/// A running program; killed when dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
    /// How much of the output [`Process::says_next`] has looked through.
    heard: usize,
}

impl Process {
    /// Starts `program` with this YAML; its output goes to a file in `folder`.
    pub fn collector(program: &Path, folder: &Path, yaml: &str) -> Self {
        let config = folder.join(format!("{}.yaml", program.file_name().unwrap().display()));
        fs::write(&config, yaml).unwrap();
        Self::start(program, folder, &["--config", config.to_str().unwrap()])
    }

    /// Starts `program`.
    pub fn start(program: &Path, folder: &Path, arguments: &[&str]) -> Self {
        Self::start_with(program, folder, arguments, &[])
    }

    /// Starts `program` with variables in its environment.
    pub fn start_with(
        program: &Path,
        folder: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let log = folder.join(format!("{}.log", program.file_name().unwrap().display()));
        let out = fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let child = Command::new(program)
            .args(arguments)
            // Offsets of one test are none of another's.
            .env("STATE_DIRECTORY", folder.join("state"))
            .envs(environment.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap();
        Self { child, log, heard: 0 }
    }

    /// Starts the program under test with this YAML, and with a limit of open files: `-Sn 1024` is the soft one.
    pub fn limited(limit: &str, folder: &Path, yaml: &str) -> Self {
        let config = folder.join("limited.yaml");
        fs::write(&config, yaml).unwrap();
        let script = format!("ulimit {limit} && exec {SLUICE} --config {}", config.display());
        Self::start(Path::new("sh"), folder, &["-c", &script])
    }

    /// What it has printed.
    pub fn output(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until its output holds `text`; panics with the output when it does not come.
    pub async fn says(&mut self, text: &str) {
        let found =
            eventually(|| self.output().contains(text) || self.child.try_wait().unwrap().is_some());
        assert!(found.await && self.output().contains(text), "no {text:?} in:\n{}", self.output());
    }

    /// Waits until its output holds `text` behind what was waited for before.
    pub async fn says_next(&mut self, text: &str) {
        let mut end = None;
        let found = eventually(|| {
            let output = fs::read(&self.log).unwrap_or_default();
            let new =
                String::from_utf8_lossy(output.get(self.heard..).unwrap_or_default()).into_owned();
            end = new.find(text).map(|at| self.heard + at + text.len());
            end.is_some() || self.child.try_wait().unwrap().is_some()
        });
        found.await;
        self.heard = end.unwrap_or_else(|| panic!("no {text:?} any more in:\n{}", self.output()));
    }

    /// Puts another YAML in the place of the one that [`Process::collector`] was given, as editors do.
    pub fn rewrite(&self, yaml: &str) {
        let (config, new) = (self.log.with_extension("yaml"), self.log.with_extension("new"));
        fs::write(&new, yaml).unwrap();
        fs::rename(new, config).unwrap();
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it is up.
    pub async fn ready(&mut self) {
        self.says("Everything is ready.").await;
    }

    /// What it has cost so far.
    pub fn usage(&self) -> Usage {
        Usage::of(self.child.id()).unwrap()
    }

    /// Kills it as the kernel would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops all its threads where they are, until it is killed.
    pub async fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
        let tasks = format!("/proc/{}/task", self.child.id());
        let is_stopped = |task: std::io::Result<fs::DirEntry>| {
            let stat = task.and_then(|it| fs::read_to_string(it.path().join("stat")));
            stat.is_ok_and(|it| it.rsplit(')').next().is_some_and(|it| it.starts_with(" T")))
        };
        let all = || fs::read_dir(&tasks).unwrap().all(is_stopped);
        assert!(eventually(all).await, "it does not stop");
    }

    /// Asks it to read its configuration again.
    pub fn hang_up(&self) {
        self.signal(rustix::process::Signal::HUP);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Asks it to stop and waits.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.ended().await
    }

    /// Waits until it ends.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        let ended = eventually(|| {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(ended.await, "it does not stop:\n{}", self.output());
        status.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A backend for OTLP, which checks what it gets.
pub struct Endpoint {
    /// `127.0.0.1:PORT`.
    pub grpc: String,
    /// `http://127.0.0.1:PORT`.
    pub http: String,
    server: Backend,
}

impl Endpoint {
    /// Listens, and hands everything to `consumer`.
    pub async fn start(consumer: Next) -> Self {
        let address = || format!("127.0.0.1:{}", free_port().unwrap());
        let (grpc, http) = (address(), address());
        let section = serde_json::json!({"protocols": {
            "grpc": {"endpoint": grpc, "max_recv_msg_size_mib": 64},
            "http": {"endpoint": http},
        }, "invalid_utf8": "refuse"});
        let section: Value = serde_json::from_value(section).unwrap();
        let server = Backend::start::<Otlp>(&section, &consumer).await.unwrap();
        Self { grpc, http: format!("http://{http}"), server }
    }

    /// Ends it.
    pub async fn stop(self) {
        self.server.stop().await.unwrap();
    }
}
