//! `sluice schema`: what editors need to help.

use std::process::ExitCode;

use crate::cli::{Command, Matches};
use crate::components::components;
use crate::console::say;

/// `sluice schema`.
pub const COMMAND: Command = Command {
    name: "schema",
    aliases: &[],
    about: "Print the JSON Schema of configurations",
    text: "\
Print the JSON Schema of configurations with the components of this build. Editors with a YAML language
server use it to check and complete: # yaml-language-server: $schema=sluice.schema.json",
    words: &[],
    flags: &[],
    run,
};

fn run(_matches: &Matches) -> Result<ExitCode, String> {
    say(&format!("{:#}\n", service::schema::whole(&components())))
}
