//! `add`: puts a value into a field, fixed or from an expression.

use super::{Built, Cx, Failure, Flow, Operator, Transformer};
use crate::entry::Entry;
use crate::field::Field;
use crate::keys::Place;
use crate::value::Literal;
use config::{Caution, Described, Problems, Remedy, Value as Setting};
use expr::Program;
use serde::{Deserialize, Serialize};

#[derive(Debug)]
struct Add {
    field: Field,
    what: What,
}

#[derive(Debug)]
enum What {
    Literal(Literal),
    Expression(Program),
    Missing,
}

/// The keys of `add`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Described)]
pub(crate) struct Config {
    /// Where the value goes, such as `attributes.env`. What is there is overwritten. Required.
    field: Place,
    /// Any value of YAML, also a list or a map. A text of the form `EXPR(...)` is an expression: its result is what is added,
    /// of whatever type it is. Required.
    value: Setting,
}

impl Transformer for Config {
    fn plan(&self, found: &mut Problems) -> Option<Built> {
        let what = match &self.value {
            Setting::Null => {
                found
                    .warn(Caution::NoEffect, "", "no value: every record fails here")
                    .about("value");
                Some(What::Missing)
            }
            value => match value.as_str().and_then(inside) {
                Some((start, text)) => expression(start, text, found).map(What::Expression),
                None => Some(What::Literal(Literal::new(value))),
            },
        };
        let field = self.field.required("field", "add: field is empty", found)?;
        Some(Built::transformer(Add { field, what: what? }))
    }
}

/// The expression in `EXPR(...)`, and where it begins.
fn inside(text: &str) -> Option<(usize, &str)> {
    const START: &str = "EXPR(";
    Some((START.len(), text.strip_prefix(START)?.strip_suffix(')')?))
}

fn expression(start: usize, text: &str, found: &mut Problems) -> Option<Program> {
    let problem = match Program::new(text) {
        Ok(program) => return Some(program),
        Err(problem) => problem,
    };
    let fault = found.late("value", format!("failed to compile expression '{text}': {problem}"));
    if let Some(at) = problem.at {
        fault.remedy = Some(Remedy::Part(start + at.start..start + at.end, Vec::new()));
    }
    None
}

impl Operator for Add {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        let value = match &self.what {
            What::Literal(literal) => literal.get(cx.arena),
            What::Expression(program) => program
                .value(entry, cx.arena)
                .map_err(|it| Failure::Text(it).at("evaluate value_expr"))?,
            What::Missing => {
                return Err(Failure::Fixed("add: missing required field 'value'"));
            }
        };
        self.field.set(entry, value, cx.arena)?;
        Ok(Flow::Next)
    }
}
