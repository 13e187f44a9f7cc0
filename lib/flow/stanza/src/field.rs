//! `body.a["b.c"]`, `attributes.x`, `resource["k8s.pod.name"]`: a place in a record.

use std::fmt;

use bumpalo::Bump;

use crate::entry::Entry;
use crate::failure::Failure;
use crate::value::{self, Value};

/// What a field starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    /// `body`.
    Body,
    /// `attributes`.
    Attributes,
    /// `resource`.
    Resource,
}

impl Root {
    const fn name(self) -> &'static str {
        match self {
            Root::Body => "body",
            Root::Attributes => "attributes",
            Root::Resource => "resource",
        }
    }
}

/// Why a text names no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FieldError {
    /// It begins with none of the roots.
    Prefix,
    /// In the Collector's words.
    Other(String),
}

impl FieldError {
    /// In the Collector's words.
    pub(crate) fn text(&self) -> &str {
        match self {
            FieldError::Prefix => "unrecognized prefix",
            FieldError::Other(text) => text,
        }
    }
}

/// A place in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    root: Root,
    keys: Vec<String>,
}

impl Field {
    /// A whole root.
    pub(crate) fn root(root: Root) -> Self {
        Self { root, keys: Vec::new() }
    }

    /// One key below a root.
    pub(crate) fn key(root: Root, key: &str) -> Self {
        Self { root, keys: vec![key.to_owned()] }
    }

    /// Reads the syntax. `attributes` and `resource` alone are only allowed where `rootable`.
    ///
    /// # Errors
    /// The Collector's texts (pkg/stanza/entry/field.go).
    pub(crate) fn parse(text: &str, rootable: bool) -> Result<Self, FieldError> {
        let mut keys = split(text).map_err(FieldError::Other)?.into_iter();
        let root = match keys.next().as_deref() {
            Some("body") => Root::Body,
            Some("attributes") => Root::Attributes,
            Some("resource") => Root::Resource,
            _ => return Err(FieldError::Prefix),
        };
        let keys: Vec<String> = keys.collect();
        if keys.is_empty() && root != Root::Body && !rootable {
            let text = format!("{} cannot be referenced without subfield", root.name());
            return Err(FieldError::Other(text));
        }
        Ok(Self { root, keys })
    }

    /// What it starts with.
    pub(crate) fn place(&self) -> Root {
        self.root
    }

    /// The field that holds the map in which the last key is; `None` for a whole root.
    pub(crate) fn parent(&self) -> Option<Self> {
        let (_, keys) = self.keys.split_last()?;
        Some(Self { root: self.root, keys: keys.to_vec() })
    }

    /// What is there.
    pub(crate) fn get<'a>(&self, entry: &Entry<'a>, arena: &'a Bump) -> Option<Value<'a>> {
        let Some((first, rest)) = self.keys.split_first() else {
            return Some(match self.root {
                Root::Body => entry.body,
                Root::Attributes => Value::Map(arena.alloc_slice_copy(&entry.attributes)),
                Root::Resource => Value::Map(entry.resource.slice(arena)),
            });
        };
        let value = match self.root {
            Root::Body => return value::walk(entry.body, &self.keys),
            Root::Attributes => value::find(&entry.attributes, first),
            Root::Resource => entry.resource.get(first),
        };
        value::walk(value?, rest)
    }

    /// Puts a value there. Missing maps on the way are made, a map on a map merges.
    pub(crate) fn set<'a>(
        &'a self,
        entry: &mut Entry<'a>,
        value: Value<'a>,
        arena: &'a Bump,
    ) -> Result<(), Failure> {
        let pairs = match self.root {
            Root::Body => {
                entry.body = self.set_body(entry.body, value, arena);
                return Ok(());
            }
            Root::Attributes => &mut entry.attributes,
            Root::Resource => entry.resource.own(arena),
        };
        match (self.keys.split_first(), value) {
            (None, Value::Map(more)) => value::merge(pairs, more),
            (None, _) if self.root == Root::Attributes => {
                return Err(Failure::Fixed("cannot set attributes root"));
            }
            (None, _) => return Err(Failure::Fixed("cannot set resource root")),
            (Some((key, [])), value) if !matches!(value, Value::Map(_)) => {
                value::put(pairs, key, value);
            }
            (Some((key, rest)), value) => {
                let old = match value::find(pairs, key) {
                    Some(Value::Map(old)) => old,
                    _ => &[],
                };
                value::put(pairs, key, Value::Map(value::with(arena, old, rest, value)));
            }
        }
        Ok(())
    }

    fn set_body<'a>(&'a self, body: Value<'a>, value: Value<'a>, arena: &'a Bump) -> Value<'a> {
        let old = match body {
            Value::Map(old) => old,
            _ => &[],
        };
        if self.keys.is_empty() && !matches!(value, Value::Map(_)) {
            return value;
        }
        Value::Map(value::with(arena, old, &self.keys, value))
    }

    /// Takes away what is there.
    pub(crate) fn delete<'a>(&self, entry: &mut Entry<'a>, arena: &'a Bump) -> Option<Value<'a>> {
        let Some((first, rest)) = self.keys.split_first() else {
            let old = self.get(entry, arena);
            match self.root {
                Root::Body => entry.body = Value::Empty,
                Root::Attributes => entry.attributes.clear(),
                Root::Resource => entry.resource.own(arena).clear(),
            }
            return old;
        };
        let pairs = match self.root {
            Root::Body => {
                let Value::Map(old) = entry.body else { return None };
                let (new, value) = value::without(arena, old, &self.keys)?;
                entry.body = Value::Map(new);
                return Some(value);
            }
            Root::Attributes => &mut entry.attributes,
            Root::Resource => {
                entry.resource.get(first)?;
                entry.resource.own(arena)
            }
        };
        if rest.is_empty() {
            return value::take(pairs, first);
        }
        let pair = pairs.iter_mut().find(|(k, _)| k == first)?;
        let Value::Map(old) = pair.1 else { return None };
        let (new, value) = value::without(arena, old, rest)?;
        pair.1 = Value::Map(new);
        Some(value)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.root.name())?;
        self.keys.iter().try_for_each(|key| {
            if key.contains('.') { write!(f, "['{key}']") } else { write!(f, ".{key}") }
        })
    }
}

/// The keys of the dot and bracket syntax.
fn split(text: &str) -> Result<Vec<String>, String> {
    let mut keys = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        if end > 0 {
            keys.push(rest[..end].to_owned());
        }
        rest = &rest[end..];
        while let Some(inside) = rest.strip_prefix('[') {
            let Some(quote @ ('\'' | '"')) = inside.chars().next() else {
                return Err(format!("invalid character in brackets of field '{text}'"));
            };
            let inside = &inside[1..];
            let Some((key, after)) = inside.split_once(quote) else {
                return Err("found unclosed left bracket".to_owned());
            };
            let Some(after) = after.strip_prefix(']') else {
                return Err("found unclosed left bracket".to_owned());
            };
            keys.push(key.to_owned());
            rest = after;
        }
        match rest.strip_prefix('.') {
            Some(more) => rest = more,
            None if rest.is_empty() => return Ok(keys),
            None => {
                return Err(
                    "bracketed access must be followed by a dot or another bracketed access"
                        .to_owned(),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: Result<&str, &str>) {
        let got = Field::parse(text, false).map(|it| it.to_string());
        assert_eq!(got.as_deref().map_err(FieldError::text), want, "{text}");
    }

    #[test]
    fn dots_brackets_and_both_quotes_lead_to_the_same_field() {
        check("body", Ok("body"));
        check("body.a.b", Ok("body.a.b"));
        check("body[\"a\"]['b']", Ok("body.a.b"));
        check("attributes[\"k8s.pod\"].name", Ok("attributes['k8s.pod'].name"));
        check("resource['k8s.pod.name']", Ok("resource['k8s.pod.name']"));
    }

    #[test]
    fn what_is_no_field_is_refused_in_the_collectors_words() {
        check("foo.bar", Err("unrecognized prefix"));
        check("$body", Err("unrecognized prefix"));
        check("", Err("unrecognized prefix"));
        check("attributes", Err("attributes cannot be referenced without subfield"));
        check("body[\"a", Err("found unclosed left bracket"));
        check(
            "body['a']b",
            Err("bracketed access must be followed by a dot or another bracketed access"),
        );
    }
}
