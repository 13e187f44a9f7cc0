//! Where records end: newline, a pattern before or after each record, or nowhere. Pure.

use std::ops::Range;

use memchr::memchr;
use regex::bytes::Regex;

use crate::encoding::Encoding;

/// Bytes kept while the rest of an over-long record is skipped: the next record's pattern may have begun.
const PATTERN_BYTES_MAX: usize = 1024;

/// How records are told apart.
#[derive(Debug, Clone)]
pub enum Mode {
    /// At each newline.
    Newline,
    /// A record runs from one match to the next.
    Start {
        /// Begins each record.
        pattern: Regex,
        /// Leaves the match out of the record.
        omit: bool,
    },
    /// A record runs to the end of a match.
    End {
        /// Ends each record.
        pattern: Regex,
        /// Leaves the match out of the record.
        omit: bool,
    },
    /// Whatever is there is a record.
    None,
}

/// Splits the bytes of a file.
#[derive(Debug, Clone)]
pub struct Splitter {
    /// How records are told apart.
    pub mode: Mode,
    /// Longest record, in bytes of the file; of UTF-8 where patterns split a file in another encoding.
    pub max: usize,
    /// The rest of a longer record is left out; otherwise it is the next record.
    pub truncate: bool,
    /// Of the file.
    pub encoding: Encoding,
    /// Keeps blanks at the start of a record.
    pub keep_leading: bool,
    /// Keeps blanks at the end of a record.
    pub keep_trailing: bool,
}

/// What the front of a buffer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A record; `next` bytes are used up.
    Record { content: Range<usize>, next: usize },
    /// So many bytes belong to nothing.
    Skip(usize),
    /// Not decidable without more bytes.
    More,
}

impl Splitter {
    /// Patterns are about characters: the file is decoded before it is split, and [`Splitter::step`] gets UTF-8.
    pub(crate) fn decodes_first(&self) -> bool {
        matches!(self.mode, Mode::Start { .. } | Mode::End { .. }) && !self.encoding.is_plain()
    }

    /// Bytes of one code unit of what is split.
    fn unit(&self) -> usize {
        if self.decodes_first() { 1 } else { self.encoding.unit() }
    }

    /// What the front of `buffer` is. `skipping` is the file's state for [`Splitter::truncate`];
    /// with `flush` the unfinished rest is a record.
    pub(crate) fn step(&self, skipping: &mut bool, buffer: &[u8], flush: bool) -> Step {
        if buffer.is_empty() {
            return Step::More;
        }
        if *skipping {
            return self.skip(skipping, buffer, flush);
        }
        let found = match &self.mode {
            Mode::Newline => self.newline(buffer),
            Mode::Start { pattern, omit } => start(pattern, *omit, buffer, flush),
            Mode::End { pattern, omit } => end(pattern, *omit, buffer),
            Mode::None => None,
        };
        match found {
            Some((content, next)) if content.end <= self.max() => Step::Record { content, next },
            _ if found.is_some()
                || self.decidable() <= buffer.len()
                || flush && self.max() < buffer.len() =>
            {
                *skipping = self.truncate && !matches!(self.mode, Mode::None);
                Step::Record { content: 0..self.max(), next: self.max() }
            }
            _ if flush || matches!(self.mode, Mode::None) => {
                Step::Record { content: 0..buffer.len(), next: buffer.len() }
            }
            _ => Step::More,
        }
    }

    /// So many bytes without an end are an over-long record: a terminator may follow the longest one.
    pub(crate) fn decidable(&self) -> usize {
        match self.mode {
            Mode::Newline => self.max() + 2 * self.unit(),
            Mode::None => self.max(),
            Mode::Start { .. } | Mode::End { .. } => self.max() + 1,
        }
    }

    fn max(&self) -> usize {
        let unit = self.unit();
        (self.max / unit * unit).max(unit)
    }

    fn newline(&self, buffer: &[u8]) -> Option<(Range<usize>, usize)> {
        let unit = self.encoding.unit();
        let at = self.find_newline(buffer)?;
        let is_cr = |it: &[u8]| match self.encoding {
            Encoding::Utf16Le => it == [b'\r', 0],
            Encoding::Utf16Be => it == [0, b'\r'],
            _ => it == [b'\r'],
        };
        let line = &buffer[..at];
        let end = if line.len() >= unit && is_cr(&line[at - unit..]) { at - unit } else { at };
        Some((0..end, at + unit))
    }

    /// Where the first terminator begins.
    fn find_newline(&self, buffer: &[u8]) -> Option<usize> {
        let (offset, low_first) = match self.encoding {
            Encoding::Utf16Le => (0, true),
            Encoding::Utf16Be => (1, false),
            other => return memchr(other.newline(), buffer),
        };
        let mut from = 0;
        while let Some(found) = memchr(b'\n', buffer.get(from..)?) {
            let at = from + found;
            let other = if low_first {
                buffer.get(at + 1)
            } else {
                at.checked_sub(1).map(|it| &buffer[it])
            };
            if at % 2 == offset && other == Some(&0) {
                return Some(at - offset);
            }
            from = at + 1;
        }
        None
    }

    fn skip(&self, skipping: &mut bool, buffer: &[u8], flush: bool) -> Step {
        let resume = match &self.mode {
            Mode::Newline => self.find_newline(buffer).map(|at| at + self.encoding.unit()),
            Mode::Start { pattern, .. } => pattern.find(buffer).map(|it| it.start()),
            Mode::End { pattern, .. } => pattern.find(buffer).map(|it| it.end()),
            Mode::None => Some(0),
        };
        if resume.is_some() || flush {
            *skipping = false;
        }
        let keep = if matches!(self.mode, Mode::Newline) { 1 } else { PATTERN_BYTES_MAX };
        match resume {
            Some(0) => self.step(skipping, buffer, flush),
            Some(at) => Step::Skip(at),
            None if flush => Step::Skip(buffer.len()),
            None if buffer.len() > keep => {
                let unit = self.unit();
                Step::Skip(((buffer.len() - keep) / unit * unit).max(unit))
            }
            None => Step::More,
        }
    }

    /// Removes blanks around a record.
    pub(crate) fn trim<'a>(&self, mut record: &'a [u8]) -> &'a [u8] {
        let blank = |it: &u8| matches!(it, b' ' | b'\t' | b'\r' | b'\n');
        if !self.keep_leading {
            while let Some((_, rest)) = record.split_first().filter(|(it, _)| blank(it)) {
                record = rest;
            }
        }
        if !self.keep_trailing {
            while let Some((_, rest)) = record.split_last().filter(|(it, _)| blank(it)) {
                record = rest;
            }
        }
        record
    }
}

fn start(pattern: &Regex, omit: bool, buffer: &[u8], flush: bool) -> Option<(Range<usize>, usize)> {
    let first = pattern.find(buffer)?;
    if first.start() > 0 {
        return Some((0..first.start(), first.start()));
    }
    let from = if omit { first.end() } else { 0 };
    // As upstream: what begins where the first match ends does not begin another record.
    let second = pattern.find_iter(buffer).find(|it| it.start() > first.end());
    match second {
        Some(second) => Some((from..second.start(), second.start())),
        None if flush => Some((from..buffer.len(), buffer.len())),
        None => None,
    }
}

fn end(pattern: &Regex, omit: bool, buffer: &[u8]) -> Option<(Range<usize>, usize)> {
    let found = pattern.find(buffer).filter(|it| it.end() > 0)?;
    Some((0..if omit { found.start() } else { found.end() }, found.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `^` and `$` match at line breaks, as the receiver has it.
    fn pattern(text: &str) -> Regex {
        Regex::new(&format!("(?m){text}")).unwrap()
    }

    fn splitter(mode: Mode) -> Splitter {
        Splitter {
            mode,
            max: 1 << 20,
            truncate: false,
            encoding: Encoding::Utf8,
            keep_leading: false,
            keep_trailing: false,
        }
    }

    fn starts(text: &str, omit: bool) -> Splitter {
        splitter(Mode::Start { pattern: pattern(text), omit })
    }

    fn ends(text: &str, omit: bool) -> Splitter {
        splitter(Mode::End { pattern: pattern(text), omit })
    }

    fn split(it: &Splitter, input: &[u8], flush: bool) -> Vec<String> {
        let (mut at, mut skipping, mut records) = (0, false, Vec::new());
        loop {
            match it.step(&mut skipping, &input[at..], flush) {
                Step::Record { content, next } => {
                    assert!(next > 0, "no progress");
                    let content = &input[at..][content];
                    records.push(String::from_utf8_lossy(content).into_owned());
                    at += next;
                }
                Step::Skip(bytes) => at += bytes,
                Step::More => return records,
            }
        }
    }

    #[track_caller]
    fn check(it: &Splitter, input: &str, want: &[&str]) {
        assert_eq!(split(it, input.as_bytes(), false), want);
    }

    #[test]
    fn lines_end_at_newlines_and_lose_one_carriage_return() {
        check(&splitter(Mode::Newline), "my log\r\n\nrest", &["my log", ""]);
        assert_eq!(split(&splitter(Mode::Newline), b"a\nb", true), ["a", "b"]);
    }

    #[test]
    fn wide_newlines_are_found_on_their_boundary_only() {
        let wide = |encoding| Splitter { encoding, ..splitter(Mode::Newline) };
        // U+0A0A is not a newline, nor are the two bytes across a boundary.
        let input = b"\x0a\x0a\x0a\x00f\x00";
        assert_eq!(split(&wide(Encoding::Utf16Le), input, false), ["\n\n"]);
        let input = b"\x0a\x00\x00\x0a\x00f";
        assert_eq!(split(&wide(Encoding::Utf16Be), input, false), ["\n\0"]);
    }

    #[test]
    fn a_start_pattern_cuts_before_each_match() {
        // What begins where a match ends does not begin another record.
        check(&starts("S", false), "SSaSbSS\nSc", &["SSa", "Sb", "SS\n"]);
        check(&starts("S", true), "SSaSbSS\nSc", &["Sa", "b", "S\n"]);
        let one = "LOGSTART 123 log1LOGSTART 123 a";
        check(&starts(r"LOGSTART \d+ ", false), one, &["LOGSTART 123 log1"]);
        let three = "LOGSTART 123 log1 LOGSTART 234 log2 LOGSTART 345 foo";
        check(&starts(r"LOGSTART \d+ ", true), three, &["log1 ", "log2 "]);
        let lines = "LOGSTART 123 LOGSTART 345 log1\nLOGSTART 234 log2\nLOGSTART 345 foo";
        let want = ["LOGSTART 123 LOGSTART 345 log1\n", "LOGSTART 234 log2\n"];
        check(&starts(r"^LOGSTART \d+ ", false), lines, &want);
        check(&starts(r"^LOGSTART \d+ ", true), lines, &["LOGSTART 345 log1\n", "log2\n"]);
        check(&starts(r"LOGSTART \d+ ", false), "file that has no matches in it", &[]);
        let late = "part that doesn't match LOGSTART 123 part that matchesLOGSTART 123 foo";
        let want = ["part that doesn't match ", "LOGSTART 123 part that matches"];
        check(&starts(r"LOGSTART \d+ ", false), late, &want);
    }

    #[test]
    fn an_end_pattern_cuts_after_each_match() {
        let two = "log1 LOGEND 123 log2 LOGEND 234 ";
        check(&ends(r"LOGEND \d+ ", false), two, &["log1 LOGEND 123 ", "log2 LOGEND 234 "]);
        check(&ends(r"LOGEND \d+ ", true), two, &["log1 ", "log2 "]);
        let lines = "log1 LOGEND LOGEND\nlog2 LOGEND\n";
        check(&ends("LOGEND$", false), lines, &["log1 LOGEND LOGEND", "\nlog2 LOGEND"]);
        check(&ends("LOGEND$", true), lines, &["log1 LOGEND ", "\nlog2 "]);
    }

    #[test]
    fn long_records_are_split_or_truncated_at_the_limit() {
        let cut = Splitter { max: 4, ..splitter(Mode::Newline) };
        check(&cut, "aaaaaaaaaa\nbbbb\nc\n", &["aaaa", "aaaa", "aa", "bbbb", "c"]);
        let drop = Splitter { truncate: true, ..cut.clone() };
        check(&drop, "aaaaaaaaaa\nb\n", &["aaaa", "b"]);
        let none = Splitter { max: 8, ..splitter(Mode::None) };
        check(&none, "testlog1\n\ttestlog2\n\t", &["testlog1", "\n\ttestlo", "g2\n\t"]);
        let start = Splitter { max: 4, truncate: true, ..starts("@", false) };
        check(&start, "@aaaaaaaa@b@c", &["@aaa", "@b"]);
    }

    #[test]
    fn blanks_are_trimmed_unless_they_are_wanted() {
        let it = splitter(Mode::Newline);
        assert_eq!(it.trim(b" \t a b \r\n"), b"a b");
        let it = Splitter { keep_leading: true, ..it };
        assert_eq!(it.trim(b" a "), b" a");
    }
}
