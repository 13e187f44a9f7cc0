//! Which files there are: expands the patterns, and says which directories could grow a match.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use component::clock;
use tokio::time::Instant;

use crate::file_system::special;
use crate::glob::{Component, Glob};
use crate::ordering::Ordering;

/// Deepest directory that `**` enters, counted from the root.
const DEPTH_MAX: usize = 64;
/// Most files that one receiver follows; what comes later in the alphabet waits.
const FILES_MAX: usize = 200_000;

/// The patterns of one receiver.
#[derive(Debug, Clone)]
pub struct Finder {
    /// Files to follow.
    pub include: Vec<Glob>,
    /// Of these, files to leave alone.
    pub exclude: Vec<Glob>,
    /// Files that were not written for this long are left alone.
    pub exclude_older_than: Option<Duration>,
    /// Chooses among the files.
    pub ordering: Option<Ordering>,
    /// Of what remains only so many, the first ones.
    pub first: Option<usize>,
}

/// A file that matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub path: PathBuf,
    pub device: u64,
    pub inode: u64,
    pub size: u64,
}

/// What a walk found.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// In the order in which they shall be read.
    pub files: Vec<Found>,
    /// Directories in which a match could appear.
    pub directories: BTreeSet<PathBuf>,
    /// Directories that could not be read and what matches and is no file, and why.
    pub unreadable: Vec<(PathBuf, std::io::Error)>,
}

/// When a walk began, and how long it took.
pub(crate) struct TimedScan {
    pub scan: Scan,
    pub began: SystemTime,
    pub took: Duration,
}

impl Finder {
    /// Walks the file system and takes the time.
    pub(crate) fn timed_scan(&self) -> TimedScan {
        let (began, start) = (clock::now(), Instant::now());
        let scan = self.scan();
        TimedScan { scan, began, took: start.elapsed() }
    }

    /// Walks the file system.
    pub(crate) fn scan(&self) -> Scan {
        self.walk(Walk::default())
    }

    /// Walks only what is at and below a directory.
    pub(crate) fn scan_below(&self, only: &Path) -> Scan {
        let mut scan = self.walk(Walk { only: Some(only.to_owned()), ..Walk::default() });
        scan.directories.retain(|it| it.starts_with(only));
        scan
    }

    fn walk(&self, mut walk: Walk) -> Scan {
        for alternative in self.include.iter().flat_map(Glob::alternatives) {
            let (root, rest) = match alternative.split_first() {
                Some((Component::Literal(name), rest)) if name.is_empty() => ("/", rest),
                _ => (".", &alternative[..]),
            };
            walk.descend(Path::new(root), rest, true, &mut Vec::new());
        }
        let newest = self.exclude_older_than.and_then(|age| clock::now().checked_sub(age));
        let mut files = walk.files.into_iter().filter(|(path, _)| !self.is_excluded(path));
        let mut files: Vec<(PathBuf, Metadata)> = files
            .by_ref()
            .filter(|(_, it)| {
                newest.is_none_or(|newest| it.modified().is_ok_and(|at| newest <= at))
            })
            .take(FILES_MAX)
            .collect();
        if let Some(ordering) = &self.ordering {
            files = ordering.choose(files);
        }
        files.truncate(self.first.unwrap_or(FILES_MAX));
        let files = files.into_iter().map(|(path, it)| Found {
            path,
            device: it.dev(),
            inode: it.ino(),
            size: it.size(),
        });
        let (directories, mut unreadable) = (walk.directories, walk.unreadable);
        unreadable.retain(|it| !self.is_excluded(&it.0));
        Scan { files: files.collect(), directories, unreadable }
    }

    /// True when no file matches now.
    pub fn is_empty(&self) -> bool {
        self.scan().files.is_empty()
    }

    /// True when one path alone decides: what [`Self::scan`] would say about it.
    pub(crate) fn matches(&self, path: &Path) -> bool {
        self.include.iter().any(|it| it.matches(path)) && !self.is_excluded(path)
    }

    /// True when a single new file can be taken without looking at the others.
    pub(crate) fn decides_alone(&self) -> bool {
        self.ordering.is_none() && self.exclude_older_than.is_none() && self.first.is_none()
    }

    fn is_excluded(&self, path: &Path) -> bool {
        self.exclude.iter().any(|it| it.matches(path))
    }
}

#[derive(Default)]
struct Walk {
    /// Nothing else is looked at.
    only: Option<PathBuf>,
    files: BTreeMap<PathBuf, Metadata>,
    directories: BTreeSet<PathBuf>,
    unreadable: Vec<(PathBuf, std::io::Error)>,
}

impl Walk {
    /// `fixed` while no wildcard has been passed: such directories need no watching while the next exists.
    /// `above` holds the directories on the way, against loops of symbolic links.
    fn descend(
        &mut self,
        dir: &Path,
        rest: &[Component],
        fixed: bool,
        above: &mut Vec<(u64, u64)>,
    ) {
        let Some((first, after)) = rest.split_first() else { return };
        match first {
            Component::Literal(name) => {
                let path = join(dir, name.as_ref());
                let entered = self.enter(&path, after, fixed, above);
                if !fixed || !entered {
                    self.directories.insert(dir.to_owned());
                }
            }
            Component::Wild(_) => {
                for name in self.names(dir) {
                    if first.matches(&name) {
                        self.enter(&join(dir, &name), after, false, above);
                    }
                }
            }
            Component::Deep => {
                self.descend(dir, after, false, above);
                for name in self.names(dir) {
                    let path = join(dir, &name);
                    if path.is_dir() {
                        self.enter(&path, rest, false, above);
                    }
                }
            }
        }
    }

    /// Takes a file when the pattern ends here, else goes into the directory; false when there is none.
    fn enter(
        &mut self,
        path: &Path,
        rest: &[Component],
        fixed: bool,
        above: &mut Vec<(u64, u64)>,
    ) -> bool {
        if self.only.as_ref().is_some_and(|it| !it.starts_with(path) && !path.starts_with(it)) {
            return false;
        }
        let Ok(metadata) = std::fs::metadata(path) else { return false };
        if rest.is_empty() {
            if metadata.is_file() {
                self.files.insert(path.to_owned(), metadata);
            } else if let Some(what) = special(&metadata) {
                self.unreadable.push((path.to_owned(), what));
            }
            // Of a plain path the directory is watched: the file may be replaced.
            return false;
        }
        let place = (metadata.dev(), metadata.ino());
        if !metadata.is_dir() || above.contains(&place) || above.len() >= DEPTH_MAX {
            return false;
        }
        above.push(place);
        self.descend(path, rest, fixed, above);
        above.pop();
        true
    }

    /// The names in a directory; on the way to the only one that counts, just the next name.
    fn names(&mut self, dir: &Path) -> Vec<OsString> {
        let next = self.only.as_ref().and_then(|it| it.strip_prefix(dir).ok()?.components().next());
        match next {
            Some(next) => vec![next.as_os_str().to_owned()],
            None => self.list(dir),
        }
    }

    fn list(&mut self, dir: &Path) -> Vec<OsString> {
        let names = std::fs::read_dir(dir)
            .and_then(|entries| entries.map(|it| it.map(|it| it.file_name())).collect());
        match names {
            Ok(names) => {
                self.directories.insert(dir.to_owned());
                names
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                self.unreadable.push((dir.to_owned(), error));
                Vec::new()
            }
        }
    }
}

/// Paths look as the pattern was written: `x` stays `x`, not `./x`.
fn join(dir: &Path, name: &OsStr) -> PathBuf {
    if dir == Path::new(".") { PathBuf::from(name) } else { dir.join(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new(files: &[&str]) -> Self {
            let dir = tempfile::tempdir().unwrap();
            for file in files {
                let path = dir.path().join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, "x").unwrap();
            }
            Self(dir)
        }

        fn finder(&self, include: &[&str], exclude: &[&str]) -> Finder {
            let glob = |it: &&str| Glob::new(&self.0.path().join(it).to_string_lossy()).unwrap();
            Finder {
                include: include.iter().map(glob).collect(),
                exclude: exclude.iter().map(glob).collect(),
                exclude_older_than: None,
                ordering: None,
                first: None,
            }
        }

        fn names<'a>(&self, paths: impl Iterator<Item = &'a PathBuf>) -> Vec<String> {
            let root = self.0.path();
            paths
                .map(|it| it.strip_prefix(root).unwrap_or(it).to_string_lossy().into_owned())
                .collect()
        }

        #[track_caller]
        fn check(&self, include: &[&str], exclude: &[&str], files: &[&str], directories: &[&str]) {
            let scan = self.finder(include, exclude).scan();
            assert_eq!(self.names(scan.files.iter().map(|it| &it.path)), files);
            assert_eq!(self.names(scan.directories.iter()), directories);
        }
    }

    #[test]
    fn files_come_sorted_and_once_and_directories_can_grow_a_match() {
        let tree = Tree::new(&["p/b/c/0.log", "p/a/c/1.log", "p/a/c/0.log", "p/a/c/0.log.1"]);
        let files = ["p/a/c/0.log", "p/a/c/1.log", "p/b/c/0.log"];
        let directories = ["p", "p/a", "p/a/c", "p/b", "p/b/c"];
        tree.check(&["p/*/*/*.log", "p/a/**/0.log"], &[], &files, &directories);
        tree.check(&["p/*/*/*.log"], &["p/a/**"], &["p/b/c/0.log"], &directories);
    }

    #[test]
    fn below_a_directory_nothing_else_is_found() {
        let tree = Tree::new(&["p/b/c/0.log", "p/a/c/1.log", "p/a/d/0.log", "q/a/c/0.log"]);
        let finder = tree.finder(&["p/*/*/*.log", "**/1.log", "q/a/c/0.log"], &["p/a/d/*"]);
        let scan = finder.scan_below(&tree.0.path().join("p/a"));
        assert_eq!(tree.names(scan.files.iter().map(|it| &it.path)), ["p/a/c/1.log"]);
        assert_eq!(tree.names(scan.directories.iter()), ["p/a", "p/a/c", "p/a/d"]);
    }

    #[test]
    fn the_deepest_directory_that_exists_is_watched() {
        let tree = Tree::new(&["var/x"]);
        tree.check(&["var/log/pods/*/*.log"], &[], &[], &["var"]);
        tree.check(&["var/x"], &[], &["var/x"], &["var"]);
        tree.check(&["var/*/log/x"], &[], &[], &["var"]);
    }

    #[test]
    fn only_regular_files_match_and_loops_end() {
        let tree = Tree::new(&["d/real.log"]);
        let dir = tree.0.path().join("d");
        std::fs::create_dir(dir.join("sub.log")).unwrap();
        std::os::unix::fs::symlink(&dir, dir.join("again")).unwrap();
        std::os::unix::fs::symlink(dir.join("real.log"), dir.join("link.log")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", dir.join("zero.log")).unwrap();
        std::os::unix::fs::symlink("/dev/null", dir.join("null.log")).unwrap();
        let scan = tree.finder(&["d/**/*.log"], &["d/null*"]).scan();
        assert_eq!(tree.names(scan.files.iter().map(|it| &it.path)), ["d/link.log", "d/real.log"]);
        assert_eq!(tree.names(scan.unreadable.iter().map(|it| &it.0)), ["d/zero.log"]);
    }

    #[test]
    fn one_path_is_judged_as_the_walk_would() {
        let tree = Tree::new(&["a.log"]);
        let finder = tree.finder(&["*.log"], &["b*"]);
        assert!(finder.matches(&tree.0.path().join("a.log")));
        assert!(!finder.matches(&tree.0.path().join("b.log")));
    }
}
