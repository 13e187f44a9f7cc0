use std::sync::Arc;

use component::{Component as _, Consumer as _, Context, Data, Exporter as _, Signal};
use componenttest::{
    HttpServer, Reply, TestHost, alert_logs, config, exporter_settings, logs, problems,
};
use serde_json::Value as Json;

use super::*;

componenttest::conformance!(exporter Slack, "webhook_url: 'http://127.0.0.1:1/services/T/B/x'");

#[test]
fn the_example_of_all_keys_is_valid() {
    let _: Config = config(include_str!("../testdata/config.yaml"));
}

struct Running {
    exporter: Arc<Slack>,
    server: HttpServer,
    _host: TestHost,
}

impl Running {
    async fn new(keys: &str) -> Self {
        let (server, host) = (HttpServer::start(), TestHost::new());
        let section = format!("webhook_url: '{}'\n{keys}", server.url("/services/T/B/secret"));
        let settings = exporter_settings("slack", Signal::Logs);
        let exporter = Arc::new(Slack::create(settings, config(&section)).unwrap());
        Arc::clone(&exporter).start(&host).await.unwrap();
        Self { exporter, server, _host: host }
    }

    async fn send(&self, data: Data) -> Result<(), ConsumeError> {
        self.exporter.consume(&Context::default(), data).await
    }

    fn messages(&self) -> Vec<Json> {
        self.server.requests().iter().map(componenttest::Request::json).collect()
    }
}

/// The fields of a message, by their names.
fn fields(message: &Json) -> Vec<(String, String)> {
    let blocks = message["blocks"].as_array().unwrap();
    let fields = blocks.iter().filter_map(|it| it["fields"].as_array()).flatten();
    let text = |it: &Json| it["text"].as_str().unwrap().to_owned();
    let pair = |it: &Json| {
        let text = text(it);
        let (name, value) = text.split_once('\n').unwrap();
        (name.trim_matches('*').to_owned(), value.to_owned())
    };
    fields.map(pair).collect()
}

const FAST: &str = "messages_per_second: 1000";

#[tokio::test]
async fn an_alert_is_one_message_with_its_trace_and_its_count() {
    let running = Running::new("trace_url: 'https://tempo.example.com/{{ .trace_id }}'").await;
    running.send(alert_logs(&["alice"])).await.unwrap();
    running.send(logs(2)).await.unwrap();
    let messages = running.messages();
    assert_eq!(messages.len(), 1);
    let header = &messages[0]["blocks"][0];
    assert_eq!(header["text"]["text"], ":rotating_light: Somebody guesses");
    let fields = fields(&messages[0]);
    let get = |name: &str| &fields.iter().find(|it| it.0 == name).unwrap().1;
    assert_eq!(get("brute_force"), "`6`");
    let id = "5b8aa5a2d2c872e8321cf37308d69df2";
    assert_eq!(*get("Trace"), format!("<https://tempo.example.com/{id}|{id}>"));
    assert_eq!((get("Key").as_str(), get("team").as_str()), ("`alice`", "security"));
}

#[tokio::test]
async fn alerts_about_the_same_key_are_one_message() {
    let running = Running::new(FAST).await;
    running.send(alert_logs(&["alice", "bob", "alice"])).await.unwrap();
    let messages = running.messages();
    assert_eq!(messages.len(), 2);
    let count = fields(&messages[0]).into_iter().find(|it| it.0 == "Alerts");
    assert_eq!(count.unwrap().1, "2");
    let running = Running::new("messages_per_second: 1000\ngroup_by: []").await;
    running.send(alert_logs(&["alice", "bob", "alice"])).await.unwrap();
    assert_eq!(running.messages().len(), 3);
}

#[tokio::test]
async fn what_an_alert_says_makes_no_link_and_calls_nobody() {
    let running = Running::new(FAST).await;
    running.send(alert_logs(&["<!channel> `x` <https://evil|here> & more"])).await.unwrap();
    let message = running.messages().remove(0).to_string();
    assert!(!message.contains("<!channel>") && !message.contains("<https"), "{message}");
    assert!(message.contains("&lt;!channel&gt; 'x'"), "{message}");
}

#[tokio::test]
async fn messages_keep_to_the_pace() {
    let running = Running::new("messages_per_second: 10").await;
    let begun = tokio::time::Instant::now();
    running.send(alert_logs(&["a", "b", "c", "d"])).await.unwrap();
    assert!(begun.elapsed() >= std::time::Duration::from_millis(300), "{:?}", begun.elapsed());
    assert_eq!(running.messages().len(), 4);
}

#[tokio::test]
async fn too_many_requests_is_tried_again_when_slack_says() {
    let running = Running::new(FAST).await;
    running.server.script([Reply::new("429 Too Many Requests", "").with("Retry-After", "30")]);
    let error = running.send(alert_logs(&["alice"])).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(std::time::Duration::from_secs(30)));
    running.server.script([Reply::new("404 Not Found", "no_service")]);
    let error = running.send(alert_logs(&["alice"])).await.unwrap_err();
    assert!(error.is_permanent());
    assert_eq!(error.message(), "Slack answered 404: no_service");
}

#[tokio::test]
async fn the_url_is_a_secret_in_errors_too() {
    let section = "webhook_url: 'http://127.0.0.1:1/services/T/B/secret'";
    let exporter = Slack::create(exporter_settings("slack", Signal::Logs), config(section));
    let (exporter, host) = (Arc::new(exporter.unwrap()), TestHost::new());
    Arc::clone(&exporter).start(&host).await.unwrap();
    let error = exporter.consume(&Context::default(), alert_logs(&["a"])).await.unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    assert!(!error.is_permanent(), "{error}");
}

#[test]
fn mistakes_are_told_at_their_key() {
    let wrong = "{webhook_url: 'http://a/b', endpoint: 'http://a', group_by: [rulez], messages_per_second: 0}";
    let said = problems::<Config>(wrong).join("\n");
    for key in ["endpoint", "rulez", "messages_per_second"] {
        assert!(said.contains(key), "{key}: {said}");
    }
    assert!(problems::<Config>("")[0].contains("webhook_url"));
}
