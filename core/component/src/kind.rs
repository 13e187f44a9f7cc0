//! The names of the five kinds.

use std::fmt;

/// The kind of a component; its name in YAML is the plural.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Brings telemetry in.
    Receiver,
    /// Changes it on the way.
    Processor,
    /// Takes it out.
    Exporter,
    /// Ends one pipeline and begins another.
    Connector,
    /// Serves the others.
    Extension,
}

impl Kind {
    /// All, in the order of the sections.
    pub const ALL: [Kind; 5] =
        [Kind::Receiver, Kind::Processor, Kind::Exporter, Kind::Connector, Kind::Extension];

    /// `receiver`, `processor`, ...
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Receiver => "receiver",
            Kind::Processor => "processor",
            Kind::Exporter => "exporter",
            Kind::Connector => "connector",
            Kind::Extension => "extension",
        }
    }

    /// The section in YAML: `receivers`, `processors`, ...
    pub const fn section(self) -> &'static str {
        match self {
            Kind::Receiver => "receivers",
            Kind::Processor => "processors",
            Kind::Exporter => "exporters",
            Kind::Connector => "connectors",
            Kind::Extension => "extensions",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
