//! Reads the arguments as cobra does, with its texts: first the command is found, then its flags are read.

use confmap::closest;

use super::{Command, Flag, HELP, Matches, PROGRAM, Takes};

/// How the names of configurations end.
const ENDINGS: [&str; 3] = [".yaml", ".yml", ".json"];
/// What people write for the program itself.
const RUN: [&str; 2] = ["run", "start"];

/// Reads the arguments after the program's name.
///
/// # Errors
/// What is printed after `Error: `.
pub fn parse(
    commands: &'static [&'static Command],
    arguments: &[String],
) -> Result<Matches, String> {
    let (program, named) = commands.split_first().ok_or("there are no commands")?;
    let mut rest = arguments.to_vec();
    let command = match command_at(commands, &rest) {
        None => program,
        Some(at) => {
            let name = rest.remove(at);
            let found = named.iter().find(|it| it.is_called(&name));
            found.ok_or_else(|| unknown_command(&name, &rest, named))?
        }
    };
    let matches = flags(command, &rest)?;
    if matches.is_on(&HELP) {
        return Ok(matches);
    }
    check_words(&matches)?;
    Ok(matches)
}

/// Where the first word stands that is not the value of a flag.
fn command_at(commands: &[&Command], arguments: &[String]) -> Option<usize> {
    let flags = || commands.iter().flat_map(|it| it.all_flags());
    let is_switch = |argument: &str| {
        let mut letters = argument.trim_start_matches('-').chars();
        let known = match (argument.starts_with("--"), letters.next()) {
            (true, _) => flags().find(|it| it.name == &argument[2..]),
            (false, letter) => flags().find(|it| it.short.is_some() && it.short == letter),
        };
        known.is_some_and(|it| it.takes == Takes::Nothing)
    };
    let mut at = 0;
    while let Some(argument) = arguments.get(at) {
        let takes_next = !argument.contains('=')
            && (argument.starts_with("--") || argument.len() == 2)
            && !is_switch(argument);
        match argument.as_str() {
            "--" => return None,
            it if !it.starts_with('-') && !it.is_empty() => return Some(at),
            it if it.starts_with('-') && takes_next => at += 2,
            _ => at += 1,
        }
    }
    None
}

fn flags(command: &'static Command, arguments: &[String]) -> Result<Matches, String> {
    let mut matches = Matches { command, flags: Vec::new(), words: Vec::new() };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--" {
            matches.words.extend(rest.cloned());
            break;
        }
        let mut next = || rest.next().cloned();
        if let Some(long) = argument.strip_prefix("--") {
            let (name, inline) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            if name.is_empty() || name.starts_with('-') {
                return Err(format!("bad flag syntax: {argument}"));
            }
            let flag = command.all_flags().find(|it| it.name == name);
            let flag = flag.ok_or_else(|| unknown_flag(name, command))?;
            let missing = || format!("flag needs an argument: --{name}");
            let value = value(flag, inline, &mut next).ok_or_else(missing)?;
            matches.flags.push((flag.name, checked(flag, value)?));
        } else if argument.starts_with('-') && argument.len() > 1 {
            short_flags(&mut matches, argument, &mut next)?;
        } else {
            matches.words.push(argument.clone());
        }
    }
    Ok(matches)
}

/// `-h`, `-o yaml`, `-o=yaml`, `-oyaml`, and several switches behind one dash.
fn short_flags(
    matches: &mut Matches,
    argument: &str,
    next: &mut dyn FnMut() -> Option<String>,
) -> Result<(), String> {
    let mut letters = argument[1..].chars();
    while let Some(letter) = letters.next() {
        let flag = matches.command.all_flags().find(|it| it.short == Some(letter));
        let flag =
            flag.ok_or_else(|| format!("unknown shorthand flag: '{letter}' in {argument}"))?;
        let tail = letters.as_str();
        let inline = match tail.strip_prefix('=') {
            Some(value) => Some(value.to_owned()),
            None if tail.is_empty() || flag.takes == Takes::Nothing => None,
            None => Some(tail.to_owned()),
        };
        let is_last = inline.is_some();
        let missing = || format!("flag needs an argument: '{letter}' in {argument}");
        let value = value(flag, inline, next).ok_or_else(missing)?;
        matches.flags.push((flag.name, checked(flag, value)?));
        if is_last {
            break;
        }
    }
    Ok(())
}

fn value(
    flag: &Flag,
    inline: Option<String>,
    next: &mut dyn FnMut() -> Option<String>,
) -> Option<String> {
    match flag.takes {
        Takes::Nothing => inline.or_else(|| Some("true".into())),
        _ => inline.or_else(next),
    }
}

/// The value, when the flag takes it. Switches take what Go's `strconv.ParseBool` takes.
fn checked(flag: &Flag, value: String) -> Result<String, String> {
    let wrong = |why: String| Err(flag.invalid(&value, &why));
    match flag.takes {
        Takes::Nothing => match value.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok("true".into()),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok("false".into()),
            _ => wrong(format!("strconv.ParseBool: parsing \"{value}\": invalid syntax")),
        },
        Takes::OneOf(values) if !values.contains(&value.as_str()) => {
            wrong(format!("must be one of {}", values.join(", ")))
        }
        _ => Ok(value),
    }
}

fn check_words(matches: &Matches) -> Result<(), String> {
    let wanted = matches.command.words;
    let path = matches.command.path();
    let many = wanted.last().is_some_and(|it| it.name.ends_with("..."));
    if let Some(extra) = matches.words.get(wanted.len()).filter(|_| !many) {
        if matches.command.name.is_empty() {
            return Err(format!("unknown command \"{extra}\" for \"{path}\""));
        }
        let bound = if wanted.is_empty() { "" } else { "at most " };
        let given = matches.words.len();
        let text = format!("accepts {bound}{} arg(s), received {given}", wanted.len());
        let reads = matches.command.flags.iter().any(|it| it.takes == Takes::Location);
        return Err(if reads { text + &as_flags("", &matches.words) } else { text });
    }
    for (n, word) in wanted.iter().enumerate() {
        match (matches.word(n), word.takes) {
            (None, _) if word.required => {
                let name = word.name.trim_end_matches("...");
                return Err(format!("\"{path}\" needs a {name}: see {path} --help"));
            }
            (Some(given), Takes::OneOf(values)) if !values.contains(&given) => {
                let values = values.join(", ");
                return Err(format!("unknown {} \"{given}\": must be one of {values}", word.name));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Words that are meant as the configuration, which is the most natural mistake of all.
fn as_flags(before: &str, words: &[String]) -> String {
    let flags: String = words.iter().map(|it| format!(" --config {it}")).collect();
    format!("\ndid you mean `{}`?", format!("{before}{flags}").trim_start())
}

fn unknown_command(name: &str, rest: &[String], commands: &[&Command]) -> String {
    let names = || commands.iter().map(|it| it.name);
    let close = closest(name, names());
    let meant = names().filter(|it| it.starts_with(name) || close == Some(it));
    let mut meant: String = meant.map(|it| format!("\t{it}\n")).collect();
    if !meant.is_empty() {
        meant.insert_str(0, "\n\nDid you mean this?\n");
    }
    let is_file = ENDINGS.iter().any(|it| name.ends_with(it)) || name.contains(['/', ':']);
    if is_file {
        meant = as_flags(PROGRAM, &[name.to_owned()]);
    } else if RUN.contains(&name) {
        // The program itself runs what it is given.
        let words: Vec<String> = rest.iter().filter(|it| !it.starts_with('-')).cloned().collect();
        let words = if words.is_empty() { vec!["FILE".to_owned()] } else { words };
        meant = as_flags(PROGRAM, &words);
    }
    format!(
        "unknown command \"{name}\" for \"{PROGRAM}\"{meant}\nRun '{PROGRAM} --help' for usage."
    )
}

fn unknown_flag(name: &str, command: &Command) -> String {
    let meant = closest(name, command.all_flags().map(|it| it.name));
    let meant = meant.map_or(String::new(), |it| format!(" (did you mean --{it}?)"));
    format!("unknown flag: --{name}{meant}\nRun '{} --help' for usage.", command.path())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{COMMANDS, CONFIG, SET};

    fn read(arguments: &str) -> Result<Matches, String> {
        let words: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
        parse(COMMANDS, &words)
    }

    #[track_caller]
    fn check(arguments: &str, command: &str, config: &[&str], set: &[&str]) {
        let matches = read(arguments).unwrap();
        assert_eq!(matches.command.name, command, "{arguments}");
        assert_eq!(matches.all(&CONFIG), config, "{arguments}");
        assert_eq!(matches.all(&SET), set, "{arguments}");
    }

    #[track_caller]
    fn refused(arguments: &str, want: &str) {
        let text = read(arguments).unwrap_err();
        assert_eq!(text.lines().next(), Some(want), "{arguments}");
    }

    #[test]
    fn flags_are_read_as_cobra_reads_them() {
        check("--config a --config=b", "", &["a", "b"], &[]);
        check("--config a=b --config=c=d", "", &["a=b", "c=d"], &[]);
        check("--config=", "", &[""], &[]);
        check("validate --config a --set x=1", "validate", &["a"], &["x=1"]);
        check("--config a validate --set x=1", "validate", &["a"], &["x=1"]);
        check("--config validate", "", &["validate"], &[]);
    }

    #[test]
    fn what_charts_operators_and_units_pass_is_accepted() {
        check("--config=/conf/relay.yaml", "", &["/conf/relay.yaml"], &[]);
        check(
            "--config file:/etc/otelcol/config.yaml",
            "",
            &["file:/etc/otelcol/config.yaml"],
            &[],
        );
        check("--config=env:CONFIG --feature-gates=-a,+b", "", &["env:CONFIG"], &[]);
        check(
            "--config=/a --set=service.telemetry.logs.level=debug",
            "",
            &["/a"],
            &["service.telemetry.logs.level=debug"],
        );
    }

    #[test]
    fn switches_take_no_word_but_a_value_behind_the_sign() {
        assert!(read("validate --help --config a").unwrap().is_on(&HELP));
        assert!(!read("validate --help=false").unwrap().is_on(&HELP));
        assert!(read("-h validate").unwrap().is_on(&HELP));
        refused(
            "--help=maybe",
            "invalid argument \"maybe\" for \"-h, --help\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
        );
    }

    #[test]
    fn mistakes_get_cobras_texts() {
        refused("--foo", "unknown flag: --foo");
        refused("--foo=1", "unknown flag: --foo");
        refused("---config", "bad flag syntax: ---config");
        refused("bogus", "unknown command \"bogus\" for \"sluice\"");
        refused("bogus --foo", "unknown command \"bogus\" for \"sluice\"");
        refused("-config ok.yaml", "unknown command \"ok.yaml\" for \"sluice\"");
        refused("-config=ok.yaml", "unknown shorthand flag: 'c' in -config=ok.yaml");
        refused("components x", "accepts 0 arg(s), received 1");
        refused("featuregate a b", "accepts at most 1 arg(s), received 2");
        refused("-- x", "unknown command \"x\" for \"sluice\"");
        refused("--config", "flag needs an argument: --config");
    }

    #[test]
    fn a_mistyped_command_or_flag_is_told_what_was_meant() {
        assert!(read("valdate").unwrap_err().contains("Did you mean this?\n\tvalidate\n"));
        assert!(read("comp").unwrap_err().contains("\tcompletion\n\tcomponents\n"));
        refused("--confg a", "unknown flag: --confg (did you mean --config?)");
    }

    #[test]
    fn a_file_without_its_flag_is_told_the_flag() {
        let check = |arguments: &str, want: &str| {
            let text = read(arguments).unwrap_err();
            assert_eq!(text.lines().nth(1), Some(want), "{arguments}: {text}");
        };
        for command in ["validate", "graph", "print-config"] {
            let arguments = format!("{command} config.yaml");
            check(&arguments, "did you mean `--config config.yaml`?");
            refused(&arguments, "accepts 0 arg(s), received 1");
        }
        check("validate a.yaml b.yaml", "did you mean `--config a.yaml --config b.yaml`?");
        check("config.yaml", "did you mean `sluice --config config.yaml`?");
        check("/etc/otelcol/config", "did you mean `sluice --config /etc/otelcol/config`?");
        check("run config.yaml", "did you mean `sluice --config config.yaml`?");
        check("run --config config.yaml", "did you mean `sluice --config config.yaml`?");
        assert!(!read("components x").unwrap_err().contains("did you mean"));
    }

    #[test]
    fn whatever_is_typed_gets_an_answer() {
        const PIECES: [&str; 24] = [
            "--config",
            "--config=",
            "--config=a",
            "-",
            "--",
            "---",
            "-o",
            "-o=",
            "-ojson",
            "=",
            "-h",
            "-vh",
            "-\u{e9}",
            "--\u{e9}=1",
            "validate",
            "graph",
            "completion",
            "bash",
            "help",
            "",
            " ",
            "--set",
            "--help=x",
            "x",
        ];
        let mut random = fastrand::Rng::with_seed(7);
        let mut understood = 0;
        for _ in 0..20_000 {
            let count = random.usize(0..6);
            let words: Vec<String> =
                (0..count).map(|_| PIECES[random.usize(0..PIECES.len())].to_owned()).collect();
            match parse(COMMANDS, &words) {
                Ok(_) => understood += 1,
                Err(text) => assert!(!text.is_empty(), "{words:?}"),
            }
        }
        assert!((1_000..19_000).contains(&understood), "{understood}");
    }
}
