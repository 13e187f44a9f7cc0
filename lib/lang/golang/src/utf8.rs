//! Bytes to text in Go's ways, which differ in how many U+FFFD stand for bytes that make no character.

use bumpalo::Bump;
use bumpalo::collections::String as ArenaString;

/// One for each byte, as Go's ranges over strings and its JSON have it.
#[inline]
pub fn text<'a>(bytes: &'a [u8], arena: &'a Bump) -> &'a str {
    repaired(bytes, arena, |invalid, _| invalid.len())
}

/// One for each beginning of a character, as golang.org/x/text decodes UTF-8 (the W3C's way).
#[inline]
pub fn decoded<'a>(bytes: &'a [u8], arena: &'a Bump) -> &'a str {
    repaired(bytes, arena, |_, _| 1)
}

/// One for all that stand together, as `strings.ToValidUTF8`.
#[inline]
pub fn sanitized<'a>(bytes: &'a [u8], arena: &'a Bump) -> &'a str {
    repaired(bytes, arena, |_, is_first| usize::from(is_first))
}

/// `count` says how many stand for some bytes, of which it knows whether something valid stands before them.
#[inline]
fn repaired<'a>(bytes: &'a [u8], arena: &'a Bump, count: impl Fn(&[u8], bool) -> usize) -> &'a str {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text;
    }
    let mut all = ArenaString::with_capacity_in(bytes.len() + 16, arena);
    for chunk in bytes.utf8_chunks() {
        let is_first = !chunk.valid().is_empty() || all.is_empty();
        all.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            (0..count(chunk.invalid(), is_first)).for_each(|_| all.push('\u{fffd}'));
        }
    }
    all.into_bump_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_character_are_replaced_in_three_ways() {
        let check = |bytes: &[u8], each: usize, begun: usize, together: usize| {
            let arena = Bump::new();
            for (text, want) in [
                (text(bytes, &arena), each),
                (decoded(bytes, &arena), begun),
                (sanitized(bytes, &arena), together),
            ] {
                let want = format!("a{}b", "\u{fffd}".repeat(want));
                assert_eq!(text, want, "{bytes:?}");
            }
        };
        check(b"ab", 0, 0, 0);
        check(b"a\xff\xfeb", 2, 2, 1);
        check(b"a\xe2\x82b", 2, 1, 1);
        check(b"a\xe2\x82\xe2\x82b", 4, 2, 1);
        let arena = Bump::new();
        assert_eq!(sanitized(b"\xff\xff", &arena), "\u{fffd}");
        assert_eq!(decoded("\u{e9}\u{20ac}".as_bytes(), &arena), "\u{e9}\u{20ac}");
    }
}
