//! `sluice completion` and `sluice man`: what a package ships beside the program.

use std::process::ExitCode;

use super::COMMANDS;
use crate::BUILD;
use crate::cli::{self, Command, Matches, SHELLS, Takes, Word};
use crate::console::say;

/// `sluice completion`.
pub const COMPLETION: Command = Command {
    name: "completion",
    aliases: &[],
    about: "Print the completion script for a shell",
    text: "\
Print the completion script for a shell. To try it: source <(sluice completion bash).
To install it, write it to the file that the first lines of the script name.",
    words: &[Word { name: "shell", takes: Takes::OneOf(SHELLS), required: true }],
    flags: &[],
    run: |matches: &Matches| -> Result<ExitCode, String> {
        say(&cli::completion(matches.word(0).unwrap_or_default(), COMMANDS))
    },
};

/// `sluice man`.
pub const MAN: Command = Command {
    name: "man",
    aliases: &[],
    about: "Print the man page",
    text: "Print the man page, in roff. To read it: sluice man | man -l -",
    words: &[],
    flags: &[],
    run: |_| say(&cli::man(COMMANDS, BUILD.version)),
};
