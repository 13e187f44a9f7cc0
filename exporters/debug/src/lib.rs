//! Writes telemetry to the console as text: counts, one line per item, or everything.

use std::sync::Arc;

use async_trait::async_trait;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, Exporter,
    ExporterSettings, Host, Signal, Stability,
};
use tokio::sync::Mutex;
use tokio::time::Instant;

mod config;
mod detailed;
mod normal;
mod sampler;
#[cfg(test)]
mod tests;
mod text;
mod writer;

pub use config::{Config, Verbosity};
use sampler::Sampler;
use writer::Writer;

/// The exporter.
pub struct Debug {
    verbosity: Verbosity,
    sampler: Arc<Sampler>,
    /// Where it writes; `None` is the collector's logger.
    writer: Option<Arc<Writer>>,
    /// Held by the one call that writes. A console that stands still costs one thread, not one for each call: threads
    /// for what blocks are those of the whole program.
    turn: Arc<Mutex<()>>,
}

impl Exporter for Debug {
    type Config = Config;
    const TYPE: &'static str = "debug";
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Alpha),
        (Signal::Metrics, Stability::Alpha),
        (Signal::Logs, Stability::Alpha),
    ];

    fn create(_settings: ExporterSettings, config: Config) -> Result<Self, BoxError> {
        let sampler = Sampler::new(config.sampling_initial, config.sampling_thereafter);
        let paths = config.output_paths.unwrap_or_else(|| vec!["stdout".into()]);
        let writer = (!config.use_internal_logger).then(|| Arc::new(Writer::new(paths)));
        let (verbosity, sampler) = (*config.verbosity, Arc::new(sampler));
        Ok(Self { verbosity, sampler, writer, turn: Arc::default() })
    }

    fn delivery(config: &Config) -> Delivery {
        Delivery { queue: config.sending_queue.get().cloned(), ..Delivery::default() }
    }
}

#[async_trait]
impl Component for Debug {
    async fn start(self: Arc<Self>, _host: &Host) -> Result<(), BoxError> {
        if let Some(writer) = &self.writer {
            writer.open()?;
        }
        Ok(())
    }
}

#[async_trait]
impl Consumer for Debug {
    async fn consume(&self, _ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let Some(writer) = &self.writer else {
            self.log(&data);
            return Ok(());
        };
        let (writer, sampler) = (Arc::clone(writer), Arc::clone(&self.sampler));
        let verbosity = self.verbosity;
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let work = tokio::task::spawn_blocking(move || {
            let written = writer.write(&records(&data, verbosity, &sampler));
            // Also when the caller has gone meanwhile.
            drop(turn);
            written
        });
        match work.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(ConsumeError::permanent(format!("cannot write: {error}"))),
            Err(error) => Err(ConsumeError::permanent(format!("cannot write: {error}"))),
        }
    }
}

impl Debug {
    fn log(&self, data: &Data) {
        if !tracing::enabled!(tracing::Level::INFO) {
            return;
        }
        if self.sampler.admits(title(data.signal()), Instant::now()) {
            let items = data.items();
            match data {
                Data::Traces(it) => {
                    let resources = it.resources().count();
                    tracing::info!("resource spans" = resources, "spans" = items, "Traces");
                }
                Data::Metrics(it) => {
                    let (resources, metrics) = (it.resources().count(), it.metrics().count());
                    tracing::info!(
                        "resource metrics" = resources,
                        "metrics" = metrics,
                        "data points" = items,
                        "Metrics"
                    );
                }
                Data::Logs(it) => {
                    let resources = it.resources().count();
                    tracing::info!("resource logs" = resources, "log records" = items, "Logs");
                }
            }
        }
        if let Some(text) = body(data, self.verbosity)
            && self.sampler.admits(&text, Instant::now())
        {
            tracing::info!("{text}");
        }
    }
}

fn title(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "Traces",
        Signal::Metrics => "Metrics",
        Signal::Logs => "Logs",
    }
}

/// What a console of its own gets, as zap's console encoder writes it.
fn records(data: &Data, verbosity: Verbosity, sampler: &Sampler) -> String {
    let mut out = String::new();
    if sampler.admits(title(data.signal()), Instant::now()) {
        let items = data.items();
        let fields = match data {
            Data::Traces(it) => {
                format!("\"resource spans\": {}, \"spans\": {items}", it.resources().count())
            }
            Data::Metrics(it) => format!(
                "\"resource metrics\": {}, \"metrics\": {}, \"data points\": {items}",
                it.resources().count(),
                it.metrics().count(),
            ),
            Data::Logs(it) => {
                format!("\"resource logs\": {}, \"log records\": {items}", it.resources().count())
            }
        };
        out = format!("{}\t{{{fields}}}\n", title(data.signal()));
    }
    if let Some(text) = body(data, verbosity)
        && sampler.admits(&text, Instant::now())
    {
        out.push_str(&text);
        out.push('\n');
    }
    out
}

fn body(data: &Data, verbosity: Verbosity) -> Option<String> {
    match (verbosity, data) {
        (Verbosity::None | Verbosity::Basic, _) => None,
        (Verbosity::Normal, Data::Traces(it)) => Some(normal::traces(it)),
        (Verbosity::Normal, Data::Metrics(it)) => Some(normal::metrics(it)),
        (Verbosity::Normal, Data::Logs(it)) => Some(normal::logs(it)),
        (Verbosity::Detailed, Data::Traces(it)) => Some(detailed::traces(it)),
        (Verbosity::Detailed, Data::Metrics(it)) => Some(detailed::metrics(it)),
        (Verbosity::Detailed, Data::Logs(it)) => Some(detailed::logs(it)),
    }
}
