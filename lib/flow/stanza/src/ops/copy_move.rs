//! `copy` and `move`: a value from one field to another. What is there is overwritten, maps merge.

use super::{Built, Cx, Failure, Flow, Operator, Transformer};
use crate::entry::Entry;
use crate::field::Field;
use crate::keys::Place;
use config::{Described, Problems};
use serde::{Deserialize, Serialize};

#[derive(Debug)]
struct Copy {
    from: Field,
    to: Field,
}

#[derive(Debug)]
struct Move {
    from: Field,
    to: Field,
}

/// The keys of `copy`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Described)]
pub(crate) struct CopyConfig {
    /// Where the value is. Required.
    from: Place,
    /// Where it goes as well. What is there is overwritten; two maps are merged. Required.
    to: Place,
}

/// The keys of `move`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Described)]
pub(crate) struct MoveConfig {
    /// Where the value is. It is gone from there afterwards. Required.
    from: Place,
    /// Where it goes. What is there is overwritten; two maps are merged. Required.
    to: Place,
}

impl Transformer for CopyConfig {
    fn plan(&self, found: &mut Problems) -> Option<Built> {
        // In upstream's order.
        let to = self.to.required("to", "copy: missing to field", found);
        let from = self.from.required("from", "copy: missing from field", found);
        Some(Built::transformer(Copy { from: from?, to: to? }))
    }
}

impl Transformer for MoveConfig {
    fn plan(&self, found: &mut Problems) -> Option<Built> {
        // In upstream's order.
        let to = self.to.required("to", "copy: missing to field", found);
        let from = self.from.required("from", "copy: missing from field", found);
        Some(Built::transformer(Move { from: from?, to: to? }))
    }
}

impl Operator for Copy {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        let Some(value) = self.from.get(entry, cx.arena) else {
            let text = format!("copy: from field does not exist in this entry: {}", self.from);
            return Err(Failure::Text(text));
        };
        self.to.set(entry, value, cx.arena)?;
        Ok(Flow::Next)
    }
}

impl Operator for Move {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        let Some(value) = self.from.delete(entry, cx.arena) else {
            return Err(Failure::Text(format!("move: field does not exist: {}", self.from)));
        };
        self.to.set(entry, value, cx.arena)?;
        Ok(Flow::Next)
    }
}
