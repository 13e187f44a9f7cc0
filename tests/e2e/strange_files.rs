//! Files that are not what a log file should be: by their names, by where they lie, by what they hold.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::support::{Process, SLUICE, eventually, get, own_address};

/// The program with a folder of logs, and what it has delivered.
struct Collector {
    folder: tempfile::TempDir,
    address: String,
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
        Self { folder, address, sluice }
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

    /// The value of the series of own metrics with this name and this text in its labels.
    fn metric(&self, name: &str, label: &str) -> Option<f64> {
        let page = get(&self.address, 8888, "/metrics").unwrap_or_default();
        let line = page.lines().find(|it| it.starts_with(name) && it.contains(label));
        line.and_then(|it| it.rsplit_once(' ')?.1.parse().ok())
    }

    /// The lines of its log with this text.
    fn said(&self, text: &str) -> Vec<String> {
        let output = self.sluice.output();
        output.lines().filter(|it| it.contains(text)).map(str::to_owned).collect()
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
    let collector = Collector::start(folder, 142, "logs/*.log", "start_at: beginning");
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
    let collector = Collector::start(folder, 143, "*.gz", "start_at: beginning, compression: gzip");
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

/// The journal of the receiver.
fn journal(folder: &Path) -> PathBuf {
    folder.join("offsets/receiver_file_log__")
}

/// A collector has read on from the end of a file and was stopped; then the file was rotated and written.
async fn stopped_and_rotated(test: u8) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("logs/a.log");
    fs::create_dir(folder.path().join("logs")).unwrap();
    fs::write(&log, "from before\n").unwrap();
    let collector = Collector::start(folder, test, "logs/a.log", "start_at: end");
    assert!(eventually(|| collector.said("Everything is ready").len() == 1).await);
    assert!(eventually(|| journal(collector.folder.path()).with_extension("since").exists()).await);
    append(&log, "read\n");
    collector.comes("read").await;
    let folder = collector.stop().await;
    append(&log, "while it was down\n");
    fs::rename(&log, log.with_extension("log.1")).unwrap();
    fs::write(&log, "after the rotation\n").unwrap();
    fs::remove_file(folder.path().join("sluice.log")).unwrap();
    folder
}

fn append(path: &Path, text: &str) {
    let mut file = fs::File::options().append(true).open(path).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}

#[tokio::test]
async fn damaged_offsets_mean_lines_twice_and_never_lines_lost_although_reading_starts_at_the_end()
{
    let flip = |path: &Path, at: usize| {
        let mut bytes = fs::read(path).unwrap();
        bytes[at] ^= 0x10;
        fs::write(path, bytes).unwrap();
    };
    let cut = |path: &Path, length: u64| {
        fs::File::options().write(true).open(path).unwrap().set_len(length).unwrap();
    };
    let damages: [(&str, &dyn Fn(&Path)); 6] = [
        ("gone", &|it| fs::remove_file(it).unwrap()),
        ("emptied", &|it| cut(it, 0)),
        ("cut behind its beginning", &|it| cut(it, 8)),
        ("no journal any more", &|it| flip(it, 3)),
        ("damaged in its first record", &|it| flip(it, 40)),
        ("full of zeros", &|it| fs::write(it, vec![0; 4096]).unwrap()),
    ];
    for (what, damage) in damages {
        let folder = stopped_and_rotated(144).await;
        damage(&journal(folder.path()));
        let collector = Collector::start(folder, 144, "logs/a.log", "start_at: end");
        for text in ["while it was down", "after the rotation"] {
            let came = eventually(|| collector.delivered(text) == 1).await;
            assert!(came, "{what}: {text}: {}", collector.sluice.output());
        }
        let said = collector.said("stored offsets are damaged");
        assert!(said.len() == 1 && said[0].contains("read from the beginning"), "{what}: {said:?}");
        assert!(said[0].contains("receiver_file_log__"), "{what}: {said:?}");
        // It is a store again.
        let folder = collector.stop().await;
        fs::remove_file(folder.path().join("sluice.log")).unwrap();
        append(&folder.path().join("logs/a.log"), "later\n");
        let collector = Collector::start(folder, 144, "logs/a.log", "start_at: end");
        collector.comes("later").await;
        assert!(collector.said("damaged").is_empty(), "{what}: {}", collector.sluice.output());
        assert_eq!(collector.delivered("after the rotation"), 1, "{what}");
        collector.stop().await;
    }
}

#[tokio::test]
async fn on_corrupt_says_to_go_on_at_the_end_or_not_to_start_until_the_store_is_whole() {
    let folder = stopped_and_rotated(145).await;
    let path = journal(folder.path());
    let whole = fs::read(&path).unwrap();
    let mut broken = whole.clone();
    broken[40] ^= 0x10;
    fs::write(&path, &broken).unwrap();
    let keys = "start_at: end, on_corrupt: fail";
    // However often it is tried.
    let mut folder = folder;
    for _ in 0..2 {
        let mut collector = Collector::start(folder, 145, "logs/a.log", keys);
        for text in ["stored offsets are damaged", "receiver_file_log__", "set 'on_corrupt' to"] {
            collector.sluice.says(text).await;
        }
        assert!(!collector.sluice.ended().await.success());
        assert_eq!(fs::read(&path).unwrap(), broken);
        folder = collector.folder;
    }
    let other = tempfile::tempdir().unwrap();
    let copy = std::process::Command::new("cp")
        .args(["-a", "logs", "offsets", "out.json"])
        .arg(other.path())
        .current_dir(folder.path())
        .status();
    assert!(copy.unwrap().success());
    fs::write(&path, &whole).unwrap();
    let collector = Collector::start(folder, 145, "logs/a.log", keys);
    collector.comes("while it was down").await;
    collector.comes("after the rotation").await;
    collector.stop().await;

    let log = other.path().join("logs/a.log");
    let keys = "start_at: beginning, on_corrupt: end";
    let mut collector = Collector::start(other, 145, "logs/a.log", keys);
    collector.sluice.says("so lines may be lost").await;
    collector.sluice.ready().await;
    let offsets = |it: &Collector| fs::metadata(journal(it.folder.path())).map_or(0, |it| it.len());
    assert!(eventually(|| offsets(&collector) != broken.len() as u64).await);
    append(&log, "from now on\n");
    collector.comes("from now on").await;
    for text in ["while it was down", "after the rotation"] {
        assert_eq!(collector.delivered(text), 0, "{text}");
    }
    collector.stop().await;
}

#[tokio::test]
async fn offsets_that_are_removed_or_replaced_while_it_runs_are_written_anew_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("logs/a.log");
    fs::create_dir(folder.path().join("logs")).unwrap();
    fs::write(&log, "0 line\n").unwrap();
    let mut collector = Collector::start(folder, 146, "logs/a.log", "start_at: beginning");
    collector.comes("0 line").await;
    let root = collector.folder.path().to_owned();
    let (path, offsets) = (journal(&root), root.join("offsets"));
    let read = || fs::symlink_metadata(&path).is_ok_and(|it| it.is_file() && it.len() > 8);
    let secret = root.join("secret");
    fs::write(&secret, "").unwrap();
    let mut rewritten = 0.0;
    let damages: [(&str, &dyn Fn()); 3] = [
        ("directory removed", &|| fs::remove_dir_all(&offsets).unwrap()),
        ("file removed", &|| fs::remove_file(&path).unwrap()),
        ("file replaced by a link", &|| {
            fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink(&secret, &path).unwrap();
        }),
    ];
    for (what, damage) in damages {
        assert!(eventually(read).await);
        damage();
        // Although nothing is written.
        assert!(eventually(read).await, "{what}: {}", collector.sluice.output());
        rewritten += 1.0;
        let counted = || collector.metric("sluice_storage_rewritten_total", "file_storage");
        assert!(eventually(|| counted() == Some(rewritten)).await, "{what}: {:?}", counted());
    }
    assert_eq!(collector.said("it was written anew").len(), 3);
    assert_eq!(fs::read(&secret).unwrap(), b"");
    // A directory in its place cannot be helped: lines go on, and it is said what to do.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    append(&log, "1 line\n");
    collector.comes("1 line").await;
    collector.sluice.says("remove what is in its place").await;
    let failed = || collector.metric("sluice_fileconsumer_checkpoint_failures_total", "file_log");
    assert!(eventually(|| failed() > Some(0.0)).await);
    fs::remove_dir(&path).unwrap();
    assert!(eventually(read).await, "{}", collector.sluice.output());
    // What is there is what was read: after a kill nothing comes twice, and nothing is missing.
    collector.sluice.kill();
    append(&log, "2 line\n");
    let collector = Collector::start(collector.folder, 146, "logs/a.log", "start_at: beginning");
    collector.comes("2 line").await;
    for text in ["0 line", "1 line"] {
        assert_eq!(collector.delivered(text), 1, "{text}");
    }
    collector.stop().await;
}
