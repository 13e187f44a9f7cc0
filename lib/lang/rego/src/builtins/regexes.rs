//! `regex.*` with Go's syntax: `\d`, `\w` and `\s` are ASCII as in OPA, and a pattern may be as large as there. The engine's own limit
//! (100 KiB compiled) refuses patterns that OPA takes.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::Regex;
use regorus::Value;

use super::args::{Answer, Failure, Table, failed, integer, string};

/// Most patterns that a thread keeps compiled.
const PATTERNS_MAX: usize = 256;
/// Longest text that a replacement makes, in bytes: what records say must not fill the memory.
const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most matches of a text.
const MATCHES_MAX: usize = 1_000_000;

pub const TABLE: Table = &[
    // What is no text is no pattern; it is no mistake to ask.
    ("regex.is_valid", |args| Ok(Value::from(string(args, 0).is_ok_and(is_pattern)))),
    ("regex.match", |args| {
        let text = string(args, 1)?;
        Ok(Value::from(compiled(string(args, 0)?)?.is_match(text)))
    }),
    ("regex.find_n", find_n),
    ("regex.find_all_string_submatch_n", find_all),
    ("regex.split", split),
    ("regex.replace", replace),
];

thread_local! {
    /// What is no pattern is not read again either.
    static PATTERNS: RefCell<HashMap<String, Result<Regex, String>>> = RefCell::default();
}

fn is_pattern(text: &str) -> bool {
    golang::regexp::compile(text).is_ok()
}

fn compiled(pattern: &str) -> Result<Regex, Failure> {
    let known = PATTERNS.with_borrow_mut(|known| {
        if let Some(it) = known.get(pattern) {
            return it.clone();
        }
        if known.len() >= PATTERNS_MAX {
            known.clear();
        }
        let made = golang::regexp::compile(pattern).map_err(|it| it.text);
        known.insert(pattern.to_owned(), made.clone());
        made
    });
    known.or_else(failed)
}

/// How many matches are wanted; less than 0 is all.
fn wanted(args: &[Value]) -> Result<usize, Failure> {
    let count = integer(args, 2)?;
    Ok(usize::try_from(count).unwrap_or(MATCHES_MAX).min(MATCHES_MAX))
}

fn find_n(args: &[Value]) -> Answer {
    let (regex, text) = (compiled(string(args, 0)?)?, string(args, 1)?);
    let found = regex.find_iter(text).take(wanted(args)?);
    Ok(found.map(|it| Value::from(it.as_str())).collect::<Vec<_>>().into())
}

fn find_all(args: &[Value]) -> Answer {
    let (regex, text) = (compiled(string(args, 0)?)?, string(args, 1)?);
    let groups = |found: regex::Captures<'_>| -> Value {
        let text = |it: Option<regex::Match<'_>>| Value::from(it.map_or("", |it| it.as_str()));
        found.iter().map(text).collect::<Vec<_>>().into()
    };
    Ok(regex.captures_iter(text).take(wanted(args)?).map(groups).collect::<Vec<_>>().into())
}

/// `Regexp.Split(text, -1)` of Go.
fn split(args: &[Value]) -> Answer {
    let (pattern, text) = (string(args, 0)?, string(args, 1)?);
    let regex = compiled(pattern)?;
    if !pattern.is_empty() && text.is_empty() {
        return Ok(vec![Value::from("")].into());
    }
    let (mut parts, mut from, mut to) = (Vec::new(), 0, 0);
    for found in regex.find_iter(text).take(MATCHES_MAX) {
        to = found.start();
        if found.end() != 0 {
            parts.push(Value::from(text.get(from..to).unwrap_or_default()));
        }
        from = found.end();
    }
    if to != text.len() {
        parts.push(Value::from(text.get(from..).unwrap_or_default()));
    }
    Ok(parts.into())
}

fn replace(args: &[Value]) -> Answer {
    let (text, regex, with) = (string(args, 0)?, compiled(string(args, 1)?)?, string(args, 2)?);
    let (mut out, mut from) = (String::new(), 0);
    for found in regex.captures_iter(text) {
        let Some(whole) = found.get(0) else { continue };
        out.push_str(text.get(from..whole.start()).unwrap_or_default());
        found.expand(with, &mut out);
        from = whole.end();
        if out.len() > TEXT_BYTES_MAX {
            return failed(format!("regex.replace: more than {TEXT_BYTES_MAX} bytes"));
        }
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Ok(out.into())
}
