//! What a person or a script gets to read: results on standard output, complaints on standard error.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use confmap::{Diagnostics, Format, Style};

use crate::EXIT_CONFIG;

/// Prints a result.
///
/// # Errors
/// It cannot be written, and the reader did not just leave.
pub fn say(text: &str) -> Result<ExitCode, String> {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        // The reader of a pipe went away: not our failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) => Err(format!("cannot write: {error}")),
    }
}

/// Prints a line that is not a result.
pub fn complain(text: fmt::Arguments<'_>) {
    // Nobody can be told that standard error is gone.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Colours where standard error is a terminal and nobody objects: <https://no-color.org>.
pub fn style() -> Style {
    let set = |name: &str| std::env::var_os(name).is_some_and(|it| !it.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|it| it == "dumb");
    let colours = io::stderr().is_terminal() && !set("NO_COLOR") && !dumb;
    if colours { Style::Colour } else { Style::Plain }
}

/// Prints what is wrong with a configuration.
pub fn refuse(problems: &Diagnostics) -> ExitCode {
    complain(format_args!("Error: {}", problems.render(Format::Text(style()))));
    ExitCode::from(EXIT_CONFIG)
}
