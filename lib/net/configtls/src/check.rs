//! What is wrong with a section, before anything starts.

use component::config::{Caution, Fault, Problems, Secret, Stage};
use rustls::sign::CertifiedKey;

use crate::choices::{Choices, VERSIONS};
use crate::material::{self, Mistake};
use crate::{ClientConfig, CommonConfig, ServerConfig};

/// Of a certificate and its key one is missing.
const NO_PAIR: &str =
    "TLS configuration must include both certificate and key (CertFile/CertPem and KeyFile/KeyPem)";

impl CommonConfig {
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

    fn has_pair(&self) -> bool {
        self.has_certificate() == self.has_key()
    }

    /// Reads what the section names, as the start does.
    fn check_files(&self, key: &str, problems: &mut Problems) {
        let Ok(choices) = Choices::of(self) else { return };
        match material::identity(self, &choices.provider) {
            Ok(Some(pair)) => self.check_time(&pair, key, problems),
            Ok(None) => {}
            Err(mistake) => tell(mistake, key, problems),
        }
        if self.has_ca()
            && let Err(mistake) = material::authorities(self)
        {
            tell(mistake, key, problems);
        }
    }

    fn check_time(&self, pair: &CertifiedKey, key: &str, problems: &mut Problems) {
        if let Some((at, text)) = material::out_of_time(self, pair, component::clock::now()) {
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
}

impl ServerConfig {
    /// What is wrong with the section. Upstream names the part that clients have as well `config`.
    pub fn mistakes(&self) -> Vec<Fault> {
        let mut own = Problems::default();
        if !self.common.has_certificate() && !self.common.has_key() {
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
