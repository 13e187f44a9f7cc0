//! Files that were moved away: `<name>-<time><extension>`, as lumberjack 2.2 names them.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use component::clock;

use golang::time::civil;

use crate::config::Rotation;

const DAY: Duration = Duration::from_secs(86_400);

/// A name for `path` that is not taken.
pub(crate) fn name(path: &Path, now: SystemTime) -> PathBuf {
    let mut time = now;
    loop {
        let (stem, extension) = parts(path);
        let candidate = path.with_file_name(format!("{stem}-{}{extension}", stamp(time)));
        if !candidate.exists() {
            return candidate;
        }
        time += Duration::from_millis(1);
    }
}

/// Deletes files that are too old or too many.
pub(crate) fn delete_surplus(path: &Path, rotation: &Rotation) -> io::Result<()> {
    let folder = match path.parent() {
        Some(it) if !it.as_os_str().is_empty() => it,
        _ => Path::new("."),
    };
    let (stem, extension) = parts(path);
    let prefix = format!("{stem}-");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let time = name.strip_prefix(&prefix).and_then(|it| it.strip_suffix(&extension));
        if let Some(time) = time.filter(|it| is_stamp(it)) {
            found.push((time.to_owned(), entry.path()));
        }
    }
    // The newest first: the stamp sorts as text.
    found.sort_by(|a, b| b.cmp(a));
    let keep = match usize::try_from(rotation.max_backups) {
        Ok(0) | Err(_) => found.len(),
        Ok(limit) => limit,
    };
    let oldest = u32::try_from(rotation.max_days).ok().filter(|it| *it > 0);
    let oldest = oldest.and_then(|days| clock::now().checked_sub(DAY * days)).map(stamp);
    for (at, (time, path)) in found.iter().enumerate() {
        if at >= keep || oldest.as_ref().is_some_and(|it| time < it) {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn parts(path: &Path) -> (String, String) {
    let text = |it: Option<&std::ffi::OsStr>| it.unwrap_or_default().to_string_lossy().into_owned();
    let extension = path.extension().map(|it| format!(".{}", it.to_string_lossy()));
    (text(path.file_stem()), extension.unwrap_or_default())
}

/// `2006-01-02T15-04-05.000`, UTC.
fn stamp(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, clock) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil::date(days.cast_signed());
    let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
    let millis = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}.{millis:03}")
}

fn is_stamp(text: &str) -> bool {
    const PATTERN: &[u8] = b"0000-00-00T00-00-00.000";
    text.len() == PATTERN.len()
        && text.bytes().zip(PATTERN).all(|(got, want)| match want {
            b'0' => got.is_ascii_digit(),
            other => got == *other,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_the_time() {
        let folder = tempfile::tempdir().unwrap();
        let time = UNIX_EPOCH + Duration::from_millis(1_709_164_800_007);
        let first = name(&folder.path().join("a.b.json"), time);
        assert_eq!(first.file_name().unwrap(), "a.b-2024-02-29T00-00-00.007.json");
        std::fs::write(&first, "").unwrap();
        let second = name(&folder.path().join("a.b.json"), time);
        assert_eq!(second.file_name().unwrap(), "a.b-2024-02-29T00-00-00.008.json");
        let bare = name(&folder.path().join("bare"), time);
        assert_eq!(bare.file_name().unwrap(), "bare-2024-02-29T00-00-00.007");
    }

    #[test]
    fn the_oldest_go_first_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let now = stamp(clock::now());
        let names = [
            "a-2001-01-01T00-00-00.000.json".to_owned(),
            "a-2002-01-01T00-00-00.000.json".to_owned(),
            format!("a-{now}.json"),
            "a-notes.json".to_owned(),
            "b-2001-01-01T00-00-00.000.json".to_owned(),
        ];
        for name in &names {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let left = |rotation: Rotation| {
            delete_surplus(&folder.path().join("a.json"), &rotation).unwrap();
            let there = |it: &&String| folder.path().join(it).exists();
            names.iter().filter(there).map(|it| it.split('-').nth(1).unwrap()).collect::<Vec<_>>()
        };
        let year = &now[..4];
        let two = Rotation { max_backups: 2, ..Rotation::default() };
        assert_eq!(left(two), ["2002", year, "notes.json", "2001"]);
        let young = Rotation { max_days: 1, ..Rotation::default() };
        assert_eq!(left(young), [year, "notes.json", "2001"]);
    }
}
