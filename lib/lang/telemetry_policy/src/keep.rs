//! What becomes of a record: `keep`.

use golang::number::whole_unsigned;

/// The threshold that nothing reaches.
pub(crate) const THRESHOLD_MAX: u64 = 1 << 56;

/// Most records per window, and longest window: what fits the specification's numbers.
const RATE_MAX: u32 = u32::MAX;

/// What becomes of a record for which all matchers hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Keep {
    /// It stays.
    All,
    /// It goes.
    None,
    /// Of log records: this share stays, in percent.
    Percent(f64),
    /// Of spans: a share stays, and the span says which.
    Probability(Probability),
    /// At most `records` per window.
    Rate {
        /// How many.
        records: u32,
        /// The window, in seconds.
        seconds: u64,
    },
}

/// A share of the spans.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probability {
    /// In percent, more than 0 and less than 100.
    pub percentage: f64,
    /// How it comes together with the share that senders took.
    pub mode: Mode,
    /// Hexadecimal digits of the threshold, 1 to 14.
    pub precision: usize,
    /// Hashed with the trace id, unless it is 0.
    pub hash_seed: u32,
    /// Whether spans go of which nobody can say if they belong to the share.
    pub fail_closed: bool,
}

/// How a share comes together with the share that senders took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Takes the share by the trace id and a seed.
    #[default]
    HashSeed,
    /// Takes the share of what comes in.
    Proportional,
    /// Takes from what comes in with a larger share.
    Equalizing,
}

/// As written when nobody says otherwise.
pub(crate) const PRECISION: usize = 4;
/// Most hexadecimal digits of a threshold.
pub(crate) const PRECISION_MAX: usize = 14;

impl Keep {
    /// Reads `all`, `none`, `N%`, `N/s`, `N/m`, `N/Ds`, `N/Dm`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match text {
            "" | "all" => return Some(Self::All),
            "none" => return Some(Self::None),
            _ => {}
        }
        if let Some(number) = text.strip_suffix('%') {
            return Self::percent(number.parse().ok()?);
        }
        let (records, window) = text.split_once('/')?;
        let (count, unit) = match window.strip_suffix('s') {
            Some(count) => (count, 1),
            None => (window.strip_suffix('m')?, 60),
        };
        let records = positive(records)?;
        let count = if count.is_empty() { 1 } else { positive(count)? };
        Some(Self::Rate { records, seconds: u64::from(count) * unit })
    }

    /// A share in percent.
    pub(crate) fn percent(it: f64) -> Option<Self> {
        (0.0..=100.0).contains(&it).then_some(match it {
            0.0 => Self::None,
            100.0 => Self::All,
            _ => Self::Percent(it),
        })
    }

    /// The share that stays as long as nothing else decides.
    pub(crate) fn share(&self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Percent(it) | Self::Probability(Probability { percentage: it, .. }) => *it,
            Self::All | Self::Rate { .. } => 100.0,
        }
    }
}

/// A whole number from 1.
fn positive(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    text.parse().ok().filter(|it| digits && (1..=RATE_MAX).contains(it))
}

impl Probability {
    /// Below this a span goes.
    pub(crate) fn threshold(&self) -> u64 {
        threshold(self.percentage)
    }
}

/// The threshold of a share in percent: `(1 - p) * 2^56`.
pub(crate) fn threshold(percentage: f64) -> u64 {
    whole_unsigned((1.0 - percentage / 100.0) * THRESHOLD_MAX as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read() {
        for (text, want) in [
            ("", Some(Keep::All)),
            (" all ", Some(Keep::All)),
            ("none", Some(Keep::None)),
            ("0%", Some(Keep::None)),
            ("100%", Some(Keep::All)),
            ("0.5%", Some(Keep::Percent(0.5))),
            ("100/s", Some(Keep::Rate { records: 100, seconds: 1 })),
            ("1/m", Some(Keep::Rate { records: 1, seconds: 60 })),
            ("10/5m", Some(Keep::Rate { records: 10, seconds: 300 })),
            ("1/300s", Some(Keep::Rate { records: 1, seconds: 300 })),
        ] {
            assert_eq!(Keep::parse(text), want, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        for text in [
            "bogus",
            "101%",
            "-1%",
            "nan%",
            "%",
            "0/s",
            "1/0s",
            "1.5/s",
            "1/1.5s",
            "+1/s",
            "1/h",
            "/s",
            "1/",
            "4294967296/s",
        ] {
            assert_eq!(Keep::parse(text), None, "{text}");
        }
    }
}
