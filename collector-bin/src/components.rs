//! The components of this distribution, sorted.

use service::Registry;

/// Everything that a configuration may name.
pub fn components() -> Registry {
    Registry::default()
}
