//! The section.

use component::config::{Choice, Choices, Duration, Problems, Secret, Section, Value};
use component::{QueueConfig, RetryConfig};
use compression::Type;
use confighttp::client::ClientConfig;
use http::HeaderValue;
use serde::{Deserialize, Serialize};

use crate::body::Body;

/// `exporters: webhook:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct Config {
    /// Where and how to connect.
    #[serde(flatten)]
    pub client: ClientConfig,
    /// What is sent: a text, or a map or list that becomes JSON; templates in the texts of both. Default: the alert as JSON.
    pub body: Value,
    /// Content type of the body. Default `application/json`.
    pub content_type: String,
    /// Signs requests with HMAC-SHA256. Default: none, no signature. With `whsec_` in front it is base64.
    pub signing_secret: Secret,
    /// How: `standard` is `webhook-signature` of Standard Webhooks (over id, time and body), `sha256` is
    /// `X-Hub-Signature-256` over the body, as GitHub. Default `standard`.
    pub signature: Choice<Scheme>,
    /// Retries of what may pass later.
    pub retry_on_failure: RetryConfig,
    /// Queue in front. On by default.
    pub sending_queue: Section<QueueConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            client: ClientConfig {
                compression: Type::NONE.into(),
                timeout: Duration::from_secs(10),
                ..ClientConfig::default()
            },
            body: Value::Null,
            content_type: "application/json".to_owned(),
            signing_secret: Secret::default(),
            signature: Choice::default(),
            retry_on_failure: RetryConfig::default(),
            sending_queue: Section::on(QueueConfig::default()),
        }
    }
}

/// `signature:`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scheme {
    /// Standard Webhooks.
    #[default]
    Standard,
    /// As GitHub.
    Sha256,
}

impl Choices for Scheme {
    const NAMES: &'static [(&'static str, Self)] =
        &[("standard", Self::Standard), ("sha256", Self::Sha256)];
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.client.endpoint.is_empty() {
            let text = "there is no endpoint: write the URL of the webhook";
            problems.at("", text).require("endpoint", "https://hooks.example.com/alerts");
        } else {
            self.client.check_url(&self.client.endpoint, ("", "endpoint"), None, problems);
        }
        if let Err(why) = Body::new(&self.body) {
            problems.at("body", why);
        }
        if HeaderValue::try_from(&self.content_type).is_err() {
            problems.at("content_type", "is no value of a header");
        }
        self.client.validate("", problems);
        self.retry_on_failure.validate("retry_on_failure", problems);
        if let Some(queue) = self.sending_queue.get() {
            queue.validate("sending_queue", problems);
        }
    }
}
