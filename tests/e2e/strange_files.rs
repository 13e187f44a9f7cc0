//! Files that are not what a log file should be: by their names, by where they lie, by what they hold.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::support::{Process, SLUICE, eventually, get, own_address};

/// The program with a folder of logs, and what it has delivered.
pub struct Collector {
    pub folder: tempfile::TempDir,
    address: String,
    pub sluice: Process,
}

impl Collector {
    /// Follows `pattern` below `folder`, with more keys of the receiver. Offsets are kept in `folder`.
    pub fn start(folder: tempfile::TempDir, test: u8, pattern: &str, keys: &str) -> Self {
        Self::wrapped(folder, test, pattern, keys, &[])
    }

    /// The same, started by a program that is given its own arguments and then the command.
    pub fn wrapped(
        folder: tempfile::TempDir,
        test: u8,
        pattern: &str,
        keys: &str,
        wrapper: &[&str],
    ) -> Self {
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
        fs::write(folder.path().join("collector.yaml"), yaml).unwrap();
        let command = [wrapper, &[SLUICE, "--config", "collector.yaml"]].concat();
        let sluice = Process::start(Path::new(command[0]), folder.path(), &command[1..]);
        Self { folder, address, sluice }
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// How often this text has been delivered.
    pub fn delivered(&self, text: &str) -> usize {
        let out = fs::read(self.path("out.json")).unwrap_or_default();
        String::from_utf8(out).unwrap().matches(text).count()
    }

    /// Waits until this text has come, which it must once.
    pub async fn comes(&self, text: &str) {
        assert!(eventually(|| self.delivered(text) > 0).await, "{text}: {}", self.sluice.output());
        assert_eq!(self.delivered(text), 1, "{text}");
    }

    /// The value of the series of own metrics with this name and this text in its labels.
    pub fn metric(&self, name: &str, label: &str) -> Option<f64> {
        let page = get(&self.address, 8888, "/metrics").unwrap_or_default();
        let line = page.lines().find(|it| it.starts_with(name) && it.contains(label));
        line.and_then(|it| it.rsplit_once(' ')?.1.parse().ok())
    }

    /// The lines of its log with this text.
    pub fn said(&self, text: &str) -> Vec<String> {
        let output = self.sluice.output();
        output.lines().filter(|it| it.contains(text)).map(str::to_owned).collect()
    }

    /// Stops it; what is in the folder stays.
    pub async fn stop(mut self) -> tempfile::TempDir {
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
    let collector = Collector::start(folder, 171, "logs*/*/*.log", keys);
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
    let collector = Collector::start(folder, 171, "logs*/*/*.log", keys);
    for text in ["while it was down", "after the restart", "before the start", "after the rotation"]
    {
        collector.comes(text).await;
    }
    collector.stop().await;
}

#[tokio::test]
async fn what_is_no_log_is_skipped_said_once_and_counted_and_the_logs_beside_it_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let file = |name: &str| logs.join(name);
    let links = [
        ("proc.log", "/proc/self/stat", "proc file system"),
        ("sys.log", "/sys/kernel/notes", "sysfs file system"),
        ("zero.log", "/dev/zero", "it is a device"),
        ("fifo.log", "fifo", "it is a FIFO"),
        ("socket.log", "socket", "it is a socket"),
    ];
    let links: Vec<_> = links
        .into_iter()
        .filter(|it| !it.1.starts_with("/sys") || Path::new(it.1).exists())
        .collect();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, file("fifo"), rustix::fs::FileType::Fifo, mode, 0)
        .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(file("socket")).unwrap();
    for (name, target, _) in &links {
        std::os::unix::fs::symlink(target, file(name)).unwrap();
    }
    // In /proc by name, and a log all the same.
    let open = fs::File::create(file("open")).unwrap();
    std::io::Write::write_all(&mut &open, b"through a descriptor\n").unwrap();
    let pid = std::process::id();
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&open);
    std::os::unix::fs::symlink(format!("/proc/{pid}/fd/{descriptor}"), file("fd.log")).unwrap();
    fs::create_dir(file("directory.log")).unwrap();
    fs::write(file("a.log"), "a real one\n").unwrap();
    let shm = tempfile::Builder::new().prefix("log").tempfile_in("/dev/shm");
    if let Ok(shm) = &shm {
        fs::write(shm.path(), "on a tmpfs\n").unwrap();
        std::os::unix::fs::symlink(shm.path(), file("shm.log")).unwrap();
    }
    let collector = Collector::start(folder, 172, "logs/*.log", "start_at: beginning");
    collector.comes("a real one").await;
    collector.comes("through a descriptor").await;
    if shm.is_ok() {
        collector.comes("on a tmpfs").await;
    }
    let unreadable = || collector.metric("sluice_fileconsumer_unreadable_files", "file_log");
    let wanted = links.len() as f64;
    assert!(eventually(|| unreadable() == Some(wanted)).await, "{}", collector.sluice.output());
    // One more walk over all, after which a last line still comes.
    fs::write(file("b.log"), "the last\n").unwrap();
    collector.comes("the last").await;
    for (name, _, what) in &links {
        let said = collector.said(name);
        assert!(
            said.len() == 1 && said[0].contains(what) && said[0].contains("'exclude'"),
            "{said:?}"
        );
    }
    assert!(collector.said("directory.log").is_empty());
    assert_eq!(collector.delivered("\"body\""), 3 + usize::from(shm.is_ok()));
    // What goes away, or becomes a log, is no longer counted.
    for (name, ..) in &links {
        fs::remove_file(file(name)).unwrap();
    }
    fs::write(file("proc.log"), "a log now\n").unwrap();
    collector.comes("a log now").await;
    assert!(eventually(|| unreadable() == Some(0.0)).await, "{:?}", unreadable());
    collector.stop().await;
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

#[tokio::test]
async fn a_damaged_gzip_file_gives_what_stands_before_the_damage_and_is_named_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let (one, two) = (gzip("first\n"), gzip("second\n"));
    let mut broken = [one.clone(), two.clone()].concat();
    // A block of a type that does not exist, in the second member.
    broken[one.len() + 10] = 0b111;
    fs::write(file("broken.gz"), &broken).unwrap();
    let mut checksum = [gzip("third\n"), gzip("fourth\n")].concat();
    let end = gzip("third\n").len();
    checksum[end - 8] ^= 1;
    fs::write(file("checksum.gz"), checksum).unwrap();
    fs::write(file("written.gz"), &gzip("fifth\n")[..16]).unwrap();
    fs::write(file("padded.gz"), [gzip("sixth\n"), vec![0; 512]].concat()).unwrap();
    fs::write(file("empty.gz"), "").unwrap();
    let collector = Collector::start(folder, 173, "*.gz", "start_at: beginning, compression: gzip");
    for text in ["first", "third", "fourth", "sixth"] {
        collector.comes(text).await;
    }
    let lost = || collector.metric("sluice_lost_total", "corrupt_record");
    assert!(eventually(|| lost() == Some(2.0)).await, "{}", collector.sluice.output());
    let said = collector.said("compressed file is damaged");
    let of = |name: &str| said.iter().find(|it| it.contains(name)).cloned().unwrap_or_default();
    for text in ["\"offset\": ", "the rest is lost", "gzip -t", "whole copy"] {
        assert!(of("broken.gz").contains(text), "no {text:?} in {said:?}");
    }
    for text in [&format!("\"offset\": {end}"), "checksum", "may be wrong"] {
        assert!(of("checksum.gz").contains(text), "no {text:?} in {said:?}");
    }
    assert_eq!(said.len(), 2, "{said:?}");
    // A whole copy comes in its place, and the other one gets its end.
    fs::write(collector.path("broken.gz"), [one, two].concat()).unwrap();
    fs::write(collector.path("written.gz"), gzip("fifth\n")).unwrap();
    for text in ["second", "fifth", "first"] {
        collector.comes(text).await;
    }
    assert_eq!(lost(), Some(2.0));
    collector.stop().await;
}
