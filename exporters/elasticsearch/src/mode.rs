//! How documents look.

use component::config::Choices;

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
