//! Rounds as upstream does, so that a ratio of whole numbers has no more digits than they have
//! (`internal/common/precision` of the Collector).

/// The ratio, with as many digits as the larger number has.
pub(crate) fn ratio(numerator: u64, denominator: u64) -> f64 {
    let (a, b) = (numerator as f64, denominator as f64);
    if denominator == 0 {
        return a / b;
    }
    let digits = (a.max(b).log10().floor() + 1.0).max(1.0);
    let scale = 10_f64.powf(digits);
    (a / b * scale).round() / scale
}

/// Seconds of so many milliseconds, with three digits behind the point.
pub(crate) fn seconds(milliseconds: u64) -> f64 {
    let seconds = milliseconds as f64 / 1000.0;
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "rounding makes them exact")]
    fn a_ratio_has_the_digits_of_its_numbers() {
        assert_eq!(ratio(1, 3), 0.3);
        assert_eq!(ratio(100, 300), 0.333);
        assert_eq!(ratio(2, 1), 2.0);
        assert_eq!(ratio(0, 5), 0.0);
        assert!(ratio(0, 0).is_nan() && ratio(1, 0).is_infinite());
        assert_eq!(seconds(12_345), 12.345);
    }
}
