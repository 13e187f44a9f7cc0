//! The collector: arguments, signals, exit codes, and the list of components.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod cli;
mod components;
mod demo;
mod inventory;

use std::io::Write as _;
use std::process::ExitCode;

use cli::Command;
use component::BuildInfo;
use confmap::{Conf, Diagnostics, Environment, Locations};
use service::{Collector, Exit, Graph, Logging, Registry, RunError, load};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BUILD: BuildInfo =
    BuildInfo { command: "sluice", description: "Sluice", version: env!("CARGO_PKG_VERSION") };

/// Wrong command line or configuration.
const EXIT_CONFIG: u8 = 1;
/// Failed while running.
const EXIT_FAILED: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let command = match cli::parse(&arguments) {
        Ok(command) => command,
        Err(error) => {
            let hint = if error.starts_with("unknown") || error.starts_with("flag") {
                "\nRun 'sluice --help' for usage."
            } else {
                ""
            };
            complain(format_args!("Error: {error}{hint}"));
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    match command {
        Command::Run(locations) => run(&locations),
        Command::Validate(locations) => validate(&locations),
        Command::Components => say(&inventory::components(&BUILD, &components::components())),
        Command::Version => say(&format!("{} version {}\n", BUILD.command, BUILD.version)),
        Command::Help(topic) => say(cli::help(topic)),
        Command::Demo(flags) => run_demo(&flags),
    }
}

fn validate(locations: &Locations) -> ExitCode {
    let registry = components::components();
    match prepare(locations, &registry, false) {
        Ok(_) => ExitCode::SUCCESS,
        Err(problems) => refuse(&problems),
    }
}

/// Resolves, types and builds; the graph is thrown away, so nothing starts.
fn prepare(
    locations: &Locations,
    registry: &Registry,
    running: bool,
) -> Result<(Conf, service::Settings), Diagnostics> {
    let conf = confmap::resolve(locations, &Environment::process())?;
    let settings = load::read(&conf, registry, running)?;
    if !running {
        Graph::build(&settings, registry, &BUILD, &component::Meter::default())
            .map_err(|problem| load::diagnose(&conf, &problem, running))?;
    }
    Ok((conf, settings))
}

fn run(locations: &Locations) -> ExitCode {
    let registry = components::components();
    let (conf, settings) = match prepare(locations, &registry, true) {
        Ok(ready) => ready,
        Err(problems) => return refuse(&problems),
    };
    Logging::new(&settings.service.telemetry, &BUILD).install();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(format_args!("Error: cannot start threads: {error}"));
            return ExitCode::from(EXIT_FAILED);
        }
    };
    let code = runtime.block_on(serve(&conf, &settings, &registry));
    // Whatever still blocks must not hold the process.
    runtime.shutdown_background();
    code
}

fn run_demo(flags: &cli::Demo) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(format_args!("Error: cannot start threads: {error}"));
            return ExitCode::from(EXIT_FAILED);
        }
    };
    match runtime.block_on(demo::run(flags)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(EXIT_CONFIG),
        Err(error) => {
            complain(format_args!("Error: demo: {error:#}"));
            ExitCode::from(EXIT_FAILED)
        }
    }
}

/// Runs until a signal or a failure; a second signal ends at once.
async fn serve(conf: &Conf, settings: &service::Settings, registry: &Registry) -> ExitCode {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = signals else {
        complain(format_args!("Error: cannot listen for signals"));
        return ExitCode::from(EXIT_FAILED);
    };
    let mut collector = match Collector::start(settings, registry, BUILD).await {
        Ok(collector) => collector,
        Err(RunError::Config(problem)) => return refuse(&load::diagnose(conf, &problem, true)),
        Err(RunError::Start(issue)) => {
            let place = load::diagnostic(conf, "SL0400", &issue);
            return refuse(&Diagnostics::new(issue.text, vec![place]));
        }
    };
    let failed = tokio::select! {
        _ = interrupt.recv() => {
            info!(signal = "interrupt", "Received signal from OS");
            false
        }
        _ = terminate.recv() => {
            info!(signal = "terminated", "Received signal from OS");
            false
        }
        error = collector.failure() => {
            error!(%error, "Stopping because a component failed");
            true
        }
    };
    let exit = tokio::select! {
        exit = collector.stop() => exit,
        _ = interrupt.recv() => Exit::Failed,
        _ = terminate.recv() => Exit::Failed,
    };
    if failed || exit == Exit::Failed { ExitCode::from(EXIT_FAILED) } else { ExitCode::SUCCESS }
}

fn refuse(problems: &Diagnostics) -> ExitCode {
    complain(format_args!("Error: {problems}"));
    ExitCode::from(EXIT_CONFIG)
}

fn complain(text: std::fmt::Arguments<'_>) {
    // Nobody can be told that standard error is gone.
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn say(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of a pipe went away: not our failure.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("Error: cannot write: {error}"));
            ExitCode::from(EXIT_FAILED)
        }
    }
}
