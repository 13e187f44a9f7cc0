//! What the steps do.

use std::net::SocketAddr;

use pdata::{AttributesEdit, Value, ValueBuf, ValueRef};
use regex::Regex;

use crate::{Actions, Source, Step, Target, When, convert, hash};

/// Who sent a request, as `from_context` asks for it.
#[derive(Clone, Copy)]
pub struct Sender<'a> {
    /// Address of the peer, if the receiver knows it.
    pub peer: Option<SocketAddr>,
    /// Request metadata, keys in lower case.
    pub metadata: &'a [(String, String)],
    /// What an authenticator says of it under a name.
    pub auth: &'a dyn Fn(&str) -> Option<String>,
}

/// Actions in the light of one request.
#[derive(Debug)]
pub struct Bound<'a> {
    actions: &'a Actions,
    /// What `from_context` found, by the number of the step; empty if no step asks.
    contexts: Vec<Option<String>>,
}

impl Actions {
    /// Looks up what the steps want to know of the sender.
    pub fn bind(&self, sender: Option<Sender<'_>>) -> Bound<'_> {
        let asks = |step: &Step| matches!(step, Step::Write { source: Source::Context(..), .. });
        if !self.steps.iter().any(asks) {
            return Bound { actions: self, contexts: Vec::new() };
        }
        let found = |step: &Step| match step {
            Step::Write { source: Source::Context(key, _), .. } => from_context(key, sender),
            _ => None,
        };
        Bound { actions: self, contexts: self.steps.iter().map(found).collect() }
    }
}

/// `client.address`, what an authenticator knows (`auth.username`), or values of request metadata, several of them joined
/// with a semicolon.
fn from_context(key: &str, sender: Option<Sender<'_>>) -> Option<String> {
    if key == "client.address" {
        let peer = sender.and_then(|it| it.peer);
        return Some(peer.map(|it| it.ip().to_string()).unwrap_or_default());
    }
    if let Some(name) = key.strip_prefix("auth.") {
        return (sender?.auth)(name);
    }
    let key = key.strip_prefix("metadata.").unwrap_or(key).to_lowercase();
    let of_key = sender?.metadata.iter().filter(|(name, _)| *name == key);
    let values: Vec<&str> = of_key.map(|(_, value)| value.as_str()).collect();
    (!values.is_empty()).then(|| values.join(";"))
}

impl Bound<'_> {
    /// Runs all actions, in order, on the attributes of one item.
    pub fn apply(&self, attributes: &mut AttributesEdit<'_>) {
        for (index, step) in self.actions.steps.iter().enumerate() {
            match step {
                Step::Write { when, key, source } => match source {
                    Source::Constant(it) => put(attributes, *when, key, it.value()),
                    Source::Context(_, default) => {
                        let found = self.contexts.get(index).and_then(Option::as_deref);
                        let value = found.map(Value::Str);
                        if let Some(it) = value.or(default.as_ref().map(ValueBuf::value)) {
                            put(attributes, *when, key, it);
                        }
                    }
                    Source::Attribute(from, default) => {
                        copy(attributes, *when, from, key, default.as_ref());
                    }
                },
                Step::Delete { key, pattern } => {
                    if !key.is_empty() {
                        attributes.remove(key);
                    }
                    if let Some(pattern) = pattern {
                        attributes.retain(|key, _| !pattern.is_match(key));
                    }
                }
                Step::Hash { key, pattern } => hashed(attributes, key, pattern.as_ref()),
                Step::Extract { key, pattern, names } => {
                    extract(attributes, key, pattern, names);
                }
                Step::Convert { key, to } => converted(attributes, key, *to),
            }
        }
    }
}

#[inline]
fn put(attributes: &mut AttributesEdit<'_>, when: When, key: &str, value: Value<'_>) {
    match when {
        When::Absent => drop(attributes.insert(key, value)),
        When::Present => drop(attributes.update(key, value)),
        When::Always => attributes.set(key, value),
    }
}

fn copy(
    attributes: &mut AttributesEdit<'_>,
    when: When,
    from: &str,
    key: &str,
    default: Option<&ValueBuf>,
) {
    let wanted = match when {
        When::Absent => !attributes.contains(key),
        When::Present => attributes.contains(key),
        When::Always => true,
    };
    if wanted
        && !attributes.copy(from, key)
        && let Some(default) = default
    {
        attributes.set(key, default.value());
    }
}

fn hashed(attributes: &mut AttributesEdit<'_>, key: &str, pattern: Option<&Regex>) {
    if !key.is_empty()
        && let Some(value) = attributes.get(key)
    {
        let digits = hash::of(value);
        attributes.set(key, Value::Str(digits.as_str()));
    }
    if let Some(pattern) = pattern {
        attributes.for_each(|key, value, out| {
            let wanted = pattern.is_match(key);
            if wanted {
                out.put(Value::Str(hash::of(value).as_str()));
            }
            wanted
        });
    }
}

fn extract(attributes: &mut AttributesEdit<'_>, key: &str, pattern: &Regex, names: &[String]) {
    let Some(ValueRef::Str(text)) = attributes.get(key) else { return };
    let text = text.to_owned();
    let Some(groups) = pattern.captures(&text) else { return };
    for (name, group) in names.iter().zip(groups.iter().skip(1)) {
        attributes.set(name, Value::Str(group.map_or("", |it| it.as_str())));
    }
}

fn converted(attributes: &mut AttributesEdit<'_>, key: &str, to: Target) {
    let Some(value) = attributes.get(key) else { return };
    match to {
        Target::Str if value.as_str().is_some() => {}
        Target::Str => {
            let text = value.to_string();
            attributes.set(key, Value::Str(&text));
        }
        Target::Int => {
            if let Some(it) = convert::to_int(value) {
                attributes.set(key, it);
            }
        }
        Target::Double => {
            if let Some(it) = convert::to_double(value) {
                attributes.set(key, it);
            }
        }
    }
}
