//! The three signals as runs of complete top-level OTLP fields, and `Data`, which is one of them.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use smallvec::SmallVec;

/// A kind of telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Metric data points.
    Metrics,
    /// Log records.
    Logs,
}

impl Signal {
    /// All signals, in the Collector's order.
    pub const ALL: [Signal; 3] = [Signal::Traces, Signal::Metrics, Signal::Logs];

    /// The name in YAML: `traces`, `metrics`, `logs`.
    pub const fn name(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Metrics => "metrics",
            Signal::Logs => "logs",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Signal {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Signal::ALL.into_iter().find(|signal| signal.name() == name).ok_or(())
    }
}

/// What a decoder accepts. Exceeding a limit is an error, never a truncation.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Deepest nesting of `AnyValue`. Default 128.
    pub depth: usize,
    /// Most attributes per record. Default unlimited, as in Go.
    pub attributes: usize,
    /// Longest attribute value in bytes. Default unlimited, as in Go.
    pub value_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 128, attributes: usize::MAX, value_bytes: usize::MAX }
    }
}

macro_rules! payload {
    ($name:ident, $signal:expr, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, Default)]
        pub struct $name {
            pub(crate) chunks: SmallVec<[Bytes; 1]>,
            pub(crate) items: usize,
        }

        impl $name {
            /// Spans, data points or log records in it.
            pub fn items(&self) -> usize {
                self.items
            }

            /// Encoded size in bytes.
            pub fn bytes(&self) -> usize {
                self.chunks.iter().map(Bytes::len).sum()
            }

            /// True when there is no item; resources without items may still be present.
            pub fn is_empty(&self) -> bool {
                self.items == 0
            }

            /// Runs of complete top-level fields: written one after another they are a request.
            pub fn chunks(&self) -> &[Bytes] {
                &self.chunks
            }
        }

        impl From<$name> for Data {
            fn from(it: $name) -> Self {
                Data::$name(it)
            }
        }
    };
}

payload!(Traces, Signal::Traces, "Spans.");
payload!(Metrics, Signal::Metrics, "Metric data points.");
payload!(Logs, Signal::Logs, "Log records.");

/// Telemetry of one signal. Cloning counts a reference.
#[derive(Debug, Clone)]
pub enum Data {
    /// Spans.
    Traces(Traces),
    /// Metric data points.
    Metrics(Metrics),
    /// Log records.
    Logs(Logs),
}

impl Data {
    /// Which signal it is.
    pub fn signal(&self) -> Signal {
        match self {
            Data::Traces(_) => Signal::Traces,
            Data::Metrics(_) => Signal::Metrics,
            Data::Logs(_) => Signal::Logs,
        }
    }

    /// Spans, data points or log records in it.
    pub fn items(&self) -> usize {
        match self {
            Data::Traces(it) => it.items(),
            Data::Metrics(it) => it.items(),
            Data::Logs(it) => it.items(),
        }
    }

    /// Encoded size in bytes.
    pub fn bytes(&self) -> usize {
        self.chunks().iter().map(Bytes::len).sum()
    }

    /// True when there is no item.
    pub fn is_empty(&self) -> bool {
        self.items() == 0
    }

    /// Runs of complete top-level fields: written one after another they are a request.
    pub fn chunks(&self) -> &[Bytes] {
        match self {
            Data::Traces(it) => it.chunks(),
            Data::Metrics(it) => it.chunks(),
            Data::Logs(it) => it.chunks(),
        }
    }
}
