//! The keys.

use component::config::{Caution, Duration, MapList, Need, Problems, Value};
use confighttp::client::{AuthConfig, Url};
use scraping::{MetricsSection, Schedule};
use serde::{Deserialize, Serialize};

use crate::table::Table;
use crate::validate::{Rule, Validation};

/// `receivers: http_check:`
///
/// Upstream: `receiver/httpcheckreceiver`, v0.149.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "httpcheckreceiver.Config")]
pub struct Config {
    /// When it asks. `collection_interval` is 1m by default.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// Who is asked. Required.
    pub targets: Vec<Target>,
    /// Which metrics are sent, and by which attributes.
    pub metrics: MetricsSection<Table>,
}

/// One of `targets:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "httpcheckreceiver.targetConfig")]
pub struct Target {
    /// A URL.
    #[config(omit_empty)]
    pub endpoint: String,
    /// More of them.
    #[config(omit_empty)]
    pub endpoints: Vec<String>,
    /// How they are asked. Default GET.
    pub method: String,
    /// What is sent.
    #[config(omit_empty)]
    pub body: String,
    /// Say what `body` is when `headers` do not: JSON, a form or text. Default false.
    #[config(omit_empty)]
    pub auto_content_type: bool,
    /// What an answer has to be like.
    #[config(omit_empty)]
    pub validations: Vec<Validation>,
    /// Longest time of a request with its answer; 0 is 30s. Default 30s.
    pub timeout: Duration,
    /// Sent with every request; `Host` replaces the URL's.
    #[config(omit_empty)]
    pub headers: MapList,
    /// TLS for `https://`; without keys here the authorities of the system are trusted.
    #[config(omit_empty)]
    pub tls: configtls::ClientConfig,
    /// Proxy for all requests, with `http://`. Default: what `HTTP_PROXY` and `NO_PROXY` in the environment say.
    #[config(omit_empty)]
    pub proxy_url: String,
    /// Credentials from an extension.
    #[config(omit_empty)]
    pub auth: Option<AuthConfig>,
    /// Without effect, as the others of a client whose connections are not kept.
    #[serde(flatten)]
    pub idle: Idle,
}

/// Keys of `confighttp` that mean nothing for a request on a connection of its own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Idle {
    /// Without effect: what is sent is short.
    #[config(omit_empty)]
    pub compression: Option<Value>,
    /// Without effect.
    #[config(omit_empty)]
    pub compression_params: Option<Value>,
    /// Without effect.
    #[config(omit_empty)]
    pub read_buffer_size: Option<Value>,
    /// Without effect.
    #[config(omit_empty)]
    pub write_buffer_size: Option<Value>,
    /// Without effect: each check has a connection of its own.
    #[config(omit_empty)]
    pub keepalive: Option<Value>,
    /// Without effect.
    #[config(omit_empty)]
    pub max_idle_conns: Option<Value>,
    /// Without effect.
    #[config(omit_empty)]
    pub max_idle_conns_per_host: Option<Value>,
    /// Without effect.
    #[config(omit_empty)]
    pub max_conns_per_host: Option<Value>,
    /// Without effect.
    #[config(omit_empty)]
    pub idle_conn_timeout: Option<Value>,
    /// Without effect.
    #[config(omit_empty)]
    pub disable_keep_alives: Option<Value>,
    /// Without effect: HTTP/1.1 is spoken.
    #[config(omit_empty)]
    pub http2_read_idle_timeout: Option<Value>,
    /// Without effect.
    #[config(omit_empty)]
    pub http2_ping_timeout: Option<Value>,
    /// Without effect.
    #[config(omit_empty)]
    pub force_attempt_http2: Option<Value>,
    /// Without effect.
    #[config(omit_empty)]
    pub cookies: Option<Value>,
}

impl Idle {
    /// Those that are written.
    fn written(&self) -> Vec<&'static str> {
        let all = [
            ("compression", &self.compression),
            ("compression_params", &self.compression_params),
            ("read_buffer_size", &self.read_buffer_size),
            ("write_buffer_size", &self.write_buffer_size),
            ("keepalive", &self.keepalive),
            ("max_idle_conns", &self.max_idle_conns),
            ("max_idle_conns_per_host", &self.max_idle_conns_per_host),
            ("max_conns_per_host", &self.max_conns_per_host),
            ("idle_conn_timeout", &self.idle_conn_timeout),
            ("disable_keep_alives", &self.disable_keep_alives),
            ("http2_read_idle_timeout", &self.http2_read_idle_timeout),
            ("http2_ping_timeout", &self.http2_ping_timeout),
            ("force_attempt_http2", &self.force_attempt_http2),
            ("cookies", &self.cookies),
        ];
        all.into_iter().filter(|it| it.1.is_some()).map(|it| it.0).collect()
    }
}

/// Time of a request where the section says 0.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

impl Default for Target {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            endpoints: Vec::new(),
            method: "GET".to_owned(),
            body: String::new(),
            auto_content_type: false,
            validations: Vec::new(),
            timeout: TIMEOUT,
            headers: MapList::default(),
            tls: configtls::ClientConfig::default(),
            proxy_url: String::new(),
            auth: None,
            idle: Idle::default(),
        }
    }
}

impl Target {
    /// All URLs, in the order in which upstream asks them.
    pub(crate) fn urls(&self) -> impl Iterator<Item = &String> {
        self.endpoints.iter().chain(Some(&self.endpoint).filter(|it| !it.is_empty()))
    }
}

/// The section, with the rules of its targets compiled.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) config: Config,
    /// Of each target.
    pub(crate) rules: Vec<Vec<Rule>>,
}

impl component::Planned for Plan {
    type Section = Config;

    fn plan(config: Config, problems: &mut Problems) -> Option<Self> {
        let mut all = Vec::with_capacity(config.targets.len());
        let mut sound = true;
        for (at, target) in config.targets.iter().enumerate() {
            let mut rules = Vec::new();
            for (number, validation) in target.validations.iter().enumerate() {
                match Rule::new(validation) {
                    Ok(rule) => rules.push(rule),
                    Err((key, why)) => {
                        let place = format!("targets::{at}::validations::{number}");
                        problems.at(place, why).about(key);
                        sound = false;
                    }
                }
            }
            all.push(rules);
        }
        sound.then_some(Self { config, rules: all })
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.schedule.validate(problems);
        self.metrics.validate("metrics", problems);
        if self.targets.is_empty() {
            problems.at("", "no targets configured").about("targets");
        }
        for (at, target) in self.targets.iter().enumerate() {
            check(target, &format!("targets::{at}"), problems);
        }
    }
}

fn check(target: &Target, key: &str, problems: &mut Problems) {
    if target.urls().next().is_none() {
        problems.at(key, "\"endpoint\" or \"endpoints\" must be specified").about("endpoint");
    }
    for url in target.urls() {
        if let Err(why) = Url::parse(url) {
            let text = format!(
                "\"endpoint\" must be in the form of <scheme>://<hostname>[:<port>]: {why}"
            );
            let is_one = *url == target.endpoint;
            problems.at(key, text).about(if is_one { "endpoint" } else { "endpoints" });
        }
    }
    if !target.method.is_empty() && target.method.parse::<http::Method>().is_err() {
        let text = format!("net/http: invalid method {:?}", target.method);
        problems.at(key, text).set("method", "GET");
    }
    if target.timeout.nanos() < 0 {
        problems.at(key, "timeout must not be negative").set("timeout", "30s");
    }
    target.tls.validate(&format!("{key}::tls"), problems);
    target.headers.validate(&format!("{key}::headers"), problems);
    if let Some(auth) = &target.auth {
        let id = auth.authenticator.clone();
        problems.needs(format!("{key}::auth::authenticator"), Need::ClientAuth(id));
    }
    for name in target.idle.written() {
        let text = format!("{name} has no effect: each check has a connection of its own");
        problems.warn(Caution::NoEffect, key, text).remove(name);
    }
}

#[cfg(test)]
mod tests {
    use componenttest::{problems, warnings};

    use super::*;

    #[test]
    fn wrong_sections_are_refused() {
        for (section, want) in [
            ("{}", "no targets configured"),
            (
                "targets: [{method: GET}]",
                "targets::0: \"endpoint\" or \"endpoints\" must be specified",
            ),
            (
                "targets: [{endpoint: 'http://a', validations: [{json_path: 'a.#(b==1)'}]}]",
                "targets::0::validations::0: json_path \"a.#(b==1)\": queries, modifiers and wildcards are not supported: \
                 write keys and numbers with dots between",
            ),
        ] {
            assert_eq!(problems::<Plan>(section), [want]);
        }
        let form = problems::<Plan>("targets: [{endpoint: 'a.b'}]");
        assert!(form[0].contains("must be in the form of <scheme>"), "{form:?}");
        let regex =
            problems::<Plan>("targets: [{endpoint: 'http://a', validations: [{regex: '('}]}]");
        assert!(regex[0].starts_with("targets::0::validations::0: "), "{regex:?}");
    }

    #[test]
    fn keys_of_a_client_that_keeps_connections_have_no_effect() {
        let text = "targets: [{endpoint: 'http://a', max_idle_conns: 3, tls: {insecure_skip_verify: true}}]";
        let want = "max_idle_conns has no effect: each check has a connection of its own";
        assert_eq!(warnings::<Plan>(text), [want]);
    }
}
