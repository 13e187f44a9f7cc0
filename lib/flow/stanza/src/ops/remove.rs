//! `remove`: takes a field away; `attributes` or `resource` alone empties it.

use super::{Built, Cx, Failure, Flow, Operator};
use crate::entry::Entry;
use crate::field::Field;
use crate::section::Section;
use config::Fault;

#[derive(Debug)]
struct Remove {
    field: Field,
}

/// Makes it.
pub(crate) fn build(section: &mut Section<'_>) -> Result<Built, Fault> {
    let field = section.field("field", true);
    section.check()?;
    Ok(Built::transformer(Remove { field: field.ok_or("remove: field is empty")? }))
}

impl Operator for Remove {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        match self.field.delete(entry, cx.arena) {
            Some(_) => Ok(Flow::Next),
            None => Err(Failure::Text(format!("remove: field does not exist: {}", self.field))),
        }
    }
}
