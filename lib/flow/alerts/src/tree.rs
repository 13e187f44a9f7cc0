//! JSON whose texts are templates. What an alert says cannot break out of a text.

use component::config::Value;
use serde_json::Value as Json;

use crate::text::Text;

/// In a list, an element for each of `.entries`: `- for_each: {ip: "{{ .key }}"}`.
const FOR_EACH: &str = "for_each";

/// A map or list of the configuration.
#[derive(Debug, Clone)]
pub struct Tree(Node);

#[derive(Debug, Clone)]
enum Node {
    Plain(Json),
    Text(Text),
    List(Vec<Node>),
    ForEach(Box<Node>),
    Map(Vec<(String, Node)>),
}

impl Tree {
    /// Reads one.
    ///
    /// # Errors
    /// A text in it is no template.
    pub fn new(value: &Value) -> Result<Self, String> {
        Node::new(value).map(Self)
    }

    /// JSON for a document.
    ///
    /// # Errors
    /// A text becomes too long.
    pub fn of(&self, document: &Json) -> Result<Json, String> {
        self.0.of(document)
    }
}

impl Node {
    fn new(value: &Value) -> Result<Self, String> {
        if let Some(text) = value.as_str() {
            return Text::new(text).map(Self::Text);
        }
        Ok(match value.plain() {
            Value::List(items) => {
                let item = |it: &Value| match it.plain() {
                    Value::Map(entries) if entries.len() == 1 => match it.get(FOR_EACH) {
                        Some(inside) => Ok(Self::ForEach(Box::new(Self::new(inside)?))),
                        None => Self::new(it),
                    },
                    _ => Self::new(it),
                };
                Self::List(items.iter().map(item).collect::<Result<_, String>>()?)
            }
            Value::Map(entries) => {
                let entries = entries.iter().map(|(key, it)| Ok((key.clone(), Self::new(it)?)));
                Self::Map(entries.collect::<Result<_, String>>()?)
            }
            other => Self::Plain(serde_json::to_value(other).map_err(|error| error.to_string())?),
        })
    }

    fn of(&self, document: &Json) -> Result<Json, String> {
        Ok(match self {
            Self::Plain(it) => it.clone(),
            Self::Text(it) => it.of(document)?.into(),
            Self::List(items) => {
                let mut all = Vec::new();
                for item in items {
                    match item {
                        Self::ForEach(inside) => {
                            for entry in document["entries"].as_array().into_iter().flatten() {
                                all.push(inside.of(entry)?);
                            }
                        }
                        other => all.push(other.of(document)?),
                    }
                }
                Json::Array(all)
            }
            // It stands in lists only.
            Self::ForEach(it) => it.of(document)?,
            Self::Map(entries) => {
                let entries = entries.iter().map(|(key, it)| Ok((key.clone(), it.of(document)?)));
                Json::Object(entries.collect::<Result<_, String>>()?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_templates_and_lists_may_have_an_element_for_each_entry() {
        let section = componenttest::section(
            "{n: 1, all: [first, {for_each: {ip: '{{ .key }}/32'}}], text: '{{ range .entries }}{{ .key }};{{ end }}'}",
        );
        let document = json!({"entries": [{"key": "a"}, {"key": "b\"}"}]});
        let want =
            json!({"n": 1, "all": ["first", {"ip": "a/32"}, {"ip": "b\"}/32"}], "text": "a;b\"};"});
        assert_eq!(Tree::new(&section).unwrap().of(&document).unwrap(), want);
    }

    #[test]
    fn what_is_no_template_is_told() {
        let section = componenttest::section("{a: [{b: '{{ end }}'}]}");
        assert!(Tree::new(&section).unwrap_err().contains("unexpected {{end}}"));
    }
}
