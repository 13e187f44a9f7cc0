//! What an answer has to be like.

use std::collections::BTreeMap;

use memchr::memmem;
use regex::bytes::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// One of `validations:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "httpcheckreceiver.validationConfig")]
pub struct Validation {
    /// The body has this text in it.
    #[config(omit_empty)]
    pub contains: String,
    /// And not this one.
    #[config(omit_empty)]
    pub not_contains: String,
    /// The body is JSON that has something at this path: `status`, `items.0.name`, `items.#`.
    #[config(omit_empty)]
    pub json_path: String,
    /// Which is this.
    #[config(omit_empty)]
    pub equals: String,
    /// The body has at most so many bytes.
    #[config(omit_empty)]
    pub max_size: Option<i64>,
    /// At least so many bytes.
    #[config(omit_empty)]
    pub min_size: Option<i64>,
    /// The body matches this regular expression.
    #[config(omit_empty)]
    pub regex: String,
}

/// One of `validations:`, compiled.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    section: Validation,
    path: Vec<String>,
    regex: Option<Regex>,
}

/// How many rules of each kind have passed, and failed.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) passed: BTreeMap<&'static str, i64>,
    pub(crate) failed: BTreeMap<&'static str, i64>,
}

impl Counts {
    fn add(&mut self, kind: &'static str, has_passed: bool) {
        let counts = if has_passed { &mut self.passed } else { &mut self.failed };
        *counts.entry(kind).or_default() += 1;
    }
}

impl Rule {
    /// # Errors
    /// The key, and what is wrong with it.
    pub(crate) fn new(section: &Validation) -> Result<Self, (&'static str, String)> {
        let regex = match section.regex.as_str() {
            "" => None,
            // Compiled as Go reads it; then for bytes, for an answer may be anything.
            text => {
                let as_text = golang::regexp::compile(text);
                let as_text = as_text.map_err(|why| ("regex", why.to_string()))?;
                Some(Regex::new(as_text.as_str()).map_err(|why| ("regex", why.to_string()))?)
            }
        };
        let path = path(&section.json_path);
        let path = path.ok_or_else(|| {
            let text = format!(
                "json_path {:?}: queries, modifiers and wildcards are not supported: write keys and numbers with dots between",
                section.json_path
            );
            ("json_path", text)
        })?;
        Ok(Self { section: section.clone(), path, regex })
    }

    fn check(&self, body: &[u8], json: Option<&Json>, counts: &mut Counts) {
        let it = &self.section;
        if !it.contains.is_empty() {
            counts.add("contains", has(body, &it.contains));
        }
        if !it.not_contains.is_empty() {
            counts.add("not_contains", !has(body, &it.not_contains));
        }
        if !self.path.is_empty() {
            let found = json.and_then(|it| at(it, &self.path));
            let Some(found) = found else {
                counts.add("json_path", false);
                // As upstream: nothing else of the rule counts then.
                return;
            };
            counts.add("json_path", it.equals.is_empty() || found == it.equals);
        }
        let size = i64::try_from(body.len()).unwrap_or(i64::MAX);
        if let Some(most) = it.max_size {
            counts.add("size", size <= most);
        }
        if let Some(least) = it.min_size {
            counts.add("size", size >= least);
        }
        if let Some(regex) = &self.regex {
            counts.add("regex", regex.is_match(body));
        }
    }
}

/// Looks at a body.
pub(crate) fn check(rules: &[Rule], body: &[u8]) -> Counts {
    let wants_json = rules.iter().any(|it| !it.path.is_empty());
    let json = wants_json.then(|| serde_json::from_slice::<Json>(body).ok()).flatten();
    let mut counts = Counts::default();
    for rule in rules {
        rule.check(body, json.as_ref(), &mut counts);
    }
    counts
}

fn has(body: &[u8], text: &str) -> bool {
    memmem::find(body, text.as_bytes()).is_some()
}

/// The keys of a path, with `\` before a dot that is part of one. `None` for what only gjson has.
fn path(text: &str) -> Option<Vec<String>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let (mut keys, mut key) = (Vec::new(), String::new());
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => key.push(signs.next()?),
            '.' => keys.push(std::mem::take(&mut key)),
            '*' | '?' | '|' | '@' | '(' | ')' | '{' | '[' | '!' => return None,
            other => key.push(other),
        }
    }
    keys.push(key);
    Some(keys)
}

/// What is at the path, as text.
fn at(json: &Json, path: &[String]) -> Option<String> {
    let mut here = json;
    for (number, key) in path.iter().enumerate() {
        here = match here {
            Json::Object(map) => map.get(key)?,
            Json::Array(items) if key == "#" && number + 1 == path.len() => {
                return Some(items.len().to_string());
            }
            Json::Array(items) => items.get(key.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(match here {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rules: &str, body: &str) -> String {
        let sections: Vec<Validation> = serde_json::from_str(rules).unwrap();
        let rules: Vec<Rule> = sections.iter().map(|it| Rule::new(it).unwrap()).collect();
        let counts = check(&rules, body.as_bytes());
        format!("{:?} {:?}", counts.passed, counts.failed)
    }

    #[test]
    fn bodies_are_checked_by_each_kind_of_rule() {
        let body = r#"{"status": "ok", "items": [{"n": 1.5}, {"n": null}], "a.b": true}"#;
        for (rules, want) in [
            (r#"[{"contains": "ok"}, {"contains": "no"}]"#, r#"{"contains": 1} {"contains": 1}"#),
            (r#"[{"not_contains": "error"}]"#, r#"{"not_contains": 1} {}"#),
            (r#"[{"json_path": "status", "equals": "ok"}]"#, r#"{"json_path": 1} {}"#),
            (r#"[{"json_path": "items.0.n", "equals": "1.5"}]"#, r#"{"json_path": 1} {}"#),
            (r#"[{"json_path": "items.1.n"}]"#, r#"{"json_path": 1} {}"#),
            (r#"[{"json_path": "items.#", "equals": "3"}]"#, r#"{} {"json_path": 1}"#),
            (r#"[{"json_path": "a\\.b", "equals": "true"}]"#, r#"{"json_path": 1} {}"#),
            (r#"[{"json_path": "none", "max_size": 1}]"#, r#"{} {"json_path": 1}"#),
            (r#"[{"min_size": 1, "max_size": 9}]"#, r#"{"size": 1} {"size": 1}"#),
            (r#"[{"regex": "\"ok\"|no"}, {"regex": "^x"}]"#, r#"{"regex": 1} {"regex": 1}"#),
        ] {
            assert_eq!(counts(rules, body), want, "{rules}");
        }
        assert_eq!(counts(r#"[{"json_path": "a"}]"#, "no json"), r#"{} {"json_path": 1}"#);
    }
}
