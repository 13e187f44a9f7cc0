//! Real files, real rotation, a sink that can be told how to answer.

mod archives;
mod delivery;
mod descriptors;
mod following;
mod handover;
mod lag;
mod rotation;
mod strange;
mod unfinished;

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use component::{Data, Meter};
use componenttest::{Sink, TestHost};
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use pdata::ValueRef;

use crate::testing::{LineSink, MemoryStore};
use crate::{
    Attributes, Compression, Encoding, Engine, FileKey, Finder, Glob, Mode, OnCorrupt, OnTruncate,
    Retry, Settings, Splitter, StartAt,
};

/// Longest a reader may take to stop.
const GRACE: Duration = Duration::from_secs(20);

/// A directory of logs, a store that outlives readers, and what arrived.
struct Rig {
    dir: tempfile::TempDir,
    settings: Settings,
    store: Option<Arc<MemoryStore>>,
    sink: Sink,
    meter: Meter,
    tagging: bool,
}

/// A running reader.
struct Reader {
    host: TestHost,
}

impl Rig {
    /// Follows `*.log` below the directory, from the beginning, with a store.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let include = Glob::new(dir.path().join("*.log").to_str().unwrap()).unwrap();
        let finder = Finder {
            include: vec![include],
            exclude: vec![],
            exclude_older_than: None,
            ordering: None,
            first: None,
        };
        let splitter = Splitter {
            mode: Mode::Newline,
            max: 1 << 20,
            truncate: false,
            encoding: Encoding::Utf8,
            keep_leading: false,
            keep_trailing: false,
        };
        let settings = Settings {
            finder,
            start_at: StartAt::Beginning,
            on_corrupt: OnCorrupt::Beginning,
            poll_interval: Duration::from_millis(200),
            splitter,
            flush_after: Some(Duration::from_millis(500)),
            fingerprint_bytes: 1000,
            open_files_max: 1024,
            attributes: Attributes::default(),
            count_records: false,
            compression: Compression::None,
            header: None,
            delete_after_read: false,
            lock: false,
            uncache: false,
            on_truncate: OnTruncate::ReadWholeFile,
            retry: Retry {
                initial: Duration::from_millis(20),
                max: Duration::from_millis(100),
                give_up_after: None,
            },
            checkpoint_interval: Duration::ZERO,
            in_flight_bytes_max: 16 << 20,
        };
        let store = Some(Arc::default());
        Self { dir, settings, store, sink: Sink::new(), meter: Meter::default(), tagging: false }
    }

    fn include(&mut self, pattern: &str) {
        let pattern = self.dir.path().join(pattern);
        self.settings.finder.include = vec![Glob::new(pattern.to_str().unwrap()).unwrap()];
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        let mut file = File::options().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
    }

    /// Compresses as the kubelet does: a temporary file, a rename, then the plain file goes.
    fn gzip(&self, name: &str) {
        let text = std::fs::read(self.path(name)).unwrap();
        let temporary = format!("{name}.gz.tmp");
        std::fs::write(self.path(&temporary), gzip(&text)).unwrap();
        self.rename(&temporary, &format!("{name}.gz"));
        self.remove(name);
    }

    fn start(&self) -> Reader {
        let host = TestHost::new();
        let engine = self.engine(&host).owning(host.try_ownership().unwrap());
        host.spawn(engine.run());
        Reader { host }
    }

    /// One that waits for the end of `before`, as after a reload.
    fn start_after(&self, before: &Reader) -> Reader {
        let host = before.host.successor();
        let (ownership, engine) = (host.ownership(), self.engine(&host));
        host.spawn(async move { engine.owning(ownership.await).run().await });
        Reader { host }
    }

    fn engine(&self, host: &TestHost) -> Engine<LineSink> {
        let line_sink = if self.tagging { LineSink::tagging() } else { LineSink::default() };
        let store = self.store.clone().map(|it| it as _);
        let outputs = self.sink.outputs(&["logs"]);
        let settings = self.settings.clone();
        Engine::new(settings, line_sink, store, outputs, host, &self.meter, "file_log").unwrap()
    }

    fn bodies(&self) -> Vec<String> {
        bodies(&self.sink.received())
    }

    /// Waits for so many records and says which came, also those in excess.
    async fn wait(&self, n: usize) -> Vec<String> {
        self.sink.wait_for_items(n).await;
        self.bodies()
    }

    /// Gives the reader time for something that must not happen.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    fn lost(&self, reason: &str) -> Option<f64> {
        componenttest::metric(&self.meter, "sluice_lost_total", &[("reason", reason)])
    }
}

impl Reader {
    async fn stop(self) {
        tokio::time::timeout(GRACE, self.host.stop()).await.unwrap();
        assert!(self.host.reports().is_empty(), "{:?}", self.host.reports());
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn bodies(all: &[Data]) -> Vec<String> {
    let mut bodies = Vec::new();
    for data in all {
        let logs = data.clone().into_logs().unwrap();
        for record in logs.resources().flat_map(pdata::ResourceLogs::records) {
            match record.body() {
                Some(ValueRef::Str(text)) => bodies.push(text.to_owned()),
                other => panic!("{other:?}"),
            }
        }
    }
    bodies
}
