//! Conversions of numbers that the language does not make by itself.

/// The place of a policy, a text or a change in its list: there are far fewer than 2^32 of them.
#[inline]
pub(crate) fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// As 32 bits hold it.
#[expect(clippy::cast_possible_truncation, reason = "that is what it is for")]
pub(crate) fn single(number: f64) -> f64 {
    f64::from(number as f32)
}
