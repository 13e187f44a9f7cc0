//! `sluice policy`: telemetry policies without a collector. `test` applies them to a file, as the conformance suite of the
//! policies wants it; `check` looks for mistakes; `convert` makes Rego of them.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use pdata::{Data, Limits, Signal};
use serde_json::{Value as Json, json};
use telemetry_policy::{Engine, Mistake, Policies, to_rego};

use crate::EXIT_CONFIG;
use crate::cli::{Command, Flag, Matches, Takes, Word};
use crate::commands::reading;
use crate::console::{complain, say};

/// Largest file with policies, or with a request, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

const POLICIES: Flag = Flag {
    name: "policies",
    short: Some('p'),
    takes: Takes::Text("file"),
    default: "",
    about: "A file with policies, YAML or JSON; several are taken together",
};
const INPUT: Flag = Flag {
    name: "input",
    short: Some('i'),
    takes: Takes::Text("file"),
    default: "",
    about: "test: a file with an OTLP/JSON request",
};
const OUTPUT: Flag = Flag {
    name: "output",
    short: Some('o'),
    takes: Takes::Text("file"),
    default: "",
    about: "test: where what is left goes, as OTLP/JSON; without it to standard output",
};
const STATS: Flag = Flag {
    name: "stats",
    short: None,
    takes: Takes::Text("file"),
    default: "",
    about: "test: where hits and mistakes of each policy go, as JSON; default standard error",
};
const SIGNAL: Flag = Flag {
    name: "signal",
    short: None,
    takes: Takes::OneOf(&["log", "metric", "trace"]),
    default: "log",
    about: "What the input holds, or what the Rego is for",
};

/// `sluice policy`.
pub const COMMAND: Command = Command {
    name: "policy",
    aliases: &[],
    about: "Test, check and convert telemetry policies",
    text: "\
Work with OpenTelemetry's telemetry policies (OTEP 4738), without a collector.

  test      applies the policies to an OTLP/JSON request, and writes what is left and what each policy did
  check     says what is wrong, with file, line and column; the exit code is 1 if something is
  convert   writes a Rego module whose decision does what the policies do, and names those that cannot be Rego

  sluice policy test --policies p.yaml --input in.json --output out.json --stats stats.json --signal log
  sluice policy check --policies p.yaml
  sluice policy convert --policies p.yaml --signal log > policy.rego",
    words: &[Word { name: "action", takes: Takes::OneOf(&["test", "check", "convert"]), required: true }],
    flags: &[&POLICIES, &INPUT, &OUTPUT, &STATS, &SIGNAL],
    run,
};

fn run(matches: &Matches) -> Result<ExitCode, String> {
    let files = matches.all(&POLICIES);
    if files.is_empty() {
        return Err("at least one --policies must be given".to_owned());
    }
    let texts = files.iter().map(|it| Ok((it.clone(), text(it)?)));
    let texts = texts.collect::<Result<Vec<_>, String>>()?;
    let policies = Policies::read(texts.iter().map(|it| (it.0.as_str(), it.1.as_str())));
    let signal = match matches.value(&SIGNAL) {
        "metric" => Signal::Metrics,
        "trace" => Signal::Traces,
        _ => Signal::Logs,
    };
    match matches.word(0).unwrap_or_default() {
        "check" => check(&policies),
        "convert" => convert(&policies, signal),
        _ => test(&policies, signal, matches),
    }
}

fn text(path: &str) -> Result<String, String> {
    reading::text(path, FILE_BYTES_MAX)
}

fn check(policies: &Policies) -> Result<ExitCode, String> {
    for mistake in &policies.mistakes {
        complain(format_args!("{mistake}"));
    }
    let Policies { list, disabled, mistakes } = policies;
    say(&format!("{} policies, {disabled} disabled, {} mistakes\n", list.len(), mistakes.len()))?;
    Ok(if mistakes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_CONFIG) })
}

fn convert(policies: &Policies, signal: Signal) -> Result<ExitCode, String> {
    for mistake in &policies.mistakes {
        complain(format_args!("{mistake}"));
    }
    let (module, unfit) = to_rego(&policies.list, signal);
    for it in &unfit {
        complain(format_args!("Error: {it}"));
    }
    say(&module)?;
    let is_whole = unfit.is_empty() && policies.mistakes.is_empty();
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(EXIT_CONFIG) })
}

fn test(policies: &Policies, signal: Signal, matches: &Matches) -> Result<ExitCode, String> {
    // A policy with a mistake is left out, and the statistics say so; a document that cannot be read is no test.
    let broken: Vec<&Mistake> = policies.mistakes.iter().filter(|it| it.is_document).collect();
    if !broken.is_empty() {
        broken.iter().for_each(|it| complain(format_args!("{it}")));
        return Ok(ExitCode::from(EXIT_CONFIG));
    }
    let input = matches.value(&INPUT);
    let request = text(input)?;
    let data = Data::from_json(signal, request.as_bytes(), &Limits::default())
        .map_err(|error| format!("cannot read {input}: {error}"))?;
    let engine = Engine::new(&policies.list, None);
    let applied = engine.apply(&data);
    let mut left = Vec::new();
    applied.data.to_json(&mut left);
    let mut rows: Vec<(String, Json)> = Vec::new();
    for (id, tally) in engine.named(signal, &applied.tallies) {
        let mut row = json!({"policy_id": &**id, "hits": tally.hits});
        if let Some(row) = row.as_object_mut().filter(|_| tally.misses > 0) {
            row.insert("misses".to_owned(), tally.misses.into());
        }
        rows.push((id.to_string(), row));
    }
    rows.extend(mistaken(&policies.mistakes));
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    let rows: Vec<Json> = rows.into_iter().map(|it| it.1).collect();
    let stats = format!("{:#}\n", json!({"policies": rows}));
    match matches.value(&OUTPUT) {
        "" => {
            say(&format!("{}\n", String::from_utf8_lossy(&left)))?;
        }
        path => write(path, &left)?,
    }
    match matches.value(&STATS) {
        "" => complain(format_args!("{}", stats.trim_end())),
        path => write(path, stats.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A row for each policy with mistakes.
fn mistaken(mistakes: &[Mistake]) -> Vec<(String, Json)> {
    let mut rows: Vec<(String, Vec<&str>)> = Vec::new();
    for mistake in mistakes {
        match rows.last_mut().filter(|it| it.0 == mistake.policy) {
            Some(row) => row.1.push(&mistake.text),
            None => rows.push((mistake.policy.clone(), vec![&mistake.text])),
        }
    }
    let row = |(id, errors): (String, Vec<&str>)| {
        let row = json!({"policy_id": id, "hits": 0, "errors": errors});
        (id, row)
    };
    rows.into_iter().map(row).collect()
}

fn write(path: &str, bytes: &[u8]) -> Result<(), String> {
    fs::write(Path::new(path), bytes).map_err(|error| format!("cannot write {path}: {error}"))
}
