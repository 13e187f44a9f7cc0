//! What `include_file_*` adds to every record of a file.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Which attributes are wanted.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one switch of the configuration each")]
pub struct Attributes {
    /// `log.file.name`.
    pub name: bool,
    /// `log.file.path`.
    pub path: bool,
    /// `log.file.name_resolved`.
    pub name_resolved: bool,
    /// `log.file.path_resolved`.
    pub path_resolved: bool,
    /// `log.file.owner.name`.
    pub owner_name: bool,
    /// `log.file.owner.group.name`.
    pub owner_group_name: bool,
    /// `log.file.permissions`.
    pub permissions: bool,
}

impl Attributes {
    /// The attributes of the file that was found at `path`.
    pub(crate) fn of(&self, path: &Path, metadata: &Metadata) -> Vec<(String, String)> {
        let mut all = Vec::new();
        let mut add = |key: &str, value: String| all.push((key.to_owned(), value));
        let name = |it: &Path| it.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if self.name {
            add("log.file.name", name(path));
        }
        if self.path {
            add("log.file.path", path.to_string_lossy().into_owned());
        }
        if self.name_resolved || self.path_resolved {
            let resolved = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            if self.name_resolved {
                add("log.file.name_resolved", name(&resolved));
            }
            if self.path_resolved {
                add("log.file.path_resolved", resolved.to_string_lossy().into_owned());
            }
        }
        if self.owner_name {
            add("log.file.owner.name", account("/etc/passwd", metadata.uid()));
        }
        if self.owner_group_name {
            add("log.file.owner.group.name", account("/etc/group", metadata.gid()));
        }
        if self.permissions {
            add("log.file.permissions", format!("{:03o}", metadata.mode() & 0o777));
        }
        all
    }
}

/// The name of a number in `/etc/passwd` or `/etc/group`; the number itself where it has none.
fn account(database: &str, id: u32) -> String {
    let text = std::fs::read_to_string(database).unwrap_or_default();
    let id = id.to_string();
    let named = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    });
    named.unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_added_in_the_collectors_order() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let (real, link) = (dir.join("real.log"), dir.join("link.log"));
        std::fs::write(&real, "x").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let wanted = Attributes {
            name: true,
            path: true,
            name_resolved: true,
            path_resolved: true,
            ..Attributes::default()
        };
        let got = wanted.of(&link, &std::fs::metadata(&link).unwrap());
        let values: Vec<&str> = got.iter().map(|it| it.1.as_str()).collect();
        let (real, link) = (real.to_str().unwrap(), link.to_str().unwrap());
        assert_eq!(values, ["link.log", link, "real.log", real]);
    }

    #[test]
    fn accounts_have_names_or_numbers() {
        assert_eq!(account("/etc/passwd", 0), "root");
        assert_eq!(account("/etc/group", 4_000_000_000), "4000000000");
    }
}
