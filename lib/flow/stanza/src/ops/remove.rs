//! `remove`: takes a field away; `attributes` or `resource` alone empties it.

use super::{Built, Cx, Failure, Flow, Operator, Transformer};
use crate::entry::Entry;
use crate::field::Field;
use crate::keys::Place;
use config::{Described, Problems};
use serde::{Deserialize, Serialize};

#[derive(Debug)]
struct Remove {
    field: Field,
}

/// The keys of `remove`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Described)]
pub(crate) struct Config {
    /// What goes: a field, or `attributes` or `resource` for all of them. Required.
    field: Place,
}

impl Transformer for Config {
    fn plan(&self, found: &mut Problems) -> Option<Built> {
        let field = self.field.required_root("field", "remove: field is empty", found)?;
        Some(Built::transformer(Remove { field }))
    }
}

impl Operator for Remove {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        match self.field.delete(entry, cx.arena) {
            Some(_) => Ok(Flow::Next),
            None => Err(Failure::Text(format!("remove: field does not exist: {}", self.field))),
        }
    }
}
