//! All rows and programs, round robin, ours first and last. Every finished run is kept in a file
//! at once, so that an interrupted series goes on where it stopped.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::run::{self, Cost};
use crate::table::{Program, Row, Table, folder};

/// What to run.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    pub quick: bool,
    pub resume: bool,
    /// Rows and programs by name; empty is all.
    pub rows: Vec<String>,
    pub programs: Vec<String>,
    pub rounds: Option<u32>,
}

/// Rounds unless told otherwise, one in a quick run; ours runs once more at the end.
const ROUNDS: u32 = 3;

/// One finished run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Finished {
    pub row: String,
    pub program: String,
    pub round: u32,
    pub quick: bool,
    pub cost: Cost,
}

/// A series: its runs, and what could not run, with the reason.
#[derive(Debug, Clone, Default)]
pub struct Series {
    pub runs: Vec<Finished>,
    pub skipped: BTreeMap<String, String>,
}

/// `bench/runs.jsonl`.
pub fn file() -> PathBuf {
    folder().join("runs.jsonl")
}

/// The runs that are kept.
pub fn kept() -> anyhow::Result<Vec<Finished>> {
    let text = fs::read_to_string(file()).unwrap_or_default();
    let lines = text.lines().map(|line| serde_json::from_str(line).context("runs.jsonl"));
    lines.collect()
}

/// Runs what is chosen.
pub async fn series(table: &Table, choice: &Choice) -> anyhow::Result<Series> {
    if !choice.resume {
        fs::write(file(), "")?;
    }
    let mut series = Series { runs: kept()?, ..Series::default() };
    let paths = programs(table, choice, &mut series.skipped);
    for row in table.row.iter().filter(|it| chosen(&choice.rows, &it.id)) {
        let mut row = row.clone();
        if choice.quick {
            row.load.shrink(table.quick_divisor);
        }
        let programs: Vec<&(Program, PathBuf)> =
            row.programs.iter().filter_map(|name| paths.get(name)).collect();
        if let Some((ours, path)) = programs.first().filter(|it| it.0.name == row.programs[0])
            && let Some(why) = run::supported(ours, path, &row)?
        {
            series.skipped.insert(row.id.clone(), why);
            continue;
        }
        series.rounds(&row, &programs, choice).await?;
    }
    for (what, why) in &series.skipped {
        println!("skipped: {what}: {why}");
    }
    Ok(series)
}

/// The chosen programs that are there.
fn programs(
    table: &Table,
    choice: &Choice,
    skipped: &mut BTreeMap<String, String>,
) -> BTreeMap<String, (Program, PathBuf)> {
    let mut found = BTreeMap::new();
    for program in table.program.iter().filter(|it| chosen(&choice.programs, &it.name)) {
        if let Some(path) = program.find() {
            println!("{}: {}", program.name, path.display());
            found.insert(program.name.clone(), (program.clone(), path));
        } else {
            let why = format!("{} is not there: {}", program.binary, program.get);
            skipped.insert(program.name.clone(), why);
        }
    }
    found
}

fn chosen(names: &[String], name: &str) -> bool {
    names.is_empty() || names.iter().any(|it| it == name)
}

impl Series {
    async fn rounds(
        &mut self,
        row: &Row,
        programs: &[&(Program, PathBuf)],
        choice: &Choice,
    ) -> anyhow::Result<()> {
        let rounds = choice.rounds.unwrap_or(if choice.quick { 1 } else { ROUNDS });
        for round in 0..=rounds {
            for (at, (program, path)) in programs.iter().enumerate() {
                let last = round == rounds;
                let done = |it: &Finished| {
                    (&it.row, &it.program, it.round) == (&row.id, &program.name, round)
                };
                if (last && at > 0) || self.runs.iter().any(done) {
                    continue;
                }
                let cost = run::run(program, path, row).await?;
                println!("{:4} {:10} {}", row.id, program.name, show(&cost));
                let finished = Finished {
                    row: row.id.clone(),
                    program: program.name.clone(),
                    round,
                    quick: choice.quick,
                    cost,
                };
                let mut file = OpenOptions::new().append(true).open(file())?;
                writeln!(file, "{}", serde_json::to_string(&finished)?)?;
                self.runs.push(finished);
            }
        }
        Ok(())
    }
}

fn show(cost: &Cost) -> String {
    if let Some(why) = &cost.failed {
        return format!("FAILED: {why}");
    }
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    format!(
        "{:7.3} us/record, {:5.1} s, rss {:6.1} peak {:6.1} MiB, p95 {:6.1} ms, doubled {}, refused {}",
        cost.cpu_seconds * 1e6 / (cost.items.max(1) as f64),
        cost.seconds,
        mib(cost.rss_median),
        mib(cost.rss_peak),
        cost.p95_ms,
        cost.doubled,
        cost.refused,
    )
}
