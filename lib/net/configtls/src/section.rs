//! The sections.

use component::config::{Duration, Secret};
use serde::{Deserialize, Serialize};

/// What clients and servers share.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct CommonConfig {
    /// File with the certificates of accepted authorities. Default: the system's.
    #[config(omit_empty)]
    pub ca_file: String,
    /// The same as text; only one of the two.
    #[config(omit_empty)]
    pub ca_pem: Secret,
    /// Accept the system's authorities beside `ca_file` or `ca_pem`. Default false.
    #[config(omit_empty)]
    pub include_system_ca_certs_pool: bool,
    /// File with our certificate.
    #[config(omit_empty)]
    pub cert_file: String,
    /// The same as text; only one of the two.
    #[config(omit_empty)]
    pub cert_pem: Secret,
    /// File with the key of our certificate.
    #[config(omit_empty)]
    pub key_file: String,
    /// The same as text; only one of the two.
    #[config(omit_empty)]
    pub key_pem: Secret,
    /// Oldest version spoken: 1.0 to 1.3. Default 1.2.
    #[config(omit_empty)]
    pub min_version: String,
    /// Newest version spoken: 1.0 to 1.3. Default: the newest there is.
    #[config(omit_empty)]
    pub max_version: String,
    /// IANA names of the suites spoken. Default: the library's choice.
    #[config(omit_empty)]
    pub cipher_suites: Vec<String>,
    /// Accept suites in `cipher_suites` that are known to be weak. Default false.
    #[config(omit_empty)]
    pub include_insecure_cipher_suites: bool,
    /// P256, P384, P521, X25519, X25519MLKEM768. Default: all.
    #[config(omit_empty)]
    pub curve_preferences: Vec<String>,
    /// Read certificate and key again after this time; 0 is never. Default 0.
    #[config(omit_empty)]
    pub reload_interval: Duration,
    /// Keys in a trusted platform module.
    #[config(omit_empty)]
    pub tpm: TpmConfig,
}

/// `tpm:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct TpmConfig {
    /// The key file is a TPM key. Default false.
    pub enabled: bool,
    /// Device or socket of the module.
    pub path: String,
    /// Password of the owner.
    pub owner_auth: Secret,
    /// Password of the key.
    pub auth: Secret,
}

/// `tls:` of a client.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct ClientConfig {
    /// What servers have as well.
    #[serde(flatten)]
    pub common: CommonConfig,
    /// Plain text, unless an authority is configured. Default false.
    #[config(omit_empty)]
    pub insecure: bool,
    /// Do not check the server's certificate. Default false.
    #[config(omit_empty)]
    pub insecure_skip_verify: bool,
    /// Name expected in the server's certificate. Default: the host of the endpoint.
    #[config(omit_empty)]
    pub server_name_override: String,
}

/// `tls:` of a server.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "configtls.ServerConfig")]
pub struct ServerConfig {
    /// What clients have as well.
    #[serde(flatten)]
    pub common: CommonConfig,
    /// File with the authorities of client certificates; clients then have to show one.
    #[config(omit_empty)]
    pub client_ca_file: String,
    /// Read `client_ca_file` again when it changes. Default false.
    #[config(omit_empty)]
    pub client_ca_file_reload: bool,
}

impl CommonConfig {
    /// True when an authority is configured.
    pub fn has_ca(&self) -> bool {
        !self.ca_file.is_empty() || !self.ca_pem.expose().is_empty()
    }

    pub(crate) fn has_certificate(&self) -> bool {
        !self.cert_file.is_empty() || !self.cert_pem.expose().is_empty()
    }

    pub(crate) fn has_key(&self) -> bool {
        !self.key_file.is_empty() || !self.key_pem.expose().is_empty()
    }
}

impl ClientConfig {
    /// True when anything is said.
    pub fn is_set(&self) -> bool {
        *self != Self::default()
    }

    /// True when there is no TLS, unless the scheme of the endpoint says so.
    pub fn is_plaintext(&self) -> bool {
        self.insecure && !self.common.has_ca()
    }
}
