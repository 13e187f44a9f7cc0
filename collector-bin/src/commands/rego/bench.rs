//! `sluice rego bench`: how long a query takes.

use std::process::ExitCode;
use std::time::Duration;

use tokio::time::Instant;

use serde_json::json;

use super::show::{self, Failure};
use super::{COUNT, EXIT_ERRORS, FORMAT, INPUT, eval, options, policy};
use crate::cli::Matches;
use crate::console::{complain, say};

/// Evaluations before the measurement, so that caches are warm.
const WARM_UP: usize = 10;
/// Most evaluations of one measurement.
const COUNT_MAX: usize = 10_000_000;

pub fn run(matches: &Matches, query: &str) -> Result<ExitCode, String> {
    let count = matches.value(&COUNT);
    let count: usize = match count.parse() {
        Ok(number) if (1..=COUNT_MAX).contains(&number) => number,
        _ => return Err(COUNT.invalid(count, &format!("must be between 1 and {COUNT_MAX}"))),
    };
    let mut times = match measure(matches, query, count) {
        Ok(times) => times,
        Err(failure) => {
            complain(format_args!("{failure}"));
            return Ok(ExitCode::from(EXIT_ERRORS));
        }
    };
    times.sort_unstable();
    let total: Duration = times.iter().sum();
    let mean = total / count as u32;
    let at = |percent: usize| {
        times.get((count * percent / 100).min(count - 1)).copied().unwrap_or_default()
    };
    if matches.value(&FORMAT) == "json" {
        return say(&show::pretty(&json!({
            "iterations": count,
            "ns_per_op": mean.as_nanos() as u64,
            "histogram": {
                "min": at(0).as_nanos() as u64,
                "median": at(50).as_nanos() as u64,
                "90%": at(90).as_nanos() as u64,
                "99%": at(99).as_nanos() as u64,
                "max": at(100).as_nanos() as u64,
            },
        })));
    }
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let rows = [
        row("samples", count.to_string()),
        row("ns/op", mean.as_nanos().to_string()),
        row("ops/s", format!("{:.0}", count as f64 / total.as_secs_f64())),
        row("min", format!("{:?}", at(0))),
        row("median", format!("{:?}", at(50))),
        row("99%", format!("{:?}", at(99))),
        row("max", format!("{:?}", at(100))),
    ];
    say(&eval::table(&["measure".to_owned(), "value".to_owned()], &rows))
}

fn measure(matches: &Matches, query: &str, count: usize) -> Result<Vec<Duration>, Failure> {
    let policy = policy(matches, &[], &options(matches))?;
    let input = eval::input(matches.value(&INPUT)).map_err(Failure::Reading)?;
    let mut worker = policy.query(query).map_err(Failure::Rego)?.worker();
    for _ in 0..WARM_UP {
        worker.evaluate(input.clone())?;
    }
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        worker.evaluate(input.clone())?;
        times.push(start.elapsed());
    }
    Ok(times)
}
