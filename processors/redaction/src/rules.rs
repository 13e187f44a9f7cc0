//! What is compiled of a section, and what it says of a key and a value.

use std::borrow::Cow;
use std::collections::HashSet;

use component::Problems;
use pdata::ValueRef;
use regex::Regex;

use crate::config::Config;
use crate::mask::Mask;

/// What is added to what was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Summary {
    Silent,
    Numbers,
    Keys,
}

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
            summary: match config.summary.as_str() {
                "debug" => Summary::Keys,
                "info" => Summary::Numbers,
                _ => Summary::Silent,
            },
        })
    }

    /// Of an attribute.
    pub(crate) fn of_attribute(&self, key: &str, value: ValueRef<'_>) -> Verdict {
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
        self.of_text(&text)
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
        if self.is_allowed(&text) { Verdict::Allowed } else { self.of_text(&text) }
    }

    fn is_allowed(&self, text: &str) -> bool {
        self.allowed_values.iter().any(|it| it.is_match(text))
    }

    fn of_text(&self, text: &str) -> Verdict {
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
        if now == text { Verdict::Stays } else { Verdict::Masked(now.into_owned()) }
    }

    /// All lines of a text, one by one: upstream replaces `.*`.
    pub(crate) fn masked_whole(&self, text: &str) -> String {
        let lines: Vec<String> = text.split('\n').map(|it| self.mask.of(it)).collect();
        lines.join("\n")
    }
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
