//! `sluice rego test`: the rules `test_*`, each evaluated once; it passes if it is true.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use tokio::time::Instant;

use rego::syntax::{Expr, ExprKind};
use rego::{Options, Policy, Value};
use serde_json::{Value as Json, json};

use super::bench::nanos;
use super::cases::{self, Cases};
use super::coverage::{self, Lines};
use super::show::{self, Failure};
use super::{
    EXIT_ERRORS, EXIT_ZERO, FAIL_ON_EMPTY, FORMAT, RUN, THRESHOLD, VAR_VALUES, VERBOSE, explain,
    loaded, options,
};
use crate::EXIT_CONFIG;
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
    /// Its name has a key for each case.
    has_cases: bool,
    cases: Cases,
    /// Of one that fails: which expression does not hold.
    reason: String,
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

    /// `data.a.test_b: PASS (1.5ms)`.
    fn line(&self) -> String {
        let verdict = match &self.verdict {
            Verdict::Pass => "PASS",
            Verdict::Fail => "FAIL",
            Verdict::Skip => return format!("{}: SKIPPED", self.path()),
            Verdict::Error(_) => "ERROR",
        };
        format!("{}: {verdict} ({:?})", self.path(), self.duration)
    }
}

pub fn run(matches: &Matches, words: &[String], with_coverage: bool) -> Result<ExitCode, String> {
    let threshold = match matches.value(&THRESHOLD) {
        "" => None,
        text => Some(text.parse::<f64>().map_err(|_| THRESHOLD.invalid(text, "is no number"))?),
    };
    if threshold.is_some_and(|it| !(0.0..=100.0).contains(&it)) {
        complain(format_args!("Code coverage threshold must be between 0 and 100"));
        return Ok(ExitCode::from(EXIT_CONFIG));
    }
    let with_coverage = with_coverage || threshold.is_some();
    let options = Options { coverage: with_coverage, gather_prints: true, ..options(matches) };
    let mut lines = Lines::new();
    let outcomes = match outcomes(matches, words, &options, &mut lines) {
        Ok(outcomes) => outcomes,
        Err(failure) => {
            complain(format_args!("{failure}"));
            return Ok(ExitCode::from(EXIT_CONFIG));
        }
    };
    if outcomes.is_empty() && matches.is_on(&FAIL_ON_EMPTY) {
        complain(format_args!("no tests were run"));
        return Ok(ExitCode::from(EXIT_CONFIG));
    }
    let is_json = matches.value(&FORMAT) == "json";
    if with_coverage {
        return covered(&outcomes, &lines, threshold, matches.is_on(&VERBOSE));
    }
    if is_json {
        say(&show::pretty(&Json::Array(outcomes.iter().map(document).collect())))?;
    } else {
        say(&pretty(outcomes.iter(), matches.is_on(&VERBOSE)))?;
    }
    let fails = |it: &Outcome| match it.verdict {
        Verdict::Pass => false,
        Verdict::Skip => !matches.is_on(&EXIT_ZERO),
        Verdict::Fail | Verdict::Error(_) => true,
    };
    Ok(if outcomes.iter().any(fails) { ExitCode::from(EXIT_ERRORS) } else { ExitCode::SUCCESS })
}

/// The report of the lines that were evaluated, or as `opa` the tests that failed, or that there are too few.
fn covered(
    outcomes: &[Outcome],
    lines: &Lines,
    threshold: Option<f64>,
    is_verbose: bool,
) -> Result<ExitCode, String> {
    for outcome in outcomes {
        if let Verdict::Error(error) = &outcome.verdict {
            complain(format_args!("{error}"));
            return Ok(ExitCode::from(EXIT_CONFIG));
        }
    }
    let failed = || outcomes.iter().filter(|it| matches!(it.verdict, Verdict::Fail));
    if let Some(first) = failed().next() {
        say(&pretty(failed(), is_verbose))?;
        complain(format_args!("{}", first.line()));
        return Ok(ExitCode::from(EXIT_CONFIG));
    }
    let percent = coverage::percent(lines);
    if let Some(threshold) = threshold.filter(|it| percent < *it) {
        let missed = if is_verbose { coverage::missed(lines) } else { String::new() };
        complain(format_args!(
            "Code coverage threshold not met: got {percent:.2} instead of {threshold:.2}{missed}"
        ));
        return Ok(ExitCode::from(EXIT_ERRORS));
    }
    say(&show::pretty(&coverage::of(lines)))
}

fn outcomes(
    matches: &Matches,
    words: &[String],
    options: &Options,
    lines: &mut Lines,
) -> Result<Vec<Outcome>, Failure> {
    let loaded = loaded(matches, words)?;
    let sources = cases::noted(loaded.sources.clone(), options.version);
    let policy = Policy::compile(sources, loaded.data.clone(), options).map_err(Failure::Rego)?;
    let wanted = match matches.value(&RUN) {
        "" => None,
        pattern => Some(
            golang::regexp::compile(pattern)
                .map_err(|_| Failure::Reading(RUN.invalid(pattern, "is no regular expression")))?,
        ),
    };
    let mut plain: Option<Policy> = None;
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
        let value = found.as_ref().ok().and_then(Option::as_ref);
        let cases = Cases::of(&mut outcome.prints, value);
        outcome.verdict = match found {
            Ok(Some(Value::Bool(true))) => Verdict::Pass,
            Ok(Some(Value::Object(_))) if outcome.has_cases && !cases.fails() => Verdict::Pass,
            Ok(_) => Verdict::Fail,
            Err(error) => Verdict::Error(error),
        };
        if outcome.has_cases {
            outcome.cases = cases;
        }
        if matches!(outcome.verdict, Verdict::Fail) && matches.is_on(&VERBOSE) {
            let plain = match &plain {
                Some(it) => it,
                None => plain.insert(loaded.policy(options)?),
            };
            let path = outcome.path();
            let variables = matches.is_on(&VAR_VALUES);
            let wanted = explain::Wanted { only_failures: true, variables };
            let of = explain::of(&loaded, plain, options, &path, &Value::Undefined, wanted)?;
            outcome.reason = of.unwrap_or_default();
        }
        coverage::add(lines, &worker);
    }
    Ok(outcomes)
}

/// `name[key]`, and the key is no constant.
fn has_keys(name: &Expr) -> bool {
    let is_constant = |it: &Expr| {
        matches!(
            it.kind,
            ExprKind::String(_) | ExprKind::Number(_) | ExprKind::Bool(_) | ExprKind::Null
        )
    };
    matches!(&name.kind, ExprKind::Ref(_, parts) if !parts.iter().all(is_constant))
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
                has_cases: has_keys(&rule.head.reference),
                cases: Cases::default(),
                reason: String::new(),
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
        "duration": nanos(*duration),
    });
    match &outcome.verdict {
        Verdict::Pass => {}
        Verdict::Fail => document["fail"] = true.into(),
        Verdict::Skip => document["skip"] = true.into(),
        Verdict::Error(error) => document["error"] = json!(error),
    }
    if !outcome.prints.is_empty() {
        let text: String = printed(outcome).map(|it| format!("{it}\n")).collect();
        document["output"] = rego::base64(text.as_bytes()).into();
    }
    if !outcome.cases.is_empty() {
        document["sub_results"] = outcome.cases.document();
    }
    document
}

/// What a test printed, without the places.
fn printed(outcome: &Outcome) -> impl Iterator<Item = &str> {
    outcome.prints.iter().map(|it| it.split_once(": ").map_or(it.as_str(), |it| it.1))
}

fn pretty<'o>(outcomes: impl Iterator<Item = &'o Outcome> + Clone, is_verbose: bool) -> String {
    let mut text = String::new();
    let mut last = "";
    for outcome in outcomes.clone() {
        let is_pass = matches!(outcome.verdict, Verdict::Pass);
        if is_pass && !is_verbose {
            continue;
        }
        if !last.is_empty() && outcome.file != last {
            text.push('\n');
        }
        last = &outcome.file;
        let _ = writeln!(text, "{}:{}:\n{}", outcome.file, outcome.row, outcome.line());
        outcome.cases.lines(is_verbose, 1, &mut text);
        if !outcome.prints.is_empty() {
            let prints = printed(outcome).map(|it| format!("  {it}\n"));
            let _ = writeln!(text, "\n{}", prints.collect::<String>());
        }
        if let Verdict::Error(error) = &outcome.verdict {
            let _ = writeln!(text, "  {error}");
        }
    }
    let rule = "-".repeat(80);
    let mut failed = outcomes.clone().filter(|it| matches!(it.verdict, Verdict::Fail)).peekable();
    if is_verbose && failed.peek().is_some() {
        let _ = writeln!(text, "{rule}\nFAILURES\n{rule}");
        for outcome in failed {
            let _ = writeln!(text, "{}\n", outcome.line());
            for line in outcome.reason.lines() {
                let _ = writeln!(text, "  {line}");
            }
            outcome.cases.lines(false, 1, &mut text);
            text.push('\n');
        }
    }
    if !text.is_empty() {
        let _ = writeln!(text, "{rule}");
    }
    text.push_str(&summary(outcomes));
    text
}

/// How many tests passed, failed and so on; of a test of many cases each counts.
fn summary<'o>(outcomes: impl Iterator<Item = &'o Outcome>) -> String {
    let (mut pass, mut fail, mut skip, mut error) = (0, 0, 0, 0);
    for outcome in outcomes {
        match &outcome.verdict {
            Verdict::Skip => skip += 1,
            Verdict::Error(_) => error += 1,
            Verdict::Pass | Verdict::Fail if !outcome.cases.is_empty() => {
                let (passed, failed) = outcome.cases.count();
                (pass, fail) = (pass + passed, fail + failed);
            }
            Verdict::Pass => pass += 1,
            Verdict::Fail => fail += 1,
        }
    }
    let all = pass + fail + skip + error;
    let counts = [("PASS", pass), ("FAIL", fail), ("SKIPPED", skip), ("ERROR", error)];
    let some = counts.into_iter().filter(|(_, count)| *count > 0);
    some.map(|(name, count)| format!("{name}: {count}/{all}\n")).collect()
}
