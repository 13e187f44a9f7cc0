//! `regex_parser`: the named groups of a pattern become attributes, all of them text.

use config::{Described, Problems};
use regex::Regex;
use serde::{Deserialize, Serialize};

use super::parser::Parser;
use super::{Built, Cx, Failure, Flow, Operator, ParserOperator, State};
use crate::entry::Entry;
use crate::keys::pattern;
use crate::value::{Pairs, Value, put, type_name};

#[derive(Debug)]
struct RegexParser {
    parser: Parser,
    regex: Regex,
    /// Position and name of the groups.
    groups: Vec<(usize, String)>,
}

/// The keys of `regex_parser`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Described)]
pub(crate) struct Config {
    /// A pattern in the syntax of RE2. Each named group, such as `(?P<level>[A-Z]+)`, becomes an attribute of that name.
    /// Required.
    regex: String,
    /// Accepted, without effect: matching is faster here than the cache of the Collector.
    cache: Cache,
}

/// `cache:`
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, Described)]
pub(crate) struct Cache {
    /// Accepted, without effect. Default 0.
    size: u16,
}

impl ParserOperator for Config {
    fn plan(&self, parser: Option<Parser>, found: &mut Problems) -> Option<Built> {
        if self.regex.is_empty() {
            let fault = found.late("", "missing required field 'regex'");
            fault.require("regex", "'^(?P<message>.*)$'");
            return None;
        }
        let regex = pattern("regex", &self.regex, "compiling regex: ", found)?;
        let names = regex.capture_names().enumerate();
        let groups: Vec<(usize, String)> =
            names.filter_map(|(at, name)| Some((at, name?.to_owned()))).collect();
        if groups.is_empty() {
            found.late("", "no named capture groups in regex pattern").about("regex");
        }
        Some(Built::transformer(RegexParser { parser: parser?, regex, groups }))
    }
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
