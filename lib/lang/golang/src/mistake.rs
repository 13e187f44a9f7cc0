//! What is wrong with a text in a language.

use std::fmt;
use std::ops::Range;

/// Why a text is no pattern or no expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// In the words of Go, or of expr-lang with position and excerpt.
    pub text: String,
    /// The bytes of the text that are wrong; `None` if it is the text as a whole, or its end.
    pub at: Option<Range<usize>>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Mistake {}

impl From<Mistake> for String {
    fn from(it: Mistake) -> String {
        it.text
    }
}
