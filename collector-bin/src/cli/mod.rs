//! What the command line consists of. One table of commands and flags (`commands::COMMANDS`) is what
//! the parser, `--help`, the completions and the man page are made from.

mod completion;
mod help;
mod man;
mod parse;

use std::process::ExitCode;

use crate::{EXIT_CONFIG, EXIT_FAILED};

pub use completion::{SHELLS, completion};
pub use help::help;
pub use man::man;
pub use parse::parse;

/// The name that is typed.
pub const PROGRAM: &str = "sluice";

/// Something to be done, named by the first word; the program itself has no name.
#[derive(Debug)]
pub struct Command {
    /// Empty for the program itself.
    pub name: &'static str,
    /// Other accepted names.
    pub aliases: &'static [&'static str],
    /// One line, without a full stop.
    pub about: &'static str,
    /// What `--help` says, in sentences.
    pub text: &'static str,
    /// Words after the name, in order.
    pub words: &'static [Word],
    /// Besides `--help`, which all have.
    pub flags: &'static [&'static Flag],
    /// Does it. The error is printed after `Error: `, and the exit code is 1.
    pub run: fn(&Matches) -> Result<ExitCode, String>,
}

/// A word after the command's name.
#[derive(Debug)]
pub struct Word {
    /// What stands for it in the usage. The last word of a command may end in `...`: then there may be several.
    pub name: &'static str,
    /// What it may be.
    pub takes: Takes,
    /// True when the command cannot do without.
    pub required: bool,
}

/// `--name`, `--name VALUE` or `--name=VALUE`.
#[derive(Debug)]
pub struct Flag {
    /// Without dashes.
    pub name: &'static str,
    /// `-x`.
    pub short: Option<char>,
    /// What follows.
    pub takes: Takes,
    /// What holds when it is not given; empty is nothing, and off for a switch.
    pub default: &'static str,
    /// One line, without a full stop.
    pub about: &'static str,
}

impl Flag {
    /// That it does not take a value, in the words of Go's `pflag`.
    pub fn invalid(&self, value: &str, why: &str) -> String {
        let short = self.short.map_or(String::new(), |it| format!("-{it}, "));
        format!("invalid argument \"{value}\" for \"{short}--{}\" flag: {why}", self.name)
    }
}

/// What may be written for a flag or word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// A switch: it is there or not; `=true` and `=false` are accepted.
    Nothing,
    /// Any text, called so in the help.
    Text(&'static str),
    /// A location, mostly a file.
    Location,
    /// The name of a command.
    Command,
    /// One of these.
    OneOf(&'static [&'static str]),
}

/// What the program tells its caller.
pub const EXIT_CODES: &[(u8, &str)] = &[
    (0, "It did what it was asked to, or stopped cleanly on SIGTERM or SIGINT"),
    (EXIT_CONFIG, "The command line or the configuration is wrong, or a component did not start"),
    (EXIT_FAILED, "A component failed while running, or did not stop in time"),
];

/// `-h`, which every command has.
pub const HELP: Flag = Flag {
    name: "help",
    short: Some('h'),
    takes: Takes::Nothing,
    default: "",
    about: "Say how this is used",
};

impl Command {
    /// Its flags, and `--help`.
    pub fn all_flags(&self) -> impl Iterator<Item = &'static Flag> {
        self.flags.iter().copied().chain([&HELP])
    }

    /// `sluice validate`; for the program itself `sluice`.
    pub fn path(&self) -> String {
        if self.name.is_empty() { PROGRAM.into() } else { format!("{PROGRAM} {}", self.name) }
    }

    /// True for its name and its aliases.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

/// A command line that fits the table.
#[derive(Debug)]
pub struct Matches {
    /// What to do.
    pub command: &'static Command,
    flags: Vec<(&'static str, String)>,
    words: Vec<String>,
}

impl Matches {
    /// Every value of a flag, in the order given.
    pub fn all(&self, flag: &Flag) -> Vec<String> {
        let given = self.flags.iter().filter(|(name, _)| *name == flag.name);
        given.map(|(_, value)| value.clone()).collect()
    }

    /// The last value of a flag, or its default.
    pub fn value(&self, flag: &Flag) -> &str {
        let last = self.flags.iter().rfind(|(name, _)| *name == flag.name);
        last.map_or(flag.default, |(_, value)| value)
    }

    /// True when a switch is on.
    pub fn is_on(&self, flag: &Flag) -> bool {
        self.value(flag) == "true"
    }

    /// The words from the nth on.
    pub fn words_from(&self, n: usize) -> &[String] {
        self.words.get(n..).unwrap_or_default()
    }

    /// The n-th word after the command's name.
    pub fn word(&self, n: usize) -> Option<&str> {
        self.words.get(n).map(String::as_str)
    }
}
