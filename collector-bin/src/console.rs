//! What a person or a script gets to read: results on standard output, complaints on standard error.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use confmap::{Diagnostics, Format, Style};
use service::Logging;

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

/// Longest wait at the end for standard error and the outputs of the log to take what was said last.
pub const LAST_WORDS: Duration = Duration::from_secs(1);
/// The same in a panic, where others wait, and when a second signal ends the process at once.
pub const LAST_WORDS_IN_HASTE: Duration = Duration::from_millis(100);

/// Prints a line that is not a result. A running collector does not wait for standard error: its log does.
pub fn complain(text: fmt::Arguments<'_>) {
    if !Logging::print(&format!("{text}\n")) {
        // Nobody can be told that standard error is gone.
        let _ = writeln!(io::stderr(), "{text}");
    }
}

/// From now on a panic is said like all else: who panics must not wait for standard error either, since what the
/// collector does about it comes after.
pub fn complain_of_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        // Captured when RUST_BACKTRACE asks for it.
        let trace = Backtrace::capture();
        let trace = match trace.status() {
            BacktraceStatus::Captured => trace.to_string(),
            _ => "note: run with `RUST_BACKTRACE=1` to see where it came from".into(),
        };
        complain(format_args!("thread '{}' {panic}\n{trace}", thread.name().unwrap_or("unnamed")));
        Logging::flush(LAST_WORDS_IN_HASTE);
    }));
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
