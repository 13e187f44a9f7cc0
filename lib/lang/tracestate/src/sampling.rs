//! Thresholds and randomness of consistent probability sampling: a threshold keeps what has at least so much
//! randomness. OTEP 235, <https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/>.

/// Hexadecimal digits of a threshold and of a randomness.
pub const DIGITS: u32 = 14;
/// 2^56: one more than the largest randomness.
const COUNT: u64 = 1 << 56;
/// The same as a number to calculate with.
const COUNT_REAL: f64 = 72_057_594_037_927_936.0;
/// The smallest probability that can be written.
pub const PROBABILITY_MIN: f64 = 1.0 / COUNT_REAL;

/// 56 bits of randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Randomness(u64);

impl Randomness {
    /// Kept by every threshold but the one that keeps nothing.
    pub const ALL: Self = Self(COUNT - 1);

    /// The last seven bytes of a trace id.
    pub fn of_trace(id: [u8; 16]) -> Self {
        let low = u128::from_be_bytes(id) & u128::from(COUNT - 1);
        Self(u64::try_from(low).unwrap_or_default())
    }

    /// 14 bits of a hash decide; the others are there so that the number is not always the same.
    pub fn hashed(bytes: &[u8], seed: u32) -> Self {
        let hash = golang::fnv::fnv1a_32(&[&seed.to_le_bytes(), bytes]);
        let decides = u64::from(hash) & (BUCKETS - 1);
        let unused = u64::from(hash >> 18);
        let mixed = unused ^ (unused << 10);
        Self(((BUCKETS - 1 - decides) << 42) | (mixed << 14) | decides)
    }

    /// From `rv`: 14 digits.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 14).then(|| hexadecimal(text)).flatten().map(Self)
    }

    /// As `rv` says it.
    pub fn text(self) -> String {
        format!("{:014x}", self.0)
    }
}

/// Outcomes of the hash, 14 bits of it.
const BUCKETS: u64 = 1 << 14;

/// How much randomness is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Threshold(u64);

impl Threshold {
    /// Keeps everything.
    pub const ALWAYS: Self = Self(0);
    /// Keeps nothing.
    pub const NEVER: Self = Self(COUNT);

    /// Whether so much randomness is enough.
    pub fn keeps(self, randomness: Randomness) -> bool {
        self.0 <= randomness.0
    }

    /// Keeps so many of the buckets of the hash.
    pub fn of_buckets(kept: u64) -> Self {
        Self(BUCKETS.saturating_sub(kept) << 42)
    }

    /// From `th`: up to 14 digits, zeros behind them are left out.
    pub fn parse(text: &str) -> Option<Self> {
        let missing = 14_usize.checked_sub(text.len()).filter(|it| *it < 14)?;
        hexadecimal(text).map(|it| Self(it << (4 * missing)))
    }

    /// Nothing for the threshold that keeps nothing.
    pub fn text(self) -> String {
        match self {
            Self::ALWAYS => "0".to_owned(),
            Self::NEVER => String::new(),
            Self(it) => format!("{it:014x}").trim_end_matches('0').to_owned(),
        }
    }

    /// The part of everything that it keeps.
    #[expect(clippy::cast_precision_loss, reason = "as upstream rounds it")]
    pub fn probability(self) -> f64 {
        COUNT.saturating_sub(self.0) as f64 / COUNT_REAL
    }

    /// How many spans one stands for that it keeps: rounded up or down by `random`, so that the mean is right. Upstream's
    /// `GetStochasticAdjustedCount`.
    pub fn adjusted_count(self, random: u64) -> u64 {
        let kept = COUNT.saturating_sub(self.0).max(1);
        COUNT / kept + u64::from(random % kept < COUNT % kept)
    }

    /// With so many digits, and more where the first ones say little; `None` outside of 2^-56 to 1.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is in 0..=2^56"
    )]
    pub fn of(probability: f64, precision: i64) -> Option<Self> {
        if !(PROBABILITY_MIN..=1.0).contains(&probability) {
            return None;
        }
        if probability >= 1.0 {
            return Some(Self::ALWAYS);
        }
        let near_zero = precision - i64::from(exponent(probability) / 4);
        let near_one = precision - i64::from(exponent(1.0 - probability) / 4);
        let digits = near_zero.max(near_one).min(i64::from(DIGITS));
        let mut threshold = COUNT - (probability * COUNT_REAL).round() as u64;
        let shift = u32::try_from(4 * (i64::from(DIGITS) - digits)).unwrap_or(56).min(56);
        if shift > 0 {
            threshold += 1 << (shift - 1);
            threshold = threshold >> shift << shift;
        }
        Some(Self(threshold))
    }
}

/// That of `frexp`: the number is between a half and one times two to it. Of a normal number in 0..1.
fn exponent(number: f64) -> i32 {
    let biased = (number.to_bits() >> 52) & 0x7ff;
    i32::try_from(biased).unwrap_or_default() - 1022
}

/// Digits only: no sign, as `strconv.ParseUint` has it.
fn hexadecimal(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|it| it.is_ascii_hexdigit());
    digits.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_stands_for_those_that_were_not_kept() {
        let count = |th: &str, random| Threshold::parse(th).unwrap().adjusted_count(random);
        assert_eq!((count("0", 7), count("8", 7), count("c", 7)), (1, 2, 4));
        // 3/4 of all are kept: each stands for 4/3.
        let threshold = Threshold::parse("4").unwrap();
        let kept = 3 << 54;
        assert_eq!(threshold.adjusted_count((1 << 54) - 1), 2);
        assert_eq!(threshold.adjusted_count(1 << 54), 1);
        assert_eq!(threshold.adjusted_count(kept), 2);
    }
}
