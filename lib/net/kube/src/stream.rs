//! A watch: one JSON document a line, as long as the server likes. Lines are read into a buffer with a limit; a line that is
//! longer is passed over and said, so that one giant object does not end the watch of all others.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use confighttp::client::Answer;
use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::{Client, Error, Query};

/// Longest line, in bytes. etcd refuses objects of more than 1.5 MiB unless it is told otherwise.
const LINE_BYTES_MAX: usize = 16 << 20;
/// How long after its end, as asked for, a watch may still be open.
const GRACE: Duration = Duration::from_secs(30);
/// The shortest life of a watch, in seconds; the longest is twice that. As client-go has it.
const LIFE_SECONDS: u64 = 300;

/// Something that happened to an object.
#[derive(Debug, Clone)]
pub struct Happened {
    /// What.
    pub change: Change,
    /// The object, as JSON.
    pub object: Box<[u8]>,
    /// Kind and version of the API, where the object itself does not say them: in lists.
    pub of: Option<std::sync::Arc<(String, String)>>,
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is new, or was there when the watch began.
    Added,
    /// It is another one now.
    Modified,
    /// It is no more.
    Deleted,
    /// None: how far the watch has come. The object has a resource version only.
    Bookmark,
}

/// An open watch.
pub struct WatchStream {
    answer: Answer,
    buffer: BytesMut,
    /// How much of the buffer has been looked at for the end of the line.
    searched: usize,
    /// The line that was returned last; it leaves the buffer with the next one.
    line: usize,
    /// The line is too long, and what comes is passed over up to its end.
    skipping: bool,
    end: Instant,
}

impl fmt::Debug for WatchStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchStream").finish_non_exhaustive()
    }
}

/// A line.
#[derive(Deserialize)]
struct Line<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// What is read of every object to know how far the watch has come.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Versioned {
    metadata: Version,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Version {
    resource_version: String,
    annotations: Option<std::collections::BTreeMap<String, String>>,
}

impl Versioned {
    pub(crate) fn into_version(self) -> String {
        self.metadata.resource_version
    }

    /// All that was there when the watch began has been told.
    pub(crate) fn ends_initial(&self) -> bool {
        let notes = self.metadata.annotations.as_ref();
        notes.is_some_and(|it| it.get("k8s.io/initial-events-end").is_some_and(|it| it == "true"))
    }
}

impl Client {
    /// Watches what `query` names, from after `version` on. With `initial` everything that is there comes first, and then a
    /// bookmark that says so; `version` may be empty then.
    ///
    /// # Errors
    /// Without a good answer.
    pub async fn watch(
        &self,
        query: &Query,
        version: &str,
        initial: bool,
    ) -> Result<WatchStream, Error> {
        let seconds = fastrand::u64(LIFE_SECONDS..2 * LIFE_SECONDS);
        let text = seconds.to_string();
        let mut parameters = vec![
            ("watch", "1"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", &*text),
            ("resourceVersion", version),
        ];
        if initial {
            parameters.push(("sendInitialEvents", "true"));
            parameters.push(("resourceVersionMatch", "NotOlderThan"));
        }
        let accept = query.accept("PartialObjectMetadata");
        let answer = self.open(Method::GET, &query.path(&parameters), &accept, &[]).await?;
        let end = Instant::now() + Duration::from_secs(seconds) + GRACE;
        let (buffer, skipping) = (BytesMut::new(), false);
        Ok(WatchStream { answer, buffer, searched: 0, line: 0, skipping, end })
    }
}

impl WatchStream {
    /// The next change, and the object as JSON; `None` when the server has ended the watch in good order.
    ///
    /// # Errors
    /// The connection broke, or the server says that the watch cannot go on.
    pub async fn next(&mut self) -> Result<Option<(Change, &[u8])>, Error> {
        let found = match tokio::time::timeout_at(self.end, self.next_line()).await {
            Ok(found) => found?,
            Err(_) => return Err(Error::Connection("the watch did not end in time".into())),
        };
        let Some(range) = found else { return Ok(None) };
        let line = self.buffer.get(range).unwrap_or_default();
        let Line { r#type, object } = serde_json::from_slice(line)
            .map_err(|error| Error::Malformed(format!("a line of the watch: {error}")))?;
        let object = object.get().as_bytes();
        let change = match r#type {
            "ADDED" => Change::Added,
            "MODIFIED" => Change::Modified,
            "DELETED" => Change::Deleted,
            "BOOKMARK" => Change::Bookmark,
            "ERROR" => return Err(Error::told(object)),
            other => {
                return Err(Error::Malformed(format!("a watch with events of type {other:?}")));
            }
        };
        Ok(Some((change, object)))
    }

    /// Where the next line is in the buffer.
    async fn next_line(&mut self) -> Result<Option<Range<usize>>, Error> {
        self.buffer.advance(std::mem::take(&mut self.line));
        loop {
            let rest = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', rest) {
                let end = self.searched + at;
                self.searched = 0;
                if !std::mem::take(&mut self.skipping) {
                    self.line = end + 1;
                    return Ok(Some(0..end));
                }
                self.buffer.advance(end + 1);
                continue;
            }
            self.searched = self.buffer.len();
            if self.searched > LINE_BYTES_MAX {
                tracing::warn!(
                    bytes_max = LINE_BYTES_MAX,
                    "an object of a watch is too long, and is not known"
                );
                self.skipping = true;
            }
            if self.skipping {
                self.buffer.clear();
                self.searched = 0;
            }
            match self.answer.chunk().await.map_err(Error::Connection)? {
                Some(data) => self.buffer.extend_from_slice(&data),
                // What is left is no whole line: the connection was cut.
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(Error::Connection("unexpected EOF in a watch".into())),
            }
        }
    }
}

/// Reads an object.
///
/// # Errors
/// It is not what was asked for.
pub(crate) fn read<T: DeserializeOwned>(object: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(object)
        .map_err(|error| Error::Malformed(format!("an object of a watch: {error}")))
}
