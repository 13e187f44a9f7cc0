//! `sanitize_utf8`: bytes become text, what is no UTF-8 in them U+FFFD. Text is valid already, but for what
//! `encoding: utf-8-raw` has kept.

use super::{Built, Cx, Failure, Flow, Operator, Transformer};
use crate::entry::Entry;
use crate::field::Field;
use crate::kept_bytes;
use crate::keys::Place;
use crate::value::{Value, type_name};
use config::{Described, Problems};
use golang::utf8;
use serde::{Deserialize, Serialize};

#[derive(Debug)]
struct SanitizeUtf8 {
    field: Field,
}

/// The keys of `sanitize_utf8`.
#[derive(Debug, Clone, Serialize, Deserialize, Described)]
pub(crate) struct Config {
    /// The text to put right. Default `body`.
    field: Place,
}

impl Default for Config {
    fn default() -> Self {
        Self { field: "body".into() }
    }
}

impl Transformer for Config {
    fn plan(&self, found: &mut Problems) -> Option<Built> {
        let field = self.field.field("field", found)?;
        Some(Built::transformer(SanitizeUtf8 { field }))
    }
}

impl Operator for SanitizeUtf8 {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        match self.field.get(entry, cx.arena) {
            Some(Value::Str(text)) if cx.raw_text => {
                let text = kept_bytes::sanitized(text, cx.arena);
                self.field.set(entry, Value::Str(text), cx.arena)?;
            }
            Some(Value::Str(_)) => {}
            Some(Value::Bytes(bytes)) => {
                let text = utf8::sanitized(bytes, cx.arena);
                self.field.set(entry, Value::Str(text), cx.arena)?;
            }
            Some(other) => {
                let got = type_name(&other);
                return Err(format!("type {got} cannot be sanitized").into());
            }
            None => return Err(Failure::Fixed("field does not exist")),
        }
        Ok(Flow::Next)
    }
}
