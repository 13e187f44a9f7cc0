use std::sync::Arc;
use std::time::Duration;

use component::{Component as _, Consumer as _, Context, Data};
use componenttest::{
    Answer, Sink, TestHost, metric, plan, problems, processor, processor_settings, set_clock,
};
use pdata::{Limits, Logs};
use serde_json::{Value as Json, json};

use super::*;

componenttest::conformance!(processor LogDedup, "{interval: 1s}");

#[test]
fn sections_that_make_no_sense_are_refused_in_the_words_of_upstream() {
    for (section, want) in [
        ("{interval: 0s}", "interval must be greater than 0"),
        ("{log_count_attribute: ''}", "log_count_attribute must be set"),
        ("{timezone: Nowhere}", "timezone is invalid: unknown time zone Nowhere"),
        (
            "{include_fields: [body.a], exclude_fields: [body.b]}",
            "cannot define both exclude_fields and include_fields",
        ),
        ("{exclude_fields: [body]}", "cannot exclude the entire body"),
        ("{include_fields: [body]}", "cannot include the entire body"),
        ("{exclude_fields: [name]}", "an excludefield must start with body or attributes"),
        ("{include_fields: [name]}", "an include_fields must start with body or attributes"),
        ("{exclude_fields: [body.a, body.a]}", "duplicate exclude_field body.a"),
        ("{include_fields: [body.a, body.a]}", "duplicate include_fields body.a"),
    ] {
        assert_eq!(problems::<Config>(section), [want], "{section}");
    }
    let found = plan::<LogDedup>("{conditions: ['x ==']}", Signal::Logs).err().unwrap();
    assert!(found[0].contains("invalid condition: unable to parse OTTL condition"), "{found:?}");
}

/// 2024-06-10T06:13:20Z.
const NOW: u64 = 1_718_000_000_000_000_000;

struct Running {
    host: TestHost,
    sink: Sink,
    dedup: Arc<LogDedup>,
    meter: component::Meter,
}

impl Running {
    async fn start(section: &str) -> Self {
        set_clock(NOW);
        let (host, sink) = (TestHost::new(), Sink::new());
        let settings = processor_settings("log_dedup", Signal::Logs);
        let meter = settings.meter.clone();
        let dedup = Arc::new(processor::<LogDedup>(settings, section, sink.next()));
        Arc::clone(&dedup).start(&host).await.unwrap();
        Self { host, sink, dedup, meter }
    }

    async fn send(&self, data: Data) -> Result<(), ConsumeError> {
        self.dedup.consume(&Context::default(), data).await
    }

    /// What has come out, as `body attributes` of each record.
    fn shown(&self) -> Vec<String> {
        let all = self.sink.received();
        let records = all.iter().flat_map(|it| {
            let Data::Logs(logs) = it else { panic!("logs stay logs") };
            let shown = logs.records().map(|record| {
                let attributes: Vec<String> = record
                    .attributes()
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                format!("{} {}", record.body().unwrap_or_default(), attributes.join(" "))
            });
            shown.collect::<Vec<String>>()
        });
        records.collect()
    }

    async fn stop(self) -> Vec<String> {
        self.host.shutdown(&*self.dedup, Duration::from_secs(5)).await;
        self.shown()
    }
}

fn text(key: &str, value: &str) -> Json {
    json!({"key": key, "value": {"stringValue": value}})
}

fn record(body: &str, attributes: Json) -> Json {
    json!({"body": {"stringValue": body}, "attributes": attributes})
}

fn logs(groups: &[(&str, Json)]) -> Data {
    let group = |(resource, records): &(&str, Json)| json!({"resource": {"attributes": [text("r", resource)]}, "scopeLogs": [{"logRecords": records}]});
    let groups: Vec<Json> = groups.iter().map(group).collect();
    let request = json!({"resourceLogs": groups}).to_string();
    Logs::from_json(request.as_bytes(), &Limits::default()).unwrap().into()
}

const TIMES: &str =
    "first_observed_timestamp=2024-06-10T06:13:20Z last_observed_timestamp=2024-06-10T06:13:20Z";

#[tokio::test(start_paused = true)]
async fn records_that_are_the_same_become_one_with_their_number() {
    let it = Running::start("{interval: 10s}").await;
    let (a, b) = (text("k", "1"), text("l", "2"));
    let first = json!([
        record("x", json!([a, b])),
        record("y", json!([])),
        {"body": {"stringValue": "x"}, "attributes": [a, b], "severityNumber": 9},
    ]);
    it.send(logs(&[("1", first), ("2", json!([record("x", json!([a, b]))]))])).await.unwrap();
    set_clock(NOW + 5_000_000_000);
    it.send(logs(&[("1", json!([record("x", json!([b, a])), record("x", json!([a]))]))]))
        .await
        .unwrap();
    assert_eq!(it.sink.calls(), 0);
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(
        it.shown(),
        [
            "x k=1 l=2 log_count=2 first_observed_timestamp=2024-06-10T06:13:20Z last_observed_timestamp=2024-06-10T06:13:25Z"
                .to_owned(),
            format!("y log_count=1 {TIMES}"),
            format!("x k=1 l=2 log_count=1 {TIMES}"),
            "x k=1 log_count=1 first_observed_timestamp=2024-06-10T06:13:25Z last_observed_timestamp=2024-06-10T06:13:25Z"
                .to_owned(),
            format!("x k=1 l=2 log_count=1 {TIMES}"),
        ]
    );
    let Data::Logs(out) = it.sink.received().remove(0) else { panic!("logs stay logs") };
    assert_eq!(out.resources().count(), 2);
    let first = out.records().next().unwrap();
    assert_eq!(
        (first.time_unix_nano(), first.observed_time_unix_nano()),
        (NOW + 15_000_000_000, NOW)
    );
    // The next interval begins anew.
    it.send(logs(&[("1", json!([record("y", json!([]))]))])).await.unwrap();
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(it.shown().len(), 6);
    it.stop().await;
}

#[tokio::test]
async fn what_is_left_goes_at_the_end_and_later_records_at_once() {
    let it =
        Running::start("{interval: 1h, timezone: America/Los_Angeles, log_count_attribute: n}")
            .await;
    it.send(logs(&[("1", json!([record("x", json!([])), record("x", json!([]))]))])).await.unwrap();
    let dedup = Arc::clone(&it.dedup);
    let sink = it.sink.clone();
    let want = "x n=2 first_observed_timestamp=2024-06-09T23:13:20-07:00 last_observed_timestamp=2024-06-09T23:13:20-07:00";
    assert_eq!(it.stop().await, [want]);
    dedup
        .consume(&Context::default(), logs(&[("1", json!([record("x", json!([]))]))]))
        .await
        .unwrap();
    assert_eq!(sink.items(), 2);
}

#[tokio::test]
async fn fields_are_excluded_or_chosen() {
    let map = |more: Json| json!({"kvlistValue": {"values": more}});
    let with = |time: &str, id: &str| {
        let src = json!({"key": "src", "value": map(json!([text("ip", time), text("port", "1")]))});
        json!({"body": map(json!([text("time", time), text("msg", "m")])),
            "attributes": [text("host.name", time), src, text("id", id)]})
    };
    let data = || logs(&[("1", json!([with("1", "a"), with("2", "a"), with("3", "b")]))]);
    let counts = |shown: &[String]| {
        let count = |it: &String| {
            it.split("log_count=").nth(1).unwrap().split(' ').next().unwrap().to_owned()
        };
        shown.iter().map(count).collect::<Vec<String>>()
    };
    let it = Running::start(
        r"{interval: 1h, exclude_fields: [body.time, 'attributes.host\.name', attributes.src.ip]}",
    )
    .await;
    it.send(data()).await.unwrap();
    let shown = it.stop().await;
    assert_eq!(counts(&shown), ["2", "1"]);
    assert!(shown[0].starts_with(r#"{"msg":"m"} src={"port":"1"} id=a "#), "{}", shown[0]);
    let it = Running::start("{interval: 1h, include_fields: [attributes.id, body.none]}").await;
    it.send(data()).await.unwrap();
    let shown = it.stop().await;
    assert_eq!(counts(&shown), ["2", "1"]);
    assert!(shown[0].contains("host.name=1"), "{}", shown[0]);
    // Without any of them all is compared.
    let it = Running::start("{interval: 1h, include_fields: [attributes.none]}").await;
    it.send(data()).await.unwrap();
    assert_eq!(counts(&it.stop().await), ["1", "1", "1"]);
}

#[tokio::test]
async fn records_for_which_no_condition_holds_pass() {
    let section = r#"{interval: 1h, conditions: ['attributes["k"] == "1"', 'resource.attributes["r"] == "2"']}"#;
    let it = Running::start(section).await;
    let of = |it: &str| record("x", json!([text("k", it)]));
    let data = logs(&[("1", json!([of("1"), of("0"), of("1"), of("0")])), ("2", json!([of("0")]))]);
    it.send(data).await.unwrap();
    assert_eq!(it.shown(), ["x k=0", "x k=0"]);
    it.sink.script([Answer::retryable("later")]);
    let refused = logs(&[("1", json!([of("1"), of("0")]))]);
    assert!(!it.send(refused).await.unwrap_err().is_permanent());
    let shown = it.stop().await;
    assert_eq!(
        shown[2..],
        [format!("x k=1 log_count=2 {TIMES}"), format!("x k=0 log_count=1 {TIMES}")]
    );
}

#[tokio::test(start_paused = true)]
async fn who_can_read_again_waits_until_the_records_have_arrived() {
    let it = Running::start("{interval: 10s}").await;
    let data = || logs(&[("1", json!([record("x", json!([]))]))]);
    it.sink.script([Answer::retryable("later")]);
    let refused = it.dedup.consume(&Context::delivered(), data()).await;
    assert!(refused.is_err_and(|it| !it.is_permanent()), "the file is read again");
    let dedup = Arc::clone(&it.dedup);
    let waiting =
        componenttest::spawn(async move { dedup.consume(&Context::delivered(), data()).await });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    // A reader that sends no more before it has an answer.
    let flush = Context { flush: true, ..Context::delivered() };
    it.dedup.consume(&flush, logs(&[("1", json!([record("x", json!([]))]))])).await.unwrap();
    waiting.await.unwrap().unwrap();
    assert!(it.shown()[0].starts_with("x log_count=2 "), "{:?}", it.shown());
    it.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_nobody_can_send_again_is_offered_again_and_its_loss_is_counted() {
    let it = Running::start("{interval: 1s}").await;
    let data = || logs(&[("1", json!([record("x", json!([])), record("x", json!([]))]))]);
    it.sink.script([Answer::retryable("later"), Answer::retryable("later")]);
    it.send(data()).await.unwrap();
    it.sink.wait_for_calls(3).await;
    assert_eq!(it.sink.items(), 1);
    it.sink.script([Answer::permanent("never")]);
    it.send(data()).await.unwrap();
    it.sink.wait_for_calls(4).await;
    let lost = || metric(&it.meter, "sluice_lost_total", &[("reason", "rejected_by_backend")]);
    while lost().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(lost(), Some(2.0));
    it.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_takes_no_records_of_others_with_it() {
    let it = Running::start("{interval: 1h}").await;
    let data = |body: &str| logs(&[("1", json!([record(body, json!([]))]))]);
    it.send(data("x")).await.unwrap();
    it.sink.script([Answer::Hang]);
    let flush = Context { flush: true, ..Context::delivered() };
    let mut own = Box::pin(it.dedup.consume(&flush, data("y")));
    tokio::select! {
        _ = &mut own => panic!("answered before the records have arrived"),
        () = it.sink.wait_for_calls(1) => {}
    }
    drop(own);
    it.sink.release(Answer::Ok);
    it.sink.wait_for_items(2).await;
    it.stop().await;
}

#[tokio::test(start_paused = true)]
async fn more_than_may_wait_is_refused_for_now() {
    let it = Running::start("{interval: 1h}").await;
    let mut large = pdata::LogsBuilder::new();
    large.record(|record| record.body("x".repeat(BYTES_MAX).as_str()));
    let large = Data::from(large.finish());
    it.sink.script([Answer::Hang]);
    let patience = Duration::from_secs(60);
    let sent = tokio::time::timeout(patience, it.send(large.clone())).await;
    sent.expect("it is answered when it is counted").unwrap();
    it.sink.wait_for_calls(1).await;
    it.send(large).await.unwrap();
    let refused = it.send(logs(&[("1", json!([record("y", json!([]))]))])).await.unwrap_err();
    assert!(!refused.is_permanent(), "{refused}");
    assert!(refused.to_string().contains("send again"), "{refused}");
    it.sink.release(Answer::Ok);
    it.sink.wait_for_items(2).await;
    it.send(logs(&[("1", json!([record("y", json!([]))]))])).await.unwrap();
    it.stop().await;
}

/// A reload goes on beside what it replaces: that has the time it needs.
#[tokio::test(start_paused = true)]
async fn what_a_replaced_one_held_is_offered_again() {
    let it = Running::start("{interval: 1h}").await;
    it.send(logs(&[("1", json!([record("x", json!([]))]))])).await.unwrap();
    it.sink.script([Answer::retryable("later")]);
    it.host.set_leaving(true);
    let sink = it.sink.clone();
    it.stop().await;
    assert_eq!((sink.calls(), sink.items()), (2, 1));
}
