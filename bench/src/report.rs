//! Medians, spreads, ratios, and whether the targets are met: as Markdown and as JSON.

use std::fmt::Write as _;
use std::process::Command;

use serde::Serialize;

use crate::load::Load;
use crate::plan::{Finished, Series};
use crate::run::Cost;
use crate::table::{Row, Table};

/// One program in one row.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    pub program: String,
    pub runs: usize,
    /// Runs that lost, tore or crashed.
    pub failed: Vec<String>,
    /// Microseconds of CPU per record; for rows at a fixed rate, percent of a core.
    pub cpu: Spread,
    pub rss_median_mib: f64,
    pub rss_peak_mib: f64,
    pub threads: f64,
    pub wakeups_per_second: f64,
    pub wire_mb: f64,
    pub doubled: f64,
    pub reordered: f64,
    pub refused: f64,
    pub mean_ms: f64,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    pub records_per_second: f64,
}

/// The middle of several runs, and the ends.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

/// A target and what was reached.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    pub what: String,
    pub target: f64,
    pub reached: f64,
    pub met: bool,
}

/// A row with all its programs.
#[derive(Debug, Clone, Serialize)]
pub struct RowReport {
    pub id: String,
    pub what: String,
    /// CPU is percent of a core, because the load has a rate.
    pub paced: bool,
    pub programs: Vec<Summary>,
    pub verdicts: Vec<Verdict>,
}

fn paced(load: &Load) -> bool {
    match load {
        Load::Otlp(it) => it.rate > 0.0,
        Load::Files(it) => it.seconds > 0.0,
        Load::Targets(_) | Load::Idle { .. } => true,
        Load::Page(_) => false,
    }
}

fn spread(costs: &[&Cost], of: impl Fn(&Cost) -> f64) -> Spread {
    let mut all: Vec<f64> = costs.iter().map(|it| of(it)).collect();
    all.sort_unstable_by(f64::total_cmp);
    let at = |index: usize| all.get(index).copied().unwrap_or(f64::NAN);
    Spread { median: at(all.len() / 2), least: at(0), most: at(all.len().saturating_sub(1)) }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn summary(program: &str, paced: bool, runs: &[&Finished]) -> Summary {
    // A failed run's figures are those of less work, so they do not count.
    let costs: Vec<&Cost> =
        runs.iter().map(|it| &it.cost).filter(|it| it.failed.is_none()).collect();
    let median = |of: fn(&Cost) -> f64| spread(&costs, of).median;
    Summary {
        program: program.to_owned(),
        runs: runs.len(),
        failed: runs.iter().filter_map(|it| it.cost.failed.clone()).collect(),
        cpu: spread(&costs, |it| {
            let per = if paced { it.seconds / 100.0 } else { it.items as f64 / 1e6 };
            it.cpu_seconds / per
        }),
        rss_median_mib: median(|it| mib(it.rss_median)),
        rss_peak_mib: median(|it| mib(it.rss_peak)),
        threads: median(|it| it.threads as f64),
        wakeups_per_second: median(|it| it.switches_voluntary as f64 / it.seconds),
        wire_mb: median(|it| it.wire_bytes as f64 / 1e6),
        doubled: median(|it| it.doubled as f64),
        reordered: median(|it| it.reordered as f64),
        refused: median(|it| it.refused as f64),
        mean_ms: median(|it| it.mean_ms),
        p50_ms: median(|it| it.p50_ms),
        p95_ms: median(|it| it.p95_ms),
        p99_ms: median(|it| it.p99_ms),
        max_ms: median(|it| it.max_ms),
        records_per_second: median(|it| it.items as f64 / it.seconds),
    }
}

impl Summary {
    fn figure(&self, name: &str) -> f64 {
        match name {
            "cpu_percent" => self.cpu.median,
            "rss_mib" => self.rss_median_mib,
            "peak_mib" => self.rss_peak_mib,
            "wakeups_per_second" => self.wakeups_per_second,
            "mean_ms" => self.mean_ms,
            "p50_ms" => self.p50_ms,
            "p95_ms" => self.p95_ms,
            "p99_ms" => self.p99_ms,
            // Unknown: no figure meets its target.
            _ => f64::NAN,
        }
    }
}

/// The rows of which there are runs.
pub fn rows(table: &Table, series: &Series) -> Vec<RowReport> {
    let mut reports = Vec::new();
    for row in &table.row {
        let paced = paced(&row.load);
        let mut programs = Vec::new();
        for name in &row.programs {
            let of = |it: &&Finished| it.row == row.id && &it.program == name;
            let runs: Vec<&Finished> = series.runs.iter().filter(of).collect();
            if !runs.is_empty() {
                programs.push(summary(name, paced, &runs));
            }
        }
        if !programs.is_empty() {
            let verdicts = verdicts(row, &programs);
            let (id, what) = (row.id.clone(), row.what.clone());
            reports.push(RowReport { id, what, paced, programs, verdicts });
        }
    }
    reports
}

fn verdicts(row: &Row, programs: &[Summary]) -> Vec<Verdict> {
    let by_name = |name: &str| programs.iter().find(|it| it.program == name);
    let Some(ours) = by_name(&row.programs[0]) else { return Vec::new() };
    let mut all = Vec::new();
    let lost = ours.failed.len() as f64;
    all.push(Verdict {
        what: "runs that failed".into(),
        target: 0.0,
        reached: lost,
        met: lost == 0.0,
    });
    let mut at_least = |what: String, target: f64, reached: f64| {
        all.push(Verdict { what, target, reached, met: reached >= target });
    };
    for (name, target) in &row.targets.cpu_ratio {
        if let Some(peer) = by_name(name) {
            at_least(
                format!("CPU, {name} / ours, at least"),
                *target,
                peer.cpu.median / ours.cpu.median,
            );
        }
    }
    for (name, target) in &row.targets.memory_ratio {
        if let Some(peer) = by_name(name) {
            let ratio = peer.rss_peak_mib / ours.rss_peak_mib;
            at_least(format!("peak memory, {name} / ours, at least"), *target, ratio);
        }
    }
    let mut at_most = |what: String, target: f64, reached: f64| {
        all.push(Verdict { what, target, reached, met: reached <= target });
    };
    for (name, target) in &row.targets.floor_ratio {
        if let Some(floor) = by_name(name) {
            at_most(
                format!("CPU, ours / {name}, at most"),
                *target,
                ours.cpu.median / floor.cpu.median,
            );
        }
    }
    for (name, target) in &row.targets.wire_ratio {
        if let Some(peer) = by_name(name) {
            at_most(
                format!("bytes sent, ours / {name}, at most"),
                *target,
                ours.wire_mb / peer.wire_mb,
            );
        }
    }
    for (name, target) in &row.targets.most {
        at_most(format!("{name}, at most"), *target, ours.figure(name));
    }
    all
}

/// All rows as Markdown.
pub fn markdown(table: &Table, series: &Series) -> String {
    let reports = rows(table, series);
    let mut out = String::from(
        "## Whole processes\n\n\
         CPU is user and system time of all threads: microseconds per record, or percent of a core where the load has a \
         rate. Medians, least and most in brackets; x is against ours. Memory is the peak. A run that lost or tore a \
         record is failed and not counted.\n\n\
         | row | program | CPU | x | peak MiB | threads | wake-ups/s | P50 / P95 / P99 ms | records/s | doubled | failed |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for report in &reports {
        let ours = report.programs[0].cpu.median;
        report.programs.iter().for_each(|it| line(&mut out, report, it, ours));
    }
    out.push_str("\n## Targets\n\n| row | pipeline | target | wanted | reached | |\n|---|---|---|---|---|---|\n");
    for report in &reports {
        for it in &report.verdicts {
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {:.2} | {} |",
                report.id,
                report.what,
                it.what,
                it.target,
                it.reached,
                if it.met { "met" } else { "**missed**" }
            );
        }
    }
    notes(table, &reports, series, &mut out);
    out
}

/// A program's line in the table.
fn line(out: &mut String, report: &RowReport, it: &Summary, ours: f64) {
    let (id, program, failed, runs) = (&report.id, &it.program, it.failed.len(), it.runs);
    if failed == runs {
        let _ = writeln!(
            out,
            "| {id} | {program} | - | - | - | - | - | - | - | - | {failed} of {runs} |"
        );
        return;
    }
    let Spread { median, least, most } = it.cpu;
    let unit = if report.paced { "%" } else { "" };
    let latency = format!("{:.1} / {:.1} / {:.1}", it.p50_ms, it.p95_ms, it.p99_ms);
    let latency = if report.paced { &latency } else { "-" };
    let _ = writeln!(
        out,
        "| {id} | {program} | {median:.3}{unit} [{least:.3}, {most:.3}] | {:.2} | {:.1} | {:.0} | {:.0} | {latency} | {:.0} | {:.0} | {failed} of {runs} |",
        median / ours,
        it.rss_peak_mib,
        it.threads,
        it.wakeups_per_second,
        it.records_per_second,
        it.doubled,
    );
}

/// Why rows miss, what failed, and what did not run.
fn notes(table: &Table, reports: &[RowReport], series: &Series, out: &mut String) {
    for report in reports.iter().filter(|it| it.verdicts.iter().any(|it| !it.met)) {
        let why = table.row.iter().find(|it| it.id == report.id).map_or("", |it| it.why.as_str());
        if !why.is_empty() {
            let _ = writeln!(out, "\n{} misses: {}", report.id, why.trim());
        }
    }
    for report in reports {
        for it in &report.programs {
            for why in &it.failed {
                let _ = writeln!(out, "\n{}: {} failed: {why}", report.id, it.program);
            }
        }
    }
    for (what, why) in &series.skipped {
        let _ = writeln!(out, "\nskipped: {what}: {why}");
    }
}

/// The machine and the versions, as Markdown.
pub fn machine(table: &Table, command: &str) -> String {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map(|it| it.1.trim().to_owned()).unwrap_or_default()
    };
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut out = format!(
        "# Results\n\nMade by `cargo run --release -p bench -- {command}`.\n\n\
         - {cpus} cores of {}, {} of memory, Linux {}\n- load average at the end: {}\n- {}\n",
        field(&info, "model name"),
        field(&memory, "MemTotal"),
        shell("uname", &["-r"]),
        load.split_whitespace().take(3).collect::<Vec<_>>().join(" "),
        shell("rustc", &["--version"]),
    );
    for program in table.program.iter().filter(|it| !it.version.is_empty()) {
        if let Some(path) = program.find() {
            let words: Vec<&str> = program.version.iter().map(String::as_str).collect();
            let version = shell(&path.display().to_string(), &words);
            let size = std::fs::metadata(&path).map_or(0.0, |it| it.len() as f64 / 1e6);
            let _ = writeln!(
                out,
                "- {}: {}, {size:.1} MB",
                program.name,
                version.lines().next().unwrap_or_default()
            );
        }
    }
    out.push_str(
        "\nThe machine may be shared: read ratios within this run, not absolute figures.\n\n",
    );
    out
}

fn shell(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|it| String::from_utf8_lossy(&it.stdout).trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "quick_divisor = 1\n\
        [[program]]\nname = \"ours\"\nbinary = \"o\"\nargs = []\n\
        [[program]]\nname = \"peer\"\nbinary = \"p\"\nargs = []\n\
        [[row]]\nid = \"P1\"\nwhat = \"pass\"\nconfig = \"P1\"\nprograms = [\"ours\", \"peer\"]\n\
        why = \"because\"\nload = { kind = \"otlp\" }\n\
        targets = { cpu_ratio = { peer = 4.0 }, most = { peak_mib = 10 } }\n";

    fn finished(program: &str, round: u32, cpu_seconds: f64, lost: u64) -> Finished {
        let failed = (lost > 0).then(|| format!("{lost} lost"));
        let cost = Cost {
            items: 1_000_000,
            seconds: 2.0,
            cpu_seconds,
            rss_peak: 8 << 20,
            lost,
            failed,
            ..Cost::default()
        };
        Finished { row: "P1".into(), program: program.into(), round, quick: false, cost }
    }

    #[test]
    fn a_run_that_lost_records_does_not_count_and_misses_the_target() {
        let table = Table::parse(TABLE).unwrap();
        let runs = vec![
            finished("ours", 0, 0.1, 1),
            finished("ours", 1, 0.5, 0),
            finished("peer", 0, 2.5, 0),
        ];
        let report = &rows(&table, &Series { runs, ..Series::default() })[0];
        assert!((report.programs[0].cpu.median - 0.5).abs() < 1e-9);
        let verdict = |at: usize| (report.verdicts[at].what.as_str(), report.verdicts[at].met);
        assert_eq!(verdict(0), ("runs that failed", false));
        assert_eq!(verdict(1), ("CPU, peer / ours, at least", true));
        assert_eq!(verdict(2), ("peak_mib, at most", true));
    }

    #[test]
    fn a_missed_target_says_why() {
        let table = Table::parse(TABLE).unwrap();
        let runs = vec![finished("ours", 0, 1.0, 0), finished("peer", 0, 2.5, 0)];
        let text = markdown(&table, &Series { runs, ..Series::default() });
        assert!(text.contains("**missed**") && text.contains("P1 misses: because"), "{text}");
    }
}
