//! Who may send: tokens from a server of the test, checked with the keys of an issuer of the test, on both transports.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use component::config::Section;
use component::{Context, Meter, Next, async_trait};
use componenttest::{Authority, TestHost};
use confighttp::server::{Handler, ServerConfig, serve};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use ledger::Oracle;
use pdata::text::Base64;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;

use super::logs::pod;
use crate::support::{Endpoint, Process, SLUICE, eventually, own_address};

/// Tells this test's addresses from those of others.
const ADDRESS: u8 = 116;
const LINES: usize = 500;
const SECRET: &str = "hunter2canary";

/// An issuer of tokens, and the server that gives them.
struct Issuer {
    key: Ed25519KeyPair,
    base: OnceLock<String>,
    given: AtomicU32,
}

impl Issuer {
    fn token(&self) -> String {
        let text = |bytes: &[u8]| Base64::RAW_URL.encode(bytes);
        let end = component::clock::unix_nanos() / 1_000_000_000 + 3600;
        let claims = json!({"iss": self.base.get(), "sub": "ann", "aud": "sluice", "exp": end});
        let head = text(br#"{"alg":"EdDSA","kid":"one"}"#);
        let signed = format!("{head}.{}", text(claims.to_string().as_bytes()));
        format!("{signed}.{}", text(self.key.sign(signed.as_bytes()).as_ref()))
    }

    fn answer(&self, head: &Parts) -> Option<serde_json::Value> {
        let base = self.base.get()?;
        let login = head.headers.get("authorization").map(http::HeaderValue::as_bytes);
        let known = format!("Basic {}", Base64::STANDARD.encode(format!("me:{SECRET}").as_bytes()));
        match (&head.method, head.uri.path()) {
            (&Method::GET, "/.well-known/openid-configuration") => {
                Some(json!({"issuer": base, "jwks_uri": format!("{base}/keys")}))
            }
            (&Method::GET, "/keys") => {
                let x = Base64::RAW_URL.encode(self.key.public_key().as_ref());
                Some(json!({"keys": [{"kty": "OKP", "kid": "one", "crv": "Ed25519", "x": x}]}))
            }
            (&Method::POST, "/token") if login == Some(known.as_bytes()) => {
                self.given.fetch_add(1, Relaxed);
                Some(
                    json!({"access_token": self.token(), "token_type": "Bearer", "expires_in": 3600}),
                )
            }
            _ => None,
        }
    }
}

#[async_trait]
impl Handler for Issuer {
    fn check(&self, _head: &Parts) -> Option<Response<Bytes>> {
        None
    }

    async fn handle(&self, head: &Parts, _ctx: &Context, _body: Bytes) -> Response<Bytes> {
        match self.answer(head) {
            Some(json) => Response::new(Bytes::from(json.to_string())),
            None => self.refuse(head, StatusCode::UNAUTHORIZED, ""),
        }
    }

    fn refuse(&self, _head: &Parts, status: StatusCode, _message: &str) -> Response<Bytes> {
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = status;
        answer
    }
}

/// Serves a new issuer, encrypted.
fn issuer(authority: &Authority, host: &TestHost, address: &str) -> Arc<Issuer> {
    let made = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
    let key = Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap();
    let issuer = Arc::new(Issuer { key, base: OnceLock::new(), given: AtomicU32::new(0) });
    let mut config = ServerConfig::default();
    address.clone_into(&mut config.net.endpoint);
    let mut tls = configtls::ServerConfig::default();
    tls.common.cert_file = authority.path("server.pem");
    tls.common.key_file = authority.path("server.key");
    config.tls = Section::on(tls);
    let served = serve(&config, Arc::clone(&issuer) as _, (host, &Meter::default())).unwrap();
    issuer.base.set(format!("https://{}", served.unwrap())).unwrap();
    issuer
}

/// Lines from files go through guarded receivers, one for each transport, to the ends; `secret` is what the exporters
/// know.
fn config(
    authority: &Authority,
    base: &str,
    secret: &str,
    folder: &Path,
    ends: &[String],
) -> String {
    let host = own_address(ADDRESS);
    let ca = authority.path("ca.pem");
    let server = format!(
        "{{cert_file: {}, key_file: {}}}",
        authority.path("server.pem"),
        authority.path("server.key")
    );
    format!(
        "extensions:
  oauth2client: {{client_id: me, client_secret: {secret}, token_url: '{base}/token', tls: {{ca_file: {ca}}}}}
  oidc: {{providers: [{{issuer_url: '{base}', audience: sluice, issuer_ca_path: {ca}}}]}}
receivers:
  file_log: {{include: ['{}/pods/*/*/*.log'], start_at: beginning, include_file_path: true, operators: [{{type: container}}]}}
  otlp/g: {{protocols: {{grpc: {{endpoint: '{host}:4300', tls: {server}, auth: {{authenticator: oidc}}}}}}}}
  otlp/h: {{protocols: {{http: {{endpoint: '{host}:4400', tls: {server}, auth: {{authenticator: oidc}}}}}}}}
exporters:
  otlp_grpc: {{endpoint: '{host}:4300', tls: {{ca_file: {ca}}}, auth: {{authenticator: oauth2client}}}}
  otlp_http: {{endpoint: 'https://{host}:4400', tls: {{ca_file: {ca}}}, auth: {{authenticator: oauth2client}}}}
  otlp_grpc/g: {{endpoint: '{}', tls: {{insecure: true}}}}
  otlp_grpc/h: {{endpoint: '{}', tls: {{insecure: true}}}}
service:
  extensions: [oauth2client, oidc]
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    logs: {{receivers: [file_log], exporters: [otlp_grpc, otlp_http]}}
    logs/g: {{receivers: [otlp/g], exporters: [otlp_grpc/g]}}
    logs/h: {{receivers: [otlp/h], exporters: [otlp_grpc/h]}}
",
        folder.display(),
        ends[0],
        ends[1],
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_the_issuer_opens_both_transports_and_without_one_nothing_passes() {
    let (authority, host, address) = (Authority::new(), TestHost::new(), own_address(ADDRESS));
    authority.issue("server", &address);
    let issuer = issuer(&authority, &host, &format!("{address}:4500"));
    let base = issuer.base.get().unwrap();
    let oracles = [Arc::new(Oracle::default()), Arc::new(Oracle::default())];
    let ends = [
        Endpoint::start(Arc::clone(&oracles[0]) as Next).await,
        Endpoint::start(Arc::clone(&oracles[1]) as Next).await,
    ];
    let addresses = ends.each_ref().map(|it| it.grpc.clone());
    let folder = tempfile::tempdir().unwrap();
    let pod = pod(&folder.path().join("pods"), 1, LINES);
    let arrived = || oracles.each_ref().map(|it| it.tally().delivered);

    // With a wrong secret there is no token.
    let wrong = folder.path().join("wrong");
    fs::create_dir_all(&wrong).unwrap();
    let text = config(&authority, base, "wrong-hunter2canary", folder.path(), &addresses);
    let mut process = Process::collector(Path::new(SLUICE), &wrong, &text);
    process.ready().await;
    assert!(eventually(|| process.output().contains("check client_id and client_secret")).await);
    assert_eq!(arrived(), [0, 0]);
    assert!(!process.output().contains(SECRET), "{}", process.output());
    process.kill();

    let right = folder.path().join("right");
    fs::create_dir_all(&right).unwrap();
    let text = config(&authority, base, SECRET, folder.path(), &addresses);
    let mut process = Process::collector(Path::new(SLUICE), &right, &text);
    process.ready().await;
    let want = [pod.written(); 2];
    eventually(|| arrived() == want).await;
    assert_eq!(arrived(), want, "{}", process.output());
    assert_eq!(issuer.given.load(Relaxed), 1, "both exporters share a token");
    assert!(!process.output().contains(SECRET), "{}", process.output());
    process.terminate().await;
    for end in ends {
        end.stop().await;
    }
    host.stop().await;
}
