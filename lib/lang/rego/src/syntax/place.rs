//! Bytes to rows and columns.

use crate::error::{Details, Error, Location};

/// Knows where the lines of a text begin.
#[derive(Debug, Clone)]
pub struct Lines {
    file: String,
    starts: Vec<usize>,
}

impl Lines {
    /// Of a text that is called `file`.
    pub fn new(file: &str, text: &str) -> Self {
        let behind = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(behind.map(|(at, _)| at + 1)).collect();
        Self { file: file.to_owned(), starts }
    }

    /// Where a byte of the text stands. Columns count bytes, as OPA's do.
    pub fn location(&self, at: usize) -> Location {
        let row = self.starts.partition_point(|start| *start <= at).max(1);
        let start = self.starts.get(row - 1).copied().unwrap_or_default();
        let number = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
        Location { file: self.file.clone(), row: number(row), col: number(at - start + 1) }
    }

    /// The byte at a row and a column.
    pub fn offset(&self, row: u32, col: u32) -> usize {
        let start = self.starts.get((row as usize).saturating_sub(1)).or(self.starts.last());
        start.copied().unwrap_or_default() + (col as usize).saturating_sub(1)
    }

    /// An error at a byte of `text`, with its line.
    pub fn error(&self, text: &str, at: usize, code: &'static str, message: String) -> Error {
        let location = self.location(at);
        let start = self.offset(location.row, 1);
        let line = text.get(start..).and_then(|it| it.lines().next()).unwrap_or_default();
        let idx = location.col.saturating_sub(1);
        let details = Some(Details { line: line.to_owned(), idx });
        Error { message, code, location: Some(location), details }
    }
}
