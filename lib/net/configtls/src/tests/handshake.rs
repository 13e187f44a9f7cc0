//! Handshakes over a pipe in memory: who trusts whom, and what is said when not.

use std::fs;

use component::config::Secret;
use componenttest::Authority;
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_ED25519, date_time_ymd,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use crate::{Acceptor, ClientConfig, Connector, MaybeTls, Refused, ServerConfig};

pub(super) fn server(office: &Authority, name: &str) -> ServerConfig {
    let mut section = ServerConfig::default();
    section.common.cert_file = office.path(&format!("{name}.pem"));
    section.common.key_file = office.path(&format!("{name}.key"));
    section
}

/// A client that trusts this authority only.
pub(super) fn client(office: &Authority) -> ClientConfig {
    let mut section = ClientConfig::default();
    section.common.ca_file = office.path("ca.pem");
    section
}

type Ends =
    (Result<MaybeTls<DuplexStream>, String>, Result<MaybeTls<DuplexStream>, Refused<DuplexStream>>);

async fn meet(connector: &Connector, host: &str, acceptor: &Acceptor) -> Ends {
    let (near, far) = duplex(64 * 1024);
    let (client, server) = tokio::join!(
        // In TLS 1.3 a client learns of a refusal with the first byte that it reads.
        async {
            let mut stream = connector.connect(host, near).await?;
            match stream.read_u8().await {
                Ok(_) => Ok(stream),
                Err(error) => Err(crate::words::of_client(&error)),
            }
        },
        async {
            let mut stream = acceptor.accept(far).await?;
            stream.write_all(b"!").await.unwrap();
            stream.flush().await.unwrap();
            Ok(stream)
        }
    );
    (client, server)
}

async fn outcome(client: &ClientConfig, host: &str, server: &ServerConfig) -> Result<(), String> {
    let connector = Connector::new(client, &["h2"]).unwrap();
    let acceptor = Acceptor::new(server, &["h2"]).unwrap();
    let (client, _) = meet(&connector, host, &acceptor).await;
    client.map(|stream| assert_eq!(stream.protocol(), Some(&b"h2"[..])))
}

#[tokio::test]
async fn a_client_that_knows_the_authority_is_connected() {
    let office = Authority::new();
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
        office.issue_with(algorithm, ("server", "localhost"), |_| {});
        outcome(&client(&office), "localhost", &server(&office, "server")).await.unwrap();
    }
    office.issue("server", "127.0.0.1");
    outcome(&client(&office), "127.0.0.1", &server(&office, "server")).await.unwrap();
}

#[tokio::test]
async fn a_name_that_the_certificate_does_not_have_is_refused_unless_overridden() {
    let office = Authority::new();
    office.issue("server", "backend.example");
    let server = server(&office, "server");
    let error = outcome(&client(&office), "localhost", &server).await.unwrap_err();
    assert_eq!(
        error,
        "tls: failed to verify certificate: x509: certificate is valid for backend.example, not localhost (use one of \
         these names in the endpoint, or set tls.server_name_override)"
    );
    let named = ClientConfig { server_name_override: "backend.example".into(), ..client(&office) };
    outcome(&named, "localhost", &server).await.unwrap();
    let lax = ClientConfig { insecure_skip_verify: true, ..client(&office) };
    outcome(&lax, "localhost", &server).await.unwrap();
}

#[tokio::test]
async fn certificates_may_stand_in_the_section_and_the_systems_may_be_trusted_as_well() {
    let office = Authority::new();
    office.issue("server", "localhost");
    let text = |name: &str| Secret::from(&*fs::read_to_string(office.path(name)).unwrap());
    let mut server = ServerConfig::default();
    server.common.cert_pem = text("server.pem");
    server.common.key_pem = text("server.key");
    let mut client = ClientConfig::default();
    client.common.ca_pem = text("ca.pem");
    for both in [false, true] {
        client.common.include_system_ca_certs_pool = both;
        outcome(&client, "localhost", &server).await.unwrap();
    }
    let known = |of: &crate::CommonConfig| {
        let trusted = crate::material::authorities(of).expect("they can be read");
        trusted.authorities.len()
    };
    let systems = known(&ClientConfig::default().common);
    assert_eq!(known(&client.common), systems + 1);
    client.common.include_system_ca_certs_pool = false;
    assert_eq!(known(&client.common), 1);
}

#[tokio::test]
async fn an_unknown_authority_is_refused() {
    let (office, other) = (Authority::new(), Authority::new());
    office.issue("server", "localhost");
    let server = server(&office, "server");
    let want = "tls: failed to verify certificate: x509: certificate signed by unknown authority";
    for client in [client(&other), ClientConfig::default()] {
        let error = outcome(&client, "localhost", &server).await.unwrap_err();
        assert!(error.starts_with(want), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_whose_time_is_over_is_refused() {
    let office = Authority::new();
    office.issue_with(&PKCS_ECDSA_P256_SHA256, ("server", "localhost"), |it| {
        it.not_after = date_time_ymd(2020, 1, 1);
    });
    let error =
        outcome(&client(&office), "localhost", &server(&office, "server")).await.unwrap_err();
    let want =
        "tls: failed to verify certificate: x509: certificate has expired or is not yet valid";
    assert!(error.starts_with(want), "{error}");
}

#[tokio::test]
async fn clients_show_a_certificate_where_one_is_wanted() {
    let (office, stranger) = (Authority::new(), Authority::new());
    office.issue("server", "localhost");
    office.issue("client", "someone");
    stranger.issue("client", "someone");
    let mut server = server(&office, "server");
    server.client_ca_file = office.path("ca.pem");
    let with = |office: &Authority, mut client: ClientConfig| {
        client.common.cert_file = office.path("client.pem");
        client.common.key_file = office.path("client.key");
        client
    };
    outcome(&with(&office, client(&office)), "localhost", &server).await.unwrap();
    let error = outcome(&client(&office), "localhost", &server).await.unwrap_err();
    assert_eq!(error, "remote error: tls: certificate required");
    let error = outcome(&with(&stranger, client(&office)), "localhost", &server).await.unwrap_err();
    assert!(error.starts_with("remote error: tls: "), "{error}");

    let acceptor = Acceptor::new(&server, &[]).unwrap();
    let connector = Connector::new(&client(&office), &[]).unwrap();
    let (_, refused) = meet(&connector, "localhost", &acceptor).await;
    assert_eq!(refused.unwrap_err().why, "tls: client didn't provide a certificate");
}

#[tokio::test]
async fn versions_suites_and_curves_are_kept_to() {
    let office = Authority::new();
    office.issue("server", "localhost");
    let agreed = async |client: ClientConfig, server: ServerConfig| {
        let connector = Connector::new(&client, &[]).unwrap();
        let acceptor = Acceptor::new(&server, &[]).unwrap();
        let (client, _) = meet(&connector, "localhost", &acceptor).await;
        client.map(|stream| {
            let MaybeTls::Tls(stream) = stream else { panic!("it is TLS") };
            let state = stream.get_ref().1;
            format!(
                "{:?} {:?} {:?}",
                state.protocol_version().unwrap(),
                state.negotiated_cipher_suite().unwrap().suite(),
                state.negotiated_key_exchange_group().unwrap().name()
            )
        })
    };
    let mut old = client(&office);
    old.common.max_version = "1.2".into();
    old.common.cipher_suites = vec![
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA".into(),
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256".into(),
    ];
    old.common.curve_preferences = vec!["P521".into(), "P384".into()];
    let want = "TLSv1_2 TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 secp384r1";
    assert_eq!(agreed(old.clone(), server(&office, "server")).await.unwrap(), want);
    let mut new = server(&office, "server");
    new.common.min_version = "1.3".into();
    let want = "remote error: tls: protocol version not supported";
    assert_eq!(agreed(old, new.clone()).await.unwrap_err(), want);
    let got = agreed(client(&office), new).await.unwrap();
    assert!(got.starts_with("TLSv1_3 "), "{got}");
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_was_replaced_serves_the_next_handshake() {
    let office = Authority::new();
    office.issue("server", "one");
    let mut server = server(&office, "server");
    server.common.reload_interval = component::config::Duration::from_secs(60);
    let acceptor = Acceptor::new(&server, &[]).unwrap();
    let connector = Connector::new(&client(&office), &[]).unwrap();
    let (client, held) = meet(&connector, "one", &acceptor).await;
    let (mut client, mut held) = (client.unwrap(), held.unwrap());

    office.issue("server", "two");
    assert!(meet(&connector, "two", &acceptor).await.0.is_err(), "it is not due yet");
    tokio::time::advance(std::time::Duration::from_secs(61)).await;
    meet(&connector, "two", &acceptor).await.0.unwrap();

    // What stands goes on, and a file that is being written does no harm.
    fs::write(office.path("server.key"), "half a k").unwrap();
    tokio::time::advance(std::time::Duration::from_secs(61)).await;
    meet(&connector, "two", &acceptor).await.0.unwrap();
    client.write_all(b"?").await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(held.read_u8().await.unwrap(), b'?');
}

#[tokio::test(start_paused = true)]
async fn authorities_of_clients_are_read_again_when_they_change() {
    let (office, other) = (Authority::new(), Authority::new());
    office.issue("server", "localhost");
    other.issue("client", "someone");
    let mut server = server(&office, "server");
    fs::copy(office.path("ca.pem"), office.path("clients.pem")).unwrap();
    (server.client_ca_file, server.client_ca_file_reload) = (office.path("clients.pem"), true);
    let mut client = client(&office);
    client.common.cert_file = other.path("client.pem");
    client.common.key_file = other.path("client.key");
    let acceptor = Acceptor::new(&server, &[]).unwrap();
    let connector = Connector::new(&client, &[]).unwrap();
    meet(&connector, "localhost", &acceptor).await.0.unwrap_err();
    fs::copy(other.path("ca.pem"), office.path("clients.pem")).unwrap();
    tokio::time::advance(std::time::Duration::from_secs(2)).await;
    meet(&connector, "localhost", &acceptor).await.0.unwrap();
    fs::write(office.path("clients.pem"), "").unwrap();
    tokio::time::advance(std::time::Duration::from_secs(2)).await;
    meet(&connector, "localhost", &acceptor).await.0.unwrap();
}

#[tokio::test]
async fn plain_text_is_given_back_and_half_a_handshake_ends() {
    let office = Authority::new();
    office.issue("server", "localhost");
    let acceptor = Acceptor::new(&server(&office, "server"), &[]).unwrap();
    let (mut near, far) = duplex(64 * 1024);
    near.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let refused = acceptor.accept(far).await.unwrap_err();
    assert_eq!(refused.why, "tls: first record does not look like a TLS handshake");
    refused.plain.unwrap().write_all(b"go").await.unwrap();
    assert_eq!((near.read_u8().await.unwrap(), near.read_u8().await.unwrap()), (b'g', b'o'));

    // The header of a record that never comes, and a record that is none.
    for bytes in [&b"\x16\x03\x01\x00\x50"[..], b"\x16\x03\x01\x00\x02\xff\xff\xff"] {
        let (mut near, far) = duplex(64 * 1024);
        near.write_all(bytes).await.unwrap();
        near.shutdown().await.unwrap();
        assert!(acceptor.accept(far).await.unwrap_err().plain.is_none());
    }
}

#[tokio::test]
async fn a_server_without_tls_is_recognized() {
    let connector = Connector::new(&ClientConfig::default(), &[]).unwrap();
    let (near, mut far) = duplex(64 * 1024);
    far.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n").await.unwrap();
    let error = connector.connect("localhost", near).await.unwrap_err();
    assert!(error.starts_with("tls: first record does not look like a TLS handshake"), "{error}");
}

/// What `openssl req -x509` makes: an authority that vouches for itself, and is used as it is.
fn self_signed(office: &Authority, name: &str, change: impl FnOnce(&mut CertificateParams)) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    let certificate = params.self_signed(&key).unwrap();
    fs::write(office.path(&format!("{name}.pem")), certificate.pem()).unwrap();
    fs::write(office.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
}

#[tokio::test]
async fn a_certificate_that_is_trusted_itself_needs_no_authority() {
    let office = Authority::new();
    self_signed(&office, "server", |_| {});
    self_signed(&office, "client", |_| {});
    let mut trusting = client(&office);
    trusting.common.ca_file = office.path("server.pem");
    trusting.common.cert_file = office.path("client.pem");
    trusting.common.key_file = office.path("client.key");
    let mut section = server(&office, "server");
    section.client_ca_file = office.path("client.pem");
    outcome(&trusting, "localhost", &section).await.unwrap();

    let error = outcome(&trusting, "elsewhere", &section).await.unwrap_err();
    assert!(error.contains("certificate is valid for localhost, not elsewhere"), "{error}");
    let error = outcome(&client(&office), "localhost", &section).await.unwrap_err();
    assert!(error.contains("signed by unknown authority"), "{error}");
    section.client_ca_file = office.path("server.pem");
    let error = outcome(&trusting, "localhost", &section).await.unwrap_err();
    assert!(error.starts_with("remote error: tls: "), "{error}");
    self_signed(&office, "server", |it| it.not_after = date_time_ymd(2020, 1, 1));
    let error = outcome(&trusting, "localhost", &server(&office, "server")).await.unwrap_err();
    assert!(error.contains("has expired"), "{error}");
}

#[tokio::test]
async fn a_certificate_with_a_common_name_only_is_told_what_it_lacks() {
    let office = Authority::new();
    office.issue_with(&PKCS_ECDSA_P256_SHA256, ("server", "localhost"), |it| {
        it.subject_alt_names.clear();
    });
    let error =
        outcome(&client(&office), "localhost", &server(&office, "server")).await.unwrap_err();
    assert!(error.contains("x509: certificate relies on legacy Common Name field"), "{error}");
}
