//! Collector YAML to one resolved value in which everything remembers where it came from.
//!
//! `resolve` reads every location, merges them from first to last, expands `${...}` and splits keys
//! at `::`. A component that finds a mistake later knows only its path; [`Conf::problem`] turns the
//! path into file, line and column.

pub mod code;
mod diagnostic;
mod document;
mod doubt;
mod edit;
mod environment;
mod expand;
mod explain;
mod format;
mod location;
mod machine;
mod mend;
mod merge;
mod moves;
mod provider;
mod redact;
mod render;
mod repair;
mod scalar;
mod source;
mod suggest;
mod syntax;
#[cfg(test)]
mod tests;
mod tree;
mod web;
pub mod write;
mod yaml;

pub use diagnostic::{Diagnostic, Diagnostics, Fix, Label, Severity};
pub use document::documents;
pub use environment::Environment;
pub use explain::{ALL as EXPLANATIONS, Explanation, explain};
pub use format::Format;
pub use location::Locations;
pub use merge::Lists;
pub use redact::{REDACTED, hide_in_addresses, is_sensitive};
pub use render::Style;
pub use source::{Origin, Source, SourceKind};
pub use suggest::{closest, likest};
pub use tree::{At, Conf, Data, Entry, Node, Notice};
pub use yaml::Bounds;

/// Reads, merges and expands `locations`. It reads files and may download, for up to half a minute: not
/// for a thread that must not block.
///
/// # Errors
/// Every mistake of the first step that has any, with the place of each.
pub fn resolve(locations: &Locations, environment: &Environment) -> Result<Conf, Diagnostics> {
    location::load_all(locations, environment)
}
