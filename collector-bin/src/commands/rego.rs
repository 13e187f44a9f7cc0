//! `sluice rego`: what policy authors do with Rego, with the flags and outputs of `opa`.

mod bench;
mod cases;
mod coverage;
mod eval;
mod explain;
mod format;
mod lint;
mod load;
mod record;
mod repl;
mod show;
mod test;

use std::process::ExitCode;

use component::config::Duration;
use rego::{Limits, Options, Policy, Value, Version};

use crate::EXIT_CONFIG;
use crate::cli::{Command, Flag, Matches, Takes, Word};
use crate::commands::reading;
use crate::console::{complain, say};

/// What `opa` answers when a query or a test fails.
const EXIT_UNDEFINED: u8 = 1;
const EXIT_ERRORS: u8 = 2;

/// Largest query from standard input, in bytes.
const QUERY_BYTES_MAX: u64 = 16 * 1024 * 1024;

const DATA: Flag = Flag {
    name: "data",
    short: Some('d'),
    takes: Takes::Location,
    default: "",
    about: "Policies or data: a file (.rego, .json, .yaml) or directory",
};

const BUNDLE: Flag = Flag {
    name: "bundle",
    short: Some('b'),
    takes: Takes::Location,
    default: "",
    about: "A bundle: a directory, or a tar.gz; may be repeated",
};

const INPUT: Flag = Flag {
    name: "input",
    short: Some('i'),
    takes: Takes::Location,
    default: "",
    about: "A file with the input document; - means standard input",
};

const FORMAT: Flag = Flag {
    name: "format",
    short: Some('f'),
    takes: Takes::OneOf(&["json", "pretty", "raw", "values", "bindings", "discard"]),
    default: "",
    about: "The default is json for eval, pretty for the others",
};

const FAIL: Flag = switch("fail", "Exit with 1 if undefined; of fmt, with 2 if files differ");
const FAIL_DEFINED: Flag = switch("fail-defined", "Exit with 1 if the query is defined");
const STRICT: Flag =
    switch("strict-builtin-errors", "A builtin that fails is an error, and not undefined");
const STRICT_CHECKS: Flag = Flag {
    short: Some('S'),
    ..switch("strict", "Refuse variables, arguments and imports that nothing uses")
};
const STDIN: Flag = switch("stdin", "Read the query from standard input");
const STDIN_INPUT: Flag = Flag {
    short: Some('I'),
    ..switch("stdin-input", "Read the input document from standard input")
};
const VAR_VALUES: Flag =
    switch("var-values", "Show the variables of what fails: with --explain, and of test -v");
const V0: Flag = switch("v0-compatible", "Read modules as before OPA 1.0");
const V1: Flag = switch("v1-compatible", "Read modules as OPA 1.0 does");
const COVERAGE: Flag =
    Flag { short: Some('c'), ..switch("coverage", "Report which lines were evaluated") };
const FAIL_ON_EMPTY: Flag = switch("fail-on-empty", "Of test: exit with 1 if there are no tests");
const EXIT_ZERO: Flag = Flag {
    short: Some('z'),
    ..switch("exit-zero-on-skipped", "Of test: those that are skipped do not fail")
};
const VERBOSE: Flag = Flag {
    short: Some('v'),
    ..switch("verbose", "Show tests that pass and what they print; of check, the tiers")
};

const THRESHOLD: Flag = Flag {
    name: "threshold",
    short: None,
    takes: Takes::Text("percent"),
    default: "",
    about: "Fail if less of the lines is covered; switches coverage on",
};

const RUN: Flag = Flag {
    name: "run",
    short: Some('r'),
    takes: Takes::Text("regex"),
    default: "",
    about: "Run the tests whose names match, as data.package.test_name",
};

const TIMEOUT: Flag = Flag {
    name: "timeout",
    short: None,
    takes: Takes::Text("duration"),
    default: "0s",
    about: "Longest evaluation or test, as 500ms; 0 is none",
};

const IGNORE: Flag = Flag {
    name: "ignore",
    short: None,
    takes: Takes::Text("pattern"),
    default: "",
    about: "Files or directories not to load: '*_test.rego'; may be repeated",
};

const COUNT: Flag = Flag {
    name: "count",
    short: None,
    takes: Takes::Text("n"),
    default: "1000",
    about: "How many evaluations bench measures",
};

const RECORD: Flag = Flag {
    name: "record",
    short: None,
    takes: Takes::Location,
    default: "",
    about: "Telemetry of the file exporter: eval asks about each record",
};

const EXPLAIN: Flag = Flag {
    name: "explain",
    short: None,
    takes: Takes::OneOf(&["full", "fails"]),
    default: "",
    about: "Show which expressions of a rule hold, or only what fails",
};

const ENTRY_POINT: Flag = Flag {
    name: "entrypoint",
    short: Some('e'),
    takes: Takes::Text("path"),
    default: "",
    about: "A rule that is asked for: check warns of what none needs",
};

const LIST: Flag = Flag {
    short: Some('l'),
    ..switch("list", "Of fmt: only the names of files that would change")
};
const DIFF: Flag = switch("diff", "Of fmt: the lines that would change, before and after");
const WRITE: Flag =
    Flag { short: Some('w'), ..switch("write", "Of fmt: overwrite the files that change") };

const fn switch(name: &'static str, about: &'static str) -> Flag {
    Flag { name, short: None, takes: Takes::Nothing, default: "", about }
}

/// `sluice rego`.
pub const COMMAND: Command = Command {
    name: "rego",
    aliases: &[],
    about: "Evaluate, test and check Rego policies",
    text: "\
Evaluate, test and check Rego policies, as opa does.

  eval       the results of a query: sluice rego eval -d policy.rego -i input.json 'data.a.allow'
  test       run the rules test_* of the files: sluice rego test policy.rego policy_test.rego
  check      read and compile the files, and say what is wrong with them
  fmt        lay policies out as opa fmt does: sluice rego fmt -w policies/
  fmt-check  what fmt would change
  coverage   run the tests and report which lines they evaluate
  bench      how fast a query is
  repl       evaluate queries as they are typed",
    words: &[
        Word { name: "action", takes: Takes::OneOf(&ACTIONS), required: true },
        Word { name: "query or path...", takes: Takes::Text("query or path"), required: false },
    ],
    flags: &[
        &DATA,
        &BUNDLE,
        &INPUT,
        &FORMAT,
        &FAIL,
        &FAIL_DEFINED,
        &STRICT,
        &STRICT_CHECKS,
        &STDIN,
        &STDIN_INPUT,
        &IGNORE,
        &TIMEOUT,
        &VAR_VALUES,
        &V0,
        &V1,
        &COVERAGE,
        &THRESHOLD,
        &VERBOSE,
        &RUN,
        &COUNT,
        &RECORD,
        &EXPLAIN,
        &ENTRY_POINT,
        &LIST,
        &DIFF,
        &WRITE,
        &FAIL_ON_EMPTY,
        &EXIT_ZERO,
    ],
    run,
};

const ACTIONS: [&str; 8] =
    ["eval", "test", "check", "fmt", "fmt-check", "coverage", "bench", "repl"];

fn run(matches: &Matches) -> Result<ExitCode, String> {
    limits(matches)?;
    let words = matches.words_from(1);
    match matches.word(0).unwrap_or_default() {
        "eval" if !matches.value(&RECORD).is_empty() => {
            record::run(matches, &query(matches, words)?, matches.value(&RECORD))
        }
        "eval" => eval::run(matches, &query(matches, words)?),
        "bench" => bench::run(matches, &query(matches, words)?),
        "repl" => repl::run(matches),
        "test" => test::run(matches, words, matches.is_on(&COVERAGE)),
        "fmt" => format::run(matches, words, false),
        "fmt-check" => format::run(matches, words, true),
        "coverage" => test::run(matches, words, true),
        _ => check(matches, words),
    }
}

fn query(matches: &Matches, words: &[String]) -> Result<String, String> {
    let is_typed = matches.is_on(&STDIN);
    if is_typed && matches.is_on(&STDIN_INPUT) {
        return Err("specify --stdin or --stdin-input but not both".into());
    }
    match words {
        [query] if !is_typed => Ok(query.clone()),
        [] if is_typed => reading::text("-", QUERY_BYTES_MAX),
        _ => Err("specify a query argument, and only one, or --stdin".into()),
    }
}

/// The input document that flags name.
fn input(matches: &Matches) -> Result<Value, show::Failure> {
    let path = match (matches.is_on(&STDIN_INPUT), matches.value(&INPUT)) {
        (true, "") => "-",
        (true, _) => {
            let text = "specify --stdin-input or --input but not both";
            return Err(show::Failure::Reading(text.into()));
        }
        (false, path) => path,
    };
    eval::input(path).map_err(show::Failure::Reading)
}

/// The limits that flags set are checked by `run`.
fn limits(matches: &Matches) -> Result<Limits, String> {
    let text = matches.value(&TIMEOUT);
    let timeout = Duration::parse(text).map_err(|why| TIMEOUT.invalid(text, why))?;
    Ok(Limits { time: Some(timeout.std()).filter(|it| !it.is_zero()) })
}

fn options(matches: &Matches) -> Options {
    let version = match (matches.is_on(&V0), matches.is_on(&V1)) {
        (true, _) => Version::V0,
        (false, true) => Version::V1,
        (false, false) => Version::Auto,
    };
    let strict_builtin_errors = matches.is_on(&STRICT);
    let coverage = matches.is_on(&COVERAGE) || !matches.value(&THRESHOLD).is_empty();
    let (strict, limits) = (matches.is_on(&STRICT_CHECKS), limits(matches).unwrap_or_default());
    Options { version, strict, strict_builtin_errors, coverage, limits, ..Options::default() }
}

/// The files that flags and words name.
fn loaded(matches: &Matches, words: &[String]) -> Result<load::Loaded, show::Failure> {
    let mut paths = matches.all(&DATA);
    paths.extend(words.iter().cloned());
    load::load(&paths, &matches.all(&BUNDLE), &matches.all(&IGNORE)).map_err(show::Failure::Reading)
}

/// The same, compiled.
fn policy(matches: &Matches, words: &[String], options: &Options) -> Result<Policy, show::Failure> {
    loaded(matches, words)?.policy(options)
}

fn check(matches: &Matches, words: &[String]) -> Result<ExitCode, String> {
    let failure = match policy(matches, words, &options(matches)) {
        Ok(policy) => {
            lint::warn(&policy, &matches.all(&ENTRY_POINT));
            return tiers(matches, &policy);
        }
        Err(failure) => failure,
    };
    if matches.value(&FORMAT) == "json" {
        say(&show::errors(&failure))?;
    } else {
        complain(format_args!("{failure}"));
    }
    Ok(ExitCode::from(EXIT_CONFIG))
}

/// How each rule will be evaluated on telemetry; nothing unless it is wanted, as `opa check` says nothing.
fn tiers(matches: &Matches, policy: &Policy) -> Result<ExitCode, String> {
    if matches.is_on(&VERBOSE) {
        let lines = decision::tiers(policy).into_iter();
        let lines: String = lines.map(|it| format!("{}: {}\n", it.query, it.how)).collect();
        say(&lines)?;
    }
    Ok(ExitCode::SUCCESS)
}
