//! The section of the exporter.

use component::QueueConfig;
use component::config::{Choice, Choices, Problems, Section};
use serde::{Deserialize, Serialize};

/// `exporters: debug:`. `exporter/debugexporter/config.go`, v0.159.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "debugexporter.Config")]
pub struct Config {
    /// basic: counts; normal: one line per item; detailed: everything. Default basic.
    #[config(omit_empty)]
    pub verbosity: Choice<Verbosity>,
    /// Equal messages written in each second before sampling begins. Default 2.
    pub sampling_initial: i64,
    /// Then only every so many is written; 1 is all, 0 is none. Default 1.
    pub sampling_thereafter: i64,
    /// Write through the collector's logger instead of `output_paths`. Default true.
    pub use_internal_logger: bool,
    /// stdout, stderr or files; only without the collector's logger. Default stdout.
    pub output_paths: Option<Vec<String>>,
    /// Queue in front. Default off.
    pub sending_queue: Section<QueueConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            verbosity: Choice::default(),
            sampling_initial: 2,
            sampling_thereafter: 1,
            use_internal_logger: true,
            output_paths: None,
            sending_queue: Section::off(QueueConfig::default()),
        }
    }
}

/// How much is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// A level of the collector's metrics that this exporter does not have.
    None,
    /// Counts.
    #[default]
    Basic,
    /// One line per item.
    Normal,
    /// Everything.
    Detailed,
}

impl Choices for Verbosity {
    const GO: &'static str = "configtelemetry.Level";
    const NAMES: &'static [(&'static str, Self)] = &[
        ("basic", Self::Basic),
        ("normal", Self::Normal),
        ("detailed", Self::Detailed),
        ("none", Self::None),
    ];
    const SHOWN: usize = 3;
    const ANY_CASE: bool = true;

    fn word(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Basic => "Basic",
            Self::Normal => "Normal",
            Self::Detailed => "Detailed",
        }
    }

    fn unknown(word: &str) -> String {
        format!("unknown metrics level {:?}", word.to_lowercase())
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.verbosity == Verbosity::None {
            problems
                .at("", format!("verbosity level \"{}\" is not supported", self.verbosity.word()))
                .one_of("verbosity", &["basic", "normal", "detailed"]);
        }
        match (&self.output_paths, self.use_internal_logger) {
            (Some(_), true) => {
                problems
                    .at("", "output_paths is not supported when use_internal_logger is true")
                    .set("use_internal_logger", "false");
            }
            (Some(paths), false) if paths.is_empty() => {
                problems
                    .at("", "output_paths must not be empty when use_internal_logger is false")
                    .set("output_paths", "[stdout]");
            }
            _ => {}
        }
        if let Some(queue) = self.sending_queue.get() {
            queue.validate("sending_queue", problems);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_there_when_it_is_mentioned_and_not_turned_off() {
        for (text, want) in [
            ("{}", None),
            ("sending_queue:", Some(1000)),
            ("sending_queue: {queue_size: 5}", Some(5)),
            ("sending_queue: {enabled: false, queue_size: 5}", None),
        ] {
            let config: Config = component::config::load(&componenttest::section(text)).unwrap();
            assert_eq!(config.sending_queue.get().map(|it| it.queue_size), want, "{text}");
        }
    }
}
