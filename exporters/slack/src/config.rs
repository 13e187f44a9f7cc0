//! The section.

use alerts::Text;
use component::config::{Duration, Problems, Secret, Section};
use component::{BatchConfig, QueueConfig, RetryConfig};
use compression::Type;
use confighttp::client::{ClientConfig, Url};
use serde::{Deserialize, Serialize};

/// Fields of an alert that can make a group.
const FIELDS: [&str; 5] = ["rule", "key", "severity", "service", "title"];
/// Slowest and fastest pace, in messages per second.
const PACE: std::ops::RangeInclusive<f64> = 0.001..=1000.0;

/// `exporters: slack:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct Config {
    /// The URL of an incoming webhook. Whoever knows it can write to the channel. Required.
    pub webhook_url: Secret,
    /// How to connect; `webhook_url` says where.
    #[serde(flatten)]
    pub client: ClientConfig,
    /// Alerts that wait together and have the same values here are one message: `rule`, `key`, `severity`, `service`, `title`.
    /// Default `[rule, key]`; an empty list is one message for each alert.
    pub group_by: Vec<String>,
    /// Messages per second; more wait in the queue. Default 1, Slack's own limit. 0.001 to 1000.
    pub messages_per_second: f64,
    /// Where a trace is shown: `https://grafana.example.com/explore?trace={{ .trace_id }}`. Default: none, only its id.
    pub trace_url: String,
    /// Retries of what may pass later.
    pub retry_on_failure: RetryConfig,
    /// Queue in front, which gathers alerts for a second. On by default.
    pub sending_queue: Section<QueueConfig>,
}

impl Default for Config {
    fn default() -> Self {
        let batch = BatchConfig { flush_timeout: Duration::from_secs(1), ..BatchConfig::default() };
        let queue = QueueConfig {
            num_consumers: 1,
            sizer: component::Sizer::Items.into(),
            queue_size: 10_000,
            batch: Section::on(batch),
            ..QueueConfig::default()
        };
        Self {
            webhook_url: Secret::default(),
            client: ClientConfig {
                compression: Type::NONE.into(),
                timeout: Duration::from_secs(10),
                ..ClientConfig::default()
            },
            group_by: vec!["rule".to_owned(), "key".to_owned()],
            messages_per_second: 1.0,
            trace_url: String::new(),
            retry_on_failure: RetryConfig::default(),
            sending_queue: Section::on(queue),
        }
    }
}

impl Config {
    /// The template, if there is one.
    pub(crate) fn trace_url(&self) -> Result<Option<Text>, String> {
        if self.trace_url.is_empty() { Ok(None) } else { Text::new(&self.trace_url).map(Some) }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        let example = "${env:SLACK_WEBHOOK_URL}";
        if self.webhook_url.expose().is_empty() {
            let text = "there is no webhook_url: write the URL of an incoming webhook of Slack";
            problems.at("", text).require("webhook_url", example);
        } else if Url::parse(self.webhook_url.expose()).is_err() {
            problems.at("webhook_url", "is no URL, such as https://hooks.slack.com/services/...");
        }
        if !self.client.endpoint.is_empty() {
            problems.at("endpoint", "write the URL at webhook_url, where it is kept secret");
        }
        for (at, name) in self.group_by.iter().enumerate() {
            if !FIELDS.contains(&name.as_str()) {
                let rule = format!("an alert has no field {name:?} to group by");
                problems.at("", rule).one_of(&format!("group_by::{at}"), &FIELDS);
            }
        }
        if !PACE.contains(&self.messages_per_second) {
            problems.at("messages_per_second", "must be between 0.001 and 1000");
        }
        if let Err(why) = self.trace_url() {
            problems.at("trace_url", why);
        }
        self.client.validate("", problems);
        self.retry_on_failure.validate("retry_on_failure", problems);
        if let Some(queue) = self.sending_queue.get() {
            queue.validate("sending_queue", problems);
        }
    }
}
