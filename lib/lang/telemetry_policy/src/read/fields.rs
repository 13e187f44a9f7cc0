//! Which field is meant: selectors of matchers, of changes and of the sample key.

use confmap::{Data, Entry, Node};
use pdata::Key;

use super::{Read, Reader};
use crate::model::{Field, Path, Where};

/// Longest path into nested attributes.
const PATH_MAX: usize = 32;

/// The selectors of log records.
pub(super) const LOG: &[&str] =
    &["log_field", "log_attribute", "resource_attribute", "scope_attribute"];
/// The selectors of metrics.
pub(super) const METRIC: &[&str] =
    &["metric_field", "datapoint_attribute", "resource_attribute", "scope_attribute"];
/// The selectors of spans.
pub(super) const TRACE: &[&str] =
    &["trace_field", "span_attribute", "resource_attribute", "scope_attribute", "event_attribute"];

const SCHEMAS: [(&str, Field); 2] = [
    ("resource_schema_url", Field::ResourceSchemaUrl),
    ("scope_schema_url", Field::ScopeSchemaUrl),
];
const SCOPE: [(&str, Field); 2] =
    [("scope_name", Field::ScopeName), ("scope_version", Field::ScopeVersion)];
const LOG_FIELDS: [(&str, Field); 5] = [
    ("body", Field::Body),
    ("severity_text", Field::SeverityText),
    ("trace_id", Field::TraceId),
    ("span_id", Field::SpanId),
    ("event_name", Field::EventName),
];
const METRIC_FIELDS: [(&str, Field); 3] =
    [("name", Field::Name), ("description", Field::Description), ("unit", Field::Unit)];
const TRACE_FIELDS: [(&str, Field); 5] = [
    ("name", Field::Name),
    ("trace_id", Field::TraceId),
    ("span_id", Field::SpanId),
    ("parent_span_id", Field::ParentSpanId),
    ("trace_state", Field::TraceState),
];

impl Reader {
    /// The field that the selector `key` (as protobuf spells it) means, if it is a selector.
    pub(super) fn selector(&mut self, key: &str, entry: &Entry, at: &str) -> Option<Read<Field>> {
        let node = &entry.value;
        let of = match key {
            "log_field" => {
                return Some(self.named(node, at, "log_field_", &[&LOG_FIELDS, &SCHEMAS]));
            }
            "metric_field" => {
                let known: &[&[(&str, Field)]] = &[&METRIC_FIELDS, &SCHEMAS, &SCOPE];
                return Some(self.named(node, at, "metric_field_", known));
            }
            "trace_field" => {
                let known: &[&[(&str, Field)]] = &[&TRACE_FIELDS, &SCHEMAS, &SCOPE];
                return Some(self.named(node, at, "trace_field_", known));
            }
            "resource_attribute" => Where::Resource,
            "scope_attribute" => Where::Scope,
            "log_attribute" | "span_attribute" => Where::Item,
            "datapoint_attribute" => Where::Point,
            "event_attribute" => Where::Event,
            _ => return None,
        };
        Some(self.path(node, at).map(|path| Field::Attribute(of, path)))
    }

    /// A field by its name, with or without the prefix of its enum.
    fn named(
        &mut self,
        node: &Node,
        at: &str,
        prefix: &str,
        known: &[&[(&str, Field)]],
    ) -> Read<Field> {
        let name = self.enum_name(node, at, prefix)?;
        let found = known.iter().copied().flatten().find(|it| it.0 == name);
        if let Some((_, field)) = found {
            return Ok(field.clone());
        }
        let names = || known.iter().copied().flatten().map(|it| it.0);
        let help = match confmap::closest(&name, names()) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
        };
        Err(self.wrong(&node.origin, format!("{at}: unknown field {name:?}"), &help))
    }

    /// The name of a member of an enum, in small letters, without its prefix.
    pub(super) fn enum_name(&mut self, node: &Node, at: &str, prefix: &str) -> Read<String> {
        let name = self.text(node, at)?.to_ascii_lowercase();
        let name = name.strip_prefix(prefix).unwrap_or(&name);
        if name == "unspecified" && prefix != "span_status_code_" {
            return Err(self.wrong(
                &node.origin,
                format!("{at}: field is unspecified"),
                "name a field",
            ));
        }
        Ok(name.to_owned())
    }

    /// A key, a list of keys, or a map with the list in `path`.
    fn path(&mut self, node: &Node, at: &str) -> Read<Path> {
        let empty = |it: &mut Self| {
            let help = "name the attribute, or write a list of keys into nested maps";
            it.wrong(&node.origin, format!("{at}: attribute has empty path"), help)
        };
        let list = match &node.data {
            Data::String(key) if !key.is_empty() => return Ok([text_key(key)].into()),
            Data::List(items) => items.as_slice(),
            Data::Map(entries) => match entries.iter().find(|it| it.key != "path") {
                Some(other) => return Err(self.unknown(other, at, &["path"])),
                None => node.get("path").map_or(&[][..], Node::items),
            },
            Data::String(_) | Data::Null => &[],
            _ => {
                return Err(self.wrong(
                    &node.origin,
                    format!("{at}: attribute must be a text"),
                    "write it in quotes",
                ));
            }
        };
        if list.is_empty() {
            return Err(empty(self));
        }
        if list.len() > PATH_MAX {
            let text = format!("{at}: the path has {} keys, at most {PATH_MAX}", list.len());
            return Err(self.wrong(&node.origin, text, ""));
        }
        let keys = list.iter().map(|it| self.text(it, at).map(text_key));
        keys.collect()
    }
}

fn text_key(key: &str) -> Key<'static> {
    Key::Text(key.to_owned().into())
}
