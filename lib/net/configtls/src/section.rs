//! The sections, and what can be said about them before anything starts.

use component::config::{Caution, Duration, Fault, Problems, Secret, Stage};
use serde::{Deserialize, Serialize};

use crate::choices::{Choices, VERSIONS};
use crate::material::{self, Mistake};

/// Of a certificate and its key one is missing.
const NO_PAIR: &str =
    "TLS configuration must include both certificate and key (CertFile/CertPem and KeyFile/KeyPem)";

/// What clients and servers share.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
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

    fn validate(&self, key: &str, problems: &mut Problems) {
        let both = |file: &str, pem: &Secret| !file.is_empty() && !pem.expose().is_empty();
        if both(&self.ca_file, &self.ca_pem) {
            problems
                .at(key, "provide either a CA file or the PEM-encoded string, but not both")
                .remove("ca_file");
        }
        if both(&self.cert_file, &self.cert_pem) {
            problems
                .at(key, "provide either certificate file or PEM, but not both")
                .remove("cert_file");
        }
        if both(&self.key_file, &self.key_pem) {
            problems.at(key, "provide either key file or PEM, but not both").remove("key_file");
        }
        self.validate_versions(key, problems);
        self.check_choices(key, problems);
    }

    fn validate_versions(&self, key: &str, problems: &mut Problems) {
        let mut rank = |name: &str, version: &str| match version {
            "" => None,
            version => {
                let rank = VERSIONS.iter().position(|it| *it == version);
                if rank.is_none() {
                    let rule = format!("invalid TLS {name}: unsupported TLS version: {version:?}");
                    problems.at(key, rule).one_of(name, &VERSIONS);
                }
                rank
            }
        };
        let min = rank("min_version", &self.min_version);
        let max = rank("max_version", &self.max_version);
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            problems
                .at(
                    key,
                    "invalid TLS configuration: min_version cannot be greater than max_version",
                )
                .set("min_version", format!("\"{}\"", self.max_version));
        }
    }

    pub(crate) fn has_certificate(&self) -> bool {
        !self.cert_file.is_empty() || !self.cert_pem.expose().is_empty()
    }

    pub(crate) fn has_key(&self) -> bool {
        !self.key_file.is_empty() || !self.key_pem.expose().is_empty()
    }

    fn has_pair(&self) -> bool {
        self.has_certificate() == self.has_key()
    }

    /// Reads what the section names, as the start does.
    fn check_files(&self, key: &str, problems: &mut Problems) {
        let Ok(choices) = Choices::of(self) else { return };
        let pair = material::identity(self, &choices.provider).map(|_| ());
        let authorities =
            if self.has_ca() { material::authorities(self).map(|_| ()) } else { Ok(()) };
        let sound = pair.is_ok();
        for mistake in [pair, authorities].into_iter().filter_map(Result::err) {
            tell(mistake, key, problems);
        }
        if sound && let Some((at, text)) = material::out_of_time(self, component::clock::now()) {
            let remedy = "renew the certificate; with a reload_interval the new one is used without a restart";
            problems.warn(Caution::Expired, key, text).say(at, remedy);
        }
    }
}

impl ClientConfig {
    /// Checks the section; `key` is its path in the component.
    pub fn validate(&self, key: &str, problems: &mut Problems) {
        self.common.validate(key, problems);
        if !self.common.has_pair() {
            problems.at(key, NO_PAIR);
        }
        if !self.is_plaintext() {
            self.common.check_files(key, problems);
        }
    }

    /// True when anything is said.
    pub fn is_set(&self) -> bool {
        *self != Self::default()
    }

    /// True when there is no TLS, unless the scheme of the endpoint says so.
    pub fn is_plaintext(&self) -> bool {
        self.insecure && !self.common.has_ca()
    }
}

impl ServerConfig {
    /// What is wrong with the section. Upstream names the part that clients have as well `config`.
    pub fn mistakes(&self) -> Vec<Fault> {
        let pair = self.common.cert_file.is_empty() && self.common.cert_pem.expose().is_empty();
        let key = self.common.key_file.is_empty() && self.common.key_pem.expose().is_empty();
        let mut own = Problems::default();
        if pair && key {
            own.at(
                "",
                "TLS configuration must include both certificate and key for server connections",
            );
        }
        let mut common = Problems::default();
        self.common.validate("", &mut common);
        if !self.common.has_pair() {
            common.at("", NO_PAIR);
        }
        let inner = common
            .of(Stage::Check)
            .map(|it| Fault { text: format!("config: {}", it.text), ..it.clone() });
        own.of(Stage::Check).cloned().chain(inner).collect()
    }

    /// The start error of a server that would need TLS.
    pub fn refuse_tls() -> String {
        "TLS is not supported yet: remove the tls section to serve plain text".into()
    }

    /// What keeps a server from starting that upstream notices only then; `key` is the section's path.
    pub fn check_start(&self, key: &str, problems: &mut Problems) {
        if !self.mistakes().is_empty() {
            return;
        }
        self.common.check_choices(key, problems);
        self.common.check_files(key, problems);
        if !self.client_ca_file.is_empty()
            && let Err(mistake) = material::client_authorities(&self.client_ca_file, false)
        {
            tell(mistake, key, problems);
        }
    }
}

/// A file that is absent may be on another machine, the one that the configuration is for.
fn tell(mistake: Mistake, key: &str, problems: &mut Problems) {
    if mistake.absent {
        problems.warn(Caution::AbsentFile, key, mistake.text).say(mistake.key, mistake.remedy);
    } else {
        problems.at_start(key, mistake.text).say(mistake.key, mistake.remedy);
    }
}
