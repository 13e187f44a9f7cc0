//! Dates behind the names of indices.

use std::fmt::Write as _;

use documents::Parts;

/// A date in the form of Java's; `None` if the form has something else in it.
pub(crate) fn date(mut format: &str, unix_nanos: u64) -> Option<String> {
    let it = Parts::of(unix_nanos);
    let tokens = [
        ("yyyy", it.year, 4),
        ("yy", it.year % 100, 2),
        ("MM", it.month, 2),
        ("dd", it.day, 2),
        ("HH", it.hour, 2),
        ("mm", it.minute, 2),
        ("ss", it.second, 2),
    ];
    let mut out = String::new();
    'next: while let Some(letter) = format.chars().next() {
        for (token, number, width) in tokens {
            if let Some(rest) = format.strip_prefix(token) {
                // Writing to a text does not fail.
                let _ = write!(out, "{number:0width$}");
                format = rest;
                continue 'next;
            }
        }
        out.push(Some(letter).filter(|it| "-._+".contains(*it))?);
        format = format.get(letter.len_utf8()..)?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_made_of_javas_letters() {
        let at = 1_705_314_605_000_000_000;
        for (format, want) in [
            ("", Some("")),
            ("yyyy.MM.dd", Some("2024.01.15")),
            ("yyMMdd-HH_mm+ss", Some("240115-10_30+05")),
            ("invalid_format!", None),
            ("   ", None),
            ("yyyy/MM/dd", None),
            ("yyyy.M.d", None),
        ] {
            assert_eq!(date(format, at).as_deref(), want, "{format:?}");
        }
    }
}
