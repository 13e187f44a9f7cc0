//! Templates: texts in the configuration with the fields of an alert.

use rego::{Template, Value};
use serde_json::Value as Json;

use crate::alert::Alert;

/// A text with `{{ .title }}`, `{{ .labels.team }}`, `{{ if .key }}...{{ end }}`, `{{ range $name, $it := .windows }}...{{ end }}`.
/// What an alert has not is empty.
#[derive(Debug, Clone)]
pub struct Text(Template);

impl Text {
    /// Reads a template.
    ///
    /// # Errors
    /// It is none.
    pub fn new(text: &str) -> Result<Self, String> {
        let template = Template::new(text)?;
        Self(template).checked()
    }

    /// Whether there is nothing but text in it.
    pub fn is_plain(text: &str) -> bool {
        !text.contains("{{")
    }

    /// Mistakes that only show when it is used.
    fn checked(self) -> Result<Self, String> {
        self.of(&Alert::default().document())?;
        Ok(self)
    }

    /// The text for a document: that of an alert, or one with several.
    ///
    /// # Errors
    /// It becomes too long.
    pub fn of(&self, document: &Json) -> Result<String, String> {
        let value = Value::from_json_str(&document.to_string());
        self.0.render(&value.map_err(|error| error.to_string())?)
    }
}
