//! Files that begin anew at each look, and compressed files that are damaged.

use std::time::SystemTime;

use super::*;

/// Rewrites that would be read one by one, if there were no limit.
const REWRITES: usize = 300;

#[tokio::test]
async fn a_file_that_begins_anew_again_and_again_is_left_alone_for_a_while_and_its_last_content_comes()
 {
    let rig = Rig::new();
    rig.append("a.log", "0000\n");
    let reader = rig.start();
    rig.wait(1).await;
    let comes = async |n: usize, within: Duration| {
        let read = async {
            // Of the same length, so that only its beginning tells that it is another.
            while rig.bodies().last().is_none_or(|it| *it != format!("{n:04}")) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(within, read).await.is_ok()
    };
    let mut written = 0;
    while written < REWRITES {
        written += 1;
        std::fs::write(rig.path("a.log"), format!("{written:04}\n")).unwrap();
        if !comes(written, Duration::from_secs(2)).await {
            break;
        }
    }
    assert!(written < REWRITES, "all {written} were read at once");
    assert!(comes(written, GRACE).await);
    reader.stop().await;
}

#[tokio::test]
async fn a_damaged_archive_gives_what_stands_before_the_damage_and_is_counted_once() {
    let mut rig = Rig::new();
    rig.include("*.log*");
    rig.settings.compression = Compression::Auto;
    let mut bytes = [gzip(b"one\ntwo\n"), gzip(b"three\n")].concat();
    bytes[gzip(b"one\ntwo\n").len() + 10] = 0b111;
    std::fs::write(rig.path("a.log.1.gz"), &bytes).unwrap();
    std::fs::write(rig.path("b.log.1.gz"), gzip(b"whole\n")).unwrap();
    let reader = rig.start();
    rig.wait(3).await;
    rig.settle().await;
    assert_eq!(rig.lost("corrupt_record"), Some(1.0));
    reader.stop().await;
    // It is known: neither read nor counted again.
    let reader = rig.start();
    rig.append("c.log", "four\n");
    let mut all = rig.wait(4).await;
    all.sort();
    assert_eq!(all, ["four", "one", "two", "whole"]);
    rig.settle().await;
    assert_eq!(rig.lost("corrupt_record"), Some(1.0));
    reader.stop().await;
}

#[tokio::test]
async fn a_compressed_file_that_is_still_written_is_neither_damaged_nor_deleted() {
    let mut rig = Rig::new();
    rig.include("*.gz");
    rig.settings.compression = Compression::Gzip;
    rig.settings.delete_after_read = true;
    let bytes = [gzip(b"one\n"), gzip(b"two\nthree\n")].concat();
    let begun = bytes.len() - 6;
    std::fs::write(rig.path("a.gz"), &bytes[..begun]).unwrap();
    // Nobody will finish this one.
    std::fs::write(rig.path("old.gz"), &gzip(b"old\n")[..20]).unwrap();
    let old = File::options().append(true).open(rig.path("old.gz")).unwrap();
    let times = std::fs::FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
    old.set_times(times).unwrap();
    let reader = rig.start();
    rig.wait(3).await;
    rig.settle().await;
    assert_eq!(rig.lost("corrupt_record"), Some(1.0));
    assert!(rig.path("a.gz").exists());
    let mut file = File::options().append(true).open(rig.path("a.gz")).unwrap();
    file.write_all(&bytes[begun..]).unwrap();
    let gone = async {
        while rig.path("a.gz").exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(GRACE, gone).await.is_ok());
    let mut all = rig.bodies();
    all.sort();
    assert_eq!(all, ["old", "one", "three", "two"]);
    assert!(rig.path("old.gz").exists());
    assert_eq!(rig.lost("corrupt_record"), Some(1.0));
    reader.stop().await;
}
