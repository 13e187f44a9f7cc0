//! `sluice rego repl`: one query a line; `exit` ends it.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

use super::show::Failure;
use super::{EXIT_ERRORS, FORMAT, eval, input, options, policy};
use crate::cli::Matches;
use crate::console::{complain, say};

pub fn run(matches: &Matches) -> Result<ExitCode, String> {
    let words = matches.words_from(1);
    let read = policy(matches, words, &options(matches));
    let (policy, input) = match read.and_then(|it| Ok((it, input(matches)?))) {
        Ok(both) => both,
        Err(failure) => {
            complain(format_args!("{failure}"));
            return Ok(ExitCode::from(EXIT_ERRORS));
        }
    };
    let format = Some(matches.value(&FORMAT)).filter(|it| !it.is_empty()).unwrap_or("pretty");
    let is_asked = io::stdin().is_terminal();
    let prompt = || {
        if is_asked {
            // A prompt that cannot be shown is no reason to stop.
            let _ = io::stdout().write_all(b"> ").and_then(|()| io::stdout().flush());
        }
    };
    prompt();
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|it| format!("cannot read: {it}"))?;
        let query = line.trim();
        if query == "exit" {
            break;
        }
        if !query.is_empty() {
            let answer = policy.query(query).map_err(Failure::Rego).and_then(|it| {
                let results = it.worker().results(input.clone())?;
                Ok(eval::written(&results, format, None))
            });
            match answer {
                Ok(text) => drop(say(&text)?),
                Err(failure) => complain(format_args!("{failure}")),
            }
        }
        prompt();
    }
    Ok(ExitCode::SUCCESS)
}
