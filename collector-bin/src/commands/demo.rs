//! `sluice demo`: its flags. The demo itself is in `crate::demo`.

use std::process::ExitCode;

use component::config::Duration;

use super::runtime;
use crate::cli::{Command, Flag, Matches, Takes};
use crate::console::{complain, say};
use crate::demo::{self, Demo};
use crate::{EXIT_CONFIG, EXIT_FAILED};

/// `sluice demo`.
pub const COMMAND: Command = Command {
    name: "demo",
    aliases: &[],
    about: "Send the logs of made-up pods to a backend that fails for a while, and count every line",
    text: "\
Write pod logs as a Kubernetes node does (with rotation, partial lines, and a pod that is deleted), read them
with a real pipeline, send them to an OTLP backend that is down for three seconds, and count the lines.
Exits with 1 if a line is missing.",
    words: &[],
    flags: &[&FOR, &PRINT_CONFIG],
    run,
};

const FOR: Flag = Flag {
    name: "for",
    short: None,
    takes: Takes::Text("duration"),
    default: "20s",
    about: "How long to write lines; 0 means until Ctrl-C",
};

const PRINT_CONFIG: Flag = Flag {
    name: "print-config",
    short: None,
    takes: Takes::Nothing,
    default: "",
    about: "Only print the configuration that the demo uses",
};

fn run(matches: &Matches) -> Result<ExitCode, String> {
    let flags = read(matches)?;
    if matches.is_on(&PRINT_CONFIG) {
        return say(demo::CONFIG);
    }
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(code) => return Ok(code),
    };
    Ok(match runtime.block_on(demo::run(&flags)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(EXIT_CONFIG),
        Err(error) => {
            complain(format_args!("Error: demo: {error:#}"));
            ExitCode::from(EXIT_FAILED)
        }
    })
}

fn read(matches: &Matches) -> Result<Demo, String> {
    let text = matches.value(&FOR);
    let seconds = text.parse().ok().map(Duration::from_secs);
    let parsed = seconds.map_or_else(|| Duration::parse(text), Ok);
    let parsed =
        parsed.map_err(|error| FOR.invalid(text, &format!("{error} (try 20s, 2m, or 0)")))?;
    let duration = Some(parsed.std()).filter(|it| !it.is_zero());
    Ok(Demo { duration })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::parse;
    use crate::commands::COMMANDS;

    #[track_caller]
    fn check(arguments: &str, duration: Option<Duration>) {
        let words: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
        let read = read(&parse(COMMANDS, &words).unwrap()).unwrap();
        assert_eq!(read.duration, duration, "{arguments}");
    }

    #[test]
    fn the_demo_ends_by_itself_unless_told_not_to() {
        check("demo", Some(Duration::from_secs(20)));
        check("demo --for 0", None);
        check("demo --for 90s", Some(Duration::from_secs(90)));
    }
}
