//! The body of a request: the alert, a text by a template, or JSON whose texts are templates. What an alert says cannot break out
//! of a text in JSON.

use alerts::{Alert, Text, Tree};
use component::config::Value;

/// What is sent.
pub(crate) enum Body {
    Document,
    Text(Text),
    Json(Tree),
}

impl Body {
    /// Of the section.
    ///
    /// # Errors
    /// A template is none.
    pub(crate) fn new(value: &Value) -> Result<Self, String> {
        Ok(match value.plain() {
            Value::Null => Self::Document,
            _ if value.as_str().is_some() => {
                Self::Text(Text::new(value.as_str().unwrap_or_default())?)
            }
            _ => Self::Json(Tree::new(value)?),
        })
    }

    /// For an alert.
    pub(crate) fn of(&self, alert: &Alert) -> Result<String, String> {
        let document = alert.document();
        match self {
            Self::Document => Ok(document.to_string()),
            Self::Text(it) => it.of(&document),
            Self::Json(it) => Ok(it.of(&document)?.to_string()),
        }
    }
}
