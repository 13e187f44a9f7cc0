//! Bundles of a server that is good, away, wrong, or lies.

use std::sync::Arc;
use std::time::Duration;

use component::{Data, Kind, Meter, Problems, Signal};
use componenttest::{HttpServer, Reply, TestHost, metric};
use pdata::Limits;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value as Json, json};

use crate::bundle_kit::{packed, unpacked};
use crate::config::Config;
use crate::{Engine, Instance};

/// Longest time that a test waits for something that has to happen.
const PATIENCE: Duration = Duration::from_secs(10);

struct Running {
    engine: Arc<Engine>,
    instance: Arc<Instance>,
    meter: Meter,
    _host: TestHost,
}

impl Running {
    fn new(server: &HttpServer, keys: &Json) -> Self {
        let mut bundle = json!({
            "url": server.url("/b.tar.gz"),
            "polling": {"min_delay": "10ms", "max_delay": "20ms"},
        });
        let (mut section, own) =
            (json!({"rules": [{"query": "data.p.noise", "then": ["drop"]}]}), keys.clone());
        for (key, value) in own.as_object().unwrap() {
            match key.strip_prefix("bundle.") {
                Some(key) => bundle[key] = value.clone(),
                None => section[key] = value.clone(),
            }
        }
        section["bundles"] = json!({"authz": bundle});
        let config: Config = componenttest::config(&section.to_string());
        let mut found = Problems::default();
        let engine = Engine::new(&config, &mut found);
        let engine = Arc::new(engine.unwrap_or_else(|| panic!("{found:?}")));
        let (meter, host) = (Meter::default(), TestHost::new());
        let instance = Arc::new(engine.instance("processor", "rego", "logs", &meter));
        engine.start(&instance, &host, Kind::Processor, &"rego".parse().unwrap()).unwrap();
        Self { engine, instance, meter, _host: host }
    }

    /// Whether a record with this body is dropped; an error if payloads are refused.
    fn drops(&self, body: &str) -> Result<bool, String> {
        let record = json!({"body": {"stringValue": body}});
        let request = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]});
        let data =
            Data::from_json(Signal::Logs, request.to_string().as_bytes(), &Limits::default());
        let outcome = self.engine.run(&self.instance, None, &data.unwrap());
        outcome.error.map_or(Ok(outcome.data.is_empty()), Err)
    }

    async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(tokio::time::Instant::now() < deadline, "it never comes to this: {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn requests(&self, result: &str) -> f64 {
        let labels = [("processor", "rego"), ("bundle", "authz"), ("result", result)];
        metric(&self.meter, "sluice_rego_bundle_requests_total", &labels).unwrap_or(0.0)
    }
}

fn policy(body: &str) -> String {
    format!("package p\nnoise if input.log.body == \"{body}\"")
}

fn bundle(body: &str) -> Vec<u8> {
    packed(&[
        ("/p/p.rego", &policy(body)),
        (".manifest", "{\"revision\": \"7\", \"roots\": [\"p\"]}"),
    ])
}

fn ok(bytes: Vec<u8>, etag: &str) -> Reply {
    Reply::new("200 OK", bytes).with("ETag", etag).with("Content-Type", "application/gzip")
}

#[tokio::test]
async fn a_bundle_is_fetched_kept_current_and_asked_for_with_its_etag() {
    let server = HttpServer::start();
    server.answer(|request| match request.header("if-none-match") {
        "\"1\"" => Reply::new("304 Not Modified", ""),
        _ => ok(bundle("one"), "\"1\""),
    });
    let running = Running::new(&server, &json!({"bundle.bearer_token": "hush"}));
    running.until("it counts", |it| it.drops("one") == Ok(true)).await;
    running.until("it is asked for again", |it| it.requests("not_modified") > 0.0).await;
    let request = &server.requests()[0];
    assert_eq!(
        (request.line.as_str(), request.header("authorization")),
        ("GET /b.tar.gz HTTP/1.1", "Bearer hush")
    );
    server.answer(|_| ok(bundle("two"), "\"2\""));
    running.until("the next one counts", |it| it.drops("two") == Ok(true)).await;
    assert_eq!(running.drops("one"), Ok(false), "and the one before does not");
}

#[tokio::test]
async fn a_server_that_waits_is_asked_again_at_once() {
    let server = HttpServer::start();
    server.answer(|request| {
        assert_eq!(request.header("prefer"), "modes=snapshot;wait=5");
        let kind = "application/vnd.openpolicyagent.bundles";
        let reply = match request.header("if-none-match") {
            "" => Reply::new("200 OK", bundle("one")).with("ETag", "1"),
            _ => Reply::new("304 Not Modified", ""),
        };
        Reply { delay: Duration::from_millis(20), ..reply.with("Content-Type", kind) }
    });
    let polling = json!({"min_delay": "1h", "max_delay": "1h", "long_polling_timeout": "5s"});
    let running = Running::new(&server, &json!({"bundle.polling": polling}));
    running.until("it asks without a pause", |it| it.requests("not_modified") >= 3.0).await;
    assert_eq!(running.drops("one"), Ok(true));
}

#[tokio::test]
async fn what_is_bad_in_any_way_changes_nothing() {
    let server = HttpServer::start();
    server.answer(|_| ok(bundle("one"), "1"));
    let running = Running::new(&server, &json!({"bundle.size_limit_bytes": 10_000}));
    running.until("it counts", |it| it.drops("one") == Ok(true)).await;
    let outside = [("/q.rego", "package q"), (".manifest", "{\"roots\": [\"p\"]}")];
    let bad: Vec<(&str, Reply)> = vec![
        ("down", Reply::new("500 Internal Server Error", "")),
        ("not there", Reply::new("404 Not Found", "")),
        ("no gzip", ok(b"hello".to_vec(), "2")),
        ("does not parse", ok(packed(&[("/p.rego", "package p\nnoise if {")]), "3")),
        ("too large", ok(vec![0; 10_001], "4")),
        ("signed", ok(packed(&[(".signatures.json", "{}"), ("/p.rego", "package p")]), "5")),
        ("outside of its roots", ok(packed(&outside), "6")),
        (
            "without the rule",
            ok(packed(&[("/p.rego", "package p\nx if no_such_function(1)")]), "7"),
        ),
    ];
    for (what, reply) in bad {
        let before = running.requests("failure");
        server.answer(move |_| reply.clone());
        running.until(what, |it| it.requests("failure") > before).await;
        assert_eq!(running.drops("one"), Ok(true), "{what}");
    }
    server.answer(|_| ok(bundle("two"), "8"));
    running.until("a good one counts again", |it| it.drops("two") == Ok(true)).await;
}

#[tokio::test]
async fn with_fail_closed_nothing_passes_until_the_first_one_has_come() {
    let server = HttpServer::start();
    server.answer(|_| Reply::new("503 Service Unavailable", ""));
    let running = Running::new(&server, &json!({"fail_closed": true}));
    running.until("it was asked for", |it| it.requests("failure") > 0.0).await;
    assert_eq!(running.drops("one"), Err("there is no policy yet".into()));
    server.answer(|_| ok(bundle("one"), "1"));
    running.until("it counts", |it| it.drops("one") == Ok(true)).await;
}

#[tokio::test]
async fn the_last_good_one_counts_after_a_restart_while_the_server_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let keys =
        json!({"bundle.persistence_directory": folder.path().join("b"), "fail_closed": true});
    let server = HttpServer::start();
    server.answer(|_| ok(bundle("one"), "1"));
    let running = Running::new(&server, &keys);
    running.until("it counts", |it| it.drops("one") == Ok(true)).await;
    let kept = folder.path().join("b/authz.tar.gz");
    running.until("it is kept", |_| kept.exists()).await;
    drop(running);
    server.answer(|_| Reply::new("503 Service Unavailable", ""));
    assert_eq!(Running::new(&server, &keys).drops("one"), Ok(true));
    std::fs::write(&kept, "damaged").unwrap();
    assert!(Running::new(&server, &keys).drops("one").is_err());
}

/// A bundle whose files are signed as OPA does.
fn signed(files: &[(&str, &str)], sign: &dyn Fn(&str) -> String, claims: &Json) -> Vec<u8> {
    let digest = |bytes: &[u8]| {
        pdata::text::hex(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref())
    };
    let file = |(name, text): &(&str, &str)| {
        let text = if name.ends_with(".json") { text.replace(' ', "") } else { (*text).to_owned() };
        json!({"name": name, "hash": digest(text.as_bytes()), "algorithm": "SHA-256"})
    };
    let mut payload = claims.clone();
    payload["files"] = files.iter().map(file).collect();
    let signatures = json!({"signatures": [sign(&payload.to_string())]}).to_string();
    let mut all = files.to_vec();
    all.push((".signatures.json", &signatures));
    packed(&all)
}

fn token(algorithm: &str, payload: &str, sign: &dyn Fn(&[u8]) -> Vec<u8>) -> String {
    let url = pdata::text::Base64::RAW_URL;
    let head = url.encode(format!("{{\"alg\":\"{algorithm}\"}}").as_bytes());
    let text = format!("{head}.{}", url.encode(payload.as_bytes()));
    let signature = url.encode(&sign(text.as_bytes()));
    format!("{text}.{signature}")
}

fn with_secret(payload: &str) -> String {
    token("HS256", payload, &|text| {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"hush");
        ring::hmac::sign(&key, text).as_ref().to_vec()
    })
}

fn verify(keys: Json, signing: Json) -> impl Fn(&[u8]) -> Result<(), String> {
    let section =
        json!({"keys": keys, "bundles": {"b": {"url": "http://127.0.0.1:1", "signing": signing}}});
    let mut section = section;
    section["rules"] = json!([{"query": "data.p.noise", "then": ["drop"]}]);
    let config: Config = componenttest::config(&section.to_string());
    let verification = crate::bundles::verification(&config.bundles["b"], &config.keys).unwrap();
    move |packed: &[u8]| crate::bundle::Bundle::read(packed, verification.as_ref()).map(|_| ())
}

const FILES: [(&str, &str); 2] =
    [("p/p.rego", "package p\nnoise := true"), ("p/data.json", "{\"a\": [1.0, 2]}")];

#[test]
fn a_bundle_counts_only_if_one_of_the_keys_has_signed_all_of_it() {
    let keys = json!({"team": {"algorithm": "HS256", "key": "hush", "scope": "write"}});
    let check = verify(keys.clone(), json!({}));
    let claims = json!({"keyid": "team", "scope": "write"});
    assert_eq!(check(&signed(&FILES, &with_secret, &claims)), Ok(()));
    let refused = |packed: &[u8], want: &str| {
        let error = check(packed).unwrap_err();
        assert!(error.contains(want), "{error}");
    };
    refused(&packed(&FILES), "bundle missing .signatures.json");
    refused(
        &signed(&FILES, &with_secret, &json!({"keyid": "other", "scope": "write"})),
        "ID other not found",
    );
    refused(&signed(&FILES, &with_secret, &json!({"scope": "write"})), "key ID is empty");
    refused(&signed(&FILES, &with_secret, &json!({"keyid": "team"})), "scope mismatch");
    let unsigned = |payload: &str| token("none", payload, &|_| Vec::new());
    refused(&signed(&FILES, &unsigned, &claims), "signed with \"none\"");
    let forged = |payload: &str| token("HS256", payload, &|_| vec![0; 32]);
    refused(&signed(&FILES, &forged, &claims), "signature does not hold");
    let one = signed(&FILES[..1], &with_secret, &claims);
    let mut signatures = String::new();
    for (name, bytes) in unpacked(&one) {
        if name == ".signatures.json" {
            signatures = String::from_utf8(bytes).unwrap();
        }
    }
    let tampered = [("p/p.rego", "package p\nnoise := false"), (".signatures.json", &signatures)];
    refused(&packed(&tampered), "p/p.rego: digest mismatch");
    refused(
        &packed(&[FILES[0], FILES[1], (".signatures.json", &signatures)]),
        "p/data.json not included",
    );
    refused(
        &packed(&[(".signatures.json", &signatures)]),
        "p/p.rego specified in bundle signatures but not found",
    );
    let lenient = verify(keys, json!({"exclude_files": ["**/data.json"]}));
    assert_eq!(lenient(&packed(&[FILES[0], FILES[1], (".signatures.json", &signatures)])), Ok(()));
}

#[test]
fn a_public_key_verifies_what_its_private_key_has_signed() {
    let pair = rcgen::KeyPair::generate().unwrap();
    let sign = |payload: &str| {
        token("ES256", payload, &|text| {
            let random = SystemRandom::new();
            let der = pair.serialize_der();
            let key =
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random).unwrap();
            key.sign(&random, text).unwrap().as_ref().to_vec()
        })
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    std::fs::write(&path, pair.public_key_pem()).unwrap();
    let packed = signed(&FILES, &sign, &json!({}));
    for key in [pair.public_key_pem(), path.display().to_string()] {
        let keys = json!({"team": {"algorithm": "ES256", "key": key}});
        assert_eq!(verify(keys, json!({"keyid": "team"}))(&packed), Ok(()));
    }
    let other = rcgen::KeyPair::generate().unwrap().public_key_pem();
    let keys = json!({"team": {"algorithm": "ES256", "key": other}});
    assert!(verify(keys, json!({"keyid": "team"}))(&packed).is_err());
}

#[test]
fn two_bundles_with_one_root_are_refused() {
    let read = |roots: &str| {
        let manifest = format!("{{\"roots\": [{roots}]}}");
        let files = [("/a/b/p.rego", "package a.b"), (".manifest", manifest.as_str())];
        Arc::new(crate::bundle::Bundle::read(&packed(&files), None).unwrap())
    };
    let bundles = [("one".to_owned(), read("\"a\"")), ("two".to_owned(), read("\"a/b\""))];
    let error = crate::sources::Sources::read("", &[], &bundles).unwrap_err();
    assert_eq!(error, "detected overlapping roots in manifests for these bundles: [one, two]");
}

/// `opa`, if it is there.
pub(crate) fn opa() -> Option<std::path::PathBuf> {
    let parts = std::env::var_os("SLUICE_PARTS").map(std::path::PathBuf::from);
    let home = || {
        std::env::var_os("HOME").map(|it| std::path::PathBuf::from(it).join(".cache/sluice-parts"))
    };
    parts.or_else(home).map(|it| it.join("bin/opa")).filter(|it| it.is_file())
}

/// What a program says; `None` if it is not there.
fn said(program: &std::path::Path, arguments: &[&str]) -> Option<String> {
    let out = std::process::Command::new(program).args(arguments).output().ok()?;
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    Some(String::from_utf8(out.stdout).unwrap())
}

/// A pair of RSA keys, from `openssl`: the file of the private one, and the public one.
fn rsa(folder: &std::path::Path) -> Option<(String, String)> {
    let openssl = std::path::Path::new("openssl");
    let path = folder.join("private.pem").display().to_string();
    said(openssl, &["genrsa", "-traditional", "-out", &path, "2048"])?;
    let public = said(openssl, &["rsa", "-in", &path, "-pubout"])?;
    Some((path, public))
}

#[test]
fn a_bundle_that_is_signed_with_rsa_counts() {
    let folder = tempfile::tempdir().unwrap();
    let Some((private, public)) = rsa(folder.path()) else { return };
    let der = said(
        std::path::Path::new("openssl"),
        &["pkcs8", "-topk8", "-nocrypt", "-in", &private, "-outform", "PEM"],
    );
    let text: String = der.unwrap().lines().filter(|it| !it.starts_with('-')).collect();
    let der = pdata::text::Base64::STANDARD.decode(text.as_bytes()).unwrap();
    let key = ring::signature::RsaKeyPair::from_pkcs8(&der).unwrap();
    let with = |algorithm: &'static str, padding: &'static dyn ring::signature::RsaEncoding| {
        signed(
            &FILES,
            &|payload| {
                token(algorithm, payload, &|text| {
                    let mut out = vec![0; key.public().modulus_len()];
                    key.sign(padding, &SystemRandom::new(), text, &mut out).unwrap();
                    out
                })
            },
            &json!({"keyid": "team"}),
        )
    };
    let check = |algorithm: &str| {
        verify(json!({"team": {"algorithm": algorithm, "key": public}}), json!({}))
    };
    let packed = with("RS256", &ring::signature::RSA_PKCS1_SHA256);
    assert_eq!(check("RS256")(&packed), Ok(()));
    assert!(check("RS512")(&packed).is_err(), "another algorithm than the key's");
    assert_eq!(check("PS256")(&with("PS256", &ring::signature::RSA_PSS_SHA256)), Ok(()));
    let tampered = with("RS256", &ring::signature::RSA_PKCS1_SHA512);
    assert!(check("RS256")(&tampered).is_err());
}

#[test]
fn a_bundle_that_opa_has_signed_counts_until_it_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (Some(opa), Some((private, public))) = (opa(), rsa(folder.path())) else { return };
    let path = |name: &str| folder.path().join(name).display().to_string();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("b/p/p.rego", "package p\n\nnoise if input.log.body == data.p.loud\n");
    write("b/p/data.json", "{\"loud\": \"x\", \"a\": [1.50, {\"b\": \"<\u{e9}>\"}], \"n\": 1e3}");
    write("b/.manifest", "{\"revision\": \"r1\", \"roots\": [\"p\"]}");
    let check = verify(
        json!({"global": {"algorithm": "RS256", "key": public}}),
        json!({"keyid": "global"}),
    );
    // Built and signed at once.
    let (built, source) = (path("built.tar.gz"), path("b"));
    said(
        &opa,
        &[
            "build",
            "-b",
            &source,
            "--signing-key",
            &private,
            "--signing-alg",
            "RS256",
            "-o",
            &built,
        ],
    );
    let bytes = std::fs::read(&built).unwrap();
    assert_eq!(check(&bytes), Ok(()));
    // Signed as it lies there, and packed by somebody else.
    let sign = ["sign", "--signing-key", &private, "--bundle", ".", "-o", "."];
    let signed = std::process::Command::new(&opa).args(sign).current_dir(&source).status();
    assert!(signed.unwrap().success());
    let read = |name: &str| std::fs::read_to_string(folder.path().join("b").join(name)).unwrap();
    let names = ["p/p.rego", "p/data.json", ".manifest", ".signatures.json"];
    let texts: Vec<String> = names.iter().map(|it| read(it)).collect();
    let files: Vec<(&str, &str)> =
        names.iter().zip(&texts).map(|it| (*it.0, it.1.as_str())).collect();
    assert_eq!(check(&packed(&files)), Ok(()));
    let changed = texts[0].replace("noise", "noisy");
    let mut other = files.clone();
    other[0].1 = &changed;
    assert!(check(&packed(&other)).unwrap_err().contains("p/p.rego: digest mismatch"));
    let forged = verify(
        json!({"global": {"algorithm": "RS256", "key": rsa(folder.path()).unwrap().1}}),
        json!({"keyid": "global"}),
    );
    assert!(forged(&bytes).is_err(), "another key");
}
