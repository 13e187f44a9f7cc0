//! `noop`: passes records on. A place to send records to; `if` has no meaning here.

use super::{Built, Cx, Failure, Flow, Operator};
use crate::entry::Entry;
use crate::section::Section;
use config::Fault;

#[derive(Debug)]
struct Noop;

/// Makes it.
#[expect(clippy::unnecessary_wraps, reason = "all operators are made alike")]
pub(crate) fn build(_: &mut Section<'_>) -> Result<Built, Fault> {
    Ok(Built::plain(Noop))
}

impl Operator for Noop {
    fn process<'a>(&'a self, _: &mut Entry<'a>, _: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        Ok(Flow::Next)
    }
}
