//! `sluice rego bench`: how long a query takes.

use std::process::ExitCode;
use std::time::Duration;

use golang::number::whole_unsigned;
use tokio::time::Instant;

use serde_json::{Map, Value as Json, json};

use super::show::{self, Failure};
use super::{COUNT, FORMAT, eval, input, options, policy};
use crate::EXIT_CONFIG;
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
        Ok(Some(times)) => times,
        Ok(None) => {
            complain(format_args!("1 error occurred: undefined result"));
            return Ok(ExitCode::from(EXIT_CONFIG));
        }
        Err(failure) => {
            complain(format_args!("{failure}"));
            return Ok(ExitCode::from(EXIT_CONFIG));
        }
    };
    times.sort_unstable();
    let total = nanos(times.iter().sum());
    let samples = u64::try_from(count).unwrap_or(u64::MAX);
    let histogram = histogram(&times);
    if matches.value(&FORMAT) == "json" {
        let extra: Map<String, Json> =
            histogram.into_iter().map(|(name, value)| (name, value.into())).collect();
        return say(&show::pretty(&json!({"N": count, "T": total, "Extra": extra})));
    }
    let mut rows = vec![
        ("samples".to_owned(), samples),
        ("ns/op".to_owned(), total / samples.max(1)),
        ("ops/s".to_owned(), samples.saturating_mul(1_000_000_000) / total.max(1)),
    ];
    rows.extend(histogram);
    let width = rows.iter().map(|it| it.1.to_string().len()).max().unwrap_or_default();
    let row = |(name, value): (String, u64)| vec![name, format!("{value:>width$}")];
    say(&eval::table(&[], &rows.into_iter().map(row).collect::<Vec<_>>()))
}

/// A duration as OPA's reports have it.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// In OPA's names and order; `times` are sorted.
fn histogram(times: &[Duration]) -> Vec<(String, u64)> {
    // Hundredths of a percent.
    let at = |share: usize| {
        let place = (times.len() * share / 10_000).min(times.len() - 1);
        times.get(place).copied().map_or(0, nanos)
    };
    let mean = times.iter().map(|it| it.as_nanos() as f64).sum::<f64>() / times.len() as f64;
    let squares = times.iter().map(|it| (it.as_nanos() as f64 - mean).powi(2)).sum::<f64>();
    let all = [
        ("75%", at(7_500)),
        ("90%", at(9_000)),
        ("95%", at(9_500)),
        ("99%", at(9_900)),
        ("99.9%", at(9_990)),
        ("99.99%", at(9_999)),
        ("count", u64::try_from(times.len()).unwrap_or(u64::MAX)),
        ("max", at(10_000)),
        ("mean", whole_unsigned(mean)),
        ("median", at(5_000)),
        ("min", at(0)),
        ("stddev", whole_unsigned((squares / times.len() as f64).sqrt())),
    ];
    let name = |(name, value)| (format!("histogram_timer_rego_query_eval_ns_{name}"), value);
    all.map(name).into()
}

/// The times of all evaluations; `None` if the query is undefined.
fn measure(matches: &Matches, query: &str, count: usize) -> Result<Option<Vec<Duration>>, Failure> {
    let policy = policy(matches, &[], &options(matches))?;
    let input = input(matches)?;
    let mut worker = policy.query(query).map_err(Failure::Rego)?.worker();
    for _ in 0..WARM_UP {
        if worker.evaluate(input.clone())?.is_none() {
            return Ok(None);
        }
    }
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        worker.evaluate(input.clone())?;
        times.push(start.elapsed());
    }
    Ok(Some(times))
}
