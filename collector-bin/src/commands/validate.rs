//! `sluice validate`: is this configuration right?

use std::process::ExitCode;

use super::{CONFIG, FEATURE_GATES, SET, check, feature_gates, locations};
use crate::cli::{Command, Matches};
use crate::components::components;
use crate::console::refuse;

/// `sluice validate`.
pub const COMMAND: Command = Command {
    name: "validate",
    aliases: &[],
    about: "Check a configuration without running it",
    text: "\
Check a configuration: read it, type it, build its pipelines, start nothing.
Prints nothing and exits with 0 when all is well; otherwise says what is wrong where, and exits with 1.",
    words: &[],
    flags: &[&CONFIG, &SET, &FEATURE_GATES],
    run,
};

fn run(matches: &Matches) -> Result<ExitCode, String> {
    feature_gates(matches)?;
    Ok(match check(&locations(matches)?, &components()) {
        Ok(_) => ExitCode::SUCCESS,
        Err(problems) => refuse(&problems),
    })
}
