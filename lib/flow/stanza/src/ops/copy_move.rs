//! `copy` and `move`: a value from one field to another. What is there is overwritten, maps merge.

use super::{Built, Cx, Failure, Flow, Operator};
use crate::entry::Entry;
use crate::field::Field;
use crate::section::Section;
use config::Fault;

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

/// Makes `copy`.
pub(crate) fn build_copy(section: &mut Section<'_>) -> Result<Built, Fault> {
    let (from, to) = (section.field("from", false), section.field("to", false));
    section.check()?;
    let from = from.ok_or("copy: missing from field")?;
    let to = to.ok_or("copy: missing to field")?;
    Ok(Built::transformer(Copy { from, to }))
}

/// Makes `move`.
pub(crate) fn build_move(section: &mut Section<'_>) -> Result<Built, Fault> {
    let (from, to) = (section.field("from", true), section.field("to", true));
    section.check()?;
    let from = from.ok_or("move: missing from field")?;
    let to = to.ok_or("move: missing to field")?;
    Ok(Built::transformer(Move { from, to }))
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
