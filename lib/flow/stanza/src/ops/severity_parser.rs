//! `severity_parser`: sets the severity of a record from one of its fields.

use super::{Built, Cx, Failure, Flow, Operator, Transformer};
use crate::entry::Entry;
use crate::severity::{SeverityKeys, SeverityParser};
use config::Problems;

impl Transformer for SeverityKeys {
    fn plan(&self, found: &mut Problems) -> Option<Built> {
        SeverityParser::new(self, found).map(Built::transformer)
    }
}

impl Operator for SeverityParser {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        self.parse(entry, cx.arena)?;
        Ok(Flow::Next)
    }
}
