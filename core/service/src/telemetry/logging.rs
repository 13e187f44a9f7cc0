//! Own log lines in the Collector's two encodings, written where `service: telemetry: logs:` says.
//!
//! A line is what an event says, below what its component's span says, below what is the same in all
//! lines: `initial_fields` and `resource`. zap 1.27 is the model of every detail.

mod encode;
mod layer;
mod output;
mod sample;
mod sinks;
pub(crate) mod tap;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use component::meter::{Descriptor, OURS, Shape};
use component::{BuildInfo, Meter};
use serde_json::{Map, Value as Json};
use tokio::time::Instant;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Registry, reload};

use crate::issue::{Issue, issue};
use crate::telemetry::TelemetryConfig;
use crate::telemetry::resource::resource;

use encode::Encoder;
use layer::Lines;
use output::Outputs;
use sample::Sampler;
use sinks::{STDERR, Sinks};

/// The logger of the process, to be replaced by a reload.
static LOGGER: OnceLock<reload::Handle<Option<Lines>, Registry>> = OnceLock::new();

/// Where lines of the process go.
static OUTPUTS: Mutex<Outputs> = Mutex::new(Outputs::new());

const MISSING: Descriptor = Descriptor {
    scope: OURS,
    level: component::meter::Level::Basic,
    name: "sluice_log_lines_missing_total",
    unit: "{line}",
    description: "Own log lines that an output did not take.",
};

/// A logger that is ready to write: its files are open.
#[derive(Debug)]
pub struct Logging {
    level: LevelFilter,
    encoder: Encoder,
    sampler: Option<Sampler>,
    sinks: Sinks,
}

impl Logging {
    /// As `service: telemetry:` says.
    ///
    /// # Errors
    /// The encoding is unknown or an output cannot be opened.
    pub fn open(config: &TelemetryConfig, build: &BuildInfo) -> Result<Self, Issue> {
        let logs = &config.logs;
        let failed = |key: &'static str| {
            move |error: String| {
                let text = format!("failed to create logger: {error}");
                issue(&["service", "telemetry", "logs", key], &text)
            }
        };
        let mut context = match serde_json::to_value(&logs.initial_fields) {
            Ok(Json::Object(fields)) => fields,
            _ => Map::new(),
        };
        // As Go writes maps.
        context.values_mut().for_each(Json::sort_all_objects);
        context.sort_keys();
        let encoder = Encoder::new(&logs.encoding, !logs.disable_caller, &context);
        let mut encoder = encoder.map_err(|error| {
            let candidates = encode::NAMES.map(str::to_owned).to_vec();
            Issue { candidates, ..failed("encoding")(error) }
        })?;
        if !logs.disable_zap_resource {
            encoder.resource(&resource(&config.resource, build));
        }
        let sinks = Sinks::open(&logs.output_paths, &logs.error_output_paths).map_err(
            |(is_main, error)| {
                failed(if is_main { "output_paths" } else { "error_output_paths" })(error)
            },
        )?;
        let sampler = logs.sampling.enabled.then(|| Sampler::new(&logs.sampling));
        Ok(Self { level: logs.level.filter(), encoder, sampler, sinks })
    }

    /// Makes it the logger of the process, in place of the one before.
    pub fn install(self) {
        let Self { level, encoder, sampler, sinks } = self;
        let encoder = Arc::new(encoder);
        let mut running = OUTPUTS.lock().unwrap_or_else(PoisonError::into_inner);
        let (outputs, before) = sinks.begin(&encoder, &mut running);
        let mut lines = Some(Lines { level, encoder, sampler, outputs });
        let logger = LOGGER.get_or_init(|| {
            let (layer, handle) = reload::Layer::new(lines.take());
            // A second collector in one process (tests) may have its own.
            let _ = tracing::subscriber::set_global_default(Registry::default().with(layer));
            handle
        });
        if lines.is_some() {
            // It fails only when the subscriber is gone, with the process.
            let _ = logger.reload(lines);
        }
        before.iter().for_each(output::Output::close);
    }

    /// Writes a text to standard error, in order with the lines and without waiting. False when there is no logger.
    pub fn print(text: &str) -> bool {
        let running = OUTPUTS.lock().unwrap_or_else(PoisonError::into_inner);
        let stderr = running.get(STDERR);
        stderr.inspect(|it| it.note(text)).is_some()
    }

    /// Waits until all lines are written, but not longer than `limit`.
    pub fn flush(limit: Duration) {
        let deadline = Instant::now() + limit;
        let running = OUTPUTS.lock().unwrap_or_else(PoisonError::into_inner).clone();
        running.values().for_each(|it| it.flush(deadline));
    }
}

/// Registers how many lines are missing.
pub(super) fn observe(meter: &Meter) {
    let read = || Some(output::missing() as f64).filter(|it| *it > 0.0);
    meter.observe(Shape::Counter, MISSING, &[], read);
}
