//! Sections, and a receiver that scrapes a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use component::{Component as _, Receiver as _};
use componenttest::{Sink, TestHost, config, problems, settings};
use pdata::Data;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Plan, Prometheus};

componenttest::conformance!(
    receiver Prometheus,
    "config: {scrape_configs: [{job_name: a, static_configs: [{targets: ['127.0.0.1:1']}]}]}"
);

#[test]
fn the_example_of_all_keys_is_valid() {
    let _: Plan = config(include_str!("../testdata/config.yaml"));
}

#[test]
fn wrong_sections_are_refused() {
    let unreadable =
        "'config' prometheus receiver: failed to unmarshal yaml to prometheus config object";
    for (section, want) in [
        ("{}", "no Prometheus scrape_configs or target_allocator set".to_owned()),
        (
            "target_allocator: {endpoint: 'http://a', collector_id: c}",
            "target_allocator: interval must be a positive duration, got 0s".to_owned(),
        ),
        (
            "target_allocator: {endpoint: 'a', interval: 30s, collector_id: c}",
            "target_allocator: TargetAllocator endpoint is not valid: a".to_owned(),
        ),
        (
            "config: {scrape_configs: [{job_name: a}, {job_name: a}]}",
            format!("{unreadable}: found multiple scrape configs with job name \"a\""),
        ),
        (
            "config: {scrape_configs: [{job_name: a, scrape_interval: 5s, scrape_timeout: 6s}]}",
            format!(
                "{unreadable}: scrape timeout greater than scrape interval for scrape config with job name \"a\""
            ),
        ),
        (
            "config: {scrape_configs: [{job_name: a}], rule_files: [x], remote_write: [{url: y}]}",
            "config: unsupported features:\n\tremote_write\n\trule_files".to_owned(),
        ),
        (
            "config: {scrape_configs: [{job_name: a, relabel_configs: [{action: hashmod, target_label: x}]}]}",
            format!(
                "{unreadable}: relabel configuration for hashmod requires non-zero modulus"
            ),
        ),
        (
            "config: {scrape_configs: [{job_name: a, metric_relabel_configs: [{action: labeldrop, target_label: x}]}]}",
            format!("{unreadable}: labeldrop action requires only 'regex', and no other fields"),
        ),
        (
            "config: {scrape_configs: [{job_name: a, bearer_token: x, bearer_token_file: y}]}",
            format!("{unreadable}: at most one of bearer_token & bearer_token_file must be configured"),
        ),
        (
            "config: {scrape_configs: [{job_name: a, basic_auth: {username: u, password: x, password_file: y}}]}",
            format!(
                "{unreadable}: at most one of basic_auth password, password_file & password_ref must be configured"
            ),
        ),
        (
            "config: {scrape_configs: [{job_name: a, static_configs: [{targets: ['http://x']}]}]}",
            format!("{unreadable}: \"http://x\" is not a valid hostname"),
        ),
        (
            "config: {scrape_configs: [{job_name: a, scrape_protocols: [foo]}]}",
            format!(
                "{unreadable}: scrape_protocols: unknown scrape protocol foo, supported: [OpenMetricsText0.0.1 \
                 OpenMetricsText1.0.0 PrometheusProto PrometheusText0.0.4 PrometheusText1.0.0] for scrape config with job name \"a\""
            ),
        ),
        (
            "config: {scrape_configs: [{job_name: a, consul_sd_configs: [{server: x}]}]}",
            "config::scrape_configs::0: consul_sd_configs is not supported yet: targets come from static_configs, \
             kubernetes_sd_configs, file_sd_configs, http_sd_configs and dns_sd_configs"
                .to_owned(),
        ),
    ] {
        assert_eq!(problems::<Plan>(section), [want]);
    }
}

#[test]
fn what_is_wrong_beside_the_jobs_is_refused() {
    let unreadable =
        "'config' prometheus receiver: failed to unmarshal yaml to prometheus config object";
    for (section, want) in [
        ("target_allocator: {x: 1}", "'targetallocator.Config' has invalid keys: x".to_owned()),
        (
            "config: {global: {scrape_interval: 5}, scrape_configs: [{job_name: a}]}",
            format!("{unreadable}: not a valid duration string: \"5\""),
        ),
        (
            "config: {global: {metric_name_validation_scheme: abc}, scrape_configs: [{job_name: a}]}",
            format!("{unreadable}: unrecognized ValidationScheme: \"abc\""),
        ),
        (
            "api_server: {server_config: {cors: abc}}",
            "'api_server.server_config.cors' expected a map or struct, got \"string\"".to_owned(),
        ),
        (
            "api_server: {server_config: {x: 1}}",
            "'api_server.server_config' has invalid keys: x".to_owned(),
        ),
    ] {
        assert_eq!(problems::<Plan>(section), [want], "{section}");
    }
}

#[test]
fn what_cannot_be_read_below_config_has_the_lines_of_the_section_as_go_writes_it() {
    let long = r#"struct { Targets []string "yaml:\"targets\""; Labels model.LabelSet "yaml:\"labels\"" }"#;
    for (section, want) in [
        ("x: 1", &["line 1: field x not found in type config.plain"][..]),
        ("global: abc", &["line 1: cannot unmarshal !!str `abc` into config.plain"]),
        ("global: [1]", &["line 2: cannot unmarshal !!seq into config.plain"]),
        ("global: {scrape_interval: [1]}", &["line 3: cannot unmarshal !!seq into string"]),
        (
            "global: {external_labels: 5}",
            &["line 2: cannot unmarshal !!int `5` into map[string]string"],
        ),
        (
            "scrape_configs: abc",
            &["line 1: cannot unmarshal !!str `abc` into []*config.ScrapeConfig"],
        ),
        ("scrape_configs: {a: 1}", &["line 2: cannot unmarshal !!map into []*config.ScrapeConfig"]),
        (
            "scrape_configs: [{job_name: a, basic_auth: {user: x}}]",
            &["line 3: field user not found in type config.plain"],
        ),
        (
            "scrape_configs: [{job_name: a, static_configs: abc}]",
            &["line 3: cannot unmarshal !!str `abc` into []*targetgroup.Group"],
        ),
        (
            "scrape_configs: [{job_name: a, static_configs: [abc]}]",
            &[&format!("line 4: cannot unmarshal !!str `abc` into {long}")],
        ),
        (
            "{scrape_configs: [{job_name: a, tls_config: {x: 1}, honor_labels: 5, sample_limit: abc, params: 5}]}",
            &[
                "line 2: cannot unmarshal !!int `5` into bool",
                "line 4: cannot unmarshal !!int `5` into url.Values",
                "line 5: cannot unmarshal !!str `abc` into uint",
                "line 7: field x not found in type config.plain",
            ],
        ),
        (
            "{global: {scrape_interval: 10s, foo: 1}, bar: 3, scrape_configs: [{job_name: a, x: 1}]}",
            &[
                "line 1: field bar not found in type config.plain",
                "line 3: field foo not found in type config.plain",
                "line 7: field x not found in type config.ScrapeConfig",
            ],
        ),
        (
            "scrape_configs: [{job_name: a, dns_sd_configs: [{x: 1}], file_sd_configs: [{z: 1}], http_sd_configs: [{y: 1}]}]",
            &[
                "line 3: field x not found in type dns.plain",
                "line 5: field z not found in type file.plain",
                "line 7: field y not found in type http.plain",
            ],
        ),
    ] {
        let intro = "'config' prometheus receiver: failed to unmarshal yaml to prometheus config object: yaml: \
                     unmarshal errors:";
        let section =
            if section.starts_with('{') { section.to_owned() } else { format!("{{{section}}}") };
        let text = problems::<Plan>(&format!("config: {section}"));
        let want: Vec<String> = want.iter().map(|it| format!("  {it}")).collect();
        assert_eq!(text.join("\n"), format!("{intro}\n{}", want.join("\n")), "{section}");
    }
}

/// Answers every request with what `page` says for its number; the requests are counted.
async fn serve(page: impl Fn(usize) -> String + Send + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    componenttest::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            assert!(request.contains("authorization: Bearer secret"), "{request}");
            let body = page(count.fetch_add(1, Ordering::SeqCst));
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", body.len());
            let answer = format!("{head}Content-Type: text/plain; version=0.0.4\r\n\r\n{body}");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, asked)
}

#[tokio::test]
async fn a_target_is_scraped_at_its_interval() {
    let (address, asked) = serve(|at| format!("# TYPE a gauge\na{{n=\"{at}\"}} 1\n")).await;
    let (sink, host) = (Sink::new(), TestHost::new());
    let section = format!(
        "config: {{global: {{scrape_interval: 100ms, scrape_timeout: 100ms, external_labels: {{e: x}}}}, \
         scrape_configs: [{{job_name: a, bearer_token: secret, static_configs: [{{targets: ['{address}']}}]}}]}}"
    );
    let receiver =
        Prometheus::create(settings("prometheus"), config(&section), sink.outputs(&["metrics"]));
    let receiver = Arc::new(receiver.unwrap());
    Arc::clone(&receiver).start(&host).await.unwrap();
    while asked.load(Ordering::SeqCst) < 3 || sink.calls() < 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    host.shutdown(&*receiver, Duration::from_secs(5)).await;
    let first = &sink.received()[0];
    let Data::Metrics(metrics) = first else { panic!("metrics") };
    assert_eq!(first.items(), 6);
    let point = metrics.metrics().next().unwrap().points().next().unwrap();
    assert_eq!(point.attributes().get("e").and_then(pdata::ValueRef::as_str), Some("x"));
    // The collector stops: nothing has ended.
    let last = sink.received().pop().unwrap();
    let Data::Metrics(metrics) = &last else { panic!("metrics") };
    assert!(metrics.metrics().any(|it| it.name() == "up"));
}

/// An allocator that names a job with one target until it is asked for the third time, and nothing then.
async fn allocator(target: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    componenttest::spawn(async move {
        let mut asked = 0;
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let body = match request.split(' ').nth(1).unwrap() {
                "/scrape_configs" => {
                    asked += 1;
                    let job = r#"{"job_name": "of/it", "scrape_interval": "50ms", "scrape_timeout": "50ms",
                        "bearer_token": "secret", "kubernetes_sd_configs": [{"role": "pod"}]}"#;
                    let broken =
                        r#""broken": {"job_name": "broken", "relabel_configs": [{"regex": "("}]}"#;
                    if asked < 3 {
                        format!(r#"{{"of/it": {job}, {broken}}}"#)
                    } else {
                        "{}".to_owned()
                    }
                }
                "/jobs/of%2Fit/targets?collector_id=me" => {
                    format!(r#"[{{"targets": ["{target}"], "labels": {{"from": "allocator"}}}}]"#)
                }
                other => panic!("{other}"),
            };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    address
}

#[tokio::test]
async fn jobs_of_an_allocator_are_scraped_as_long_as_it_names_them() {
    let (target, _) = serve(|_| "# TYPE a gauge\na 1\n".to_owned()).await;
    let allocator = allocator(target).await;
    let (sink, host) = (Sink::new(), TestHost::new());
    let section = format!(
        "target_allocator: {{endpoint: 'http://{allocator}', interval: 300ms, collector_id: me, max_idle_conns: 1}}"
    );
    let receiver =
        Prometheus::create(settings("prometheus"), config(&section), sink.outputs(&["metrics"]));
    let receiver = Arc::new(receiver.unwrap());
    Arc::clone(&receiver).start(&host).await.unwrap();
    // The series of a job that is gone have ended.
    let has_ended = |data: &Data| {
        let Data::Metrics(metrics) = data else { panic!("metrics") };
        metrics.metrics().any(|it| it.name() == "a" && it.points().any(|it| it.flags() == 1))
    };
    while !sink.received().iter().any(has_ended) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    host.shutdown(&*receiver, Duration::from_secs(5)).await;
    let Data::Metrics(metrics) = &sink.received()[0] else { panic!("metrics") };
    let point = metrics.metrics().next().unwrap().points().next().unwrap();
    let from = point.attributes().get("from").and_then(pdata::ValueRef::as_str);
    assert_eq!(from, Some("allocator"));
}
