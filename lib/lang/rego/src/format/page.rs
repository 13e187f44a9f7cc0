//! The text that grows: lines, indents, and comments, which come back where they stood.
//!
//! A comment beside code waits for the end of the line that is being written. Where two wait for the same line, a list has
//! been joined that had comments between its items: then it stays as its author wrote it (`Unexpected`).

use crate::syntax::{Lines, Span};

/// A comment stands where none can be written: what it is in stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unexpected;

pub type Done = Result<(), Unexpected>;

#[derive(Debug, Clone, Copy)]
struct Comment {
    row: u32,
    start: usize,
    end: usize,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a state of its own")]
pub struct Page<'t> {
    pub text: &'t str,
    lines: Lines,
    /// In the order of the text.
    comments: Vec<Comment>,
    /// The first that is not written yet.
    next: usize,
    out: String,
    level: usize,
    /// A line has begun.
    is_inside: bool,
    /// Waits for the end of the line.
    beside: Option<Comment>,
    /// What stays as it is takes the comment behind it along.
    pub takes_last: bool,
    /// `not {x}` negates a body.
    pub negates_bodies: bool,
    /// `and` is a keyword.
    pub has_and: bool,
    /// `or` is one.
    pub has_or: bool,
}

/// Where writing can go back to.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    length: usize,
    level: usize,
    next: usize,
}

impl<'t> Page<'t> {
    /// `skipped` are the rows whose comments somebody else writes.
    pub fn new(text: &'t str, comments: &[Span], skipped: &[u32]) -> Self {
        let lines = Lines::new("", text);
        let comment = |it: &Span| {
            let row = lines.location(it.start).row;
            let length = text.get(it.clone()).unwrap_or_default().trim_end().len();
            Comment { row, start: it.start, end: it.start + length }
        };
        let comments = comments.iter().map(comment).filter(|it| !skipped.contains(&it.row));
        let comments = comments.collect();
        Self {
            text,
            lines,
            comments,
            next: 0,
            out: String::new(),
            level: 0,
            is_inside: false,
            beside: None,
            takes_last: false,
            negates_bodies: false,
            has_and: false,
            has_or: false,
        }
    }

    /// What was written, with one line end behind it.
    pub fn finish(mut self) -> String {
        let rest = self.comments.get(self.next..).unwrap_or_default().to_vec();
        for comment in rest {
            self.line(comment);
        }
        let length = self.out.trim_end_matches('\n').len();
        self.out.truncate(length);
        self.out.push('\n');
        self.out
    }

    pub fn row(&self, at: usize) -> u32 {
        self.lines.location(at).row
    }

    /// The row of what stands before this byte.
    pub fn end_row(&self, end: usize) -> u32 {
        let before = self.text.get(..end).unwrap_or_default().trim_end().len();
        self.row(before.saturating_sub(1))
    }

    pub fn slice(&self, span: &Span) -> &'t str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    pub fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    pub fn start_line(&mut self) {
        self.is_inside = true;
        self.out.extend(std::iter::repeat_n('\t', self.level));
    }

    /// If none has begun.
    pub fn need_line(&mut self) {
        if !self.is_inside {
            self.start_line();
        }
    }

    pub fn end_line(&mut self) {
        self.is_inside = false;
        if let Some(comment) = self.beside.take() {
            self.out.push(' ');
            self.comment(comment);
        }
        self.out.push('\n');
    }

    pub fn blank_line(&mut self) {
        if self.is_inside {
            self.end_line();
        }
        self.out.push('\n');
    }

    pub fn up(&mut self) {
        self.level += 1;
    }

    pub fn down(&mut self) {
        self.level = self.level.saturating_sub(1);
    }

    /// Begins a list of several lines. The comment beside its bracket goes beside its first item.
    pub fn begin_list(&mut self) {
        self.out.push('\n');
        self.up();
        self.start_line();
    }

    fn comment(&mut self, comment: Comment) {
        let text = self.text.get(comment.start..comment.end).unwrap_or_default();
        self.out.push_str(text);
    }

    fn line(&mut self, comment: Comment) {
        self.need_line();
        self.comment(comment);
        self.end_line();
    }

    fn is_metadata(&self, comment: Comment) -> bool {
        let text = self.text.get(comment.start..comment.end).unwrap_or_default();
        text.trim_start_matches('#').trim() == "METADATA"
    }

    fn upcoming(&self) -> Option<Comment> {
        self.comments.get(self.next).copied()
    }

    /// The comments above a row, and the one beside it.
    pub fn comments_to(&mut self, row: u32) -> Done {
        let mut before: Option<Comment> = None;
        let mut is_in_metadata = false;
        while let Some(comment) = self.upcoming().filter(|it| it.row < row) {
            let gap = before.map_or(0, |it| comment.row - it.row);
            let is_metadata = self.is_metadata(comment);
            if gap > 1 {
                self.blank_line();
                is_in_metadata = false;
            } else if is_in_metadata && is_metadata {
                self.blank_line();
            }
            is_in_metadata |= is_metadata;
            self.line(comment);
            before = Some(comment);
            self.next += 1;
        }
        if before.is_some_and(|it| row - it.row > 1) {
            self.blank_line();
        }
        let Some(comment) = self.upcoming().filter(|it| it.row == row) else { return Ok(()) };
        self.next += 1;
        if self.beside.take().is_some() {
            return Err(Unexpected);
        }
        self.beside = Some(comment);
        Ok(())
    }

    /// A comment is not written yet that stands above this row, or beside what was written.
    pub fn has_comment_above(&self, row: u32) -> bool {
        self.beside.is_some() || self.upcoming().is_some_and(|it| it.row < row)
    }

    /// A comment that is not written yet stands between two rows.
    pub fn has_comment_between(&self, from: u32, to: u32) -> bool {
        let rest = self.comments.get(self.next..).unwrap_or_default();
        let mut rest = rest.iter().skip_while(|it| it.row <= from);
        rest.next().is_some_and(|it| it.row < to)
    }

    /// A comment that is not written yet stands in this row.
    pub fn has_comment_in(&self, row: u32) -> bool {
        self.upcoming().is_some_and(|it| it.row == row)
    }

    pub fn mark(&self) -> Mark {
        Mark { length: self.out.len(), level: self.level, next: self.next }
    }

    /// Takes back what was written since the mark, and writes this part of the text as it is.
    pub fn as_it_is(&mut self, mark: Mark, span: &Span) {
        self.out.truncate(mark.length);
        (self.level, self.next) = (mark.level, mark.next);
        let (first, last) = (self.row(span.start), self.end_row(span.end));
        self.beside = self.beside.filter(|it| !(first..=last).contains(&it.row));
        self.put(self.slice(span));
        self.is_inside = true;
        while self.upcoming().is_some_and(|it| it.row < last) {
            self.next += 1;
        }
        if self.takes_last
            && let Some(comment) = self.upcoming().filter(|it| it.row == last)
        {
            self.next += 1;
            self.put(" ");
            self.comment(comment);
        }
    }
}
