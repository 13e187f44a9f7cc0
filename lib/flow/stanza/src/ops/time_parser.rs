//! `time_parser`: sets the timestamp of a record from one of its fields.

use super::{Built, Cx, Failure, Flow, Operator, Transformer};
use crate::entry::Entry;
use crate::timestamp::{TimeKeys, TimeParser};
use config::{Fault, Problems, Stage};

impl Transformer for TimeKeys {
    fn plan(&self, found: &mut Problems) -> Option<Built> {
        let mut own = Problems::default();
        let made = TimeParser::new(self, &mut own);
        // Upstream says a broken rule of the struct that it embeds as well.
        let embedded: Vec<Fault> =
            own.of(Stage::Check).map(|it| it.clone().within_key("timeparser")).collect();
        found.take(own, |it| it);
        for it in embedded {
            found.add(it);
        }
        made.map(Built::transformer)
    }
}

impl Operator for TimeParser {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        self.parse(entry, cx.arena)?;
        Ok(Flow::Next)
    }
}
