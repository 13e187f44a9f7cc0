//! `noop`: passes records on. A place to send records to; `if` has no meaning here.

use super::{Built, Cx, Failure, Flow, Operator, Transformer};
use crate::entry::Entry;
use config::{Described, Problems};
use serde::{Deserialize, Serialize};

#[derive(Debug)]
struct Noop;

/// `noop` has no keys of its own.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, Described)]
pub(crate) struct Config {}

impl Transformer for Config {
    fn plan(&self, _: &mut Problems) -> Option<Built> {
        Some(Built::plain(Noop))
    }
}

impl Operator for Noop {
    fn process<'a>(&'a self, _: &mut Entry<'a>, _: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        Ok(Flow::Next)
    }
}
