//! Files that are not what a log file should be: by their names, by where they lie, by what they hold.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::support::{Process, SLUICE, eventually, own_address};

/// The program with a folder of logs, and what it has delivered.
struct Collector {
    folder: tempfile::TempDir,
    sluice: Process,
}

impl Collector {
    /// Follows `pattern` below `folder`, with more keys of the receiver. Offsets are kept in `folder`.
    fn start(folder: tempfile::TempDir, test: u8, pattern: &str, keys: &str) -> Self {
        let address = own_address(test);
        let root = folder.path().display();
        let yaml = format!(
            "extensions: {{file_storage: {{directory: '{root}/offsets', create_directory: true}}}}
receivers: {{file_log: {{include: ['{root}/{pattern}'], storage: file_storage, {keys}}}}}
exporters: {{file: {{path: '{root}/out.json', append: true, flush_interval: 10ms}}}}
service:
  extensions: [file_storage]
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: '{address}', port: 8888}}}}}}}}]}}}}
  pipelines: {{logs: {{receivers: [file_log], exporters: [file]}}}}
"
        );
        let sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
        Self { folder, sluice }
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// How often this text has been delivered.
    fn delivered(&self, text: &str) -> usize {
        let out = fs::read(self.path("out.json")).unwrap_or_default();
        String::from_utf8(out).unwrap().matches(text).count()
    }

    /// Waits until this text has come, which it must once.
    async fn comes(&self, text: &str) {
        assert!(eventually(|| self.delivered(text) > 0).await, "{text}: {}", self.sluice.output());
        assert_eq!(self.delivered(text), 1, "{text}");
    }

    /// Stops it; what is in the folder stays.
    async fn stop(mut self) -> tempfile::TempDir {
        assert!(self.sluice.terminate().await.success(), "{}", self.sluice.output());
        self.folder
    }
}

#[tokio::test]
async fn a_file_whose_name_is_not_utf_8_is_read_and_followed_through_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let name = |end: &str| folder.path().join(OsStr::from_bytes(b"logs\xff/caf\xe9")).join(end);
    fs::create_dir_all(name("")).unwrap();
    let log = OsStr::from_bytes(b"m\xfcller.log");
    let log = name("").join(log);
    let archive = log.with_extension("log.1");
    fs::write(&log, "before the start\n").unwrap();
    let keys = "start_at: beginning, include_file_path: true";
    let collector = Collector::start(folder, 141, "logs*/*/*.log", keys);
    collector.comes("before the start").await;
    // As a text of OTLP has it.
    let shown = "logs\u{fffd}/caf\u{fffd}/m\u{fffd}ller.log";
    assert!(collector.delivered(shown) == 1, "{}", collector.sluice.output());
    let begin = |text: &str| fs::write(&log, text).unwrap();
    fs::rename(&log, &archive).unwrap();
    begin("after the rotation\n");
    collector.comes("after the rotation").await;
    let folder = collector.stop().await;
    // Rotated twice while nobody looked: it is recognised by its inode and by what it holds.
    fs::rename(&archive, log.with_extension("log.2")).unwrap();
    let mut text = fs::read(&log).unwrap();
    text.extend(b"while it was down\n");
    fs::write(&log, text).unwrap();
    fs::rename(&log, &archive).unwrap();
    begin("after the restart\n");
    let collector = Collector::start(folder, 141, "logs*/*/*.log", keys);
    for text in ["while it was down", "after the restart", "before the start", "after the rotation"]
    {
        collector.comes(text).await;
    }
    collector.stop().await;
}
