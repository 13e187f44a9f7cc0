//! `scope_name_parser`: sets the name of the scope of a record from its fields.

use super::parser::ScopeParser;
use super::{Built, Cx, Failure, Flow, Operator};
use crate::entry::Entry;
use crate::section::Section;
use config::Fault;

/// Makes it.
pub(crate) fn build(section: &mut Section<'_>) -> Result<Built, Fault> {
    Ok(Built::transformer(ScopeParser::new(section)?))
}

impl Operator for ScopeParser {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        self.parse(entry, cx.arena)?;
        Ok(Flow::Next)
    }
}
