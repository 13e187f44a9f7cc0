//! `key_value_parser`: `name=value` pairs in text become attributes.

use bumpalo::Bump;
use bumpalo::collections::{String as ArenaString, Vec as ArenaVec};
use config::{Described, Problems};
use serde::{Deserialize, Serialize};

use super::parser::Parser;
use super::{Built, Cx, Failure, Flow, Operator, ParserOperator};
use crate::entry::Entry;
use crate::value::{Pairs, Value, put, type_name};

#[derive(Debug)]
struct KeyValueParser {
    parser: Parser,
    delimiter: String,
    pair_delimiter: String,
}

/// The keys of `key_value_parser`.
#[derive(Debug, Clone, Serialize, Deserialize, Described)]
pub(crate) struct Config {
    /// What stands between a name and its value. Default `=`.
    delimiter: String,
    /// What stands between two pairs. Default: a space.
    pair_delimiter: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { delimiter: "=".to_owned(), pair_delimiter: " ".to_owned() }
    }
}

impl ParserOperator for Config {
    fn plan(&self, parser: Option<Parser>, found: &mut Problems) -> Option<Built> {
        let delimiter = self.delimiter.clone();
        let pair_delimiter = match self.pair_delimiter.as_str() {
            "" => " ".to_owned(),
            other => other.to_owned(),
        };
        if delimiter.is_empty() {
            found.late("", "delimiter is a required parameter").set("delimiter", "\"=\"");
        } else if delimiter == pair_delimiter {
            let text = "delimiter and pair_delimiter cannot be the same value";
            let other = if delimiter == "=" { "\",\"" } else { "\"=\"" };
            found.late("", text).set("delimiter", other);
        }
        Some(Built::transformer(KeyValueParser { parser: parser?, delimiter, pair_delimiter }))
    }
}

impl Operator for KeyValueParser {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        let value = self.parser.source(entry, cx.arena)?;
        let Value::Str(text) = value else {
            let got = type_name(&value);
            return Err(format!("type {got} cannot be parsed as key value pairs").into());
        };
        if text.is_empty() {
            return Err(Failure::Fixed("parse from field body is empty"));
        }
        let pieces = split(text, &self.pair_delimiter, cx.arena)?;
        let mut parsed = Pairs::with_capacity_in(pieces.len(), cx.arena);
        for piece in pieces {
            let Some((key, value)) = piece.split_once(self.delimiter.as_str()) else {
                let text = format!("cannot split {piece:?} into 2 items, got 1 item(s)");
                return Err(Failure::Text(text));
            };
            put(&mut parsed, key.trim(), Value::Str(value.trim()));
        }
        self.parser.store(entry, Value::Map(parsed.into_bump_slice()), cx.arena)?;
        Ok(Flow::Next)
    }
}

/// Cuts at delimiters outside of quotes; the quotes go, empty pieces too. A backslash stays and protects the next
/// quote. internal/coreinternal/parseutils/parser.go.
fn split<'a>(
    text: &'a str,
    delimiter: &str,
    arena: &'a Bump,
) -> Result<ArenaVec<'a, &'a str>, Failure> {
    let mut pieces = ArenaVec::new_in(arena);
    let mut piece = ArenaString::new_in(arena);
    let mut quote = None;
    let mut escaped = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if quote.is_none()
            && let Some(after) = rest.strip_prefix(delimiter)
        {
            if !piece.is_empty() {
                pieces.push(
                    std::mem::replace(&mut piece, ArenaString::new_in(arena)).into_bump_str(),
                );
            }
            rest = after;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        if !escaped {
            if quote.is_none() && matches!(c, '"' | '\'') {
                quote = Some(c);
                continue;
            }
            if quote == Some(c) {
                quote = None;
                continue;
            }
        }
        escaped = !escaped && c == '\\';
        piece.push(c);
    }
    if quote.is_some() {
        return Err(Failure::Fixed("never reached the end of a quoted value"));
    }
    if !piece.is_empty() {
        pieces.push(piece.into_bump_str());
    }
    Ok(pieces)
}
