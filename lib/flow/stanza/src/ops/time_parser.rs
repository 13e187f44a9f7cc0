//! `time_parser`: sets the timestamp of a record from one of its fields.

use super::{Built, Cx, Failure, Flow, Operator};
use crate::entry::Entry;
use crate::section::{Mistake, Section};
use crate::timestamp::TimeParser;

/// Makes it.
pub(crate) fn build(section: &mut Section<'_>) -> Result<Built, Mistake> {
    Ok(Built::transformer(TimeParser::new(section)?))
}

impl Operator for TimeParser {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        self.parse(entry, cx.arena)?;
        Ok(Flow::Next)
    }
}
