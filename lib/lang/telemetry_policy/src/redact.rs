//! Masks a text, or what a pattern finds in it.

use regex::{Captures, Regex};

/// What stands for a value when nobody says otherwise.
pub(crate) const REDACTED: &str = "[REDACTED]";
/// Longest text that a template may make of one value, in bytes. What would be longer is masked as a whole.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// What a pattern finds is replaced by a template.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    regex: Regex,
    parts: Vec<Part>,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(usize),
}

impl Pattern {
    /// `template` knows `$0`, `$1` to `$99`, `${1}`, `${name}`, `$name` and `$$`. Groups that do not exist are empty.
    pub(crate) fn new(regex: Regex, template: &str) -> Self {
        let parts = parse(template, &regex);
        Self { regex, parts }
    }

    /// The text with every match replaced; `None` if there is no match.
    pub(crate) fn replace(&self, text: &str) -> Option<String> {
        let mut out = String::new();
        let mut end = 0;
        let mut found = false;
        for captures in self.regex.captures_iter(text) {
            let Some(whole) = captures.get(0) else { continue };
            found = true;
            out.push_str(text.get(end..whole.start()).unwrap_or_default());
            self.expand(&captures, &mut out);
            end = whole.end();
            if out.len() > TEXT_BYTES_MAX.max(text.len()) {
                return Some(REDACTED.to_owned());
            }
        }
        out.push_str(text.get(end..).unwrap_or_default());
        found.then_some(out)
    }

    fn expand(&self, captures: &Captures<'_>, out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Group(at) => out.push_str(captures.get(*at).map_or("", |it| it.as_str())),
            }
        }
    }
}

fn parse(template: &str, regex: &Regex) -> Vec<Part> {
    let group = |name: &str| {
        let named = || regex.capture_names().position(|it| it == Some(name));
        // A group that does not exist has the number of none.
        Part::Group(name.parse().ok().or_else(named).unwrap_or(usize::MAX))
    };
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        parts.push(Part::Text(before.to_owned()));
        let (part, left) = match after.chars().next() {
            Some('$') => (Part::Text("$".into()), after.get(1..)),
            Some('{') => match after.get(1..).and_then(|it| it.split_once('}')) {
                Some((name, left)) => (group(name), Some(left)),
                None => (Part::Text("$".into()), Some(after)),
            },
            Some(c) if c.is_ascii_digit() => {
                let digits = after.bytes().take(2).take_while(u8::is_ascii_digit).count();
                let (number, left) = after.split_at(digits);
                (group(number), Some(left))
            }
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let is_word = |it: &u8| it.is_ascii_alphanumeric() || *it == b'_';
                let (name, left) = after.split_at(after.bytes().take_while(is_word).count());
                (group(name), Some(left))
            }
            _ => (Part::Text("$".into()), Some(after)),
        };
        parts.push(part);
        rest = left.unwrap_or_default();
    }
    parts.push(Part::Text(rest.to_owned()));
    parts.retain(|it| *it != Part::Text(String::new()));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(regex: &str, template: &str, text: &str, want: Option<&str>) {
        let pattern = Pattern::new(Regex::new(regex).unwrap(), template);
        assert_eq!(pattern.replace(text).as_deref(), want, "{template}");
    }

    #[test]
    fn every_match_is_replaced_and_a_text_without_one_stays() {
        check(r"\d+", "#", "a1b22c", Some("a#b#c"));
        check(r"\d+", "#", "abc", None);
    }

    #[test]
    fn a_template_names_groups() {
        let key = "(?P<key>k)=(.)";
        check(key, "$0!", "k=v", Some("k=v!"));
        check(key, "$1=*", "k=v", Some("k=*"));
        check(key, "${1}0", "k=v", Some("k0"));
        check(key, "${key}:$2", "k=v", Some("k:v"));
        check(key, "$key", "k=v", Some("k"));
        check(key, "$$1", "k=v", Some("$1"));
        check(key, "[$3$99${nope}]", "k=v", Some("[]"));
        check(key, "$1x", "k=v", Some("kx"));
        check(key, "a$", "k=v", Some("a$"));
        check(key, "${1", "k=v", Some("${1"));
    }

    #[test]
    fn what_grows_beyond_all_measure_is_masked_as_a_whole() {
        let text = "a".repeat(2_000);
        check("a", &"x".repeat(1_000), &text, Some(REDACTED));
    }
}
