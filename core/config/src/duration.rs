//! Time spans as Go writes them.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::marks::DURATION;

/// A time span in Go's syntax (`1h2m3.5s`, `200ms`); a bare integer is nanoseconds, as in Go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Duration {
    nanos: i64,
}

impl Duration {
    /// What [`parse`](Self::parse) says of a unit that there is not.
    pub const UNKNOWN_UNIT: &'static str = "time: unknown unit";
    /// What it says of a text that is none of its syntax.
    const INVALID: &'static str = "time: invalid duration";

    /// No time.
    pub const ZERO: Duration = Duration { nanos: 0 };

    /// So many nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self { nanos }
    }

    /// So many milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self { nanos: millis * 1_000_000 }
    }

    /// So many seconds.
    pub const fn from_secs(secs: i64) -> Self {
        Self { nanos: secs * 1_000_000_000 }
    }

    /// The same as the standard library's, at most what 64 bits hold.
    pub fn of(time: std::time::Duration) -> Self {
        Self { nanos: i64::try_from(time.as_nanos()).unwrap_or(i64::MAX) }
    }

    /// In nanoseconds.
    pub const fn nanos(self) -> i64 {
        self.nanos
    }

    /// True below zero.
    pub const fn is_negative(self) -> bool {
        self.nanos < 0
    }

    /// The same in the standard library's type; zero when negative.
    pub const fn std(self) -> std::time::Duration {
        std::time::Duration::from_nanos(if self.nanos < 0 { 0 } else { self.nanos.unsigned_abs() })
    }

    /// Reads Go's syntax. `time.ParseDuration`, Go 1.25.
    ///
    /// # Errors
    /// `time: invalid duration`, `time: unknown unit`, `time: missing unit in duration`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (sign, mut rest) = match text.strip_prefix(['-', '+']) {
            Some(rest) => (if text.starts_with('-') { -1 } else { 1 }, rest),
            None => (1, text),
        };
        if rest == "0" {
            return Ok(Self::ZERO);
        }
        if rest.is_empty() {
            return Err(Self::INVALID);
        }
        let mut nanos: i128 = 0;
        while !rest.is_empty() {
            let number_end =
                rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, after) = rest.split_at(number_end);
            let unit_end =
                after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
            let (unit, next) = after.split_at(unit_end);
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            if whole.len() + fraction.len() == 0 || fraction.contains('.') || whole.len() > 19 {
                return Err(Self::INVALID);
            }
            let scale: i128 = match unit {
                "" => return Err("time: missing unit in duration"),
                "ns" => 1,
                "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
                "ms" => 1_000_000,
                "s" => 1_000_000_000,
                "m" => 60_000_000_000,
                "h" => 3_600_000_000_000,
                _ => return Err(Self::UNKNOWN_UNIT),
            };
            nanos += whole.parse::<i128>().unwrap_or(0) * scale;
            let fraction = &fraction[..fraction.len().min(18)];
            if !fraction.is_empty() {
                let digits: i128 = fraction.parse().map_err(|_| Self::INVALID)?;
                nanos += digits * scale / fraction.bytes().fold(1, |power, _| power * 10);
            }
            rest = next;
        }
        Ok(Self { nanos: i64::try_from(nanos * sign).map_err(|_| Self::INVALID)? })
    }
}

impl Duration {
    /// What mapstructure says of a text that is no time span: it cuts the quoted text off, at the last blank.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub(super) fn read(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|why| match text.rsplit_once(' ') {
            Some((before, _)) if why == Self::INVALID => format!("{why} \"{before}"),
            _ => why.to_owned(),
        })
    }
}

impl fmt::Display for Duration {
    /// As Go's `Duration.String`: `1h0m0s`, `1.5s`, `200ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.nanos < 0 { "-" } else { "" };
        let nanos = self.nanos.unsigned_abs();
        let fraction = |value: u64, scale: u64| {
            let mut text = format!("{}", value / scale);
            if !value.is_multiple_of(scale) {
                let digits = format!("{:0width$}", value % scale, width = scale.ilog10() as usize);
                text = format!("{text}.{}", digits.trim_end_matches('0'));
            }
            text
        };
        match nanos {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{sign}{nanos}ns"),
            1_000..1_000_000 => write!(f, "{sign}{}\u{b5}s", fraction(nanos, 1_000)),
            1_000_000..1_000_000_000 => write!(f, "{sign}{}ms", fraction(nanos, 1_000_000)),
            _ => {
                let (minutes, below) = (nanos / 60_000_000_000, nanos % 60_000_000_000);
                let seconds = fraction(below, 1_000_000_000);
                match (minutes / 60, minutes % 60) {
                    (0, 0) => write!(f, "{sign}{seconds}s"),
                    (0, m) => write!(f, "{sign}{m}m{seconds}s"),
                    (h, m) => write!(f, "{sign}{h}h{m}m{seconds}s"),
                }
            }
        }
    }
}

impl fmt::Debug for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(DURATION, &self.to_string())
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct GoDuration;
        impl<'de> Visitor<'de> for GoDuration {
            type Value = Duration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("time.Duration")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                inner: D,
            ) -> Result<Duration, D::Error> {
                inner.deserialize_any(self)
            }

            #[expect(clippy::cast_possible_truncation, reason = "Go cuts the fraction off, too")]
            fn visit_f64<E: serde::de::Error>(self, nanos: f64) -> Result<Duration, E> {
                Ok(Duration { nanos: nanos as i64 })
            }

            fn visit_unit<E>(self) -> Result<Duration, E> {
                Ok(Duration::ZERO)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Duration, E> {
                Duration::read(text).map_err(E::custom)
            }

            fn visit_i64<E>(self, nanos: i64) -> Result<Duration, E> {
                Ok(Duration { nanos })
            }

            fn visit_u64<E: serde::de::Error>(self, nanos: u64) -> Result<Duration, E> {
                let nanos = i64::try_from(nanos).map_err(E::custom)?;
                Ok(Duration { nanos })
            }
        }
        deserializer.deserialize_newtype_struct(DURATION, GoDuration)
    }
}
