//! How documents look.

use component::config::{Choice, Choices};
use serde::{Deserialize, Serialize};

/// How a document looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// As OTLP has it.
    #[default]
    Otel,
    /// Elastic Common Schema.
    Ecs,
    /// Flat, with prefixes.
    None,
    /// Flat, without prefixes.
    Raw,
    /// The body of the log record.
    BodyMap,
}

impl Choices for Mode {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("bodymap", Self::BodyMap),
        ("ecs", Self::Ecs),
        ("none", Self::None),
        ("otel", Self::Otel),
        ("raw", Self::Raw),
        ("no", Self::None),
        ("", Self::None),
    ];
    const SHOWN: usize = 5;
    const ANY_CASE: bool = true;

    fn unknown(word: &str) -> String {
        format!("invalid or disallowed default mapping mode {word:?}")
    }
}

/// `mapping:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "elasticsearchexporter.MappingsSettings")]
pub struct Mapping {
    /// otel, ecs, none, raw or bodymap. The attribute elastic.mapping.mode of a scope and the request metadata
    /// X-Elastic-Mapping-Mode come before it. Default otel.
    pub mode: Choice<Mode>,
    /// The modes that request metadata and scopes may choose.
    pub allowed_modes: Vec<Choice<Mode>>,
}

impl Mapping {
    /// The mode of this name, if it may be chosen.
    pub(crate) fn named(&self, name: &str) -> Option<Mode> {
        let known = Mode::NAMES.iter().find(|it| it.0.eq_ignore_ascii_case(name))?;
        self.allowed_modes.iter().any(|it| **it == known.1).then_some(known.1)
    }
}
