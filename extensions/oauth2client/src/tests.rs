use std::sync::Mutex;

use bytes::Bytes;
use component::config::{Section, Stage};
use component::{AuthData, GrpcStatus, Meter, Refusal, ServerAuth};
use componenttest::{Authority, TestHost, config, problems, settings};
use configgrpc::server::{Route, Unary};
use confighttp::client::{Client, ClientConfig};
use confighttp::server::{Handler, ServerConfig, serve};
use confignet::AddrConfig;
use credentials::Lasting as _;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Response, StatusCode};
use tokio::time::{advance, pause};

use super::*;

const PLAIN: &str =
    r#"{"client_id": "me", "client_secret": "s3cret&", "token_url": "http://localhost:1/token"}"#;

componenttest::conformance!(extension Oauth2Client, super::PLAIN);

/// Longest time that a test waits for something that has to happen.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(30);

/// A server that answers each POST with the next of its answers, the last one repeated, and keeps what it was sent:
/// the header `authorization` and the body.
#[derive(Default)]
struct Site {
    answers: Mutex<Vec<(u16, String)>>,
    seen: Mutex<Vec<(String, String)>>,
}

fn header(head: &Parts) -> String {
    let value = head.headers.get(AUTHORIZATION).map(|it| it.to_str().unwrap().to_owned());
    value.unwrap_or_default()
}

#[async_trait]
impl Handler for Site {
    fn check(&self, _head: &Parts) -> Option<Response<Bytes>> {
        None
    }

    async fn handle(&self, head: &Parts, _ctx: &Context, body: Bytes) -> Response<Bytes> {
        let body = String::from_utf8(body.to_vec()).unwrap();
        self.seen.lock().unwrap().push((header(head), body));
        let mut answers = self.answers.lock().unwrap();
        let (status, body) = answers[0].clone();
        if answers.len() > 1 {
            answers.remove(0);
        }
        let mut answer = Response::new(Bytes::from(body));
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        answer.headers_mut().insert("location", "http://127.0.0.1:1/".parse().unwrap());
        answer
    }
}

impl Site {
    fn new(answers: &[(u16, &str)]) -> Arc<Self> {
        let site = Self::default();
        site.say(answers);
        Arc::new(site)
    }

    fn say(&self, answers: &[(u16, &str)]) {
        *self.answers.lock().unwrap() =
            answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
    }

    fn seen(&self) -> Vec<(String, String)> {
        self.seen.lock().unwrap().clone()
    }

    /// Serves it, encrypted with the certificate `server` if there is an authority.
    fn serve(self: &Arc<Self>, host: &Host, authority: Option<&Authority>) -> String {
        let mut config =
            ServerConfig { net: AddrConfig::tcp("127.0.0.1:0"), ..ServerConfig::default() };
        if let Some(authority) = authority {
            let mut tls = configtls::ServerConfig::default();
            tls.common.cert_file = authority.path("server.pem");
            tls.common.key_file = authority.path("server.key");
            config.tls = Section::on(tls);
        }
        let address = serve(&config, Arc::clone(self) as _, (host, &Meter::default())).unwrap();
        let scheme = if authority.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", address.unwrap())
    }
}

async fn started(host: &Host, section: &str) -> Arc<Oauth2Client> {
    let extension = Oauth2Client::create(settings("oauth2client"), config(section)).unwrap();
    let extension = Arc::new(extension);
    Arc::clone(&extension).start(host).await.unwrap();
    extension
}

fn section(base: &str, more: &str) -> String {
    format!(
        r#"{{"client_id": "me", "client_secret": "s3cret&", "token_url": "{base}/token"{more}}}"#
    )
}

/// The header that goes with a request now.
async fn sent(extension: &Oauth2Client) -> Result<String, String> {
    let mut headers = HeaderMap::new();
    let ctx = Context::default();
    let authorized = extension.authorize(&ctx, &mut headers);
    tokio::time::timeout(LIMIT, authorized).await.unwrap()?;
    let value = headers.get(AUTHORIZATION).unwrap();
    assert!(value.is_sensitive());
    Ok(value.to_str().unwrap().to_owned())
}

fn token(name: &str, seconds: u64) -> String {
    format!(r#"{{"access_token": "{name}", "token_type": "bearer", "expires_in": {seconds}}}"#)
}

#[tokio::test]
async fn one_token_is_fetched_for_many_requests() {
    let (host, site) = (TestHost::new(), Site::new(&[(200, &token("tok", 3600))]));
    let base = site.serve(&host, None);
    let more = r#", "scopes": ["a", "b c"], "endpoint_params": {"audience": ["x y"], "resource": ["1", "2"]}"#;
    let extension = started(&host, &section(&base, more)).await;
    let (a, b) = tokio::join!(sent(&extension), sent(&extension));
    assert_eq!([a.unwrap(), b.unwrap(), sent(&extension).await.unwrap()], ["Bearer tok"; 3]);
    // `me:s3cret%26`
    let form = "grant_type=client_credentials&scope=a+b+c&audience=x+y&resource=1&resource=2";
    assert_eq!(site.seen(), [("Basic bWU6czNjcmV0JTI2".to_owned(), form.to_owned())]);
    host.stop().await;
}

/// A part of a token that was sent in a form.
fn decoded(part: &str) -> serde_json::Value {
    let text = pdata::text::Base64::RAW_URL.decode(part.as_bytes()).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn openssl(arguments: &[&str]) {
    let made = std::process::Command::new("openssl").args(arguments).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn by_key(base: &str, more: &str) -> String {
    format!(
        r#"{{"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "client_id": "me", "token_url": "{base}/token"{more}}}"#
    )
}

#[tokio::test]
async fn a_client_with_a_key_signs_who_it_is() {
    let (host, site) = (TestHost::new(), Site::new(&[(200, &token("tok", 3600))]));
    let base = site.serve(&host, None);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    // ring makes no such keys.
    openssl(&["genpkey", "-quiet", "-algorithm", "RSA", "-out", &file("client.key")]);
    let traditional = ["rsa", "-traditional", "-in", &file("client.key")];
    openssl(&[&traditional[..], &["-out", &file("client.pkcs1.key")]].concat());
    let pem = std::fs::read_to_string(file("client.key")).unwrap();
    let key = assertion::key(&pem).unwrap();
    let inline = serde_json::json!(pem);
    for (more, algorithm, how) in [
        (
            format!(r#", "client_certificate_key": {inline}"#),
            "RS256",
            &ring::signature::RSA_PKCS1_2048_8192_SHA256,
        ),
        (
            format!(
                r#", "client_certificate_key_file": "{}", "signature_algorithm": "RS512", "scopes": ["a", "b"],
                "client_certificate_key_id": "k1", "iss": "us", "audience": "them", "claims": {{"tenant": 7, "sub": "you"}}"#,
                file("client.pkcs1.key")
            ),
            "RS512",
            &ring::signature::RSA_PKCS1_2048_8192_SHA512,
        ),
    ] {
        let extension = started(&host, &by_key(&base, &more)).await;
        assert_eq!(sent(&extension).await.unwrap(), "Bearer tok");
        let (header, form) = site.seen().pop().unwrap();
        assert_eq!(header, "", "there is no secret");
        let (before, signed) = form.split_once("&assertion=").unwrap();
        let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
        assert!(before.starts_with(grant), "{form}");
        let parts: Vec<&str> = signed.split('.').collect();
        let signature = pdata::text::Base64::RAW_URL.decode(parts[2].as_bytes()).unwrap();
        let public = ring::signature::UnparsedPublicKey::new(how, key.public());
        public.verify(format!("{}.{}", parts[0], parts[1]).as_bytes(), &signature).unwrap();
        let (head, said) = (decoded(parts[0]), decoded(parts[1]));
        assert_eq!((&head["alg"], &head["typ"]), (&algorithm.into(), &"JWT".into()));
        let life = said["exp"].as_u64().unwrap() - said["iat"].as_u64().unwrap();
        assert_eq!((life, said["jti"].as_str().unwrap().len()), (1800, 36));
        if algorithm == "RS256" {
            let url = format!("{base}/token");
            let want: [serde_json::Value; 3] = ["me".into(), "me".into(), url.into()];
            assert_eq!(["iss", "sub", "aud"].map(|it| said[it].clone()), want);
            assert_eq!((head.get("kid"), said.get("scope")), (None, None));
        } else {
            let want: [serde_json::Value; 5] =
                ["us".into(), "you".into(), "them".into(), "a b".into(), 7.into()];
            assert_eq!(["iss", "sub", "aud", "scope", "tenant"].map(|it| said[it].clone()), want);
            assert_eq!(head["kid"], "k1");
            assert!(before.ends_with("&scope=a+b"), "{before}");
        }
    }
    host.stop().await;
}

#[tokio::test]
async fn a_key_that_is_none_keeps_the_collector_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let generated = Authority::new();
    generated.issue("ec", "localhost");
    let ec = std::fs::read_to_string(generated.path("ec.key")).unwrap();
    for (text, want) in [
        ("hello", "the client's key cannot be used: it is no private key as PEM"),
        (&ec, "the client's key cannot be used: it is no RSA key"),
    ] {
        std::fs::write(&path, text).unwrap();
        let more = format!(r#", "client_certificate_key_file": "{}""#, path.display());
        let section = by_key("http://localhost:1", &more);
        let extension = Oauth2Client::create(settings("oauth2client"), config(&section)).unwrap();
        let error = Arc::new(extension).start(&TestHost::new()).await.unwrap_err().to_string();
        assert!(error.starts_with(want), "{error}");
        assert!(!error.contains("BEGIN"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_wants_the_secret_in_the_form_gets_it_there() {
    let no = (401, r#"{"error": "invalid_client"}"#);
    let (host, site) = (TestHost::new(), Site::new(&[no, (200, &token("tok", 3600))]));
    let base = site.serve(&host, None);
    let extension = started(&host, &section(&base, "")).await;
    assert_eq!(sent(&extension).await.unwrap(), "Bearer tok");
    let seen = site.seen();
    let form = "grant_type=client_credentials&client_id=me&client_secret=s3cret%26";
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1], (String::new(), form.to_owned()));
    host.stop().await;
}

#[tokio::test]
async fn a_token_is_replaced_before_its_end_without_making_anybody_wait() {
    let (host, site) = (TestHost::new(), Site::new(&[(200, &token("first", 100))]));
    let base = site.serve(&host, None);
    let extension = started(&host, &section(&base, r#", "expiry_buffer": "10s""#)).await;
    assert_eq!(sent(&extension).await.unwrap(), "Bearer first");
    site.say(&[(503, ""), (200, &token("second", 100))]);
    pause();
    advance(std::time::Duration::from_secs(85)).await;
    assert_eq!(sent(&extension).await.unwrap(), "Bearer first");
    assert_eq!(site.seen().len(), 1);
    // Within the buffer the old one goes with requests until the new one is there, also when a try has failed.
    advance(std::time::Duration::from_secs(6)).await;
    tokio::time::resume();
    assert_eq!(sent(&extension).await.unwrap(), "Bearer first");
    tokio::time::timeout(LIMIT, async {
        while sent(&extension).await.unwrap() != "Bearer second" {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(site.seen().len(), 3);
    host.stop().await;
}

#[tokio::test]
async fn a_token_that_lives_no_longer_than_the_buffer_is_used_for_half_its_life() {
    let (host, site) = (TestHost::new(), Site::new(&[(200, &token("tok", 100))]));
    let base = site.serve(&host, None);
    let extension = started(&host, &section(&base, "")).await;
    sent(&extension).await.unwrap();
    let (due, end) = {
        let known = extension.token.known().value.unwrap();
        (known.is_due(), known.is_valid())
    };
    assert!(!due && end);
    pause();
    advance(std::time::Duration::from_secs(51)).await;
    let known = extension.token.known().value.unwrap();
    assert!(known.is_due() && known.is_valid());
    advance(std::time::Duration::from_secs(50)).await;
    assert!(!known.is_valid());
    tokio::time::resume();
    host.stop().await;
}

#[tokio::test]
async fn what_goes_wrong_is_said_without_the_secret_and_not_tried_again_at_once() {
    for (status, answer, want) in [
        (
            400,
            r#"{"error": "invalid_client", "error_description": "no s3cret& here"}"#,
            r#"oauth2: "invalid_client" "no [REDACTED] here""#,
        ),
        (
            401,
            "secret text",
            "oauth2: cannot fetch token: 401 Unauthorized: check client_id and client_secret",
        ),
        (404, "", "oauth2: cannot fetch token: 404 Not Found: check token_url"),
        (
            307,
            "",
            "oauth2: cannot fetch token: 307 Temporary Redirect: it redirects; set token_url to where it leads",
        ),
        (503, "", "oauth2: cannot fetch token: 503 Service Unavailable"),
        (200, "{}", "oauth2: server response missing access_token"),
        (200, "<html>", "oauth2: cannot parse json: the answer is none (line 1, column 1)"),
        (
            200,
            r#"{"access_token": "a\nb"}"#,
            "oauth2: the token holds characters that no header can carry",
        ),
    ] {
        let (host, site) = (TestHost::new(), Site::new(&[(status, answer)]));
        let base = site.serve(&host, None);
        let extension = started(&host, &section(&base, "")).await;
        let error = sent(&extension).await.unwrap_err();
        let before = format!(
            "failed to get security token from token endpoint (endpoint \"{base}/token\"); "
        );
        assert_eq!(error, format!("{before}{want}"));
        let tries = site.seen().len();
        assert_eq!(sent(&extension).await.unwrap_err(), error);
        assert_eq!(site.seen().len(), tries, "{want}");
        host.stop().await;
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_and_a_silent_server_is_given_up() {
    let (host, site) = (TestHost::new(), Site::new(&[(200, &"x".repeat(1024 * 1024 + 1))]));
    let base = site.serve(&host, None);
    let extension = started(&host, &section(&base, "")).await;
    let error = sent(&extension).await.unwrap_err();
    assert!(
        error.ends_with("the answer is longer than 1048576 bytes: is this the right URL?"),
        "{error}"
    );
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", silent.local_addr().unwrap());
    let extension = started(&host, &section(&base, r#", "timeout": "20ms""#)).await;
    let error = sent(&extension).await.unwrap_err();
    assert!(error.contains("context deadline exceeded"), "{error}");
    host.stop().await;
}

#[tokio::test]
async fn credentials_in_files_are_those_that_the_files_hold_at_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(file("id"), "you\n").unwrap();
    std::fs::write(file("secret"), "first\n").unwrap();
    let (host, site) = (TestHost::new(), Site::new(&[(200, &token("tok", 1))]));
    let base = site.serve(&host, None);
    let files = format!(
        r#", "client_id_file": "{}", "client_secret_file": "{}""#,
        file("id"),
        file("secret")
    );
    let extension = started(&host, &section(&base, &files)).await;
    sent(&extension).await.unwrap();
    std::fs::write(file("secret"), "second\n").unwrap();
    let seen = tokio::time::timeout(LIMIT, async {
        loop {
            // A try may be a moment too early for the next token.
            let _ = sent(&extension).await;
            let seen: Vec<String> = site.seen().into_iter().map(|it| it.0).collect();
            if seen.iter().any(|it| *it == "Basic eW91OnNlY29uZA==") {
                return seen;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(seen[0], "Basic eW91OmZpcnN0");
    let missing = section(&base, r#", "client_secret_file": "/nowhere""#);
    let extension = Oauth2Client::create(settings("oauth2client"), config(&missing)).unwrap();
    let error = Arc::new(extension).start(&host).await.unwrap_err().to_string();
    assert_eq!(error, "open /nowhere: no such file or directory");
    host.stop().await;
}

/// Lets in who has the token.
struct Doorman;

#[async_trait]
impl ServerAuth for Doorman {
    async fn authenticate(&self, headers: &HeaderMap) -> Result<AuthData, Refusal> {
        match headers.get(AUTHORIZATION).map(http::HeaderValue::as_bytes) {
            Some(b"Bearer tok") => Ok(AuthData::default()),
            _ => Err("no token".into()),
        }
    }
}

/// Answers to every call.
struct Nothing;

#[async_trait]
impl Unary for Nothing {
    async fn call(&self, _ctx: &Context, _message: Bytes) -> Result<(), GrpcStatus> {
        Ok(())
    }
}

#[tokio::test]
async fn clients_of_both_transports_send_it_and_it_comes_over_tls() {
    let authority = Authority::new();
    authority.issue("server", "127.0.0.1");
    let (host, site) = (TestHost::new(), Site::new(&[(200, &token("tok", 3600))]));
    let base = site.serve(&host, Some(&authority));
    let tls = format!(r#", "tls": {{"ca_file": "{}"}}"#, authority.path("ca.pem"));
    let extension = started(&host, &section(&base, &tls)).await;
    let auth: Arc<dyn ClientAuth> = extension;

    let url = Url::parse(&format!("{}/v1/logs", Site::serve(&site, &host, None))).unwrap();
    let client = Client::new(&ClientConfig::default(), url, "test").unwrap();
    let client = client.authorized(Some(Arc::clone(&auth)));
    let sent = client.post(&Context::default(), "a/b".parse().unwrap(), Bytes::new().into()).await;
    assert_eq!(sent.unwrap().status, 200);
    assert_eq!(site.seen()[1].0, "Bearer tok");

    let mut tls = configtls::ServerConfig::default();
    tls.common.cert_file = authority.path("server.pem");
    tls.common.key_file = authority.path("server.key");
    let server = configgrpc::server::ServerConfig {
        net: AddrConfig::tcp("127.0.0.1:0"),
        tls: Section::on(tls),
        auth: Section::on(configgrpc::client::AuthConfig { authenticator: "doorman".into() }),
        ..Default::default()
    };
    host.offer("doorman", Capability::ServerAuth(Arc::new(Doorman)));
    let path = PathAndQuery::from_static("/test.Service/Call");
    let handler = Arc::new(Nothing);
    let routes = vec![Route { service: "test.Service", method: "Call", answer: b"", handler }];
    let address = configgrpc::server::serve(&server, routes, (&host, &Meter::default())).unwrap();
    let mut section = configgrpc::client::ClientConfig {
        endpoint: format!("https://{}", address.unwrap()),
        ..Default::default()
    };
    section.tls.common.ca_file = authority.path("ca.pem");
    let client = configgrpc::client::Client::new(&section, "test", LIMIT).unwrap();
    let with = client.authorized(Some(Arc::clone(&auth))).unwrap();
    with.call(&Context::default(), &path, &[Bytes::new()]).await.unwrap();
    let without = configgrpc::client::Client::new(&section, "test", LIMIT).unwrap();
    let refused = without.call(&Context::default(), &path, &[Bytes::new()]).await.unwrap_err();
    assert_eq!((refused.code, refused.message.as_str()), (16, "no token"));
    // Without TLS a gRPC client would show the token to everybody on the way.
    let plain = configgrpc::client::ClientConfig {
        endpoint: "http://127.0.0.1:1".into(),
        ..Default::default()
    };
    let plain = configgrpc::client::Client::new(&plain, "test", LIMIT).unwrap();
    let error = plain.authorized(Some(auth)).unwrap_err();
    assert!(error.starts_with("grpc: the credentials require transport level security"), "{error}");
    host.stop().await;
}

#[test]
fn mistakes_are_named_in_the_collectors_words() {
    let no_id = "no ClientID provided in the OAuth2 exporter configuration";
    let no_secret = "no ClientSecret provided in OAuth Client Credentials configuration";
    let no_url = "no TokenURL provided in OAuth Client Credentials configuration";
    assert_eq!(problems::<Config>("{}"), [no_id, no_secret, no_url]);
    assert_eq!(problems::<Config>(PLAIN), [""; 0]);
    let with = |more: &str| {
        let mut found = Problems::default();
        let config: Config = config(&section("http://localhost:1", more));
        component::Config::validate(&config, &mut found);
        found.of(Stage::Start).map(|it| it.text.clone()).collect::<Vec<_>>()
    };
    let unknown = with(r#", "grant_type": "password""#);
    assert!(unknown[0].starts_with("grant_type \"password\" is not supported: "), "{unknown:?}");
    let no_key = "no ClientCertificateKey provided in OAuth Client Credentials configuration";
    let by_key = r#"{"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "client_id": "me", "token_url": "http://localhost:1""#;
    assert_eq!(problems::<Config>(&format!("{by_key}}}")), [no_key]);
    let wrong = problems::<Config>(&format!(
        r#"{by_key}, "client_certificate_key_file": "k", "signature_algorithm": "HS256"}}"#
    ));
    assert_eq!(
        wrong,
        ["invalid signature algorithm \"HS256\": RS256, RS384 and RS512 are supported"]
    );
    assert_eq!(
        with(r#", "endpoint_params": {"scope": ["a"]}"#),
        ["oauth2: cannot overwrite parameter \"scope\""]
    );
    assert_eq!(with(r#", "timeout": "-1s""#), ["timeout must not be negative"]);
}
