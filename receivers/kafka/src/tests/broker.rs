//! With a real broker: `tests/parts/get-kafka`.

use std::collections::BTreeMap;
use std::time::Duration;

use component::{Component as _, ConsumeError, Consumer as _, Context, Exporter as _};
use componenttest::{Part, Sink, TestHost, config, exporter_settings, settings};
use tokio::time::{Instant, sleep};

use super::super::*;
use super::Data;

/// How long anything may take: a broker needs its time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);
const KEYS: usize = 5;
const REQUESTS: usize = 300;

/// A record of each key, with its number.
fn request(number: usize) -> Data {
    let record = |key: usize| {
        let id = format!("{:032x}", key + 1);
        serde_json::json!({"traceId": id, "body": {"stringValue": format!("{key} {number}")}})
    };
    let records: Vec<_> = (0..KEYS).map(record).collect();
    let all = serde_json::json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]});
    Data::from_json(Signal::Logs, all.to_string().as_bytes(), &pdata::Limits::default()).unwrap()
}

/// Numbers of each key, in the order in which they came first; and how many came again.
fn seen(sink: &Sink) -> (BTreeMap<String, Vec<usize>>, usize) {
    let (mut all, mut again) = (BTreeMap::<String, Vec<usize>>::new(), 0);
    for data in sink.received() {
        let Data::Logs(logs) = data else { continue };
        for record in logs.records() {
            let body = record.body().unwrap().to_string();
            let (key, number) = body.split_once(' ').unwrap();
            let numbers = all.entry(key.to_owned()).or_default();
            let number = number.parse().unwrap();
            if numbers.contains(&number) {
                again += 1;
            } else {
                numbers.push(number);
            }
        }
    }
    (all, again)
}

async fn send(exporter: &kafka_exporter::Kafka, number: usize) -> Result<(), ConsumeError> {
    exporter.consume(&Context::default(), request(number)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_and_comes_back_loses_nothing_and_keeps_the_order_of_each_key() {
    let Some(broker) = Part::start("kafka") else { return };
    let section = format!(
        "{{brokers: ['{}'], partition_logs_by_trace_id: true, producer: {{compression: zstd, required_acks: -1}}}}",
        broker.address()
    );
    let exporter =
        kafka_exporter::Kafka::create(exporter_settings("kafka", Signal::Logs), config(&section));
    let exporter = Arc::new(exporter.unwrap());
    let sender = TestHost::new();
    Arc::clone(&exporter).start(&sender).await.unwrap();
    send(&exporter, 0).await.unwrap();

    let sink = Sink::new();
    let section = format!(
        "{{brokers: ['{}'], initial_offset: earliest, heartbeat_interval: 500ms, autocommit: {{interval: 100ms}}}}",
        broker.address()
    );
    let create = || {
        let out = sink.outputs(&["logs"]);
        Arc::new(Kafka::create(settings("kafka"), config(&section), out).unwrap())
    };
    let (receiver, reader) = (create(), TestHost::new());
    Arc::clone(&receiver).start(&reader).await.unwrap();

    let sending = async {
        for number in 1..REQUESTS {
            send(&exporter, number).await.unwrap();
            sleep(Duration::from_millis(10)).await;
        }
    };
    let killing = async {
        sleep(Duration::from_millis(1500)).await;
        broker.kill().await;
        sleep(Duration::from_millis(500)).await;
        tokio::task::block_in_place(|| broker.restart());
    };
    let both = async { tokio::join!(sending, killing) };
    tokio::time::timeout(PATIENCE, both).await.expect("all is sent in time");

    let begun = Instant::now();
    let whole: Vec<usize> = (0..REQUESTS).collect();
    let is_whole = |all: &BTreeMap<String, Vec<usize>>| {
        all.len() == KEYS && all.values().all(|it| it.len() == REQUESTS)
    };
    while !is_whole(&seen(&sink).0) && begun.elapsed() < PATIENCE {
        sleep(Duration::from_millis(100)).await;
    }
    let (all, again) = seen(&sink);
    eprintln!(
        "{} keys, {} records, {again} of them twice",
        all.len(),
        all.values().map(Vec::len).sum::<usize>()
    );
    for (key, numbers) in &all {
        assert_eq!(numbers, &whole, "key {key}");
    }
    assert_eq!(all.len(), KEYS);
    reader.shutdown(&*receiver, PATIENCE).await;

    // Another member of the group goes on where this one was.
    let before = sink.items();
    let (receiver, reader) = (create(), TestHost::new());
    Arc::clone(&receiver).start(&reader).await.unwrap();
    send(&exporter, REQUESTS).await.unwrap();
    let begun = Instant::now();
    while sink.items() < before + KEYS && begun.elapsed() < PATIENCE {
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(sink.items(), before + KEYS);
    reader.shutdown(&*receiver, PATIENCE).await;
    sender.shutdown(&*exporter, PATIENCE).await;
}
