//! Offsets that are damaged, removed or cannot be stored: lines may come twice, and none is lost.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::bad_input::without_privileges;
use super::strange_files::Collector;
use crate::support::{Process, SLUICE, eventually, skipped};

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
    let copy = Command::new("cp")
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
    // The offset behind both lines.
    assert!(eventually(|| says_offset(&path, 14)).await, "{}", collector.sluice.output());
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

/// True for a journal that says that a file is done up to here: version, then offset, in little endian.
fn says_offset(path: &Path, offset: u64) -> bool {
    let wanted = [&[1][..], &offset.to_le_bytes()].concat();
    fs::read(path).is_ok_and(|it| it.windows(wanted.len()).any(|it| it == wanted))
}

#[tokio::test]
async fn a_store_that_may_not_be_opened_ends_the_start_with_a_remedy_and_stays() {
    let folder = stopped_and_rotated(147).await;
    let path = journal(folder.path());
    let whole = fs::read(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    let mut command = without_privileges();
    command.pop();
    let keys = "start_at: end";
    let mut collector = Collector::wrapped(folder, 147, "logs/a.log", keys, &command);
    collector.sluice.says("let the user that runs the collector own").await;
    assert!(!collector.sluice.ended().await.success());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), whole);
    let collector = Collector::start(collector.folder, 147, "logs/a.log", keys);
    collector.comes("while it was down").await;
    collector.comes("after the rotation").await;
    collector.stop().await;
}

#[tokio::test]
async fn while_the_disk_of_the_offsets_is_full_lines_go_on_and_offsets_are_stored_when_there_is_room()
 {
    let mut wrapper = vec!["unshare", "--mount"];
    if !rustix::process::geteuid().is_root() {
        wrapper.push("--map-root-user");
    }
    let script = "mount -t tmpfs -o size=64k tmpfs offsets && exec \"$0\" \"$@\"";
    wrapper.extend(["sh", "-c", script]);
    let folder = tempfile::tempdir().unwrap();
    for name in ["logs", "offsets"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let probe = Command::new(wrapper[0])
        .args(&wrapper[1..])
        .args([SLUICE, "--version"])
        .current_dir(folder.path())
        .output();
    if !probe.as_ref().is_ok_and(|it| it.status.success()) {
        return skipped(format_args!("a full disk needs a mount namespace: {probe:?}"));
    }
    let log = folder.path().join("logs/a.log");
    fs::write(&log, "line 1000\n").unwrap();
    let keys = "start_at: beginning";
    let mut collector = Collector::wrapped(folder, 148, "logs/a.log", keys, &wrapper);
    collector.comes("line 1000").await;
    // Its file system, seen from outside.
    let root = collector.folder.path().to_owned();
    let inside = |it: PathBuf| {
        let path = it.strip_prefix("/").unwrap().to_owned();
        Path::new(&format!("/proc/{}/root", collector.sluice.pid())).join(path)
    };
    let (path, filler) = (inside(journal(&root)), inside(root.join("offsets/filler")));
    assert!(fs::write(&filler, vec![0; 1 << 20]).is_err(), "the disk is not full");
    // Up to the end of the page that the journal has already.
    let failed = |it: &Collector| {
        it.metric("sluice_fileconsumer_checkpoint_failures_total", "file_log") > Some(0.0)
    };
    let mut lines = 1;
    while !failed(&collector) {
        let line = format!("line {}", 1000 + lines);
        append(&log, &format!("{line}\n"));
        collector.comes(&line).await;
        lines += 1;
        assert!(lines < 1000, "{}", collector.sluice.output());
    }
    collector.sluice.says("make room on the disk").await;
    fs::remove_file(&filler).unwrap();
    let stored = || says_offset(&path, lines * 10);
    assert!(eventually(stored).await, "{}", collector.sluice.output());
    // After a kill nothing comes twice: half of a record in the middle would have cut off what came behind it. Its file system ends
    // with it, so what the kill leaves is taken while it stands still.
    collector.sluice.freeze().await;
    for name in fs::read_dir(path.parent().unwrap()).unwrap() {
        let name = name.unwrap();
        fs::copy(name.path(), root.join("offsets").join(name.file_name())).unwrap();
    }
    collector.sluice.kill();
    append(&log, "the last\n");
    let collector = Collector::start(collector.folder, 148, "logs/a.log", keys);
    collector.comes("the last").await;
    for line in 0..lines {
        assert_eq!(collector.delivered(&format!("line {}", 1000 + line)), 1);
    }
    assert!(collector.said("damaged").is_empty());
    collector.stop().await;
}

#[tokio::test]
async fn a_second_collector_with_the_same_offsets_does_not_start_and_the_first_goes_on() {
    let folder = stopped_and_rotated(149).await;
    let log = folder.path().join("logs/a.log");
    let collector = Collector::start(folder, 149, "logs/a.log", "start_at: end");
    collector.comes("after the rotation").await;
    let (root, other) = (collector.folder.path(), tempfile::tempdir().unwrap());
    let yaml = fs::read_to_string(root.join("collector.yaml")).unwrap();
    let yaml = yaml.replace("out.json", "other.json").replace("port: 8888", "port: 8889");
    let mut second = Process::collector(Path::new(SLUICE), other.path(), &yaml);
    second.says("it is held by another process or component").await;
    assert!(!second.ended().await.success());
    append(&log, "for the first\n");
    collector.comes("for the first").await;
    collector.stop().await;
}
