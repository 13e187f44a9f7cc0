//! `sluice print-config`: what is in force, and who says so.

use std::process::ExitCode;

use component::config::Show;
use confmap::{Environment, write};
use service::Effective;

use super::{CONFIG, FEATURE_GATES, SET, feature_gates, locations};
use crate::cli::{Command, Flag, Matches, Takes};
use crate::components::gated;
use crate::console::{refuse, say};

/// `sluice print-config`.
pub const COMMAND: Command = Command {
    name: "print-config",
    aliases: &["print-initial-config"],
    about: "Print the configuration that is in force",
    text: "\
Print the configuration that is in force: all locations merged, references replaced, defaults filled in.
The output is a configuration again, but without the secrets: see --mode.",
    words: &[],
    flags: &[&CONFIG, &SET, &FEATURE_GATES, &OUTPUT, &FORMAT, &DEFAULTS, &ORIGIN, &MODE, &VALIDATE],
    run,
};

const OUTPUT: Flag = Flag {
    name: "output",
    short: Some('o'),
    takes: Takes::Text("yaml|json"),
    default: "",
    about: "Format of the output (default yaml)",
};

const FORMAT: Flag = Flag {
    name: "format",
    short: None,
    takes: Takes::Text("yaml|json"),
    default: "yaml",
    about: "The same as --output",
};

const DEFAULTS: Flag = Flag {
    name: "defaults",
    short: None,
    takes: Takes::Nothing,
    default: "",
    about: "Also print default values (default true, except with --mode=unredacted)",
};

const ORIGIN: Flag = Flag {
    name: "origin",
    short: None,
    takes: Takes::Nothing,
    default: "",
    about: "Print behind each value where it comes from",
};

const MODE: Flag = Flag {
    name: "mode",
    short: None,
    takes: Takes::Text("redacted|unredacted"),
    default: "redacted",
    about: "redacted hides secrets, unredacted shows them",
};

const VALIDATE: Flag = Flag {
    name: "validate",
    short: None,
    takes: Takes::Nothing,
    default: "true",
    about: "Check the configuration first",
};

fn run(matches: &Matches) -> Result<ExitCode, String> {
    let format = match (matches.value(&OUTPUT), matches.value(&FORMAT)) {
        ("", format) | (format, _) => format.to_lowercase(),
    };
    let json = match format.as_str() {
        "yaml" => false,
        "json" => true,
        other => return Err(format!("unrecognized print format: {other}")),
    };
    let secrets = match matches.value(&MODE) {
        "redacted" => false,
        "unredacted" => true,
        other => return Err(format!("invalid mode {other:?}: modes are: redacted, unredacted")),
    };
    let origin = matches.is_on(&ORIGIN);
    if origin && json {
        return Err("--origin writes comments, and JSON has none: use -o yaml".into());
    }
    // As the Collector: with secrets it shows what was written, not what it amounts to.
    let defaults = match matches.value(&DEFAULTS) {
        "" => !secrets,
        given => given == "true",
    };
    let effective = Effective {
        defaults,
        validate: matches.is_on(&VALIDATE),
        show: Show { secrets, nanos: json },
    };
    let conf = confmap::resolve(&locations(matches)?, &Environment::process());
    let registry = gated(&feature_gates(matches)?);
    match conf.and_then(|conf| effective.of(&conf, &registry)) {
        Ok(root) if json => say(&write::json(&root)),
        Ok(root) => say(&write::yaml(&root, origin)),
        Err(problems) => Ok(refuse(&problems)),
    }
}
