//! Two pipelines behind one reader, of which one does not answer.

use component::Outputs;
use componenttest::Answer;

use super::*;

/// A budget that is full soon.
const BUDGET_BYTES: usize = 64 * 1024;
/// Lines of 100 bytes, many times the budget.
const LINES: usize = 5_000;

/// The healthy pipeline is the rig's own sink.
struct Two {
    rig: Rig,
    dead: Sink,
}

impl Two {
    fn new() -> Self {
        let mut rig = Rig::new();
        rig.settings.in_flight_bytes_max = BUDGET_BYTES;
        let dead = Sink::new();
        dead.answer(Answer::Hang);
        Self { rig, dead }
    }

    fn start(&self) -> Reader {
        self.start_on(TestHost::new())
    }

    fn start_on(&self, host: TestHost) -> Reader {
        self.start_with(host, &self.outputs())
    }

    fn outputs(&self) -> Outputs {
        Outputs::new(vec![
            ("logs/healthy".parse().unwrap(), self.rig.sink.next()),
            ("logs/dead".parse().unwrap(), self.dead.next()),
        ])
    }

    fn start_with(&self, host: TestHost, outputs: &Outputs) -> Reader {
        let outputs = outputs.clone();
        let store = self.rig.store.clone().map(|it| it as _);
        let (settings, sink) = (self.rig.settings.clone(), LineSink::default());
        let engine =
            Engine::new(settings, sink, store, outputs, &host, &self.rig.meter, "file_log");
        let (ownership, engine) = (host.ownership(), engine.unwrap());
        host.spawn(async move { engine.owning(ownership.await).run().await });
        Reader { host }
    }

    fn append(&self, from: usize, to: usize) {
        self.rig.append("a.log", &(from..to).map(|n| format!("{n:099}\n")).collect::<String>());
    }

    /// The dead one takes everything again.
    fn mend(&self) {
        self.dead.answer(Answer::Ok);
        self.dead.release(Answer::Ok);
    }

    /// All lines have come, in order but for what came twice; the answer is how many did.
    async fn check(sink: &Sink, lines: usize) -> usize {
        let got = || {
            let mut got = bodies(&sink.received());
            let all = got.len();
            got.sort();
            got.dedup();
            (all, got)
        };
        sink.wait_within(PATIENCE, "all lines", |_| got().1.len() == lines).await;
        got().0 - lines
    }

    async fn says_parts(&self, n: usize) {
        let keys = || {
            let all = component::StorageClient::scan(&**self.rig.store.as_ref().unwrap()).unwrap();
            all.iter().filter(|it| it.0.starts_with(b"plogs/dead\0o")).count()
        };
        let wait = async {
            while keys() != n {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap();
    }
}

/// More than a pipeline may hold up another one.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_healthy_pipeline_goes_on_and_the_other_one_gets_everything_later_and_comes_back() {
    let it = Two::new();
    it.append(0, LINES);
    let reader = it.start();
    assert_eq!(Two::check(&it.rig.sink, LINES).await, 0);
    it.says_parts(1).await;
    // Nothing was delivered there, and the files say so after a crash.
    assert_eq!(it.dead.items(), 0);
    it.append(LINES, 2 * LINES);
    assert_eq!(Two::check(&it.rig.sink, 2 * LINES).await, 0);
    it.mend();
    Two::check(&it.dead, 2 * LINES).await;
    it.says_parts(0).await;
    // Now one reader feeds both again.
    it.append(2 * LINES, 2 * LINES + 1);
    Two::check(&it.dead, 2 * LINES + 1).await;
    assert_eq!(Two::check(&it.rig.sink, 2 * LINES + 1).await, 0);
    reader.stop().await;
    assert_eq!(it.rig.lost("rejected_by_backend"), None);
}

#[tokio::test]
async fn after_a_restart_each_pipeline_goes_on_where_it_was() {
    let it = Two::new();
    it.append(0, LINES);
    let reader = it.start();
    Two::check(&it.rig.sink, LINES).await;
    it.says_parts(1).await;
    reader.stop().await;
    it.append(LINES, LINES + 10);
    let reader = it.start();
    it.mend();
    Two::check(&it.dead, LINES + 10).await;
    assert_eq!(Two::check(&it.rig.sink, LINES + 10).await, 0);
    it.says_parts(0).await;
    reader.stop().await;
}

#[tokio::test]
async fn the_next_reader_after_a_reload_goes_on_where_each_pipeline_was_without_a_store() {
    let mut it = Two::new();
    it.rig.store = None;
    it.append(0, LINES);
    let old = it.start();
    Two::check(&it.rig.sink, LINES).await;
    let new = it.start_on(old.host.successor());
    old.stop().await;
    it.append(LINES, LINES + 10);
    it.mend();
    Two::check(&it.dead, LINES + 10).await;
    assert_eq!(Two::check(&it.rig.sink, LINES + 10).await, 0);
    new.stop().await;
}

#[tokio::test]
async fn rotated_files_are_read_again_for_the_pipeline_that_was_left_behind() {
    let it = Two::new();
    it.append(0, LINES);
    let reader = it.start();
    Two::check(&it.rig.sink, LINES).await;
    it.says_parts(1).await;
    it.rig.rename("a.log", "a.log.1");
    it.append(LINES, 2 * LINES);
    assert_eq!(Two::check(&it.rig.sink, 2 * LINES).await, 0);
    it.mend();
    Two::check(&it.dead, 2 * LINES).await;
    let first_seen: Vec<String> = {
        let mut seen = std::collections::HashSet::new();
        bodies(&it.dead.received()).into_iter().filter(|it| seen.insert(it.clone())).collect()
    };
    assert!(first_seen.is_sorted());
    reader.stop().await;
    assert_eq!(it.rig.lost("rotated_unread"), None);
}

#[tokio::test]
async fn a_file_that_was_removed_meanwhile_is_read_for_both() {
    let it = Two::new();
    it.append(0, LINES);
    let reader = it.start();
    it.dead.wait_for_calls(1).await;
    it.rig.remove("a.log");
    it.append(LINES, LINES + 10);
    assert_eq!(Two::check(&it.rig.sink, LINES + 10).await, 0);
    it.mend();
    Two::check(&it.dead, LINES + 10).await;
    let mut got = bodies(&it.dead.received());
    got.dedup();
    assert!(got.is_sorted());
    reader.stop().await;
    assert_eq!(it.rig.lost("rotated_unread"), None);
}

#[tokio::test]
async fn the_reader_of_a_pipeline_that_a_reload_removes_ends_and_its_offsets_go() {
    let it = Two::new();
    it.append(0, LINES);
    let outputs = it.outputs();
    let reader = it.start_with(TestHost::new(), &outputs);
    Two::check(&it.rig.sink, LINES).await;
    it.says_parts(1).await;
    let unused = outputs.replace(vec![("logs/healthy".parse().unwrap(), it.rig.sink.next())]);
    it.says_parts(0).await;
    // Nobody calls it any more.
    tokio::time::timeout(PATIENCE, unused.cancelled()).await.unwrap();
    it.append(LINES, LINES + 1);
    assert_eq!(Two::check(&it.rig.sink, LINES + 1).await, 0);
    reader.stop().await;
}

#[tokio::test]
async fn offsets_of_a_pipeline_that_is_not_there_after_a_restart_go() {
    let it = Two::new();
    it.append(0, LINES);
    let reader = it.start();
    Two::check(&it.rig.sink, LINES).await;
    it.says_parts(1).await;
    reader.stop().await;
    let reader = it.start_with(TestHost::new(), &it.rig.sink.outputs(&["logs/healthy"]));
    it.append(LINES, LINES + 1);
    it.says_parts(0).await;
    assert_eq!(Two::check(&it.rig.sink, LINES + 1).await, 0);
    reader.stop().await;
}

#[tokio::test]
async fn a_pipeline_that_refuses_is_not_sent_what_the_other_one_takes_again() {
    let it = Two::new();
    it.dead.answer(Answer::Ok);
    it.rig.sink.script([Answer::retryable("busy"), Answer::retryable("busy")]);
    it.append(0, 10);
    let reader = it.start();
    assert_eq!(Two::check(&it.rig.sink, 10).await, 0);
    assert_eq!(Two::check(&it.dead, 10).await, 0);
    assert_eq!((it.rig.sink.calls(), it.dead.calls()), (3, 1));
    reader.stop().await;
}
