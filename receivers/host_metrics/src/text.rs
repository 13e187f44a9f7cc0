//! Takes the texts of /proc apart, in place. What they hold is the kernel's word, and still nothing here panics on
//! other bytes: a container may have anything mounted there.

use std::borrow::Cow;

/// The lines, without their ends.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.strip_suffix(b"\n").unwrap_or(text).split(|it| *it == b'\n').filter(|it| !it.is_empty())
}

/// The words between blanks.
pub(crate) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    line.split(u8::is_ascii_whitespace).filter(|it| !it.is_empty())
}

/// The first `N` words, and how many there are; those that are not there are empty.
pub(crate) fn first<const N: usize>(line: &[u8]) -> ([&[u8]; N], usize) {
    let mut words: [&[u8]; N] = [b""; N];
    let mut count = 0;
    for word in fields(line) {
        if let Some(slot) = words.get_mut(count) {
            *slot = word;
        }
        count += 1;
    }
    (words, count)
}

/// An unsigned number.
///
/// # Errors
/// In the words of Go's strconv.
pub(crate) fn number(word: &[u8]) -> Result<u64, String> {
    let wrong = |why: &str| format!("strconv.ParseUint: parsing {:?}: {why}", text(word));
    if word.is_empty() || !word.iter().all(u8::is_ascii_digit) {
        return Err(wrong("invalid syntax"));
    }
    let add = |sum: u64, digit: &u8| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    word.iter().try_fold(0, add).ok_or_else(|| wrong("value out of range"))
}

/// A number with a fraction.
///
/// # Errors
/// In the words of Go's strconv.
pub(crate) fn float(word: &[u8]) -> Result<f64, String> {
    let parsed = std::str::from_utf8(word).ok().and_then(|it| it.parse().ok());
    parsed.ok_or_else(|| format!("strconv.ParseFloat: parsing {:?}: invalid syntax", text(word)))
}

/// As text; what is not UTF-8 becomes U+FFFD.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// The two sides of the first `separator`, without blanks around them.
pub(crate) fn pair(line: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|it| *it == separator)?;
    Some((line[..at].trim_ascii(), line[at + 1..].trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        assert_eq!(number(b"18446744073709551615"), Ok(u64::MAX));
        let wrong = |word: &[u8], why: &str| {
            let text = text(word);
            assert_eq!(number(word), Err(format!("strconv.ParseUint: parsing {text:?}: {why}")));
        };
        wrong(b"18446744073709551616", "value out of range");
        wrong(b"-1", "invalid syntax");
        wrong(b"", "invalid syntax");
        assert_eq!(float(b"0.25"), Ok(0.25));
        assert!(float(b"one").is_err());
    }

    #[test]
    fn words_and_lines() {
        assert_eq!(lines(b"a\n\nb\n").collect::<Vec<_>>(), [b"a", b"b"]);
        assert_eq!(first::<2>(b" a\t b c "), ([&b"a"[..], b"b"], 3));
        assert_eq!(first::<2>(b"a"), ([&b"a"[..], b""], 1));
        assert_eq!(pair(b" a : b:c ", b':'), Some((&b"a"[..], &b"b:c"[..])));
    }
}
