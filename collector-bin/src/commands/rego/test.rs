//! `sluice rego test`: the rules `test_*`, each evaluated once; it passes if it is true.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use tokio::time::Instant;

use rego::{Options, Policy, Value};
use serde_json::{Value as Json, json};

use super::coverage::{self, Lines};
use super::show::{self, Failure};
use super::{EXIT_ERRORS, FORMAT, RUN, THRESHOLD, VERBOSE, options, policy};
use crate::cli::Matches;
use crate::console::{complain, say};

/// One test and what became of it.
struct Outcome {
    file: String,
    row: u32,
    col: u32,
    package: String,
    name: String,
    verdict: Verdict,
    duration: Duration,
    prints: Vec<String>,
}

enum Verdict {
    Pass,
    Fail,
    Skip,
    Error(rego::Error),
}

impl Outcome {
    fn path(&self) -> String {
        format!("{}.{}", self.package, self.name)
    }
}

pub fn run(matches: &Matches, words: &[String], with_coverage: bool) -> Result<ExitCode, String> {
    let threshold = match matches.value(&THRESHOLD) {
        "" => None,
        text => Some(text.parse::<f64>().map_err(|_| THRESHOLD.invalid(text, "is no number"))?),
    };
    let with_coverage = with_coverage || threshold.is_some();
    let options = Options { coverage: with_coverage, gather_prints: true, ..options(matches) };
    let mut lines = Lines::new();
    let outcomes = match outcomes(matches, words, &options, &mut lines) {
        Ok(outcomes) => outcomes,
        Err(failure) => {
            complain(format_args!("{failure}"));
            return Ok(ExitCode::from(EXIT_ERRORS));
        }
    };
    let is_json = matches.value(&FORMAT) == "json";
    if with_coverage {
        say(&show::pretty(&coverage::of(&lines)))?;
    } else if is_json {
        say(&show::pretty(&Json::Array(outcomes.iter().map(document).collect())))?;
    } else {
        say(&pretty(&outcomes, matches.is_on(&VERBOSE)))?;
    }
    let failed = outcomes.iter().any(|it| matches!(it.verdict, Verdict::Fail | Verdict::Error(_)));
    if failed && with_coverage {
        complain(format_args!("{}", pretty(&outcomes, false)));
    }
    let percent = coverage::percent(&lines);
    let missed = threshold.filter(|it| percent < *it);
    if let Some(threshold) = missed {
        complain(format_args!(
            "Code coverage threshold not met: got {percent:.2} instead of {threshold:.2}"
        ));
    }
    Ok(if failed || missed.is_some() { ExitCode::from(EXIT_ERRORS) } else { ExitCode::SUCCESS })
}

fn outcomes(
    matches: &Matches,
    words: &[String],
    options: &Options,
    lines: &mut Lines,
) -> Result<Vec<Outcome>, Failure> {
    let policy = policy(matches, words, options)?;
    let wanted = match matches.value(&RUN) {
        "" => None,
        pattern => Some(
            golang::regexp::compile(pattern)
                .map_err(|_| Failure::Reading(RUN.invalid(pattern, "is no regular expression")))?,
        ),
    };
    let mut outcomes = tests(&policy);
    outcomes.retain(|it| wanted.as_ref().is_none_or(|wanted| wanted.is_match(&it.path())));
    for outcome in &mut outcomes {
        if matches!(outcome.verdict, Verdict::Skip) {
            continue;
        }
        let mut worker = policy.query(&outcome.path()).map_err(Failure::Rego)?.worker();
        let start = Instant::now();
        let found = worker.evaluate(Value::Undefined);
        outcome.duration = start.elapsed();
        outcome.prints = worker.take_prints();
        outcome.verdict = match found {
            Ok(Some(Value::Bool(false)) | None) => Verdict::Fail,
            Ok(Some(_)) => Verdict::Pass,
            Err(error) => Verdict::Error(error),
        };
        coverage::add(lines, &worker);
    }
    Ok(outcomes)
}

/// All tests, in the order of the files; those named `todo_test_*` are not run.
fn tests(policy: &Policy) -> Vec<Outcome> {
    let mut tests: Vec<Outcome> = Vec::new();
    for (file, text, module) in policy.modules() {
        let lines = rego::syntax::Lines::new(file, text);
        let package: String = module.package.iter().fold("data".to_owned(), |path, part| {
            let is_word = part.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
            if is_word {
                format!("{path}.{part}")
            } else {
                format!("{path}[{}]", Json::from(part.as_str()))
            }
        });
        for rule in &module.rules {
            let name = rule.head.path().first().copied().unwrap_or_default();
            let is_todo = name.starts_with("todo_test_");
            if !(is_todo || name.starts_with("test_")) || rule.head.args.is_some() {
                continue;
            }
            if tests.iter().any(|it| it.name == name && it.package == package) {
                continue;
            }
            let location = lines.location(rule.span.start);
            tests.push(Outcome {
                file: file.to_owned(),
                row: location.row,
                col: location.col,
                package: package.clone(),
                name: name.to_owned(),
                verdict: if is_todo { Verdict::Skip } else { Verdict::Fail },
                duration: Duration::ZERO,
                prints: Vec::new(),
            });
        }
    }
    tests
}

fn document(outcome: &Outcome) -> Json {
    let Outcome { file, row, col, package, name, duration, .. } = outcome;
    let mut document = json!({
        "location": {"file": file, "row": row, "col": col},
        "package": package,
        "name": name,
        "duration": duration.as_nanos() as u64,
    });
    match &outcome.verdict {
        Verdict::Pass => {}
        Verdict::Fail => document["fail"] = true.into(),
        Verdict::Skip => document["skip"] = true.into(),
        Verdict::Error(error) => document["error"] = json!(error),
    }
    document
}

fn pretty(outcomes: &[Outcome], is_verbose: bool) -> String {
    let mut text = String::new();
    let mut last = "";
    for outcome in outcomes {
        let is_pass = matches!(outcome.verdict, Verdict::Pass);
        if is_pass && !is_verbose {
            continue;
        }
        if outcome.file != last {
            let _ = writeln!(text, "{}{}:", if last.is_empty() { "" } else { "\n" }, outcome.file);
            last = &outcome.file;
        }
        let verdict = match &outcome.verdict {
            Verdict::Pass => "PASS",
            Verdict::Fail => "FAIL",
            Verdict::Skip => "SKIPPED",
            Verdict::Error(_) => "ERROR",
        };
        let time = if matches!(outcome.verdict, Verdict::Skip) {
            String::new()
        } else {
            format!(" ({:?})", outcome.duration)
        };
        let _ = writeln!(text, "{}: {verdict}{time}", outcome.path());
        if let Verdict::Error(error) = &outcome.verdict {
            let _ = writeln!(text, "  {error}");
        }
        if !outcome.prints.is_empty() {
            text.push('\n');
            for print in &outcome.prints {
                let _ = writeln!(
                    text,
                    "  {}",
                    print.split_once(": ").map_or(print.as_str(), |it| it.1)
                );
            }
            text.push('\n');
        }
    }
    if !text.is_empty() {
        let _ = writeln!(text, "{}", "-".repeat(80));
    }
    let count =
        |wanted: fn(&Verdict) -> bool| outcomes.iter().filter(|it| wanted(&it.verdict)).count();
    let all = outcomes.len();
    let counts = [
        ("PASS", count(|it| matches!(it, Verdict::Pass))),
        ("FAIL", count(|it| matches!(it, Verdict::Fail))),
        ("SKIPPED", count(|it| matches!(it, Verdict::Skip))),
        ("ERROR", count(|it| matches!(it, Verdict::Error(_)))),
    ];
    for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        let _ = writeln!(text, "{name}: {count}/{all}");
    }
    text
}
