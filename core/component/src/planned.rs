//! What a receiver, an exporter or an extension is made of: its section, or what was worked out from it once.
//!
//! These kinds have one instance per id, or one per id and signal. Most of them take their section as it is, and say
//! `type Config = Config`. One whose section holds patterns, rules or operators says `type Config = Plan`, and compiles
//! them in [`Planned::plan`], where it has to look for mistakes anyway.

use config::{Config, Problems};

/// What `create` is given. Every instance gets a clone, so one that is large keeps itself behind an `Arc`.
pub trait Planned: Clone + Send + Sync + 'static {
    /// What is written in YAML.
    type Section: Config;

    /// Works out the section, or says in `found` what is wrong with it and returns `None`. Called once, when the section is
    /// read, after [`Config::validate`], which need not look at what this looks at.
    fn plan(section: Self::Section, found: &mut Problems) -> Option<Self>;
}

/// A section in which there is nothing to work out.
impl<C: Config + Clone> Planned for C {
    type Section = C;

    fn plan(section: C, _found: &mut Problems) -> Option<C> {
        Some(section)
    }
}
