//! `sluice --config ...`: runs the pipelines until a signal.

use std::process::ExitCode;
use std::sync::Arc;

use component::RemoteConfiguration;
use confmap::{Conf, Diagnostic, Diagnostics, Locations, Notice, Severity, code};
use service::{Collector, Event, Exit, Issue, Logging, Registry, RunError, lint, load};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{CONFIG, FEATURE_GATES, SET, feature_gates, locations, read, runtime, version};
use crate::cli::{Command, Flag, Matches, Takes};
use crate::console::{LAST_WORDS_IN_HASTE, complain, complain_of_panics, refuse};
use crate::watch::Watch;
use crate::{BUILD, EXIT_FAILED, components::gated, descriptors, state};

mod remote;

use remote::Layer;

/// `--watch`.
const WATCH: Flag = Flag {
    name: "watch",
    short: None,
    takes: Takes::Nothing,
    default: "",
    about: "Reload the configuration when one of its files changes, as SIGHUP does",
};

/// The program itself.
pub const COMMAND: Command = Command {
    name: "",
    aliases: &[],
    about: "Receive, process and export telemetry",
    text:
        "\
Sluice receives, processes and exports telemetry. It runs the OpenTelemetry Collector's YAML.
SIGTERM and SIGINT stop it cleanly, in at most 25 seconds; a second signal ends it at once.
SIGHUP reads the configuration again and replaces the components that have changed, without a stop.",
    words: &[],
    flags: &[&CONFIG, &SET, &FEATURE_GATES, &WATCH, &version::VERSION],
    run,
};

fn run(matches: &Matches) -> Result<ExitCode, String> {
    if matches.is_on(&version::VERSION) {
        return version::short();
    }
    let gates = feature_gates(matches)?;
    let locations = locations(matches)?;
    let registry = gated(&gates).with_storage(state::storage(&locations)).with_gates(gates.view());
    let raised = descriptors::raise();
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(code) => return Ok(code),
    };
    // Before anything is read, so that no change is missed.
    let inside = runtime.enter();
    let watch = matches.is_on(&WATCH).then(|| Watch::new(locations.files()));
    let Ok(hangup) = signal(SignalKind::hangup()) else { return Ok(without_signals()) };
    drop(inside);
    let (conf, settings) = match read(&locations, &registry, true) {
        Ok(ready) => ready,
        Err(problems) => return Ok(refuse(&problems)),
    };
    match Logging::open(&settings.service.telemetry, &BUILD) {
        Ok(logging) => logging.install(),
        Err(issue) => return Ok(refuse(&load::failed(&conf, issue))),
    }
    complain_of_panics();
    raised.say();
    gates.warn();
    notice(&conf);
    warn_of(&lint::warnings(&conf, &settings, &registry));
    let (locations, registry) = (Arc::new(locations), Arc::new(registry));
    let mut running = Running { locations, registry, watch, hangup, layer: None };
    running.watch_files(&conf);
    let code = runtime.block_on(serve(running, &conf, &settings));
    // Whatever still blocks must not hold the process.
    runtime.shutdown_background();
    Ok(code)
}

/// One line for each warning about the configuration, but for those that have the Collector's own.
fn warn_of(warnings: &[Diagnostic]) {
    let said = [code::DEPRECATED, code::UNSET, code::EMPTY];
    for it in warnings.iter().filter(|it| !said.contains(&it.code)) {
        let place = it.primary.as_ref().map(|it| it.origin.visible().to_string());
        warn!(code = it.code, place, help = it.help, "{}", it.message);
    }
}

/// Runs until a signal or a failure; a second signal ends at once.
async fn serve(mut running: Running, conf: &Conf, settings: &service::Settings) -> ExitCode {
    let Ok(stop) = stop_signals() else { return without_signals() };
    let mut collector = match Collector::start(settings, &running.registry, BUILD).await {
        Ok(collector) => collector,
        Err(error) => return refuse(&explain(error, conf)),
    };
    let failed = loop {
        let remote = tokio::select! {
            () = stop.cancelled() => break false,
            () = running.told_to_reload() => None,
            event = collector.event() => match event {
                Event::Failed(error) => {
                    error!(%error, "Stopping because a component failed");
                    break true;
                }
                Event::Remote(remote) => Some(remote),
            }
        };
        tokio::select! {
            () = collector.room_for_reload() => running.follow(remote, &mut collector, &stop).await,
            () = stop.cancelled() => break false,
        }
    };
    let exit = collector.stop().await;
    if failed || exit == Exit::Failed { ExitCode::from(EXIT_FAILED) } else { ExitCode::SUCCESS }
}

fn without_signals() -> ExitCode {
    complain(format_args!("Error: cannot listen for signals"));
    ExitCode::from(EXIT_FAILED)
}

/// Cancelled by the first SIGTERM or SIGINT. The second one ends the process at once, whatever it does.
#[expect(
    clippy::disallowed_methods,
    clippy::exit,
    reason = "it belongs to no component, and ends the process"
)]
fn stop_signals() -> std::io::Result<CancellationToken> {
    let [interrupt, terminate] = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    let (mut interrupt, mut terminate) = (interrupt?, terminate?);
    let stop = CancellationToken::new();
    let first = stop.clone();
    tokio::spawn(async move {
        loop {
            let signal = tokio::select! {
                _ = interrupt.recv() => "interrupt",
                _ = terminate.recv() => "terminated",
            };
            if first.is_cancelled() {
                error!(
                    signal,
                    "Ended at once by a second signal. What clients had handed over and was not sent is lost; log files are \
                     read again from their last stored position."
                );
                Logging::flush(LAST_WORDS_IN_HASTE);
                std::process::exit(EXIT_FAILED.into());
            }
            first.cancel();
            info!(signal, "Received signal from OS");
        }
    });
    Ok(stop)
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

/// Runs other settings. Own log lines change with them, and their files are opened again, so that
/// SIGHUP is also what follows a rotation.
async fn switch(
    collector: &mut Collector,
    settings: &service::Settings,
    logging: Result<Logging, Issue>,
    registry: &Registry,
) -> Result<(), RunError> {
    let logging = logging.map_err(|issue| {
        collector.reload_failed();
        RunError::Start(issue)
    })?;
    collector.reload(settings, registry).await?;
    logging.install();
    Ok(())
}

/// Where the configuration is read again.
struct Running {
    locations: Arc<Locations>,
    registry: Arc<Registry>,
    watch: Option<Watch>,
    hangup: Signal,
    /// What came over the network and runs over the files.
    layer: Option<Layer>,
}

impl Running {
    /// Waits for SIGHUP, or the change of a file that is watched.
    async fn told_to_reload(&mut self) {
        let watch = &mut self.watch;
        let changed = async {
            match watch {
                Some(watch) => watch.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.hangup.recv() => info!(signal = "hangup", "Received signal from OS"),
            () = changed => {}
        }
    }

    fn watch_files(&mut self, conf: &Conf) {
        if let Some(watch) = &mut self.watch {
            watch.add(conf.files.clone());
        }
    }

    /// Runs the files as they are now, and over them what came over the network: what comes now, or what did before.
    async fn follow(
        &mut self,
        remote: Option<RemoteConfiguration>,
        collector: &mut Collector,
        stop: &CancellationToken,
    ) {
        let Some(mut remote) = remote else {
            let layer = self.layer.clone();
            // What is wrong has been said.
            let _ = self.reload(layer, collector, stop).await;
            return;
        };
        info!(extension = remote.by.as_str(), "Received a configuration over the network.");
        let layer = Layer::new(remote.by.clone(), std::mem::take(&mut remote.texts));
        remote.answer(self.reload(Some(layer), collector, stop).await);
    }

    /// Runs the configuration as it is now, if it can be run; nothing changes otherwise. Reading may take for ever (a pipe,
    /// a network file system that hangs), so `stop` ends the wait.
    async fn reload(
        &mut self,
        layer: Option<Layer>,
        collector: &mut Collector,
        stop: &CancellationToken,
    ) -> Result<(), String> {
        warn!("Config updated, restart service");
        let stopping = || Err("the collector is stopping".to_owned());
        let (locations, registry) = (Arc::clone(&self.locations), Arc::clone(&self.registry));
        let reading = tokio::task::spawn_blocking(move || {
            let (conf, settings, layer) = remote::read_with(layer, &locations, &registry)?;
            // May wait, too: for the reader of a named pipe.
            let logging = Logging::open(&settings.service.telemetry, &BUILD);
            Ok((conf, settings, layer, logging))
        });
        let read = tokio::select! {
            read = reading => read,
            () = stop.cancelled() => return stopping(),
        };
        // Cut short only by the end of the process, or by a panic, which ends it.
        let Ok(read) = read else { return stopping() };
        let problems = match read {
            Ok((conf, settings, layer, logging)) => {
                self.watch_files(&conf);
                warn_of(&lint::warnings(&conf, &settings, &self.registry));
                match switch(collector, &settings, logging, &self.registry).await {
                    Ok(()) => {
                        self.layer = layer;
                        notice(&conf);
                        return Ok(());
                    }
                    Err(error) => explain(error, &conf),
                }
            }
            Err(problems) => {
                collector.reload_failed();
                problems
            }
        };
        refuse(&problems);
        // Where log lines are collected nobody sees standard error.
        let first = problems.list.iter().find(|it| it.severity == Severity::Error);
        let place = first.and_then(|it| it.primary.as_ref());
        error!(
            error = problems.headline,
            code = first.map(|it| it.code),
            place = place.map(|it| it.origin.visible().to_string()),
            help = first.and_then(|it| it.help.as_deref()),
            "The new configuration cannot be used; the running configuration stays."
        );
        Err(remote::told(&problems))
    }
}

/// With the place in the YAML.
fn explain(error: RunError, conf: &Conf) -> Diagnostics {
    match error {
        RunError::Config(problem) => load::diagnose(conf, &problem, true),
        RunError::Start(issue) => load::failed(conf, issue),
    }
}
