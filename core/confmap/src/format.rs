//! The formats in which mistakes are written: one for people, three for machines.

use std::fmt;

use crate::diagnostic::Diagnostics;
use crate::machine;
use crate::render::{self, Style};

/// How mistakes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text(Style),
    /// One object.
    Json,
    /// SARIF 2.1.0, which code scanners read.
    Sarif,
    /// Commands of a GitHub workflow, which annotate a change.
    Github,
}

impl Diagnostics {
    /// In one of the formats, ready to print.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Text(style) => render::text(self, style),
            Format::Json => machine::json(self),
            Format::Sarif => machine::sarif(self),
            Format::Github => machine::github(self),
        }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render::text(self, Style::Plain))
    }
}

impl std::error::Error for Diagnostics {}
