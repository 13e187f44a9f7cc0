use std::sync::Arc;

use component::config::Value;
use component::{Component as _, Consumer as _, Context, Data, Exporter as _, Signal};
use componenttest::{
    HttpServer, Reply, TestHost, alert_logs, config, exporter_settings, logs, metric, problems,
};

use super::*;

componenttest::conformance!(exporter Webhook, "endpoint: 'http://127.0.0.1:1/alerts'");

#[test]
fn the_example_of_all_keys_is_valid() {
    let _: Config = config(include_str!("../testdata/config.yaml"));
}

struct Running {
    exporter: Arc<Webhook>,
    server: HttpServer,
    settings: ExporterSettings,
    _host: TestHost,
}

impl Running {
    async fn new(keys: &str) -> Self {
        let (server, host) = (HttpServer::start(), TestHost::new());
        let settings = exporter_settings("webhook", Signal::Logs);
        let section = format!("endpoint: '{}'\n{keys}", server.url("/alerts"));
        let exporter = Webhook::create(settings.clone(), config(&section)).unwrap();
        let exporter = Arc::new(exporter);
        Arc::clone(&exporter).start(&host).await.unwrap();
        Self { exporter, server, settings, _host: host }
    }

    async fn send(&self, data: Data) -> Result<(), ConsumeError> {
        self.exporter.consume(&Context::default(), data).await
    }

    fn not_sent(&self, reason: &str) -> Option<f64> {
        let labels = [("exporter", "webhook"), ("reason", reason)];
        metric(&self.settings.meter, "sluice_alerts_not_sent_total", &labels)
    }
}

#[tokio::test]
async fn an_alert_is_one_request_and_other_records_are_counted() {
    let running = Running::new("").await;
    running.send(alert_logs(&["alice", "bob"])).await.unwrap();
    running.send(logs(3)).await.unwrap();
    let requests = running.server.requests();
    assert_eq!(requests.len(), 2);
    let body = requests[0].json();
    assert_eq!((&body["key"], &body["title"]), (&"alice".into(), &"Somebody guesses".into()));
    assert_eq!(body["windows"]["brute_force"], 6);
    assert_eq!(body["trace_id"], "5b8aa5a2d2c872e8321cf37308d69df2");
    assert_eq!(body["time"], "2024-06-10T06:13:20Z");
    assert_eq!(requests[0].header("content-type"), "application/json");
    assert_ne!(requests[0].header("webhook-id"), requests[1].header("webhook-id"));
    assert_eq!(running.not_sent("not_an_alert"), Some(3.0));
    let sent =
        metric(&running.settings.meter, "sluice_alerts_sent_total", &[("exporter", "webhook")]);
    assert_eq!(sent, Some(2.0));
}

#[tokio::test]
async fn texts_of_a_body_are_templates_and_nothing_breaks_out_of_json() {
    let body = r#"body: {text: "{{ .title }} of {{ .key }}{{ if .labels.nobody }}!{{ end }}", fixed: [1, true], who: "{{ .labels.team }}"}"#;
    let running = Running::new(body).await;
    running.send(alert_logs(&["a\", \"x\": \"y"])).await.unwrap();
    let body = running.server.requests()[0].json();
    let want = serde_json::json!({
        "text": "Somebody guesses of a\", \"x\": \"y", "fixed": [1, true], "who": "security",
    });
    assert_eq!(body, want);
}

#[tokio::test]
async fn a_request_is_signed_over_what_was_sent() {
    let running = Running::new("signing_secret: hush").await;
    running.send(alert_logs(&["alice"])).await.unwrap();
    let request = &running.server.requests()[0];
    let time = request.header("webhook-timestamp").parse().unwrap();
    let want = signature::standard("hush", request.header("webhook-id"), time, &request.body);
    assert_eq!(request.header("webhook-signature"), want);
    let running = Running::new("signing_secret: hush\nsignature: sha256").await;
    running.send(alert_logs(&["alice"])).await.unwrap();
    let request = &running.server.requests()[0];
    assert_eq!(request.header("x-hub-signature-256"), signature::sha256("hush", &request.body));
}

#[tokio::test]
async fn what_was_sent_is_not_sent_again_when_a_payload_is_tried_again() {
    let running = Running::new("").await;
    let replies =
        [Reply::new("200 OK", ""), Reply::new("503 Unavailable", "busy").with("Retry-After", "7")];
    running.server.script(replies);
    let payload = alert_logs(&["alice", "bob", "carol"]);
    let error = running.send(payload.clone()).await.unwrap_err();
    assert_eq!(error.to_string(), "the webhook answered 503: busy");
    assert!(!error.is_permanent());
    assert_eq!(error.retry_after(), Some(std::time::Duration::from_secs(7)));
    running.send(payload).await.unwrap();
    let keys: Vec<_> =
        running.server.requests().iter().map(|it| it.json()["key"].clone()).collect();
    assert_eq!(keys, ["alice", "bob", "bob", "carol"]);
}

#[tokio::test]
async fn one_that_is_not_wanted_holds_up_no_other() {
    let running = Running::new("").await;
    running.server.script([Reply::new("400 Bad Request", "no")]);
    let error = running.send(alert_logs(&["alice", "bob"])).await.unwrap_err();
    assert!(error.is_permanent(), "{error}");
    assert_eq!(running.server.requests().len(), 2);
    assert_eq!(running.not_sent("rejected"), Some(1.0));
}

#[test]
fn mistakes_are_told_at_their_key() {
    let said = problems::<Config>("{endpoint: 'http://127.0.0.1:1', body: '{{ .title'}");
    assert_eq!(said, ["body: template: unclosed action"]);
    assert_eq!(problems::<Config>("").len(), 1);
    assert!(matches!(Body::new(&Value::Null), Ok(Body::Document)));
}
