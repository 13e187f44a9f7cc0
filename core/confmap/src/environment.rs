//! The variables that `${env:...}` sees.

use std::collections::BTreeMap;
use std::fmt;

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The variables that `${env:...}` sees; handed in, so that a test needs no process environment.
pub struct Environment {
    lookup: Box<Lookup>,
}

impl Environment {
    /// The variables of this process. One that is not UTF-8 has its bad bytes replaced.
    pub fn process() -> Self {
        let lookup =
            |name: &str| std::env::var_os(name).map(|it| it.to_string_lossy().into_owned());
        Self { lookup: Box::new(lookup) }
    }

    /// These variables and no others.
    pub fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        let variables: BTreeMap<String, String> =
            variables.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        Self { lookup: Box::new(move |name| variables.get(name).cloned()) }
    }

    /// The variables that a function knows.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { lookup: Box::new(lookup) }
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<String> {
        (self.lookup)(name)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}
