//! `flatten`: lifts the entries of a map one level up, in place of the map.

use super::{Built, Cx, Failure, Flow, Operator};
use crate::entry::Entry;
use crate::field::Field;
use crate::section::Section;
use crate::value::{Value, type_name};
use config::Fault;

#[derive(Debug)]
struct Flatten {
    field: Field,
    parent: Field,
}

/// Makes it.
pub(crate) fn build(section: &mut Section<'_>) -> Result<Built, Fault> {
    let field = section.field("field", true);
    section.check()?;
    let field = field.ok_or("missing required parameter 'field'")?;
    let Some(parent) = field.parent() else {
        let text = format!("field cannot be a root: {field}");
        return Err(text.into());
    };
    Ok(Built::transformer(Flatten { field, parent }))
}

impl Operator for Flatten {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        match self.field.get(entry, cx.arena) {
            Some(map @ Value::Map(_)) => {
                self.field.delete(entry, cx.arena);
                self.parent.set(entry, map, cx.arena)?;
                Ok(Flow::Next)
            }
            Some(other) => {
                let got = type_name(&other);
                Err(format!("apply flatten: field {} is a {got}, not a map", self.field).into())
            }
            None => {
                Err(format!("apply flatten: field {} does not exist on body", self.field).into())
            }
        }
    }
}
