//! Rules: for which endpoints a receiver is started.

use bumpalo::Bump;
use component::Endpoint;
use expr::Program;
use golang::regexp;

use crate::config::KINDS;
use crate::environment::Environment;

/// A compiled rule.
#[derive(Debug)]
pub(crate) struct Rule(Program);

impl Rule {
    /// Compiles.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("rule cannot be empty".into());
        }
        // As upstream: an endpoint of another type has other names, so the type is looked at first.
        let kinds = KINDS.map(|it| it.replace('.', "\\.")).join("|");
        let begins = regexp::compile(&format!("^type\\s*==\\s*[\"'](?:{kinds})[\"']"));
        if !begins.map_err(|it| it.text)?.is_match(text) {
            return Err("rule must specify type".into());
        }
        Program::of_endpoint(text).map(Self).map_err(|it| it.text)
    }

    /// It is for this endpoint.
    pub(crate) fn matches(&self, endpoint: &Endpoint) -> Result<bool, String> {
        let arena = Bump::new();
        let environment = Environment::new(endpoint, &arena);
        self.0.holds(&environment, &arena)
    }
}
