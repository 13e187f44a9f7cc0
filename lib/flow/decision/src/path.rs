//! Paths into a record, as sections and decisions write them: `attributes["enduser.id"]`, `resource.attributes["host"]`,
//! `body.user`, `input.log.trace_id`. A path is read once and found in the table of what the signal has.

use std::fmt;

use pdata::{Depth, Field, Key, Signal};

use crate::layout::{Leaf, rows};

/// Longest path, in bytes.
const PATH_BYTES_MAX: usize = 4096;
/// Most parts of a path.
const PARTS_MAX: usize = 64;

/// A path, as its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    text: String,
    parts: Vec<Part>,
}

/// `.name`, `["name"]` or `[3]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Name(String),
    Index(i64),
}

/// Where a path leads in the telemetry of one signal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spot {
    pub(crate) leaf: Leaf,
    pub(crate) keys: Vec<Part>,
}

impl Path {
    /// Reads a path.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("path {text:?}: {why}");
        if text.len() > PATH_BYTES_MAX {
            return Err(format!("a path has {} bytes, at most {PATH_BYTES_MAX}", text.len()));
        }
        let (mut parts, mut rest) = (Vec::new(), text.trim());
        while !rest.is_empty() {
            if parts.len() == PARTS_MAX {
                return Err(wrong("it has too many parts"));
            }
            let (part, after) = if let Some(inside) = rest.strip_prefix('[') {
                bracket(inside).ok_or_else(|| {
                    wrong("write a key in brackets as [\"key\"], an item of a list as [0]")
                })?
            } else {
                let rest = if parts.is_empty() {
                    rest
                } else {
                    rest.strip_prefix('.').ok_or_else(|| wrong("a dot is missing"))?
                };
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let (name, after) = rest.split_at(end);
                if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
                    return Err(wrong(
                        "write names with other signs than letters, digits \
                                      and _ as [\"name\"]",
                    ));
                }
                (Part::Name(name.to_owned()), after)
            };
            parts.push(part);
            rest = after;
        }
        if parts.first() == Some(&Part::Name("input".to_owned())) {
            parts.remove(0);
        }
        if parts.is_empty() {
            return Err(wrong("it is empty"));
        }
        Ok(Self { text: text.trim().to_owned(), parts })
    }

    /// Where it leads. `attributes` and the other fields of a record may stand without `log`, `span` or `metric`.
    pub(crate) fn spot(&self, signal: Signal) -> Option<Spot> {
        let of = match signal {
            Signal::Logs => "log",
            Signal::Traces => "span",
            Signal::Metrics => "metric",
        };
        let names = |prefix: &[&str], row: &[&str]| {
            let row = row.strip_prefix(prefix)?;
            let found = self.parts.get(..row.len())?;
            let same = found.iter().zip(row).all(|(a, b)| matches!(a, Part::Name(a) if a == b));
            (same && !row.is_empty()).then_some(row.len())
        };
        let prefixes: [&[&str]; 3] = [&[], &[of], &["metric", "data_point"]];
        let prefixes = if signal == Signal::Metrics { &prefixes[..] } else { &prefixes[..2] };
        for prefix in prefixes {
            let found = rows(signal).filter_map(|(row, leaf)| Some((names(prefix, row)?, leaf)));
            if let Some((length, leaf)) = found.max_by_key(|it| it.0) {
                let keys = self.parts.get(length..).unwrap_or_default().to_vec();
                return Some(Spot { leaf, keys });
            }
        }
        None
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Spot {
    /// The field that can be written, with the keys in it.
    pub(crate) fn writable(&self) -> Option<(Field, Vec<Key<'_>>)> {
        let (Leaf::Plain(field) | Leaf::Attributes(field) | Leaf::Any(field)) = self.leaf else {
            return None;
        };
        Some((field, self.keys.iter().map(Part::key).collect()))
    }

    /// How deep what it changes is.
    pub(crate) fn depth(&self) -> Depth {
        match self.leaf {
            Leaf::Attributes(Field::RESOURCE_ATTRIBUTES) => Depth::Resource,
            Leaf::Attributes(Field::SCOPE_ATTRIBUTES)
            | Leaf::Plain(Field::SCOPE_NAME | Field::SCOPE_VERSION) => Depth::Scope,
            _ => Depth::Item,
        }
    }
}

impl Part {
    /// As a key of pdata.
    pub(crate) fn key(&self) -> Key<'_> {
        match self {
            Part::Name(name) => name.as_str().into(),
            Part::Index(index) => (*index).into(),
        }
    }
}

/// What stands in brackets, and what follows them.
fn bracket(inside: &str) -> Option<(Part, &str)> {
    let quote = inside.chars().next()?;
    if quote == '"' || quote == '\'' {
        let (name, after) = inside.get(1..)?.split_once(quote)?;
        return Some((Part::Name(name.to_owned()), after.strip_prefix(']')?));
    }
    let (index, after) = inside.split_once(']')?;
    Some((Part::Index(index.trim().parse().ok().filter(|it| *it >= 0)?), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, signal: Signal, leaf: Leaf, keys: &[&str]) {
        let spot = Path::parse(text).unwrap().spot(signal).unwrap();
        let names: Vec<String> = spot.keys.iter().map(|it| format!("{it:?}")).collect();
        let wanted: Vec<String> =
            keys.iter().map(|it| format!("{:?}", Part::Name((*it).to_owned()))).collect();
        assert_eq!((spot.leaf, names), (leaf, wanted));
    }

    #[test]
    fn a_path_may_stand_with_all_that_is_around_it_or_without() {
        let attributes = Leaf::Attributes(Field::LOG_ATTRIBUTES);
        for text in
            ["attributes[\"a.b\"]", "log.attributes['a.b']", "input.log.attributes[\"a.b\"]"]
        {
            check(text, Signal::Logs, attributes, &["a.b"]);
        }
        check("body.user.name", Signal::Logs, Leaf::Any(Field::LOG_BODY), &["user", "name"]);
        check("name", Signal::Traces, Leaf::Plain(Field::SPAN_NAME), &[]);
        check("status.code", Signal::Traces, Leaf::Plain(Field::SPAN_STATUS_CODE), &[]);
        check("attributes.a", Signal::Metrics, Leaf::Attributes(Field::POINT_ATTRIBUTES), &["a"]);
        check("name", Signal::Metrics, Leaf::Plain(Field::METRIC_NAME), &[]);
        check(
            "resource.attributes.a",
            Signal::Logs,
            Leaf::Attributes(Field::RESOURCE_ATTRIBUTES),
            &["a"],
        );
    }

    #[test]
    fn items_of_lists_have_numbers() {
        let spot = Path::parse("body[0].a").unwrap().spot(Signal::Logs).unwrap();
        assert_eq!(spot.keys, [Part::Index(0), Part::Name("a".into())]);
    }

    #[test]
    fn what_is_no_path_is_told() {
        let wrong = ["", "input", "a..b", "a[", "a[\"b]", "a[-1]", "a b", "a[\"b\"]c"];
        for text in wrong {
            assert!(Path::parse(text).is_err(), "{text}");
        }
        assert!(Path::parse("body").unwrap().spot(Signal::Traces).is_none());
        assert!(Path::parse(&"a.".repeat(3_000)).is_err());
    }

    #[test]
    fn what_is_computed_cannot_be_written() {
        let of = |text: &str| {
            Path::parse(text).unwrap().spot(Signal::Logs).unwrap().writable().is_some()
        };
        assert!(of("severity_text") && of("body.a") && of("attributes"));
        assert!(!of("level") && !of("trace_id") && !of("client.address"));
    }
}
