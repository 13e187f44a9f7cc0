//! `assign_keys`: a list becomes a map with the given keys.

use super::{Built, Cx, Failure, Flow, Operator, Transformer};
use crate::entry::Entry;
use crate::field::Field;
use crate::keys::Place;
use crate::value::{Pairs, Value, put, type_name};
use config::{Described, Problems};
use serde::{Deserialize, Serialize};

#[derive(Debug)]
struct AssignKeys {
    field: Field,
    keys: Vec<String>,
}

/// The keys of `assign_keys`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Described)]
pub(crate) struct Config {
    /// The list that becomes a map. Required.
    field: Place,
    /// The names of its items, as many as it has. Required.
    keys: Vec<String>,
}

impl Transformer for Config {
    fn plan(&self, found: &mut Problems) -> Option<Built> {
        if self.keys.is_empty() {
            let text = "assign_keys missing required field keys";
            found.late("", text).require("keys", "[first, second]");
        }
        let field = self.field.required("field", "invalid field type: <nil>", found)?;
        Some(Built::transformer(AssignKeys { field, keys: self.keys.clone() }))
    }
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
