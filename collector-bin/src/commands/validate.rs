//! `sluice validate`: is this configuration right?

use std::process::ExitCode;

use confmap::{Diagnostics, Format, Severity, Style};
use service::lint;

use super::{CONFIG, FEATURE_GATES, SET, check, feature_gates, locations};
use crate::EXIT_CONFIG;
use crate::cli::{Command, Flag, Matches, Takes};
use crate::components::gated;
use crate::console::{complain, say, style};
use crate::state;

/// `sluice validate`.
pub const COMMAND: Command = Command {
    name: "validate",
    aliases: &[],
    about: "Check a configuration without running it",
    text: "\
Check a configuration without starting anything: read it, check all keys and values, and build its pipelines.
If all is well it prints nothing and exits with 0. Otherwise it shows each mistake with its place, and exits
with 1. Warnings are about things that are allowed and probably wrong; with --strict they also cause exit code 1.
`sluice explain CODE` explains a code.",
    words: &[],
    flags: &[&CONFIG, &SET, &FEATURE_GATES, &OUTPUT, &STRICT, &COLOR],
    run,
};

const OUTPUT: Flag = Flag {
    name: "output",
    short: Some('o'),
    takes: Takes::OneOf(&["text", "json", "sarif", "github"]),
    default: "text",
    about: "Format; text goes to standard error, others to standard output",
};

const STRICT: Flag = Flag {
    name: "strict",
    short: None,
    takes: Takes::Nothing,
    default: "",
    about: "Exit with 1 also on warnings",
};

const COLOR: Flag = Flag {
    name: "color",
    short: None,
    takes: Takes::OneOf(&["auto", "always", "never"]),
    default: "auto",
    about: "Colours; auto means on a terminal, unless NO_COLOR is set",
};

fn run(matches: &Matches) -> Result<ExitCode, String> {
    let gates = feature_gates(matches)?;
    let locations = locations(matches)?;
    let registry = gated(&gates).with_storage(state::storage(&locations));
    let found = match check(&locations, &registry) {
        Ok((conf, settings)) => Diagnostics::new("", lint::warnings(&conf, &settings, &registry)),
        Err(problems) => problems,
    };
    let colours = match matches.value(&COLOR) {
        "always" => Style::Colour,
        "never" => Style::Plain,
        _ => style(),
    };
    let errors = found.count(Severity::Error) > 0;
    match matches.value(&OUTPUT) {
        "json" => say(&found.render(Format::Json))?,
        "sarif" => say(&found.render(Format::Sarif))?,
        "github" => say(&found.render(Format::Github))?,
        _ => {
            let text = found.render(Format::Text(colours));
            let begin = if errors { "Error: " } else { "" };
            if !text.is_empty() {
                complain(format_args!("{begin}{text}"));
            }
            ExitCode::SUCCESS
        }
    };
    let refused = errors || (matches.is_on(&STRICT) && found.count(Severity::Warning) > 0);
    Ok(if refused { ExitCode::from(EXIT_CONFIG) } else { ExitCode::SUCCESS })
}

#[cfg(test)]
mod tests {
    use component::DefaultStorage;
    use confmap::Locations;

    use super::*;

    /// Codes of the warnings where no directory can be written.
    fn warned(storage: &str) -> Vec<&'static str> {
        let yaml = format!(
            "{{receivers: {{file_log: {{include: [/etc/hostname], {storage}}}}}, exporters: {{debug: }}, service: \
             {{pipelines: {{logs: {{receivers: [file_log], exporters: [debug]}}}}}}}}"
        );
        let locations = Locations { config: vec![format!("yaml:{yaml}")], ..Locations::default() };
        let nowhere = DefaultStorage { place: "tried /x".into(), ..DefaultStorage::default() };
        let registry = crate::components::components().with_storage(nowhere);
        let (conf, settings) = check(&locations, &registry).unwrap();
        lint::warnings(&conf, &settings, &registry).iter().map(|it| it.code).collect()
    }

    #[test]
    fn where_no_directory_can_be_written_a_warning_says_what_a_restart_forgets() {
        assert!(warned("storage: ").contains(&"SL0331"));
        assert!(warned("start_at: end").contains(&"SL0331"));
        assert!(!warned("storage: none").contains(&"SL0331"));
    }
}
