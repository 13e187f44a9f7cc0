//! `time_parser`: sets the timestamp of a record from one of its fields.

use super::{Built, Cx, Failure, Flow, Operator, Transformer};
use crate::entry::Entry;
use crate::timestamp::{TimeKeys, TimeParser};
use config::Problems;

impl Transformer for TimeKeys {
    fn plan(&self, found: &mut Problems) -> Option<Built> {
        TimeParser::new(self, found).map(Built::transformer)
    }
}

impl Operator for TimeParser {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        self.parse(entry, cx.arena)?;
        Ok(Flow::Next)
    }
}
