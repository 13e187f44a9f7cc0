//! The keys.

use std::collections::BTreeMap;

use component::config::{Caution, Duration, MapList, Need, Problems};
use confighttp::client::Url;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Between two questions over HTTP, where the section does not say. The specification's.
const POLLING_INTERVAL: std::time::Duration = std::time::Duration::from_secs(30);
/// Letters of a ULID: Crockford's base 32.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Digits of a ULID.
const ULID_DIGITS: usize = 26;

/// `extensions: opamp:`
///
/// Upstream: `extension/opampextension`, v0.149.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "opampextension.Config")]
pub struct Config {
    /// The server, over one of two transports.
    pub server: Server,
    /// Our name at the server, a UUID or a ULID. Default: the attribute `service.instance.id` of own telemetry.
    pub instance_uid: String,
    /// What is told to the server, and what is taken from it.
    pub capabilities: Capabilities,
    /// What we say of ourselves.
    pub agent_description: AgentDescription,
    /// The collector stops when there is no process with this number; 0 is none. Default 0.
    pub ppid: i32,
    /// How often that is looked at. Default 5s.
    pub ppid_poll_interval: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: Server::default(),
            instance_uid: String::new(),
            capabilities: Capabilities::default(),
            agent_description: AgentDescription::default(),
            ppid: 0,
            ppid_poll_interval: Duration::from_secs(5),
        }
    }
}

/// `server:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "opampextension.OpAMPServer")]
pub struct Server {
    /// Over WebSocket: the server can speak at any time.
    pub ws: Option<Common>,
    /// Over HTTP: the server is asked again and again.
    pub http: Option<Http>,
}

/// `ws:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "opampextension.commonFields")]
pub struct Common {
    /// URL of the server: `wss://opamp.example/v1/opamp`. Required.
    #[config(omit_empty)]
    pub endpoint: String,
    /// TLS for `wss://` and `https://`; without keys here the authorities of the system are trusted.
    #[config(omit_empty)]
    pub tls: configtls::ClientConfig,
    /// Sent with every request.
    #[config(omit_empty)]
    pub headers: MapList,
    /// Id of an extension that gives credentials.
    #[config(omit_empty)]
    pub auth: String,
}

/// `http:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "opampextension.httpFields")]
pub struct Http {
    /// The server, with `https://` or `http://`.
    #[serde(flatten)]
    pub common: Common,
    /// Between two questions; 0 is 30s. Default 0.
    pub polling_interval: Duration,
}

/// `capabilities:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "opampextension.Capabilities")]
#[expect(clippy::struct_excessive_bools, reason = "they are the keys of the section")]
pub struct Capabilities {
    /// Tell the configuration in force, without secrets. Default true.
    pub reports_effective_config: bool,
    /// Tell how the components are. Default true.
    pub reports_health: bool,
    /// Tell which components the program has. Default true.
    pub reports_available_components: bool,
    /// Read the configuration again when the server says so. Default false.
    pub accepts_restart_command: bool,
    /// Run configurations that the server sends, over that of the files. Default false.
    pub accepts_remote_config: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            reports_effective_config: true,
            reports_health: true,
            reports_available_components: true,
            accepts_restart_command: false,
            accepts_remote_config: false,
        }
    }
}

/// `agent_description:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "opampextension.AgentDescription")]
pub struct AgentDescription {
    /// More attributes; they replace what is found out.
    pub non_identifying_attributes: BTreeMap<String, String>,
    /// Tell the attributes of own telemetry, too. Default false.
    pub include_resource_attributes: bool,
}

/// How the server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    WebSocket,
    /// And how often it is asked.
    Http(std::time::Duration),
}

impl Server {
    /// The one that is written.
    pub(crate) fn chosen(&self) -> Option<(&Common, Transport)> {
        match (&self.ws, &self.http) {
            (Some(ws), _) => Some((ws, Transport::WebSocket)),
            (None, Some(http)) => {
                let interval = http.polling_interval.std();
                let interval = if interval.is_zero() { POLLING_INTERVAL } else { interval };
                Some((&http.common, Transport::Http(interval)))
            }
            (None, None) => None,
        }
    }
}

impl Common {
    /// The endpoint of a transport.
    pub(crate) fn url(&self, transport: Transport) -> Result<Url, String> {
        if transport != Transport::WebSocket {
            return Url::parse(&self.endpoint);
        }
        let (scheme, rest) = self.endpoint.split_once("://").unwrap_or_default();
        let scheme = match scheme {
            "ws" => "http",
            "wss" => "https",
            _ => return Err("endpoint must begin with ws:// or wss://".to_owned()),
        };
        Url::parse(&format!("{scheme}://{rest}"))
    }

    fn validate(&self, key: &str, transport: Transport, problems: &mut Problems) {
        let example = match transport {
            Transport::WebSocket => "wss://opamp.example/v1/opamp",
            Transport::Http(_) => "https://opamp.example/v1/opamp",
        };
        if self.endpoint.is_empty() {
            let rule = "opamp server endpoint must be provided";
            problems.at(key, rule).require("endpoint", example);
            return;
        }
        match self.url(transport) {
            Err(why) => {
                problems.at_start(key, why).say("endpoint", format!("write {example}"));
            }
            Ok(url) if !url.is_private() => {
                let text = format!("the configuration goes to {} unencrypted", url.host());
                problems.warn(Caution::Plaintext, key, text).about("endpoint");
            }
            Ok(_) => {}
        }
        self.tls.validate(&format!("{key}::tls"), problems);
        self.headers.validate(&format!("{key}::headers"), problems);
        if !self.auth.is_empty() {
            problems.needs(format!("{key}::auth"), Need::ClientAuth(self.auth.clone()));
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        match (&self.server.ws, &self.server.http) {
            (None, None) => {
                let rule = "opamp server must have at least ws or http set";
                problems
                    .at("", rule)
                    .require("server::ws::endpoint", "wss://opamp.example/v1/opamp");
            }
            (Some(_), Some(_)) => {
                let rule = "opamp server must have only ws or http set";
                problems.at("", rule).remove("server::http");
            }
            (Some(ws), None) => ws.validate("server::ws", Transport::WebSocket, problems),
            (None, Some(http)) => {
                let transport = Transport::Http(POLLING_INTERVAL);
                http.common.validate("server::http", transport, problems);
                if http.polling_interval.is_negative() {
                    let rule = "polling interval must be 0 or greater";
                    problems.at("server::http", rule).set("polling_interval", "30s");
                }
            }
        }
        if !self.instance_uid.is_empty() && uid(&self.instance_uid).is_none() {
            let advice =
                "write a UUID, or leave it out: instance_uid: 018f2e5c-8c0a-7b7e-9d3c-0242ac120002";
            problems.at("", "opamp instance_uid is invalid").say("instance_uid", advice);
        }
        if self.ppid < 0 {
            problems.at_start("", "ppid must not be negative").remove("ppid");
        }
        let poll = self.ppid_poll_interval;
        if self.ppid > 0 && (poll.is_negative() || poll.std().is_zero()) {
            let text = "ppid_poll_interval must be greater than 0";
            problems.at_start("", text).set("ppid_poll_interval", "5s");
        }
    }
}

/// A UUID, or a ULID, which is as long.
pub(crate) fn uid(text: &str) -> Option<Uuid> {
    Uuid::parse_str(text).ok().or_else(|| ulid(text))
}

fn ulid(text: &str) -> Option<Uuid> {
    if text.len() != ULID_DIGITS {
        return None;
    }
    let value = text.bytes().try_fold(0_u128, |value, digit| {
        let digit = CROCKFORD.iter().position(|it| *it == digit.to_ascii_uppercase())?;
        value.checked_mul(32)?.checked_add(digit as u128)
    })?;
    Some(Uuid::from_u128(value))
}
