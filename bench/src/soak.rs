//! A long run at half load, while the backend fails at random: what the program takes of the machine, minute by minute. Nothing
//! may be lost, and nothing may grow.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of a load are small"
)]

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use ledger::{Fault, Oracle, free_port};
use tokio::task::JoinSet;

use crate::load::otlp::OtlpLoad;
use crate::run::{Fill, Process};
use crate::sink::Sink;
use crate::table::{Output, Table, folder};

/// How often the program is looked at.
const LOOK: Duration = Duration::from_secs(10);
/// A backend is well for so many seconds, and then ill for so many.
const WELL_SECONDS: std::ops::Range<f64> = 3.0..15.0;
const ILL_SECONDS: std::ops::Range<f64> = 0.5..5.0;
/// Requests whose time says what full load is here.
const TRIAL_REQUESTS: u64 = 2_000;
/// Longest wait for the program to listen.
const START_MAX: Duration = Duration::from_secs(30);
/// Longest wait for what is queued at the end.
const DRAIN: Duration = Duration::from_secs(120);
/// Of a run: until then the program has what it needs.
const WARM: f64 = 0.2;
/// What it may have more at the end than when it was warm: pages that an allocator keeps are no leak.
const GROWTH_MAX: f64 = 1.25;

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    minutes: f64,
    /// Records per second; half of what goes through otherwise.
    rate: Option<f64>,
}

/// Reads the words of the command line.
pub fn plan(words: &[String]) -> anyhow::Result<Plan> {
    let mut plan = Plan { minutes: 10.0, rate: None };
    for pair in words.chunks(2) {
        let [name, value] = pair else { anyhow::bail!("{pair:?} wants a value") };
        let value: f64 = value.parse().with_context(|| name.clone())?;
        match name.as_str() {
            "--minutes" => plan.minutes = value,
            "--rate" => plan.rate = Some(value),
            _ => anyhow::bail!("{name}?"),
        }
    }
    Ok(plan)
}

/// What the program takes at one moment.
#[derive(Debug, Clone, Copy)]
struct Look {
    seconds: f64,
    resident: u64,
    descriptors: u64,
    threads: u64,
    tasks: u64,
    disk: u64,
    delivered: u64,
}

/// The program between a load and a sink of its own.
struct Stage {
    process: Process,
    sink: Sink,
    fill: Fill,
    /// Where its own metrics are.
    own: u16,
    _directory: tempfile::TempDir,
}

impl Stage {
    async fn start(table: &Table) -> anyhow::Result<Self> {
        let program = table.program.iter().find(|it| it.name == "sluice").context("sluice")?;
        let path = program.find().context("sluice is not built")?;
        let sink = Sink::start(Output::Grpc, false, None).await?;
        let directory = tempfile::tempdir()?;
        let (input, own) = (free_port()?, free_port()?);
        let (in_folder, output) = (directory.path().to_owned(), sink.port);
        let fill = Fill { folder: in_folder, certificates: None, input, output, page: 0 };
        let text = fs::read_to_string(folder().join("configs/soak.yaml"))?;
        let text = fill.text(&text).replace("OWN_PORT", &own.to_string());
        fs::write(directory.path().join("config"), text)?;
        let mut process = Process::start(program, &path, 0, &fill)?;
        ensure!(process.listening(input, START_MAX).await?, "it does not listen");
        Ok(Self { process, sink, fill, own, _directory: directory })
    }

    /// Waits until so many records have arrived, or no longer.
    async fn arrive(&self, expected: u64) {
        let begun = Instant::now();
        while self.sink.oracle.delivered_all() < expected && begun.elapsed() < DRAIN {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn look(&self, begun: Instant) -> anyhow::Result<Look> {
        let usage = self.process.usage()?;
        let descriptors = fs::read_dir(format!("/proc/{}/fd", self.process.id()))?.count();
        Ok(Look {
            seconds: begun.elapsed().as_secs_f64(),
            resident: usage.resident_bytes,
            descriptors: descriptors as u64,
            threads: usage.threads,
            tasks: alive_tasks(self.own).context("sluice_runtime_tasks is not there")?,
            disk: disk(&self.fill.folder.join("queue")),
            delivered: self.sink.oracle.delivered_all(),
        })
    }
}

/// Runs it, and says what was seen.
pub async fn run(table: &Table, plan: &Plan) -> anyhow::Result<String> {
    let full = trial(table).await?;
    let rate = plan.rate.unwrap_or(full / 2.0);
    let mut stage = Stage::start(table).await?;
    let oracle = Arc::clone(&stage.sink.oracle);
    let load = OtlpLoad { records: 100, rate, window: 0, ..OtlpLoad::default() };
    let requests = (rate * plan.minutes * 60.0 / load.records as f64) as u64;
    let load = OtlpLoad { requests, ..load };
    let mut tasks = JoinSet::new();
    let faults = tasks.spawn(fail(Arc::clone(&oracle)));
    let (begun, mut looks) = (Instant::now(), Vec::new());
    let sending = load.send(stage.fill.input, "", &oracle, 1);
    tokio::pin!(sending);
    let mut ticks = tokio::time::interval(LOOK);
    let refused = loop {
        tokio::select! {
            refused = &mut sending => break refused?,
            _ = ticks.tick() => looks.push(stage.look(begun)?),
        }
        stage.process.check()?;
    };
    faults.abort();
    oracle.set_fault(Fault::None);
    stage.arrive(load.items()).await;
    // What the last requests have left behind goes.
    tokio::time::sleep(LOOK).await;
    looks.push(stage.look(begun)?);
    let tally = oracle.tally();
    let lost = load.items().saturating_sub(tally.delivered);
    let report = report(&looks, (full, rate), (refused, lost, tally.doubled));
    stage.sink.stop().await?;
    Ok(report)
}

/// Records per second that go through when nothing fails.
async fn trial(table: &Table) -> anyhow::Result<f64> {
    let stage = Stage::start(table).await?;
    let load = OtlpLoad { records: 100, requests: TRIAL_REQUESTS, ..OtlpLoad::default() };
    let begun = Instant::now();
    load.send(stage.fill.input, "", &stage.sink.oracle, 1).await?;
    stage.arrive(load.items()).await;
    let seconds = begun.elapsed().as_secs_f64();
    stage.sink.stop().await?;
    Ok(load.items() as f64 / seconds)
}

/// The backend is well, and ill in one way or another, in turns. What it refuses for good would be lost, and is not in it.
async fn fail(oracle: Arc<Oracle>) {
    let ills = [
        Fault::Dead,
        Fault::Busy,
        Fault::Hang,
        Fault::LoseAnswer,
        Fault::Slow(Duration::from_millis(300)),
    ];
    let mut random = fastrand::Rng::with_seed(7);
    let mut pick =
        |range: std::ops::Range<f64>| range.start + random.f64() * (range.end - range.start);
    for at in 0.. {
        tokio::time::sleep(Duration::from_secs_f64(pick(WELL_SECONDS))).await;
        oracle.set_fault(ills[at % ills.len()]);
        tokio::time::sleep(Duration::from_secs_f64(pick(ILL_SECONDS))).await;
        oracle.set_fault(Fault::None);
    }
}

fn alive_tasks(port: u16) -> Option<u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: h\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let line = text.lines().find(|it| it.starts_with("sluice_runtime_tasks"))?;
    Some(line.rsplit_once(' ')?.1.parse::<f64>().ok()? as u64)
}

/// Bytes of the files below a directory.
fn disk(directory: &std::path::Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    let all = entries.flatten().map(|it| match it.metadata() {
        Ok(data) if data.is_dir() => disk(&it.path()),
        data => data.map_or(0, |it| it.len()),
    });
    all.sum()
}

fn report(
    looks: &[Look],
    (full, rate): (f64, f64),
    (refused, lost, doubled): (u64, u64, u64),
) -> String {
    let mut text = format!(
        "{rate:.0} records/s, {:.0} % of the {full:.0} that go through here\n\n\
         | Minute | MiB resident | descriptors | threads | tasks | MiB of the queue | records arrived |\n\
         |---|---|---|---|---|---|---|\n",
        rate / full * 100.0
    );
    let every_minute =
        looks.iter().enumerate().filter(|(at, _)| at % 6 == 0 || at + 1 == looks.len());
    for (_, it) in every_minute {
        let (minute, mib) = (it.seconds / 60.0, it.resident as f64 / f64::from(1 << 20));
        let disk = it.disk as f64 / f64::from(1 << 20);
        let Look { descriptors, threads, tasks, delivered, .. } = it;
        let _ = writeln!(
            text,
            "| {minute:.1} | {mib:.1} | {descriptors} | {threads} | {tasks} | {disk:.1} | {delivered} |"
        );
    }
    let _ = write!(
        text,
        "\n{refused} requests were refused and sent again; lost {lost}, doubled {doubled}. "
    );
    text.push_str(&verdict(looks, lost));
    text
}

/// Whether the last fifth takes more than the fifth after the start.
fn verdict(looks: &[Look], lost: u64) -> String {
    let end = looks.last().map_or(0.0, |it| it.seconds);
    let most = |from: f64, to: f64, what: fn(&Look) -> u64| {
        let part = looks.iter().filter(|it| (from * end..=to * end).contains(&it.seconds));
        part.map(what).max().unwrap_or_default() as f64
    };
    let grown: Vec<&str> = [
        ("memory", (|it| it.resident) as fn(&Look) -> u64),
        ("descriptors", |it| it.descriptors),
        ("tasks", |it| it.tasks),
    ]
    .into_iter()
    .filter(|(_, what)| most(1.0 - WARM, 1.0, *what) > most(WARM, 2.0 * WARM, *what) * GROWTH_MAX)
    .map(|it| it.0)
    .collect();
    match (&grown[..], lost) {
        ([], 0) => "Memory, descriptors and tasks are flat.\n".into(),
        ([], _) => "Records were lost.\n".into(),
        (grown, _) => format!("What grew: {}.\n", grown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(resident: impl Fn(u64) -> u64) -> Vec<Look> {
        let look = |at: u64| Look {
            seconds: at as f64 * 10.0,
            resident: resident(at),
            descriptors: 30,
            threads: 4,
            tasks: 20,
            disk: 0,
            delivered: at,
        };
        (0..61).map(look).collect()
    }

    #[test]
    fn what_grows_is_named_and_what_an_allocator_keeps_is_none() {
        let flat = "Memory, descriptors and tasks are flat.\n";
        assert_eq!(verdict(&looks(|at| 100 + at % 20), 0), flat);
        assert_eq!(verdict(&looks(|at| 100 + 10 * at), 0), "What grew: memory.\n");
        assert_eq!(verdict(&looks(|_| 100), 1), "Records were lost.\n");
    }

    #[test]
    fn the_words_of_the_command_line_are_understood() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let read = plan(&words("--minutes 0.5 --rate 100")).unwrap();
        assert_eq!((read.minutes, read.rate), (0.5, Some(100.0)));
        assert!(plan(&words("--minutes")).is_err() && plan(&words("--hours 3")).is_err());
    }
}
