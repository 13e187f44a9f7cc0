//! `sluice demo`: the main job on made-up pods, with every line accounted for.
//!
//! Pods are written as under containerd and a kubelet; this very binary runs as a process of its own
//! on a configuration that anybody could write; an OTLP backend embedded here counts what arrives and
//! plays dead on the way. So the figures are those of a real collector, and of nothing else.

mod backend;
mod node;
mod screen;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use ledger::{Fault, Usage};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use backend::Backend;
use node::Node;
use screen::{Figures, Screen};

/// What the collector runs.
pub const CONFIG: &str = include_str!("config.yaml");

/// How long the backend plays dead; a quarter of the run when that is shorter.
const DEAD_TIME: Duration = Duration::from_secs(3);
/// How often lines are written.
const TICK: Duration = Duration::from_millis(10);
/// Longest wait for the last lines after the last was written.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest wait for the collector to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// `sluice demo`'s flags.
#[derive(Debug)]
pub struct Demo {
    /// Ends after this; `None` runs until Ctrl-C.
    pub duration: Option<Duration>,
}

/// Runs the demo. True when every line arrived.
///
/// # Errors
/// It could not run: no folder, no port, or the collector ended.
pub async fn run(demo: &Demo) -> anyhow::Result<bool> {
    let folder = tempfile::Builder::new().prefix("sluice-demo-").tempdir()?;
    let mut screen = Screen::new(demo.duration);
    screen.say(&format!("The pods write to {}/pods.", folder.path().display()));
    screen.say(screen::HEADER);
    let backend = Backend::start().await?;
    let mut node = Node::create(&folder.path().join("pods")).context("cannot write pod logs")?;
    let mut collector = Collector::spawn(folder.path(), backend.port())?;
    let ended = watch(demo.duration, &mut screen, &backend, &mut node, &mut collector).await?;
    let lost = settle(ended, &mut screen, &backend, &node, &mut collector).await?;
    backend.stop().await;
    Ok(lost == 0)
}

/// Writes and shows until the time is over or Ctrl-C comes.
async fn watch(
    duration: Option<Duration>,
    screen: &mut Screen,
    backend: &Backend,
    node: &mut Node,
    collector: &mut Collector,
) -> anyhow::Result<Instant> {
    let started = Instant::now();
    let whole = duration.unwrap_or(Duration::from_secs(20));
    let dead_time = DEAD_TIME.min(whole / 4);
    let (dead_from, dead_to) = (whole / 4, whole / 4 + dead_time);
    let mut ticks = tokio::time::interval(TICK);
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = &mut interrupt => break,
        }
        let now = started.elapsed();
        if duration.is_some_and(|it| now >= it) {
            break;
        }
        node.write(TICK).context("cannot write pod logs")?;
        if now >= whole * 6 / 10 && node.delete_one()? {
            screen.say("-- a pod is deleted, and its log folder with it");
        }
        let dead = now >= dead_from && now < dead_to;
        if backend.set_fault(if dead { Fault::Dead } else { Fault::None }) {
            screen.say(if dead {
                "-- the backend goes down: it answers 503"
            } else {
                "-- the backend is back"
            });
        }
        collector.check()?;
        screen.show(|| Figures::now(started, backend, node, collector.usage()));
    }
    backend.set_fault(Fault::None);
    Ok(started)
}

/// Waits for the last lines, stops the collector, prints the result. Returns the lines missing.
async fn settle(
    started: Instant,
    screen: &mut Screen,
    backend: &Backend,
    node: &Node,
    collector: &mut Collector,
) -> anyhow::Result<u64> {
    let deadline = Instant::now() + SETTLE_TIMEOUT;
    while backend.missing(node) > 0 && Instant::now() < deadline {
        tokio::time::sleep(TICK).await;
        collector.check()?;
        screen.show(|| Figures::now(started, backend, node, collector.usage()));
    }
    let usage = collector.usage();
    collector.stop().await?;
    let figures = Figures::now(started, backend, node, usage);
    let missing = figures.missing;
    screen.finish(&figures, backend, node);
    Ok(missing)
}

/// The collector under test: this binary, as a user starts it.
struct Collector {
    child: Child,
    log: std::path::PathBuf,
    last: Usage,
}

impl Collector {
    fn spawn(folder: &Path, port: u16) -> anyhow::Result<Self> {
        let config = folder.join("config.yaml");
        fs::create_dir_all(folder.join("state"))?;
        let text = CONFIG
            .replace("DEMO_FOLDER", &folder.display().to_string())
            .replace("DEMO_PORT", &port.to_string());
        fs::write(&config, text)?;
        let log = folder.join("collector.log");
        let child = Command::new(std::env::current_exe()?)
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("cannot start the collector")?;
        Ok(Self { child, log, last: Usage::default() })
    }

    fn usage(&mut self) -> Usage {
        if let Some(usage) = Usage::of(self.child.id()).filter(|it| it.resident_bytes > 0) {
            self.last = usage;
        }
        self.last
    }

    /// Fails when the collector has ended by itself.
    fn check(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(10)..].join("\n");
        bail!("the collector ended by itself ({status}); its last lines:\n{tail}")
    }

    /// Asks it to stop, as Kubernetes does.
    async fn stop(&mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM).context("cannot stop the collector")?;
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("the collector did not stop within {} s", STOP_TIMEOUT.as_secs());
            }
            tokio::time::sleep(TICK).await;
        }
        Ok(())
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
