//! Numbers of one kind as numbers of another, where a conversion of the standard library does not say it.

/// The whole part of a number, as near as 64 bits come to it; 0 for what is no number.
#[expect(clippy::cast_possible_truncation, reason = "what does not fit becomes the nearest one")]
pub const fn whole(number: f64) -> i64 {
    number as i64
}

/// The same without a sign: what is less than 0 becomes 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what does not fit becomes the nearest one"
)]
pub const fn whole_unsigned(number: f64) -> u64 {
    number as u64
}

/// The last 64 bits of a number, as Go's conversions keep them.
#[expect(clippy::cast_possible_truncation, reason = "that is what it is for")]
pub const fn wrapped(number: i128) -> i64 {
    number as i64
}

/// The last 32 bits of a number, for a hash.
#[expect(clippy::cast_possible_truncation, reason = "that is what it is for")]
pub(crate) const fn last_32_bits(number: usize) -> u32 {
    number as u32
}

/// A length or position as the `int` that it is in Go.
#[inline]
pub fn int(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_becomes_the_nearest_number_or_wraps() {
        assert_eq!([1.9, -1.9, 1e30, -1e30].map(whole), [1, -1, i64::MAX, i64::MIN]);
        assert_eq!(whole(f64::NAN), 0);
        assert_eq!([1.9, -1.9, 1e30].map(whole_unsigned), [1, 0, u64::MAX]);
        assert_eq!([-1, 1 << 63, 1 << 64].map(wrapped), [-1, i64::MIN, 0]);
        assert_eq!([0, 7, usize::MAX].map(int), [0, 7, i64::MAX]);
        assert_eq!([7, usize::MAX].map(last_32_bits), [7, u32::MAX]);
    }
}
