//! What went wrong in a scrape. `scraper/scrapererror` of the Collector.

use std::fmt;

/// Most errors that are named in one line. Upstream names all: of a machine with many threads of the kernel, hundreds.
const TEXTS_MAX: usize = 20;

/// Gathers what goes wrong in one scrape. As long as a part of it can be had, what was measured goes on.
#[derive(Debug, Default)]
pub struct Errors {
    texts: Vec<String>,
    others: u64,
    failed: u64,
    is_partial: bool,
}

impl Errors {
    /// Some of the metrics could not be measured: `failed` of them.
    pub fn partial(&mut self, failed: u64, text: impl Into<String>) {
        self.add(text);
        self.failed += failed;
        self.is_partial = true;
    }

    /// Nothing could be measured, unless something else of the scrape was only partly missed.
    pub fn total(&mut self, text: impl Into<String>) {
        self.add(text);
    }

    fn add(&mut self, text: impl Into<String>) {
        if self.texts.len() < TEXTS_MAX {
            self.texts.push(text.into());
        } else {
            self.others += 1;
        }
    }

    /// True when nothing went wrong.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// True when what was measured is not to be used.
    pub fn is_total(&self) -> bool {
        !self.is_empty() && !self.is_partial
    }

    /// How many metrics could not be measured.
    pub fn failed(&self) -> u64 {
        self.failed
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.texts.join("; "))?;
        match self.others {
            0 => Ok(()),
            others => write!(f, "; and {others} more"),
        }
    }
}
