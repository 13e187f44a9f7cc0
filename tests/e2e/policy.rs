//! `configs/policy-*.yaml`: the tests of each policy pass, and what the running program drops, changes, routes and alerts is
//! what arrives behind its exporters. Each configuration runs as it stands there, but for its addresses and its backends.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value as Json, json};

use super::start::sluice;
use crate::configs::POLICIES;
use crate::support::{Process, SLUICE, eventually, get, own_address, post, repository};

/// One of `configs/`, with a file behind each pipeline.
pub struct Example {
    sluice: Process,
    address: String,
    folder: tempfile::TempDir,
    pipelines: Vec<&'static str>,
    configs: Vec<String>,
}

impl Example {
    async fn start(name: &str, number: u8, pipelines: &[&'static str]) -> Self {
        Self::start_with(name, number, pipelines, "").await
    }

    /// With more than that behind it.
    pub async fn start_with(
        name: &str,
        number: u8,
        pipelines: &[&'static str],
        more: &str,
    ) -> Self {
        Self::start_in(name, number, pipelines, more, &[]).await
    }

    /// And with variables in its environment.
    pub async fn start_in(
        name: &str,
        number: u8,
        pipelines: &[&'static str],
        more: &str,
        variables: &[(&str, &str)],
    ) -> Self {
        let (folder, address) = (tempfile::tempdir().unwrap(), own_address(number));
        let config = repository().join("configs").join(name).display().to_string();
        let overlay = folder.path().join("overlay.yaml");
        fs::write(&overlay, Self::overlay(folder.path(), &address, pipelines)).unwrap();
        let mut configs = vec![config, overlay.display().to_string()];
        if !more.is_empty() {
            let file = folder.path().join("more.yaml");
            fs::write(&file, more).unwrap();
            configs.push(file.display().to_string());
        }
        let sluice = Self::run(folder.path(), &configs, variables).await;
        Self { sluice, address, folder, pipelines: pipelines.to_vec(), configs }
    }

    async fn run(folder: &Path, configs: &[String], variables: &[(&str, &str)]) -> Process {
        let arguments: Vec<&str> = configs.iter().flat_map(|it| ["--config", it]).collect();
        let variables = [&[("POLICIES", POLICIES)], variables].concat();
        let mut sluice = Process::start_with(Path::new(SLUICE), folder, &arguments, &variables);
        sluice.says_next("Everything is ready.").await;
        sluice
    }

    /// Kills it as the kernel would, and starts it again.
    pub async fn restart(&mut self) {
        self.sluice.kill();
        fs::remove_file(self.folder.path().join("sluice.log")).unwrap();
        self.sluice = Self::run(self.folder.path(), &self.configs, &[]).await;
    }

    /// What it printed.
    pub fn output(&self) -> String {
        self.sluice.output()
    }

    fn overlay(folder: &Path, address: &str, pipelines: &[&str]) -> String {
        let (mut exporters, mut listed) = (String::new(), String::new());
        for (at, pipeline) in pipelines.iter().enumerate() {
            let path = folder.join(format!("{at}.json"));
            let _ = writeln!(exporters, "  file/{at}: {{path: '{}'}}", path.display());
            let _ = writeln!(listed, "    {pipeline}: {{exporters: [file/{at}]}}");
        }
        format!(
            "receivers: {{otlp: {{protocols: {{grpc: {{endpoint: '{address}:4317'}}, http: {{endpoint: '{address}:4318'}}}}}}}}
exporters:\n{exporters}service:
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: '{address}', port: 8888}}}}}}}}]}}}}
  pipelines:\n{listed}"
        )
    }

    /// Sends a request, which is taken.
    pub fn send(&self, signal: &str, request: &Json) {
        let answer = post(&self.address, 4318, signal, request.to_string().as_bytes());
        assert_eq!(answer, "HTTP/1.1 200 OK", "{}", self.sluice.output());
    }

    /// What has arrived behind a pipeline.
    pub fn got(&self, pipeline: &str) -> Vec<Record> {
        let at = self.pipelines.iter().position(|it| *it == pipeline).unwrap();
        let text = fs::read_to_string(self.folder.path().join(format!("{at}.json")));
        let requests = text.unwrap_or_default();
        let requests = requests.lines().filter_map(|it| serde_json::from_str::<Json>(it).ok());
        requests.flat_map(|it| records(&it)).collect()
    }

    /// The same, when so many have come.
    pub async fn arrives(&self, pipeline: &str, count: usize) -> Vec<Record> {
        let came = eventually(|| self.got(pipeline).len() >= count).await;
        let got = self.got(pipeline);
        assert!(came && got.len() == count, "{pipeline}: {got:#?}\n{}", self.sluice.output());
        got
    }

    /// All series of a metric together.
    pub fn metric(&self, name: &str) -> u64 {
        let page = get(&self.address, 8888, "/metrics").unwrap();
        let values = page.lines().filter(|it| it.starts_with(&format!("{name}{{")));
        values.map(|it| it.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    /// Nothing is on the way any more.
    pub async fn end(mut self) -> Self {
        assert!(self.sluice.terminate().await.success(), "{}", self.sluice.output());
        self
    }
}

/// A log record or span, with attributes as plain JSON.
#[derive(Debug)]
pub struct Record {
    /// As it was sent on.
    pub own: Json,
    /// Its attributes as plain JSON.
    pub attributes: Map<String, Json>,
    resource: Map<String, Json>,
}

impl Record {
    fn body(&self) -> &str {
        self.own["body"]["stringValue"].as_str().unwrap_or_default()
    }
}

fn items(of: &Json, key: &str) -> Vec<Json> {
    of[key].as_array().cloned().unwrap_or_default()
}

fn records(request: &Json) -> Vec<Record> {
    let mut all = Vec::new();
    for (resources, scopes, records) in
        [("resourceLogs", "scopeLogs", "logRecords"), ("resourceSpans", "scopeSpans", "spans")]
    {
        for resource in items(request, resources) {
            for scope in items(&resource, scopes) {
                for own in items(&scope, records) {
                    let attributes = plain(&own);
                    all.push(Record { own, attributes, resource: plain(&resource["resource"]) });
                }
            }
        }
    }
    all
}

fn plain(of: &Json) -> Map<String, Json> {
    let value = |it: &Json| it.as_object().and_then(|it| it.values().next().cloned());
    let pair = |it: &Json| (it["key"].as_str().unwrap().to_owned(), value(&it["value"]).unwrap());
    items(of, "attributes").iter().map(pair).collect()
}

fn attributes(of: &Json) -> Json {
    let pair = |(key, value): (&String, &Json)| {
        let value = match value {
            Json::Number(it) => json!({"intValue": it.to_string()}),
            other => json!({"stringValue": other}),
        };
        json!({"key": key, "value": value})
    };
    of.as_object().unwrap().iter().map(pair).collect()
}

/// Log records or spans of one resource.
fn request(signal: &str, resource: &Json, records: &[Json]) -> Json {
    let [resources, scopes, list] = match signal {
        "log" => ["resourceLogs", "scopeLogs", "logRecords"],
        _ => ["resourceSpans", "scopeSpans", "spans"],
    };
    json!({resources: [{"resource": {"attributes": attributes(resource)}, scopes: [{list: records}]}]})
}

fn log(severity: &str, body: &str, of: &Json) -> Json {
    json!({"severityText": severity, "body": {"stringValue": body}, "attributes": attributes(of)})
}

/// 16 or 8 bytes in hexadecimal digits.
fn id(number: u64, bytes: usize) -> String {
    format!("{number:0width$x}", width = 2 * bytes)
}

#[test]
fn the_tests_of_every_example_pass() {
    let mut folders = 0;
    for folder in fs::read_dir(repository().join("configs/policy")).unwrap() {
        let folder = folder.unwrap().path();
        let (code, out, err) = sluice(&["rego", "test", folder.to_str().unwrap()]);
        let last = out.lines().last().unwrap_or_default().to_owned();
        let (_, counts) = last.split_once("PASS: ").unwrap_or_else(|| panic!("{out}{err}"));
        let (passed, all) = counts.split_once('/').unwrap();
        assert_eq!((code, passed), (0, all), "{}: {out}{err}", folder.display());
        assert!(all.parse::<u32>().unwrap() >= 5, "{}: {out}", folder.display());
        folders += 1;
    }
    assert_eq!(folders, 5);
}

#[test]
fn every_rule_of_the_examples_is_reached_by_a_test() {
    for folder in fs::read_dir(repository().join("configs/policy")).unwrap() {
        let folder = folder.unwrap().path();
        let folder = folder.to_str().unwrap();
        let (code, out, err) = sluice(&["rego", "test", folder, "--threshold", "90"]);
        assert_eq!(code, 0, "{folder}: {out}{err}");
    }
}

/// A failed login of a user; each has a time and a trace of its own.
pub fn failed_login(user: &str, number: u64) -> Json {
    let mut record = log(
        "ERROR",
        "login failed",
        &json!({"enduser.id": user, "mfa_attempt": "totp", "client.address": "203.0.113.9"}),
    );
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    record["timeUnixNano"] = (now.as_nanos() as u64 + number).to_string().into();
    record["traceId"] = id(number + 1, 16).into();
    record
}

/// A request of the service that logs them.
pub fn logins(records: &[Json]) -> Json {
    request("log", &json!({"service.name": "identity-service"}), records)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sixth_failed_login_blocks_the_user_and_a_seventh_does_not_pass() {
    let pipelines = ["logs/rest", "logs/alerts"];
    let example = Example::start("policy-brute-force.yaml", 30, &pipelines).await;
    let mut sent: Vec<Json> = (0..8).map(|it| failed_login("alice", it)).collect();
    sent.extend((8..13).map(|it| failed_login("bob", it)));
    example.send("log", &logins(&sent));
    let passed = example.arrives("logs/rest", 11).await;
    let of = |user: &str| passed.iter().filter(|it| it.attributes["enduser.id"] == user).count();
    assert_eq!((of("alice"), of("bob")), (6, 5));
    let alert = example.arrives("logs/alerts", 1).await.remove(0);
    assert_eq!(alert.own["eventName"], "sluice.policy.alert");
    assert_eq!(alert.body(), "Somebody guesses passwords");
    assert_eq!(alert.own["traceId"], id(6, 16).as_str(), "the sixth");
    assert_eq!(alert.attributes["policy.key"], "alice");
    assert_eq!(alert.attributes["policy.window.brute_force"], "6");
    assert_eq!(alert.attributes["policy.label.team"], "security");
    let evidence = &alert.attributes["policy.evidence.attributes[\"client.address\"]"];
    assert_eq!(evidence, "203.0.113.9");
    assert_eq!(example.metric("sluice_rego_dropped_total"), 2);
    example.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn personal_data_does_not_leave_in_logs_and_spans() {
    let example = Example::start("policy-pii.yaml", 31, &["logs", "traces"]).await;
    let body = "a.b@example.org paid with 4111 1111 1111 1111, password=hunter2";
    let own = json!({
        "enduser.id": "alice", "user.email": "a.b@example.org", "note": "IBAN DE89 3704 0044 0532 0130 00",
        "http.request.header.authorization": "Bearer abcdefghijkl", "size": 4_111_111_111_111_111_u64,
    });
    example
        .send("log", &request("log", &json!({"service.name": "shop"}), &[log("INFO", body, &own)]));
    let span = json!({"name": "mail to a.b@example.org", "traceId": id(1, 16), "spanId": id(1, 8), "attributes": attributes(&own)});
    example.send("trace", &request("span", &json!({"service.name": "shop"}), &[span]));
    let log = example.arrives("logs", 1).await.remove(0);
    assert_eq!(log.body(), "<email> paid with <card>, password=<secret>");
    let span = example.arrives("traces", 1).await.remove(0);
    assert_eq!(span.own["name"], "mail to <email>");
    assert_eq!(log.attributes, span.attributes);
    let mut keys: Vec<&str> = log.attributes.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["enduser.id", "note", "size"]);
    assert_eq!(log.attributes["note"], "IBAN <iban>");
    assert_eq!(log.attributes["size"], "4111111111111111", "a number is no text");
    let pseudonym = log.attributes["enduser.id"].as_str().unwrap();
    assert!(
        pseudonym.len() == 16 && pseudonym.bytes().all(|it| it.is_ascii_hexdigit()),
        "{pseudonym}"
    );
    example.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_reads_is_dropped_and_errors_are_kept() {
    let example = Example::start("policy-cost.yaml", 32, &["logs", "traces"]).await;
    let production = json!({"deployment.environment.name": "production"});
    let mut logs = vec![
        log("DEBUG", "debug", &json!({})),
        log("INFO", "health", &json!({"url.path": "/healthz", "http.response.status_code": 200})),
        log("ERROR", "broken", &json!({"url.path": "/healthz", "http.response.status_code": 503})),
        log("INFO", "started", &json!({})),
    ];
    // Each has a trace of its own, by which it is chosen.
    let success = |it: u64| {
        let mut record = log("INFO", "ok", &json!({"http.response.status_code": 200}));
        record["traceId"] = id(it.wrapping_mul(0x9E37_79B9_7F4A_7C15), 16).into();
        record
    };
    logs.extend((0..2000).map(success));
    example.send("log", &request("log", &production, &logs));
    example.send(
        "log",
        &request("log", &json!({"deployment.environment.name": "staging"}), &logs[..1]),
    );
    let span = |it: u64, code: i64, ms: u64| {
        json!({
            "name": "pay", "traceId": id(it.wrapping_mul(0x9E37_79B9_7F4A_7C15), 16), "spanId": id(it + 1, 8),
            "startTimeUnixNano": "1000000000", "endTimeUnixNano": (1_000_000_000 + ms * 1_000_000).to_string(),
            "status": {"code": code},
        })
    };
    let mut spans: Vec<Json> = (0..2000).map(|it| span(it, 0, 5)).collect();
    spans.extend([span(5000, 2, 5), span(5001, 1, 1500)]);
    example.send("trace", &request("span", &production, &spans));
    let example = example.end().await;
    let logs = example.got("logs");
    let of = |body: &str| logs.iter().filter(|it| it.body() == body).count();
    assert_eq!([of("debug"), of("health"), of("broken"), of("started")], [1, 0, 1, 1]);
    assert!((150..250).contains(&of("ok")), "one in ten, not {} of 2000", of("ok"));
    let spans = example.got("traces");
    let named = |it: u64| spans.iter().any(|span| span.own["spanId"] == id(it + 1, 8).as_str());
    assert!(named(5000) && named(5001), "errors and what is slow stay");
    let traces = |of: &[Record]| {
        let ids = of.iter().filter(|it| it.body() != "pay").map(|it| it.own["traceId"].to_string());
        ids.filter(|it| it.len() > 2).collect::<std::collections::BTreeSet<_>>()
    };
    let mut of_spans = traces(&spans);
    for it in [5000_u64, 5001] {
        of_spans.remove(&format!("\"{}\"", id(it.wrapping_mul(0x9E37_79B9_7F4A_7C15), 16)));
    }
    let of_logs = traces(&logs);
    let of_logs: std::collections::BTreeSet<_> =
        of_logs.into_iter().filter(|it| it != "null").collect();
    assert_eq!(of_logs, of_spans, "the same traces in logs and spans");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_tenant_goes_its_own_way_and_no_further_than_its_quota() {
    let pipelines = ["logs/blue", "logs/green", "logs/quarantine", "logs/alerts"];
    let example = Example::start("policy-tenants.yaml", 33, &pipelines).await;
    let send = |tenant: &str, count: usize| {
        let records = vec![log("INFO", "hello", &json!({})); count];
        example.send("log", &request("log", &json!({"tenant.id": tenant}), &records));
    };
    send("blue", 300);
    send("green", 150);
    send("red", 2);
    let example = example.end().await;
    let count = |pipeline: &str| example.got(pipeline).len();
    assert_eq!([count("logs/blue"), count("logs/green"), count("logs/quarantine")], [300, 100, 2]);
    assert_eq!(example.got("logs/blue")[0].resource["tenant.plan"], "gold");
    assert_eq!(example.got("logs/quarantine")[0].attributes["policy.label.tenant"], "unknown");
    let alerts = example.got("logs/alerts");
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].body(), "green sends more than 100 records a minute");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_mended_marked_or_dropped_by_the_schema() {
    let example = Example::start("policy-schema.yaml", 34, &["logs/rest", "logs/alerts"]).await;
    let good = json!({"service.name": "shop", "deployment.environment.name": "production"});
    let old = json!({"http.status_code": 200, "http.method": "GET", "a": "b"});
    example.send("log", &request("log", &good, &[log("INFO", "old names", &old)]));
    let bad = json!({"service.name": "cart", "deployment.environment.name": "prod"});
    let camel = log("", "two mistakes", &json!({"UserId": 1}));
    example.send("log", &request("log", &bad, &[camel.clone(), camel]));
    example.send("log", &request("log", &json!({}), &[log("INFO", "nobody's", &json!({}))]));
    let example = example.end().await;
    let logs = example.got("logs/rest");
    let bodies: Vec<&str> = logs.iter().map(Record::body).collect();
    assert_eq!(bodies, ["old names", "two mistakes", "two mistakes"]);
    let mended =
        json!({"a": "b", "http.response.status_code": "200", "http.request.method": "GET"});
    assert_eq!(Json::from(logs[0].attributes.clone()), mended);
    let marks = &logs[1].attributes["policy.label.schema"]["values"];
    let marks: Vec<&str> =
        marks.as_array().unwrap().iter().map(|it| it["stringValue"].as_str().unwrap()).collect();
    let want = [
        "deployment.environment.name is missing or unknown",
        "severity is missing",
        "the attribute UserId is not in lower case",
    ];
    assert_eq!(marks, want);
    let alerts = example.got("logs/alerts");
    assert_eq!(alerts.len(), 1, "once for each service");
    assert_eq!(alerts[0].body(), "cart sends records that do not keep to the schema");
    assert_eq!(alerts[0].attributes["policy.label.violations"], want.join(", "));
}
