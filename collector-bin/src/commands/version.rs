//! `sluice version`, and the flag.

use std::process::ExitCode;

use super::output;
use crate::BUILD;
use crate::cli::{Command, Flag, Matches, Takes};
use crate::console::say;

/// `sluice version`.
pub const COMMAND: Command = Command {
    name: "version",
    aliases: &[],
    about: "Print the version",
    text: "Print the version; as JSON also what the program was built for.",
    words: &[],
    flags: &[&OUTPUT],
    run,
};

const OUTPUT: Flag = output(&["text", "json"]);

/// `-v`.
pub const VERSION: Flag = Flag {
    name: "version",
    short: Some('v'),
    takes: Takes::Nothing,
    default: "",
    about: "Print the version",
};

fn run(matches: &Matches) -> Result<ExitCode, String> {
    match matches.value(&OUTPUT) {
        "json" => say(&format!("{:#}\n", json())),
        _ => short(),
    }
}

/// The line that scripts read.
pub fn short() -> Result<ExitCode, String> {
    say(&format!("{} version {}\n", BUILD.command, BUILD.version))
}

fn json() -> serde_json::Value {
    serde_json::json!({
        "command": BUILD.command,
        "description": BUILD.description,
        "version": BUILD.version,
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
    })
}
