//! Reading what is there and what is added.

use super::*;

#[tokio::test]
async fn lines_are_delivered_as_they_are_appended() {
    let rig = Rig::new();
    rig.append("a.log", "one\n");
    let reader = rig.start();
    assert_eq!(rig.wait(1).await, ["one"]);
    rig.append("a.log", "two\n\n  three \r\n");
    assert_eq!(rig.wait(3).await, ["one", "two", "three"]);
    reader.stop().await;
}

#[tokio::test]
async fn a_line_in_two_writes_is_one_record() {
    let rig = Rig::new();
    rig.append("a.log", "testlog1");
    let reader = rig.start();
    tokio::time::sleep(Duration::from_millis(50)).await;
    rig.append("a.log", "testlog2\n");
    assert_eq!(rig.wait(1).await, ["testlog1testlog2"]);
    reader.stop().await;
}

#[tokio::test]
async fn an_unfinished_line_is_a_record_after_the_flush_period() {
    let mut rig = Rig::new();
    rig.settings.flush_after = Some(Duration::from_millis(100));
    rig.append("a.log", "one\nrest");
    let reader = rig.start();
    assert_eq!(rig.wait(2).await, ["one", "rest"]);
    rig.append("a.log", " of it\n");
    assert_eq!(rig.wait(3).await, ["one", "rest", "of it"]);
    reader.stop().await;
}

#[tokio::test]
async fn start_at_end_holds_for_what_is_there_at_the_start_only() {
    let mut rig = Rig::new();
    rig.settings.start_at = StartAt::End;
    rig.append("a.log", "old\n");
    let reader = rig.start();
    rig.settle().await;
    rig.append("a.log", "new\n");
    assert_eq!(rig.wait(1).await, ["new"]);
    rig.append("b.log", "first\n");
    assert_eq!(rig.wait(2).await, ["new", "first"]);
    reader.stop().await;
}

#[tokio::test]
async fn new_directories_are_looked_into() {
    let mut rig = Rig::new();
    rig.include("pods/*/*/*.log");
    let reader = rig.start();
    rig.settle().await;
    std::fs::create_dir_all(rig.path("pods/a/c")).unwrap();
    rig.append("pods/a/c/0.log", "one\n");
    rig.wait(1).await;
    std::fs::create_dir_all(rig.path("pods/b/c")).unwrap();
    rig.append("pods/b/c/0.log", "two\n");
    assert_eq!(rig.wait(2).await, ["one", "two"]);
    reader.stop().await;
}

#[tokio::test]
async fn a_line_longer_than_a_block_is_one_record() {
    let rig = Rig::new();
    let long = "x".repeat(700_000);
    rig.append("a.log", &format!("{long}\nshort\n"));
    let reader = rig.start();
    assert_eq!(rig.wait(2).await, [long.as_str(), "short"]);
    reader.stop().await;
}

#[tokio::test]
async fn more_files_than_may_be_open_are_all_read() {
    let mut rig = Rig::new();
    rig.settings.open_files_max = 1;
    for n in 0..10 {
        rig.append(&format!("{n}.log"), &format!("{n} first\n"));
    }
    let reader = rig.start();
    rig.wait(10).await;
    for n in 0..10 {
        rig.append(&format!("{n}.log"), &format!("{n} second\n"));
    }
    let mut got = rig.wait(20).await;
    got.sort();
    let want: Vec<_> =
        (0..10).flat_map(|n| [format!("{n} first"), format!("{n} second")]).collect();
    assert_eq!(got, want);
    reader.stop().await;
}

#[tokio::test]
async fn gzip_members_are_read_and_more_may_be_appended() {
    let mut rig = Rig::new();
    rig.settings.compression = Compression::Gzip;
    std::fs::write(rig.path("a.log"), gzip(b"one\ntwo\n")).unwrap();
    let reader = rig.start();
    assert_eq!(rig.wait(2).await, ["one", "two"]);
    let mut file = File::options().append(true).open(rig.path("a.log")).unwrap();
    file.write_all(&gzip(b"three\n")).unwrap();
    assert_eq!(rig.wait(3).await, ["one", "two", "three"]);
    reader.stop().await;
}

#[tokio::test]
async fn start_at_end_of_a_gzip_file_is_behind_what_it_holds() {
    let mut rig = Rig::new();
    rig.settings.compression = Compression::Gzip;
    rig.settings.start_at = StartAt::End;
    std::fs::write(rig.path("a.log"), gzip(b"one\ntwo\n")).unwrap();
    let reader = rig.start();
    rig.settle().await;
    let mut file = File::options().append(true).open(rig.path("a.log")).unwrap();
    file.write_all(&gzip(b"three\n")).unwrap();
    assert_eq!(rig.wait(1).await, ["three"]);
    reader.stop().await;
}

#[tokio::test]
async fn header_lines_give_attributes_also_after_a_restart() {
    let mut rig = Rig::new();
    rig.settings.header = Some(regex::bytes::Regex::new("^#").unwrap());
    rig.tagging = true;
    rig.append("a.log", "#app: x\n#ver: 2\none\n");
    let reader = rig.start();
    assert_eq!(rig.wait(1).await, ["app=x ver=2 one"]);
    reader.stop().await;
    rig.append("a.log", "#two\n");
    let reader = rig.start();
    assert_eq!(rig.wait(2).await[1], "app=x ver=2 #two");
    reader.stop().await;
}

#[tokio::test]
async fn records_are_counted_across_a_restart_blank_ones_too() {
    let mut rig = Rig::new();
    rig.settings.count_records = true;
    rig.append("a.log", "one\n\ntwo\n");
    let reader = rig.start();
    assert_eq!(rig.wait(2).await, ["1 one", "3 two"]);
    reader.stop().await;
    rig.append("a.log", "three\n");
    let reader = rig.start();
    assert_eq!(rig.wait(3).await[2], "4 three");
    reader.stop().await;
}

#[tokio::test]
async fn a_file_that_is_read_and_acknowledged_is_deleted_when_wanted() {
    let mut rig = Rig::new();
    rig.settings.delete_after_read = true;
    rig.sink.answer(componenttest::Answer::Hang);
    rig.append("a.log", "one\n");
    let reader = rig.start();
    rig.sink.wait_for_calls(1).await;
    rig.settle().await;
    assert!(rig.path("a.log").exists(), "deleted before it was acknowledged");
    rig.sink.release(componenttest::Answer::Ok);
    let deadline = tokio::time::Instant::now() + GRACE;
    while rig.path("a.log").exists() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!rig.path("a.log").exists());
    reader.stop().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_counted_and_the_others_go_on() {
    let rig = Rig::new();
    // A link to itself fails for root as well, which a missing permission does not.
    std::os::unix::fs::symlink(rig.path("b.log"), rig.path("b.log")).unwrap();
    std::fs::create_dir(rig.path("d.log")).unwrap();
    rig.append("a.log", "one\n");
    let reader = rig.start();
    assert_eq!(rig.wait(1).await, ["one"]);
    rig.append("a.log", "two\n");
    rig.wait(2).await;
    reader.stop().await;
}

#[tokio::test]
async fn a_link_that_is_pointed_elsewhere_is_followed() {
    let rig = Rig::new();
    let reader = rig.start();
    let mut want = Vec::new();
    for n in 0..5 {
        rig.append(&format!("target{n}"), &format!("line {n} a\n"));
        std::os::unix::fs::symlink(rig.path(&format!("target{n}")), rig.path("new")).unwrap();
        rig.rename("new", "sym.log");
        want.push(format!("line {n} a"));
        assert_eq!(rig.wait(want.len()).await, want);
        rig.append(&format!("target{n}"), &format!("line {n} b\n"));
        want.push(format!("line {n} b"));
        assert_eq!(rig.wait(want.len()).await, want);
    }
    reader.stop().await;
}
