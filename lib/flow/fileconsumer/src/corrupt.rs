//! What to do when something is missing in the store: files of which it says nothing may have been read, or not.
//!
//! Which of them the store once knew, nobody can say, so all that are there at the start count. Archives that rotation
//! made count since there has been state: older ones were never read.

use component::Damage;

use crate::book::Book;
use crate::settings::{OnCorrupt, Settings, StartAt};

/// The store is damaged, and `on_corrupt: fail` says not to go on.
#[derive(Debug)]
pub struct Corrupt(Damage);

impl std::fmt::Display for Corrupt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = &self.0.what;
        write!(
            f,
            "stored offsets are damaged: {what}; set 'on_corrupt' to 'beginning' (lines may come twice) or 'end' (lines \
             may be lost), or put a copy of the file in its place"
        )
    }
}

impl std::error::Error for Corrupt {}

/// How a reader begins.
pub(crate) struct Start {
    /// False when the first walk decides about files that nobody knows.
    pub started: bool,
    /// There was a reader before this one.
    pub restarted: bool,
}

/// Says how to begin with this store, and in the log what is wrong with it.
pub(crate) fn start(settings: &mut Settings, book: &mut Book) -> Result<Start, Corrupt> {
    let known = book.has_history();
    let Some(damage) = book.client().and_then(|it| it.damage()) else {
        return Ok(Start { started: known, restarted: known });
    };
    let store = &damage.what;
    match settings.on_corrupt {
        OnCorrupt::Fail => Err(Corrupt(damage)),
        OnCorrupt::Beginning => {
            tracing::error!(%store, on_corrupt = "beginning", "stored offsets are damaged: files of which they say \
                nothing are read from the beginning, so lines may come twice");
            book.walked_since(damage.since);
            Ok(Start { started: true, restarted: true })
        }
        OnCorrupt::End => {
            tracing::error!(%store, on_corrupt = "end", "stored offsets are damaged: files of which they say nothing \
                are read from their end, so lines may be lost");
            settings.start_at = StartAt::End;
            Ok(Start { started: false, restarted: known })
        }
    }
}
