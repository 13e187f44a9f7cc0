//! `--config` locations and `--set` flags.

use crate::diagnostic::Diagnostics;
use crate::environment::Environment;
use crate::tree::Conf;

/// Where configuration comes from, as given on the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Locations {
    /// `--config`, merged from first to last.
    pub config: Vec<String>,
    /// `--set key.path=value`, merged after all of `config`.
    pub set: Vec<String>,
}

pub(crate) fn load_all(
    _locations: &Locations,
    _environment: &Environment,
) -> Result<Conf, Diagnostics> {
    Err(Diagnostics::new("not yet", vec![]))
}
