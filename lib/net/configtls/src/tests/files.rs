//! What is wrong with files and texts, said by `validate` and at the start.

use std::fs;

use component::config::{Caution, Problems, Remedy};
use componenttest::Authority;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, date_time_ymd};

use super::handshake::{client, server};
use crate::{Acceptor, Connector, ServerConfig};

/// The place below `tls`, the text and the remedy of what `validate` finds first.
fn found(section: &ServerConfig) -> (Option<Caution>, String, String, String) {
    let mut problems = Problems::default();
    section.check_start("tls", &mut problems);
    let fault = problems.faults().first().map(|it| (None, it));
    let warned = problems.warnings().first().map(|it| (Some(it.0), &it.1));
    let (caution, fault) = fault.or(warned).expect("something is wrong");
    let place: Vec<String> = fault.place.iter().map(ToString::to_string).collect();
    let Some(Remedy::Say(remedy)) = &fault.remedy else { panic!("no remedy: {fault:?}") };
    (caution, place.join("::"), fault.text.clone(), remedy.clone())
}

#[test]
fn a_file_that_is_absent_is_a_warning_and_keeps_the_start_from_succeeding() {
    let office = Authority::new();
    let server = server(&office, "nobody");
    let (caution, place, text, _) = found(&server);
    let path = office.path("nobody.pem");
    let want = format!("failed to load TLS cert and key: open {path}: no such file or directory");
    assert_eq!(
        (caution, place.as_str(), text.as_str()),
        (Some(Caution::AbsentFile), "tls::cert_file", want.as_str())
    );
    let error = Acceptor::new(&server, &[]).unwrap_err();
    assert!(
        error.starts_with(&format!("failed to load TLS config: {want} (put the file at")),
        "{error}"
    );
}

#[test]
fn files_that_hold_something_else_are_named_by_their_key() {
    let office = Authority::new();
    office.issue("server", "localhost");
    let server = server(&office, "server");
    let before = "failed to load TLS cert and key: failed to load TLS cert and key PEMs: ";
    let check = |name: &str, content: &str, key: &str, want: &str, help: &str| {
        let kept = fs::read(office.path(name)).unwrap();
        fs::write(office.path(name), content).unwrap();
        let (caution, place, text, remedy) = found(&server);
        assert_eq!(
            (caution, place, text),
            (None, format!("tls::{key}"), format!("{before}{want}"))
        );
        assert!(remedy.contains(help), "{remedy}");
        fs::write(office.path(name), kept).unwrap();
    };
    let nothing = "tls: failed to find any PEM data in certificate input";
    check("server.pem", "hello", "cert_file", nothing, "BEGIN CERTIFICATE");
    let nothing = "tls: failed to find any PEM data in key input";
    check("server.key", "hello", "key_file", nothing, "BEGIN PRIVATE KEY");
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    check("server.key", locked, "key_file", nothing, "has a password");
    let other = KeyPair::generate().unwrap().serialize_pem();
    let want = "tls: private key does not match public key";
    check("server.key", &other, "key_file", want, "belongs to another certificate");
}

#[test]
fn authorities_that_cannot_be_read_are_refused_on_both_sides() {
    let office = Authority::new();
    office.issue("server", "localhost");
    fs::write(office.path("ca.pem"), "hello").unwrap();
    let error = Connector::new(&client(&office), &[]).unwrap_err();
    let want = "failed to load TLS config: failed to load CA CertPool File: failed to parse cert (";
    assert!(error.starts_with(want), "{error}");
    let mut server = server(&office, "server");
    server.client_ca_file = office.path("ca.pem");
    assert_eq!(found(&server).1, "tls::client_ca_file");
}

#[test]
fn a_certificate_whose_time_is_over_is_a_warning() {
    let office = Authority::new();
    office.issue_with(&PKCS_ECDSA_P256_SHA256, ("server", "localhost"), |it| {
        it.not_after = date_time_ymd(2020, 1, 1);
    });
    let (caution, place, text, _) = found(&server(&office, "server"));
    assert_eq!((caution, place.as_str()), (Some(Caution::Expired), "tls::cert_file"));
    assert!(text.ends_with("ended at 2020-01-01T00:00:00Z: peers refuse it"), "{text}");
}

#[test]
fn what_cannot_be_spoken_at_all_is_refused_and_the_rest_is_warned_about() {
    let office = Authority::new();
    office.issue("server", "localhost");
    let check = |change: &dyn Fn(&mut ServerConfig), refused: bool, want: &str| {
        let mut server = server(&office, "server");
        change(&mut server);
        let mut problems = Problems::default();
        server.check_start("tls", &mut problems);
        let texts: Vec<&str> = if refused {
            problems.faults().iter().map(|it| it.text.as_str()).collect()
        } else {
            problems.warnings().iter().map(|it| it.1.text.as_str()).collect()
        };
        assert!(texts.len() == 1 && texts[0].contains(want), "{texts:?}");
        assert_eq!(Acceptor::new(&server, &[]).is_err(), refused);
    };
    check(&|it| it.common.min_version = "1.0".into(), false, "TLS 1.0 is not spoken");
    let old = &|it: &mut ServerConfig| it.common.max_version = "1.1".into();
    check(old, true, "max_version 1.1 cannot be spoken");
    let cbc = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA";
    let gcm = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
    let suites = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    check(&|it| it.common.cipher_suites = suites(&[cbc, gcm]), false, "left out");
    check(&|it| it.common.cipher_suites = suites(&[cbc]), true, "none of the cipher_suites");
    check(&|it| it.common.cipher_suites = suites(&["x"]), true, "invalid TLS cipher suite: \"x\"");
    check(&|it| it.common.curve_preferences = suites(&["P521"]), true, "add X25519");
    check(&|it| it.common.curve_preferences = suites(&["P521", "P256"]), false, "left out");
    check(&|it| it.common.tpm.enabled = true, true, "TPM");
    // Upstream knows those that are not safe only where it is told to.
    let rc4 = "TLS_RSA_WITH_RC4_128_SHA";
    let unknown = format!("invalid TLS cipher suite: {rc4:?}");
    check(&|it| it.common.cipher_suites = suites(&[rc4, gcm]), true, &unknown);
    let told = |it: &mut ServerConfig| {
        it.common.cipher_suites = suites(&[rc4, gcm]);
        it.common.include_insecure_cipher_suites = true;
    };
    check(&told, false, "left out");
}
