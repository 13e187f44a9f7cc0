//! `json_parser`: an object in text becomes attributes. Numbers are floats unless `parse_ints`.

use super::parser::Parser;
use super::{Built, Cx, Failure, Flow, Operator, ParserOperator};
use crate::entry::Entry;
use crate::value::{Value, type_name};
use config::{Described, Problems};
use golang::json::{self, Dialect};
use serde::{Deserialize, Serialize};

#[derive(Debug)]
struct JsonParser {
    parser: Parser,
    parse_ints: bool,
}

/// The keys of `json_parser`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, Described)]
pub(crate) struct Config {
    /// Whole numbers stay whole numbers; without it every number is a float. Default false.
    parse_ints: bool,
}

impl ParserOperator for Config {
    fn plan(&self, parser: Option<Parser>, _: &mut Problems) -> Option<Built> {
        Some(Built::transformer(JsonParser { parser: parser?, parse_ints: self.parse_ints }))
    }
}

impl Operator for JsonParser {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        let value = self.parser.source(entry, cx.arena)?;
        let Value::Str(text) = value else {
            let got = type_name(&value);
            return Err(Failure::Text(format!("type {got} cannot be parsed as JSON")));
        };
        // With parse_ints upstream reads a stream of documents and looks at the first only.
        let parsed = if self.parse_ints {
            json::parse_first(text, cx.arena, Dialect::Goccy, true)
        } else {
            json::parse(text, cx.arena, Dialect::Goccy, false)
        };
        let parsed = match parsed {
            Ok(it @ Value::Map(_)) => it,
            // Go reads null into a map as an empty one.
            Ok(Value::Empty) => Value::Map(&[]),
            Ok(_) => return Err(Failure::Fixed("the document is not a JSON object")),
            Err(problem) => return Err(Failure::Json(problem)),
        };
        self.parser.store(entry, parsed, cx.arena)?;
        Ok(Flow::Next)
    }
}
