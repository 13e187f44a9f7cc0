//! Parts of numbers, where a field or a position has fewer bits than what it comes from. Each function says what is kept;
//! everything else in this crate is converted by `From`, by `cast_signed` and `cast_unsigned`, or checked.

/// The last 32 bits, as protobuf keeps them of a varint that is too long for its field, and Go of an `int64`.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "what comes before them is to go")]
pub(crate) const fn last_32(raw: u64) -> u32 {
    raw as u32
}

/// The same of a number with a sign: `int32`, enums.
#[inline]
pub(crate) const fn last_32_signed(raw: u64) -> i32 {
    last_32(raw).cast_signed()
}

/// How a varint holds an `int32` or an enum: a negative one with all 64 bits.
#[inline]
pub(crate) fn extended(value: i32) -> u64 {
    i64::from(value).cast_unsigned()
}

/// The last 8 bits.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "what comes before them is to go")]
pub(crate) const fn last_8(raw: u64) -> u8 {
    raw as u8
}

/// The tag of a field whose number is below 16: one byte.
#[inline]
pub(crate) const fn short_tag(number: u32, wire: u8) -> u8 {
    debug_assert!(number < 16, "longer tags are varints");
    last_8((number << 3) as u64) | wire
}

/// A position or length in a payload, or in what edits have written beside one. Payloads have a limit far below 4 GiB
/// (`PAYLOAD_BYTES_MAX`), so that two of these are one word.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "payloads have a limit")]
pub(crate) const fn position(at: usize) -> u32 {
    debug_assert!(at <= u32::MAX as usize, "payloads have a limit");
    at as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_the_end_of_a_number() {
        let raw = 0xffff_fff0_8000_0001;
        assert_eq!(
            (last_32(raw), last_32_signed(raw), last_8(raw)),
            (1 << 31 | 1, i32::MIN + 1, 1)
        );
        assert_eq!((extended(-1), extended(7)), (u64::MAX, 7));
        assert_eq!((short_tag(15, 2), position(7)), (0x7a, 7));
    }
}
