//! Up to where everything is done, when parts finish in any order. Pure: no files, no time.
//!
//! A file is handed on in consecutive ranges. Each is opened when it is sent and closed when the
//! answer has come. The watermark is the largest offset with no open range below; only it is ever
//! written to a checkpoint, so what a crash repeats lies above it and nothing is left out.

use std::collections::VecDeque;

/// The watermark of one file.
#[derive(Debug, Clone)]
pub struct Watermark {
    done: u64,
    sent: u64,
    first: u64,
    ranges: VecDeque<Range>,
}

#[derive(Debug, Clone, Copy)]
struct Range {
    end: u64,
    closed: bool,
}

/// An open range. Closing it twice has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(u64);

impl Watermark {
    /// Everything below `start` is done.
    pub fn new(start: u64) -> Self {
        Self { done: start, sent: start, first: 0, ranges: VecDeque::new() }
    }

    /// Opens the range from the end of the last one to `end`; `None` when that is empty.
    pub fn open(&mut self, end: u64) -> Option<Ticket> {
        if end <= self.sent {
            return None;
        }
        self.sent = end;
        self.ranges.push_back(Range { end, closed: false });
        Some(Ticket(self.first + self.ranges.len() as u64 - 1))
    }

    /// Closes a range; true when the watermark moved.
    pub fn close(&mut self, ticket: Ticket) -> bool {
        let index = ticket.0.checked_sub(self.first).and_then(|it| usize::try_from(it).ok());
        if let Some(range) = index.and_then(|it| self.ranges.get_mut(it)) {
            range.closed = true;
        }
        let before = self.done;
        while let Some(range) = self.ranges.front().filter(|it| it.closed) {
            self.done = range.end;
            self.first += 1;
            self.ranges.pop_front();
        }
        self.done != before
    }

    /// The largest offset with no open range below.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// The end of the last range.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// True when no range is open.
    #[cfg(test)]
    pub fn is_settled(&self) -> bool {
        self.ranges.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hole_holds_the_watermark_back() {
        let mut it = Watermark::new(10);
        let (a, b) = (it.open(20).unwrap(), it.open(30).unwrap());
        assert!(!it.close(b));
        assert_eq!((it.done(), it.is_settled()), (10, false));
        assert!(it.close(a));
        assert_eq!((it.done(), it.is_settled()), (30, true));
        assert!(!it.close(a));
        assert_eq!(it.open(30), None);
    }

    proptest! {
        /// The model: a list of ranges and a set of the closed ones, searched from the start.
        #[test]
        fn the_watermark_is_the_end_of_the_closed_prefix(
            start in 0_u64..1000,
            steps in proptest::collection::vec((0_u64..50, any::<prop::sample::Index>()), 1..80),
        ) {
            let mut it = Watermark::new(start);
            let mut model: Vec<(u64, Ticket, bool)> = Vec::new();
            let mut end = start;
            for (length, pick) in steps {
                end += length;
                if let Some(ticket) = it.open(end) {
                    model.push((end, ticket, false));
                }
                if !model.is_empty() && length % 2 == 0 {
                    let chosen = pick.index(model.len());
                    let before = it.done();
                    let moved = it.close(model[chosen].1);
                    model[chosen].2 = true;
                    prop_assert_eq!(moved, it.done() != before);
                }
                let prefix = model.iter().take_while(|range| range.2).last().map_or(start, |r| r.0);
                prop_assert_eq!(it.done(), prefix);
                prop_assert_eq!(it.sent(), end);
                prop_assert_eq!(it.is_settled(), model.iter().all(|range| range.2));
            }
        }
    }
}
