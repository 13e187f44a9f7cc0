//! `body.a["b.c"]`, `attributes.x`, `resource["k8s.pod.name"]`: a place in a record.

use std::fmt;

use bumpalo::Bump;

use crate::entry::Entry;
use crate::failure::Failure;
use crate::value::{self, Value};

/// What the parsers of parts of a record say where their field is not there.
pub(crate) const NOT_THERE: &str = "log entry does not have the expected parse_from field";

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldError {
    /// It begins with none of the roots.
    Prefix,
    /// Brackets and quotes do not fit.
    Split(&'static str),
    /// All of this root, where only a part of it can be meant.
    Whole(Root),
}

impl fmt::Display for FieldError {
    /// In the Collector's words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FieldError::Prefix => f.write_str("unrecognized prefix"),
            FieldError::Split(why) => write!(f, "splitting field: {why}"),
            FieldError::Whole(root) => {
                write!(f, "{} cannot be referenced without subfield", root.name())
            }
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
        let mut keys = split(text).map_err(FieldError::Split)?.into_iter();
        let root = match keys.next().as_deref() {
            Some("body") => Root::Body,
            Some("attributes") => Root::Attributes,
            Some("resource") => Root::Resource,
            _ => return Err(FieldError::Prefix),
        };
        let keys: Vec<String> = keys.collect();
        if keys.is_empty() && root != Root::Body && !rootable {
            return Err(FieldError::Whole(root));
        }
        Ok(Self { root, keys })
    }

    /// A record has nothing there. The text is the Collector's, to which the name of the field is added.
    pub(crate) fn missing(&self, text: &str) -> Failure {
        Failure::Text(format!("{text}: {{\"parse_from\":\"{self}\"}}"))
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
fn split(text: &str) -> Result<Vec<String>, &'static str> {
    if text.is_empty() {
        return Err("fields size is 0");
    }
    let mut keys = Vec::new();
    let mut rest = text;
    let mut in_brackets = text.starts_with('[');
    loop {
        let after = if in_brackets {
            let (key, after) = bracketed(&rest[1..])?;
            keys.push(key.to_owned());
            after
        } else {
            let (key, after) = rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()));
            keys.push(key.to_owned());
            after
        };
        in_brackets = after.starts_with('[');
        rest = match after.strip_prefix('.') {
            Some(rest) => rest,
            None if after.is_empty() => return Ok(keys),
            None if in_brackets => after,
            None => {
                return Err(
                    "bracketed access must be followed by a dot or another bracketed access",
                );
            }
        };
    }
}

/// `'key']` or `"key"]`: the key, and what follows.
fn bracketed(inside: &str) -> Result<(&str, &str), &'static str> {
    let unclosed = match inside.chars().next() {
        Some('"') => "found unclosed double quote",
        Some('\'') => "found unclosed single quote",
        Some(_) => return Err("strings in brackets must be surrounded by quotes"),
        None => return Err("found unclosed left bracket"),
    };
    let (quote, inside) = inside.split_at(1);
    let (key, after) = inside.split_once(quote).ok_or(unclosed)?;
    match after.strip_prefix(']') {
        Some(after) => Ok((key, after)),
        None if after.is_empty() => Err("found unclosed left bracket"),
        None => Err("found characters between closed quote and closing bracket"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: Result<&str, &str>) {
        let got = Field::parse(text, false).map(|it| it.to_string()).map_err(|it| it.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), want, "{text}");
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
        check("", Err("splitting field: fields size is 0"));
        check("attributes", Err("attributes cannot be referenced without subfield"));
        let split = |text: &str, want: &str| check(text, Err(&format!("splitting field: {want}")));
        split("body[\"a", "found unclosed double quote");
        split("body['a", "found unclosed single quote");
        split("body['a'", "found unclosed left bracket");
        split("body[", "found unclosed left bracket");
        split("body[a]", "strings in brackets must be surrounded by quotes");
        split("body['a'x]", "found characters between closed quote and closing bracket");
        split(
            "body['a']b",
            "bracketed access must be followed by a dot or another bracketed access",
        );
    }
}
