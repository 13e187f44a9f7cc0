//! What is told to the server and when, and what the server wants. No sockets here.
//!
//! The first message on a connection says everything. From then on a part is told when it is another one than that which
//! was told last (the specification's "status compression"): [`Agent::report`] compares what is with what was told, so nothing
//! has to wait in a queue while there is no connection. A server that has missed something asks for everything again.
//!
//! A configuration from the server goes through these states, told as `RemoteConfigStatus`:
//!
//! ```text
//!            offered            run                          the same hash again: nothing
//!   UNSET ------------> APPLYING ----> APPLIED | FAILED ----------------------------------+
//!                          ^                  |   another hash                            |
//!                          +------------------+-------------------------------------------+
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use component::HandedOver;
use prost::Message as _;
use ring::digest;
use uuid::Uuid;

use crate::messages::{
    AgentConfigFile, AgentConfigMap, AgentDescription, AgentDisconnect, AgentRemoteConfig,
    AgentToServer, AvailableComponents, ComponentHealth, EffectiveConfig, RESTART,
    RemoteConfigStatus, RemoteConfigStatuses, ServerErrorResponseType, ServerToAgent, asked, can,
};

/// Longest configuration that is taken from a server, in bytes, all its files together: four times what one may have.
pub(crate) const REMOTE_BYTES_MAX: usize = 4 << 20;
/// Most files of a configuration that is taken from a server.
pub(crate) const REMOTE_FILES_MAX: usize = 64;
/// Longest text of an error that is told, in bytes.
const ERROR_BYTES_MAX: usize = 16 << 10;
/// Longest hash of a configuration that is taken, in bytes.
const HASH_BYTES_MAX: usize = 1024;
/// Longest pause that a server can order: with more it would be lost.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(3600);
/// What a file of YAML may call itself. JSON is YAML.
const YAML: [&str; 7] = [
    "",
    "text/yaml",
    "text/x-yaml",
    "application/yaml",
    "application/x-yaml",
    "application/json",
    "text/plain",
];
/// Keys of what one instance leaves to the next: the name it began with, and the one that the server gave it.
const BEGAN_AS: &[u8] = b"began_as";
const CALLED: &[u8] = b"called";

/// What is, as far as it can change.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct State {
    pub(crate) description: AgentDescription,
    pub(crate) health: Option<ComponentHealth>,
    /// The configuration in force.
    pub(crate) config: Option<Arc<str>>,
}

/// What was told on this connection.
struct Told {
    state: State,
    remote: RemoteConfigStatus,
}

/// What the server wants to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum Order {
    /// Run this configuration.
    Run(Vec<String>),
    /// Read the configuration again.
    Restart,
    /// Say something at least this often; `None` is never.
    Beat(Option<Duration>),
    /// Go, and come again after this time.
    Leave(Option<Duration>),
}

/// Our side of the protocol.
pub(crate) struct Agent {
    began_as: Uuid,
    uid: Uuid,
    sequence: u64,
    capabilities: u64,
    components: AvailableComponents,
    remote: RemoteConfigStatus,
    told: Option<Told>,
    /// The server wants to see all components, and not only their hash.
    wants_components: bool,
    /// A configuration of so many bytes has made a message that was too long for the server: shorter ones are told.
    too_long_bytes: usize,
    /// Which configuration was offered last.
    offered: Option<Bytes>,
}

impl Agent {
    pub(crate) fn new(uid: Uuid, capabilities: u64, components: AvailableComponents) -> Self {
        Self {
            began_as: uid,
            uid,
            sequence: 0,
            capabilities,
            components,
            remote: RemoteConfigStatus::default(),
            told: None,
            wants_components: false,
            too_long_bytes: usize::MAX,
            offered: None,
        }
    }

    pub(crate) fn uid(&self) -> Uuid {
        self.uid
    }

    fn can(&self, what: u64) -> bool {
        self.capabilities & what != 0
    }

    /// Goes on under the name that the server gave the instance before.
    pub(crate) fn take_over(&mut self, left: Option<&HandedOver>) {
        let of = |key: &[u8]| Uuid::from_slice(left?.get(key)?).ok();
        if let (Some(began_as), Some(called)) = (of(BEGAN_AS), of(CALLED))
            && began_as == self.began_as
        {
            self.uid = called;
        }
    }

    /// What the next instance has to know.
    pub(crate) fn left(&self) -> HandedOver {
        BTreeMap::from([
            (BEGAN_AS.to_vec(), self.began_as.as_bytes().to_vec()),
            (CALLED.to_vec(), self.uid.as_bytes().to_vec()),
        ])
    }

    /// There is another connection: the server may have forgotten everything.
    pub(crate) fn begin(&mut self) {
        self.told = None;
    }

    /// The last message was too long for the server; the configuration is what makes it long.
    pub(crate) fn was_too_long(&mut self) {
        if let Some(config) = self.told.as_ref().and_then(|it| it.state.config.as_ref()) {
            self.too_long_bytes = config.len();
        }
    }

    /// What has to be told; `None` if there is nothing new.
    pub(crate) fn report(&mut self, now: &State) -> Option<AgentToServer> {
        let mut now = now.clone();
        now.config = now.config.filter(|it| it.len() < self.too_long_bytes);
        let told = self.told.as_ref();
        let is_first = told.is_none();
        let mut message = AgentToServer::default();
        if told.is_none_or(|it| it.state.description != now.description) {
            message.agent_description = Some(now.description.clone());
        }
        if told.is_none_or(|it| it.state.health != now.health) {
            message.health.clone_from(&now.health);
        }
        if told.is_none_or(|it| it.state.config != now.config) {
            message.effective_config = now.config.as_deref().map(effective);
        }
        if self.can(can::REPORT_REMOTE_CONFIG) && told.is_none_or(|it| it.remote != self.remote) {
            message.remote_config_status = Some(self.remote.clone());
        }
        if self.can(can::REPORT_AVAILABLE_COMPONENTS) && (is_first || self.wants_components) {
            let mut components = self.components.clone();
            if !std::mem::take(&mut self.wants_components) {
                components.components.clear();
            }
            message.available_components = Some(components);
        }
        let is_news = message != AgentToServer::default();
        self.told = Some(Told { state: now, remote: self.remote.clone() });
        (is_first || is_news).then(|| self.signed(message))
    }

    /// Says that we are there.
    pub(crate) fn beat(&mut self) -> AgentToServer {
        self.signed(AgentToServer::default())
    }

    /// The last message.
    pub(crate) fn farewell(&mut self) -> AgentToServer {
        let agent_disconnect = Some(AgentDisconnect {});
        self.signed(AgentToServer { agent_disconnect, ..AgentToServer::default() })
    }

    fn signed(&mut self, message: AgentToServer) -> AgentToServer {
        self.sequence += 1;
        AgentToServer {
            instance_uid: Bytes::copy_from_slice(self.uid.as_bytes()),
            sequence_num: self.sequence,
            capabilities: self.capabilities,
            ..message
        }
    }

    /// What the server says.
    pub(crate) fn hear(&mut self, message: ServerToAgent) -> Vec<Order> {
        if let Some(error) = message.error_response {
            let (text, kind) = (clipped(&error.error_message), error.r#type());
            tracing::error!(message = text, kind = ?kind, "OpAMP server returned an error response");
            if kind != ServerErrorResponseType::Unavailable {
                return Vec::new();
            }
            let after = error.retry_info.map(|it| it.retry_after_nanoseconds);
            return vec![Order::Leave(after.map(|it| Duration::from_nanos(it).min(PAUSE_MAX)))];
        }
        // All else is ignored beside a command.
        if let Some(command) = message.command
            && self.can(can::ACCEPT_RESTART_COMMAND)
        {
            let is_restart = command.r#type == RESTART;
            return is_restart.then_some(Order::Restart).into_iter().collect();
        }
        let mut orders = Vec::new();
        if message.flags & asked::FULL_STATE != 0 {
            (self.told, self.wants_components) = (None, true);
        }
        if message.flags & asked::AVAILABLE_COMPONENTS != 0 {
            self.wants_components = true;
        }
        if let Some(identification) = message.agent_identification {
            match Uuid::from_slice(&identification.new_instance_uid) {
                Ok(uid) => {
                    tracing::info!(old = %self.uid, new = %uid, "The OpAMP server gave us another name.");
                    self.uid = uid;
                }
                Err(error) => {
                    tracing::error!(%error, "Invalid agent ID provided as new instance UID")
                }
            }
        }
        if let Some(settings) = message.connection_settings.and_then(|it| it.opamp) {
            let seconds = Duration::from_secs(settings.heartbeat_interval_seconds);
            orders.push(Order::Beat(Some(seconds.min(PAUSE_MAX)).filter(|it| !it.is_zero())));
        }
        if let Some(remote) = message.remote_config
            && self.can(can::ACCEPT_REMOTE_CONFIG)
        {
            orders.extend(self.offered(remote).map(Order::Run));
        }
        orders
    }

    /// A configuration is offered; its files if they are to be run.
    fn offered(&mut self, remote: AgentRemoteConfig) -> Option<Vec<String>> {
        let (hash, config) = (remote.config_hash, remote.config.unwrap_or_default());
        if hash.len() > HASH_BYTES_MAX {
            tracing::error!(bytes = hash.len(), "a configuration with a hash that is too long");
            return None;
        }
        let name = if hash.is_empty() { content_hash(&config) } else { hash.clone() };
        if self.offered.replace(name.clone()) == Some(name) {
            return None;
        }
        self.remote = RemoteConfigStatus {
            last_remote_config_hash: hash,
            status: RemoteConfigStatuses::Applying.into(),
            error_message: String::new(),
        };
        match files(config) {
            Ok(files) => Some(files),
            Err(why) => {
                self.end(Err(why));
                None
            }
        }
    }

    /// What became of the configuration that was offered last. Of one that was refused at once the server knows it already; what has
    /// ended then is the one before.
    pub(crate) fn ran(&mut self, result: Result<(), String>) {
        if self.remote.status() == RemoteConfigStatuses::Applying {
            self.end(result);
        }
    }

    fn end(&mut self, result: Result<(), String>) {
        let (status, error) = match result {
            Ok(()) => (RemoteConfigStatuses::Applied, String::new()),
            Err(why) => (RemoteConfigStatuses::Failed, clipped(&why).to_owned()),
        };
        self.remote.status = status.into();
        self.remote.error_message = error;
    }
}

/// What tells a configuration from others when the server does not.
fn content_hash(config: &AgentConfigMap) -> Bytes {
    Bytes::copy_from_slice(digest::digest(&digest::SHA256, &config.encode_to_vec()).as_ref())
}

/// The files as texts, in the order of their names.
fn files(map: AgentConfigMap) -> Result<Vec<String>, String> {
    let (count, mut bytes) = (map.config_map.len(), 0);
    if count > REMOTE_FILES_MAX {
        return Err(format!("{count} files are too many: at most {REMOTE_FILES_MAX} are taken"));
    }
    let mut files = Vec::new();
    for (name, file) in map.config_map {
        bytes += file.body.len();
        if bytes > REMOTE_BYTES_MAX {
            return Err(format!("the files are longer than {REMOTE_BYTES_MAX} bytes"));
        }
        let kind = file.content_type.split(';').next().unwrap_or_default().trim();
        if !YAML.contains(&kind.to_ascii_lowercase().as_str()) {
            return Err(format!(
                "file {name:?} has the content type {kind:?}: text/yaml is understood"
            ));
        }
        let text = String::from_utf8(file.body.into());
        files.push(text.map_err(|_| format!("file {name:?} is not UTF-8"))?);
    }
    files.retain(|it| !it.trim().is_empty());
    Ok(files)
}

fn effective(yaml: &str) -> EffectiveConfig {
    let body = Bytes::copy_from_slice(yaml.as_bytes());
    let file = AgentConfigFile { body, content_type: "text/yaml".to_owned() };
    let config_map = BTreeMap::from([(String::new(), file)]);
    EffectiveConfig { config_map: Some(AgentConfigMap { config_map }) }
}

/// Not more of a text than is told.
fn clipped(text: &str) -> &str {
    let mut end = text.len().min(ERROR_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
