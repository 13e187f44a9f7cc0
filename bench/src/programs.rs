//! The programs under test, and what one run of one of them costs.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use component::Next;
use otlp_receiver::Otlp;
use testbed::{Backend, Oracle, Usage, free_port};

use crate::load::{Backlog, OtlpLoad};

/// Longest run of one program.
const RUN_TIMEOUT: Duration = Duration::from_secs(300);
/// How often its memory is looked at.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(50);

/// A program under test.
#[derive(Debug, Clone)]
pub struct Program {
    pub name: &'static str,
    pub path: PathBuf,
}

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub enum Job {
    Otlp(OtlpLoad),
    Files(Backlog),
    Idle(Duration),
}

/// A configuration and a job; every program runs the same YAML.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    pub name: &'static str,
    pub config: &'static str,
    pub job: Job,
}

/// One run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// Nanoseconds of CPU per record; for idle runs, per second.
    pub cpu_ns: f64,
    pub resident_median: u64,
    pub resident_peak: u64,
    pub lost: u64,
    pub doubled: u64,
    pub torn: u64,
}

/// The programs that are there: ours, the Go Collector, and the bare relay (this program).
pub fn programs() -> anyhow::Result<Vec<Program>> {
    let own = std::env::current_exe()?;
    let folder = own.parent().context("no folder")?;
    let dist = folder.with_file_name("dist").join("sluice");
    let release = folder.join("sluice");
    let ours = [dist, release].into_iter().find(|it| it.exists());
    let ours = ours.context("build it first: cargo build --profile dist -p sluice")?;
    println!("ours: {}", ours.display());
    let mut all = vec![Program { name: "sluice", path: ours }];
    let parts = std::env::var_os("SLUICE_PARTS")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/sluice-parts")));
    let go = parts.map(|it| it.join("bin/otelcol")).filter(|it| it.exists());
    match go {
        Some(path) => all.push(Program { name: "otelcol", path }),
        None => println!("skipped: get-otelcol not run; there is no Go Collector to compare with"),
    }
    all.push(Program { name: "h2 relay", path: own });
    Ok(all)
}

impl Program {
    fn spawn(&self, config: &Path, input: u16, output: u16) -> anyhow::Result<Child> {
        let mut command = Command::new(&self.path);
        match self.name {
            "h2 relay" => command.args(["relay", &input.to_string(), &output.to_string()]),
            _ => command.arg("--config").arg(config),
        };
        let log = fs::File::create(config.with_extension("log"))?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn();
        child.with_context(|| format!("cannot start {}", self.path.display()))
    }
}

/// Runs one program once.
pub async fn run(program: &Program, scenario: &Scenario) -> anyhow::Result<Cost> {
    let folder = tempfile::tempdir()?;
    let (input, output) = (free_port()?, free_port()?);
    let expected = match scenario.job {
        Job::Files(backlog) => {
            backlog.write(&folder.path().join("pods"))?;
            backlog.lines_per_pod * u64::from(backlog.pods)
        }
        Job::Otlp(load) => load.records(),
        Job::Idle(_) => 0,
    };
    let oracle = Arc::new(Oracle::default());
    let sink = sink(output, &oracle).await?;
    let config = folder.path().join("config.yaml");
    let text = scenario
        .config
        .replace("FOLDER", &folder.path().display().to_string())
        .replace("IN_PORT", &input.to_string())
        .replace("OUT_PORT", &output.to_string());
    fs::write(&config, text)?;
    let mut child = Guard(program.spawn(&config, input, output)?);
    let pid = child.0.id();
    let mut samples = Samples::default();
    let before = match scenario.job {
        // A reader begins to work when it starts: its start is part of the cost.
        Job::Files(_) => Usage::default(),
        Job::Otlp(_) | Job::Idle(_) => {
            open(input, &mut child, &config).await?;
            Usage::of(pid).context("it ended")?
        }
    };
    let work = work(scenario.job, input, expected, &oracle);
    tokio::pin!(work);
    let deadline = Instant::now() + RUN_TIMEOUT;
    let mut ticks = tokio::time::interval(SAMPLE_INTERVAL);
    loop {
        tokio::select! {
            done = &mut work => break done?,
            _ = ticks.tick() => samples.take(pid),
        }
        if child.0.try_wait()?.is_some() || Instant::now() > deadline {
            let log = fs::read_to_string(config.with_extension("log")).unwrap_or_default();
            bail!("{}: ended or took too long in {}:\n{log}", program.name, scenario.name);
        }
    }
    samples.take(pid);
    let after = Usage::of(pid).context("it ended")?;
    drop(child);
    sink.stop().await.map_err(|error| anyhow!(error))?;
    let tally = oracle.tally();
    let per = if expected > 0 { expected as f64 } else { seconds(scenario.job) };
    Ok(Cost {
        cpu_ns: after.cpu.saturating_sub(before.cpu).as_nanos() as f64 / per,
        resident_median: samples.median(),
        resident_peak: after.resident_peak_bytes,
        lost: expected - tally.delivered,
        doubled: tally.doubled,
        torn: tally.torn + tally.foreign,
    })
}

fn seconds(job: Job) -> f64 {
    match job {
        Job::Idle(time) => time.as_secs_f64(),
        Job::Otlp(_) | Job::Files(_) => 1.0,
    }
}

/// Feeds, and waits until everything has arrived.
async fn work(job: Job, input: u16, expected: u64, oracle: &Oracle) -> anyhow::Result<()> {
    match job {
        Job::Otlp(load) => load.send(input).await?,
        Job::Idle(time) => tokio::time::sleep(time).await,
        Job::Files(_) => {}
    }
    while oracle.tally().delivered < expected {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// A backend that counts.
async fn sink(port: u16, oracle: &Arc<Oracle>) -> anyhow::Result<Backend> {
    let section = serde_json::json!({"protocols": {"grpc":
        {"endpoint": format!("127.0.0.1:{port}"), "max_recv_msg_size_mib": 256}}});
    let section = serde_json::from_value(section)?;
    let consumer = Arc::clone(oracle) as Next;
    Backend::start::<Otlp>(&section, &consumer).await.map_err(|error| anyhow!(error))
}

/// Waits until a port accepts.
async fn open(port: u16, child: &mut Guard, config: &Path) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
        if child.0.try_wait()?.is_some() || Instant::now() > deadline {
            let log = fs::read_to_string(config.with_extension("log")).unwrap_or_default();
            bail!("it does not listen on {port}:\n{log}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[derive(Default)]
struct Samples(Vec<u64>);

impl Samples {
    fn take(&mut self, pid: u32) {
        self.0.extend(Usage::of(pid).map(|it| it.resident_bytes).filter(|it| *it > 0));
    }

    fn median(&mut self) -> u64 {
        self.0.sort_unstable();
        self.0.get(self.0.len() / 2).copied().unwrap_or(0)
    }
}

/// A child that does not outlive the run.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
