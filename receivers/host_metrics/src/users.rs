//! The names of users, from /etc/passwd.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::machine::{Files, Root};
use crate::text::{lines, number, text};

/// Users by number, read anew when the file has changed.
pub(crate) struct Users {
    files: Files,
    path: PathBuf,
    read: Vec<u8>,
    names: HashMap<u32, String>,
}

impl Users {
    pub(crate) fn new(root: &Root) -> Self {
        let (files, path) = (Files::new(root), root.users());
        Self { files, path, read: Vec::new(), names: HashMap::new() }
    }

    /// Looks whether the file has changed. One that cannot be read has no users.
    pub(crate) fn refresh(&mut self) {
        let now = self.files.any(&self.path).unwrap_or_default();
        if now != self.read {
            self.read = now.to_vec();
            self.names = users(now);
        }
    }

    /// The name of a user.
    ///
    /// # Errors
    /// There is none, in Go's words.
    pub(crate) fn name(&self, user: u32) -> Result<&str, String> {
        let name = self.names.get(&user).map(String::as_str);
        name.ok_or_else(|| format!("user: unknown userid {user}"))
    }
}

/// `root:x:0:0:root:/root:/bin/bash`; of several names for one number the first counts.
pub(crate) fn users(passwd: &[u8]) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for line in lines(passwd) {
        let mut columns = line.split(|it| *it == b':');
        let (name, user) = (columns.next(), columns.nth(1));
        let user = user.and_then(|it| number(it).ok()).and_then(|it| u32::try_from(it).ok());
        if let (Some(name), Some(user)) = (name.filter(|it| !it.is_empty()), user) {
            names.entry(user).or_insert_with(|| text(name).into_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_a_number_counts() {
        let names = users(b"root:x:0:0::/root:/bin/sh\n# comment\n\ntoor:x:0:0::\nann:x:1000:1000:Ann,,,:/h:\nx:y\n");
        assert_eq!((names.len(), &*names[&0], &*names[&1000]), (2, "root", "ann"));
        let mut users = Users::new(&Root::new(""));
        users.refresh();
        assert_eq!(users.name(4_000_000_000), Err("user: unknown userid 4000000000".to_owned()));
    }
}
