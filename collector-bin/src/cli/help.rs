//! What `--help` prints.

use std::fmt::Write as _;

use super::{Command, EXIT_CODES, Flag, PROGRAM, Takes};

/// The help of a command; the program's own lists all commands.
pub fn help(command: &Command, commands: &[&Command]) -> String {
    let mut out = format!("{}\n\nUsage:\n", command.text.trim_end());
    for line in usage(command) {
        let _ = writeln!(out, "  {line}");
    }
    if !command.aliases.is_empty() {
        let _ = write!(out, "\nAliases:\n  {}, {}\n", command.name, command.aliases.join(", "));
    }
    if command.name.is_empty() {
        out.push_str("\nAvailable Commands:\n");
        let named = || commands.iter().filter(|it| !it.name.is_empty());
        let width = named().map(|it| it.name.len()).max().unwrap_or(0);
        for it in named() {
            let _ = writeln!(out, "  {:width$}  {}", it.name, it.about);
        }
    }
    out.push_str("\nFlags:\n");
    let flags: Vec<(String, String)> =
        command.all_flags().map(|it| (spelling(it), about(it))).collect();
    let width = flags.iter().map(|(spelling, _)| spelling.len()).max().unwrap_or(0);
    for (spelling, about) in flags {
        let _ = writeln!(out, "  {spelling:width$}  {about}");
    }
    if command.name.is_empty() {
        out.push_str("\nExit codes:\n");
        for (code, meaning) in EXIT_CODES {
            let _ = writeln!(out, "  {code}  {meaning}");
        }
        let _ = write!(out, "\nUse \"{PROGRAM} [command] --help\" for more about a command.\n");
    }
    out
}

/// The ways in which a command is written.
pub fn usage(command: &Command) -> Vec<String> {
    let mut line = command.path();
    for word in command.words {
        let (open, close) = if word.required { ("<", ">") } else { ("[", "]") };
        match word.takes {
            Takes::OneOf(values) => drop(write!(line, " {open}{}{close}", values.join("|"))),
            _ => drop(write!(line, " {open}{}{close}", word.name)),
        }
    }
    line.push_str(" [flags]");
    let mut lines = vec![line];
    if command.name.is_empty() {
        lines.push(format!("{PROGRAM} [command]"));
    }
    lines
}

/// `-o, --output yaml|json`.
pub fn spelling(flag: &Flag) -> String {
    let short = flag.short.map_or("    ".into(), |it| format!("-{it}, "));
    let value = match flag.takes {
        Takes::Nothing => String::new(),
        Takes::Text(name) => format!(" {name}"),
        Takes::Location => " location".into(),
        Takes::Command => " command".into(),
        Takes::OneOf(values) => format!(" {}", values.join("|")),
    };
    format!("{short}--{}{value}", flag.name)
}

/// With the default.
pub fn about(flag: &Flag) -> String {
    match flag.default {
        "" => flag.about.into(),
        default => format!("{} (default {default})", flag.about),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::COMMANDS;

    #[test]
    fn every_command_has_help_that_names_its_flags() {
        for command in COMMANDS {
            let text = help(command, COMMANDS);
            assert!(text.contains(&format!("Usage:\n  {}", command.path())), "{text}");
            for flag in command.all_flags() {
                assert!(text.contains(&format!("--{}", flag.name)), "{text}");
            }
            assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
        }
    }

    #[test]
    fn the_programs_help_lists_every_command() {
        let text = help(COMMANDS[0], COMMANDS);
        for command in &COMMANDS[1..] {
            assert!(text.contains(&format!("\n  {} ", command.name)), "{}", command.name);
        }
    }

    #[test]
    fn the_documentation_names_every_command_and_flag() {
        let page = include_str!("../../../docs/command-line.md");
        for command in COMMANDS {
            let name =
                if command.name.is_empty() { "none".into() } else { format!("`{}", command.name) };
            assert!(page.contains(&format!("\n| {name}")), "{name}");
            for flag in command.all_flags() {
                assert!(page.contains(&format!("`--{}`", flag.name)), "{}", flag.name);
            }
        }
    }
}
