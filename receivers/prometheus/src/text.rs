//! Text that may be written as a number or a truth value.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};

/// Text; a number or truth value is taken as it is written, as YAML readers of Go do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, config::Described)]
pub struct Text(String);

impl std::ops::Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyScalar;

        impl Visitor<'_> for AnyScalar {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(text.into())
            }

            fn visit_bool<E: serde::de::Error>(self, it: bool) -> Result<Text, E> {
                Ok(Text(it.to_string()))
            }

            fn visit_i64<E: serde::de::Error>(self, it: i64) -> Result<Text, E> {
                Ok(Text(it.to_string()))
            }

            fn visit_u64<E: serde::de::Error>(self, it: u64) -> Result<Text, E> {
                Ok(Text(it.to_string()))
            }

            fn visit_f64<E: serde::de::Error>(self, it: f64) -> Result<Text, E> {
                Ok(Text(it.to_string()))
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<Text, E> {
                Ok(Text::default())
            }
        }

        deserializer.deserialize_any(AnyScalar)
    }
}
