//! `ExtractGrokPatterns`: regular expressions that are made of named ones, `%{NAME:field:type}`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use golang::go_regex;
use regex::{Regex, RegexBuilder};

use super::{Env, Function, Kind, Slot, State, constant_text, function, may_take, takes, text};
use crate::value::{Map, Value};
use golang::strconv::{parse_bool, parse_float, parse_int};

/// Longest expression that a pattern may expand to, in bytes: patterns may name each other in a circle.
const EXPANDED_BYTES_MAX: usize = 256 * 1024;
/// Largest program that a regular expression may become, in bytes.
const PROGRAM_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How dots in the names of fields are kept until the end, as names of groups have none.
const DOT: &str = "___";

pub(super) const ALL: &[Function] = &[function(
    "ExtractGrokPatterns",
    &[
        takes("target", Kind::Text),
        takes("pattern", Kind::Text),
        may_take("named_captures_only", Kind::TheBool),
        may_take("pattern_definitions", Kind::EachTheText),
    ],
    extract,
)
.prepared(prepared)
.says(
    "A map of what a Grok pattern found, with numbers and booleans where it says `int`, `float`, or \
     `bool`; own patterns are given as `NAME=pattern`.",
    "ExtractGrokPatterns(\"GET 200\", \"%{WORD:method} %{NUMBER:code:int}\", true) == \
     {\"method\": \"GET\", \"code\": 200}",
)];

/// The built-in patterns by name.
static LIBRARY: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let lines = include_str!("../../data/grok.txt").lines();
    lines.filter(|it| !it.starts_with('#')).filter_map(|it| it.split_once(' ')).collect()
});

/// The settings of a call, and its pattern if that is the same for all items.
#[derive(Debug)]
pub(crate) struct Grok {
    named_only: bool,
    definitions: HashMap<String, String>,
    pattern: Option<Pattern>,
}

/// A compiled pattern.
#[derive(Debug)]
struct Pattern {
    regex: Regex,
    /// The field of each group, the whole match left out; groups without one are none of ours.
    fields: Vec<Option<String>>,
    types: HashMap<String, String>,
}

fn prepared(slots: &[Slot]) -> Result<State, String> {
    let constant = |at: usize| match slots.get(at) {
        Some(Slot::One(getter)) => getter.constant(),
        _ => None,
    };
    let named_only = matches!(constant(2), Some(Value::Bool(true)));
    let mut definitions = HashMap::new();
    if let Some(Slot::Each(list)) = slots.get(3) {
        for (at, getter) in list.iter().enumerate() {
            let Some(Value::Text(definition)) = getter.constant() else { continue };
            let Some((name, pattern)) = definition.split_once('=') else {
                let shown = match definition.get(..17) {
                    Some(start) if definition.len() > 20 => format!("{start}..."),
                    _ => definition.to_string(),
                };
                return Err(format!(
                    "pattern {shown:?} supplied to ExtractGrokPatterns at index {at} has incorrect \
                     format, expecting PATTERNNAME=pattern definition"
                ));
            };
            if name.contains(':') {
                return Err(format!("pattern ID {name:?} should not contain ':'"));
            }
            definitions.insert(name.to_owned(), pattern.to_owned());
        }
    }
    let mut grok = Grok { named_only, definitions, pattern: None };
    if let Some(pattern) = constant_text(slots, 1) {
        grok.pattern = Some(grok.compiled(pattern)?);
    }
    Ok(State::Grok(Box::new(grok)))
}

impl Grok {
    fn compiled(&self, pattern: &str) -> Result<Pattern, String> {
        let wrong = |problem: String| {
            format!(
                "the regex pattern supplied to ExtractGrokPatterns '{pattern:?}' is not a valid \
                 pattern: {problem}"
            )
        };
        let mut types = HashMap::new();
        let expanded = self.expanded(pattern, &mut types).map_err(wrong)?;
        let (expression, fields) = with_own_names(&expanded);
        let build = |it: &str| RegexBuilder::new(it).size_limit(PROGRAM_BYTES_MAX).build();
        let regex = go_regex(&expression, build).map_err(wrong)?;
        let fields: Vec<Option<String>> = regex
            .capture_names()
            .map(|it| fields.get(it?.strip_prefix('g')?.parse::<usize>().ok()?).cloned())
            .collect();
        if self.named_only && fields.iter().flatten().next().is_none() {
            let problem = "at least 1 named capture group must be supplied in the given regex";
            return Err(problem.to_owned());
        }
        Ok(Pattern { regex, fields, types })
    }

    /// The pattern with all names replaced by what they stand for.
    fn expanded(
        &self,
        pattern: &str,
        types: &mut HashMap<String, String>,
    ) -> Result<String, String> {
        let mut all = pattern.to_owned();
        while let Some((start, end, reference)) = reference(&all) {
            let mut parts = reference.split(':');
            let name = parts.next().unwrap_or_default().to_owned();
            let field = parts.next().map(|it| it.replace('.', DOT));
            if let (Some(field), Some(hint)) = (&field, parts.next()) {
                types.insert(field.clone(), hint.to_owned());
            }
            let own = self.definitions.get(&name).map(String::as_str);
            let known = own.or_else(|| LIBRARY.get(name.as_str()).copied());
            let known = known
                .ok_or_else(|| format!("pattern definition {name:?} unknown: parsing failed"))?;
            let group = match field {
                None if self.named_only => format!("({known})"),
                field => format!("(?P<{}>{known})", field.unwrap_or(name)),
            };
            all.replace_range(start..end, &group);
            if all.len() > EXPANDED_BYTES_MAX {
                return Err(format!("it expands to more than {EXPANDED_BYTES_MAX} bytes"));
            }
        }
        Ok(all)
    }
}

/// The first `%{NAME}`, `%{NAME:field}` or `%{NAME:field:type}`: where it is and what it says.
fn reference(text: &str) -> Option<(usize, usize, &str)> {
    let mut from = 0;
    while let Some(at) = text.get(from..)?.find("%{") {
        let start = from + at;
        let inside = text.get(start + 2..)?;
        let word = |it: char| it.is_ascii_alphanumeric() || it == '_';
        let (reference, _) = inside.split_once('}')?;
        let mut parts = reference.splitn(3, ':');
        let fine = [false, true, false].into_iter().all(|is_field| {
            parts.next().is_none_or(|it| {
                !it.is_empty() && it.chars().all(|c| word(c) || is_field && "+.".contains(c))
            })
        });
        if fine {
            return Some((start, start + 3 + reference.len(), reference));
        }
        from = start + 2;
    }
    None
}

/// The same with groups named `g0`, `g1`, ...: Go allows two groups of one name, and these are their names.
fn with_own_names(pattern: &str) -> (String, Vec<String>) {
    let (mut out, mut names) = (String::with_capacity(pattern.len()), Vec::new());
    let mut rest = pattern;
    while let Some(at) = rest.find(['\\', '(']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let named = from.strip_prefix("(?P<").or_else(|| from.strip_prefix("(?<"));
        if let Some((name, after)) = named.and_then(|it| it.split_once('>')) {
            let _ = write!(out, "(?P<g{}>", names.len());
            names.push(name.to_owned());
            rest = after;
            continue;
        }
        // What stands behind a backslash begins no group.
        let mut signs = from.chars();
        out.extend(signs.next());
        if from.starts_with('\\') {
            out.extend(signs.next());
        }
        rest = signs.as_str();
    }
    out.push_str(rest);
    (out, names)
}

fn extract<'a>(env: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let State::Grok(grok) = env.state else { return Ok(Value::Nil) };
    let fresh;
    let pattern = if let Some(it) = &grok.pattern {
        it
    } else {
        fresh = grok.compiled(text(values, 1))?;
        &fresh
    };
    let mut entries: Vec<(std::borrow::Cow<'a, str>, Value<'a>)> = Vec::new();
    let Some(found) = pattern.regex.captures(text(values, 0)) else {
        return Ok(Value::Map(Map::own(entries)));
    };
    for (field, part) in pattern.fields.iter().zip(found.iter()) {
        let (Some(field), Some(part)) = (field, part) else { continue };
        if part.is_empty() {
            continue;
        }
        let value = typed(part.as_str(), field, pattern.types.get(field).map(String::as_str))?;
        let name = field.replace(DOT, ".");
        match entries.iter_mut().find(|it| it.0 == name) {
            Some(entry) => entry.1 = value,
            None => entries.push((name.into(), value)),
        }
    }
    Ok(Value::Map(Map::own(entries)))
}

fn typed<'a>(part: &str, field: &str, hint: Option<&str>) -> Result<Value<'a>, String> {
    Ok(match hint {
        None | Some("string") => part.to_owned().into(),
        Some("double" | "float") => Value::Double(parse_float(part)?),
        Some("int" | "long") => {
            let number = parse_int(part, 10);
            Value::Int(number.map_err(|it| it.replace("ParseInt", "Atoi"))?)
        }
        Some("bool" | "boolean") => Value::Bool(parse_bool(part)?),
        Some(_) => return Err(format!("invalid type for {field}: type not specified")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pattern_of_the_library_can_be_used() {
        // There is a stray bracket in this one.
        for name in LIBRARY.keys().filter(|it| **it != "CISCOFW733100") {
            let grok = Grok { named_only: false, definitions: HashMap::new(), pattern: None };
            let compiled = grok.compiled(&format!("%{{{name}:field}}"));
            assert!(compiled.is_ok(), "{name}: {compiled:?}");
        }
    }

    #[test]
    fn patterns_in_a_circle_are_refused() {
        let definitions = HashMap::from([("A".to_owned(), "%{A}%{A}".to_owned())]);
        let grok = Grok { named_only: false, definitions, pattern: None };
        assert!(grok.compiled("%{A}").unwrap_err().contains("expands to more than"));
    }
}
