//! `sluice rego fmt-check`: what `opa fmt` would change, told line by line and never written.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use rego::{Error, Untidy};

use super::{DATA, DIFF, EXIT_ERRORS, FAIL, LIST, load, options, show};
use crate::cli::Matches;
use crate::console::{complain, say};

/// Looks at all modules that flags and words name.
pub fn run(matches: &Matches, words: &[String]) -> Result<ExitCode, String> {
    let mut paths = matches.all(&DATA);
    paths.extend(words.iter().cloned());
    let sources = match load::policies(&paths) {
        Ok(sources) => sources,
        Err(why) => return Ok(failed(&show::Failure::Reading(why))),
    };
    let version = options(matches).version;
    let mut all: BTreeMap<String, (String, Vec<Untidy>)> = BTreeMap::new();
    let mut errors = Vec::new();
    for source in sources {
        match rego::untidy(&source.name, &source.text, version) {
            Ok(found) if found.is_empty() => {}
            Ok(found) => drop(all.insert(source.name, (source.text, found))),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Ok(failed(&show::Failure::Rego(rego::Errors(errors))));
    }
    let mut out = String::new();
    for (name, (text, found)) in &all {
        if matches.is_on(&LIST) {
            let _ = writeln!(out, "{name}");
        } else if matches.is_on(&DIFF) {
            diff(name, text, found, &mut out);
        } else {
            for Untidy { error, .. } in found {
                let _ = writeln!(out, "{}: {}", place(error), error.message);
            }
        }
    }
    say(&out)?;
    // As opa: what only lists or shows does not fail, unless it shall.
    let only_shows = (matches.is_on(&LIST) || matches.is_on(&DIFF)) && !matches.is_on(&FAIL);
    Ok(if all.is_empty() || only_shows { ExitCode::SUCCESS } else { ExitCode::from(EXIT_ERRORS) })
}

fn failed(failure: &show::Failure) -> ExitCode {
    complain(format_args!("{failure}"));
    ExitCode::from(EXIT_ERRORS)
}

fn place(error: &Error) -> String {
    error.location.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// Each line that changes, as it is and as it should be.
fn diff(name: &str, text: &str, found: &[Untidy], out: &mut String) {
    let lines: Vec<&str> = text.split('\n').collect();
    let _ = writeln!(out, "--- {name}\n+++ {name}");
    for Untidy { error, wanted } in found {
        let row = error.location.as_ref().map_or(0, |it| it.row);
        let line = usize::try_from(row).ok().and_then(|it| lines.get(it.saturating_sub(1)));
        let _ = writeln!(out, "@@ {row} @@ {}\n-{}", error.message, line.unwrap_or(&""));
        if let Some(wanted) = wanted {
            let _ = writeln!(out, "+{wanted}");
        }
    }
}
