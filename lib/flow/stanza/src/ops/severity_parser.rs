//! `severity_parser`: sets the severity of a record from one of its fields.

use super::{Built, Cx, Failure, Flow, Operator};
use crate::entry::Entry;
use crate::section::Section;
use crate::severity::SeverityParser;
use config::Fault;

/// Makes it.
pub(crate) fn build(section: &mut Section<'_>) -> Result<Built, Fault> {
    Ok(Built::transformer(SeverityParser::new(section)?))
}

impl Operator for SeverityParser {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        self.parse(entry, cx.arena)?;
        Ok(Flow::Next)
    }
}
