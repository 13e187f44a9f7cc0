//! The section and its defaults. `processor/redactionprocessor/config.go`, v0.149.

use component::Problems;
use config::{Choice, Choices, Secret};
use serde::{Deserialize, Serialize};

/// `processors: redaction:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "redactionprocessor.Config")]
pub struct Config {
    /// Whether attributes that are not in `allowed_keys` stay. Default false.
    pub allow_all_keys: bool,
    /// Attributes that stay. Default none.
    pub allowed_keys: Vec<String>,
    /// Regular expressions of keys whose values are masked. Default none.
    pub blocked_key_patterns: Vec<String>,
    /// A value is replaced by its digest instead of `****`. Default: it is not.
    pub hash_function: Choice<HashFunction>,
    /// The key of `hmac-sha256` (32 bytes at least) and `hmac-sha512` (64).
    pub hmac_key: Secret,
    /// Attributes that are left as they are. Default none.
    pub ignored_keys: Vec<String>,
    /// The same, by regular expressions. Default none.
    pub ignored_key_patterns: Vec<String>,
    /// Whether values that are no texts are looked at, as texts. Default false.
    pub redact_all_types: bool,
    /// Regular expressions: what matches in a value is masked. Default none.
    pub blocked_values: Vec<String>,
    /// Regular expressions of values that stay as they are. Default none.
    pub allowed_values: Vec<String>,
    /// Paths in values lose their ids and queries. Default off.
    pub url_sanitizer: UrlSanitizer,
    /// Queries and commands of databases lose the values in them. Default off.
    pub db_sanitizer: DbSanitizer,
    /// `debug` adds attributes with the keys and their number, `info` with the number. Default: nothing is added.
    pub summary: String,
}

/// `url_sanitizer:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "url.URLSanitizationConfig")]
pub struct UrlSanitizer {
    /// Whether it is on. Default false.
    pub enabled: bool,
    /// Attributes with paths. Default none.
    pub attributes: Vec<String>,
    /// Whether names of client and server spans are looked at. Default true.
    pub sanitize_span_name: Option<bool>,
    /// Whether texts in bodies of log records are. Default true.
    pub sanitize_log_body: Option<bool>,
}

/// `db_sanitizer:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "db.DBSanitizerConfig")]
pub struct DbSanitizer {
    /// SQL.
    pub sql: Database,
    /// Redis.
    pub redis: Database,
    /// Valkey.
    pub valkey: Database,
    /// Memcached.
    pub memcached: Database,
    /// MongoDB.
    pub mongo: Database,
    /// OpenSearch.
    pub opensearch: Database,
    /// Elasticsearch.
    pub es: Database,
    /// Whether names of spans are looked at that say their database. Default true.
    pub sanitize_span_name: Option<bool>,
}

/// A kind of database.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Database {
    /// Whether it is looked for. Default false.
    pub enabled: bool,
    /// Attributes with queries. Default none: only bodies of log records and names of spans.
    pub attributes: Vec<String>,
}

/// `hash_function:`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HashFunction {
    /// `****`.
    #[default]
    None,
    /// SHA-1.
    Sha1,
    /// SHA3-256.
    Sha3,
    /// MD5.
    Md5,
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
}

impl Choices for HashFunction {
    const GO: &'static str = "redactionprocessor.HashFunction";
    const NAMES: &'static [(&'static str, Self)] = &[
        ("sha1", Self::Sha1),
        ("sha3", Self::Sha3),
        ("md5", Self::Md5),
        ("hmac-sha256", Self::HmacSha256),
        ("hmac-sha512", Self::HmacSha512),
        ("", Self::None),
    ];
    const SHOWN: usize = 5;
    const ANY_CASE: bool = true;

    fn unknown(word: &str) -> String {
        let word = word.to_lowercase();
        format!(
            "unknown HashFunction {word}, allowed functions are sha1, sha3, md5, hmac-sha256 and hmac-sha512"
        )
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        let function = *self.hash_function;
        let least = match function {
            HashFunction::HmacSha256 => 32,
            HashFunction::HmacSha512 => 64,
            _ => return,
        };
        let (name, length) = (function.word(), self.hmac_key.expose().len());
        if length == 0 {
            let text = format!("hmac_key must not be empty when hash_function is {name:?}");
            problems.at("", text).about("hmac_key");
        } else if length < least {
            let text = format!(
                "hmac_key must be at least {least} bytes long for {name:?}, got {length} bytes"
            );
            problems.at("", text).about("hmac_key");
        }
    }
}
