//! The directory for the state of components that name no storage: offsets of `file_log`.
//!
//! It is below the first of these that can be written: `$STATE_DIRECTORY` (systemd sets it; of several the first),
//! `/var/lib/sluice`, `$XDG_STATE_HOME/sluice` (without the variable `~/.local/state/sluice`). Each configuration has a
//! directory of its own in it, named after the paths that were passed as `--config`: two collectors on one machine do
//! not share offsets, and one whose configuration was edited still knows its own.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use component::DefaultStorage;
use confmap::Locations;
use golang::fnv::fnv1a_64;
use journal::Directory;

/// Where packages keep state, by the Filesystem Hierarchy Standard.
const SYSTEM: &str = "/var/lib/sluice";
/// Length of the name of a configuration's directory.
const NAME_DIGITS: usize = 16;
/// Most directories of other configurations that are named.
const OTHERS_MAX: usize = 3;

/// Where state is kept of a collector with this configuration.
pub fn storage(locations: &Locations) -> DefaultStorage {
    let candidates = candidates(|name| std::env::var_os(name).filter(|it| !it.is_empty()));
    let Some(base) = candidates.iter().find(|it| can_be_written(it)) else {
        let all: Vec<String> = candidates.iter().map(|it| it.display().to_string()).collect();
        let place = format!("tried {}", all.join(", "));
        return DefaultStorage { place, ..DefaultStorage::default() };
    };
    let path = base.join(name(&locations.config));
    let place = path.display().to_string();
    let others = if path.exists() { Vec::new() } else { others(base) };
    // Whoever waits for a collector that stops does so without blocking.
    let directory = Directory::new(path, Duration::ZERO, false);
    DefaultStorage { storage: Some(Arc::new(directory)), place, others }
}

/// Directories of configurations, the one that was used last first.
fn others(base: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(base).into_iter().flatten().flatten();
    let is_name = |it: &OsString| {
        it.len() == NAME_DIGITS
            && it.to_str().is_some_and(|it| it.bytes().all(|it| it.is_ascii_hexdigit()))
    };
    let named = entries.filter(|it| is_name(&it.file_name()));
    let mut all: Vec<_> =
        named.filter_map(|it| Some((it.metadata().ok()?.modified().ok()?, it.path()))).collect();
    all.sort_unstable_by(|a, b| b.cmp(a));
    all.into_iter().take(OTHERS_MAX).map(|(_, path)| path.display().to_string()).collect()
}

fn candidates(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let given = variable("STATE_DIRECTORY");
    let given = given.and_then(|it| std::env::split_paths(&it).next());
    let home = || Some(PathBuf::from(variable("HOME")?).join(".local/state"));
    let own = variable("XDG_STATE_HOME").map(PathBuf::from).or_else(home);
    let all = [given, Some(PathBuf::from(SYSTEM)), own.map(|it| it.join("sluice"))];
    // A relative path is ignored, as the XDG Base Directory Specification says.
    all.into_iter().flatten().filter(|it| it.is_absolute()).collect()
}

/// True for a directory that can be written, or made. Permissions do not say it all: root may write where
/// nobody can, as in `/proc`. So something is made there, and removed.
fn can_be_written(path: &Path) -> bool {
    let there = path.ancestors().find(|it| it.exists()).filter(|it| it.is_dir());
    there.is_some_and(|it| tempfile::tempdir_in(it).is_ok())
}

/// A name for this configuration: links in its path are not followed, since Kubernetes changes them.
fn name(config: &[String]) -> String {
    let sources = config.iter().map(|it| {
        let path = it.strip_prefix("file:").unwrap_or(it);
        let absolute = std::path::absolute(path).ok().filter(|it| it.exists());
        let absolute = absolute.map(|it| without_parents(&it));
        absolute
            .map_or_else(|| it.clone().into_bytes(), |it| it.into_os_string().into_encoded_bytes())
    });
    let all: Vec<Vec<u8>> = sources.collect();
    format!("{:0NAME_DIGITS$x}", fnv1a_64(&[&all.join(&0)]))
}

/// `/a/../b` is `/b`.
fn without_parents(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(out.pop()),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &str)], want: &[&str]) {
        let variable =
            |name: &str| variables.iter().find(|it| it.0 == name).map(|it| OsString::from(it.1));
        let want: Vec<PathBuf> = want.iter().map(PathBuf::from).collect();
        assert_eq!(candidates(variable), want);
    }

    #[test]
    fn the_directory_is_that_of_the_service_the_machine_or_the_user() {
        check(&[], &[SYSTEM]);
        check(&[("STATE_DIRECTORY", "/a:/b")], &["/a", SYSTEM]);
        check(&[("HOME", "/home/u")], &[SYSTEM, "/home/u/.local/state/sluice"]);
        check(&[("HOME", "/home/u"), ("XDG_STATE_HOME", "/x")], &[SYSTEM, "/x/sluice"]);
        check(&[("STATE_DIRECTORY", "a"), ("XDG_STATE_HOME", "x")], &[SYSTEM]);
    }

    #[test]
    fn a_file_in_the_place_of_a_directory_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert!(can_be_written(&folder.path().join("a/b")));
        assert!(!can_be_written(&folder.path().join("file/b")));
        assert!(!can_be_written(&folder.path().join("file")));
        assert!(!can_be_written(Path::new("/proc/a/b")));
    }

    #[test]
    fn each_configuration_has_a_name_of_its_own() {
        let of = |all: &[&str]| name(&all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["Cargo.toml"]), of(&["file:Cargo.toml"]));
        assert_ne!(of(&["Cargo.toml"]), of(&["src/main.rs"]));
        assert_ne!(of(&["a", "b"]), of(&["ab"]));
        assert_eq!(of(&["src/../Cargo.toml"]), of(&["./Cargo.toml"]));
    }

    #[test]
    fn a_configuration_that_was_moved_is_told_of_the_directories_of_others() {
        let base = tempfile::tempdir().unwrap();
        assert!(others(base.path()).is_empty());
        std::fs::create_dir(base.path().join("lost+found")).unwrap();
        std::fs::create_dir(base.path().join("0123456789abcdef")).unwrap();
        let want = base.path().join("0123456789abcdef").display().to_string();
        assert_eq!(others(base.path()), [want]);
    }
}
