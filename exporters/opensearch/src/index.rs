//! Which index a document goes to (`index_resolver.go`, v0.159).

use documents::json::object;
use pdata::{AttributesRef, ScopeRef};

use crate::config::Config;
use crate::date::date;

/// What stands for an attribute that is not there, unless the section says something else.
const UNKNOWN: &str = "unknown";
/// What the name of an index must not hold, beside blanks and control characters.
/// <https://opensearch.org/docs/latest/api-reference/index-apis/create-index/#index-naming-restrictions>
const NOT_IN_INDEX: &str = ":\"*+/\\|?#><,";

/// Where the documents of a request go.
#[derive(Debug)]
pub(crate) struct Target<'c> {
    action: &'static str,
    parts: Vec<Part<'c>>,
    fallback: &'c str,
    /// Behind the name: a date.
    suffix: String,
}

/// A part of the name of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'c> {
    Text(&'c str),
    /// An attribute.
    Key(&'c str),
}

/// Where attributes are looked for: those of the item, its scope, its resource.
#[derive(Clone, Copy)]
pub(crate) struct Of<'a> {
    pub(crate) item: AttributesRef<'a>,
    pub(crate) scope: ScopeRef<'a>,
    pub(crate) resource: AttributesRef<'a>,
}

impl<'c> Target<'c> {
    /// For logs.
    pub(crate) fn logs(config: &'c Config, now: u64) -> Self {
        let own = [&config.logs_index, &config.logs_index_fallback, &config.logs_index_time_format];
        Self::new(config, own, "ss4o_logs", now)
    }

    /// For spans.
    pub(crate) fn traces(config: &'c Config, now: u64) -> Self {
        let own =
            [&config.traces_index, &config.traces_index_fallback, &config.traces_index_time_format];
        Self::new(config, own, "ss4o_traces", now)
    }

    fn new(
        config: &'c Config,
        [index, fallback, format]: [&'c String; 3],
        usual: &'c str,
        now: u64,
    ) -> Self {
        let parts = if index.is_empty() {
            [usual, "-", &config.dataset, "-", &config.namespace].map(Part::Text).to_vec()
        } else {
            parts(index)
        };
        let date = date(format, now).filter(|it| !it.is_empty());
        let suffix = date.map(|it| format!("-{it}")).unwrap_or_default();
        let fallback = if fallback.is_empty() { UNKNOWN } else { fallback };
        Self { action: config.bulk_action.name(), parts, fallback, suffix }
    }

    /// The line before each document, if all documents have the same.
    pub(crate) fn fixed(&self) -> Option<Vec<u8>> {
        let text = |it: &Part<'c>| match it {
            Part::Text(text) => Some(*text),
            Part::Key(_) => None,
        };
        let index = self.parts.iter().map(text).collect::<Option<String>>()?;
        let mut out = Vec::new();
        self.write(&mut out, &index);
        Some(out)
    }

    /// The line before the document of an item.
    pub(crate) fn line(&self, out: &mut Vec<u8>, of: Of<'_>) {
        let mut index = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => index.push_str(text),
                Part::Key(key) => match found(key, of) {
                    // OpenSearch knows no capital letters there.
                    Some(value) => index.extend(value.chars().flat_map(char::to_lowercase)),
                    None => index.push_str(self.fallback),
                },
            }
        }
        self.write(out, &index);
    }

    fn write(&self, out: &mut Vec<u8>, index: &str) {
        let index = format!("{index}{}", self.suffix);
        object(out, |line| line.object(self.action, |it| it.text("_index", &index)));
        out.push(b'\n');
    }
}

/// `a-%{key}-b` as what it is made of.
fn parts(mut index: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    while let Some((text, rest)) = index.split_once("%{") {
        let Some((key, rest)) = rest.split_once('}').filter(|it| !it.0.is_empty()) else { break };
        parts.extend([Part::Text(text), Part::Key(key)]);
        index = rest;
    }
    parts.push(Part::Text(index));
    parts
}

/// The first value that the name of an index may hold: one that leads to another index than the section means is none.
fn found(key: &str, of: Of<'_>) -> Option<String> {
    let text = |all: AttributesRef<'_>| all.get(key).map(|it| it.to_string());
    let scope = match key {
        "scope.name" => Some(of.scope.name().to_owned()),
        "scope.version" => Some(of.scope.version().to_owned()),
        _ => text(of.scope.attributes()),
    };
    [text(of.item), scope, text(of.resource)].into_iter().flatten().find(|it| is_fit(it))
}

fn is_fit(value: &str) -> bool {
    let is_bad = |it: char| it.is_whitespace() || it.is_control() || NOT_IN_INDEX.contains(it);
    !value.is_empty() && !value.starts_with('.') && !value.contains("..") && !value.contains(is_bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_in_braces_are_attributes() {
        let key = Part::Key("a.b");
        assert_eq!(parts("x-%{a.b}"), [Part::Text("x-"), key, Part::Text("")]);
        assert_eq!(
            parts("%{a.b}%{a.b}y"),
            [Part::Text(""), key, Part::Text(""), key, Part::Text("y")]
        );
        for plain in ["", "logs", "%{", "%{}", "%a}"] {
            assert_eq!(parts(plain), [Part::Text(plain)]);
        }
    }
}
