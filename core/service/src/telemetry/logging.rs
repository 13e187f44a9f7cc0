//! Own log lines in the Collector's two encodings, written where `service: telemetry: logs:` says.
//!
//! A line is what an event says, below what its component's span says, below what is the same in all
//! lines: `initial_fields` and `resource`. zap 1.27 is the model of every detail.

mod encode;
mod layer;
mod sample;
mod sinks;
pub(crate) mod tap;

use std::sync::OnceLock;

use component::BuildInfo;
use serde_json::{Map, Value as Json};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Registry, reload};

use crate::issue::{Issue, issue};
use crate::telemetry::{TelemetryConfig, resource};

use encode::Encoder;
use layer::Lines;
use sample::Sampler;
use sinks::Sinks;

/// The logger of the process, to be replaced by a reload.
static LOGGER: OnceLock<reload::Handle<Option<Lines>, Registry>> = OnceLock::new();

/// A logger that is ready to write: its files are open.
#[derive(Debug)]
pub struct Logging(Lines);

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
        Ok(Self(Lines { level: logs.level.filter(), encoder, sampler, sinks }))
    }

    /// Makes it the logger of the process, in place of the one before.
    pub fn install(self) {
        let mut lines = Some(self.0);
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
    }
}
