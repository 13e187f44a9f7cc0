//! `sluice explain`: more about the codes of mistakes, and what a configuration promises.

mod delivery;

use std::fmt::Write as _;
use std::process::ExitCode;

use confmap::EXPLANATIONS;

use super::{CONFIG, FEATURE_GATES, SET, feature_gates, locations, read};
use crate::cli::{Command, Matches, Takes, Word};
use crate::components::gated;
use crate::console::{refuse, say};

/// The word that is no code.
const DELIVERY: &str = "delivery";

/// `sluice explain`.
pub const COMMAND: Command = Command {
    name: "explain",
    aliases: &[],
    about: "Explain the code of a mistake and say what to do",
    text: "\
Explain the code of a mistake or warning, with an example, and say what to do.
Without a code, list all codes.

  sluice explain delivery --config config.yaml

says where this configuration can lose or double data, how much at most, and which setting closes it.",
    words: &[Word { name: "code", takes: Takes::Text("code"), required: false }],
    flags: &[&CONFIG, &SET, &FEATURE_GATES],
    run,
};

fn run(matches: &Matches) -> Result<ExitCode, String> {
    let Some(code) = matches.word(0) else {
        let mut out = String::new();
        for it in &EXPLANATIONS {
            let _ = writeln!(out, "{}  {}", it.code, it.title);
        }
        return say(&out);
    };
    if code == DELIVERY {
        let registry = gated(&feature_gates(matches)?);
        return match read(&locations(matches)?, &registry, false) {
            Ok((_, settings)) => say(&delivery::explain(&settings, &registry)),
            Err(problems) => Ok(refuse(&problems)),
        };
    }
    match confmap::explain(code) {
        Some(explanation) => say(&explanation.to_string()),
        None => Err(format!("unknown code \"{code}\"; `sluice explain` lists all")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_a_row_for_every_code() {
        let documentation = include_str!("../../../docs/diagnostics.md");
        for it in &EXPLANATIONS {
            let row = format!("| {} | {} | {} |\n", it.code, it.title, it.remedy);
            assert!(documentation.contains(&row), "docs/diagnostics.md lacks this row:\n{row}");
        }
    }
}
