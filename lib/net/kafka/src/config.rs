//! The keys that exporter and receiver have in common (`internal/kafka/configkafka`, v0.149).

use component::config::{Caution, Choice, Choices, Duration, Problems, Secret, Section, Stage};
use serde::{Deserialize, Serialize};

/// Brokers, credentials, metadata.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "configkafka.ClientConfig")]
pub struct ClientConfig {
    /// Where the cluster is asked for first: `host:port`. Default localhost:9092.
    pub brokers: Vec<String>,
    /// Without effect: brokers are connected by the names that they give.
    pub resolve_canonical_bootstrap_servers_only: bool,
    /// Without effect: the versions spoken are those of Kafka 2.1 and later.
    pub protocol_version: String,
    /// How the cluster sees us in its quotas and logs. Default otel-collector.
    pub client_id: String,
    /// Rack, for brokers that let replicas near by be read. Without effect.
    pub rack_id: String,
    /// TLS to the brokers. Off unless mentioned.
    #[config(omit_empty, go = "*configtls.ClientConfig")]
    pub tls: Section<configtls::ClientConfig>,
    /// Credentials.
    pub auth: AuthConfig,
    /// What is known of the cluster.
    pub metadata: MetadataConfig,
    /// Without effect: a connection that the broker has closed is made anew when it is needed. Default 9m.
    pub conn_idle_timeout: Duration,
    /// Without effect: fetches say no epoch. Default true.
    pub use_leader_epoch: bool,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            brokers: vec!["localhost:9092".to_owned()],
            resolve_canonical_bootstrap_servers_only: false,
            protocol_version: String::new(),
            client_id: "otel-collector".to_owned(),
            rack_id: String::new(),
            tls: Section::absent(configtls::ClientConfig::default()),
            auth: AuthConfig::default(),
            metadata: MetadataConfig::default(),
            conn_idle_timeout: Duration::from_secs(540),
            use_leader_epoch: true,
        }
    }
}

/// `auth:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "configkafka.AuthenticationConfig")]
#[serde(default)]
pub struct AuthConfig {
    /// Deprecated: `sasl` with the mechanism PLAIN.
    #[config(omit_empty)]
    pub plain_text: Option<PlainText>,
    /// Name and password.
    #[config(omit_empty)]
    pub sasl: Option<Sasl>,
    /// Refused: tickets of Kerberos are not there.
    #[config(omit_empty)]
    pub kerberos: Option<config::Value>,
    /// Deprecated: `tls` beside `auth`.
    #[config(omit_empty)]
    pub tls: Option<configtls::ClientConfig>,
}

/// `plain_text:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "configkafka.PlainTextConfig")]
#[serde(default)]
pub struct PlainText {
    /// The user.
    pub username: String,
    /// Its password.
    pub password: Secret,
}

/// `sasl:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "configkafka.SASLConfig")]
#[serde(default)]
pub struct Sasl {
    /// The user.
    pub username: String,
    /// Its password.
    pub password: Secret,
    /// PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
    pub mechanism: Choice<Mechanism>,
    /// Without effect: version 1 of the handshake is spoken.
    #[config(omit_empty)]
    pub version: i64,
    /// Refused: see the mechanisms.
    #[config(omit_empty)]
    pub aws_msk: Option<config::Value>,
}

/// How a password is shown to the broker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mechanism {
    /// As it is: with TLS only.
    #[default]
    Plain,
    /// RFC 7677.
    ScramSha256,
    /// The same with SHA-512.
    ScramSha512,
}

impl Choices for Mechanism {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("PLAIN", Self::Plain),
        ("SCRAM-SHA-256", Self::ScramSha256),
        ("SCRAM-SHA-512", Self::ScramSha512),
    ];
    const STAGE: Stage = Stage::Check;

    fn unknown(word: &str) -> String {
        match word {
            "AWS_MSK_IAM_OAUTHBEARER" | "OAUTHBEARER" | "AWS_MSK_IAM" => format!(
                "mechanism {word} is not there: use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, or certificates in tls"
            ),
            _ => format!(
                "mechanism should be one of 'PLAIN', 'AWS_MSK_IAM_OAUTHBEARER', 'SCRAM-SHA-256' or 'SCRAM-SHA-512'. \
                 configured value {word}"
            ),
        }
    }
}

/// `metadata:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "configkafka.MetadataConfig")]
pub struct MetadataConfig {
    /// Without effect: only topics in use are asked for.
    pub full: bool,
    /// What is known is asked for again after this time. Default 10m.
    pub refresh_interval: Duration,
    /// Without effect: what fails is tried again as the exporter and the receiver do.
    pub retry: MetadataRetry,
}

/// `metadata: retry:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "configkafka.MetadataRetryConfig")]
pub struct MetadataRetry {
    /// Default 3.
    pub max: i64,
    /// Default 250ms.
    pub backoff: Duration,
}

impl Default for MetadataConfig {
    fn default() -> Self {
        Self {
            full: true,
            refresh_interval: Duration::from_secs(600),
            retry: MetadataRetry { max: 3, backoff: Duration::from_millis(250) },
        }
    }
}

/// `ParseKafkaVersion` of the client that the Collector uses: three numbers, or four of which the first is 0.
fn is_version(text: &str) -> bool {
    let parts = || text.split('.');
    let numbers = parts().all(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()));
    text.is_empty() || (numbers && parts().count() == if text.starts_with('0') { 4 } else { 3 })
}

impl ClientConfig {
    /// TLS, if it is wanted.
    pub fn tls(&self) -> Option<&configtls::ClientConfig> {
        self.tls.get().or(self.auth.tls.as_ref())
    }

    /// Mechanism, user and password, if there are any.
    pub fn login(&self) -> Option<(Mechanism, &str, &str)> {
        if let Some(it) = &self.auth.sasl {
            return Some((*it.mechanism, &it.username, it.password.expose()));
        }
        let plain = self.auth.plain_text.as_ref()?;
        Some((Mechanism::Plain, &plain.username, plain.password.expose()))
    }

    /// Checks the section.
    pub fn validate(&self, problems: &mut Problems) {
        if self.brokers.is_empty() {
            let text = "brokers must be specified";
            problems.at("clientconfig", text).require("brokers", "[localhost:9092]");
        }
        for broker in &self.brokers {
            if let Err(why) = confignet::dial::Target::tcp(broker) {
                problems.at("", why).about("brokers");
            }
        }
        if let Some(tls) = self.tls() {
            tls.validate("tls", problems);
        }
        if self.conn_idle_timeout.nanos() <= 0 {
            let text = format!("conn_idle_timeout ({}) must be positive", self.conn_idle_timeout);
            problems.at("clientconfig", text).set("conn_idle_timeout", "9m");
        }
        if !is_version(&self.protocol_version) {
            let text =
                format!("invalid protocol version: invalid version `{}`", self.protocol_version);
            problems.at("clientconfig", text).set("protocol_version", "2.1.0");
        }
        if let Some(sasl) = &self.auth.sasl {
            const KEY: &str = "clientconfig::auth::sasl";
            // As upstream it stops at the first mistake.
            if sasl.username.is_empty() {
                problems.at(KEY, "username is required").require("username", "...");
            } else if sasl.password.expose().is_empty() {
                problems.at(KEY, "password is required").require("password", "...");
            } else if let Some(fault) = sasl.mechanism.refused("mechanism") {
                problems.add(fault.within(KEY));
            }
            if sasl.aws_msk.is_some() {
                problems
                    .warn(Caution::NoEffect, "auth::sasl", "aws_msk has no effect")
                    .remove("aws_msk");
            }
        }
        if self.auth.kerberos.is_some() {
            let text = "kerberos is not there: use sasl with SCRAM-SHA-512, or certificates in tls";
            problems.at("", text).remove("auth::kerberos");
        }
        if self.auth.plain_text.is_some() {
            let text = "plain_text is deprecated; use sasl with mechanism PLAIN";
            problems.warn(Caution::Deprecated, "auth", text).about("plain_text");
        }
        let is_plain = self.login().is_some_and(|it| it.0 == Mechanism::Plain);
        if is_plain && self.tls().is_none() {
            let text =
                "the password goes to the brokers unencrypted: add tls, or use SCRAM-SHA-512";
            problems.warn(Caution::Plaintext, "auth", text);
        }
    }
}
