//! `assign_keys`: a list becomes a map with the given keys.

use super::{Built, Cx, Failure, Flow, Operator};
use crate::entry::Entry;
use crate::field::Field;
use crate::section::Section;
use crate::value::{Pairs, Value, put, type_name};
use config::Fault;

#[derive(Debug)]
struct AssignKeys {
    field: Field,
    keys: Vec<String>,
}

/// Makes it.
pub(crate) fn build(section: &mut Section<'_>) -> Result<Built, Fault> {
    let field = section.field("field", false);
    let keys = section.texts("keys");
    section.check()?;
    let field = field.ok_or("assign_keys missing required field 'field'")?;
    if keys.is_empty() {
        return Err("assign_keys missing required field keys".into());
    }
    Ok(Built::transformer(AssignKeys { field, keys }))
}

impl Operator for AssignKeys {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        let values = match self.field.get(entry, cx.arena) {
            Some(Value::Array(values)) => values,
            Some(other) => {
                let got = type_name(&other);
                return Err(format!("process error: could not cast {got} to a list").into());
            }
            None => {
                let field = &self.field;
                return Err(
                    format!("apply assign_keys: field {field} does not exist on entry").into()
                );
            }
        };
        if values.len() != self.keys.len() {
            let (keys, values) = (self.keys.len(), values.len());
            let text = format!("process error: expected {keys} values, got {values}");
            return Err(Failure::Text(text));
        }
        let mut map = Pairs::with_capacity_in(values.len(), cx.arena);
        self.keys.iter().zip(values).for_each(|(key, value)| put(&mut map, key, *value));
        // Over the list, not merged with a map.
        self.field.delete(entry, cx.arena);
        self.field.set(entry, Value::Map(map.into_bump_slice()), cx.arena)?;
        Ok(Flow::Next)
    }
}
