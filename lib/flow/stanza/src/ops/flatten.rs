//! `flatten`: lifts the entries of a map one level up, in place of the map.

use super::{Built, Cx, Failure, Flow, Operator, Transformer};
use crate::entry::Entry;
use crate::field::Field;
use crate::keys::Place;
use crate::value::{Value, type_name};
use config::{Described, Problems};
use serde::{Deserialize, Serialize};

#[derive(Debug)]
struct Flatten {
    field: Field,
    parent: Field,
}

/// The keys of `flatten`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Described)]
pub(crate) struct Config {
    /// The map whose entries go one level up, where they replace it. Required.
    field: Place,
}

impl Transformer for Config {
    fn plan(&self, found: &mut Problems) -> Option<Built> {
        let field = self.field.required("field", "invalid field type: <nil>", found)?;
        // The body has nothing above it: its entries stay where they are.
        let parent = field.parent().unwrap_or_else(|| field.clone());
        Some(Built::transformer(Flatten { field, parent }))
    }
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
