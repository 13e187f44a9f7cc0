//! Bytes to text as Go's UTF-8 decoder does it.

use bumpalo::Bump;

/// The bytes as text. Every byte that belongs to no character becomes U+FFFD (one each, as
/// golang.org/x/text does; `String::from_utf8_lossy` would join some).
#[inline]
pub fn text<'a>(bytes: &'a [u8], arena: &'a Bump) -> &'a str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => repair(bytes, arena),
    }
}

#[cold]
fn repair<'a>(bytes: &[u8], arena: &'a Bump) -> &'a str {
    let mut all = bumpalo::collections::String::with_capacity_in(bytes.len() + 16, arena);
    for chunk in bytes.utf8_chunks() {
        all.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|_| all.push('\u{fffd}'));
    }
    all.into_bump_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], want: &str) {
        assert_eq!(text(bytes, &Bump::new()), want);
    }

    #[test]
    fn each_byte_that_is_no_character_becomes_one_replacement() {
        check(b"plain", "plain");
        check(b"a\xff\xfeb", "a\u{fffd}\u{fffd}b");
        check(b"a\xe2\x82", "a\u{fffd}\u{fffd}");
        check("\u{e9}\u{20ac}".as_bytes(), "\u{e9}\u{20ac}");
    }
}
