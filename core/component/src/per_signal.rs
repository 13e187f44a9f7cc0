//! One of each signal, for what is worked out once and differs by signal.

use pdata::Signal;

/// A value for each signal. A processor's plan is made before it is known which pipelines use it, so what
/// depends on the signal is worked out for all three, and each instance picks its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PerSignal<T> {
    traces: T,
    metrics: T,
    logs: T,
}

impl<T> PerSignal<T> {
    /// What `make` gives for each signal, in the order of [`Signal::ALL`].
    pub fn new(mut make: impl FnMut(Signal) -> T) -> Self {
        Self {
            traces: make(Signal::Traces),
            metrics: make(Signal::Metrics),
            logs: make(Signal::Logs),
        }
    }

    /// That of one signal.
    pub const fn get(&self, signal: Signal) -> &T {
        match signal {
            Signal::Traces => &self.traces,
            Signal::Metrics => &self.metrics,
            Signal::Logs => &self.logs,
        }
    }
}
