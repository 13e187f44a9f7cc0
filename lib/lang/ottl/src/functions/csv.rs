//! `ParseCSV`: Go's encoding/csv decides what a field is. More than one line is one line with line ends in its fields.

use std::borrow::Cow;

use super::{Env, Function, Kind, Slot, State, constant_text, function, may_take, takes, text};
use crate::value::{Map, Value};

pub(super) const ALL: &[Function] = &[function(
    "ParseCSV",
    &[
        takes("target", Kind::Text),
        takes("header", Kind::Text),
        may_take("delimiter", Kind::TheText),
        may_take("header_delimiter", Kind::TheText),
        may_take("mode", Kind::TheText),
    ],
    parse_csv,
)
.prepared(checked)
.says(
    "The fields of a line by the names of a header; modes: `strict` (the default), `lazyQuotes`, \
     `ignoreQuotes`.",
    "ParseCSV(\"1;2\", \"a|b\", \";\", \"|\") == {\"a\": \"1\", \"b\": \"2\"}",
)];

fn single(text: &str) -> bool {
    text.chars().count() == 1
}

fn checked(slots: &[Slot]) -> Result<State, String> {
    if constant_text(slots, 2).is_some_and(|it| !single(it)) {
        return Err("invalid arguments: delimiter must be a single character".to_owned());
    }
    if constant_text(slots, 3).is_some_and(|it| !single(it)) {
        return Err("invalid arguments: header_delimiter must be a single character".to_owned());
    }
    match constant_text(slots, 4) {
        None | Some("strict" | "lazyQuotes" | "ignoreQuotes") => Ok(State::None),
        Some(other) => Err(format!("unknown mode: {other}")),
    }
}

fn parse_csv<'a>(_: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let first = |at| text(values, at).chars().next();
    let delimiter = first(2).unwrap_or(',');
    let header_delimiter = first(3).unwrap_or(delimiter);
    let header = text(values, 1);
    if header.is_empty() {
        return Err("headers must not be an empty string".to_owned());
    }
    let names: Vec<&str> = header.split(header_delimiter).collect();
    let target = text(values, 0);
    let fields = match text(values, 4) {
        "ignoreQuotes" => target.split(delimiter).map(str::to_owned).collect(),
        mode => read(target, delimiter, mode == "lazyQuotes")?,
    };
    if names.len() != fields.len() {
        return Err(format!(
            "map csv headers: wrong number of fields: expected {}, found {}",
            names.len(),
            fields.len()
        ));
    }
    let mut entries: Vec<(Cow<'a, str>, Value<'a>)> = Vec::with_capacity(names.len());
    for (name, field) in names.into_iter().zip(fields) {
        match entries.iter_mut().find(|it| it.0 == name) {
            Some(entry) => entry.1 = field.into(),
            None => entries.push((name.to_owned().into(), field.into())),
        }
    }
    Ok(Value::Map(Map::own(entries)))
}

/// All fields. A record that ends in a mistake counts up to there, if it has a field before it: a quirk of
/// the Collector (internal/coreinternal/parseutils/csv.go) that drop-ins have to share.
fn read(text: &str, delimiter: char, lazy: bool) -> Result<Vec<String>, String> {
    if matches!(delimiter, '"' | '\n' | '\r' | char::REPLACEMENT_CHARACTER) {
        return Err("read csv line: csv: invalid field or comment delimiter".to_owned());
    }
    let mut lines = Lines { rest: text, number: 0 };
    let mut all: Vec<String> = Vec::new();
    while let Some(line) = lines.next() {
        if line == "\n" {
            continue;
        }
        let mut record = Record { delimiter, lazy, lines: &mut lines, fields: Vec::new() };
        let read = record.read(&line);
        let fields = record.fields;
        if let (Err(problem), true) = (read, fields.is_empty()) {
            return Err(format!("read csv line: {problem}"));
        }
        match all.last_mut() {
            None => all = fields,
            Some(last) => {
                let mut fields = fields.into_iter();
                last.push('\n');
                last.push_str(&fields.next().unwrap_or_default());
                all.extend(fields);
            }
        }
    }
    if all.is_empty() { Err("no csv lines found".to_owned()) } else { Ok(all) }
}

/// Lines with their ends, which are always `\n`.
struct Lines<'t> {
    rest: &'t str,
    number: usize,
}

impl<'t> Lines<'t> {
    fn next(&mut self) -> Option<Cow<'t, str>> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let end = self.rest.find('\n').map_or(self.rest.len(), |it| it + 1);
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(match line.strip_suffix("\r\n") {
            Some(line) => format!("{line}\n").into(),
            None if rest.is_empty() => line.strip_suffix('\r').unwrap_or(line).into(),
            None => line.into(),
        })
    }
}

/// The fields that are read so far.
struct Record<'l, 't> {
    delimiter: char,
    lazy: bool,
    lines: &'l mut Lines<'t>,
    fields: Vec<String>,
}

impl Record<'_, '_> {
    fn read(&mut self, line: &str) -> Result<(), String> {
        let mut line = line.to_owned();
        let mut at = 0;
        loop {
            let rest = line.get(at..).unwrap_or_default();
            if let Some(inside) = rest.strip_prefix('"') {
                let mut field = String::new();
                let start = line.len() - inside.len();
                let Some(end) = self.quoted(&mut line, start, &mut field)? else {
                    self.fields.push(field);
                    return Ok(());
                };
                self.fields.push(field);
                at = end;
                continue;
            }
            let bare = rest.strip_suffix('\n').unwrap_or(rest);
            let end = bare.find(self.delimiter);
            let field = bare.get(..end.unwrap_or(bare.len())).unwrap_or_default();
            if let Some(quote) = field.find('"').filter(|_| !self.lazy) {
                return Err(self.problem(at + quote, "bare \" in non-quoted-field"));
            }
            self.fields.push(field.to_owned());
            match end {
                Some(end) => at += end + self.delimiter.len_utf8(),
                None => return Ok(()),
            }
        }
    }

    /// Reads behind an opening quote; the place behind the delimiter, or nothing at the end of the record.
    fn quoted(
        &mut self,
        line: &mut String,
        start: usize,
        field: &mut String,
    ) -> Result<Option<usize>, String> {
        const STRAY: &str = "extraneous or missing \" in quoted-field";
        let mut at = start;
        loop {
            let rest = line.get(at..).unwrap_or_default();
            let Some((before, after)) = rest.split_once('"') else {
                field.push_str(rest);
                match self.lines.next() {
                    Some(next) => (*line, at) = (next.into_owned(), 0),
                    None if self.lazy => return Ok(None),
                    None => return Err(self.problem(line.len(), STRAY)),
                }
                continue;
            };
            field.push_str(before);
            let quote = line.len() - after.len() - 1;
            if after.starts_with('"') {
                field.push('"');
                at = quote + 2;
            } else if after.starts_with(self.delimiter) {
                return Ok(Some(quote + 1 + self.delimiter.len_utf8()));
            } else if after.is_empty() || after == "\n" {
                return Ok(None);
            } else if self.lazy {
                field.push('"');
                at = quote + 1;
            } else {
                return Err(self.problem(quote, STRAY));
            }
        }
    }

    fn problem(&self, at: usize, what: &str) -> String {
        format!("parse error on line {}, column {}: {what}", self.lines.number, at + 1)
    }
}
