//! Versions, suites and curves: what a section asks for, and what of it rustls can do.

use std::sync::Arc;

use component::config::{Caution, Problems};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::{ProtocolVersion, SupportedCipherSuite, SupportedProtocolVersion, version};

use crate::CommonConfig;

/// Versions of TLS in ascending order, as written in YAML.
pub(crate) const VERSIONS: [&str; 4] = ["1.0", "1.1", "1.2", "1.3"];

/// Elliptic curves that upstream knows.
pub(crate) const CURVES: [&str; 5] = ["P256", "P384", "P521", "X25519", "X25519MLKEM768"];

/// The suites of Go's `tls.CipherSuites` (Go 1.26) that rustls leaves out, since they use CBC.
const CBC_SUITES: [&str; 4] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
];

/// Those of `tls.InsecureCipherSuites`; upstream takes them with `include_insecure_cipher_suites` only.
const INSECURE_SUITES: [&str; 14] = [
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
];

/// What a section settles about the handshake.
pub(crate) struct Choices {
    pub(crate) provider: Arc<CryptoProvider>,
    pub(crate) versions: Vec<&'static SupportedProtocolVersion>,
}

impl Choices {
    /// # Errors
    /// When nothing of what the section asks for can be done.
    pub(crate) fn of(config: &CommonConfig) -> Result<Self, String> {
        let mut problems = Problems::default();
        config.check_choices("", &mut problems);
        if let Some(fault) = problems.faults().first() {
            return Err(fault.text.clone());
        }
        let mut provider = ring::default_provider();
        let named = |name: &str, list: &[String]| list.iter().any(|it| it == name);
        if !config.cipher_suites.is_empty() {
            // As in Go the list is about TLS 1.2: the suites of 1.3 are all good and always offered.
            provider.cipher_suites.retain(|it| {
                it.version().version == ProtocolVersion::TLSv1_3
                    || named(&go_name(it), &config.cipher_suites)
            });
        }
        if !config.curve_preferences.is_empty() {
            let order = |it: &&'static dyn SupportedKxGroup| {
                config.curve_preferences.iter().position(|name| name == curve(*it))
            };
            provider.kx_groups.retain(|it| order(it).is_some());
            provider.kx_groups.sort_by_key(order);
        }
        let mut versions = config.versions();
        // Only suites of 1.3 are left when the list names only those: then 1.2 has nothing to speak.
        let speaks = |it: &SupportedProtocolVersion| {
            provider.cipher_suites.iter().any(|suite| suite.version().version == it.version)
        };
        versions.retain(|it| speaks(it));
        Ok(Self { versions, provider: Arc::new(provider) })
    }
}

/// The IANA name: rustls has `TLS13_` before those of TLS 1.3.
fn go_name(suite: &SupportedCipherSuite) -> String {
    let name = format!("{:?}", suite.suite());
    name.strip_prefix("TLS13_").map_or(name.clone(), |rest| format!("TLS_{rest}"))
}

fn curve(group: &dyn SupportedKxGroup) -> &'static str {
    match group.name() {
        rustls::NamedGroup::secp256r1 => "P256",
        rustls::NamedGroup::secp384r1 => "P384",
        rustls::NamedGroup::X25519 => "X25519",
        _ => "",
    }
}

/// Where a version stands in [`VERSIONS`].
fn rank(version: &str) -> Option<usize> {
    VERSIONS.iter().position(|it| *it == version)
}

impl CommonConfig {
    /// What is spoken, newest last.
    fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        // TLS 1.2 is upstream's default for the oldest.
        let min = rank(&self.min_version).unwrap_or(2);
        let max = rank(&self.max_version).unwrap_or(3);
        let known = [(2, &version::TLS12), (3, &version::TLS13)];
        known.into_iter().filter(|it| (min..=max).contains(&it.0)).map(|it| it.1).collect()
    }

    /// What cannot be done, wholly or in part; `key` is the path of the section in the component.
    pub(crate) fn check_choices(&self, key: &str, problems: &mut Problems) {
        self.check_versions(key, problems);
        self.check_suites(key, problems);
        self.check_curves(key, problems);
        if self.tpm.enabled {
            let text = "keys in a TPM are not supported: set key_file or key_pem, and remove tpm";
            problems.at_start(key, text).remove("tpm");
        }
    }

    fn check_versions(&self, key: &str, problems: &mut Problems) {
        let old = |version: &str| matches!(version, "1.0" | "1.1");
        if old(&self.max_version) {
            let text = format!(
                "max_version {} cannot be spoken: TLS 1.2 is the oldest version there is here; set max_version: \"1.2\", \
                 or remove it",
                self.max_version
            );
            problems.at_start(key, text).set("max_version", "\"1.2\"");
        } else if old(&self.min_version) {
            let text = format!(
                "TLS {} is not spoken: TLS 1.2 is the oldest version here; peers that know nothing newer cannot connect",
                self.min_version
            );
            problems.warn(Caution::NoEffect, key, text).set("min_version", "\"1.2\"");
        }
    }

    fn check_suites(&self, key: &str, problems: &mut Problems) {
        if self.cipher_suites.is_empty() {
            return;
        }
        let provider = ring::default_provider();
        let can: Vec<String> = provider.cipher_suites.iter().map(go_name).collect();
        let known = |name: &str| {
            can.iter().any(|it| it == name)
                || CBC_SUITES.contains(&name)
                || (self.include_insecure_cipher_suites && INSECURE_SUITES.contains(&name))
        };
        for (at, name) in self.cipher_suites.iter().enumerate().filter(|it| !known(it.1)) {
            let names: Vec<&str> = can.iter().map(String::as_str).collect();
            problems
                .at_start(key, format!("invalid TLS cipher suite: {name:?}"))
                .one_of(&format!("cipher_suites::{at}"), &names);
        }
        let gone = |name: &&String| known(name) && !can.contains(name);
        let left_out: Vec<&str> =
            self.cipher_suites.iter().filter(gone).map(String::as_str).collect();
        if left_out.is_empty() {
            return;
        }
        let names = left_out.join(", ");
        if left_out.len() == self.cipher_suites.len() {
            let text = format!(
                "none of the cipher_suites is available ({names}): they use CBC or RC4, or have no forward secrecy; \
                 remove cipher_suites, or add TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
            );
            problems.at_start(key, text).remove("cipher_suites");
        } else {
            let text = format!(
                "{names}: not available here, and left out; peers that know none of the others cannot connect"
            );
            problems.warn(Caution::NoEffect, key, text).about("cipher_suites");
        }
    }

    fn check_curves(&self, key: &str, problems: &mut Problems) {
        for (at, curve) in self.curve_preferences.iter().enumerate() {
            if !CURVES.contains(&curve.as_str()) {
                problems
                    .at_start(key, format!("invalid curve type: {curve:?}"))
                    .one_of(&format!("curve_preferences::{at}"), &CURVES);
            }
        }
        let gone = |it: &&String| matches!(it.as_str(), "P521" | "X25519MLKEM768");
        let left_out: Vec<&str> =
            self.curve_preferences.iter().filter(gone).map(String::as_str).collect();
        if left_out.is_empty() {
            return;
        }
        let names = left_out.join(", ");
        if left_out.len() == self.curve_preferences.len() {
            let text = format!(
                "none of the curve_preferences is available ({names}): add X25519, or remove curve_preferences"
            );
            problems.at_start(key, text).set("curve_preferences", "[X25519]");
        } else {
            let text = format!("{names}: not available here, and left out");
            problems.warn(Caution::NoEffect, key, text).about("curve_preferences");
        }
    }
}
