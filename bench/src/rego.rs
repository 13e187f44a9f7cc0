//! Rego beside those who evaluate it elsewhere, in one run: the engine's interpreter on JSON documents, OPA over HTTP, and OPA as
//! a library (`opa bench`). And what a storm of reloads does to the time of a payload.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use component::{Meter, Problems};
use decision::{Config, Engine};
use ledger::Usage;

use crate::micro::measured;
use crate::micro::rego::{Case, cases, data};
use crate::table::program;

/// How long each is measured.
const TIME: Duration = Duration::from_secs(3);
/// Connections to OPA.
const CONNECTIONS: usize = 4;
/// Swaps of the storm.
const SWAPS: usize = 1_000;

/// All of it as Markdown.
///
/// # Errors
/// If OPA is there and does not answer.
pub fn run() -> anyhow::Result<String> {
    let mut out = String::from(
        "| policy | Sluice, records/s of a core | the interpreter on JSON documents | OPA over HTTP, decisions/s of a core | \
         OPA as a library |\n|---|---|---|---|---|\n",
    );
    let opa = program("opa");
    for case in cases() {
        let mut row = case.row();
        let ours = rate(row.records, || measured(&mut row.ours))?;
        let usual = match &mut row.usual {
            Some(usual) => rate(row.records, || measured(usual))?,
            None => 0.0,
        };
        let (http, library) = match &opa {
            Some(opa) => (whole(over_http(opa, &case)?), whole(as_library(opa, &case)?)),
            None => ("no opa".to_owned(), "no opa".to_owned()),
        };
        let (ours, usual) = (whole(ours), whole(usual));
        let _ = writeln!(out, "| {} | {ours} | {usual} | {http} | {library} |", case.what);
    }
    out.push_str(&storm()?);
    Ok(out)
}

fn whole(number: f64) -> String {
    format!("{number:.0}")
}

/// Records by second of CPU time of this process.
fn rate(records: u64, mut work: impl FnMut()) -> anyhow::Result<f64> {
    let cpu = || Usage::of(std::process::id()).map(|it| it.cpu).context("no /proc");
    work();
    let (start, before) = (Instant::now(), cpu()?);
    let mut done = 0;
    while start.elapsed() < TIME {
        work();
        done += records;
    }
    Ok(done as f64 / cpu()?.saturating_sub(before).as_secs_f64())
}

/// `opa run --server` while it is asked; it does not outlive this.
struct Server {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(opa: &Path, case: &Case) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let policy = folder.path().join("policy.rego");
        std::fs::write(&policy, &case.policy)?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(opa);
        command.args(["run", "--server", "--log-level", "error", "--disable-telemetry"]);
        command.args(case.opa_flags()).args(["--addr", &format!("127.0.0.1:{port}")]).arg(&policy);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let server = Self { child, folder, port };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(Instant::now() < deadline, "opa does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }
}

fn over_http(opa: &Path, case: &Case) -> anyhow::Result<f64> {
    let server = Server::start(opa, case)?;
    let path = format!("/v1/{}", case.opa_query().replace('.', "/"));
    let documents = case.documents();
    let usage = || Usage::of(server.child.id()).map(|it| it.cpu).context("opa has ended");
    let done = AtomicBool::new(false);
    let before = usage()?;
    let answered: anyhow::Result<usize> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..CONNECTIONS)
            .map(|_| scope.spawn(|| ask(server.port, &path, &documents, &done)))
            .collect();
        std::thread::sleep(TIME);
        done.store(true, Relaxed);
        asking.into_iter().map(|it| it.join().unwrap_or(Ok(0))).sum()
    });
    let cpu = usage()?.saturating_sub(before);
    ensure!(server.folder.path().exists(), "the policy of opa is gone");
    Ok(answered? as f64 / cpu.as_secs_f64())
}

/// One document after the other on one connection; how many were answered.
fn ask(port: u16, path: &str, documents: &[String], done: &AtomicBool) -> anyhow::Result<usize> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    let mut count = 0;
    for document in documents.iter().cycle() {
        if done.load(Relaxed) {
            break;
        }
        let body = format!("{{\"input\":{document}}}");
        let length = body.len();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: opa\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        answer(&mut reader)?;
        count += 1;
    }
    Ok(count)
}

fn answer(reader: &mut BufReader<TcpStream>) -> anyhow::Result<()> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    ensure!(line.contains(" 200 "), "opa answers {line:?}");
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
    }
    reader.read_exact(&mut vec![0; length])?;
    Ok(())
}

/// Decisions by second of one document of the middle, as OPA measures it in its own process.
fn as_library(opa: &Path, case: &Case) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let write = |name: &str, text: &str| -> anyhow::Result<PathBuf> {
        let path = folder.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    };
    let policy = write("policy.rego", &case.policy)?;
    let documents = case.documents();
    let document = documents.get(documents.len() / 2).context("there are no documents")?;
    let input = write("input.json", document)?;
    let mut command = Command::new(opa);
    command.args(["bench", "--format", "json", "--metrics=false"]).args(case.opa_flags());
    command.arg("-d").arg(&policy).arg("-i").arg(&input).arg(case.opa_query());
    let output = command.output()?;
    let result: serde_json::Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let number = |key: &str| result[key].as_f64().unwrap_or_default();
    Ok(number("N") / (number("T") / 1e9))
}

/// Payloads of 100 records while the policy changes as quickly as it can, and while it does not.
fn storm() -> anyhow::Result<String> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("policy.rego");
    let case = cases().into_iter().next().context("there are no cases")?;
    let write = |number: usize| -> anyhow::Result<()> {
        let new = folder.path().join("new");
        std::fs::write(&new, format!("{}\n# {number}\n", case.policy))?;
        Ok(std::fs::rename(&new, &file)?)
    };
    write(0)?;
    let mut config: Config = componenttest::config(&case.section());
    config.policy = String::new();
    config.files = vec![file.display().to_string()];
    let engine = Engine::new(&config, &mut Problems::default()).context("no engine")?;
    let instance = engine.instance("processor", "rego", "logs", &Meter::default());
    let data = data(&case.request);
    let done = AtomicBool::new(false);
    let payloads = || {
        let mut times = Vec::new();
        let start = Instant::now();
        while !done.load(Relaxed) && start.elapsed() < 4 * TIME {
            let one = Instant::now();
            std::hint::black_box(engine.run(&instance, None, &data).data.items());
            times.push(one.elapsed());
            // Senders do not come back to back; a machine without a moment to spare measures its scheduler.
            std::thread::sleep(Duration::from_micros(200));
        }
        times
    };
    let calm = payloads();
    let (swapped, stormy) = std::thread::scope(|scope| {
        let sender = scope.spawn(payloads);
        let swapped = (1..=SWAPS).try_for_each(|number| {
            write(number)?;
            engine.reload().map_err(anyhow::Error::msg).map(|_| ())
        });
        done.store(true, Relaxed);
        (swapped, sender.join().unwrap_or_default())
    });
    swapped?;
    let (calm, stormy) = (percentile(calm), percentile(stormy));
    Ok(format!(
        "\nReload storm, {SWAPS} swaps: P99 of a payload of 100 records {stormy:.3} ms, without swaps {calm:.3} ms.\n"
    ))
}

/// P99 in milliseconds.
fn percentile(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    let at = times.len().saturating_sub(1) * 99 / 100;
    times.get(at).map_or(0.0, |it| it.as_secs_f64() * 1e3)
}
