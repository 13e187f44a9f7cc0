//! Where a record can end: its sender is told, or it is counted. The table is in docs/internals/delivery.md.

use super::bad_input::{NOBODY, post};
use crate::support::{Process, SLUICE, eventually, get, own_address};

/// A request with one log record, whose severity text is "a".
const RECORD: &[u8] = b"\x0a\x07\x12\x05\x12\x03\x1a\x01a";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_ends_is_answered_to_its_sender_or_counted_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in.log"), "one\ntwo\nthree\n").unwrap();
    let address = own_address(160);
    // Pipelines of push clients: the name, what is in it, and what its client is told.
    let pushed = [
        ("console", "exporters: [debug]", 500),
        ("disk", "exporters: [file]", 503),
        ("error", "processors: [transform], exporters: [nop]", 503),
        ("batched", "processors: [batch], exporters: [debug]", 200),
        ("queued", "exporters: [otlp_grpc]", 200),
        ("unrouted", "exporters: [routing]", 200),
    ];
    let at = |number: usize| own_address(161 + u8::try_from(number).unwrap());
    let receivers: Vec<String> = (0..pushed.len())
        .map(|it| {
            let name = pushed[it].0;
            format!("otlp/{name}: {{protocols: {{http: {{endpoint: '{}:4318'}}}}}}", at(it))
        })
        .collect();
    let pipelines: Vec<String> = pushed
        .iter()
        .map(|(name, what, _)| format!("logs/{name}: {{receivers: [otlp/{name}], {what}}}"))
        .collect();
    let yaml = format!(
        "receivers: {{file_log: {{include: ['{}/in.log'], start_at: beginning}}, {}}}
processors:
  batch: {{}}
  transform: {{error_mode: propagate, log_statements: ['set(log.body, ParseJSON(\"{{\"))']}}
connectors:
  routing: {{table: [{{context: log, condition: 'false', pipelines: [logs/routed]}}]}}
exporters:
  nop: {{}}
  debug: {{use_internal_logger: false, output_paths: [/dev/full]}}
  file: {{path: /dev/full}}
  otlp_grpc: {{endpoint: '{NOBODY}', tls: {{insecure: true}}, retry_on_failure: {{initial_interval: 50ms, max_interval: 50ms, max_elapsed_time: 100ms}}}}
service:
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: '{address}', port: 8888}}}}}}}}]}}}}
  pipelines:
    {{{}, logs/files: {{receivers: [file_log], exporters: [debug]}}, logs/routed: {{receivers: [routing], exporters: [nop]}}}}
",
        folder.path().display(),
        receivers.join(", "),
        pipelines.join(", "),
    );
    let mut sluice = Process::collector(SLUICE.as_ref(), folder.path(), &yaml);
    sluice.ready().await;
    for (number, (name, _, want)) in pushed.iter().enumerate() {
        let (status, _, said) = post(&at(number), RECORD);
        assert_eq!(status, *want, "{name}: {said}");
    }
    let metrics = || -> Vec<(String, f64)> {
        let page = get(&address, 8888, "/metrics").unwrap_or_default();
        let lines = page.lines().filter(|it| {
            it.starts_with("sluice_lost_total{") || it.contains("_unrouted_items_total{")
        });
        let figure = |line: &str| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let reason = series.split("reason=\"").nth(1).and_then(|it| it.split('"').next());
            (reason.unwrap_or("unrouted").to_owned(), value.parse().unwrap())
        };
        lines.map(figure).collect()
    };
    // The three lines of the file, and what the batch had accepted.
    let want = [("unrouted", 1.0), ("expired_retry", 1.0), ("rejected_by_backend", 4.0)];
    let want = want.map(|(reason, count)| (reason.to_owned(), count));
    assert!(eventually(|| metrics() == want).await, "{:?}\n{}", metrics(), sluice.output());
    sluice.terminate().await;
}
