//! The formats in which mistakes are written: one for people, three for machines.

use std::fmt;

use config::hide_in_addresses;

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
        let shown = self.without_secrets();
        match format {
            Format::Text(style) => render::text(&shown, style),
            Format::Json => machine::json(&shown),
            Format::Sarif => machine::sarif(&shown),
            Format::Github => machine::github(&shown),
        }
    }

    /// The same, without what addresses in its texts hold. Excerpts hide more than that by themselves.
    fn without_secrets(&self) -> Self {
        let mut all = self.clone();
        let hide = |text: &mut String| *text = hide_in_addresses(text).into_owned();
        hide(&mut all.headline);
        for it in &mut all.list {
            hide(&mut it.message);
            let labels = it.primary.iter_mut().chain(&mut it.related);
            labels.for_each(|label| hide(&mut label.text));
            it.notes.iter_mut().chain(&mut it.help).for_each(hide);
        }
        all
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Format::Text(Style::Plain)))
    }
}

impl std::error::Error for Diagnostics {}
