//! `retain`: keeps the listed fields and drops everything else of the places that the list mentions.

use bumpalo::collections::Vec as ArenaVec;
use config::Fault;

use super::{Built, Cx, Failure, Flow, Operator};
use crate::entry::Entry;
use crate::field::{Field, Root};
use crate::section::Section;
use crate::value::Value;

#[derive(Debug)]
struct Retain {
    fields: Vec<Field>,
}

/// Makes it.
pub(crate) fn build(section: &mut Section<'_>) -> Result<Built, Fault> {
    let mut fields = Vec::new();
    for (i, text) in section.texts("fields").iter().enumerate() {
        match Field::parse(text, true) {
            Ok(field) => fields.push(field),
            Err(problem) => {
                section.complain(&format!("fields[{i}]"), problem.text());
            }
        }
    }
    section.check()?;
    if fields.is_empty() {
        return Err("retain: 'fields' is empty".into());
    }
    Ok(Built::transformer(Retain { fields }))
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
