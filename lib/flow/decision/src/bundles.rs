//! `bundles:` and `keys:`, with the words of OPA's configuration.

use std::collections::BTreeMap;

use config::{Duration, MapList, Problems, Secret};
use confighttp::client::Url;
use serde::{Deserialize, Serialize};

use crate::signed::{Key, Verification, glob};

/// Most bytes of a bundle that may be asked for.
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What `keys` may say.
const ALGORITHMS: [&str; 11] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "HS256", "HS384",
    "HS512",
];

/// An entry of `bundles:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct BundleConfig {
    /// The URL of the bundle. Required.
    pub url: String,
    /// Sent with every request.
    pub headers: MapList,
    /// `Authorization: Bearer ...`. Default: none.
    pub bearer_token: Secret,
    /// A file with the token, read before each request. Default: none.
    pub bearer_token_file: String,
    /// TLS for `https://`.
    pub tls: configtls::ClientConfig,
    /// Longest time of a request, but for that of long polling. Default `30s`.
    pub timeout: Duration,
    /// How often it is asked for.
    pub polling: Polling,
    /// A directory in which the last good one is kept: it counts after a restart until the server has answered. Default: none.
    pub persistence_directory: String,
    /// Largest bundle, packed, in bytes. Default 16777216, at most 67108864.
    pub size_limit_bytes: u64,
    /// Who must have signed it.
    pub signing: Signing,
}

impl Default for BundleConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            headers: MapList::default(),
            bearer_token: Secret::default(),
            bearer_token_file: String::new(),
            tls: configtls::ClientConfig::default(),
            timeout: Duration::from_secs(30),
            polling: Polling::default(),
            persistence_directory: String::new(),
            size_limit_bytes: 16 * 1024 * 1024,
            signing: Signing::default(),
        }
    }
}

/// `polling:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Polling {
    /// Shortest pause between two requests. Default `60s`.
    pub min_delay: Duration,
    /// Longest pause, also after failures. Default `120s`.
    pub max_delay: Duration,
    /// How long the server is asked to wait for a change, if it can (`Prefer: wait=...`). Default 0: not at all.
    pub long_polling_timeout: Duration,
}

impl Default for Polling {
    fn default() -> Self {
        Self {
            min_delay: Duration::from_secs(60),
            max_delay: Duration::from_secs(120),
            long_polling_timeout: Duration::ZERO,
        }
    }
}

/// `signing:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Signing {
    /// One of `keys`. Default: what the signature names, which must be one of `keys`; without `keys` bundles are not signed.
    pub keyid: String,
    /// The scope that the signature must have. Default: that of the key.
    pub scope: String,
    /// Files that need not be signed: `*` is anything but a slash, `**` anything.
    pub exclude_files: Vec<String>,
}

/// An entry of `keys:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct KeyConfig {
    /// `RS256`, `ES256`, `HS256` or a longer one of these, or `PS256`. Default `RS256`.
    pub algorithm: String,
    /// A public key or certificate in PEM, or the secret of `HS256`; or the path of a file with it. Required.
    pub key: Secret,
    /// The scope that signatures must have. Default: none.
    pub scope: String,
}

impl Default for KeyConfig {
    fn default() -> Self {
        Self { algorithm: "RS256".into(), key: Secret::default(), scope: String::new() }
    }
}

/// Checks both.
pub(crate) fn validate(
    bundles: &BTreeMap<String, BundleConfig>,
    keys: &BTreeMap<String, KeyConfig>,
    problems: &mut Problems,
) {
    for (name, bundle) in bundles {
        let at = |key: &str| format!("bundles::{name}::{key}");
        if let Err(why) = Url::parse(&bundle.url) {
            problems.at(at("url"), why);
        }
        let polling = &bundle.polling;
        if polling.min_delay.std().is_zero() || polling.max_delay < polling.min_delay {
            problems.at(at("polling"), "min_delay must be above 0, and max_delay not below it");
        }
        if !(1..=BYTES_MAX).contains(&bundle.size_limit_bytes) {
            problems.at(at("size_limit_bytes"), format!("must be between 1 and {BYTES_MAX}"));
        }
        bundle.tls.validate(&at("tls"), problems);
        let key = &bundle.signing.keyid;
        if !key.is_empty() && !keys.contains_key(key) {
            let known: Vec<&str> = keys.keys().map(String::as_str).collect();
            problems
                .at("", format!("there is no key {key:?} at keys"))
                .one_of(&at("signing::keyid"), &known);
        }
    }
    for (name, key) in keys {
        if !ALGORITHMS.contains(&key.algorithm.as_str()) {
            let rule = format!("there is no algorithm {:?} for signatures", key.algorithm);
            problems.at("", rule).one_of(&format!("keys::{name}::algorithm"), &ALGORITHMS);
        }
        if key.key.expose().is_empty() {
            problems.at(format!("keys::{name}::key"), "must be a key, or a file with one");
        }
    }
}

/// Who must have signed a bundle; `None` if nobody.
///
/// # Errors
/// A file with a key cannot be read.
pub(crate) fn verification(
    bundle: &BundleConfig,
    keys: &BTreeMap<String, KeyConfig>,
) -> Result<Option<Verification>, String> {
    if keys.is_empty() {
        return Ok(None);
    }
    let Signing { keyid, scope, exclude_files } = &bundle.signing;
    let key = |(name, it): (&String, &KeyConfig)| {
        let KeyConfig { algorithm, scope, .. } = it.clone();
        Ok((name.clone(), Key { algorithm, key: material(name, it)?, scope }))
    };
    Ok(Some(Verification {
        keys: keys.iter().map(key).collect::<Result<_, String>>()?,
        key_id: keyid.clone(),
        scope: scope.clone(),
        exclude: exclude_files.iter().map(|it| glob(it)).collect::<Result<_, _>>()?,
    }))
}

/// The key itself, or what is in the file that it names.
fn material(name: &str, key: &KeyConfig) -> Result<String, String> {
    let text = key.key.expose();
    if !text.starts_with('/') {
        return Ok(text.to_owned());
    }
    std::fs::read_to_string(text)
        .map_err(|error| format!("key {name}: cannot read {text}: {error}"))
}
