//! Names that rotation gives: `0.log` becomes `0.log.20261123-063431`, later `0.log.20261123-063431.gz`;
//! logrotate counts `app.log.1`, `app.log.2.gz` or stamps `app.log-20261123`. Pure.

use std::cmp::Reverse;

/// Digits of a count; more are a stamp. logrotate's `rotate` is rarely above 365.
const COUNT_DIGITS_MAX: usize = 4;

/// How new a rotated file is: greater is newer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Age {
    /// Counted away from the file being written: a small number is new.
    Count(Reverse<u32>),
    /// Stamped with the time of rotation.
    Stamp(String),
}

/// When `name` is a rotated form of `base`, how new it is. Files still being compressed are not.
pub(crate) fn age(base: &str, name: &str) -> Option<Age> {
    let suffix = name.strip_prefix(base)?.strip_prefix(['.', '-', '_'])?;
    let suffix = suffix.strip_suffix(".gz").unwrap_or(suffix);
    let is_stamp = |it: &str| {
        it.starts_with(|c: char| c.is_ascii_digit())
            && it.chars().all(|c| c.is_ascii_digit() || "-_.:TZ+".contains(c))
    };
    if suffix.len() <= COUNT_DIGITS_MAX {
        return suffix.parse().ok().map(|it| Age::Count(Reverse(it)));
    }
    is_stamp(suffix).then(|| Age::Stamp(suffix.to_owned()))
}

/// True for a compressed file.
pub(crate) fn is_gzip(name: &str) -> bool {
    name.ends_with(".gz")
}

/// True when one name could be a copy or a compressed form of what the other names.
pub(crate) fn are_related(a: &str, b: &str) -> bool {
    let (a, b) = (a.strip_suffix(".gz").unwrap_or(a), b.strip_suffix(".gz").unwrap_or(b));
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    short == long || age(short, long).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_names_are_told_from_others() {
        for name in
            ["0.log.20261123-063431", "0.log.20261123-063431.gz", "0.log.1", "0.log-20261123"]
        {
            assert!(age("0.log", name).is_some(), "{name}");
        }
        let others = [
            "0.log",
            "1.log.1",
            "0.log.gz.tmp",
            "0.log.20261123-063431.tmp",
            "0.log.bak",
            "0.logs",
        ];
        for name in others {
            assert!(age("0.log", name).is_none(), "{name}");
        }
    }

    #[test]
    fn the_newest_is_the_latest_stamp_or_the_smallest_count() {
        assert!(age("a", "a.20260101-000000.gz") < age("a", "a.20260101-000001"));
        assert!(age("a", "a.10.gz") < age("a", "a.2"));
    }

    #[test]
    fn a_compressed_file_is_related_to_its_plain_form() {
        assert!(are_related("app.log.1", "app.log.1.gz"));
        assert!(are_related("app.log", "app.log.1"));
        assert!(!are_related("a.log", "b.log"));
    }
}
