//! `trace_parser`: sets the ids of trace and span of a record from its fields.

use super::parser::{TraceKeys, TraceParser};
use super::{Built, Cx, Failure, Flow, Operator, Transformer};
use crate::entry::Entry;
use config::Problems;

impl Transformer for TraceKeys {
    fn plan(&self, found: &mut Problems) -> Option<Built> {
        TraceParser::new(self, found).map(Built::transformer)
    }
}

impl Operator for TraceParser {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        self.parse(entry, cx.arena)?;
        Ok(Flow::Next)
    }
}
