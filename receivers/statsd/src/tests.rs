use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use component::{Component as _, Receiver as _};
use componenttest::{Sink, TestHost, metric, problems, settings};
use pdata::Data;
use serde_json::{Value, json};

use crate::gather::Gathered;
use crate::{Config, Statsd};

componenttest::conformance!(receiver Statsd, "endpoint: localhost:0");

const SECOND: u64 = 1_000_000_000;

/// The metrics that become of lines from one client.
fn metrics(section: &str, lines: &[&str]) -> Vec<Value> {
    let config: Config = componenttest::config(section);
    let mut gathered = Gathered::new(&config, 10 * SECOND);
    for (at, line) in lines.iter().enumerate() {
        let now = (11 + at as u64) * SECOND;
        gathered.add(line, "10.0.0.1:4000".parse().ok(), now).unwrap();
    }
    let taken = gathered.take("1.2.3", 60 * SECOND);
    assert!(gathered.take("1.2.3", 70 * SECOND).is_empty(), "an interval forgets the one before");
    taken.into_iter().flat_map(|it| metrics_of(&Data::from(it.1))).collect()
}

fn metrics_of(data: &Data) -> Vec<Value> {
    let mut text = Vec::new();
    data.to_json(&mut text);
    let json: Value = serde_json::from_slice(&text).unwrap();
    json["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap().clone()
}

/// The only point of the only metric.
fn point(section: &str, lines: &[&str]) -> Value {
    let all = metrics(section, lines);
    assert_eq!(all.len(), 1, "{all:?}");
    let data = all[0].as_object().unwrap().values().find(|it| it.is_object()).unwrap();
    data["dataPoints"][0].clone()
}

#[test]
fn counters_are_summed_by_name_and_tags() {
    let all = metrics(
        "is_monotonic_counter: true",
        &["a:1|c|#b:x", "a:2|c|@0.5|#b:x", "a:1.9|c|#b:x", "a:5|c", "a:1|g"],
    );
    assert_eq!(
        all[0],
        json!({"name": "a", "sum": {
            "aggregationTemporality": 1, "isMonotonic": true, "dataPoints": [{
                "attributes": [{"key": "b", "value": {"stringValue": "x"}}],
                "startTimeUnixNano": "10000000000", "timeUnixNano": "60000000000", "asInt": "6",
            }],
        }})
    );
    assert_eq!(all[1]["sum"]["dataPoints"][0]["asInt"], "5");
    assert_eq!(all[2]["gauge"]["dataPoints"][0]["asDouble"], 1.0);
}

#[test]
fn counters_are_sent_as_the_section_says() {
    let lines = ["a:0.5|c", "a:0.75|c"];
    assert_eq!(point("", &lines)["asInt"], "0", "each is cut off");
    assert_eq!(point("counter_type: float", &lines)["asDouble"], 1.25);
    let many = vec!["a:0.5|c"; 1000];
    let sum = point("counter_type: stochastic_int", &many)["asInt"].clone();
    let sum: i64 = sum.as_str().unwrap().parse().unwrap();
    assert!((400..600).contains(&sum), "{sum}");
    assert_eq!(point("", &["a:1|c|T1700000000"])["timeUnixNano"], "1700000000000000000");
}

#[test]
fn the_last_gauge_counts_and_signs_change_it() {
    let gauge = |lines: &[&str]| point("", lines)["asDouble"].clone();
    assert_eq!(gauge(&["a:1|g", "a:5|g"]), 5.0);
    assert_eq!(gauge(&["a:5|g", "a:-2|g", "a:+1|g"]), 4.0);
    assert_eq!(gauge(&["a:-2|g"]), -2.0);
    assert_eq!(point("", &["a:1|g", "a:5|g"])["timeUnixNano"], "12000000000");
}

#[test]
fn timings_are_gauges_by_default_and_what_is_not_mapped_is_nothing() {
    let all = metrics("", &["a:1|ms", "a:2|ms", "a:3|h"]);
    assert_eq!(all[0]["gauge"]["dataPoints"].as_array().unwrap().len(), 2);
    assert_eq!(all[1]["gauge"]["dataPoints"][0]["asDouble"], 3.0);
    let only = "timer_histogram_mapping: [{statsd_type: histogram, observer_type: gauge}]";
    let all = metrics(only, &["a:1|ms", "a:3|h", "a:4|d"]);
    assert_eq!(all.len(), 2, "histogram and distribution");
}

#[test]
fn summaries_have_quantiles_by_weight() {
    let section = "timer_histogram_mapping: [{statsd_type: timing, observer_type: summary, \
                   summary: {percentiles: [0, 50, 95, 100]}}]";
    let lines = ["a:1|ms", "a:4|ms", "a:3|ms|@0.1", "a:2|ms"];
    let point = point(section, &lines);
    assert_eq!((&point["count"], &point["sum"]), (&json!("13"), &json!(37)));
    let values = point["quantileValues"].as_array().unwrap();
    let values: Vec<_> = values.iter().map(|it| it["value"].as_f64().unwrap_or(0.0)).collect();
    assert_eq!(values, [1.0, 3.0, 4.0, 4.0]);
}

#[test]
fn histograms_have_bounds_from_the_section_or_exponential_ones() {
    let section = "timer_histogram_mapping: [{statsd_type: distribution, observer_type: histogram, histogram: \
                   {max_size: 10, explicit_buckets: [{matcher_pattern: ^a, buckets: [1, 10]}]}}]";
    let lines = ["a:1|d", "a:5|h|@0.5", "a:50|d", "b:1|d", "b:1000|d"];
    let all = metrics(section, &lines);
    let explicit = &all[0]["histogram"]["dataPoints"][0];
    assert_eq!(
        explicit["bucketCounts"],
        json!(["1", "0", "1"]),
        "the type is a part of the series"
    );
    assert_eq!(explicit["explicitBounds"], json!([1, 10]));
    assert_eq!((&explicit["min"], &explicit["max"]), (&json!(1), &json!(50)));
    assert_eq!(all[1]["histogram"]["dataPoints"][0]["bucketCounts"], json!(["0", "2", "0"]));
    let exponential = &all[2]["exponentialHistogram"]["dataPoints"][0];
    assert_eq!((&exponential["count"], &exponential["sum"]), (&json!("2"), &json!(1001)));
    assert_eq!(exponential["scale"], json!(-1), "ten powers of two are in ten buckets");
    assert_eq!(all[2]["exponentialHistogram"]["aggregationTemporality"], 1);
}

/// How many clients there are for lines from three addresses.
fn clients(section: &str, want: usize) {
    let config: Config = componenttest::config(section);
    let mut gathered = Gathered::new(&config, 0);
    for client in ["10.0.0.1:1", "10.0.0.1:2", "10.0.0.2:1"] {
        gathered.add("a:1|c", client.parse().ok(), 1).unwrap();
    }
    let taken = gathered.take("", 2);
    assert_eq!(taken.len(), want, "{section}");
    assert!(taken.iter().all(|it| it.0.is_some_and(|it| it.port() > 0)));
}

#[test]
fn clients_are_told_apart_as_the_section_says() {
    clients("", 3);
    clients("enable_ip_only_aggregation: true", 2);
    clients("ignore_host: true", 1);
}

#[test]
fn no_line_makes_it_panic() {
    use proptest::prelude::*;
    let config: Config = componenttest::config(
        "{enable_simple_tags: true, timer_histogram_mapping: [{statsd_type: histogram, observer_type: histogram}, \
         {statsd_type: timer, observer_type: summary}]}",
    );
    proptest!(ProptestConfig::with_cases(256), |(
        lines in proptest::collection::vec("[a-c:|@#.,0-9eTmshdg+-]{0,20}", 0..20),
        number in any::<f64>(),
    )| {
        let mut gathered = Gathered::new(&config, 0);
        for line in &lines {
            let _ = gathered.add(line, None, 1);
        }
        for kind in ["c", "g", "h", "ms"] {
            let _ = gathered.add(&format!("a:{number}|{kind}|@{number}"), None, 1);
        }
        gathered.take("", 2);
    });
}

#[test]
fn mistakes_are_told_as_upstream_tells_them() {
    let wrong = |section: &str, want: &str| {
        let found = problems::<Config>(section).join("\n");
        assert!(found.contains(want), "{found}");
    };
    let mapping = |it: &str| format!("timer_histogram_mapping: [{it}]");
    wrong("aggregation_interval: 0s", "aggregation_interval must be a positive duration");
    wrong(
        "counter_type: uint",
        "invalid counter_type: uint, must be one of: int, float, stochastic_int",
    );
    wrong(
        &mapping("{observer_type: gauge}"),
        "must specify object id for all TimerHistogramMappings",
    );
    wrong(
        &mapping("{statsd_type: counter, observer_type: gauge}"),
        "statsd_type is not a supported mapping for histogram and timing metrics: counter",
    );
    wrong(
        &mapping("{statsd_type: timer, observer_type: sum}"),
        "observer_type is not supported for histogram and timing metrics: sum",
    );
    wrong(
        &mapping("{statsd_type: timer, observer_type: gauge, histogram: {max_size: 100}}"),
        "histogram configuration requires observer_type: histogram",
    );
    wrong(
        &mapping("{statsd_type: timer, observer_type: gauge, summary: {percentiles: [150]}}"),
        "summary percentiles out of [0, 100] range: 150\nsummary configuration requires observer_type: summary",
    );
    let buckets = |it: &str| {
        mapping(&format!(
            "{{statsd_type: timer, observer_type: histogram, histogram: {{max_size: 1, explicit_buckets: [{it}]}}}}"
        ))
    };
    wrong(&buckets("{buckets: [1]}"), "histogram max_size out of range: 1");
    wrong(&buckets("{buckets: [1]}"), "explicit bucket [0] matcher_pattern must not be empty");
    wrong(&buckets("{matcher_pattern: a}"), "explicit bucket [0] buckets must not be empty");
    wrong(
        &buckets("{matcher_pattern: a, buckets: [3, 2, 1]}"),
        "explicit bucket [0] buckets are not unique or not ascendingly sorted [3 2 1]",
    );
    wrong("transport: carrier", "unsupported transport type \"carrier\"");
}

/// Sends lines to a receiver with this section and gives the data that arrives when it stops.
async fn through(section: &str, send: impl AsyncFnOnce(&Statsd)) -> Vec<Value> {
    let (host, sink) = (TestHost::new(), Sink::new());
    let (settings, out) = (settings("statsd"), sink.outputs(&["metrics"]));
    let meter = settings.meter.clone();
    let receiver = Statsd::create(settings, componenttest::config(section), out).unwrap();
    let receiver = Arc::new(receiver);
    Arc::clone(&receiver).start(&host).await.unwrap();
    send(&receiver).await;
    let counted = || {
        let of = |is_right| {
            let labels = [("receiver", "statsd"), ("parse_success", is_right)];
            metric(&meter, "otelcol_receiver_received_statsd_metrics", &labels)
        };
        (of("true"), of("false"))
    };
    tokio::time::timeout(Duration::from_secs(10), async {
        while counted() != (Some(3.0), Some(1.0)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    host.shutdown(&*receiver, Duration::from_secs(5)).await;
    let all = sink.attempts();
    assert!(all.iter().all(|it| it.0.client.is_some()), "it is known who sent");
    all.iter().flat_map(|it| metrics_of(&it.1)).collect()
}

const TEXT: &[u8] = b"a:1|c\na:2|c\nwrong\n\nb:3|g\n";

fn check(all: &[Value]) {
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!(all[0]["sum"]["dataPoints"][0]["asInt"], "3");
    assert_eq!(all[1]["gauge"]["dataPoints"][0]["asDouble"], 3.0);
}

#[tokio::test]
async fn datagrams_of_udp_are_gathered_and_sent_at_the_end() {
    let all = through("endpoint: 127.0.0.1:0", async |receiver| {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(TEXT, receiver.bound().unwrap()).unwrap();
    });
    check(&all.await);
}

#[tokio::test]
async fn lines_of_tcp_may_be_cut_anywhere() {
    let all = through("{endpoint: '127.0.0.1:0', transport: tcp}", async |receiver| {
        let mut stream = std::net::TcpStream::connect(receiver.bound().unwrap()).unwrap();
        for part in TEXT.chunks(4) {
            stream.write_all(part).unwrap();
            stream.flush().unwrap();
            tokio::task::yield_now().await;
        }
    });
    check(&all.await);
}

#[tokio::test]
async fn a_unix_socket_takes_the_place_of_one_left_behind_and_has_its_rights() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("statsd.sock");
    drop(std::os::unix::net::UnixDatagram::bind(&path).unwrap());
    let section = format!(
        "{{endpoint: '{}', transport: unixgram, socket_permissions: 0660}}",
        path.display()
    );
    let all = through(&section, async |_| {
        let rights = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(rights, 0o660);
        let socket = std::os::unix::net::UnixDatagram::unbound().unwrap();
        socket.send_to(TEXT, &path).unwrap();
    });
    check(&all.await);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_reload_leaves_the_unix_socket_to_the_next_instance() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("statsd.sock");
    let section = format!("{{endpoint: '{}', transport: unixgram}}", path.display());
    let start = async |host: &TestHost, sink: &Sink| {
        let config = componenttest::config(&section);
        let receiver = Statsd::create(settings("statsd"), config, sink.outputs(&["metrics"]));
        let receiver = Arc::new(receiver.unwrap());
        Arc::clone(&receiver).start(host).await.unwrap();
        receiver
    };
    let (first, sink) = (TestHost::new(), Sink::new());
    let old = start(&first, &sink).await;
    let second = first.successor();
    let new = start(&second, &sink).await;
    first.shutdown(&*old, Duration::from_secs(5)).await;
    let socket = std::os::unix::net::UnixDatagram::unbound().unwrap();
    socket.send_to(b"a:1|c", &path).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    second.shutdown(&*new, Duration::from_secs(5)).await;
    assert_eq!(sink.items(), 1);
    assert!(!path.exists());
}

#[tokio::test(start_paused = true)]
async fn each_interval_is_sent_by_itself() {
    let (host, sink) = (TestHost::new(), Sink::new());
    let config = componenttest::config("{endpoint: 'localhost:0', aggregation_interval: 5s}");
    let out = sink.outputs(&["metrics"]);
    let receiver = Arc::new(Statsd::create(settings("statsd"), config, out).unwrap());
    Arc::clone(&receiver).start(&host).await.unwrap();
    for (value, calls) in [(1, 1), (2, 2)] {
        receiver.shared.add(format!("a:{value}|c").as_bytes(), None);
        sink.wait_for_calls(calls).await;
        assert_eq!(sink.calls(), calls);
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(sink.calls(), 2, "an interval without lines is not sent");
    host.shutdown(&*receiver, Duration::from_secs(5)).await;
}
