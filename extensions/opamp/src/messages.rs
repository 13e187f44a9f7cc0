//! What is used of the Open Agent Management Protocol: `opamp/v1/opamp.proto` of opamp-spec v0.18.
//!
//! Fields that nobody here writes or reads are left out; what a server sends in them is skipped. Maps are sorted, so that the
//! same state is always the same bytes.

use std::collections::BTreeMap;

use prost::Message;

/// `AgentCapabilities`.
pub(crate) mod can {
    pub(crate) const REPORT_STATUS: u64 = 0x1;
    pub(crate) const ACCEPT_REMOTE_CONFIG: u64 = 0x2;
    pub(crate) const REPORT_EFFECTIVE_CONFIG: u64 = 0x4;
    pub(crate) const ACCEPT_RESTART_COMMAND: u64 = 0x400;
    pub(crate) const REPORT_HEALTH: u64 = 0x800;
    pub(crate) const REPORT_REMOTE_CONFIG: u64 = 0x1000;
    pub(crate) const REPORT_HEARTBEAT: u64 = 0x2000;
    pub(crate) const REPORT_AVAILABLE_COMPONENTS: u64 = 0x4000;
}

/// `ServerToAgentFlags`.
pub(crate) mod asked {
    pub(crate) const FULL_STATE: u64 = 0x1;
    pub(crate) const AVAILABLE_COMPONENTS: u64 = 0x2;
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AgentToServer {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) instance_uid: bytes::Bytes,
    #[prost(uint64, tag = "2")]
    pub(crate) sequence_num: u64,
    #[prost(message, optional, tag = "3")]
    pub(crate) agent_description: Option<AgentDescription>,
    #[prost(uint64, tag = "4")]
    pub(crate) capabilities: u64,
    #[prost(message, optional, tag = "5")]
    pub(crate) health: Option<ComponentHealth>,
    #[prost(message, optional, tag = "6")]
    pub(crate) effective_config: Option<EffectiveConfig>,
    #[prost(message, optional, tag = "7")]
    pub(crate) remote_config_status: Option<RemoteConfigStatus>,
    #[prost(message, optional, tag = "9")]
    pub(crate) agent_disconnect: Option<AgentDisconnect>,
    #[prost(message, optional, tag = "14")]
    pub(crate) available_components: Option<AvailableComponents>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AgentDisconnect {}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AgentDescription {
    #[prost(message, repeated, tag = "1")]
    pub(crate) identifying_attributes: Vec<KeyValue>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) non_identifying_attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct KeyValue {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) value: Option<AnyValue>,
}

/// Only texts are sent.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AnyValue {
    #[prost(string, optional, tag = "1")]
    pub(crate) string_value: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ComponentHealth {
    #[prost(bool, tag = "1")]
    pub(crate) healthy: bool,
    #[prost(fixed64, tag = "2")]
    pub(crate) start_time_unix_nano: u64,
    #[prost(string, tag = "3")]
    pub(crate) last_error: String,
    #[prost(string, tag = "4")]
    pub(crate) status: String,
    #[prost(fixed64, tag = "5")]
    pub(crate) status_time_unix_nano: u64,
    #[prost(btree_map = "string, message", tag = "6")]
    pub(crate) component_health_map: BTreeMap<String, ComponentHealth>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct EffectiveConfig {
    #[prost(message, optional, tag = "1")]
    pub(crate) config_map: Option<AgentConfigMap>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AgentConfigMap {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(crate) config_map: BTreeMap<String, AgentConfigFile>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AgentConfigFile {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) body: bytes::Bytes,
    #[prost(string, tag = "2")]
    pub(crate) content_type: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RemoteConfigStatus {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) last_remote_config_hash: bytes::Bytes,
    #[prost(enumeration = "RemoteConfigStatuses", tag = "2")]
    pub(crate) status: i32,
    #[prost(string, tag = "3")]
    pub(crate) error_message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
pub(crate) enum RemoteConfigStatuses {
    Unset = 0,
    Applied = 1,
    Applying = 2,
    Failed = 3,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AvailableComponents {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(crate) components: BTreeMap<String, ComponentDetails>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) hash: bytes::Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ComponentDetails {
    #[prost(message, repeated, tag = "1")]
    pub(crate) metadata: Vec<KeyValue>,
    #[prost(btree_map = "string, message", tag = "2")]
    pub(crate) sub_component_map: BTreeMap<String, ComponentDetails>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ServerToAgent {
    #[prost(message, optional, tag = "2")]
    pub(crate) error_response: Option<ServerErrorResponse>,
    #[prost(message, optional, tag = "3")]
    pub(crate) remote_config: Option<AgentRemoteConfig>,
    #[prost(message, optional, tag = "4")]
    pub(crate) connection_settings: Option<ConnectionSettingsOffers>,
    #[prost(uint64, tag = "6")]
    pub(crate) flags: u64,
    #[prost(message, optional, tag = "8")]
    pub(crate) agent_identification: Option<AgentIdentification>,
    #[prost(message, optional, tag = "9")]
    pub(crate) command: Option<ServerToAgentCommand>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ServerErrorResponse {
    #[prost(enumeration = "ServerErrorResponseType", tag = "1")]
    pub(crate) r#type: i32,
    #[prost(string, tag = "2")]
    pub(crate) error_message: String,
    #[prost(message, optional, tag = "3")]
    pub(crate) retry_info: Option<RetryInfo>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
pub(crate) enum ServerErrorResponseType {
    Unknown = 0,
    BadRequest = 1,
    Unavailable = 2,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RetryInfo {
    #[prost(uint64, tag = "1")]
    pub(crate) retry_after_nanoseconds: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AgentRemoteConfig {
    #[prost(message, optional, tag = "1")]
    pub(crate) config: Option<AgentConfigMap>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) config_hash: bytes::Bytes,
}

/// Only how often the server wants to hear from us.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ConnectionSettingsOffers {
    #[prost(message, optional, tag = "2")]
    pub(crate) opamp: Option<OpAmpConnectionSettings>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OpAmpConnectionSettings {
    #[prost(uint64, tag = "4")]
    pub(crate) heartbeat_interval_seconds: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AgentIdentification {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) new_instance_uid: bytes::Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ServerToAgentCommand {
    #[prost(int32, tag = "1")]
    pub(crate) r#type: i32,
}

/// `CommandType_Restart`.
pub(crate) const RESTART: i32 = 0;
