//! Times of events: seconds with a fraction, or whole milliseconds, microseconds or nanoseconds since 1970, as their size says.

/// Digits that nanoseconds of a second have.
const DIGITS: usize = 9;

/// Nanoseconds since 1970; a time before is 0. `None` if it is no number.
pub(crate) fn unix_nano(text: &str) -> Option<u64> {
    exact(text).or_else(|| {
        let number = golang::strconv::parse_float(text).ok()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        Some((number * unit(number) as f64) as u64)
    })
}

/// Without the rounding of a floating point number.
fn exact(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let unit = unit(whole as f64);
    let fraction = fraction.get(..DIGITS).unwrap_or(fraction);
    let parts: u64 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let scale = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
    let nanos = u128::from(parts) * u128::from(unit) / u128::from(scale);
    whole.checked_mul(unit)?.checked_add(u64::try_from(nanos).ok()?)
}

/// Nanoseconds of what a number of this size counts.
fn unit(number: f64) -> u64 {
    match number {
        it if it >= 1e16 => 1,
        it if it >= 1e13 => 1_000,
        it if it >= 1e10 => 1_000_000,
        _ => 1_000_000_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_number_says_what_it_counts() {
        for (text, want) in [
            ("0", Some(0)),
            ("1234567890", Some(1_234_567_890_000_000_000)),
            ("1234567890123", Some(1_234_567_890_123_000_000)),
            ("1234567890123456", Some(1_234_567_890_123_456_000)),
            ("1234567890123456789", Some(1_234_567_890_123_456_789)),
            ("1234567890.123456789", Some(1_234_567_890_123_456_789)),
            ("1234567890.1234567891", Some(1_234_567_890_123_456_789)),
            ("1718000000.5", Some(1_718_000_000_500_000_000)),
            ("1.5e9", Some(1_500_000_000_000_000_000)),
            ("-1", Some(0)),
            ("99999999999999999999", Some(u64::MAX)),
            ("", None),
            (".5", Some(500_000_000)),
            ("now", None),
        ] {
            assert_eq!(unix_nano(text), want, "{text}");
        }
    }
}
