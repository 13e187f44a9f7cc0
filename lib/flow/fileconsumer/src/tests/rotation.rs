//! Files that are renamed, removed, copied, truncated and compressed, with and without a restart.

use componenttest::Answer;

use super::*;

#[tokio::test]
async fn a_renamed_file_is_read_to_its_end_before_the_new_one() {
    let rig = Rig::new();
    rig.append("a.log", "one\n");
    let reader = rig.start();
    rig.wait(1).await;
    let mut writer = File::options().append(true).open(rig.path("a.log")).unwrap();
    rig.rename("a.log", "a.log.20260101-000000");
    rig.append("a.log", "three\n");
    writer.write_all(b"two\n").unwrap();
    let mut got = rig.wait(3).await;
    got.sort();
    assert_eq!(got, ["one", "three", "two"]);
    writer.write_all(b"late\n").unwrap();
    rig.append("a.log", "four\n");
    assert_eq!(rig.wait(5).await.len(), 5);
    reader.stop().await;
}

#[tokio::test]
async fn many_rotations_keep_the_order() {
    let rig = Rig::new();
    rig.append("a.log", "start\n");
    let reader = rig.start();
    let mut want = rig.wait(1).await;
    for round in 0..20 {
        for n in 0..50 {
            rig.append("a.log", &format!("{round} {n}\n"));
            want.push(format!("{round} {n}"));
        }
        rig.rename("a.log", &format!("a.log.20260101-0000{round:02}"));
    }
    assert_eq!(rig.wait(want.len()).await, want);
    reader.stop().await;
}

#[tokio::test]
async fn a_rename_within_the_pattern_reads_nothing_again() {
    let rig = Rig::new();
    rig.append("a.log", "one\n");
    let reader = rig.start();
    rig.wait(1).await;
    rig.rename("a.log", "b.log");
    rig.append("b.log", "two\n");
    assert_eq!(rig.wait(2).await, ["one", "two"]);
    rig.settle().await;
    assert_eq!(rig.bodies().len(), 2);
    reader.stop().await;
}

#[tokio::test]
async fn a_removed_file_is_read_to_its_end() {
    let rig = Rig::new();
    rig.append("a.log", "one\n");
    let reader = rig.start();
    rig.wait(1).await;
    let mut writer = File::options().append(true).open(rig.path("a.log")).unwrap();
    rig.remove("a.log");
    writer.write_all(b"two\nunfinished").unwrap();
    assert_eq!(rig.wait(3).await, ["one", "two", "unfinished"]);
    reader.stop().await;
}

#[tokio::test]
async fn a_file_made_again_is_read_from_its_start() {
    let rig = Rig::new();
    rig.append("a.log", "one and more\n");
    let reader = rig.start();
    rig.wait(1).await;
    rig.remove("a.log");
    rig.append("a.log", "one and other\n");
    assert_eq!(rig.wait(2).await, ["one and more", "one and other"]);
    reader.stop().await;
    rig.remove("a.log");
    rig.append("a.log", "third of a name\n");
    let reader = rig.start();
    assert_eq!(rig.wait(3).await[2], "third of a name");
    reader.stop().await;
}

#[tokio::test]
async fn a_truncated_file_is_read_from_its_start() {
    let rig = Rig::new();
    rig.append("a.log", "one\ntwo\n");
    let reader = rig.start();
    rig.wait(2).await;
    let file = File::options().write(true).open(rig.path("a.log")).unwrap();
    file.set_len(0).unwrap();
    rig.append("a.log", "three\n");
    assert_eq!(rig.wait(3).await, ["one", "two", "three"]);
    std::fs::write(rig.path("a.log"), "longer text than there was before\n").unwrap();
    assert_eq!(rig.wait(4).await[3], "longer text than there was before");
    reader.stop().await;
}

#[tokio::test]
async fn lines_that_are_cut_off_before_they_are_read_are_counted() {
    let mut rig = Rig::new();
    rig.settings.in_flight_bytes_max = 1;
    rig.append("a.log", "first\n");
    let reader = rig.start();
    rig.wait(1).await;
    // The walks of the start are over.
    rig.settle().await;
    rig.sink.answer(Answer::Hang);
    rig.append("a.log", "second\n");
    rig.sink.wait_for_calls(2).await;
    // Nothing more is read while this has no answer.
    rig.append("a.log", "not read\n");
    rig.settle().await;
    File::options().write(true).open(rig.path("a.log")).unwrap().set_len(0).unwrap();
    rig.settle().await;
    rig.sink.answer(Answer::Ok);
    rig.sink.release(Answer::Ok);
    rig.append("a.log", "new\n");
    assert_eq!(rig.wait(3).await, ["first", "second", "new"]);
    assert_eq!(rig.lost("truncated_unread"), Some(1.0));
    reader.stop().await;
}

#[tokio::test]
async fn files_that_hold_the_same_are_each_read_whole_also_after_a_restart() {
    let rig = Rig::new();
    let text = "the same line\n".repeat(100);
    for name in ["a.log", "b.log", "c.log"] {
        rig.append(name, &text);
    }
    let reader = rig.start();
    rig.wait(300).await;
    reader.stop().await;
    rig.append("a.log", "of a\n");
    rig.append("d.log", &text);
    rig.append("c.log", "of c\n");
    let reader = rig.start();
    let all = rig.wait(402).await;
    rig.settle().await;
    assert_eq!((rig.bodies().len(), all.iter().filter(|it| *it == "of a").count()), (402, 1));
    reader.stop().await;
}

/// Overwrites the start of a file, without making it shorter in between.
fn overwrite(rig: &Rig, name: &str, text: &str) {
    let mut file = File::options().write(true).open(rig.path(name)).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[tokio::test]
async fn a_file_written_anew_and_longer_than_before_is_read_from_its_start() {
    let rig = Rig::new();
    rig.append("a.log", "one\ntwo\n");
    let reader = rig.start();
    rig.wait(2).await;
    overwrite(&rig, "a.log", "three\nfour\n");
    assert_eq!(rig.wait(4).await[2..], ["three", "four"]);
    reader.stop().await;
}

#[tokio::test]
async fn a_file_written_anew_with_the_same_bytes_before_our_position_is_noticed_by_the_next_walk() {
    let mut rig = Rig::new();
    // With this a new name asks for a walk.
    rig.settings.finder.exclude_older_than = Some(Duration::from_secs(3600));
    let same = "x".repeat(70);
    rig.append("a.log", &format!("first\n{same}\n"));
    let reader = rig.start();
    rig.wait(2).await;
    overwrite(&rig, "a.log", &format!("other\n{same}\nnew\n"));
    assert_eq!(rig.wait(3).await[2..], ["new"]);
    rig.append("b.log", "b\n");
    let mut rest = rig.wait(7).await.split_off(3);
    rest.sort();
    assert_eq!(rest, ["b", "new", "other", same.as_str()]);
    reader.stop().await;
}

#[tokio::test]
async fn a_copy_that_rotation_made_is_not_read_again() {
    let mut rig = Rig::new();
    rig.include("a.log*");
    let reader = rig.start();
    let mut want = Vec::new();
    for round in 0..4 {
        for n in 0..30 {
            rig.append("a.log", &format!("round {round} line {n}\n"));
            want.push(format!("round {round} line {n}"));
        }
        rig.wait(want.len()).await;
        let copy = format!("a.log.{}", 9 - round);
        std::fs::copy(rig.path("a.log"), rig.path(&copy)).unwrap();
        File::options().write(true).open(rig.path("a.log")).unwrap().set_len(0).unwrap();
        rig.append(&copy, &format!("round {round} copied\n"));
        want.push(format!("round {round} copied"));
        assert_eq!(rig.wait(want.len()).await, want);
    }
    rig.settle().await;
    assert_eq!(rig.bodies(), want);
    reader.stop().await;
}

#[tokio::test]
async fn a_compressed_form_within_the_pattern_is_not_read_again() {
    let mut rig = Rig::new();
    rig.include("a.log*");
    rig.settings.finder.exclude = vec![Glob::new("/**/*.tmp").unwrap()];
    rig.settings.compression = Compression::Auto;
    rig.append("a.log", "one\ntwo\n");
    let reader = rig.start();
    rig.wait(2).await;
    rig.rename("a.log", "a.log.1");
    rig.append("a.log", "three\n");
    rig.wait(3).await;
    rig.gzip("a.log.1");
    rig.append("a.log", "four\n");
    rig.wait(4).await;
    rig.settle().await;
    assert_eq!(rig.bodies(), ["one", "two", "three", "four"]);
    reader.stop().await;
}

#[tokio::test]
async fn a_restart_goes_on_where_the_acknowledgements_ended() {
    let rig = Rig::new();
    rig.append("a.log", "one\n");
    let reader = rig.start();
    rig.wait(1).await;
    reader.stop().await;
    rig.append("a.log", "two\n");
    rig.append("new.log", "while away\n");
    let reader = rig.start();
    assert_eq!(rig.wait(3).await, ["one", "two", "while away"]);
    rig.append("a.log", "three\n");
    assert_eq!(rig.wait(4).await[3], "three");
    reader.stop().await;
}

/// What a kubelet may do while nobody is looking.
async fn restarted(change: impl FnOnce(&Rig)) -> Vec<String> {
    let rig = Rig::new();
    rig.append("0.log.20251231-000000", "before our time\n");
    rig.append("0.log", "one\n");
    let reader = rig.start();
    rig.wait(1).await;
    reader.stop().await;
    rig.append("0.log", "two\n");
    change(&rig);
    let reader = rig.start();
    rig.settle().await;
    reader.stop().await;
    rig.bodies()
}

#[tokio::test]
async fn a_restart_finishes_the_rotated_file_first() {
    let got = restarted(|rig| {
        rig.rename("0.log", "0.log.20260101-000000");
        rig.append("0.log", "three\n");
    });
    assert_eq!(got.await, ["one", "two", "three"]);
}

#[tokio::test]
async fn a_restart_finishes_a_rotated_and_compressed_file() {
    let got = restarted(|rig| {
        rig.rename("0.log", "0.log.20260101-000000");
        rig.append("0.log", "three\n");
        rig.gzip("0.log.20260101-000000");
        rig.rename("0.log", "0.log.20260102-000000");
        rig.append("0.log", "four\n");
        rig.gzip("0.log.20251231-000000");
    });
    assert_eq!(got.await, ["one", "two", "three", "four"]);
}

#[tokio::test]
async fn a_restart_reads_all_that_is_left_when_its_file_is_gone() {
    let got = restarted(|rig| {
        rig.remove("0.log.20251231-000000");
        for (n, text) in [(1, "three"), (2, "four")] {
            rig.rename("0.log", &format!("0.log.2026010{n}-000000"));
            rig.append("0.log", &format!("{text}\n"));
        }
        rig.remove("0.log.20260101-000000");
    });
    assert_eq!(got.await, ["one", "three", "four"]);
}

#[tokio::test]
async fn a_restart_reads_what_was_rotated_away_before_it_knew_the_file() {
    let got = restarted(|rig| {
        rig.append("1.log.20260101-000000", "first of a new one\n");
        rig.gzip("1.log.20260101-000000");
        rig.append("1.log", "second of a new one\n");
    });
    let mut got = got.await;
    got.sort();
    assert_eq!(got, ["first of a new one", "one", "second of a new one", "two"]);
}

#[tokio::test]
async fn a_file_that_was_rotated_before_it_was_found_is_read_whole_but_not_what_is_older() {
    let rig = Rig::new();
    rig.append("0.log", "one\n");
    let old = rig.path("1.log.20250101-000000");
    rig.append("1.log.20250101-000000", "of last year\n");
    let last_year = component::clock::now() - Duration::from_secs(365 * 86_400);
    File::options().append(true).open(old).unwrap().set_modified(last_year).unwrap();
    let reader = rig.start();
    rig.wait(1).await;
    rig.append("1.log.20260101-000000", "two\n");
    rig.append("1.log", "three\n");
    assert_eq!(rig.wait(3).await, ["one", "two", "three"]);
    rig.settle().await;
    assert_eq!(rig.bodies().len(), 3);
    reader.stop().await;
}

#[tokio::test]
async fn a_rotation_between_two_looks_hides_nothing() {
    let rig = Rig::new();
    rig.append("0.log", "one\n");
    let reader = rig.start();
    rig.wait(1).await;
    reader.stop().await;
    let rotate = |stamp: u32, text: &str| {
        rig.rename("0.log", &format!("0.log.2026010{stamp}-000000"));
        rig.append("0.log", text);
    };
    rotate(1, "two\n");
    rotate(2, "three\n");
    let host = TestHost::new();
    let mut engine = rig.engine(&host);
    engine.look(&rig.path("0.log"));
    rotate(3, "four\n");
    engine.resume_rotated();
    host.spawn(engine.run());
    assert_eq!(rig.wait(4).await, ["one", "two", "three", "four"]);
    host.stop().await;
}

#[tokio::test]
async fn a_restart_after_a_truncation_reads_the_new_text() {
    let got = restarted(|rig| std::fs::write(rig.path("0.log"), "anew and longer\n").unwrap());
    assert_eq!(got.await, ["one", "anew and longer"]);
}

#[tokio::test]
async fn rotation_goes_on_while_readers_come_and_go() {
    let rig = Rig::new();
    rig.append("0.log", "start\n");
    let reader = rig.start();
    rig.wait(1).await;
    reader.stop().await;
    let mut want = vec![String::from("start")];
    let mut stamp = 0;
    for round in 0..12 {
        let reader = rig.start();
        for n in 0..40 {
            let text = format!("{round}-{n}");
            rig.append("0.log", &format!("{text}\n"));
            want.push(text);
            if n % 13 == 12 {
                stamp += 1;
                rig.rename("0.log", &format!("0.log.20260101-{stamp:06}"));
                rig.append("0.log", "");
                if round % 2 == 1 && stamp > 1 {
                    rig.gzip(&format!("0.log.20260101-{:06}", stamp - 1));
                }
            }
            tokio::task::yield_now().await;
        }
        if round % 3 == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        reader.stop().await;
    }
    let reader = rig.start();
    let deadline = tokio::time::Instant::now() + GRACE;
    let missing = || {
        let got = rig.bodies();
        want.iter().filter(|it| !got.contains(it)).cloned().collect::<Vec<_>>()
    };
    while !missing().is_empty() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(missing(), Vec::<String>::new());
    reader.stop().await;
}
