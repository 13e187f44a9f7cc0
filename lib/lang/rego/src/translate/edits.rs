//! Changes of a text that keep its lines, and where its bytes came from.

use std::ops::Range;

/// Changes, in the order in which they were found.
#[derive(Debug, Default)]
pub struct Edits {
    list: Vec<(Range<usize>, String)>,
}

/// A changed text.
#[derive(Debug, Clone, Default)]
pub struct Edited {
    /// The text.
    pub text: String,
    /// Pieces: first byte here, first byte there, and whether the piece is as it was.
    pieces: Vec<(usize, usize, bool)>,
}

impl Edits {
    /// Puts `with` in front of the byte `at`.
    pub fn insert(&mut self, at: usize, with: impl Into<String>) {
        self.list.push((at..at, with.into()));
    }

    /// Puts `with` in place of `span`.
    pub fn replace(&mut self, span: Range<usize>, with: impl Into<String>) {
        self.list.push((span, with.into()));
    }

    /// Puts spaces in place of `span`; its lines stay.
    pub fn blank(&mut self, text: &str, span: Range<usize>) {
        let part = text.get(span.clone()).unwrap_or_default();
        let spaces =
            part.bytes().map(|it| if it == b'\n' { '\n' } else { ' ' }).collect::<String>();
        self.list.push((span, spaces));
    }

    /// A part of the text with the changes in it.
    pub fn within(self, text: &str, part: &Range<usize>) -> String {
        let moved = |it: usize| it.saturating_sub(part.start);
        let list =
            self.list.into_iter().map(|(span, with)| (moved(span.start)..moved(span.end), with));
        let text = text.get(part.clone()).unwrap_or_default();
        Self { list: list.collect() }.apply(text).text
    }

    /// Makes the changes. Of changes at one place the first found stands first; what overlaps an earlier one is left
    /// out, because it lies in text that is gone.
    pub fn apply(mut self, text: &str) -> Edited {
        self.list.sort_by_key(|(span, _)| span.start);
        let mut edited = Edited::default();
        let mut at = 0;
        for (span, with) in self.list {
            if span.start < at || span.end > text.len() {
                continue;
            }
            edited.push(text, at..span.start);
            edited.pieces.push((edited.text.len(), span.start, false));
            edited.text.push_str(&with);
            at = span.end;
        }
        edited.push(text, at..text.len());
        edited
    }
}

impl Edited {
    fn push(&mut self, text: &str, span: Range<usize>) {
        self.pieces.push((self.text.len(), span.start, true));
        self.text.push_str(text.get(span).unwrap_or_default());
    }

    /// Where a byte of the changed text came from; new text came from the place where it was put.
    pub fn origin(&self, at: usize) -> usize {
        let next = self.pieces.partition_point(|(start, ..)| *start <= at);
        match self.pieces.get(next.saturating_sub(1)) {
            Some((start, origin, true)) => origin + at.saturating_sub(*start),
            Some((_, origin, false)) => *origin,
            None => at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_behind_a_change_knows_where_it_was() {
        let mut edits = Edits::default();
        edits.insert(4, "xyz");
        edits.replace(6..8, "Q");
        let edited = edits.apply("abcdefghij");
        assert_eq!(edited.text, "abcdxyzefQij");
        assert_eq!([edited.origin(3), edited.origin(5), edited.origin(7)], [3, 4, 4]);
        assert_eq!([edited.origin(9), edited.origin(10), edited.origin(11)], [6, 8, 9]);
    }

    #[test]
    fn blanks_keep_lines() {
        let mut edits = Edits::default();
        edits.blank("a\nbc\nd", 0..4);
        assert_eq!(edits.apply("a\nbc\nd").text, " \n  \nd");
    }
}
