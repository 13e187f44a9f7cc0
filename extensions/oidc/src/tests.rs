use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use ::config::{Problems, Section, Stage};
use bytes::Bytes;
use component::{Context, Meter};
use componenttest::{Authority, TestHost, config, problems, settings};
use confighttp::server::{Handler, ServerConfig, serve};
use confignet::AddrConfig;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Response, StatusCode};
use pdata::text::Base64;
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use serde_json::json;

use super::*;

/// Its keys are in a file, so that it starts alone.
const ALONE: &str = concat!(
    r#"{"providers": [{"issuer_url": "https://issuer.test", "audience": "a", "public_keys_file": ""#,
    env!("CARGO_MANIFEST_DIR"),
    r#"/testdata/keys.json"}]}"#
);

componenttest::conformance!(extension Oidc, super::ALONE);

/// Longest time that a test waits for something that has to happen.
const LIMIT: Duration = Duration::from_secs(30);

/// A key of an issuer.
enum Signer {
    Curve(&'static str, Box<EcdsaKeyPair>),
    Edwards(Box<Ed25519KeyPair>),
    /// ring knows no P-521.
    P521(p521::ecdsa::SigningKey),
    Rsa(Box<RsaKeyPair>),
}

fn text(bytes: &[u8]) -> String {
    Base64::RAW_URL.encode(bytes)
}

impl Signer {
    fn new(algorithm: &str) -> Self {
        let random = SystemRandom::new();
        let curve = |name, how| {
            let made = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
            let key = EcdsaKeyPair::from_pkcs8(how, made.as_ref(), &random).unwrap();
            Self::Curve(name, Box::new(key))
        };
        match algorithm {
            "ES256" => curve("P-256", &signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => curve("P-384", &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            "ES512" => {
                // The order of the group begins with 0x01.
                let private = [&[0][..], &[7; 65]].concat();
                Self::P521(p521::ecdsa::SigningKey::from_slice(&private).unwrap())
            }
            "EdDSA" => {
                let made = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
                Self::Edwards(Box::new(Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap()))
            }
            _ => {
                // ring makes no such keys.
                let key = std::process::Command::new("openssl")
                    .args(["genpkey", "-quiet", "-algorithm", "RSA", "-outform", "DER"])
                    .args(["-pkeyopt", "rsa_keygen_bits:2048"])
                    .output()
                    .unwrap();
                Self::Rsa(Box::new(RsaKeyPair::from_der(&key.stdout).unwrap()))
            }
        }
    }

    fn jwk(&self, id: &str) -> Value {
        match self {
            Self::Curve(name, key) => {
                let point = &key.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({"kty": "EC", "kid": id, "use": "sig", "crv": name, "x": text(x), "y": text(y)})
            }
            Self::P521(key) => {
                let point = p521::ecdsa::VerifyingKey::from(key).to_encoded_point(false);
                let (x, y) = point.as_bytes()[1..].split_at(66);
                json!({"kty": "EC", "kid": id, "crv": "P-521", "x": text(x), "y": text(y)})
            }
            Self::Edwards(key) => {
                let x = text(key.public_key().as_ref());
                json!({"kty": "OKP", "kid": id, "crv": "Ed25519", "x": x})
            }
            Self::Rsa(key) => {
                let parts = signature::RsaPublicKeyComponents::<Vec<u8>>::from(key.public());
                json!({"kty": "RSA", "kid": id, "n": text(&parts.n), "e": text(&parts.e)})
            }
        }
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Curve(_, key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::P521(key) => jws::es512_sign(&key.to_bytes(), message).unwrap(),
            Self::Edwards(key) => key.sign(message).as_ref().to_vec(),
            Self::Rsa(key) => {
                let mut made = vec![0; key.public().modulus_len()];
                let padding: &dyn signature::RsaEncoding = match algorithm {
                    "RS256" => &signature::RSA_PKCS1_SHA256,
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    _ => &signature::RSA_PSS_SHA512,
                };
                key.sign(padding, &random, message, &mut made).unwrap();
                made
            }
        }
    }

    fn token(&self, algorithm: &str, id: &str, claims: &Value) -> String {
        let head = json!({"alg": algorithm, "kid": id, "typ": "JWT"}).to_string();
        let signed = format!("{}.{}", text(head.as_bytes()), text(claims.to_string().as_bytes()));
        let made = self.sign(algorithm, signed.as_bytes());
        format!("{signed}.{}", text(&made))
    }
}

/// An issuer: what it answers under which path, and how often it was asked.
#[derive(Default)]
struct Site {
    pages: Mutex<HashMap<String, String>>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Handler for Site {
    fn check(&self, _head: &Parts) -> Option<Response<Bytes>> {
        None
    }

    async fn handle(&self, head: &Parts, _ctx: &Context, _body: Bytes) -> Response<Bytes> {
        let path = head.uri.path().to_owned();
        let page = self.pages.lock().unwrap().get(&path).cloned();
        self.asked.lock().unwrap().push(path);
        let mut answer = Response::new(Bytes::from(page.clone().unwrap_or_default()));
        if page.is_none() {
            *answer.status_mut() = StatusCode::NOT_FOUND;
        }
        answer
    }

    fn refuse(&self, _head: &Parts, status: StatusCode, _message: &str) -> Response<Bytes> {
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = status;
        answer
    }
}

impl Site {
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
        let base = format!("{scheme}://{}", address.unwrap());
        let said = json!({"issuer": base, "jwks_uri": format!("{base}/keys")}).to_string();
        self.put("/.well-known/openid-configuration", &said);
        base
    }

    fn put(&self, path: &str, page: &str) {
        self.pages.lock().unwrap().insert(path.to_owned(), page.to_owned());
    }

    fn keys(&self, keys: &[Value]) {
        self.put("/keys", &json!({"keys": keys}).to_string());
    }

    /// How often it was asked for its keys.
    fn asked(&self) -> usize {
        self.asked.lock().unwrap().iter().filter(|it| *it == "/keys").count()
    }
}

fn seconds() -> u64 {
    component::clock::unix_nanos() / 1_000_000_000
}

fn claims(issuer: &str) -> Value {
    json!({"iss": issuer, "sub": "ann", "aud": "collector", "exp": seconds() + 600})
}

async fn started(host: &Host, section: &str) -> Result<Arc<Oidc>, String> {
    let extension = Arc::new(Oidc::create(settings("oidc"), config(section)).unwrap());
    Arc::clone(&extension).start(host).await.map_err(|it| it.to_string())?;
    Ok(extension)
}

async fn told(extension: &Oidc, token: &str) -> Result<AuthData, String> {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    let answer = tokio::time::timeout(LIMIT, extension.authenticate(&headers)).await.unwrap();
    answer.map_err(|refusal| match refusal {
        Refusal::Unknown(text) => text,
        Refusal::Later(text) => format!("later: {text}"),
    })
}

fn section(issuer: &str, more: &str) -> String {
    format!(r#"{{"issuer_url": "{issuer}", "audience": "collector"{more}}}"#)
}

/// An issuer with one ES256 key, named `one`.
fn with_one_key(host: &Host) -> (Arc<Site>, String, Signer) {
    let (site, signer) = (Arc::new(Site::default()), Signer::new("ES256"));
    let base = site.serve(host, None);
    site.keys(&[signer.jwk("one")]);
    (site, base, signer)
}

#[tokio::test]
async fn tokens_of_every_algorithm_are_taken_and_no_other() {
    let host = TestHost::new();
    let site = Arc::new(Site::default());
    let base = site.serve(&host, None);
    let (rsa, es256) = (Signer::new("RS256"), Signer::new("ES256"));
    let (es384, eddsa) = (Signer::new("ES384"), Signer::new("EdDSA"));
    let es512 = Signer::new("ES512");
    let all = [("r", &rsa), ("e", &es256), ("f", &es384), ("g", &es512), ("d", &eddsa)];
    let unknown = json!({"kty": "EC", "kid": "x", "crv": "secp256k1", "x": "AA", "y": "AA"});
    let keys: Vec<Value> = all.iter().map(|(id, it)| it.jwk(id)).chain([unknown]).collect();
    site.keys(&keys);
    let extension = started(&host, &section(&base, "")).await.unwrap();
    let claims = claims(&base);
    for (algorithm, id, signer) in [
        ("RS256", "r", &rsa),
        ("RS384", "r", &rsa),
        ("RS512", "r", &rsa),
        ("PS256", "r", &rsa),
        ("PS384", "r", &rsa),
        ("PS512", "r", &rsa),
        ("ES256", "e", &es256),
        ("ES384", "f", &es384),
        ("ES512", "g", &es512),
        ("EdDSA", "d", &eddsa),
    ] {
        let token = signer.token(algorithm, id, &claims);
        told(&extension, &token).await.unwrap_or_else(|why| panic!("{algorithm}: {why}"));
        // Another payload under the same signature.
        let parts: Vec<&str> = token.split('.').collect();
        let other = text(
            json!({"iss": base, "sub": "eve", "aud": "collector", "exp": seconds() + 600})
                .to_string()
                .as_bytes(),
        );
        let forged = format!("{}.{other}.{}", parts[0], parts[2]);
        let error = told(&extension, &forged).await.unwrap_err();
        assert_eq!(
            error,
            "failed to verify token: failed to verify signature: failed to verify id token signature",
            "{algorithm}"
        );
        // The name of another key.
        let stranger = if id == "e" { "f" } else { "e" };
        told(&extension, &signer.token(algorithm, stranger, &claims)).await.unwrap_err();
    }
    for algorithm in ["none", "None", "HS256", "HS384", "HS512", "ES256K", ""] {
        let head = text(json!({"alg": algorithm, "kid": "r"}).to_string().as_bytes());
        let claims = text(claims.to_string().as_bytes());
        for signature in ["", "AAAA"] {
            let error =
                told(&extension, &format!("{head}.{claims}.{signature}")).await.unwrap_err();
            let want = format!(
                "failed to parse the token: oidc: malformed jws: unexpected signature algorithm {algorithm:?}; expected"
            );
            assert!(error.starts_with(&want), "{error}");
        }
    }
    host.stop().await;
}

#[tokio::test]
async fn a_key_that_is_for_one_algorithm_is_taken_for_no_other() {
    let (host, site, rsa) = (TestHost::new(), Arc::new(Site::default()), Signer::new("RS256"));
    let base = site.serve(&host, None);
    let (mut bound, mut other) = (rsa.jwk("one"), rsa.jwk("two"));
    bound["alg"] = "RS256".into();
    other["use"] = "enc".into();
    site.keys(&[bound, other]);
    let extension = started(&host, &section(&base, "")).await.unwrap();
    let claims = claims(&base);
    told(&extension, &rsa.token("RS256", "one", &claims)).await.unwrap();
    told(&extension, &rsa.token("PS256", "one", &claims)).await.unwrap_err();
    // A key for encryption signs nothing.
    told(&extension, &rsa.token("RS256", "two", &claims)).await.unwrap_err();
    host.stop().await;
}

#[tokio::test]
async fn what_a_token_says_is_checked_in_upstreams_words() {
    let host = TestHost::new();
    let (_site, base, signer) = with_one_key(&host);
    let extension = started(&host, &section(&base, "")).await.unwrap();
    let check = async |change: Value| {
        let mut all = claims(&base);
        for (name, value) in change.as_object().unwrap() {
            all[name] = value.clone();
        }
        told(&extension, &signer.token("ES256", "one", &all)).await.map(|_| ())
    };
    check(json!({})).await.unwrap();
    check(json!({"aud": ["other", "collector"], "nbf": seconds() + 200})).await.unwrap();
    for (change, want) in [
        (json!({"aud": "other"}), "oidc: expected audience \"collector\" got \"other\""),
        (json!({"aud": ["x", 1]}), "oidc: expected audience \"collector\" got [\"x\",1]"),
        (json!({"aud": null}), "oidc: expected audience \"collector\" got null"),
        (json!({"iss": "https://x"}), "oidc: id token issued by a different provider, expected "),
        (
            json!({"exp": 1_700_000_000}),
            "oidc: token is expired (Token Expiry: 2023-11-14 22:13:20 +0000 UTC)",
        ),
        (
            json!({"exp": null}),
            "oidc: token is expired (Token Expiry: 1970-01-01 00:00:00 +0000 UTC)",
        ),
        (json!({"exp": "soon"}), "oidc: token is expired"),
        (json!({"nbf": seconds() + 400}), "oidc: current time "),
        (json!({"nbf": "now"}), "oidc: failed to unmarshal claims: nbf is no number"),
    ] {
        let error = check(change).await.unwrap_err();
        assert!(error.starts_with(&format!("failed to verify token: {want}")), "{error}");
    }
    host.stop().await;
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let host = TestHost::new();
    let (_site, base, signer) = with_one_key(&host);
    let extension = started(&host, &section(&base, "")).await.unwrap();
    let error = extension.authenticate(&HeaderMap::new()).await.unwrap_err();
    assert_eq!(error, Refusal::from("authentication didn't succeed"));
    for (value, want) in [
        ("", "invalid authorization header format"),
        ("abc", "invalid authorization header format"),
        ("Bearer a b", "invalid authorization header format"),
        (
            "Bearer abc",
            "failed to parse the token: oidc: malformed jws: compact JWS format must have three parts",
        ),
        ("Bearer !.a.b", "failed to parse the token: oidc: malformed jws: a part is not base64url"),
        (
            "Bearer e30.e30.e30",
            "failed to parse the token: oidc: malformed jws: its head is no JSON with an alg",
        ),
    ] {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
        assert_eq!(extension.authenticate(&headers).await.unwrap_err(), want.into(), "{value}");
    }
    let mut long = claims(&base);
    long["x"] = "x".repeat(20_000).into();
    let error = told(&extension, &signer.token("ES256", "one", &long)).await.unwrap_err();
    assert!(error.ends_with("it is longer than 16384 bytes"), "{error}");
    let head = text(br#"{"alg": "ES256", "crit": ["exp"]}"#);
    let error = told(&extension, &format!("{head}.e30.e30")).await.unwrap_err();
    assert!(error.ends_with("(crit)"), "{error}");
    host.stop().await;
}

#[tokio::test]
async fn what_is_known_of_the_client_goes_with_its_data() {
    let host = TestHost::new();
    let (_site, base, signer) = with_one_key(&host);
    let more = r#", "username_claim": "email", "groups_claim": "groups""#;
    let extension = started(&host, &section(&base, more)).await.unwrap();
    let mut all = claims(&base);
    all["email"] = "ann@a.test".into();
    all["groups"] = json!(["dev", 7]);
    all["tenant"] = json!({"id": 1});
    let token = signer.token("ES256", "one", &all);
    let known = told(&extension, &token).await.unwrap();
    let text = |text: &str| Known::String(text.to_owned());
    let one = |it: &str| Some(text(it));
    assert_eq!(known.get("subject").cloned(), one("ann@a.test"));
    let groups = Known::List(vec![text("dev"), text("7")]);
    assert_eq!(known.get("membership"), Some(&groups));
    assert_eq!(known.get("raw").cloned(), one(&token));
    assert_eq!(known.get("claims.sub").cloned(), one("ann"));
    let tenant = Known::Map(vec![("id".into(), Known::Float(1.0))]);
    assert_eq!(known.get("claims.tenant"), Some(&tenant));
    assert_eq!(known.text("claims.tenant").as_deref(), Some(r#"{"id":1.0}"#));
    assert_eq!(known.text("membership").as_deref(), Some("dev;7"));
    assert_eq!(known.get("sub"), None, "a claim does not pass for what the extension says");
    let error = told(&extension, &signer.token("ES256", "one", &claims(&base))).await.unwrap_err();
    assert!(
        error.starts_with("failed to get subject from claims in the token: username claim"),
        "{error}"
    );
    all["email"] = json!(1);
    let error = told(&extension, &signer.token("ES256", "one", &all)).await.unwrap_err();
    assert!(error.ends_with("isn't a regular string"), "{error}");
    all["email"] = "a".into();
    all.as_object_mut().unwrap().remove("groups");
    let error = told(&extension, &signer.token("ES256", "one", &all)).await.unwrap_err();
    assert!(
        error.starts_with("failed to get groups from claims in the token: groups claim"),
        "{error}"
    );
    host.stop().await;
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_needs_it_and_not_for_every_stranger() {
    let host = TestHost::new();
    let (site, base, old) = with_one_key(&host);
    let extension = started(&host, &section(&base, "")).await.unwrap();
    assert_eq!(site.asked(), 1);
    let new = Signer::new("ES256");
    site.keys(&[new.jwk("two")]);
    let token = new.token("ES256", "two", &claims(&base));
    // The keys have just been fetched, so they are not fetched for this one, which has to come again.
    let error = told(&extension, &token).await.unwrap_err();
    assert!(error.starts_with("later: the key of the token is not known"), "{error}");
    // Nor are they for one that names a key that is known.
    let forged = told(&extension, &new.token("ES256", "one", &claims(&base))).await.unwrap_err();
    assert!(forged.ends_with("failed to verify id token signature"), "{forged}");
    assert_eq!(site.asked(), 1);
    let later = async || {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(11)).await;
        tokio::time::resume();
    };
    later().await;
    let (a, b) = tokio::join!(told(&extension, &token), told(&extension, &token));
    a.unwrap();
    b.unwrap();
    assert_eq!(site.asked(), 2);
    // What the issuer has withdrawn counts no more.
    told(&extension, &old.token("ES256", "one", &claims(&base))).await.unwrap_err();
    assert_eq!(site.asked(), 2);
    // An issuer that does not answer lets nobody in who was out, and nobody out who was in.
    later().await;
    site.put("/keys", "<html>");
    let error = told(&extension, &old.token("ES256", "one", &claims(&base))).await.unwrap_err();
    assert_eq!(error, "later: failed to verify signature: fetching keys failed");
    assert_eq!(site.asked(), 3);
    told(&extension, &token).await.unwrap();
    host.stop().await;
}

#[tokio::test]
async fn the_issuer_of_a_token_decides_who_checks_it_and_tls_who_is_the_issuer() {
    let (authority, host) = (Authority::new(), TestHost::new());
    authority.issue("server", "127.0.0.1");
    let (first, first_url, first_key) = with_one_key(&host);
    let second = Arc::new(Site::default());
    let second_url = second.serve(&host, Some(&authority));
    let second_key = Signer::new("EdDSA");
    second.keys(&[second_key.jwk("one")]);
    let providers = |ca: &str| {
        format!(
            r#"{{"providers": [{{"issuer_url": "{first_url}", "audience": "collector"}},
            {{"issuer_url": "{second_url}", "ignore_audience": true{ca}}}]}}"#
        )
    };
    let ca = format!(r#", "issuer_ca_path": "{}""#, authority.path("ca.pem"));
    let extension = started(&host, &providers(&ca)).await.unwrap();
    told(&extension, &first_key.token("ES256", "one", &claims(&first_url))).await.unwrap();
    let mut other = claims(&second_url);
    other["aud"] = "somebody".into();
    told(&extension, &second_key.token("EdDSA", "one", &other)).await.unwrap();
    // A key of one issuer is none of the other, whatever its name.
    told(&extension, &first_key.token("ES256", "one", &claims(&second_url))).await.unwrap_err();
    let error = told(&extension, &first_key.token("ES256", "one", &claims("https://x"))).await;
    assert_eq!(
        error.unwrap_err(),
        "failed to resolve OIDC provider for the issuer \"https://x\": no OIDC provider configured for the issuer \
         \"https://x\""
    );
    let error = started(&host, &providers("")).await.err().unwrap();
    assert!(error.contains("failed to verify certificate"), "{error}");
    assert_eq!(first.asked(), 2);
    host.stop().await;
}

#[tokio::test]
async fn an_issuer_that_cannot_be_asked_keeps_the_collector_from_starting() {
    let host = TestHost::new();
    let (site, base, signer) = with_one_key(&host);
    let check = async |want: &str| {
        let error = started(&host, &section(&base, "")).await.err().unwrap();
        let before = format!(
            "failed to get configuration from at least one configured auth server: failed to create OIDC provider for {base:?}: "
        );
        assert!(error.starts_with(&before), "{error}");
        assert!(error.contains(want), "{error}");
    };
    let page = "/.well-known/openid-configuration";
    site.put(page, &json!({"issuer": "https://x", "jwks_uri": base}).to_string());
    check("oidc: issuer did not match the issuer returned by provider").await;
    site.put(page, "<html>");
    check("oidc: failed to decode provider discovery object").await;
    site.put(page, &json!({"issuer": base}).to_string());
    check("jwks_uri \"\" must begin with http:// or https://").await;
    site.put(page, &json!({"issuer": base, "jwks_uri": format!("{base}/nowhere")}).to_string());
    check("/nowhere\": 404 Not Found").await;
    site.put(page, &json!({"issuer": base, "jwks_uri": format!("{base}/keys")}).to_string());
    site.keys(&[]);
    check("the JWKS contains no supported keys").await;
    site.keys(&vec![signer.jwk("one"); 65]);
    check("the JWKS has 65 keys; at most 64 are taken").await;
    site.put("/keys", &format!("\"{}\"", "x".repeat(1024 * 1024)));
    check("the answer is longer than 1048576 bytes").await;
    let gone = "http://127.0.0.1:1";
    let error = started(&host, &section(gone, "")).await.err().unwrap();
    assert!(
        error.contains("Get \"http://127.0.0.1:1/.well-known/openid-configuration\": dial tcp"),
        "{error}"
    );
    host.stop().await;
}

#[tokio::test]
async fn keys_in_a_file_need_no_issuer_and_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let (host, old, new) = (TestHost::new(), Signer::new("ES256"), Signer::new("ES256"));
    let put = |signer: &Signer| {
        let next = folder.path().join("next");
        std::fs::write(&next, json!({"keys": [signer.jwk("one")]}).to_string()).unwrap();
        std::fs::rename(&next, &file).unwrap();
    };
    let issuer = "https://issuer.test";
    let more = format!(r#", "public_keys_file": "{}""#, file.display());
    let error = started(&host, &section(issuer, &more)).await.err().unwrap();
    assert!(error.contains("no such file or directory"), "{error}");
    put(&old);
    let extension = started(&host, &section(issuer, &more)).await.unwrap();
    told(&extension, &old.token("ES256", "one", &claims(issuer))).await.unwrap();
    let token = new.token("ES256", "one", &claims(issuer));
    told(&extension, &token).await.unwrap_err();
    put(&new);
    tokio::time::timeout(LIMIT, async {
        while told(&extension, &token).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap();
    host.stop().await;
}

#[test]
fn mistakes_are_named_in_the_collectors_words() {
    let check = |section: &str, want: &[&str]| assert_eq!(problems::<Config>(section), want);
    let mut found = Problems::default();
    component::Config::validate(&Config::default(), &mut found);
    let texts: Vec<&str> = found.of(Stage::Start).map(|it| it.text.as_str()).collect();
    assert_eq!(texts, ["no issuer is named, so no client could be let in"]);
    check(
        r#"{"issuer_url": "http://localhost"}"#,
        &["no Audience provided for the OIDC configuration"],
    );
    check(r#"{"audience": "a"}"#, &["no IssuerURL provided for the OIDC configuration"]);
    let one = r#"{"issuer_url": "http://localhost", "audience": "a"}"#;
    check(
        &format!(r#"{{"providers": [{one}, {one}]}}"#),
        &["duplicate issuer URL found: http://localhost"],
    );
    check(one, &[]);
}

#[tokio::test]
async fn an_only_issuer_may_be_asked_to_take_tokens_that_name_another() {
    let host = TestHost::new();
    let (_site, base, signer) = with_one_key(&host);
    let (token, other) = (
        signer.token("ES256", "one", &claims("https://other.example")),
        Signer::new("ES256").token("ES256", "one", &claims("https://other.example")),
    );
    let strict = started(&host, &section(&base, "")).await.unwrap();
    let error = told(&strict, &token).await.unwrap_err();
    assert!(error.contains("issued by a different provider"), "{error}");
    let lax = started(&host, &section(&base, r#", "ignore_issuer": true"#)).await.unwrap();
    told(&lax, &token).await.unwrap();
    told(&lax, &other).await.unwrap_err();
    let several = r#"{"providers": [{"issuer_url": "https://a.test", "audience": "x", "ignore_issuer": true},
        {"issuer_url": "https://b.test", "audience": "x"}]}"#;
    let rule = "ignore_issuer cannot be true when multiple providers are configured";
    assert_eq!(problems::<Config>(several), [rule]);
    host.stop().await;
}
