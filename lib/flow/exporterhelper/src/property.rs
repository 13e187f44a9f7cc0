//! The promise: whatever the callers, sizes, times and failures are, a caller that wants to know is answered
//! once, and told `Ok` only after each of its items was taken; and nothing that was accepted vanishes
//! uncounted.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use component::config::{Duration as GoDuration, Section};
use component::{
    BatchConfig, Component, Consumer, Context, Data, Delivery, LostReason, Overflow, QueueConfig,
    RetryConfig, Signal, Sizer,
};
use componenttest::{Answer, Generator, Sink, TestHost, exporter_settings};
use pdata::ValueRef;
use proptest::prelude::*;

use crate::in_front_of;

/// One call of `consume`.
#[derive(Debug, Clone)]
struct Caller {
    at_ms: u64,
    items: usize,
    delivered: bool,
    /// Leaves before it is answered.
    leaves_after_ms: Option<u64>,
}

/// All that can become of an accepted item, but its arrival.
const LOST: [LostReason; 4] = [
    LostReason::RejectedByBackend,
    LostReason::ExpiredRetry,
    LostReason::ShutdownDeadline,
    LostReason::QueueFullDropPolicy,
];

#[derive(Debug, Clone)]
struct Case {
    callers: Vec<Caller>,
    answers: Vec<u8>,
    queue: QueueConfig,
    retry: bool,
    stop_at_ms: Option<u64>,
}

fn caller() -> impl Strategy<Value = Caller> {
    let leaves = proptest::option::weighted(0.2, 0..300u64);
    (0..400u64, 1..12usize, prop::bool::weighted(0.6), leaves).prop_map(
        |(at_ms, items, delivered, leaves)| {
            let leaves_after_ms = leaves.filter(|_| delivered);
            Caller { at_ms, items, delivered, leaves_after_ms }
        },
    )
}

fn queue() -> impl Strategy<Value = QueueConfig> {
    let sizer = prop_oneof![Just(Sizer::Requests), Just(Sizer::Items), Just(Sizer::Bytes)];
    let batch = proptest::option::of((any::<bool>(), 0..20i64, 0..10i64, any::<bool>()));
    let overflow =
        prop_oneof![Just(Overflow::Block), Just(Overflow::DropOldest), Just(Overflow::DropNewest)];
    let all = (sizer, 1..40i64, 1..4i64, batch, overflow);
    all.prop_map(|(sizer, size, num_consumers, batch, overflow)| {
        let queue_size = if sizer == Sizer::Bytes { size * 100 } else { size };
        let batch = batch.map(|(by_bytes, min, above, limited)| {
            let scale = if by_bytes { 100 } else { 1 };
            BatchConfig {
                sizer: Some(if by_bytes { Sizer::Bytes } else { Sizer::Items }.into()),
                min_size: min * scale,
                max_size: if limited { (min + above).max(1) * scale } else { 0 },
                ..BatchConfig::default()
            }
        });
        let batch = batch.map_or(QueueConfig::default().batch, Section::on);
        QueueConfig {
            sizer: sizer.into(),
            queue_size,
            num_consumers,
            batch,
            on_overflow: Some(overflow.into()),
            ..QueueConfig::default()
        }
    })
}

fn case() -> impl Strategy<Value = Case> {
    let callers = prop::collection::vec(caller(), 1..12);
    let answers = prop::collection::vec(0..4u8, 0..20);
    let stop = proptest::option::weighted(0.3, 0..600u64);
    (callers, answers, queue(), any::<bool>(), stop).prop_map(
        |(callers, answers, queue, retry, stop_at_ms)| Case {
            callers,
            answers,
            queue,
            retry,
            stop_at_ms,
        },
    )
}

fn answer(code: u8) -> Answer {
    match code {
        0 => Answer::Ok,
        1 => Answer::retryable("later"),
        2 => Answer::permanent("bad"),
        _ => Answer::Delay(Duration::from_millis(150)),
    }
}

/// The numbers that the generator gave the items.
fn numbers(data: &Data) -> BTreeSet<usize> {
    let Data::Logs(logs) = data else { panic!("logs") };
    let records = logs.resources().flat_map(pdata::ResourceLogs::records);
    let number = records.map(|it| match it.body() {
        Some(ValueRef::Str(text)) => text.split(' ').next().unwrap().parse().unwrap(),
        other => panic!("{other:?}"),
    });
    number.collect()
}

fn delivery(case: &Case) -> Delivery {
    let retry = RetryConfig {
        enabled: case.retry,
        initial_interval: GoDuration::from_millis(50),
        max_interval: GoDuration::from_millis(200),
        max_elapsed_time: GoDuration::from_millis(500),
        ..RetryConfig::default()
    };
    Delivery { timeout: GoDuration::ZERO, retry: Some(retry), queue: Some(case.queue.clone()) }
}

async fn run(case: Case) -> Result<(), TestCaseError> {
    let (sink, host, settings) =
        (Sink::new(), TestHost::new(), exporter_settings("otlp", Signal::Logs));
    sink.script(case.answers.iter().map(|code| answer(*code)));
    let helper = in_front_of(&settings, delivery(&case), sink.next());
    Arc::clone(&helper).start(&host).await.unwrap();
    let mut generator = Generator::new(Signal::Logs).text_bytes(8);
    let mut calls = Vec::new();
    for caller in case.callers.clone() {
        let (data, helper, sink) =
            (generator.next(caller.items), Arc::clone(&helper), sink.clone());
        calls.push(componenttest::spawn(async move {
            tokio::time::sleep(Duration::from_millis(caller.at_ms)).await;
            let wanted = numbers(&data);
            let ctx = if caller.delivered { Context::delivered() } else { Context::default() };
            let call = helper.consume(&ctx, data);
            let patience =
                caller.leaves_after_ms.map_or(Duration::from_secs(3600), Duration::from_millis);
            let result = tokio::time::timeout(patience, call).await;
            let taken: BTreeSet<_> = sink.received().iter().flat_map(numbers).collect();
            (caller, wanted, result, taken)
        }));
    }
    if let Some(at) = case.stop_at_ms {
        tokio::time::sleep(Duration::from_millis(at)).await;
        host.shutdown(&*helper, Duration::from_secs(60)).await;
    }
    let mut accepted = 0;
    for call in calls {
        let (caller, wanted, result, taken) = call.await.unwrap();
        match (result, caller.delivered) {
            (Err(_), _) => prop_assert!(caller.leaves_after_ms.is_some(), "never answered"),
            (Ok(Ok(())), true) => {
                prop_assert!(wanted.is_subset(&taken), "{wanted:?} were not all delivered");
            }
            (Ok(Ok(())), false) => accepted += wanted.len(),
            (Ok(Err(_)), _) => {}
        }
    }
    if case.stop_at_ms.is_none() {
        host.shutdown(&*helper, Duration::from_secs(60)).await;
    }
    let delivered = sink.received();
    let pushed: BTreeSet<_> = {
        let mut generator = Generator::new(Signal::Logs).text_bytes(8);
        let all = case.callers.iter().map(|it| (it.delivered, numbers(&generator.next(it.items))));
        all.filter(|(delivered, _)| !delivered).flat_map(|(_, it)| it).collect()
    };
    let arrived: Vec<_> =
        delivered.iter().flat_map(numbers).filter(|it| pushed.contains(it)).collect();
    let unique: BTreeSet<_> = arrived.iter().collect();
    prop_assert_eq!(unique.len(), arrived.len(), "the helper doubled items");
    let count = |it: &LostReason| it.counter(&settings.meter).value() as usize;
    let lost = LOST.iter().map(count).sum::<usize>();
    prop_assert_eq!(accepted, arrived.len() + lost, "accepted = arrived + counted as lost");
    if let Some(limit) = case.queue.batch.get().filter(|it| it.max_size > 0) {
        for data in &delivered {
            let size =
                if limit.sizer == Some(Sizer::Bytes.into()) { data.bytes() } else { data.items() };
            let fits = size <= limit.max_size as usize || data.items() == 1;
            prop_assert!(fits, "a batch of {} exceeds {}", size, limit.max_size);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_caller_is_told_the_truth(case in case()) {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run(case))?;
    }
}
