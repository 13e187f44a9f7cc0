//! `sluice rego fmt` and `fmt-check`: policies as `opa fmt` writes them. The first prints or writes them, the second says what differs.

use std::fmt::Write as _;
use std::fs;
use std::process::ExitCode;

use rego::{Errors, Source};

use super::{DATA, DIFF, EXIT_ERRORS, FAIL, LIST, WRITE, load, options, show};
use crate::cli::Matches;
use crate::commands::ottl::diff;
use crate::commands::reading;
use crate::console::{complain, say};

/// Largest policy from standard input, in bytes.
const INPUT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Lays out all modules that flags and words name; those of standard input if there are none.
pub fn run(matches: &Matches, words: &[String], only_checks: bool) -> Result<ExitCode, String> {
    // What -d names are data for other actions; opa fmt -d shows the difference.
    let mut paths = matches.all(&DATA);
    let shows_difference = matches.is_on(&DIFF) || (!paths.is_empty() && !only_checks);
    paths.extend(words.iter().cloned());
    let is_standard_input = paths.is_empty();
    let sources = if is_standard_input { standard_input() } else { load::policies(&paths) };
    let sources = match sources {
        Ok(sources) => sources,
        Err(why) => return Ok(failed(&show::Failure::Reading(why))),
    };
    let version = options(matches).version;
    let mut errors = Vec::new();
    let mut changed = false;
    for Source { name, text } in &sources {
        let formatted = match rego::format(name, text, version) {
            Ok(it) => it,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        let differs = formatted != *text;
        changed |= differs;
        if matches.is_on(&LIST) {
            if differs {
                say(&format!("{name}\n"))?;
            }
        } else if shows_difference || only_checks {
            if differs {
                say(&difference(name, text, &formatted))?;
            }
        } else if matches.is_on(&WRITE) && !is_standard_input {
            if differs {
                fs::write(name, formatted).map_err(|it| format!("cannot write {name}: {it}"))?;
            }
        } else {
            say(&formatted)?;
        }
    }
    if !errors.is_empty() {
        return Ok(failed(&show::Failure::Rego(Errors(errors))));
    }
    // As opa: what only lists, shows or writes does not fail, unless it shall.
    let only_shows = matches.is_on(&LIST) || matches.is_on(&DIFF) || !only_checks;
    let fails = changed && (matches.is_on(&FAIL) || !only_shows);
    if fails && !only_checks {
        complain(format_args!("unexpected diff"));
    }
    Ok(if fails { ExitCode::from(EXIT_ERRORS) } else { ExitCode::SUCCESS })
}

fn standard_input() -> Result<Vec<Source>, String> {
    Ok(vec![Source::new("stdin", reading::text("-", INPUT_BYTES_MAX)?)])
}

fn failed(failure: &show::Failure) -> ExitCode {
    complain(format_args!("{failure}"));
    ExitCode::from(EXIT_ERRORS)
}

/// The lines that change, as they are and as they should be.
fn difference(name: &str, text: &str, formatted: &str) -> String {
    let mut out = format!("--- {name}\n+++ {name}\n");
    let lines = diff::lines(text, formatted);
    // The last line alone may lack its end.
    let _ = write!(out, "{}", if lines == "no change\n" { "+\n" } else { &lines });
    out
}
