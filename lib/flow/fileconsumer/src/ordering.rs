//! `ordering_criteria:` which of the matching files are read, and in which order.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use regex::Regex;

/// Sorts files by what their paths say and keeps the first of each group.
#[derive(Debug, Clone)]
pub struct Ordering {
    /// Gives the named groups that the rules look at.
    pub regex: Option<Regex>,
    /// The first rule is the primary one.
    pub rules: Vec<Rule>,
    /// The first capture group is the group's key; files that do not match are dropped.
    pub group_by: Option<Regex>,
    /// Files kept per group.
    pub top_n: usize,
}

/// One entry of `sort_by:`.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Named group of the regex.
    pub key: String,
    /// What its text is.
    pub kind: SortKind,
    /// Smallest first; otherwise largest first.
    pub ascending: bool,
}

/// What is compared.
#[derive(Debug, Clone)]
pub enum SortKind {
    /// An integer.
    Numeric,
    /// Text.
    Alphabetical,
    /// A time in the layout; all files share a zone, so it does not matter which.
    Timestamp(Layout),
    /// When the file was last written.
    Modified,
}

/// A strptime layout of numbers in a fixed order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout(Vec<Part>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Literal(char),
    /// Place in the comparison and most digits.
    Number {
        place: usize,
        digits: usize,
    },
    ShortYear,
    Month,
}

/// Year, month, day, hour, minute, second, fraction.
type Moment = [u64; 7];

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(i64),
    Text(String),
    Moment(Moment),
    Modified(SystemTime),
}

impl Ordering {
    /// Applies the criteria. Files without a readable key are left out.
    pub(crate) fn choose(&self, files: Vec<(PathBuf, Metadata)>) -> Vec<(PathBuf, Metadata)> {
        let mut groups: BTreeMap<String, Vec<(Vec<Key>, PathBuf, Metadata)>> = BTreeMap::new();
        for (path, metadata) in files {
            let group = match &self.group_by {
                None => Some(String::new()),
                Some(regex) => regex
                    .captures(&path.to_string_lossy())
                    .and_then(|it| it.get(1).map(|it| it.as_str().to_owned())),
            };
            let keys = self.keys(&path, metadata.modified().ok());
            match (group, keys) {
                (Some(group), Some(keys)) => {
                    groups.entry(group).or_default().push((keys, path, metadata))
                }
                _ => {
                    tracing::debug!(path = %path.display(), "file has no sort key and is left out")
                }
            }
        }
        let mut chosen = Vec::new();
        for (_, mut group) in groups {
            for (at, rule) in self.rules.iter().enumerate().rev() {
                if rule.ascending {
                    group.sort_by_cached_key(|(keys, ..)| keys[at].clone());
                } else {
                    group.sort_by_cached_key(|(keys, ..)| Reverse(keys[at].clone()));
                }
            }
            group.truncate(self.top_n);
            chosen.extend(group.into_iter().map(|(_, path, metadata)| (path, metadata)));
        }
        chosen
    }

    fn keys(&self, path: &Path, modified: Option<SystemTime>) -> Option<Vec<Key>> {
        let text = path.to_string_lossy();
        let captures = self.regex.as_ref().and_then(|it| it.captures(&text));
        let keys = self.rules.iter().map(|rule| {
            if matches!(rule.kind, SortKind::Modified) {
                return modified.map(Key::Modified);
            }
            let text = captures.as_ref()?.name(&rule.key)?.as_str();
            match &rule.kind {
                SortKind::Numeric => text.parse().ok().map(Key::Number),
                SortKind::Timestamp(layout) => layout.read(text).map(Key::Moment),
                _ => Some(Key::Text(text.to_owned())),
            }
        });
        keys.collect()
    }
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

impl Layout {
    /// Reads a strptime layout.
    ///
    /// # Errors
    /// Names a directive that cannot be sorted by.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                parts.push(Part::Literal(c));
                continue;
            }
            let number = |place, digits| Part::Number { place, digits };
            match chars.next() {
                Some('Y') => parts.push(number(0, 4)),
                Some('y') => parts.push(Part::ShortYear),
                Some('m') => parts.push(number(1, 2)),
                Some('b' | 'h') => parts.push(Part::Month),
                Some('d' | 'e') => parts.push(number(2, 2)),
                Some('H') => parts.push(number(3, 2)),
                Some('M') => parts.push(number(4, 2)),
                Some('S') => parts.push(number(5, 2)),
                Some('L') => parts.push(number(6, 3)),
                Some('f') => parts.push(number(6, 6)),
                Some('s') => parts.push(number(6, 9)),
                Some('F') => parts.extend(Self::parse("%Y-%m-%d")?.0),
                Some('T') => parts.extend(Self::parse("%H:%M:%S")?.0),
                Some('%') => parts.push(Part::Literal('%')),
                other => {
                    let directive = other.map_or(String::from("%"), |it| format!("%{it}"));
                    return Err(format!(
                        "'layout' of a timestamp sort cannot hold {directive}; use %Y %y %m %b %d %H %M %S %L %f %s"
                    ));
                }
            }
        }
        Ok(Self(parts))
    }

    fn read(&self, text: &str) -> Option<Moment> {
        let mut moment = Moment::default();
        let mut rest = text;
        for part in &self.0 {
            match *part {
                Part::Literal(c) => rest = rest.strip_prefix(c)?,
                Part::Number { place, digits } => moment[place] = take_number(&mut rest, digits)?,
                Part::ShortYear => {
                    let year = take_number(&mut rest, 2)?;
                    // POSIX strptime: 69 to 99 are of the last century.
                    moment[0] = if year < 69 { 2000 + year } else { 1900 + year };
                }
                Part::Month => {
                    let name = rest.get(..3)?.to_ascii_lowercase();
                    moment[1] = 1 + MONTHS.iter().position(|it| *it == name)? as u64;
                    rest = &rest[3..];
                }
            }
        }
        rest.is_empty().then_some(moment)
    }
}

fn take_number(rest: &mut &str, digits: usize) -> Option<u64> {
    let length = rest.bytes().take(digits).take_while(u8::is_ascii_digit).count();
    let (number, after) = rest.split_at(length);
    *rest = after;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(key: &str, kind: SortKind, ascending: bool) -> Rule {
        Rule { key: key.into(), kind, ascending }
    }

    #[track_caller]
    fn check(ordering: &Ordering, names: &[&str], want: &[&str]) {
        let dir = tempfile::tempdir().unwrap();
        let files = names.iter().map(|name| {
            let path = dir.path().join(name);
            std::fs::write(&path, "").unwrap();
            (path.clone(), path.metadata().unwrap())
        });
        let chosen = ordering.choose(files.collect());
        let got: Vec<_> =
            chosen.iter().map(|it| it.0.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(got, want);
    }

    fn ordering(regex: &str, rules: Vec<Rule>, top_n: usize) -> Ordering {
        Ordering { regex: Some(Regex::new(regex).unwrap()), rules, group_by: None, top_n }
    }

    #[test]
    fn numbers_are_compared_as_numbers_and_unreadable_keys_left_out() {
        let it = ordering(r"app-(?P<n>\d+)\.log", vec![rule("n", SortKind::Numeric, false)], 2);
        check(
            &it,
            &["app-1.log", "app-2.log", "app-10.log", "x.log"],
            &["app-10.log", "app-2.log"],
        );
    }

    #[test]
    fn the_first_rule_is_the_primary_one() {
        let rules =
            vec![rule("a", SortKind::Alphabetical, true), rule("n", SortKind::Numeric, false)];
        let it = ordering(r"(?P<a>[a-z])(?P<n>\d)$", rules, 9);
        check(&it, &["b1", "a1", "a2"], &["a2", "a1", "b1"]);
    }

    #[test]
    fn the_newest_of_each_group_is_kept() {
        let layout = Layout::parse("%Y%m%d-%H%M").unwrap();
        let it = Ordering {
            group_by: Some(Regex::new("([ab])-[0-9-]+$").unwrap()),
            ..ordering(
                "(?P<t>[0-9]+-[0-9]+)$",
                vec![rule("t", SortKind::Timestamp(layout), false)],
                1,
            )
        };
        let names = ["a-20260101-1200", "a-20260102-0100", "b-20250101-0000", "c-20260101-0000"];
        check(&it, &names, &["a-20260102-0100", "b-20250101-0000"]);
    }

    #[test]
    fn a_layout_that_cannot_be_sorted_by_is_named() {
        assert!(Layout::parse("%Q").unwrap_err().contains("%Q"));
        assert_eq!(Layout::parse("%y-%b").unwrap().read("26-Nov"), Some([2026, 11, 0, 0, 0, 0, 0]));
    }
}
