//! Names that rotation gives: `app.log.1`, `app.log.2.gz`, `app.log-20261130`, `app-2026-11-30-1.log.gz`, `0.log.20261130-063431`.
//!
//! A name is a guess. It says that a file could be an archive of another one, and helps to sort archives that were
//! written at the same time; what a file holds says whether it is one. So a name that is not UTF-8 is good enough with
//! U+FFFD in it. Pure.

use std::time::SystemTime;

/// What stands between a file's own name and what rotation adds.
const SEPARATORS: [char; 3] = ['.', '-', '_'];
/// A first number of so many digits or more is a date; a smaller one is a count.
const DATE_DIGITS_MIN: usize = 4;

/// Where in the name rotation has put its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    /// Behind the whole name, as in `app.log.1`, or it is only compressed, as in `app.log.gz`.
    Behind,
    /// Before the extension, as in `app-1.log`. Another program's log can have such a name, too.
    Within,
}

/// The mark that rotation has put on a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Mark {
    pub shape: Shape,
    /// The numbers in it, from left to right.
    numbers: Vec<u64>,
    is_date: bool,
}

/// What an archive is sorted by.
#[derive(Debug, Clone)]
pub(crate) struct Rank {
    pub mark: Mark,
    pub is_gzip: bool,
    pub modified: SystemTime,
}

/// The mark on `name`, when it could be an archive of `base`. Files still being compressed have other names.
pub(crate) fn mark(base: &str, name: &str) -> Option<Mark> {
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    if plain == base {
        let only_compressed = Mark { shape: Shape::Behind, numbers: Vec::new(), is_date: false };
        return is_gzip(name).then_some(only_compressed);
    }
    if let Some(rest) = plain.strip_prefix(base) {
        return numbered(Shape::Behind, rest.strip_prefix(SEPARATORS)?);
    }
    let (stem, extension) = extension(base)?;
    let inner = plain.strip_prefix(stem)?.strip_suffix(extension)?.strip_suffix('.')?;
    numbered(Shape::Within, inner.strip_prefix(SEPARATORS)?)
}

/// `app.log` is `app` and `log`. A number is no extension.
fn extension(name: &str) -> Option<(&str, &str)> {
    let (stem, extension) = name.rsplit_once('.')?;
    let is_word = extension.contains(|c: char| c.is_ascii_alphabetic());
    (!stem.is_empty() && is_word).then_some((stem, extension))
}

fn numbered(shape: Shape, text: &str) -> Option<Mark> {
    let is_mark = text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || "-_.:TZ+".contains(c));
    let runs = || text.split(|c: char| !c.is_ascii_digit()).filter(|it| !it.is_empty());
    is_mark.then(|| Mark {
        shape,
        numbers: runs().map(|it| it.parse().unwrap_or(u64::MAX)).collect(),
        is_date: runs().next().is_some_and(|it| it.len() >= DATE_DIGITS_MIN) || runs().count() > 1,
    })
}

/// True for a compressed file.
pub(crate) fn is_gzip(name: &str) -> bool {
    name.ends_with(".gz")
}

/// True when one name could be a copy or a compressed form of what the other names.
pub(crate) fn are_related(a: &str, b: &str) -> bool {
    // Of two plain files with such names both may be alive.
    let is_archive = is_gzip(a) || is_gzip(b);
    let (a, b) = (a.strip_suffix(".gz").unwrap_or(a), b.strip_suffix(".gz").unwrap_or(b));
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let marked = mark(short, long).is_some_and(|it| it.shape == Shape::Behind || is_archive);
    short == long || marked || is_archive && root(a).is_some() && root(a) == root(b)
}

/// `app.log` for `app.log.1` and `app.log-20261130`.
fn root(name: &str) -> Option<&str> {
    let mut roots = name.match_indices(SEPARATORS).map(|it| &name[..it.0]);
    let is_root = |it: &&str| mark(it, name).is_some_and(|it| it.shape == Shape::Behind);
    roots.find(|it| !it.is_empty() && is_root(it))
}

/// The order of age of archives of one file, oldest first: places in `all`.
///
/// Rotation compresses old archives before new ones, and archives of the same kind were last written in the
/// order of their age. Only where these times are equal the names decide. Whether a greater number is newer is
/// what the others say: logrotate counts away from the file, log4j2 counts up.
pub(crate) fn oldest_first(all: &[Rank]) -> Vec<usize> {
    let greater_is_newer = greater_is_newer(all);
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&all[a], &all[b]);
        let names = a.mark.numbers.cmp(&b.mark.numbers);
        let names = if greater_is_newer { names } else { names.reverse() };
        b.is_gzip.cmp(&a.is_gzip).then(a.modified.cmp(&b.modified)).then(names)
    });
    order
}

fn greater_is_newer(all: &[Rank]) -> bool {
    let mut sorted: Vec<&Rank> = all.iter().collect();
    sorted.sort_by(|a, b| a.mark.numbers.cmp(&b.mark.numbers));
    let (mut yes, mut no) = (0, 0);
    for pair in sorted.windows(2) {
        if pair[0].is_gzip == pair[1].is_gzip {
            yes += usize::from(pair[0].modified < pair[1].modified);
            no += usize::from(pair[0].modified > pair[1].modified);
        }
    }
    if yes == no { all.iter().any(|it| it.mark.is_date) } else { yes > no }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn rotated_names_are_told_from_others() {
        let archives = [
            ("0.log", "0.log.20261123-063431"),
            ("0.log", "0.log.20261123-063431.gz"),
            ("0.log", "0.log.1"),
            ("0.log", "0.log-20261123"),
            ("app.log", "app.log.gz"),
            ("app.log", "app.log.2026-11-30_12"),
            ("app.log", "app-2026-11-30-1.log.gz"),
            ("app.log", "app-11-30-2026-1.log.gz"),
            ("app.log", "app.2026-11-30.0.log"),
            ("app.log", "app.1.log.gz"),
            ("app.log", "app-2016-11-04T18-30-00.000.log"),
            ("syslog", "syslog.1"),
        ];
        for (base, name) in archives {
            assert!(mark(base, name).is_some(), "{name}");
        }
        let others = [
            ("0.log", "0.log"),
            ("0.log", "1.log.1"),
            ("0.log", "1.log"),
            ("0.log", "0.log.gz.tmp"),
            ("0.log", "0.log.20261123-063431.tmp"),
            ("0.log", "0.log.bak"),
            ("0.log", "0.logs"),
            ("app.log", "app-worker.log"),
            ("app.log", "app.log.old.1"),
            ("app", "app-worker.1"),
        ];
        for (base, name) in others {
            assert!(mark(base, name).is_none(), "{name}");
        }
    }

    /// Each archive with its time in seconds; the answer is their names, oldest first.
    #[track_caller]
    fn check(archives: &[(&str, u64)], want: &[&str]) {
        let rank = |it: &(&str, u64)| Rank {
            mark: mark("a.log", it.0).unwrap(),
            is_gzip: is_gzip(it.0),
            modified: SystemTime::UNIX_EPOCH + Duration::from_secs(it.1),
        };
        let ranks: Vec<Rank> = archives.iter().map(rank).collect();
        let got: Vec<&str> = oldest_first(&ranks).into_iter().map(|it| archives[it].0).collect();
        assert_eq!(got, want);
    }

    #[test]
    fn the_times_of_writing_say_which_archive_is_older_whatever_the_names_count() {
        check(&[("a.log.1.gz", 1), ("a.log.2.gz", 2)], &["a.log.1.gz", "a.log.2.gz"]);
        check(&[("a.log.1.gz", 2), ("a.log.2.gz", 1)], &["a.log.2.gz", "a.log.1.gz"]);
    }

    #[test]
    fn archives_of_the_same_time_are_sorted_as_the_others_count() {
        let up = [("a.log.1.gz", 1), ("a.log.2.gz", 2), ("a.log.3.gz", 2), ("a.log.10.gz", 2)];
        check(&up, &["a.log.1.gz", "a.log.2.gz", "a.log.3.gz", "a.log.10.gz"]);
        let down = [("a.log.1.gz", 2), ("a.log.2.gz", 2), ("a.log.3.gz", 1)];
        check(&down, &["a.log.3.gz", "a.log.2.gz", "a.log.1.gz"]);
        check(&[("a.log.1", 1), ("a.log.2", 1)], &["a.log.2", "a.log.1"]);
        let dates = [("a-2026-11-30-2.log", 1), ("a-2026-11-30-1.log", 1)];
        check(&dates, &["a-2026-11-30-1.log", "a-2026-11-30-2.log"]);
    }

    #[test]
    fn a_compressed_archive_is_older_than_a_plain_one() {
        // The kubelet compresses the one before last when it rotates the last.
        let archives = [("a.log.20260101-000001", 5), ("a.log.20260101-000000.gz", 9)];
        check(&archives, &["a.log.20260101-000000.gz", "a.log.20260101-000001"]);
    }

    #[test]
    fn a_compressed_file_is_related_to_its_plain_form() {
        assert!(are_related("app.log.1", "app.log.1.gz"));
        assert!(are_related("app.log.1", "app.log.2.gz"));
        assert!(are_related("app.log", "app.log.1"));
        assert!(are_related("app.log", "app-1.log.gz"));
        assert!(!are_related("a.log", "b.log"));
        assert!(!are_related("worker-1.log", "worker-2.log"));
        assert!(!are_related("1.log", "2.log"));
        assert!(!are_related("app.log", "app-1.log") && !are_related("job-1", "job-2"));
    }
}
