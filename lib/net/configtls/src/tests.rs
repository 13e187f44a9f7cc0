use component::Config;
use component::config::{Problems, Value, load};
use serde::{Deserialize, Serialize};

use super::*;

mod files;
mod handshake;

#[derive(Debug, Default, Serialize, Deserialize, config::Described)]
struct Client {
    tls: ClientConfig,
}

impl Config for Client {
    fn validate(&self, problems: &mut Problems) {
        self.tls.validate("tls", problems);
    }
}

#[track_caller]
fn check(tls: &[(&str, &str)], want: &[&str]) {
    let tls = tls.iter().map(|(k, v)| ((*k).to_owned(), Value::String((*v).to_owned())));
    let section = Value::Map(vec![("tls".to_owned(), Value::Map(tls.collect()))]);
    let client: Client = load(&section).unwrap();
    let mut problems = Problems::default();
    client.validate(&mut problems);
    let rules: Vec<&str> = problems.faults().iter().map(|it| it.text.as_str()).collect();
    assert_eq!(rules, want);
}

#[test]
fn exclusive_keys_are_refused_in_the_collectors_words() {
    check(&[("ca_file", "a"), ("min_version", "1.2")], &[]);
    let both = "provide either a CA file or the PEM-encoded string, but not both";
    check(&[("ca_file", "a"), ("ca_pem", "b")], &[both]);
    let pair = "TLS configuration must include both certificate and key \
                (CertFile/CertPem and KeyFile/KeyPem)";
    check(&[("cert_file", "a")], &[pair]);
    check(&[("cert_file", "a"), ("key_pem", "b")], &[]);
}

#[test]
fn versions_are_checked_and_ordered() {
    let unknown = "invalid TLS min_version: unsupported TLS version: \"x\"";
    check(&[("min_version", "x")], &[unknown]);
    let order = "invalid TLS configuration: min_version cannot be greater than max_version";
    check(&[("min_version", "1.3"), ("max_version", "1.2")], &[order]);
}

#[test]
fn an_authority_means_tls_even_when_insecure() {
    let mut config = ClientConfig { insecure: true, ..ClientConfig::default() };
    assert!(config.is_plaintext());
    config.common.ca_file = "ca.pem".into();
    assert!(!config.is_plaintext());
    assert!(!ClientConfig::default().is_plaintext());
}

#[test]
fn a_server_needs_a_certificate() {
    let mistakes = ServerConfig::default().mistakes();
    assert!(mistakes[0].text.contains("for server connections"));
}
