//! Finds the files, tells whether they have changed, and reads them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use component::{PolicyDocument, PolicyDocuments};

/// Most files that are read.
const FILES_MAX: usize = 10_000;
/// Deepest directory below the one that is named.
const DEPTH_MAX: usize = 16;
/// Most bytes of one file.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The paths of a section.
pub(crate) struct Files {
    paths: Vec<PathBuf>,
}

/// How files are: each with device, inode, length and time of its last change.
pub(crate) type Stamp = BTreeMap<PathBuf, Option<[u64; 5]>>;

impl Files {
    pub(crate) fn new<'p>(paths: impl Iterator<Item = &'p String>) -> Self {
        Self { paths: paths.map(PathBuf::from).collect() }
    }

    /// How the files are now. What cannot be found is part of it.
    pub(crate) fn stamp(&self) -> Stamp {
        let mut found = Stamp::new();
        for path in &self.paths {
            match all(path) {
                Ok(files) => found.extend(files.into_iter().map(|it| {
                    let stamp = fs::metadata(&it).ok().map(|it| stamp(&it));
                    (it, stamp)
                })),
                Err(_) => {
                    found.insert(path.clone(), None);
                }
            }
        }
        found
    }

    /// The texts of all files.
    pub(crate) fn read(&self) -> Result<PolicyDocuments, String> {
        let mut files = Vec::new();
        for path in &self.paths {
            files.extend(all(path).map_err(|error| refused(path, &error))?);
        }
        files.sort();
        files.dedup();
        if files.len() > FILES_MAX {
            return Err(format!(
                "there are {} files with policies, at most {FILES_MAX}",
                files.len()
            ));
        }
        let read = files.iter().map(|path| {
            let mut text = String::new();
            let file = fs::File::open(path);
            let read = file.and_then(|it| it.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
            match read {
                Err(error) => Err(refused(path, &error)),
                Ok(bytes) if bytes as u64 > FILE_BYTES_MAX => {
                    Err(format!("{} is larger than {FILE_BYTES_MAX} bytes", path.display()))
                }
                Ok(_) => Ok(PolicyDocument { name: path.display().to_string(), text }),
            }
        });
        read.collect()
    }
}

/// In Go's words.
fn refused(path: &Path, error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::InvalidData => "is not text".to_owned(),
        _ => error.to_string(),
    };
    format!("open {}: {why}", path.display())
}

fn stamp(of: &fs::Metadata) -> [u64; 5] {
    [of.dev(), of.ino(), of.len(), of.mtime().cast_unsigned(), of.mtime_nsec().cast_unsigned()]
}

/// The file, or the files of the directory.
fn all(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    let mut open = vec![(path.to_owned(), 0)];
    while let Some((directory, depth)) = open.pop() {
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            // Kubernetes keeps what it mounted before in `..data` and its kin; editors have their own dots.
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with('.') || found.len() > FILES_MAX {
                continue;
            }
            if fs::metadata(&path)?.is_dir() {
                if depth < DEPTH_MAX {
                    open.push((path, depth + 1));
                }
            } else if [".yaml", ".yml", ".json"].iter().any(|it| name.ends_with(it)) {
                found.push(path);
            }
        }
    }
    Ok(found)
}
