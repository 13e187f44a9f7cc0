//! `time_parser`: sets the timestamp of a record from one of its fields.

use super::{Built, Cx, Failure, Flow, Operator};
use crate::entry::Entry;
use crate::section::Section;
use crate::timestamp::TimeParser;
use config::Fault;

/// Makes it.
pub(crate) fn build(section: &mut Section<'_>) -> Result<Built, Fault> {
    Ok(Built::transformer(TimeParser::new(section)?))
}

impl Operator for TimeParser {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        self.parse(entry, cx.arena)?;
        Ok(Flow::Next)
    }
}
