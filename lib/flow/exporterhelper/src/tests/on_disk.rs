//! The queue on disk: what is answered, what survives which end, what is deleted when.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use component::{Capability, Client, Fsync, Id, Kind, NewRecord, Storage};
use componenttest::Generator;
use journal::{Directory, DiskLimits};
use tempfile::TempDir;

use super::*;

/// One directory, and one life of the exporter after the other.
struct Lives {
    folder: TempDir,
    config: QueueConfig,
    retry: RetryConfig,
    fsync: Fsync,
    limits: DiskLimits,
    /// How long a life waits for the one before to let go.
    patience: Duration,
}

impl Lives {
    fn new(config: QueueConfig) -> Self {
        let storage = Some("file_storage".parse().unwrap());
        let config = QueueConfig { storage, ..config };
        let folder = tempfile::tempdir().unwrap();
        let fsync = Fsync::Every(Duration::from_millis(100));
        let limits = DiskLimits { max_size: 0, min_free: Some(0) };
        Self { folder, config, retry: retry(), fsync, limits, patience: Duration::from_secs(10) }
    }

    fn storage(&self) -> Arc<Directory> {
        let directory = Directory::new(self.folder.path().into(), self.patience, false);
        let directory = directory.queues(self.fsync, component::meter::Counter::default());
        Arc::new(directory.limited(self.limits))
    }

    fn delivery(&self) -> Delivery {
        let (retry, queue) = (Some(self.retry.clone()), Some(self.config.clone()));
        Delivery { timeout: GoDuration::ZERO, retry, queue }
    }

    async fn begin(&self) -> Bench {
        let bench = self.begin_on(TestHost::new()).await;
        bench.expect("it starts")
    }

    async fn begin_on(&self, host: TestHost) -> Result<Bench, component::BoxError> {
        host.offer("file_storage", Capability::Storage(self.storage()));
        let (sink, settings) = (Sink::new(), exporter_settings("otlp", Signal::Logs));
        let helper = in_front_of(&settings, self.delivery(), sink.next());
        Arc::clone(&helper).start(&host).await?;
        Ok(Bench { sink, host, helper, settings })
    }

    /// Files of the queue that hold records.
    fn segments(&self) -> usize {
        let folder = self.folder.path().join("exporter_otlp__logs.queue");
        let entries = std::fs::read_dir(folder).unwrap();
        entries
            .filter(|it| it.as_ref().unwrap().path().extension().is_some_and(|it| it == "seg"))
            .count()
    }
}

/// As the kernel ends it: no task runs on, nothing is said.
async fn die(bench: Bench) {
    bench.host.abort();
    bench.host.stop().await;
}

/// Until nothing is queued.
async fn emptied(bench: &Bench) {
    tokio::time::timeout(GRACE, bench.helper.idle()).await.expect("all of it leaves");
}

fn one_by_one() -> QueueConfig {
    QueueConfig { num_consumers: 1, ..QueueConfig::default() }
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_is_sent_after_a_crash_in_order_and_then_deleted() {
    let lives = Lives::new(one_by_one());
    let bench = lives.begin().await;
    bench.sink.answer(Answer::Hang);
    let mut generator = Generator::new(Signal::Logs);
    for items in 1..=5 {
        bench.helper.consume(&Context::default(), generator.next(items)).await.unwrap();
    }
    bench.sink.wait_for_calls(1).await;
    assert_eq!(bench.typed_metric("otelcol_exporter_queue_size"), Some(5.0));
    die(bench).await;
    let bench = lives.begin().await;
    emptied(&bench).await;
    let sizes: Vec<_> = bench.sink.received().iter().map(Data::items).collect();
    assert_eq!(sizes, [1, 2, 3, 4, 5]);
    let mut generator = Generator::new(Signal::Logs);
    for (at, data) in bench.sink.received().iter().enumerate() {
        assert_eq!(data.to_bytes(), generator.next(at + 1).to_bytes());
    }
    bench.stop().await;
    let bench = lives.begin().await;
    bench.stop().await;
    assert_eq!((bench.sink.received().len(), lives.segments()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_age_of_the_oldest_and_the_bytes_on_disk_are_known_also_after_a_restart() {
    componenttest::set_clock(1_700_000_000_000_000_000);
    let lives = Lives::new(one_by_one());
    let bench = lives.begin().await;
    bench.sink.answer(Answer::Hang);
    bench.send(&Context::default(), 1).await.unwrap();
    let bytes = bench.typed_metric("sluice_exporter_queue_disk_size");
    assert!(bytes > Some(100.0), "{bytes:?}");
    die(bench).await;
    // The time at which it came is stored.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let bench = lives.begin().await;
    bench.sink.answer(Answer::Hang);
    bench.sink.wait_for_calls(1).await;
    let age = bench.typed_metric("sluice_exporter_queue_oldest_age");
    assert!(age > Some(0.04), "{age:?}");
    assert_eq!(bench.typed_metric("sluice_exporter_queue_disk_size"), bytes);
    bench.sink.answer(Answer::Ok);
    bench.sink.release(Answer::Ok);
    emptied(&bench).await;
    assert_eq!(bench.typed_metric("sluice_exporter_queue_oldest_age"), Some(0.0));
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_on_disk_counts_and_a_full_queue_refuses_and_gives_room_again() {
    let lives = Lives::new(QueueConfig { queue_size: 3, ..one_by_one() });
    let bench = lives.begin().await;
    bench.sink.answer(Answer::Hang);
    for _ in 0..3 {
        bench.send(&Context::default(), 1).await.unwrap();
    }
    die(bench).await;
    // It was made smaller meanwhile.
    let lives = Lives { config: QueueConfig { queue_size: 2, ..lives.config }, ..lives };
    let bench = lives.begin().await;
    bench.sink.answer(Answer::Hang);
    bench.sink.wait_for_calls(1).await;
    assert_eq!(bench.typed_metric("otelcol_exporter_queue_size"), Some(3.0));
    let error = bench.send(&Context::default(), 4).await.unwrap_err();
    assert_eq!(error.to_string(), "sending queue is full");
    assert_eq!(bench.metric("otelcol_exporter_enqueue_failed_log_records"), Some(4.0));
    bench.sink.answer(Answer::Ok);
    bench.sink.release(Answer::Ok);
    emptied(&bench).await;
    bench.send(&Context::default(), 1).await.unwrap();
    emptied(&bench).await;
    assert_eq!(bench.sink.items(), 4);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_leaves_on_disk_what_has_not_arrived_whatever_retry_says() {
    for enabled in [true, false] {
        let mut lives = Lives::new(one_by_one());
        lives.retry.enabled = enabled;
        let bench = lives.begin().await;
        bench.sink.answer(Answer::Hang);
        for _ in 0..4 {
            bench.send(&Context::default(), 1).await.unwrap();
        }
        bench.sink.wait_for_calls(1).await;
        bench.sink.answer(Answer::retryable("down"));
        let release = async {
            settle().await;
            bench.sink.release(Answer::retryable("down"));
        };
        tokio::join!(bench.stop(), release);
        assert_eq!((bench.sink.received().len(), bench.lost("shutdown_deadline")), (0, None));
        let bench = lives.begin().await;
        emptied(&bench).await;
        assert_eq!(bench.sink.items(), 4, "retry_on_failure: enabled: {enabled}");
        bench.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_long_for_a_backend_that_hangs() {
    let lives = Lives::new(one_by_one());
    let bench = lives.begin().await;
    bench.sink.answer(Answer::Hang);
    bench.send(&Context::default(), 1).await.unwrap();
    bench.sink.wait_for_calls(1).await;
    bench.host.shutdown(&*bench.helper, Duration::from_secs(6)).await;
    let bench = lives.begin().await;
    emptied(&bench).await;
    assert_eq!(bench.sink.items(), 1);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_is_away_for_an_hour_costs_nothing_unless_a_limit_was_chosen() {
    for (limit, arrived) in
        [(RetryConfig::default().max_elapsed_time, 1), (GoDuration::from_secs(60), 0)]
    {
        let mut lives = Lives::new(one_by_one());
        lives.retry.max_elapsed_time = limit;
        let bench = lives.begin().await;
        bench.sink.answer(Answer::retryable("down"));
        bench.send(&Context::default(), 1).await.unwrap();
        tokio::time::sleep(Duration::from_secs(3600)).await;
        bench.sink.answer(Answer::Ok);
        emptied(&bench).await;
        assert_eq!(bench.sink.items(), arrived);
        let lost = bench.lost("expired_retry").unwrap_or_default();
        assert_eq!(lost > 0.0, arrived == 0);
        bench.stop().await;
        assert_eq!(lives.segments(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_backend_refuses_for_good_is_deleted_and_counted() {
    let lives = Lives::new(one_by_one());
    let bench = lives.begin().await;
    bench.sink.answer(Answer::permanent("no"));
    bench.send(&Context::default(), 3).await.unwrap();
    emptied(&bench).await;
    assert_eq!(bench.lost("rejected_by_backend"), Some(3.0));
    bench.stop().await;
    assert_eq!(lives.segments(), 0);
}

#[tokio::test(start_paused = true)]
async fn batches_and_parts_are_made_of_what_is_on_disk_and_all_parts_have_to_arrive() {
    let lives = Lives::new(QueueConfig { batch: batch(4, 4), ..one_by_one() });
    let bench = lives.begin().await;
    for items in [1, 2, 9] {
        bench.send(&Context::default(), items).await.unwrap();
    }
    emptied(&bench).await;
    let sizes: Vec<_> = bench.sink.received().iter().map(Data::items).collect();
    assert_eq!(sizes, [4, 4, 4]);
    // Of the next request one part arrives, and then the machine is switched off.
    bench.sink.answer(Answer::Hang);
    bench.send(&Context::default(), 6).await.unwrap();
    bench.sink.wait_for_calls(4).await;
    bench.sink.release(Answer::Ok);
    settle().await;
    die(bench).await;
    let bench = lives.begin().await;
    emptied(&bench).await;
    assert_eq!(bench.sink.items(), 6, "all of it comes again");
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn metadata_and_partitions_are_the_same_after_a_restart() {
    let keys = component::BatchConfig {
        min_size: 2,
        flush_timeout: GoDuration::from_secs(1),
        ..BatchConfig::default()
    };
    let mut keys = keys;
    keys.partition.metadata_keys = vec!["x-tenant".into()];
    let lives = Lives::new(QueueConfig { batch: Section::on(keys), ..one_by_one() });
    let bench = lives.begin().await;
    bench.sink.answer(Answer::Hang);
    for tenant in ["a", "b", "a", "b"] {
        let metadata = vec![("x-tenant".to_owned(), tenant.to_owned())];
        let client = Some(Arc::new(Client { metadata, ..Client::default() }));
        bench.send(&Context { client, ..Context::default() }, 1).await.unwrap();
    }
    die(bench).await;
    let bench = lives.begin().await;
    emptied(&bench).await;
    let mut tenants: Vec<_> = (bench.sink.attempts().into_iter())
        .map(|it| it.0.client.unwrap().metadata("x-tenant").map(str::to_owned).collect::<Vec<_>>())
        .collect();
    tenants.sort();
    assert_eq!(tenants, [["a"], ["b"]]);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_replay_is_answered_when_the_disk_has_it_and_a_push_when_it_is_written() {
    let mut lives = Lives::new(one_by_one());
    lives.fsync = Fsync::Every(Duration::from_secs(10));
    let bench = lives.begin().await;
    bench.sink.answer(Answer::Hang);
    let (ctx, place) = placed();
    let replay = bench.spawn(ctx, 1);
    bench.send(&Context::default(), 1).await.unwrap();
    let begun = Instant::now();
    place.kept().await;
    assert!(!replay.is_finished());
    replay.await.unwrap().unwrap();
    assert_eq!(
        begun.elapsed(),
        Duration::from_secs(10),
        "with the next sync, not with the backend's answer"
    );
    die(bench).await;
    for fsync in [Fsync::Always, Fsync::Never] {
        let mut lives = Lives::new(one_by_one());
        lives.fsync = fsync;
        let bench = lives.begin().await;
        bench.sink.answer(Answer::Hang);
        bench.send(&Context::delivered(), 1).await.unwrap();
        bench.send(&Context::default(), 1).await.unwrap();
        die(bench).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_another_process_has_stops_the_start_and_names_it() {
    let mut lives = Lives::new(one_by_one());
    lives.patience = Duration::ZERO;
    let id: Id = "otlp".parse().unwrap();
    let other = lives.storage().queue(Kind::Exporter, &id, "logs").unwrap();
    let error = lives.begin_on(TestHost::new()).await.map(drop).unwrap_err().to_string();
    assert!(error.contains("exporter_otlp__logs.queue: it is held by another process"), "{error}");
    drop(other);
    lives.begin().await.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_telemetry_is_kept_aside_and_the_rest_goes_on() {
    let lives = Lives::new(one_by_one());
    let id: Id = "otlp".parse().unwrap();
    let mut log = lives.storage().queue(Kind::Exporter, &id, "logs").unwrap();
    for (kind, body) in [(3, b"\xff\xff".as_slice()), (1, b"")] {
        let body = [bytes::Bytes::from_static(body)];
        log.append(&NewRecord { kind, items: 1, head: b"", body: &body }, false).unwrap();
    }
    drop(log);
    let bench = lives.begin().await;
    bench.send(&Context::default(), 1).await.unwrap();
    emptied_of(&bench, 1).await;
    let aside = lives.folder.path().join("exporter_otlp__logs.queue/quarantine");
    assert_eq!(std::fs::read_dir(aside).unwrap().count(), 1);
    bench.stop().await;
}

/// Until so many items have arrived.
async fn emptied_of(bench: &Bench, items: usize) {
    let arrived = async {
        while bench.sink.items() < items {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(GRACE, arrived).await.expect("they arrive");
}

#[tokio::test(start_paused = true)]
async fn the_next_instance_gets_the_files_and_what_was_not_delivered() {
    let lives = Lives::new(one_by_one());
    let first = lives.begin().await;
    first.sink.answer(Answer::retryable("down"));
    first.send(&Context::default(), 1).await.unwrap();
    first.send(&Context::default(), 2).await.unwrap();
    first.sink.wait_for_calls(1).await;
    let second = lives.begin_on(first.host.successor()).await.unwrap();
    let early = {
        let helper = Arc::clone(&second.helper);
        componenttest::spawn(async move { helper.consume(&Context::default(), logs(3)).await })
    };
    settle().await;
    assert!(!early.is_finished(), "the files are not its own yet");
    first.helper.replace(Arc::clone(&second.helper) as Next);
    early.await.unwrap().unwrap();
    // What comes to the old one goes to the new one.
    first.helper.consume(&Context::default(), logs(4)).await.unwrap();
    emptied(&second).await;
    let sizes: Vec<_> = second.sink.received().iter().map(Data::items).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 10, "{sizes:?}");
    first.stop().await;
    second.stop().await;
    assert_eq!(lives.segments(), 0);
    assert_eq!(second.host.reports(), []);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_replaced_by_a_queue_in_memory_sends_everything_there() {
    let lives = Lives::new(one_by_one());
    let first = lives.begin().await;
    first.sink.answer(Answer::retryable("down"));
    for _ in 0..3 {
        first.send(&Context::default(), 1).await.unwrap();
    }
    first.sink.wait_for_calls(1).await;
    let second = Bench::new(queue(QueueConfig::default())).await;
    first.helper.replace(Arc::clone(&second.helper) as Next);
    first.stop().await;
    emptied(&second).await;
    assert_eq!((second.sink.items(), lives.segments()), (3, 0));
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_backlog_larger_than_the_window_goes_through_in_order() {
    let lives = Lives::new(QueueConfig { queue_size: 10_000, ..one_by_one() });
    let bench = lives.begin().await;
    bench.sink.answer(Answer::Hang);
    let mut generator = Generator::new(Signal::Logs).text_bytes(100_000);
    for items in 1..=40 {
        bench.helper.consume(&Context::default(), generator.next(items)).await.unwrap();
    }
    bench.sink.answer(Answer::Ok);
    bench.sink.release(Answer::Ok);
    emptied(&bench).await;
    let sizes: Vec<_> = bench.sink.received().iter().map(Data::items).collect();
    assert_eq!(sizes, (1..=40).collect::<Vec<_>>());
    bench.stop().await;
    assert_eq!(lives.segments(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_on_disk_drops_the_oldest_or_the_newest_and_what_is_dropped_is_deleted() {
    for (overflow, sizes) in [(Overflow::DropOldest, [1, 4, 5]), (Overflow::DropNewest, [1, 2, 3])]
    {
        let on_overflow = Some(overflow.into());
        let lives = Lives::new(QueueConfig { queue_size: 3, on_overflow, ..one_by_one() });
        let bench = lives.begin().await;
        bench.sink.answer(Answer::Hang);
        bench.send(&Context::default(), 1).await.unwrap();
        bench.sink.wait_for_calls(1).await;
        for items in 2..=5 {
            bench.send(&Context::default(), items).await.unwrap();
        }
        settle().await;
        assert_eq!(bench.typed_metric("otelcol_exporter_queue_size"), Some(3.0));
        let lost = 15 - sizes.iter().sum::<usize>();
        assert_eq!(bench.lost("queue_full_drop_policy"), Some(lost as f64));
        // Also after a restart.
        die(bench).await;
        let bench = lives.begin().await;
        emptied(&bench).await;
        assert_eq!(bench.sink.sizes(), sizes);
        bench.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_backlog_that_is_larger_than_a_queue_that_drops_loses_its_oldest() {
    let lives = Lives::new(one_by_one());
    let bench = lives.begin().await;
    bench.sink.answer(Answer::Hang);
    for items in 1..=5 {
        bench.send(&Context::default(), items).await.unwrap();
    }
    die(bench).await;
    let on_overflow = Some(Overflow::DropOldest.into());
    let config = QueueConfig { queue_size: 2, on_overflow, ..lives.config };
    let lives = Lives { config, ..lives };
    let bench = lives.begin().await;
    bench.sink.answer(Answer::Hang);
    bench.send(&Context::default(), 6).await.unwrap();
    settle().await;
    assert!(bench.typed_metric("otelcol_exporter_queue_size") <= Some(2.0));
    bench.sink.answer(Answer::Ok);
    bench.sink.release(Answer::Ok);
    emptied(&bench).await;
    let arrived: usize = bench.sink.sizes().iter().sum();
    assert_eq!(bench.sink.sizes().last(), Some(&6));
    assert_eq!(bench.lost("queue_full_drop_policy"), Some((21 - arrived) as f64));
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_has_its_size_on_disk_refuses_or_drops_as_one_that_is_full() {
    for overflow in [Overflow::Block, Overflow::DropOldest, Overflow::DropNewest] {
        let on_overflow = Some(overflow.into());
        let mut lives = Lives::new(QueueConfig { on_overflow, ..one_by_one() });
        lives.limits.max_size = 2 << 20;
        let bench = lives.begin().await;
        bench.sink.answer(Answer::Hang);
        let mut generator = Generator::new(Signal::Logs).text_bytes(100_000);
        let mut refused = 0;
        for _ in 0..40 {
            let sent = bench.helper.consume(&Context::default(), generator.next(1)).await;
            if let Err(error) = sent {
                assert!(error.to_string().contains("max_size of 2097152 bytes"), "{error}");
                refused += 1;
            }
        }
        bench.sink.answer(Answer::Ok);
        bench.sink.release(Answer::Ok);
        emptied(&bench).await;
        let lost = bench.lost("queue_full_drop_policy").unwrap_or_default();
        assert_eq!(bench.sink.items() + refused + lost as usize, 40, "{overflow:?}");
        assert_eq!(
            (refused > 0, lost > 0.0),
            (overflow == Overflow::Block, overflow != Overflow::Block)
        );
        assert!(bench.sink.items() > 10, "{overflow:?}: {} arrived", bench.sink.items());
        bench.stop().await;
    }
}
