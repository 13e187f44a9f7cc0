//! `add`: puts a value into a field, fixed or from an expression.

use super::{Built, Cx, Failure, Flow, Operator};
use crate::entry::Entry;
use crate::field::Field;
use crate::section::Section;
use crate::value::Literal;
use config::Fault;
use expr::Program;

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

/// Makes it.
pub(crate) fn build(section: &mut Section<'_>) -> Result<Built, Fault> {
    let field = section.field("field", true);
    section.check()?;
    let field = field.ok_or("add: field is empty")?;
    let what = match section.value("value") {
        None => What::Missing,
        Some(value) => {
            let text = value.as_str().filter(|it| it.starts_with("EXPR(") && it.ends_with(')'));
            match text {
                Some(text) => {
                    let inside = &text["EXPR(".len()..text.len() - 1];
                    What::Expression(Program::new(inside).map_err(|problem| {
                        format!("failed to compile expression '{inside}': {problem}")
                    })?)
                }
                None => What::Literal(Literal::new(value)),
            }
        }
    };
    Ok(Built::transformer(Add { field, what }))
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
