//! What is fed to the program under test. Same seed, same bytes.

use serde::Deserialize;

pub mod files;
pub mod otlp;
pub mod scrape;
pub mod template;

/// The load of a row.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Load {
    Otlp(otlp::OtlpLoad),
    Files(files::FilesLoad),
    /// Targets that the program scrapes.
    Targets(scrape::TargetsLoad),
    /// A page of the program, which is scraped.
    Page(scrape::PageLoad),
    Idle {
        seconds: f64,
    },
}

impl Load {
    /// A quick run does this much less.
    pub fn shrink(&mut self, divisor: u32) {
        match self {
            Self::Otlp(it) => it.requests = (it.requests / u64::from(divisor)).max(1),
            Self::Files(it) => {
                it.backlog = it.backlog.div_ceil(u64::from(divisor));
                it.seconds /= f64::from(divisor);
            }
            Self::Targets(it) => it.seconds /= f64::from(divisor),
            Self::Page(it) => it.scrapes = (it.scrapes / u64::from(divisor)).max(1),
            Self::Idle { seconds } => *seconds /= f64::from(divisor),
        }
    }
}
