//! `sluice help`, and the flag of every command.

use std::process::ExitCode;

use super::COMMANDS;
use crate::cli::{self, Command, HELP, Matches, Takes, Word};
use crate::console::say;

/// `sluice help`.
pub const COMMAND: Command = Command {
    name: "help",
    aliases: &[],
    about: "Help about any command",
    text: "Say how a command is used.",
    words: &[Word { name: "command", takes: Takes::Command, required: false }],
    flags: &[],
    run,
};

/// The help of the command named by the first word, or of the command whose flag it is.
///
/// # Errors
/// There is no such command.
pub fn run(matches: &Matches) -> Result<ExitCode, String> {
    let command = match matches.word(0) {
        _ if matches.is_on(&HELP) => matches.command,
        None => COMMANDS[0],
        Some(name) => {
            let found = COMMANDS.iter().find(|it| it.is_called(name));
            found.ok_or_else(|| format!("Unknown help topic \"{name}\""))?
        }
    };
    say(&cli::help(command, COMMANDS))
}
