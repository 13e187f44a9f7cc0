//! `csv_parser`: the fields of a line become attributes, named by a header. Go's encoding/csv decides what a field is.

use bumpalo::Bump;
use bumpalo::collections::{String as ArenaString, Vec as ArenaVec};
use config::{Described, Problems};
use serde::{Deserialize, Serialize};

use super::parser::Parser;
use super::{Built, Cx, Failure, Flow, Operator, ParserOperator};
use crate::entry::Entry;
use crate::value::{Pairs, Value, find, put, type_name};

#[derive(Debug)]
struct CsvParser {
    parser: Parser,
    header: Header,
    delimiter: char,
    header_delimiter: String,
    lazy_quotes: bool,
    ignore_quotes: bool,
}

#[derive(Debug)]
enum Header {
    Fixed(Vec<String>),
    Attribute(String),
}

/// The keys of `csv_parser`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Described)]
pub(crate) struct Config {
    /// The names of the fields, with the delimiter between them. Required unless there is `header_attribute`.
    header: String,
    /// What stands between the names in the header: one character. Default: as `delimiter`.
    header_delimiter: String,
    /// The attribute that holds the header of this line. Required unless there is `header`.
    header_attribute: String,
    /// What stands between the fields: one character. Default `,`.
    delimiter: String,
    /// A quote may stand in a field that is not quoted, and a single one in a field that is. Default false.
    lazy_quotes: bool,
    /// Quotes mean nothing: the line is cut at each delimiter. Default false.
    ignore_quotes: bool,
}

impl ParserOperator for Config {
    fn plan(&self, parser: Option<Parser>, found: &mut Problems) -> Option<Built> {
        let delimiter = if self.delimiter.is_empty() { "," } else { &self.delimiter };
        let header_delimiter = match self.header_delimiter.as_str() {
            "" => delimiter,
            other => other,
        };
        if self.ignore_quotes && self.lazy_quotes {
            let text = "only one of 'ignore_quotes' or 'lazy_quotes' can be true";
            found.late("", text).set("lazy_quotes", "false");
        }
        let cut = single(delimiter);
        if cut.is_none() {
            let text = format!("invalid 'delimiter': '{delimiter}'");
            found.late("", text).set("delimiter", first(delimiter));
        } else if single(header_delimiter).is_none() {
            let text = format!("invalid 'header_delimiter': '{header_delimiter}'");
            found.late("", text).set("header_delimiter", first(header_delimiter));
        }
        let header = self.header(header_delimiter, found);
        Some(Built::transformer(CsvParser {
            parser: parser?,
            header: header?,
            delimiter: cut?,
            header_delimiter: header_delimiter.to_owned(),
            lazy_quotes: self.lazy_quotes,
            ignore_quotes: self.ignore_quotes,
        }))
    }
}

impl Config {
    fn header(&self, delimiter: &str, found: &mut Problems) -> Option<Header> {
        match (self.header.as_str(), self.header_attribute.as_str()) {
            ("", "") => {
                let text = "missing required field 'header' or 'header_attribute'";
                found.late("", text).require("header", format!("\"first{delimiter}second\""));
                None
            }
            ("", attribute) => Some(Header::Attribute(attribute.to_owned())),
            (header, "") if !header.contains(delimiter) => {
                found.late("", "missing field delimiter in header").about("header");
                None
            }
            (header, "") => {
                Some(Header::Fixed(header.split(delimiter).map(str::to_owned).collect()))
            }
            _ => {
                let text = "only one header parameter can be set: 'header' or 'header_attribute'";
                found.late("", text).remove("header_attribute");
                None
            }
        }
    }
}

/// The only character of a text.
fn single(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

/// The first character in quotes. What is written as backslash and t within single quotes is meant as a tab.
fn first(text: &str) -> String {
    match text {
        "\\t" => "\"\\t\"".to_owned(),
        text => format!("{:?}", text.chars().take(1).collect::<String>()),
    }
}

impl Operator for CsvParser {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        let mut names = ArenaVec::new_in(cx.arena);
        match &self.header {
            Header::Fixed(header) => names.extend(header.iter().map(String::as_str)),
            Header::Attribute(attribute) => match find(&entry.attributes, attribute) {
                Some(Value::Str(header)) => {
                    names.extend(header.split(self.header_delimiter.as_str()));
                }
                Some(other) => {
                    let got = type_name(&other);
                    return Err(format!("header is expected to be a string but is {got}").into());
                }
                None => {
                    return Err(
                        format!("failed to read dynamic header attribute {attribute}").into()
                    );
                }
            },
        }
        let value = self.parser.source(entry, cx.arena)?;
        let Value::Str(text) = value else {
            let got = type_name(&value);
            return Err(format!("type '{got}' cannot be parsed as csv").into());
        };
        let mut fields = ArenaVec::with_capacity_in(names.len(), cx.arena);
        if self.ignore_quotes {
            fields.extend(text.split(self.delimiter));
        } else {
            let mut reader = Reader {
                rest: text,
                delimiter: self.delimiter,
                lazy: self.lazy_quotes,
                arena: cx.arena,
            };
            reader.read(&mut fields)?;
        }
        if fields.len() != names.len() {
            let (want, got) = (names.len(), fields.len());
            return Err(format!("wrong number of fields: expected {want}, found {got}").into());
        }
        let mut parsed = Pairs::with_capacity_in(names.len(), cx.arena);
        names
            .iter()
            .zip(fields)
            .for_each(|(name, field)| put(&mut parsed, name, Value::Str(field)));
        self.parser.store(entry, Value::Map(parsed.into_bump_slice()), cx.arena)?;
        Ok(Flow::Next)
    }
}

/// Reads what one record holds. More than one line is one line with newlines in its fields.
struct Reader<'a> {
    rest: &'a str,
    delimiter: char,
    lazy: bool,
    arena: &'a Bump,
}

impl<'a> Reader<'a> {
    fn read(&mut self, fields: &mut ArenaVec<'a, &'a str>) -> Result<(), Failure> {
        while !self.rest.is_empty() {
            // Go's reader leaves out empty lines.
            if let Some(after) = self.rest.strip_prefix('\n') {
                self.rest = after;
                continue;
            }
            let continued = fields.pop();
            let first = fields.len();
            self.line(fields)?;
            if let (Some(before), Some(next)) = (continued, fields.get(first).copied()) {
                let mut joined = ArenaString::from_str_in(before, self.arena);
                joined.push('\n');
                joined.push_str(next);
                fields[first] = joined.into_bump_str();
            }
        }
        if fields.is_empty() { Err(Failure::Fixed("no csv lines found")) } else { Ok(()) }
    }

    fn line(&mut self, fields: &mut ArenaVec<'a, &'a str>) -> Result<(), Failure> {
        loop {
            let field = if let Some(inside) = self.rest.strip_prefix('"') {
                self.quoted(inside)?
            } else {
                let end = self.rest.find([self.delimiter, '\n']).unwrap_or(self.rest.len());
                let field = &self.rest[..end];
                self.rest = &self.rest[end..];
                if !self.lazy && field.contains('"') {
                    let text = "read csv line: parse error: bare \" in non-quoted field";
                    return Err(Failure::Fixed(text));
                }
                field
            };
            fields.push(field);
            if let Some(after) = self.rest.strip_prefix(self.delimiter) {
                self.rest = after;
            } else {
                self.rest = self.rest.strip_prefix('\n').unwrap_or(self.rest);
                return Ok(());
            }
        }
    }

    fn quoted(&mut self, inside: &'a str) -> Result<&'a str, Failure> {
        let mut field = ArenaString::new_in(self.arena);
        let mut rest = inside;
        loop {
            let Some((before, after)) = rest.split_once('"') else {
                if !self.lazy {
                    let text =
                        "read csv line: parse error: extraneous or missing \" in quoted-field";
                    return Err(Failure::Fixed(text));
                }
                field.push_str(rest);
                self.rest = "";
                return Ok(field.into_bump_str());
            };
            field.push_str(before);
            if let Some(more) = after.strip_prefix('"') {
                field.push('"');
                rest = more;
            } else if after.is_empty() || after.starts_with([self.delimiter, '\n']) {
                self.rest = after;
                return Ok(field.into_bump_str());
            } else if self.lazy {
                field.push('"');
                rest = after;
            } else {
                let text = "read csv line: parse error: extraneous or missing \" in quoted-field";
                return Err(Failure::Fixed(text));
            }
        }
    }
}
