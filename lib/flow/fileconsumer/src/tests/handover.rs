//! A reload puts another reader in the place of one that runs.

use componenttest::Answer;

use super::*;

#[tokio::test]
async fn the_next_reader_goes_on_where_the_one_before_ended_without_a_store() {
    let mut rig = Rig::new();
    rig.store = None;
    rig.append("a.log", "one\ntwo\n");
    let old = rig.start();
    rig.wait(2).await;
    rig.append("a.log", "three\nhal");
    rig.wait(3).await;
    rig.settings.start_at = StartAt::End;
    let new = rig.start_after(&old);
    rig.append("b.log", "new\n");
    old.stop().await;
    rig.append("a.log", "f\n");
    let mut all = rig.wait(5).await;
    rig.settle().await;
    all.sort();
    assert_eq!(all, ["half", "new", "one", "three", "two"]);
    assert_eq!(rig.bodies().len(), 5);
    new.stop().await;
}

#[tokio::test]
async fn what_had_no_answer_when_the_reader_changed_is_read_again() {
    let rig = Rig::new();
    rig.append("a.log", "one\n");
    rig.sink.script([Answer::Ok, Answer::Hang]);
    let old = rig.start();
    rig.wait(1).await;
    rig.append("a.log", "two\n");
    rig.sink.wait_for_calls(2).await;
    let new = rig.start_after(&old);
    old.stop().await;
    assert_eq!(rig.wait(2).await, ["one", "two"]);
    assert_eq!(rig.sink.withdrawn(), 1);
    new.stop().await;
}

#[tokio::test]
async fn a_file_that_was_removed_is_read_out_before_the_reader_changes() {
    let mut rig = Rig::new();
    rig.store = None;
    rig.settings.in_flight_bytes_max = 1;
    rig.append("a.log", "one\n");
    rig.sink.script([Answer::Hang]);
    let old = rig.start();
    rig.sink.wait_for_calls(1).await;
    // Nothing more can be in flight, so this waits on disk, and then only behind our descriptor.
    rig.append("a.log", "two\n");
    rig.settle().await;
    rig.remove("a.log");
    rig.settle().await;
    let new = rig.start_after(&old);
    let stopped = componenttest::spawn(old.stop());
    rig.settle().await;
    rig.sink.release(Answer::Ok);
    stopped.await.unwrap();
    assert_eq!(rig.wait(2).await, ["one", "two"]);
    new.stop().await;
    assert_eq!(rig.bodies().len(), 2);
}

#[tokio::test]
async fn a_reader_that_never_gets_the_files_ends_without_them() {
    let rig = Rig::new();
    rig.append("a.log", "one\n");
    let old = rig.start();
    rig.wait(1).await;
    let host = old.host.successor();
    let ownership = host.ownership();
    drop(ownership);
    rig.append("a.log", "two\n");
    assert_eq!(rig.wait(2).await, ["one", "two"]);
    old.stop().await;
    assert!(host.try_ownership().is_some());
}
