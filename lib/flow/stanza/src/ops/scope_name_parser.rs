//! `scope_name_parser`: sets the name of the scope of a record from its fields.

use super::parser::{ScopeKeys, ScopeParser};
use super::{Built, Cx, Failure, Flow, Operator, Transformer};
use crate::entry::Entry;
use config::Problems;

impl Transformer for ScopeKeys {
    fn plan(&self, found: &mut Problems) -> Option<Built> {
        ScopeParser::new(self, found).map(Built::transformer)
    }
}

impl Operator for ScopeParser {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        self.parse(entry, cx.arena)?;
        Ok(Flow::Next)
    }
}
