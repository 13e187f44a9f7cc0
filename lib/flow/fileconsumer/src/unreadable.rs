//! What matches and cannot be read: said once, with its remedy, and counted as long as it is there.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::engine::Engine;
use crate::sink::Sink;

/// Most unreadable paths remembered; upstream remembers as many.
const UNREADABLE_MAX: usize = 10_000;

impl<S: Sink> Engine<S> {
    /// One line per file and cause.
    pub(crate) fn complain_unreadable(&mut self, path: &Path, error: &io::Error) {
        let cause = error.to_string();
        if self.unreadable.get(path) == Some(&cause) || self.unreadable.len() >= UNREADABLE_MAX {
            return;
        }
        let shown = path.display();
        let remedy = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "run the collector as a user that may read it, or add it to 'exclude'"
            }
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                "it is not gzip; set 'compression: auto' or exclude it"
            }
            io::ErrorKind::Unsupported => "narrow 'include', or add it to 'exclude'",
            _ => "it is tried again regularly",
        };
        if error.kind() == io::ErrorKind::Unsupported {
            tracing::warn!(%error, path = %shown, remedy, "what matches is no log file and is skipped");
        } else {
            tracing::error!(%error, path = %shown, remedy, "failed to open file");
        }
        self.unreadable.insert(path.to_owned(), cause);
    }

    /// After a walk, which says what cannot be read now: forgets what is gone, and directories that can be read again.
    pub(crate) fn note_unreadable(&mut self, now: &[(PathBuf, io::Error)]) {
        for (path, error) in now {
            self.complain_unreadable(path, error);
        }
        let now: HashSet<&Path> = now.iter().map(|it| it.0.as_path()).collect();
        self.unreadable.retain(|path, _| {
            let stays = match std::fs::metadata(path) {
                Ok(it) => it.is_file(),
                Err(error) => error.kind() != io::ErrorKind::NotFound,
            };
            stays || now.contains(path.as_path())
        });
    }
}
