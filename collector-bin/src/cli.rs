//! The command line, read as the Collector reads it (cobra): `--flag value`, `--flag=value`.

use std::time::Duration;

use component::config;
use confmap::Locations;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Run the pipelines of a configuration.
    Run(Locations),
    /// Check a configuration and build its pipelines; start nothing.
    Validate(Locations),
    /// List the components.
    Components,
    /// The main job on made-up pods.
    Demo(Demo),
    /// Print the version.
    Version,
    /// Print how to use it.
    Help(Topic),
}

/// What help is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// The program.
    Program,
    /// A command.
    Validate,
    /// A command.
    Components,
    /// A command.
    Demo,
}

/// `demo`'s flags.
#[derive(Debug, PartialEq, Eq)]
pub struct Demo {
    /// Ends after this; `None` runs until Ctrl-C.
    pub duration: Option<Duration>,
    /// Print the YAML and end.
    pub print_config: bool,
}

/// How long the demo runs.
const DEMO_DURATION: Duration = Duration::from_secs(20);

/// Reads the arguments after the program's name.
///
/// # Errors
/// The Collector's text, to be printed after `Error: `.
pub fn parse(arguments: &[String]) -> Result<Command, String> {
    let mut words = Vec::new();
    let mut flags = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "-h" | "--help" => flags.push(("help", String::new())),
            "-v" | "--version" => flags.push(("version", String::new())),
            "--print-config" => flags.push(("print-config", String::new())),
            it if it.starts_with("--") => {
                let (name, inline) = match it[2..].split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (&it[2..], None),
                };
                let name = match name {
                    "config" | "set" | "feature-gates" | "for" => name,
                    other => return Err(format!("unknown flag: --{other}")),
                };
                let value = inline.or_else(|| rest.next().cloned());
                let value = value.ok_or_else(|| format!("flag needs an argument: --{name}"))?;
                flags.push((name, value));
            }
            it if it.starts_with('-') && it.len() > 1 => {
                let letter = it.chars().nth(1).unwrap_or('-');
                return Err(format!("unknown shorthand flag: '{letter}' in {it}"));
            }
            it => words.push(it),
        }
    }
    command(&words, &flags)
}

fn command(words: &[&str], flags: &[(&str, String)]) -> Result<Command, String> {
    let has = |name: &str| flags.iter().any(|(flag, _)| *flag == name);
    let (topic, allowed): (Topic, &[&str]) = match words {
        [] | ["help"] => (Topic::Program, &["config", "set", "feature-gates", "version"]),
        ["validate"] | ["help", "validate"] => {
            (Topic::Validate, &["config", "set", "feature-gates"])
        }
        ["components"] | ["help", "components"] => (Topic::Components, &[]),
        ["demo"] | ["help", "demo"] => (Topic::Demo, &["for", "print-config"]),
        ["version"] => return Ok(Command::Version),
        ["help", word, ..] | [word, ..] if !["validate", "components", "demo"].contains(word) => {
            return Err(format!("unknown command \"{word}\" for \"sluice\""));
        }
        [first, ..] => {
            let extra = words.get(1).copied().unwrap_or_default();
            return Err(format!("unknown command \"{extra}\" for \"sluice {first}\""));
        }
    };
    if has("help") || words.first() == Some(&"help") {
        return Ok(Command::Help(topic));
    }
    if let Some((flag, _)) = flags.iter().find(|(flag, _)| !allowed.contains(flag)) {
        return Err(format!("unknown flag: --{flag}"));
    }
    if has("version") {
        return Ok(Command::Version);
    }
    match topic {
        Topic::Program => Ok(Command::Run(locations(flags)?)),
        Topic::Validate => Ok(Command::Validate(locations(flags)?)),
        Topic::Components => Ok(Command::Components),
        Topic::Demo => demo(flags).map(Command::Demo),
    }
}

fn locations(flags: &[(&str, String)]) -> Result<Locations, String> {
    let all = |name: &str| -> Vec<String> {
        flags.iter().filter(|(flag, _)| *flag == name).map(|(_, value)| value.clone()).collect()
    };
    let (config, set) = (all("config"), all("set"));
    if let Some(bad) = set.iter().find(|it| !it.contains('=')) {
        return Err(format!("invalid argument \"{bad}\" for \"--set\" flag: missing equal sign"));
    }
    if config.is_empty() {
        return Err("at least one config flag must be provided".into());
    }
    Ok(Locations { config, set })
}

fn demo(flags: &[(&str, String)]) -> Result<Demo, String> {
    let mut duration = Some(DEMO_DURATION);
    if let Some((_, text)) = flags.iter().rfind(|(flag, _)| *flag == "for") {
        let seconds = text.parse().ok().map(config::Duration::from_secs);
        let parsed = seconds.map_or_else(|| config::Duration::parse(text), Ok);
        let parsed = parsed.map_err(|error| {
            format!("invalid argument \"{text}\" for \"--for\" flag: {error} (try 20s, 2m, or 0)")
        })?;
        duration = Some(parsed.std()).filter(|it| !it.is_zero());
    }
    Ok(Demo { duration, print_config: flags.iter().any(|(flag, _)| *flag == "print-config") })
}

/// What `--help` prints.
pub fn help(topic: Topic) -> &'static str {
    match topic {
        Topic::Program => PROGRAM_HELP,
        Topic::Validate => VALIDATE_HELP,
        Topic::Components => COMPONENTS_HELP,
        Topic::Demo => DEMO_HELP,
    }
}

const PROGRAM_HELP: &str = "\
Sluice receives, processes and exports telemetry. It runs the OpenTelemetry Collector's YAML.

Usage:
  sluice [flags]
  sluice [command]

Available Commands:
  components  List the components of this build
  demo        Tail made-up pods into a backend that fails on the way, and count every line
  help        Help about any command
  validate    Check a configuration without running it
  version     Print the version

Flags:
      --config stringArray   Location of a configuration file; several are merged in order
      --set stringArray      Set a value, --set=processors.batch.timeout=2s; overrides --config
      --feature-gates list   Accepted for compatibility
  -h, --help                 Help for sluice
  -v, --version              Version of sluice

Exit codes: 0 stopped cleanly, 1 wrong command line or configuration, 2 failed while running.
Use \"sluice [command] --help\" for more about a command.
";

const VALIDATE_HELP: &str = "\
Check a configuration: read it, type it, build its pipelines, start nothing.
Prints nothing and exits with 0 when all is well; otherwise says what is wrong where, and exits with 1.

Usage:
  sluice validate --config FILE [--config FILE ...] [--set KEY=VALUE ...]
";

const COMPONENTS_HELP: &str = "\
List the components of this build, with the stability of each signal, as YAML.

Usage:
  sluice components
";

const DEMO_HELP: &str = "\
Write pod logs as a kubelet's node does (rotation, partial lines, a pod that goes away), tail them with
the real pipeline, send them to an embedded OTLP backend that plays dead for three seconds, and count.
Exits with 1 when a line is missing.

Usage:
  sluice demo [flags]

Flags:
      --for duration   How long lines are written; 0 is until Ctrl-C (default 20s)
      --print-config   Print the configuration that it runs, and end
";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(arguments: &str, want: Result<Command, &str>) {
        let words: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
        assert_eq!(parse(&words), want.map_err(str::to_owned));
    }

    fn at(config: &[&str], set: &[&str]) -> Locations {
        let owned = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect();
        Locations { config: owned(config), set: owned(set) }
    }

    #[test]
    fn flags_are_read_as_cobra_reads_them() {
        check("--config a --config=b", Ok(Command::Run(at(&["a", "b"], &[]))));
        check("validate --config a --set x=1", Ok(Command::Validate(at(&["a"], &["x=1"]))));
        check("--version", Ok(Command::Version));
        check("help validate", Ok(Command::Help(Topic::Validate)));
        check("components", Ok(Command::Components));
    }

    #[test]
    fn mistakes_get_the_collectors_texts() {
        check("validate", Err("at least one config flag must be provided"));
        check("--foo", Err("unknown flag: --foo"));
        check("bogus", Err("unknown command \"bogus\" for \"sluice\""));
        check("--config", Err("flag needs an argument: --config"));
        check(
            "--config a --set foo",
            Err("invalid argument \"foo\" for \"--set\" flag: missing equal sign"),
        );
    }

    #[test]
    fn the_demo_ends_by_itself_unless_told_not_to() {
        let want = |duration, print_config| Ok(Command::Demo(Demo { duration, print_config }));
        check("demo", want(Some(Duration::from_secs(20)), false));
        check("demo --for 0 --print-config", want(None, true));
        check("demo --for 90s", want(Some(Duration::from_secs(90)), false));
    }
}
