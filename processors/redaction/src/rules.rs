//! What is compiled of a section, and what it says of a key and a value.

use std::borrow::Cow;
use std::collections::HashSet;

use component::Problems;
use pdata::ValueRef;
use regex::Regex;

use crate::config::Config;
use crate::database::{Databases, SYSTEM_KEYS};
use crate::mask::Mask;
use crate::url::Urls;

/// What is added to what was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Summary {
    Silent,
    Numbers,
    Keys,
}

/// Kinds of spans. `opentelemetry/proto/trace/v1/trace.proto`.
const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const CLIENT: i32 = 3;

/// The compiled section.
pub struct Rules {
    allow_all_keys: bool,
    allowed_keys: HashSet<String>,
    ignored_keys: HashSet<String>,
    ignored_key_patterns: Vec<Regex>,
    blocked_key_patterns: Vec<Regex>,
    blocked_values: Vec<Regex>,
    allowed_values: Vec<Regex>,
    all_types: bool,
    mask: Mask,
    urls: Option<Urls>,
    databases: Option<Databases>,
    pub(crate) summary: Summary,
}

/// What is done with a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Stays,
    Ignored,
    Allowed,
    Removed,
    Masked(String),
}

/// What the processor adds itself, and an earlier one may have added.
const OWN_KEYS: [&str; 5] = [
    "redaction.redacted.keys",
    "redaction.redacted.count",
    "redaction.masked.keys",
    "redaction.masked.count",
    "redaction.ignored.count",
];

impl Rules {
    pub(crate) fn new(config: &Config, found: &mut Problems) -> Option<Self> {
        let own = OWN_KEYS.into_iter().map(str::to_owned);
        Some(Self {
            allow_all_keys: config.allow_all_keys,
            allowed_keys: config.allowed_keys.iter().cloned().chain(own).collect(),
            ignored_keys: config.ignored_keys.iter().cloned().collect(),
            ignored_key_patterns: compiled(
                &config.ignored_key_patterns,
                ("ignored_key_patterns", "ignore keys"),
                found,
            )?,
            blocked_values: compiled(&config.blocked_values, ("blocked_values", "block"), found)?,
            blocked_key_patterns: compiled(
                &config.blocked_key_patterns,
                ("blocked_key_patterns", "block keys"),
                found,
            )?,
            allowed_values: compiled(&config.allowed_values, ("allowed_values", "allow"), found)?,
            all_types: config.redact_all_types,
            mask: Mask::new(*config.hash_function, config.hmac_key.expose()),
            urls: Urls::new(&config.url_sanitizer),
            databases: Databases::new(&config.db_sanitizer),
            summary: match config.summary.as_str() {
                "debug" => Summary::Keys,
                "info" => Summary::Numbers,
                _ => Summary::Silent,
            },
        })
    }

    /// Of an attribute.
    pub(crate) fn of_attribute(
        &self,
        key: &str,
        value: ValueRef<'_>,
        system: (&str, bool),
    ) -> Verdict {
        if let Some(verdict) = self.of_key(key) {
            return verdict;
        }
        let text = match value {
            ValueRef::Str(it) => Cow::Borrowed(it),
            other if self.all_types => Cow::Owned(other.to_string()),
            _ => Cow::Borrowed(""),
        };
        if self.is_allowed(&text) {
            return Verdict::Allowed;
        }
        if self.is_blocked_key(key) {
            return Verdict::Masked(self.masked_whole(&text));
        }
        let mut now = self.blocked(&text);
        if let Some(new) = self.urls.as_ref().and_then(|it| it.of_attribute(key, &now)) {
            now = Cow::Owned(new);
        }
        let databases = self.databases.as_ref();
        if let Some(new) = databases.and_then(|it| it.of_attribute(key, &now, system)) {
            now = Cow::Owned(new);
        }
        changed(&text, now)
    }

    /// Whether a key settles it.
    pub(crate) fn of_key(&self, key: &str) -> Option<Verdict> {
        let matches = |it: &Regex| it.is_match(key);
        if self.ignored_keys.contains(key) || self.ignored_key_patterns.iter().any(matches) {
            return Some(Verdict::Ignored);
        }
        let stays = self.allow_all_keys || self.allowed_keys.contains(key);
        (!stays).then_some(Verdict::Removed)
    }

    pub(crate) fn is_blocked_key(&self, key: &str) -> bool {
        self.blocked_key_patterns.iter().any(|it| it.is_match(key))
    }

    /// Of a part of a body that is no map and no list.
    pub(crate) fn of_leaf(&self, value: ValueRef<'_>) -> Verdict {
        let text = match value {
            ValueRef::Str(it) => Cow::Borrowed(it),
            ValueRef::Empty => Cow::Borrowed(""),
            other => Cow::Owned(other.to_string()),
        };
        if self.is_allowed(&text) {
            return Verdict::Allowed;
        }
        let mut now = self.blocked(&text);
        if matches!(value, ValueRef::Str(_)) {
            if let Some(new) = self.urls.as_ref().and_then(|it| it.of_body(&now)) {
                now = Cow::Owned(new);
            }
            if let Some(databases) = &self.databases {
                now = Cow::Owned(databases.of_body(&now));
            }
        }
        changed(&text, now)
    }

    /// Of the name of a span, if it has to be another. `get` is for its attributes, `kind` is that of OTLP.
    pub(crate) fn of_span_name(
        &self,
        name: &str,
        kind: i32,
        get: impl Fn(&str) -> Option<String>,
    ) -> Option<String> {
        let is_looked_at = self.urls.is_some() || self.databases.is_some();
        if !is_looked_at || self.is_allowed(name) {
            return None;
        }
        let urls = self.urls.as_ref().filter(|_| [SERVER, CLIENT].contains(&kind));
        if let Some(new) = urls.and_then(|it| it.of_span_name(name, |key| get(key).is_some())) {
            return Some(new).filter(|it| !it.is_empty());
        }
        let databases = self.databases.as_ref();
        let databases = databases.filter(|_| [INTERNAL, SERVER, CLIENT].contains(&kind))?;
        let new = databases.of_span_name(name, &system(get))?;
        (new != name && !new.is_empty()).then_some(new)
    }

    /// Whether it matters which database it is.
    pub(crate) fn has_databases(&self) -> bool {
        self.databases.is_some()
    }

    fn is_allowed(&self, text: &str) -> bool {
        self.allowed_values.iter().any(|it| it.is_match(text))
    }

    /// Without what is blocked.
    fn blocked<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut now = Cow::Borrowed(text);
        for pattern in &self.blocked_values {
            let mask =
                |it: &regex::Captures<'_>| self.mask.of(it.get(0).map_or("", |it| it.as_str()));
            let replaced = match pattern.replace_all(&now, mask) {
                Cow::Owned(it) => it,
                Cow::Borrowed(_) => continue,
            };
            now = Cow::Owned(replaced);
        }
        now
    }

    /// All lines of a text, one by one: upstream replaces `.*`.
    pub(crate) fn masked_whole(&self, text: &str) -> String {
        let lines: Vec<String> = text.split('\n').map(|it| self.mask.of(it)).collect();
        lines.join("\n")
    }
}

fn changed(before: &str, now: Cow<'_, str>) -> Verdict {
    if now == before { Verdict::Stays } else { Verdict::Masked(now.into_owned()) }
}

/// The database of what has these attributes, in small letters; empty where none says it.
pub(crate) fn system(get: impl Fn(&str) -> Option<String>) -> String {
    let system = SYSTEM_KEYS.iter().find_map(|key| get(key).filter(|it| !it.is_empty()));
    system.unwrap_or_default().to_lowercase()
}

fn compiled(
    patterns: &[String],
    (key, name): (&str, &str),
    found: &mut Problems,
) -> Option<Vec<Regex>> {
    let mut list = Vec::new();
    for pattern in patterns {
        match golang::regexp::compile(pattern) {
            Ok(it) => list.push(it),
            Err(mistake) => {
                let text = format!(
                    "error creating a redaction processor: failed to process {name} list: error compiling regex in list: {}",
                    mistake.text
                );
                found.late("", text).about(key);
                return None;
            }
        }
    }
    Some(list)
}
