//! The collector: arguments, signals, exit codes, and the list of components.

mod cli;
mod commands;
mod components;
mod console;
mod demo;
mod descriptors;
mod gates;
mod state;
mod watch;

use std::process::ExitCode;

use cli::HELP;
use commands::COMMANDS;
use component::BuildInfo;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BUILD: BuildInfo =
    BuildInfo { command: cli::PROGRAM, description: "Sluice", version: env!("CARGO_PKG_VERSION") };

/// Wrong command line or configuration.
const EXIT_CONFIG: u8 = 1;
/// Failed while running.
const EXIT_FAILED: u8 = 2;

fn main() -> ExitCode {
    // An argument that is not UTF-8 gets replacement characters, and then the error of what it names.
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|it| it.to_string_lossy().into_owned()).collect();
    let done = cli::parse(COMMANDS, &arguments).and_then(|matches| {
        if matches.is_on(&HELP) {
            commands::help(&matches)
        } else {
            (matches.command.run)(&matches)
        }
    });
    let code = done.unwrap_or_else(|error| {
        console::complain(format_args!("Error: {error}"));
        ExitCode::from(EXIT_CONFIG)
    });
    service::Logging::flush(console::LAST_WORDS);
    code
}
