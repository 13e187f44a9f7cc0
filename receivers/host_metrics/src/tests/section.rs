//! The keys, their mistakes, and the receiver as a whole.

use std::sync::Arc;
use std::time::Duration;

use component::{Component, Receiver};
use componenttest::{Sink, TestHost, problems, settings};

use crate::{Config, HostMetrics};

fn wrong(section: &str, want: &str) {
    let found = problems::<Config>(section).join("\n");
    assert!(found.contains(want), "{found}");
}

#[test]
fn mistakes_are_told_as_upstream_tells_them() {
    wrong("{}", "must specify at least one scraper when using hostmetrics receiver");
    wrong("scrapers: {}", "must specify at least one scraper when using hostmetrics receiver");
    wrong(
        "{scrapers: {cpu: }, metadata_collection_interval: -1s}",
        "metadata_collection_interval must not be negative",
    );
    wrong(
        "{scrapers: {cpu: }, collection_interval: 0s}",
        "\"collection_interval\": requires positive value",
    );
    wrong("scrapers: {cpus: }", "'' invalid scraper key: cpus");
    wrong("scrapers: {cpu: {foo: 1}}", "'cpuscraper.Config' has invalid keys: foo");
    wrong("scrapers: {cpu: {metrics: {system.cpu.times: }}}", "system.cpu.times");
    wrong(
        "scrapers: {cpu: {metrics: {system.cpu.time: {attributes: [core]}}}}",
        "metric system.cpu.time doesn't have an attribute core, valid attributes: [cpu, state]",
    );
}

#[tokio::test]
async fn a_root_path_that_is_not_there_is_a_warning_and_stops_the_start() {
    let section = "{scrapers: {cpu: }, root_path: /nowhere}";
    let config: Config = componenttest::config(section);
    let mut found = component::Problems::default();
    component::Config::validate(&config, &mut found);
    let text = "invalid root_path: stat /nowhere: no such file or directory";
    assert_eq!(found.warnings()[0].1.text, text);
    assert!(found.faults().is_empty());
    let out = Sink::new().outputs(&["metrics"]);
    let receiver = HostMetrics::create(settings("host_metrics"), config, out).unwrap();
    let error = Arc::new(receiver).start(&TestHost::new()).await.unwrap_err();
    assert_eq!(error.to_string(), text);
}

#[test]
fn filters_that_cannot_be_made_are_named() {
    let late = |section: &str, want: &str| {
        let config: Config = componenttest::config(section);
        let mut found = component::Problems::default();
        component::Config::validate(&config, &mut found);
        let texts: Vec<_> = found.faults().iter().map(|it| it.text.clone()).collect();
        assert_eq!(texts, [want]);
    };
    late(
        "scrapers: {disk: {include: {devices: [sda]}}}",
        "error creating device include filters: unrecognized match_type: '', valid types are: [regexp strict]",
    );
    late(
        "scrapers: {network: {exclude: {interfaces: ['('], match_type: regexp}}}",
        "error creating network interface exclude filters: error parsing regexp: missing closing ): `(`",
    );
    late(
        "scrapers: {filesystem: {exclude_fs_types: {fs_types: [proc], match_type: glob}}}",
        "error creating exclude_fs_types filter: unrecognized match_type: 'glob', valid types are: [regexp strict]",
    );
    late(
        "scrapers: {process: {include: {names: [a], match_type: expr}}}",
        "error creating process include filters: unrecognized match_type: 'expr', valid types are: [regexp strict]",
    );
}

#[tokio::test]
async fn the_scrapers_deliver_together_at_the_interval() {
    let (host, sink) = (TestHost::new(), Sink::new());
    let config = "{collection_interval: 50ms, initial_delay: 0s, scrapers: {memory: , cpu: , load: , system: }}";
    let out = sink.outputs(&["metrics"]);
    let settings = settings("host_metrics");
    let meter = settings.meter.clone();
    let receiver = HostMetrics::create(settings, componenttest::config(config), out).unwrap();
    let receiver = Arc::new(receiver);
    Arc::clone(&receiver).start(&host).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), async {
        while sink.calls() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    host.shutdown(&*receiver, Duration::from_secs(5)).await;
    let data = sink.received().remove(0).into_metrics().unwrap();
    let scopes: Vec<_> = data
        .resources()
        .flat_map(pdata::ResourceMetrics::scopes)
        .map(|it| it.scope().name().to_owned())
        .collect();
    let names: Vec<_> = scopes.iter().map(|it| it.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["cpuscraper", "loadscraper", "memoryscraper", "systemscraper"]);
    let attributes = [("receiver", "host_metrics"), ("scraper", "load")];
    let name = "otelcol_scraper_scraped_metric_points";
    assert!(componenttest::metric(&meter, name, &attributes).unwrap() >= 6.0);
}

#[tokio::test(start_paused = true)]
async fn pipelines_of_logs_get_the_host_as_an_entity() {
    componenttest::set_clock(7);
    let (host, sink) = (TestHost::new(), Sink::new());
    let config = componenttest::config("{metadata_collection_interval: 1m, scrapers: {cpu: }}");
    let out = sink.outputs(&["logs"]);
    let receiver = HostMetrics::create(settings("host_metrics"), config, out).unwrap();
    let receiver = Arc::new(receiver);
    Arc::clone(&receiver).start(&host).await.unwrap();
    tokio::time::sleep(Duration::from_secs(90)).await;
    assert_eq!(sink.calls(), 2);
    let mut text = Vec::new();
    sink.received()[0].to_json(&mut text);
    let text: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let value =
        |key: &str, value: serde_json::Value| serde_json::json!({"key": key, "value": value});
    assert_eq!(
        text["resourceLogs"][0]["scopeLogs"][0],
        serde_json::json!({
            "scope": {"attributes": [value("otel.entity.event_as_log", serde_json::json!({"boolValue": true}))]},
            "logRecords": [{"timeUnixNano": "7", "body": {}, "attributes": [
                value("otel.entity.event.type", serde_json::json!({"stringValue": "entity_state"})),
                value("otel.entity.type", serde_json::json!({"stringValue": "host"})),
                value("otel.entity.interval", serde_json::json!({"intValue": "60000"})),
            ]}],
        })
    );
    host.shutdown(&*receiver, Duration::from_secs(5)).await;
}
