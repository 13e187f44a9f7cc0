//! `trace_parser`: sets the ids of trace and span of a record from its fields.

use super::parser::TraceParser;
use super::{Built, Cx, Failure, Flow, Operator};
use crate::entry::Entry;
use crate::section::Section;
use config::Fault;

/// Makes it.
pub(crate) fn build(section: &mut Section<'_>) -> Result<Built, Fault> {
    Ok(Built::transformer(TraceParser::new(section)?))
}

impl Operator for TraceParser {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        self.parse(entry, cx.arena)?;
        Ok(Flow::Next)
    }
}
