//! The section of the exporter.

use component::config::{Caution, Choice, Choices, Problems, Section};
use component::{QueueConfig, RetryConfig, Signal};
use confighttp::client::{ClientConfig, is_no_url};
use serde::{Deserialize, Serialize};

/// `exporters: otlp_http:`. `exporter/otlphttpexporter/config.go`, v0.159.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "otlphttpexporter.Config")]
pub struct Config {
    /// Where and how to connect.
    #[serde(flatten)]
    pub client: ClientConfig,
    /// URL for traces, used as it is. Default: `endpoint` and `/v1/traces`.
    pub traces_endpoint: String,
    /// URL for metrics, used as it is. Default: `endpoint` and `/v1/metrics`.
    pub metrics_endpoint: String,
    /// URL for logs, used as it is. Default: `endpoint` and `/v1/logs`.
    pub logs_endpoint: String,
    /// URL for profiles. Accepted, without effect: there are no pipelines of profiles.
    pub profiles_endpoint: String,
    /// proto or json. Default proto.
    pub encoding: Choice<Encoding>,
    /// Retries of what may pass later.
    pub retry_on_failure: RetryConfig,
    /// Queue and batch in front. On by default.
    pub sending_queue: Section<QueueConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            client: ClientConfig::default(),
            traces_endpoint: String::new(),
            metrics_endpoint: String::new(),
            logs_endpoint: String::new(),
            profiles_endpoint: String::new(),
            encoding: Choice::default(),
            retry_on_failure: RetryConfig::default(),
            sending_queue: Section::on(QueueConfig::default()),
        }
    }
}

/// How telemetry is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Protobuf.
    #[default]
    Proto,
    /// OTLP/JSON.
    Json,
}

impl Choices for Encoding {
    const GO: &'static str = "otlphttpexporter.EncodingType";
    const NAMES: &'static [(&'static str, Self)] = &[("proto", Self::Proto), ("json", Self::Json)];

    fn unknown(word: &str) -> String {
        format!("invalid encoding type: {word}")
    }
}

impl Config {
    /// Where a signal goes.
    pub(crate) fn url(&self, signal: Signal) -> Result<String, String> {
        let own = match signal {
            Signal::Traces => &self.traces_endpoint,
            Signal::Metrics => &self.metrics_endpoint,
            Signal::Logs => &self.logs_endpoint,
        };
        let base = &self.client.endpoint;
        match (own.is_empty(), base.is_empty()) {
            (false, _) => Ok(own.clone()),
            (true, false) => {
                Ok(format!("{}{}", base.strip_suffix('/').unwrap_or(base), otlp::http_path(signal)))
            }
            (true, true) => Err(format!("either endpoint or {signal}_endpoint must be specified")),
        }
    }
}

impl Config {
    /// Each signal's own endpoint, or the one for all.
    fn check_urls(&self, problems: &mut Problems) {
        let own = [
            ("traces_endpoint", &self.traces_endpoint, Signal::Traces),
            ("metrics_endpoint", &self.metrics_endpoint, Signal::Metrics),
            ("logs_endpoint", &self.logs_endpoint, Signal::Logs),
        ];
        let base = ("clientconfig", "endpoint");
        // Upstream looks at these when it creates the exporter.
        if is_no_url(&self.client.endpoint) {
            problems.late("", "endpoint must be a valid URL").about("endpoint");
            return;
        }
        if !self.client.endpoint.is_empty() && own.iter().all(|it| it.1.is_empty()) {
            return self.client.check_url(&self.client.endpoint, base, None, problems);
        }
        for (key, endpoint, signal) in own {
            let (endpoint, place) = match endpoint.as_str() {
                "" => (&self.client.endpoint, base),
                _ => (endpoint, ("", key)),
            };
            if is_no_url(endpoint) {
                let fault = problems.late("", format!("{key} must be a valid URL"));
                fault.about(key).only_for(signal.name());
            } else if !endpoint.is_empty() {
                self.client.check_url(endpoint, place, Some(signal.name()), problems);
            }
        }
    }
}

/// Where Loki takes its own protocol. OTLP it takes elsewhere.
const LOKI_PUSH: &str = "/loki/api/v1/push";

/// An endpoint of Loki that answers every request with an error.
fn warn_of_loki((key, endpoint): (&str, &str), problems: &mut Problems) {
    let Some(host) = endpoint.trim_end_matches('/').strip_suffix(LOKI_PUSH) else { return };
    let path = if key == "endpoint" { "/otlp" } else { "/otlp/v1/logs" };
    let text = format!("Loki takes OTLP at `{path}`, not at `{LOKI_PUSH}`");
    problems.warn(Caution::EndpointForm, "", text).set(key, format!("{host}{path}"));
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        let endpoints = [
            &self.client.endpoint,
            &self.traces_endpoint,
            &self.metrics_endpoint,
            &self.logs_endpoint,
            &self.profiles_endpoint,
        ];
        if endpoints.iter().all(|it| it.is_empty()) {
            problems
                .at("", "at least one endpoint must be specified")
                .require("endpoint", "http://localhost:4318");
        }
        if !self.profiles_endpoint.is_empty() {
            let text = "profiles_endpoint has no effect: there are no pipelines of profiles";
            problems.warn(Caution::NoEffect, "", text).remove("profiles_endpoint");
        }
        self.client.validate("clientconfig", problems);
        self.check_urls(problems);
        let of_logs = [("endpoint", &self.client.endpoint), ("logs_endpoint", &self.logs_endpoint)];
        of_logs.iter().for_each(|(key, it)| warn_of_loki((key, it), problems));
        self.retry_on_failure.validate("retry_on_failure", problems);
        if let Some(queue) = self.sending_queue.get() {
            queue.validate("sending_queue", problems);
        }
    }
}
