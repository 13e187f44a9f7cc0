//! An instant as the clock of some place shows it.

use std::fmt;

use super::write::{Shown, write, write_to};
use crate::number::wrapped;

/// An instant, and the place of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Since 1970, UTC.
    pub nanos: i128,
    /// Of the clock that shows it.
    pub offset_seconds: i32,
    /// What that clock calls its zone.
    pub zone: Abbreviation,
}

impl Reading {
    /// An instant that a clock of UTC shows.
    pub const fn utc(nanos: i128) -> Self {
        Self { nanos, offset_seconds: 0, zone: Abbreviation::UTC }
    }

    /// As a Go layout writes it.
    pub fn format(&self, layout: &str) -> String {
        write(layout, self.shown())
    }

    fn shown(&self) -> Shown<'_> {
        let second = 1_000_000_000;
        let seconds = wrapped(self.nanos.div_euclid(second));
        Shown {
            seconds: seconds.saturating_add(i64::from(self.offset_seconds)),
            nanos: u32::try_from(self.nanos.rem_euclid(second)).unwrap_or_default(),
            offset_seconds: self.offset_seconds,
            zone: self.zone.as_str(),
        }
    }
}

impl fmt::Display for Reading {
    /// As Go's `%v`: `2020-02-11 20:26:12.5 +0000 UTC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_to(f, "2006-01-02 15:04:05.999999999 -0700 MST", self.shown())
    }
}

/// What clocks of a zone call it at some time: `EST`. It is empty where only an offset is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abbreviation([u8; Self::BYTES_MAX]);

impl Abbreviation {
    /// `GMT+12`, which Go's parser takes, and `+1245` of the time zone database are the longest.
    const BYTES_MAX: usize = 6;

    /// Of UTC.
    pub const UTC: Self = Self(*b"UTC\0\0\0");

    /// Of a zone that is only known by its offset.
    pub(super) const NONE: Self = Self([0; Self::BYTES_MAX]);

    pub(super) fn new(text: &str) -> Self {
        let mut bytes = [0; Self::BYTES_MAX];
        if let Some(start) = bytes.get_mut(..text.len()) {
            start.copy_from_slice(text.as_bytes());
        }
        Self(bytes)
    }

    /// Its letters.
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|it| *it == 0).unwrap_or(Self::BYTES_MAX);
        self.0.get(..end).and_then(|it| std::str::from_utf8(it).ok()).unwrap_or_default()
    }
}
