//! Configuration sections: laid over `Default`, key by key, at any depth.

#![cfg_attr(
    not(test),
    warn(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::cast_lossless
    )
)]

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

mod duration;
mod fault;
mod load;
mod marks;
mod overlay;
mod problems;
mod read;
pub mod schema;
mod secret;
mod section;
mod shape;
#[cfg(test)]
mod tests;
mod value;

pub use duration::Duration;
pub use fault::{of_whole, unknown_choice};
pub use load::{bare_durations, load, to_value};
pub use problems::{Caution, Finding, Problems, Remedy};
pub use secret::{MapList, Secret};
pub use section::Section;
pub use shape::Show;
pub use value::Value;

/// What stands for a secret.
const REDACTED: &str = "[REDACTED]";

/// A component's section. `Default` is the only place with default values.
pub trait Config: Default + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Says everything that is wrong, by key as the user typed it.
    fn validate(&self, _problems: &mut Problems) {}
}

/// A section without keys.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct NoConfig {}

impl Config for NoConfig {}

/// Something in a section that cannot be read into its type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DecodeIssue {
    /// Keys and list positions from the section down to the culprit.
    pub path: Vec<String>,
    /// In the Collector's words, without path; empty for an unknown key.
    pub message: String,
    /// What may stand there instead: keys for an unknown key, values for an unknown value.
    pub candidates: Vec<String>,
    /// True when the last key of `path` is not known.
    pub unknown_key: bool,
    /// Where in the section an unknown key is known: the paths of its owners.
    pub elsewhere: Vec<Vec<String>>,
    /// The key below the place to look at, and what to do.
    pub hint: Option<(String, Option<Remedy>)>,
}

impl DecodeIssue {
    /// True when the key is at fault, false when its value is.
    pub fn at_key(&self) -> bool {
        self.unknown_key
    }

    /// The Collector's text below its envelope: `'a.b[0]' expected type ...`.
    pub fn text(&self) -> String {
        let place = |path: &[String]| {
            path.iter().fold(String::new(), |place, step| match step.parse::<usize>() {
                Ok(_) => format!("{place}[{step}]"),
                Err(_) if place.is_empty() => step.clone(),
                Err(_) => format!("{place}.{step}"),
            })
        };
        match self.path.split_last() {
            Some((key, parents)) if self.unknown_key => {
                format!("'{}' has invalid keys: {key}", place(parents))
            }
            _ => format!("'{}' {}", place(&self.path), self.message),
        }
    }
}
