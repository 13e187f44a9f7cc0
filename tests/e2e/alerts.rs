//! What a decision does outside: alerts of the running program at servers of the test. The policy is that of
//! `configs/policy-brute-force.yaml`.

use std::collections::BTreeMap;

use componenttest::{HttpServer, Reply};
use serde_json::{Value as Json, json};

use super::backends::{loki, tempo};
use super::loki::{count, streams};
use super::policy::{Example, failed_login, logins};
use crate::support::{eventually, get, skipped};

const CONFIG: &str = "policy-brute-force.yaml";
const PIPELINES: [&str; 2] = ["logs/rest", "logs/alerts"];
/// Who sends at the same time.
const SENDERS: u64 = 8;
/// Who mistypes a password now and then.
const USERS: u64 = 1000;

fn slack(server: &HttpServer) -> String {
    let url = server.url("/services/T/B/x");
    format!(
        "exporters: {{slack: {{webhook_url: '{url}', messages_per_second: 100, retry_on_failure: {{initial_interval: 100ms}}}}}}\n\
         service: {{pipelines: {{logs/alerts: {{exporters: [file/1, slack]}}}}}}\n"
    )
}

/// What a message of Slack says, as one text.
fn said(message: &Json) -> String {
    message["blocks"].to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_senders_and_a_thousand_users_and_the_sixth_failed_login_of_one_is_told_slack_once() {
    let server = HttpServer::start();
    let example = Example::start_with(CONFIG, 35, &PIPELINES, &slack(&server)).await;
    // Of each user at most five, of alice sixty-four, in as many requests as there are senders and users.
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let example = &example;
            scope.spawn(move || {
                for part in 0..8 {
                    let mut records = Vec::new();
                    for user in (0..USERS).filter(|it| it % SENDERS == sender) {
                        let number = (part * USERS + user) * SENDERS + sender;
                        if part < 5 {
                            records.push(failed_login(&format!("user-{user}"), number));
                        }
                        if user == sender + 8 * 50 {
                            records.push(failed_login("alice", number));
                        }
                    }
                    example.send("log", &logins(&records));
                }
            });
        }
    });
    let passed = example.arrives("logs/rest", 5 * 1000 + 6).await;
    let mut of: BTreeMap<&str, usize> = BTreeMap::new();
    for record in &passed {
        *of.entry(record.attributes["enduser.id"].as_str().unwrap()).or_default() += 1;
    }
    assert_eq!(of.remove("alice"), Some(6), "the seventh did not pass");
    assert!(of.values().all(|it| *it == 5), "nobody else was blocked");
    let alerts = example.arrives("logs/alerts", 1).await;
    assert_eq!(alerts[0].attributes["policy.window.brute_force"], "6", "at the sixth record");
    assert_eq!(alerts[0].attributes["policy.key"], "alice");
    let trace = alerts[0].own["traceId"].as_str().unwrap().to_owned();
    let of_alice = passed.iter().filter(|it| it.attributes["enduser.id"] == "alice");
    assert!(of_alice.into_iter().any(|it| it.own["traceId"] == trace.as_str()));
    assert!(eventually(|| !server.requests().is_empty()).await, "{}", example.output());
    let dropped = example.metric("sluice_rego_dropped_total");
    assert_eq!(dropped, 64 - 6);
    example.end().await;
    let messages = server.requests();
    assert_eq!(messages.len(), 1, "one message");
    let text = said(&messages[0].json());
    assert!(text.contains(&trace) && text.contains("*brute_force*\\n`6`"), "{text}");
    assert!(text.contains("Somebody guesses passwords") && text.contains("`alice`"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loki_has_the_logs_and_the_alert_with_its_evidence_and_tempo_the_trace() {
    let folder = tempfile::tempdir().unwrap();
    let (Some(loki), Some(tempo)) = (loki(folder.path()).await, tempo(folder.path()).await) else {
        return skipped(format_args!("Loki and Tempo are not there"));
    };
    let more = format!(
        "exporters:
  otlp_http/loki: {{endpoint: 'http://127.0.0.1:{}/otlp'}}
  otlp_http/tempo: {{endpoint: 'http://127.0.0.1:{}'}}
service:
  pipelines:
    logs/rest: {{exporters: [file/0, otlp_http/loki]}}
    logs/alerts: {{exporters: [file/1, otlp_http/loki]}}
    traces: {{receivers: [otlp], exporters: [otlp_http/tempo]}}
",
        loki.1, tempo.2
    );
    let example = Example::start_with(CONFIG, 40, &PIPELINES, &more).await;
    let records: Vec<Json> = (0..8).map(|it| failed_login("alice", it)).collect();
    let trace = records[5]["traceId"].as_str().unwrap();
    let at = records[5]["timeUnixNano"].clone();
    let span = json!({"traceId": trace, "spanId": "b7ad6b7169203331", "name": "login",
        "startTimeUnixNano": at, "endTimeUnixNano": at});
    example.send("trace", &json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}));
    example.send("log", &logins(&records));
    let stored = |query: &str| {
        let streams = streams(loki.1, query);
        (count(&streams), Json::from(streams).to_string())
    };
    // Six logs and the alert.
    let service = r#"{service_name="identity-service"}"#;
    assert!(
        eventually(|| stored(service).0 >= 7).await,
        "{:?}\n{}",
        stored(service),
        example.output()
    );
    assert_eq!(stored(service).0, 7);
    // The alert, with the trace of the sixth, the count, and who it came from.
    let (alerts, text) = stored(&format!(r#"{service} | policy_key="alice""#));
    assert_eq!(alerts, 1, "{text}");
    for part in
        [trace, "policy_evidence_attributes", "203.0.113.9", r#""policy_window_brute_force":"6""#]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let found = || get("127.0.0.1", tempo.1, &format!("/api/traces/{trace}"));
    assert!(eventually(|| found().is_some_and(|it| it.contains("login"))).await);
    example.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_in_the_middle_of_an_attack_forgets_nothing() {
    let mut example = Example::start_with(CONFIG, 36, &PIPELINES, "").await;
    let send = |example: &Example, numbers: std::ops::Range<u64>| {
        for it in numbers {
            example
                .send("log", &logins(&[failed_login("alice", it), failed_login("bob", 100 + it)]));
        }
    };
    send(&example, 0..3);
    example.arrives("logs/rest", 6).await;
    example.restart().await;
    send(&example, 3..5);
    example.send("log", &logins(&[failed_login("alice", 5), failed_login("alice", 6)]));
    // The file of the exporter begins anew.
    let passed = example.arrives("logs/rest", 5).await;
    assert_eq!(passed.iter().filter(|it| it.attributes["enduser.id"] == "alice").count(), 3);
    let alert = example.arrives("logs/alerts", 1).await.remove(0);
    assert_eq!(alert.attributes["policy.window.brute_force"], "6");
    example.restart().await;
    example.send("log", &logins(&[failed_login("alice", 7), failed_login("carol", 107)]));
    let passed = example.arrives("logs/rest", 1).await;
    assert_eq!(passed[0].attributes["enduser.id"], "carol", "alice is still blocked");
    let example = example.end().await;
    assert_eq!(example.got("logs/alerts").len(), 0, "and nobody is told twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slack_that_is_dead_holds_up_no_logs_and_hears_of_it_when_it_is_back() {
    let server = HttpServer::start();
    server.answer(|_| Reply::new("503 Service Unavailable", "down"));
    let example = Example::start_with(CONFIG, 37, &PIPELINES, &slack(&server)).await;
    let attack = |user: &str, from: u64| {
        let records: Vec<Json> = (from..from + 6).map(|it| failed_login(user, it)).collect();
        example.send("log", &logins(&records));
    };
    for user in 0..50 {
        attack(&format!("user-{user}"), user * 10);
    }
    example.arrives("logs/rest", 300).await;
    assert!(eventually(|| !server.requests().is_empty()).await);
    server.answer(|_| Reply::new("200 OK", "ok"));
    let told = || {
        let all: Vec<String> = server.requests().iter().map(|it| said(&it.json())).collect();
        (0..50).all(|it| all.iter().any(|text| text.contains(&format!("`user-{it}`"))))
    };
    assert!(eventually(told).await, "{}\n{}", server.requests().len(), example.output());
    example.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_blocked_stands_in_a_file_and_in_the_cluster_until_its_time_is_over() {
    let (server, folder) = (HttpServer::start(), tempfile::tempdir().unwrap());
    server.answer(|_| Reply::new("200 OK", "{}").with("Content-Type", "application/json"));
    let kubeconfig = folder.path().join("kubeconfig");
    let clusters = format!("[{{name: c, cluster: {{server: '{}'}}}}]", server.url(""));
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: {clusters}\nusers: [{{name: u, user: {{}}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n"
    );
    std::fs::write(&kubeconfig, text).unwrap();
    let file = folder.path().join("blocked.conf");
    let more = format!(
        "exporters:
  file_action: {{path: '{}', template: '{{{{ range .entries }}}}deny {{{{ .key }}}};{{{{ end }}}}'}}
  k8s_patch:
    auth_type: kubeConfig
    api_version: v1
    kind: ConfigMap
    resource: configmaps
    namespace: edge
    name: blocked
    patches_per_second: 100
    object: {{data: {{deny.conf: '{{{{ range .entries }}}}deny {{{{ .key }}}};{{{{ end }}}}'}}}}
connectors: {{rego: {{block_ttl: 3s, rules: [{{query: data.system.authz.allow, then: [{{block: {{key: 'attributes[\"enduser.id\"]'}}}}]}}]}}}}
service: {{pipelines: {{logs/alerts: {{exporters: [file/1, file_action, k8s_patch]}}}}}}
",
        file.display()
    );
    let variables = [("KUBECONFIG", kubeconfig.to_str().unwrap())];
    let example = Example::start_in(CONFIG, 38, &PIPELINES, &more, &variables).await;
    let written = || std::fs::read_to_string(&file).unwrap_or_default();
    let applied = || {
        let last = server.requests().into_iter().rfind(|it| it.line.starts_with("PATCH "));
        last.map(|it| it.json()["data"]["deny.conf"].as_str().unwrap().to_owned())
    };
    assert_eq!(written(), "", "nothing is in force");
    let records: Vec<Json> = (0..6).map(|it| failed_login("alice", it)).collect();
    example.send("log", &logins(&records));
    let in_force = || written() == "deny alice;" && applied().as_deref() == Some("deny alice;");
    assert!(eventually(in_force).await, "{:?} {:?}\n{}", written(), applied(), example.output());
    let request = server.requests().into_iter().rfind(|it| it.line.starts_with("PATCH ")).unwrap();
    let line =
        "PATCH /api/v1/namespaces/edge/configmaps/blocked?fieldManager=sluice&force=true HTTP/1.1";
    assert_eq!(
        (request.line.as_str(), request.header("content-type")),
        (line, "application/apply-patch+yaml")
    );
    let over = || written().is_empty() && applied().as_deref() == Some("");
    assert!(eventually(over).await, "{:?} {:?}\n{}", written(), applied(), example.output());
    let example = example.end().await;
    let said = example.output();
    for line in ["an entry is in force", "an entry has ended", "applied what is in force"] {
        assert!(said.contains(line), "{line}: {said}");
    }
}
