//! `regex_parser`: the named groups of a pattern become attributes, all of them text.

use config::Fault;
use regex::Regex;

use super::parser::Parser;
use super::{Built, Cx, Failure, Flow, Operator, State};
use crate::entry::Entry;
use crate::section::Section;
use crate::value::{Pairs, Value, put, type_name};
use golang::regexp;

#[derive(Debug)]
struct RegexParser {
    parser: Parser,
    regex: Regex,
    /// Position and name of the groups.
    groups: Vec<(usize, String)>,
}

/// Makes it. `cache` is accepted and has no effect: matching is faster than the cache of the Collector.
pub(crate) fn build(section: &mut Section<'_>) -> Result<Built, Fault> {
    let pattern = section.text("regex").unwrap_or_default();
    let parser = Parser::new(section)?;
    if pattern.is_empty() {
        return Err("missing required field 'regex'".into());
    }
    let regex = regexp::compile(pattern).map_err(|problem| unreadable(pattern, &problem))?;
    let names = regex.capture_names().enumerate();
    let groups: Vec<(usize, String)> =
        names.filter_map(|(at, name)| Some((at, name?.to_owned()))).collect();
    if groups.is_empty() {
        return Err("no named capture groups in regex pattern".into());
    }
    Ok(Built::transformer(RegexParser { parser, regex, groups }))
}

/// A pattern that is none. Where a closing bracket makes it one, that was probably forgotten.
fn unreadable(pattern: &str, problem: &str) -> Fault {
    let mut fault = Fault::create(format!("compiling regex: {problem}"));
    let closed = [')', ']'].map(|sign| format!("{pattern}{sign}"));
    match closed.iter().find(|it| regexp::compile(it).is_ok()) {
        Some(closed) => fault.set("regex", format!("'{}'", closed.replace('\'', "''"))),
        None => fault.about("regex"),
    };
    fault
}

impl Operator for RegexParser {
    fn state(&self) -> State {
        State::Captures(self.regex.capture_locations())
    }

    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        let value = self.parser.source(entry, cx.arena)?;
        let Value::Str(text) = value else {
            let got = type_name(&value);
            return Err(Failure::Text(format!("type '{got}' cannot be parsed as regex")));
        };
        let State::Captures(locations) = cx.state else {
            return Err(Failure::Fixed("regex_parser runs without its state"));
        };
        if self.regex.captures_read(locations, text).is_none() {
            return Err(Failure::Fixed("regex pattern does not match"));
        }
        let mut parsed = Pairs::with_capacity_in(self.groups.len(), cx.arena);
        for (at, name) in &self.groups {
            let group = locations.get(*at).and_then(|(from, to)| text.get(from..to));
            put(&mut parsed, name, Value::Str(group.unwrap_or("")));
        }
        self.parser.store(entry, Value::Map(parsed.into_bump_slice()), cx.arena)?;
        Ok(Flow::Next)
    }
}
