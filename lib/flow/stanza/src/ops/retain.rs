//! `retain`: keeps the listed fields and drops everything else of the places that the list mentions.

use bumpalo::collections::Vec as ArenaVec;
use config::{Described, Problems};
use serde::{Deserialize, Serialize};

use super::{Built, Cx, Failure, Flow, Operator, Transformer};
use crate::entry::Entry;
use crate::field::{Field, Root};
use crate::keys::Place;
use crate::value::Value;

#[derive(Debug)]
struct Retain {
    fields: Vec<Field>,
}

/// The keys of `retain`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Described)]
pub(crate) struct Config {
    /// The fields to keep. If the list names a field of the body, of the attributes or of the resource, all other fields
    /// of that part are removed. A part of which the list names no field stays as it is. Required.
    fields: Vec<Place>,
}

impl Transformer for Config {
    fn plan(&self, found: &mut Problems) -> Option<Built> {
        if self.fields.is_empty() {
            found.late("", "retain: 'fields' is empty").require("fields", "[body]");
            return None;
        }
        let fields = self.fields.iter().enumerate();
        let fields: Vec<Option<Field>> =
            fields.map(|(at, it)| it.field(&format!("fields::{at}"), found)).collect();
        let fields = fields.into_iter().collect::<Option<Vec<Field>>>()?;
        Some(Built::transformer(Retain { fields }))
    }
}

impl Operator for Retain {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        let mut kept: ArenaVec<'a, Option<Value<'a>>> = ArenaVec::new_in(cx.arena);
        kept.extend(self.fields.iter().map(|field| field.get(entry, cx.arena)));
        for root in [Root::Body, Root::Attributes, Root::Resource] {
            if self.fields.iter().any(|it| it.place() == root) {
                Field::root(root).delete(entry, cx.arena);
            }
        }
        for (field, value) in self.fields.iter().zip(kept) {
            if let Some(value) = value {
                field.set(entry, value, cx.arena)?;
            }
        }
        Ok(Flow::Next)
    }
}
