//! Whole processes, round robin: ours first and last.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::load::{Backlog, OtlpLoad};
use crate::programs::{Cost, Job, Program, Scenario, programs, run};

fn scenarios(quick: bool) -> Vec<Scenario> {
    let scale = if quick { 1 } else { 4 };
    let otlp =
        OtlpLoad { connections: 4, in_flight: 8, records_per_request: 1000, requests: 500 * scale };
    let small = OtlpLoad { records_per_request: 100, requests: 3000 * scale, ..otlp };
    let files = Backlog { pods: 100, lines_per_pod: 500 * scale };
    let batch = include_str!("../configs/otlp-batch.yaml");
    vec![
        Scenario {
            name: "files (CRI+JSON) to OTLP",
            config: include_str!("../configs/files-cri-json.yaml"),
            job: Job::Files(files),
        },
        Scenario {
            name: "OTLP, batch, OTLP; 1,000 records a request",
            config: batch,
            job: Job::Otlp(otlp),
        },
        Scenario {
            name: "OTLP, batch, OTLP; 100 records a request",
            config: batch,
            job: Job::Otlp(small),
        },
        Scenario {
            name: "idle gateway",
            config: include_str!("../configs/idle.yaml"),
            job: Job::Idle(Duration::from_secs(5)),
        },
    ]
}

/// True when the program can do the job at all.
fn can(program: &Program, scenario: &Scenario) -> bool {
    program.name != "h2 relay" || matches!(scenario.job, Job::Otlp(_))
}

/// Runs everything and prints as it goes.
pub async fn table(quick: bool) -> anyhow::Result<String> {
    let programs = programs()?;
    let rounds = if quick { 1 } else { 3 };
    let mut out = String::from(
        "## Whole processes\n\nCPU is user and system time of all threads, per record (idle: per second); \
         medians, spread in brackets.\n\n\
         | scenario | program | CPU per record | against ours | resident median | resident peak | lost | doubled |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for scenario in scenarios(quick) {
        let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); programs.len()];
        for round in 0..=rounds {
            for (at, program) in programs.iter().enumerate() {
                // Ours is first and last.
                if !can(program, &scenario) || (round == rounds && at > 0) {
                    continue;
                }
                let cost = run(program, &scenario).await?;
                println!("{}: {}: {}", scenario.name, program.name, show(&cost, &scenario));
                costs[at].push(cost);
            }
        }
        let ours = median(&costs[0], |it| it.cpu_ns);
        for (program, costs) in programs.iter().zip(&costs).filter(|(_, it)| !it.is_empty()) {
            row(&mut out, &scenario, program, costs, ours);
        }
    }
    let size = std::fs::metadata(&programs[0].path)?.len() as f64 / 1e6;
    let _ = writeln!(out, "\nBinary: {size:.1} MB.");
    Ok(out)
}

fn show(cost: &Cost, scenario: &Scenario) -> String {
    let unit = if matches!(scenario.job, Job::Idle(_)) { "per second" } else { "per record" };
    format!(
        "{:.0} ns {unit}, resident {:.1} MiB, peak {:.1} MiB, lost {}, doubled {}, torn {}",
        cost.cpu_ns,
        mib(cost.resident_median),
        mib(cost.resident_peak),
        cost.lost,
        cost.doubled,
        cost.torn
    )
}

fn row(out: &mut String, scenario: &Scenario, program: &Program, costs: &[Cost], ours: f64) {
    let cpu = median(costs, |it| it.cpu_ns);
    let spread =
        |pick: fn(f64, f64) -> f64| costs.iter().map(|it| it.cpu_ns).reduce(pick).unwrap_or(0.0);
    let failed = costs.iter().any(|it| it.lost + it.torn > 0);
    let _ = writeln!(
        out,
        "| {} | {}{} | {:.0} ns [{:.0}, {:.0}] | {:.2}x | {:.1} MiB | {:.1} MiB | {} | {} |",
        scenario.name,
        program.name,
        if failed { " (FAILED: lost or torn)" } else { "" },
        cpu,
        spread(f64::min),
        spread(f64::max),
        cpu / ours.max(f64::MIN_POSITIVE),
        median(costs, |it| mib(it.resident_median)),
        median(costs, |it| mib(it.resident_peak)),
        costs.iter().map(|it| it.lost).sum::<u64>(),
        costs.iter().map(|it| it.doubled).sum::<u64>(),
    );
}

fn median(costs: &[Cost], of: impl Fn(&Cost) -> f64) -> f64 {
    let mut all: Vec<f64> = costs.iter().map(of).collect();
    all.sort_unstable_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(0.0)
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Keeps the figures beside the command that made them.
pub fn write_results(text: &str, command: &str) -> anyhow::Result<()> {
    let shell = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output();
        output.map(|it| String::from_utf8_lossy(&it.stdout).trim().to_owned()).unwrap_or_default()
    };
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let text = format!(
        "# Results\n\nMade by `cargo run --release -p bench -- {command}` on {cpus} cores, Linux {}, {}.\n\
         The machine is shared: read ratios within this run, not absolute figures.\n\n{text}",
        shell("uname", "-r"),
        shell("rustc", "--version"),
    );
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
    std::fs::write(&file, &text)?;
    print!("{text}");
    println!("\nwritten to {}", file.display());
    Ok(())
}
