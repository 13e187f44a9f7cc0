//! Receives nothing: a pipeline needs a receiver, even when only a connector or a test feeds it.

use component::config::NoConfig;
use component::{BoxError, Component, Outputs, Receiver, Settings, Signal, Stability};

/// The receiver. Stateless and idle.
pub struct Nop;

impl Receiver for Nop {
    type Config = NoConfig;
    const TYPE: &'static str = "nop";
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Beta),
        (Signal::Metrics, Stability::Beta),
        (Signal::Logs, Stability::Beta),
    ];

    fn create(_settings: Settings, _config: NoConfig, _out: Outputs) -> Result<Self, BoxError> {
        Ok(Self)
    }
}

impl Component for Nop {}

#[cfg(test)]
mod tests {
    use super::Nop;

    componenttest::conformance!(receiver Nop);
}
