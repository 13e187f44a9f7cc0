//! What detectors find, and how it becomes one set of attributes.

use pdata::{AttributeBuf, ValueBuf};
use serde_json::{Map, Value as Json};

/// Where the attributes are described.
pub(crate) const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.40.0";

/// What one detector has found; nothing, if it is not there what it detects.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Found {
    pub(crate) attributes: Map<String, Json>,
    /// Empty where nobody says it.
    pub(crate) schema_url: &'static str,
}

impl Found {
    /// Attributes of the conventions.
    pub(crate) fn conventional() -> Self {
        Self { attributes: Map::new(), schema_url: SCHEMA_URL }
    }

    /// With one more.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.attributes.insert(name.to_owned(), value.into());
        self
    }

    /// With one more, if it is known.
    pub(crate) fn with_some(self, name: &str, value: Option<impl Into<Json>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

/// What all detectors have found, as it is added.
#[derive(Debug, Default)]
pub(crate) struct Detected {
    pub(crate) attributes: Vec<AttributeBuf>,
    pub(crate) schema_url: &'static str,
}

impl Detected {
    /// Of an attribute the first finding counts, and of the schema as well. With `only`, others are left out.
    pub(crate) fn merge(
        all: impl IntoIterator<Item = Found>,
        only: &[String],
    ) -> (Self, Map<String, Json>) {
        let (mut merged, mut schema_url) = (Map::new(), "");
        for found in all {
            if schema_url.is_empty() {
                schema_url = found.schema_url;
            }
            for (name, value) in found.attributes {
                if only.is_empty() || only.contains(&name) {
                    merged.entry(name).or_insert(value);
                }
            }
        }
        let encode = |(name, value): (&String, &Json)| {
            let value = ValueBuf::build(|out| out.json(value));
            AttributeBuf::new(name, &value)
        };
        (Self { attributes: merged.iter().map(encode).collect(), schema_url }, merged)
    }
}
