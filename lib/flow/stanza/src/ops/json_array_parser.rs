//! `json_array_parser`: a JSON array in text becomes a list, or with a header a map.

use bumpalo::Bump;
use bumpalo::collections::Vec;
use config::{Described, Problems};
use serde::{Deserialize, Serialize};

use super::parser::Parser;
use super::{Built, Cx, Failure, Flow, Operator, ParserOperator};
use crate::entry::Entry;
use crate::value::{Pairs, Value, put, type_name};
use golang::json::{self, Dialect, Elements};

#[derive(Debug)]
struct JsonArrayParser {
    parser: Parser,
    header: Box<[String]>,
}

/// The keys of `json_array_parser`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Described)]
pub(crate) struct Config {
    /// The names of the items, with commas between them: the list becomes a map. Default: none, and the list stays a list, for
    /// which `parse_to` has to name a field.
    header: String,
}

impl ParserOperator for Config {
    fn plan(&self, parser: Option<Parser>, _: &mut Problems) -> Option<Built> {
        let header = match self.header.as_str() {
            "" => Box::default(),
            names => names.split(',').map(str::to_owned).collect(),
        };
        Some(Built::transformer(JsonArrayParser { parser: parser?, header }))
    }
}

impl Operator for JsonArrayParser {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        let value = self.parser.source(entry, cx.arena)?;
        let Value::Str(text) = value else {
            let got = type_name(&value);
            return Err(format!("type '{got}' cannot be parsed as json array").into());
        };
        let values = elements(text, cx.arena)?;
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

/// What is no array counts as an empty one. Objects stay as they are written, without blanks; numbers with a
/// fraction and those that 64 bits do not hold become 0, lists are refused: so upstream has it.
fn elements<'a>(text: &'a str, arena: &'a Bump) -> Result<Vec<'a, Value<'a>>, Failure> {
    let mut values = Vec::new_in(arena);
    let Some(places) = Elements::new(text) else {
        return json::parse(text, arena, Dialect::Fastjson, true)
            .map(|_| values)
            .map_err(Failure::Json);
    };
    let mut reader = json::Values::new(text, arena, Dialect::Fastjson, true);
    for place in places {
        let place = place.map_err(Failure::Json)?;
        let raw = &text[place.clone()];
        values.push(match reader.read(place).map_err(Failure::Json)? {
            Value::Array(_) => {
                return Err(Failure::Fixed("failed to parse entry: array within an array"));
            }
            Value::Double(_) => Value::Int(0),
            Value::Map(_) => Value::Str(json::compact(raw, arena)),
            other => other,
        });
    }
    Ok(values)
}
