use std::collections::BTreeMap;

use bytes::Bytes;
use component::Meter;
use componenttest::Sink;
use pdata::{MetricData, NumberValue};

use super::*;
use crate::exposition::Format;
use crate::target::{Found, Job};

/// A job, its target, and what it remembers.
struct Fixture {
    shared: Shared,
    target: Target,
    memory: Memory,
}

impl Fixture {
    fn new(job: &str) -> Self {
        let config: ScrapeConfig = serde_json::from_str(job).unwrap();
        let rules = |all: &[crate::config::RelabelConfig]| {
            all.iter().map(|it| Rule::new(it).unwrap()).collect::<Arc<[_]>>()
        };
        let target_rules = rules(&config.relabel_configs);
        let of = Job { config: &config, interval: "1m", timeout: "10s", rules: &target_rules };
        let found = Found::at("app:8080", &BTreeMap::from([("site".to_owned(), "one".into())]));
        let target = of.target(&found).unwrap().unwrap();
        let received =
            Received::new(&Meter::default(), "prometheus", "http", pdata::Signal::Metrics);
        let shared = Shared {
            metric_rules: rules(&config.metric_relabel_configs),
            client: Client::new(&config.client, "test"),
            limits: config.limits.clone(),
            accepts: Accepts::OpenMetrics,
            histograms: Histograms { native: true, classic: false },
            external: Labels::default(),
            trim_suffixes: false,
            version: "1",
            out: Sink::new().outputs(&["metrics"]),
            received,
            config,
        };
        Self { shared, target, memory: Memory::default() }
    }

    fn answer(&mut self, answer: Result<&str, &str>, format: Format) -> Metrics {
        self.bytes(answer.map(str::as_bytes), format)
    }

    fn bytes(&mut self, answer: Result<&[u8], &str>, format: Format) -> Metrics {
        let body = |bytes: &[u8]| Answer { body: Bytes::copy_from_slice(bytes), format };
        let answer = answer.map(body).map_err(str::to_owned);
        let took = Took { at_ms: 1000, duration: Duration::from_millis(5) };
        let memory = std::mem::take(&mut self.memory);
        let (memory, metrics) = read(&self.shared, &self.target, memory, answer, took);
        self.memory = memory;
        metrics
    }

    fn page(&mut self, page: &str) -> Vec<String> {
        points(&self.answer(Ok(page), Format::Text))
    }
}

fn job(more: &str) -> Fixture {
    Fixture::new(&format!(r#"{{"job_name": "app"{more}}}"#))
}

/// One line for each point, without what the scraper says of the scrape.
fn points(metrics: &Metrics) -> Vec<String> {
    let mut lines = Vec::new();
    for metric in metrics.metrics().filter(|it| !it.name().starts_with("scrape_")) {
        let name = metric.name();
        for point in metric.points() {
            let mut labels: Vec<String> = point
                .attributes()
                .iter()
                .filter(|it| it.0 != "site")
                .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("?")))
                .collect();
            labels.sort();
            let ended = if point.flags() == 1 { " ended" } else { "" };
            lines.push(format!("{name}{{{}}}{ended}", labels.join(",")));
        }
        if let MetricData::Gauge(gauge) = metric.data()
            && let (Some(point), Some(line)) = (gauge.points().next(), lines.last_mut())
            && point.flags() == 0
            && let NumberValue::Double(value) = point.value()
        {
            *line = format!("{line} {value}");
        }
    }
    lines
}

#[test]
fn a_series_that_is_gone_has_ended_once() {
    let mut it = job("");
    let want = ["a{x=1} 1", "b{} 2", "up{} 1"];
    assert_eq!(it.page("a{x=\"1\"} 1\nb 2\n"), want);
    assert_eq!(it.page("b 3\n"), ["b{} 3", "a{x=1} ended", "up{} 1"]);
    assert_eq!(it.page("b 3\n"), ["b{} 3", "up{} 1"]);
}

#[test]
fn a_scrape_that_fails_ends_all_series_and_says_up_0() {
    let mut it = job("");
    it.page("a 1\n");
    assert_eq!(points(&it.answer(Err("refused"), Format::Text)), ["a{} ended", "up{} 0"]);
    it.page("a 1\n");
    assert_eq!(it.page("a 1\nbroken\n"), ["a{} ended", "up{} 0"]);
    assert_eq!(points(&it.answer(Ok("a 1\n"), Format::OpenMetrics)), ["up{} 0"]);
}

#[test]
fn series_with_times_of_their_own_do_not_end() {
    let mut it = job("");
    it.page("a 1 500\n");
    assert_eq!(it.page("b 1\n"), ["b{} 1", "up{} 1"]);
    let mut it = job(r#", "track_timestamps_staleness": true"#);
    it.page("a 1 500\n");
    assert_eq!(it.page("b 1\n"), ["b{} 1", "a{} ended", "up{} 1"]);
    let mut it = job(r#", "honor_timestamps": false"#);
    let metrics = it.answer(Ok("a 1 500\n"), Format::Text);
    assert_eq!(
        metrics.metrics().next().unwrap().points().next().unwrap().time_unix_nano(),
        1_000_000_000
    );
}

#[test]
fn limits_refuse_a_scrape_as_a_whole() {
    // How many samples were read, and how many of them the rules left: of labels up to the one that is refused, of samples all.
    for (limit, read, left) in [
        (r#""sample_limit": 1"#, 3.0, 3.0),
        (r#""label_limit": 4"#, 2.0, 1.0),
        (r#""label_name_length_limit": 8"#, 2.0, 1.0),
        (r#""label_value_length_limit": 8"#, 2.0, 1.0),
    ] {
        let mut it = job(&format!(", {limit}"));
        let page = "a 1\na{long_name_of_label=\"long value of label\"} 2\na 3\n";
        assert_eq!(it.page(page), ["up{} 0"], "{limit}");
        let metrics = it.answer(Ok(page), Format::Text);
        let value = |name: &str| {
            let metric = metrics.metrics().find(|it| it.name() == name).unwrap();
            let MetricData::Gauge(gauge) = metric.data() else { panic!("a gauge") };
            gauge.points().next().unwrap().value()
        };
        for (name, want) in
            [("scrape_samples_scraped", read), ("scrape_samples_post_metric_relabeling", left)]
        {
            assert_eq!(value(name), pdata::NumberValue::Double(want), "{limit}: {name}");
        }
    }
}

#[test]
fn a_histogram_comes_together_with_its_exemplars() {
    let mut it = job("");
    let page = "# TYPE h histogram\n# UNIT h seconds\nh_bucket{le=\"1\"} 3 # {trace_id=\"0102\"} 0.5 7\n\
        h_bucket{le=\"+Inf\"} 5\nh_sum 4\nh_count 5\nh_created 2.5\n# EOF\n";
    let metrics = it.answer(Ok(page), Format::OpenMetrics);
    let metric = metrics.metrics().next().unwrap();
    assert_eq!((metric.name(), metric.unit()), ("h", "s"));
    let MetricData::Histogram(histogram) = metric.data() else { panic!("a histogram") };
    let point = histogram.points().next().unwrap();
    assert_eq!((point.count(), point.sum()), (5, Some(4.0)));
    assert_eq!(point.start_time_unix_nano(), 2_500_000_000);
    assert_eq!(point.bucket_counts().collect::<Vec<_>>(), [3, 2]);
    let exemplar = point.exemplars().next().unwrap();
    assert_eq!(exemplar.trace_id()[14..], [1, 2]);
    assert_eq!(exemplar.time_unix_nano(), 7_000_000_000);
}

#[test]
fn a_counter_of_open_metrics_knows_when_it_was_created() {
    let mut it = job("");
    let page = "# TYPE c counter\nc_total 3\nc_created 1\n# EOF\n";
    let metrics = it.answer(Ok(page), Format::OpenMetrics);
    let names: Vec<&str> = metrics.metrics().map(pdata::Metric::name).take(2).collect();
    assert_eq!(names, ["c_total", "up"]);
    let point = metrics.metrics().next().unwrap().points().next().unwrap();
    assert_eq!(point.start_time_unix_nano(), 1_000_000_000);
}

#[test]
fn target_info_and_scopes_move_to_where_they_belong() {
    let mut it = job("");
    let page = "target_info{service_version=\"3\"} 1\n\
        a{otel_scope_name=\"lib\",otel_scope_version=\"2\",otel_scope_x=\"y\",b=\"c\"} 1\n";
    let metrics = it.answer(Ok(page), Format::Text);
    let resource = metrics.resources().next().unwrap();
    let attribute = |key| resource.attributes().get(key).and_then(pdata::ValueRef::as_str);
    assert_eq!(attribute("service_version"), Some("3"));
    assert_eq!(
        (attribute("service.name"), attribute("server.address")),
        (Some("app"), Some("app"))
    );
    assert_eq!((attribute("server.port"), attribute("url.scheme")), (Some("8080"), Some("http")));
    let scope = resource.scopes().next().unwrap();
    assert_eq!((scope.scope().name(), scope.scope().version()), ("lib", "2"));
    assert_eq!(scope.scope().attributes().get("x").and_then(pdata::ValueRef::as_str), Some("y"));
    assert_eq!(points(&metrics)[0], "a{b=c} 1");
}

#[test]
fn federation_gives_a_resource_for_each_job() {
    let mut it = job(r#", "honor_labels": true"#);
    let page = "a{job=\"x\",instance=\"i:1\"} 1\na{job=\"y\",instance=\"i:2\"} 2\n";
    let metrics = it.answer(Ok(page), Format::Text);
    let names: Vec<_> = metrics
        .resources()
        .map(|it| it.attributes().get("service.name").unwrap().as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["x", "y", "app"]);
}

#[test]
fn rules_drop_and_rename_series() {
    let mut it = job(r#", "metric_relabel_configs": [
            {"source_labels": ["__name__"], "regex": "go_.*", "action": "drop"},
            {"source_labels": ["__name__"], "regex": "old_(.*)", "target_label": "__name__", "replacement": "new_$1"}]"#);
    assert_eq!(it.page("go_gc 1\nold_a 2\n"), ["new_a{} 2", "up{} 1"]);
}

#[test]
fn a_target_that_goes_has_ended_with_all_its_series() {
    let mut it = job("");
    it.page("a 1\n");
    let took = Took { at_ms: 5, duration: Duration::ZERO };
    assert_eq!(
        points(&ended(&it.shared, &it.target, &it.memory, took)),
        ["a{} ended", "up{} ended"]
    );
}

#[test]
fn a_native_histogram_is_exponential_and_ends_as_one() {
    use wire::protobuf::Writer;

    let mut family = Writer::default();
    family.text(1, "h");
    family.uint(3, 4);
    family.message(4, |out| {
        out.message(7, |out| {
            out.uint(1, 3);
            out.double(2, 4.5);
            out.sint(5, 1);
            out.uint(7, 1);
            out.message(12, |out| {
                out.sint(1, 0);
                out.uint(2, 1);
            });
            out.present(13, 4);
        });
    });
    let mut page = Writer::default();
    page.raw_varint(family.len() as u64);
    page.raw(family.bytes());
    let mut it = job("");
    let metrics = it.bytes(Ok(page.bytes()), Format::Protobuf);
    let json = |metrics: &Metrics| {
        let mut text = Vec::new();
        metrics.to_json(&mut text);
        let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
        json["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0].clone()
    };
    let metric = json(&metrics);
    let point = &metric["exponentialHistogram"]["dataPoints"][0];
    assert_eq!(metric["name"], "h");
    assert_eq!((&point["count"], &point["zeroCount"]), (&"3".into(), &"1".into()));
    assert_eq!((&point["sum"], &point["scale"]), (&4.5.into(), &1.into()));
    assert_eq!(point["positive"], serde_json::json!({"offset": -1, "bucketCounts": ["2"]}));
    let metric = json(&it.answer(Err("refused"), Format::Protobuf));
    let point = &metric["exponentialHistogram"]["dataPoints"][0];
    assert_eq!((&metric["name"], &point["flags"]), (&"h".into(), &1.into()), "{metric}");
}
