//! One program, one row, once: what it cost and what arrived.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use componenttest::Authority;
use ledger::{Oracle, Usage, free_port};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::load::Load;
use crate::load::files::Node;
use crate::load::scrape::Targets;
use crate::sink::Sink;
use crate::table::{Program, Row};

/// Longest run of one program.
const RUN_TIMEOUT: Duration = Duration::from_secs(300);
/// A run in which nothing arrives for so long is over.
const STALL_TIMEOUT: Duration = Duration::from_secs(15);
/// How often its memory is looked at.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(50);
/// Longest wait for a program to listen; one that only reads files may not.
const START_TIMEOUT: Duration = Duration::from_secs(30);
const START_TIMEOUT_FILES: Duration = Duration::from_secs(3);
/// After the last record, in which a second copy of one would still arrive.
const SETTLE: Duration = Duration::from_millis(200);
/// Before the beginning of a measurement without a start in it.
const CALM: Duration = Duration::from_secs(2);

/// What one run cost, and what arrived.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Cost {
    pub items: u64,
    pub seconds: f64,
    pub cpu_seconds: f64,
    pub system_seconds: f64,
    pub rss_median: u64,
    pub rss_peak: u64,
    pub threads: u64,
    pub switches_voluntary: u64,
    pub switches_forced: u64,
    pub disk_read_bytes: u64,
    pub disk_written_bytes: u64,
    /// Bytes sent; 0 when they were not counted.
    pub wire_bytes: u64,
    pub lost: u64,
    pub doubled: u64,
    pub reordered: u64,
    pub torn: u64,
    /// Requests that the program refused and that were sent again.
    pub refused: u64,
    pub mean_ms: f64,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    /// Why the run does not count.
    pub failed: Option<String>,
}

/// The program while it runs; it does not outlive the run.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    pub(crate) fn start(
        program: &Program,
        path: &Path,
        cpus: usize,
        fill: &Fill,
    ) -> anyhow::Result<Self> {
        let log = fill.folder.join("output");
        let output = fs::File::create(&log)?;
        let mut command = if cpus > 0 {
            let mut command = Command::new("taskset");
            command.args(["-c", &format!("0-{}", cpus - 1)]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.args(program.args.iter().map(|it| fill.text(it))).envs(&program.env);
        // Offsets of one run are none of the next.
        command.env("STATE_DIRECTORY", fill.folder.join("state"));
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn();
        let child = child.with_context(|| format!("cannot start {}", path.display()))?;
        Ok(Self { child, log })
    }

    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                bail!("it ended with {status}: {}", log.trim_end());
            }
        }
    }

    /// Waits until `port` accepts.
    pub(crate) async fn listening(&mut self, port: u16, limit: Duration) -> anyhow::Result<bool> {
        let deadline = Instant::now() + limit;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
            self.check()?;
            if Instant::now() > deadline {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(true)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.child.id()).context("it has ended")
    }
}

/// What stands for the words in configurations and arguments.
pub(crate) struct Fill {
    pub(crate) folder: PathBuf,
    /// Of a row with TLS.
    pub(crate) certificates: Option<Authority>,
    pub(crate) input: u16,
    pub(crate) output: u16,
    /// Where a page is that the program shows.
    pub(crate) page: u16,
}

impl Fill {
    /// Empty where the row is in plain text.
    fn ca_file(&self) -> String {
        self.certificates.as_ref().map(|it| it.path("ca.pem")).unwrap_or_default()
    }

    pub(crate) fn text(&self, text: &str) -> String {
        let folder = self.folder.display().to_string();
        let ca_file = self.ca_file();
        let certs = ca_file.trim_end_matches("/ca.pem");
        text.replace("CONFIG", &format!("{folder}/config"))
            .replace("CERTS", certs)
            .replace("FOLDER", &folder)
            .replace("IN_PORT", &self.input.to_string())
            .replace("OUT_PORT", &self.output.to_string())
            .replace("PAGE_PORT", &self.page.to_string())
    }
}

/// Whether our own program has what the row's configuration asks for, in its own words if not.
pub fn supported(program: &Program, path: &Path, row: &Row) -> anyhow::Result<Option<String>> {
    let Some(text) = program.config_text(row)? else { return Ok(None) };
    let folder = tempfile::tempdir()?;
    let (folder_path, certificates) = (folder.path().to_owned(), certificates(row));
    let fill = Fill { folder: folder_path, certificates, input: 4317, output: 4318, page: 4319 };
    let config = folder.path().join("config");
    fs::write(&config, fill.text(&text))?;
    let output = Command::new(path).arg("validate").arg("--config").arg(&config).output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let words = text.lines().take(2).collect::<Vec<_>>().join(" ");
    Ok(if output.status.success() { None } else { Some(words) })
}

/// Made for the run, of a row with TLS.
fn certificates(row: &Row) -> Option<Authority> {
    row.tls.then(|| {
        let authority = Authority::new();
        authority.issue("server", "127.0.0.1");
        authority
    })
}

/// Runs `program` once; a program that fails makes a failed run, not an error.
pub async fn run(program: &Program, path: &Path, row: &Row) -> anyhow::Result<Cost> {
    let certificates = certificates(row);
    let output = row.output.unwrap_or(program.output);
    let mut sink = Sink::start(output, row.wire, certificates.as_ref()).await?;
    let result = attempt(program, path, row, certificates, &mut sink).await;
    sink.stop().await?;
    Ok(result
        .unwrap_or_else(|error| Cost { failed: Some(format!("{error:#}")), ..Cost::default() }))
}

async fn attempt(
    program: &Program,
    path: &Path,
    row: &Row,
    certificates: Option<Authority>,
    sink: &mut Sink,
) -> anyhow::Result<Cost> {
    let folder = tempfile::tempdir()?;
    let (folder_path, input) = (folder.path().to_owned(), free_port()?);
    let (output, page) = (sink.port, free_port()?);
    let fill = Fill { folder: folder_path, certificates, input, output, page };
    if let Some(text) = program.config_text(row)? {
        fs::write(folder.path().join("config"), fill.text(&text))?;
    }
    // Files are made beside the place where they are looked for, and moved there when the program
    // is up, so that its start is not part of what lines cost.
    let made = folder.path().join("made");
    let mut node = match &row.load {
        Load::Files(load) => Some(Node::create(load, &made)?),
        Load::Otlp(_) | Load::Targets(_) | Load::Page(_) | Load::Idle { .. } => None,
    };
    let targets = match &row.load {
        Load::Targets(load) => Some(Targets::start(load, folder.path()).await?),
        _ => None,
    };
    let mut process = Process::start(program, path, row.cpus, &fill)?;
    let limit = if node.is_some() { START_TIMEOUT_FILES } else { START_TIMEOUT };
    let listens = process.listening(fill.input, limit).await?;
    anyhow::ensure!(listens || node.is_some(), "it does not listen on its port");
    match &row.load {
        Load::Idle { .. } | Load::Targets(_) => tokio::time::sleep(CALM).await,
        // What is measured is the page, not what it is made of.
        Load::Page(load) => load.fill(fill.input).await?,
        Load::Otlp(_) | Load::Files(_) => {}
    }
    if let Some(plan) = &row.fault {
        sink.plan(plan)?;
    }
    let mut before = process.usage()?;
    if let Some(node) = &mut node {
        node.move_to(&folder.path().join("pods"))?;
        if node.is_live() {
            // What is measured is following files, not finding them.
            tokio::time::sleep(CALM).await;
            before = process.usage()?;
        }
    }
    let start = Instant::now();
    let work = work(row, &fill, (node.take(), targets), &sink.oracle);
    let mut rss = Vec::new();
    let work = watch(&mut process, &mut rss, work).await;
    let Sent { written, expected, refused } = work?;
    let (seconds, after) = (start.elapsed().as_secs_f64(), process.usage()?);
    if expected > 0 {
        tokio::time::sleep(SETTLE).await;
    }
    process.check()?;
    Ok(cost(sink, &before, &after, &mut rss, Done { written, expected, refused, seconds }))
}

struct Done {
    written: u64,
    expected: u64,
    refused: u64,
    seconds: f64,
}

fn cost(sink: &Sink, before: &Usage, after: &Usage, rss: &mut [u64], done: Done) -> Cost {
    let tally = sink.oracle.tally();
    rss.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let latency = &tally.latency;
    let lost = done.expected.saturating_sub(tally.delivered);
    let torn = tally.torn + tally.foreign;
    Cost {
        items: done.written,
        seconds: done.seconds,
        cpu_seconds: (after.cpu.saturating_sub(before.cpu)).as_secs_f64(),
        system_seconds: (after.system.saturating_sub(before.system)).as_secs_f64(),
        rss_median: rss.get(rss.len() / 2).copied().unwrap_or(after.resident_bytes),
        rss_peak: after.resident_peak_bytes,
        threads: after.threads,
        switches_voluntary: after.switches_voluntary.saturating_sub(before.switches_voluntary),
        switches_forced: after.switches_forced.saturating_sub(before.switches_forced),
        disk_read_bytes: after.disk_read_bytes.saturating_sub(before.disk_read_bytes),
        disk_written_bytes: after.disk_written_bytes.saturating_sub(before.disk_written_bytes),
        wire_bytes: sink.wire_bytes(),
        lost,
        doubled: tally.doubled,
        reordered: tally.reordered,
        torn,
        refused: done.refused,
        mean_ms: ms(latency.mean()),
        p50_ms: ms(latency.quantile(0.5)),
        p95_ms: ms(latency.quantile(0.95)),
        p99_ms: ms(latency.quantile(0.99)),
        max_ms: ms(latency.max()),
        failed: (lost + torn > 0).then(|| format!("{lost} lost, {torn} torn")),
    }
}

/// Looks at the program until `work` is done.
async fn watch<T>(
    process: &mut Process,
    rss: &mut Vec<u64>,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    tokio::pin!(work);
    let deadline = Instant::now() + RUN_TIMEOUT;
    let mut ticks = tokio::time::interval(SAMPLE_INTERVAL);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = ticks.tick() => rss.push(process.usage()?.resident_bytes),
        }
        process.check()?;
        anyhow::ensure!(Instant::now() < deadline, "it took more than {RUN_TIMEOUT:?}");
    }
}

struct Sent {
    /// Records; costs are per one of these, also where a pipeline drops some.
    written: u64,
    /// Records that were to arrive.
    expected: u64,
    /// Requests that were refused on the way.
    refused: u64,
}

/// Feeds, and waits until everything has arrived or nothing comes any more.
async fn work(
    row: &Row,
    fill: &Fill,
    (node, targets): (Option<Node>, Option<Targets>),
    oracle: &Arc<Oracle>,
) -> anyhow::Result<Sent> {
    let kept_one_of = row.kept_one_of;
    let (written, refused) = match &row.load {
        Load::Otlp(load) => {
            let refused = load.send(fill.input, &fill.ca_file(), oracle, kept_one_of).await?;
            (load.items(), refused)
        }
        Load::Idle { seconds } => {
            tokio::time::sleep(Duration::from_secs_f64(*seconds)).await;
            (0, 0)
        }
        Load::Files(_) => (write(node).await?, 0),
        Load::Targets(load) => {
            let targets = targets.context("the targets are gone")?;
            return Ok(Sent { written: targets.scraped(load).await?, expected: 0, refused: 0 });
        }
        Load::Page(load) => {
            let written = load.scrape(fill.page).await?;
            return Ok(Sent { written, expected: 0, refused: 0 });
        }
    };
    let expected = written / kept_one_of;
    let (mut seen, mut since) = (0, Instant::now());
    while seen < expected && since.elapsed() < STALL_TIMEOUT {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let delivered = oracle.delivered_all();
        if delivered > seen {
            (seen, since) = (delivered, Instant::now());
        }
    }
    Ok(Sent { written, expected, refused })
}

/// A task of its own, so that its writes do not hold up the watching; it ends with this future.
async fn write(node: Option<Node>) -> anyhow::Result<u64> {
    let Some(mut node) = node else { return Ok(0) };
    let mut task = JoinSet::new();
    task.spawn(async move { node.write().await.map(|()| node.written()) });
    task.join_next().await.context("the writer is gone")??
}
