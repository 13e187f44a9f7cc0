//! `json_array_parser`: a JSON array in text becomes a list, or with a header a map.

use bumpalo::Bump;

use super::parser::Parser;
use super::{Built, Cx, Failure, Flow, Operator};
use crate::entry::Entry;
use crate::json;
use crate::section::{Mistake, Section};
use crate::value::{Pairs, Value, put, type_name};

#[derive(Debug)]
struct JsonArrayParser {
    parser: Parser,
    header: Vec<String>,
}

/// Makes it.
pub(crate) fn build(section: &mut Section<'_>) -> Result<Built, Mistake> {
    let header = section.text("header").filter(|it| !it.is_empty());
    let header = header.map(|it| it.split(',').map(str::to_owned).collect()).unwrap_or_default();
    let parser = Parser::new(section)?;
    Ok(Built::transformer(JsonArrayParser { parser, header }))
}

impl Operator for JsonArrayParser {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        let value = self.parser.source(entry, cx.arena)?;
        let Value::Str(text) = value else {
            let got = type_name(&value);
            return Err(format!("type '{got}' cannot be parsed as json array").into());
        };
        // What is no array counts as an empty one, as upstream.
        let elements = match json::parse(text, cx.arena, true).map_err(Failure::Json)? {
            Value::Array(elements) => elements,
            _ => &[],
        };
        let mut values = bumpalo::collections::Vec::with_capacity_in(elements.len(), cx.arena);
        for element in elements {
            values.push(simple(element, cx.arena)?);
        }
        let parsed = if self.header.is_empty() {
            Value::Array(values.into_bump_slice())
        } else if self.header.len() == values.len() {
            let mut map = Pairs::with_capacity_in(values.len(), cx.arena);
            self.header.iter().zip(values).for_each(|(key, value)| put(&mut map, key, value));
            Value::Map(map.into_bump_slice())
        } else {
            let (want, got) = (self.header.len(), values.len());
            return Err(format!("wrong number of fields: expected {want}, found {got}").into());
        };
        self.parser.store(entry, parsed, cx.arena)?;
        Ok(Flow::Next)
    }
}

/// Objects stay text, numbers with a fraction become 0, lists are refused: so upstream has it.
fn simple<'a>(element: &Value<'a>, arena: &'a Bump) -> Result<Value<'a>, Failure> {
    Ok(match element {
        Value::Array(_) => {
            return Err(Failure::Fixed("failed to parse entry: array within an array"));
        }
        Value::Double(_) => Value::Int(0),
        Value::Map(_) => {
            let mut text = String::new();
            json::write_compact(element, &mut text);
            Value::Str(arena.alloc_str(&text))
        }
        other => *other,
    })
}
