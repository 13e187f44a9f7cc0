//! A view changes what an instrument shows: `service: telemetry: metrics: views:`.

use std::sync::Arc;

use super::{Descriptor, Shape};

/// What to select, and how to show it. A selector that is empty selects all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct View {
    /// Name of the instrument, with `*` and `?`.
    pub name_pattern: String,
    /// Scope of the instrument.
    pub scope: String,
    /// Unit of the instrument.
    pub unit: String,
    /// Kinds of instrument.
    pub shapes: Vec<Shape>,
    /// Not shown at all.
    pub drop: bool,
    /// Shown under this name.
    pub name: Option<String>,
    /// Shown with this text.
    pub description: Option<String>,
    /// Bounds of a histogram.
    pub bounds: Option<Arc<[f64]>>,
    /// Attributes kept; empty keeps all.
    pub included: Vec<String>,
    /// Attributes left out.
    pub excluded: Vec<String>,
}

impl View {
    pub(super) fn selects(&self, shape: Shape, what: &Descriptor) -> bool {
        let pattern = if self.name_pattern.is_empty() { "*" } else { &self.name_pattern };
        matches(pattern.as_bytes(), what.name.as_bytes())
            && (self.scope.is_empty() || self.scope == what.scope)
            && (self.unit.is_empty() || self.unit == what.unit)
            && (self.shapes.is_empty() || self.shapes.contains(&shape))
    }

    pub(super) fn keeps(&self, key: &str) -> bool {
        let listed = |list: &[String]| list.iter().any(|it| it == key);
        !listed(&self.excluded) && (self.included.is_empty() || listed(&self.included))
    }
}

/// True when the text is one that the pattern stands for: `*` is any text, `?` one byte.
pub fn matches_wildcards(pattern: &str, text: &str) -> bool {
    matches(pattern.as_bytes(), text.as_bytes())
}

/// `*` stands for any text, `?` for one byte. Takes `pattern` times `text` steps at most.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut star) = (0, None);
    let mut read = 0;
    while let Some(byte) = text.get(read) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(it) if it == byte || *it == b'?' => (at, read) = (at + 1, read + 1),
            _ => {
                // The last star takes one byte more.
                let Some((position, taken)) = star else { return false };
                star = Some((position, taken + 1));
                (at, read) = (position + 1, taken + 1);
            }
        }
    }
    pattern.iter().skip(at).all(|it| *it == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_a_whole() {
        let cases = [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbcd", false),
            ("*b?d", "abcbcd", true),
            ("a?", "a", false),
            ("", "a", false),
        ];
        for (pattern, text, want) in cases {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), want, "{pattern} {text}");
        }
    }
}
