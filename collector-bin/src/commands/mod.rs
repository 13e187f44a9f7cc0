//! The commands: one file and one line of `COMMANDS` each.

mod completion;
mod components;
mod demo;
mod explain;
mod featuregate;
mod graph;
mod help;
mod ottl;
mod policy;
mod print_config;
mod print_rbac;
mod queue;
mod reading;
mod rego;
mod run;
mod schema;
mod validate;
mod version;

use std::process::ExitCode;

use component::Meter;
use confmap::{Conf, Diagnostics, Environment, Lists, Locations};
use service::{Graph, Registry, load};
use tokio::runtime::Runtime;

use crate::cli::{Command, Flag, Matches, Takes};
use crate::console::complain;
use crate::gates::Gates;
use crate::{BUILD, EXIT_FAILED};

pub use help::run as help;

/// The program itself, then its commands by name.
pub const COMMANDS: &[&Command] = &[
    &run::COMMAND,
    &completion::COMPLETION,
    &components::COMMAND,
    &demo::COMMAND,
    &explain::COMMAND,
    &featuregate::COMMAND,
    &graph::COMMAND,
    &help::COMMAND,
    &completion::MAN,
    &ottl::COMMAND,
    &policy::COMMAND,
    &print_config::COMMAND,
    &print_rbac::COMMAND,
    &queue::COMMAND,
    &rego::COMMAND,
    &schema::COMMAND,
    &validate::COMMAND,
    &version::COMMAND,
];

/// `--config`.
pub const CONFIG: Flag = Flag {
    name: "config",
    short: None,
    takes: Takes::Location,
    default: "",
    about: "A file, or file:, env:, yaml:, http:, https:; several are merged in order",
};

/// `-o`: the first form holds when none is asked for.
const fn output(forms: &'static [&'static str]) -> Flag {
    Flag {
        name: "output",
        short: Some('o'),
        takes: Takes::OneOf(forms),
        default: forms[0],
        about: "Format of the output",
    }
}

/// `--set`.
pub const SET: Flag = Flag {
    name: "set",
    short: None,
    takes: Takes::Text("key=value"),
    default: "",
    about: "Set one value over all configurations: --set=processors.batch.timeout=2s",
};

/// `--feature-gates`.
pub const FEATURE_GATES: Flag = Flag {
    name: "feature-gates",
    short: None,
    takes: Takes::Text("list"),
    default: "",
    about: "Switch feature gates: a,+b,-c",
};

/// What `--config` and `--set` name, and how `--feature-gates` asks to join them.
///
/// # Errors
/// The Collector's text.
pub fn locations(matches: &Matches) -> Result<Locations, String> {
    let (config, set) = (matches.all(&CONFIG), matches.all(&SET));
    if let Some(bad) = set.iter().find(|it| !it.contains('=')) {
        return Err(SET.invalid(bad, "missing equal sign"));
    }
    if config.is_empty() {
        let text = "at least one config flag must be provided\n\
            Run 'sluice --help' for usage, or 'sluice demo' to see it work.";
        return Err(text.into());
    }
    let append = feature_gates(matches)?.is_on("confmap.enableMergeAppendOption");
    let lists = if append { Lists::Append } else { Lists::Replace };
    Ok(Locations { config, set, lists })
}

/// What all `--feature-gates` ask for.
///
/// # Errors
/// The Collector's text.
fn feature_gates(matches: &Matches) -> Result<Gates, String> {
    let mut gates = Gates::default();
    for list in matches.all(&FEATURE_GATES) {
        gates.extend(Gates::parse(&list).map_err(|why| FEATURE_GATES.invalid(&list, &why))?);
    }
    Ok(gates)
}

/// Resolves and types a configuration; `running` decides the texts of what is wrong with it.
fn read(
    locations: &Locations,
    registry: &Registry,
    running: bool,
) -> Result<(Conf, service::Settings), Diagnostics> {
    let conf = confmap::resolve(locations, &Environment::process())?;
    let settings = load::read(&conf, registry, running)?;
    Ok((conf, settings))
}

/// Reads a configuration and builds its pipelines; the graph is thrown away, so nothing starts.
fn check(
    locations: &Locations,
    registry: &Registry,
) -> Result<(Conf, service::Settings), Diagnostics> {
    let (conf, settings) = read(locations, registry, false)?;
    Graph::build(&settings, registry, &BUILD, &Meter::default())
        .and_then(|_| settings.can_start(registry, &BUILD))
        .map_err(|problem| load::diagnose(&conf, &problem, false))?;
    Ok((conf, settings))
}

/// The threads of a command that waits.
fn runtime() -> Result<Runtime, ExitCode> {
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    let built = threads.enable_all().on_thread_park(component::memory::before_sleep).build();
    built.map_err(|error| {
        complain(format_args!("Error: cannot start threads: {error}"));
        ExitCode::from(EXIT_FAILED)
    })
}
