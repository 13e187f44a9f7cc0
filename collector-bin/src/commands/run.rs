//! `sluice --config ...`: runs the pipelines until a signal.

use std::process::ExitCode;

use confmap::{Conf, Diagnostics, Notice, Severity};
use service::{Collector, Exit, Issue, Logging, Registry, RunError, load};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

use super::{CONFIG, FEATURE_GATES, SET, feature_gates, locations, read, runtime, version};
use crate::cli::{Command, Matches};
use crate::console::{complain, refuse};
use crate::{BUILD, EXIT_FAILED, components::components};

/// The program itself.
pub const COMMAND: Command = Command {
    name: "",
    aliases: &[],
    about: "Receive, process and export telemetry",
    text: "\
Sluice receives, processes and exports telemetry. It runs the OpenTelemetry Collector's YAML.
SIGTERM and SIGINT stop it in order, for up to 25 seconds; a second signal ends it at once.",
    words: &[],
    flags: &[&CONFIG, &SET, &FEATURE_GATES, &version::VERSION],
    run,
};

fn run(matches: &Matches) -> Result<ExitCode, String> {
    if matches.is_on(&version::VERSION) {
        return version::short();
    }
    let gates = feature_gates(matches)?;
    let registry = components();
    let (conf, settings) = match read(&locations(matches)?, &registry, true) {
        Ok(ready) => ready,
        Err(problems) => return Ok(refuse(&problems)),
    };
    match Logging::open(&settings.service.telemetry, &BUILD) {
        Ok(logging) => logging.install(),
        Err(issue) => return Ok(refuse(&not_started(&conf, &issue))),
    }
    gates.warn();
    notice(&conf);
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(code) => return Ok(code),
    };
    let code = runtime.block_on(serve(&conf, &settings, &registry));
    // Whatever still blocks must not hold the process.
    runtime.shutdown_background();
    Ok(code)
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
        Err(RunError::Start(issue)) => return refuse(&not_started(conf, &issue)),
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

/// Says in the log which variables are unset or empty.
fn notice(conf: &Conf) {
    for Notice { severity, message, name, .. } in &conf.notices {
        if *severity == Severity::Info {
            info!(name, "{message}");
        } else {
            warn!(name, "{message}");
        }
    }
}

/// With the place in the YAML.
fn not_started(conf: &Conf, issue: &Issue) -> Diagnostics {
    Diagnostics::new(issue.text.clone(), vec![load::diagnostic(conf, "SL0400", issue)])
}
