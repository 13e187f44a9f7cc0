//! Rules that change labels (`model/relabel` of Prometheus 3).

use std::borrow::Cow;
use std::sync::Arc;

use md5::{Digest, Md5};
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::labels::Labels;
use crate::text::Text;

/// One of `relabel_configs:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "relabel.plain")]
#[serde(default)]
pub struct RelabelConfig {
    /// Labels whose values are joined.
    pub source_labels: Vec<String>,
    /// What stands between them. Default `;`.
    pub separator: String,
    /// The label that is set.
    pub target_label: String,
    /// Matches the whole of the joined values, or of a label's name. Default `(.*)`.
    pub regex: Text,
    /// For hashmod.
    pub modulus: u64,
    /// What is set; `$1` is what the first group matched, written `$$1` here. Default `$1`.
    pub replacement: Text,
    /// replace, keep, drop, keepequal, dropequal, hashmod, labelmap, labeldrop, labelkeep, lowercase, uppercase.
    /// Default replace.
    pub action: String,
}

impl Default for RelabelConfig {
    fn default() -> Self {
        Self {
            source_labels: Vec::new(),
            separator: ";".to_owned(),
            target_label: String::new(),
            regex: "(.*)".into(),
            modulus: 0,
            replacement: "$1".into(),
            action: "replace".to_owned(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Replace,
    Keep,
    Drop,
    KeepEqual,
    DropEqual,
    HashMod,
    LabelMap,
    LabelDrop,
    LabelKeep,
    Lowercase,
    Uppercase,
}

/// A rule whose expression is compiled.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    action: Action,
    sources: Vec<String>,
    separator: String,
    target: String,
    regex: Regex,
    modulus: u64,
    replacement: String,
}

/// The compiled rules of a job, for its targets and for what they answer.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) targets: Arc<[Rule]>,
    pub(crate) metrics: Arc<[Rule]>,
}

impl Rule {
    /// # Errors
    /// The key that is wrong, and why.
    pub(crate) fn new(config: &RelabelConfig) -> Result<Self, (&'static str, String)> {
        let action = action(&config.action)
            .ok_or_else(|| ("action", format!("unknown relabel action {:?}", config.action)))?;
        // Prometheus: `^(?s:...)$`, so that a dot is any character.
        let regex = golang::regexp::compile(&format!("^(?s:{})$", &*config.regex));
        let regex = regex.map_err(|why| ("regex", why.text))?;
        if action == Action::HashMod && config.modulus == 0 {
            let why = "relabel configuration for hashmod requires non-zero modulus";
            return Err(("modulus", why.to_owned()));
        }
        let default = RelabelConfig::default();
        let only_regex = config.source_labels.is_empty()
            && config.target_label.is_empty()
            && config.modulus == 0
            && config.separator == default.separator
            && *config.replacement == *default.replacement;
        if matches!(action, Action::LabelDrop | Action::LabelKeep) && !only_regex {
            let why =
                format!("{} action requires only 'regex', and no other fields", config.action);
            return Err(("action", why));
        }
        let needs_target = matches!(
            action,
            Action::Replace
                | Action::KeepEqual
                | Action::DropEqual
                | Action::HashMod
                | Action::Lowercase
                | Action::Uppercase
        );
        if needs_target && config.target_label.is_empty() {
            let why = format!(
                "relabel configuration for {} action requires 'target_label' value",
                config.action
            );
            return Err(("target_label", why));
        }
        Ok(Self {
            action,
            sources: config.source_labels.clone(),
            separator: config.separator.clone(),
            target: config.target_label.clone(),
            regex,
            modulus: config.modulus,
            replacement: config.replacement.to_string(),
        })
    }

    /// Changes labels; false means that they are dropped.
    fn apply<'a>(&'a self, labels: &mut Labels<'a>) -> bool {
        match self.action {
            Action::Drop => return !self.regex.is_match(&self.value(labels)),
            Action::Keep => return self.regex.is_match(&self.value(labels)),
            Action::DropEqual => return labels.get(&self.target) != self.value(labels),
            Action::KeepEqual => return labels.get(&self.target) == self.value(labels),
            Action::Replace => self.replace(labels),
            Action::Lowercase => {
                let value = self.value(labels).to_lowercase();
                labels.set((&*self.target).into(), value.into());
            }
            Action::Uppercase => {
                let value = self.value(labels).to_uppercase();
                labels.set((&*self.target).into(), value.into());
            }
            Action::HashMod => {
                let value = (hash(&self.value(labels)) % self.modulus).to_string();
                labels.set((&*self.target).into(), value.into());
            }
            Action::LabelMap => {
                let found: Vec<(String, String)> = labels
                    .iter()
                    .filter(|(name, _)| self.regex.is_match(name))
                    .map(|(name, value)| {
                        let to = self.regex.replace_all(name, &*self.replacement);
                        (to.into_owned(), value.to_owned())
                    })
                    .collect();
                found.into_iter().for_each(|(name, value)| labels.set(name.into(), value.into()));
            }
            Action::LabelDrop => labels.retain(|it| !self.regex.is_match(it)),
            Action::LabelKeep => labels.retain(|it| self.regex.is_match(it)),
        }
        true
    }

    fn replace<'a>(&'a self, labels: &mut Labels<'a>) {
        let value = self.value(labels);
        let Some(found) = self.regex.captures(&value) else { return };
        let expand = |template: &str| {
            let mut out = String::new();
            found.expand(template, &mut out);
            out
        };
        let text = |template: &'a String| {
            if template.contains('$') {
                Cow::Owned(expand(template))
            } else {
                Cow::Borrowed(template.as_str())
            }
        };
        let target = text(&self.target);
        // Any text is a name since Prometheus 3, but not an empty one.
        if target.is_empty() {
            return;
        }
        labels.set(target, text(&self.replacement));
    }

    /// The values of the source labels, joined.
    fn value(&self, labels: &Labels<'_>) -> String {
        let mut joined = String::new();
        for (at, name) in self.sources.iter().enumerate() {
            if at > 0 {
                joined.push_str(&self.separator);
            }
            joined.push_str(labels.get(name));
        }
        joined
    }
}

/// Applies rules one after another; false means that the labels are dropped.
pub(crate) fn apply<'a>(rules: &'a [Rule], labels: &mut Labels<'a>) -> bool {
    rules.iter().all(|it| it.apply(labels))
}

fn action(word: &str) -> Option<Action> {
    Some(match word.to_lowercase().as_str() {
        "replace" => Action::Replace,
        "keep" => Action::Keep,
        "drop" => Action::Drop,
        "keepequal" => Action::KeepEqual,
        "dropequal" => Action::DropEqual,
        "hashmod" => Action::HashMod,
        "labelmap" => Action::LabelMap,
        "labeldrop" => Action::LabelDrop,
        "labelkeep" => Action::LabelKeep,
        "lowercase" => Action::Lowercase,
        "uppercase" => Action::Uppercase,
        _ => return None,
    })
}

/// The last eight bytes of MD5, as Prometheus has it.
fn hash(value: &str) -> u64 {
    let digest = Md5::digest(value.as_bytes());
    digest.last_chunk().map_or(0, |it| u64::from_be_bytes(*it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: &str, want: Option<&str>) {
        let config: RelabelConfig = serde_json::from_str(rule).unwrap();
        let rule = Rule::new(&config).unwrap();
        let list = [("a", "foo"), ("b", "bar"), ("c", "baz"), ("d", "FoO")];
        let list = list.map(|(name, value)| (name.into(), value.into())).to_vec();
        let mut labels = Labels::from_list(list).unwrap();
        let kept = apply(std::slice::from_ref(&rule), &mut labels);
        let shown: Vec<String> = labels.iter().map(|(name, it)| format!("{name}={it}")).collect();
        assert_eq!(kept.then(|| shown.join(" ")).as_deref(), want);
    }

    /// From `model/relabel/relabel_test.go`.
    #[test]
    fn every_action_does_what_it_does_in_prometheus() {
        check(
            r#"{"source_labels": ["a"], "regex": "f(.*)", "target_label": "d", "replacement": "ch${1}-ch${1}"}"#,
            Some("a=foo b=bar c=baz d=choo-choo"),
        );
        check(
            r#"{"source_labels": ["a", "b"], "regex": "f(.*);(.*)r", "target_label": "a", "replacement": "b${1}${2}m"}"#,
            Some("a=boobam b=bar c=baz d=FoO"),
        );
        check(
            r#"{"source_labels": ["a"], "regex": "o", "action": "drop"}"#,
            Some("a=foo b=bar c=baz d=FoO"),
        );
        check(r#"{"source_labels": ["a"], "regex": ".*o.*", "action": "drop"}"#, None);
        check(r#"{"source_labels": ["a"], "regex": "no", "action": "keep"}"#, None);
        check(
            r#"{"source_labels": ["a"], "regex": "f.*", "action": "keep"}"#,
            Some("a=foo b=bar c=baz d=FoO"),
        );
        check(
            r#"{"source_labels": ["a"], "target_label": "b", "regex": "(.*)x"}"#,
            Some("a=foo b=bar c=baz d=FoO"),
        );
        check(r#"{"target_label": "b", "replacement": ""}"#, Some("a=foo c=baz d=FoO"));
        check(
            r#"{"source_labels": ["c"], "action": "hashmod", "modulus": 1000, "target_label": "d"}"#,
            Some("a=foo b=bar c=baz d=976"),
        );
        check(
            r#"{"regex": "(b.*)", "action": "labelmap", "replacement": "x_${1}"}"#,
            Some("a=foo b=bar c=baz d=FoO x_b=bar"),
        );
        check(r#"{"regex": "[ab]", "action": "labeldrop"}"#, Some("c=baz d=FoO"));
        check(r#"{"regex": "[ab]", "action": "labelkeep"}"#, Some("a=foo b=bar"));
        check(
            r#"{"source_labels": ["d"], "action": "uppercase", "target_label": "u"}"#,
            Some("a=foo b=bar c=baz d=FoO u=FOO"),
        );
        check(r#"{"source_labels": ["a"], "action": "keepequal", "target_label": "b"}"#, None);
        check(
            r#"{"source_labels": ["a"], "action": "dropequal", "target_label": "b"}"#,
            Some("a=foo b=bar c=baz d=FoO"),
        );
    }

    #[test]
    fn a_rule_that_cannot_work_says_why() {
        let why = |text: &str| {
            let config: RelabelConfig = serde_json::from_str(text).unwrap();
            Rule::new(&config).unwrap_err()
        };
        assert_eq!(why(r#"{"action": "remove"}"#).0, "action");
        assert_eq!(why(r#"{"action": "hashmod", "target_label": "a"}"#).0, "modulus");
        assert_eq!(why(r#"{"action": "lowercase"}"#).0, "target_label");
        assert_eq!(why(r#"{"target_label": "a", "regex": "(?=x)"}"#).0, "regex");
    }
}
