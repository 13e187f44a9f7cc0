//! What the exporter and the receiver of Splunk's HTTP Event Collector (HEC) have in common: where the metadata of an event
//! stand in telemetry. `pkg/translator/splunk/common.go`, v0.149.

use serde::{Deserialize, Serialize};

/// The attribute of a resource that holds the token of its telemetry.
pub const TOKEN: &str = "com.splunk.hec.access_token";
/// What stands before a token in `Authorization`.
pub const SCHEME: &str = "Splunk ";
/// Where a server says whether it is healthy.
pub const HEALTH_PATH: &str = "/services/collector/health";

/// The attributes that stand for the metadata of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, config::Described)]
#[config(go = "splunk.HecToOtelAttrs")]
pub struct Metadata {
    /// The attribute for `source`. Default `com.splunk.source`.
    pub source: String,
    /// The attribute for `sourcetype`. Default `com.splunk.sourcetype`.
    pub sourcetype: String,
    /// The attribute for `index`. Default `com.splunk.index`.
    pub index: String,
    /// The attribute for `host`. Default `host.name`.
    pub host: String,
}

impl Default for Metadata {
    fn default() -> Self {
        Self {
            source: "com.splunk.source".to_owned(),
            sourcetype: "com.splunk.sourcetype".to_owned(),
            index: "com.splunk.index".to_owned(),
            host: "host.name".to_owned(),
        }
    }
}
