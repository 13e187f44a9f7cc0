//! What a receiver or an extension is told about itself, and about the program.

use crate::{Id, Meter};

/// The program that runs the component.
#[derive(Debug, Clone)]
pub struct BuildInfo {
    /// Name of the binary.
    pub command: &'static str,
    /// One line for people; the first part of user agents.
    pub description: &'static str,
    /// Semantic version.
    pub version: &'static str,
}

impl BuildInfo {
    /// `<description>/<version> (<os>/<arch>)`, as upstream's exporters announce themselves.
    pub fn user_agent(&self) -> String {
        let (arch, os) = (Self::arch(), std::env::consts::OS);
        format!("{}/{} ({os}/{arch})", self.description, self.version)
    }

    /// What the program was built for, as Go names it.
    pub fn arch() -> &'static str {
        match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        }
    }
}

/// What a receiver or an extension is told about itself.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its id as written in YAML.
    pub id: Id,
    /// The program that runs it: for user agents and the `service.version` of own telemetry.
    pub build: BuildInfo,
    /// Where it registers its metrics.
    pub meter: Meter,
}
