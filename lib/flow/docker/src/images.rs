//! Which images are meant: texts, globs between which anything may stand, `/regular expressions/`, and the opposite of each.
//! `internal/docker/matcher.go`, v0.149.

use std::collections::HashMap;

use regex::Regex;

/// Signs that make a glob of a text.
const OF_GLOB: [char; 6] = ['*', '?', '[', ']', '{', '}'];

/// Patterns for names of images.
#[derive(Debug, Clone, Default)]
pub struct Images {
    /// Whole names, and whether the opposite is meant.
    names: HashMap<String, bool>,
    patterns: Vec<(Regex, bool)>,
}

impl Images {
    /// Compiles.
    ///
    /// # Errors
    /// An item is neither a name nor a pattern.
    pub fn new(items: &[String]) -> Result<Self, String> {
        let mut all = Self::default();
        for item in items {
            let (text, negated) = match item.strip_prefix('!') {
                Some(rest) => (rest, true),
                None => (item.as_str(), false),
            };
            let pattern = text.strip_prefix('/').and_then(|it| it.strip_suffix('/'));
            if let Some(pattern) = pattern.filter(|it| !it.is_empty()) {
                let regex = golang::regexp::compile(pattern);
                let regex = regex.map_err(|why| format!("invalid regex item: {why}"))?;
                all.patterns.push((regex, negated));
            } else if text.contains(OF_GLOB) {
                let regex = glob(text).and_then(|it| Regex::new(&it).ok());
                let regex = regex.ok_or_else(|| format!("invalid glob item: {text:?}"))?;
                all.patterns.push((regex, negated));
            } else {
                all.names.insert(text.to_owned(), negated);
            }
        }
        Ok(all)
    }

    /// The image with this name is meant.
    pub fn matches(&self, image: &str) -> bool {
        if let Some(negated) = self.names.get(image) {
            return !negated;
        }
        // As upstream: the opposite of a name is every other one.
        self.names.values().any(|it| *it)
            || self.patterns.iter().any(|(regex, negated)| regex.is_match(image) != *negated)
    }
}

/// A glob as a regular expression; `None` for one that does not end what it begins.
fn glob(text: &str) -> Option<String> {
    let mut out = String::from("(?s)^");
    let mut signs = text.chars().peekable();
    let (mut in_set, mut groups) = (false, 0_u32);
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => out.push_str(&regex::escape(&signs.next()?.to_string())),
            ']' if in_set => {
                in_set = false;
                out.push(']');
            }
            '-' if in_set => out.push('-'),
            '*' if !in_set => {
                while signs.next_if_eq(&'*').is_some() {}
                out.push_str(".*");
            }
            '?' if !in_set => out.push('.'),
            '[' if !in_set => {
                in_set = true;
                out.push_str(if signs.next_if_eq(&'!').is_some() { "[^" } else { "[" });
            }
            '{' if !in_set => {
                groups += 1;
                out.push_str("(?:");
            }
            '}' if !in_set => {
                groups = groups.checked_sub(1)?;
                out.push(')');
            }
            ',' if !in_set && groups > 0 => out.push('|'),
            other => out.push_str(&regex::escape(&other.to_string())),
        }
    }
    out.push('$');
    (!in_set && groups == 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching<'a>(items: &[&str], images: &[&'a str]) -> Vec<&'a str> {
        let items: Vec<String> = items.iter().map(|it| (*it).to_owned()).collect();
        let all = Images::new(&items).unwrap();
        images.iter().copied().filter(|it| all.matches(it)).collect()
    }

    #[test]
    fn names_globs_and_expressions_match_and_so_do_their_opposites() {
        let images = ["redis", "redis:7", "my/web", "other"];
        assert_eq!(matching(&[], &images), [""; 0]);
        assert_eq!(matching(&["redis"], &images), ["redis"]);
        assert_eq!(matching(&["redis*", "my/{web,api}"], &images), ["redis", "redis:7", "my/web"]);
        assert_eq!(matching(&["/^o/"], &images), ["other"]);
        assert_eq!(matching(&["!redis*"], &images), ["my/web", "other"]);
        assert_eq!(matching(&["!/e/"], &images), [""; 0]);
        assert_eq!(matching(&["!redis"], &images), ["redis:7", "my/web", "other"]);
        assert_eq!(matching(&["redis:[!a-z]"], &images), ["redis:7"]);
        assert_eq!(matching(&["r?dis"], &images), ["redis"]);
    }

    #[test]
    fn a_broken_pattern_is_told() {
        for item in ["a[b", "{a", "a}", "/(/"] {
            assert!(Images::new(&[item.to_owned()]).is_err(), "{item}");
        }
    }
}
