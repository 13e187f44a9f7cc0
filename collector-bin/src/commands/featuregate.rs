//! `sluice featuregate`: which feature gates there are.

use std::process::ExitCode;

use crate::cli::{Command, Matches, Takes, Word};
use crate::console::say;
use crate::gates;

/// `sluice featuregate`.
pub const COMMAND: Command = Command {
    name: "featuregate",
    aliases: &[],
    about: "List the feature gates, or show one",
    text: "\
List the feature gates of the Collector, or show one of them.
Set gates with --feature-gates. A gate that cannot be switched in Sluice causes a warning in the log.",
    words: &[Word { name: "id", takes: Takes::Text("id"), required: false }],
    flags: &[],
    run,
};

fn run(matches: &Matches) -> Result<ExitCode, String> {
    match matches.word(0) {
        Some(id) => say(&gates::describe(id)?),
        None => say(&gates::list()),
    }
}
