//! Keys of tokens: certificates and public keys as PEM, JSON web keys alone or in a set.

use serde_json::Value as Json;

use super::super::args::{Failure, failed};
use super::super::base64;
use super::super::pem::{self, Material};
use super::ALGORITHMS;

/// A key and what a JWK says of it.
#[derive(Debug, Clone)]
pub struct Key {
    pub alg: String,
    pub kid: String,
    pub material: Material,
}

impl Key {
    pub fn secret(bytes: &[u8]) -> Self {
        let material = Material::Secret(bytes.to_vec());
        Self { alg: String::new(), kid: String::new(), material }
    }

    fn bare(material: Material) -> Self {
        Self { alg: String::new(), kid: String::new(), material }
    }
}

/// One key of a PEM block, or all of a JWK set.
pub fn parse(text: &str) -> Result<Vec<Key>, Failure> {
    let Some((block, rest)) = pem::first(text) else { return json_keys(text) };
    if !rest.is_empty() {
        return failed("extra data after a PEM certificate block");
    }
    match block.label.as_str() {
        "CERTIFICATE" => match pem::certificate_key(&block.bytes) {
            Some(material) => Ok(vec![Key::bare(material)]),
            None => failed("failed to parse a PEM certificate: x509: malformed certificate"),
        },
        "PUBLIC KEY" => match pem::public_key(&block.bytes) {
            Some(material) => Ok(vec![Key::bare(material)]),
            None => failed("failed to parse a PEM public key: asn1: structure error"),
        },
        _ => failed("failed to extract a Key from the PEM certificate"),
    }
}

fn json_keys(text: &str) -> Result<Vec<Key>, Failure> {
    let bad = |why: &str| failed(format!("failed to parse a JWK key (set): {why}"));
    let Ok(json) = serde_json::from_str::<Json>(text) else { return bad("invalid JSON") };
    let list = match json.get("keys") {
        Some(Json::Array(keys)) => keys.clone(),
        _ => vec![json],
    };
    let mut keys = Vec::new();
    for it in &list {
        match json_key(it) {
            Ok(key) if key.alg.is_empty() || ALGORITHMS.contains(&key.alg.as_str()) => {
                keys.push(key)
            }
            Ok(_) => {}
            Err(why) => return bad(&why),
        }
    }
    Ok(keys)
}

/// RFC 7517 and 7518.
pub fn json_key(json: &Json) -> Result<Key, String> {
    let text = |name: &str| json.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let number = |name: &str| match json.get(name).and_then(Json::as_str) {
        Some(text) => base64::decode(text).map_err(|_| format!("invalid {name:?}")),
        None => Err(format!("missing required parameter {name:?}")),
    };
    let material = match text("kty").as_str() {
        "oct" => Material::Secret(number("k")?),
        "RSA" => {
            let private = ["d", "p", "q", "dp", "dq", "qi"].map(number);
            let private = match private {
                [Ok(d), Ok(p), Ok(q), Ok(dp), Ok(dq), Ok(qi)] => Some([d, p, q, dp, dq, qi]),
                _ => None,
            };
            Material::Rsa { n: number("n")?, e: number("e")?, private }
        }
        "EC" => {
            let (x, y) = (number("x")?, number("y")?);
            let point = [&[4][..], &x, &y].concat();
            Material::Ec { curve: text("crv"), point, private: number("d").ok() }
        }
        "OKP" if text("crv") == "Ed25519" => {
            Material::Ed25519 { public: number("x")?, seed: number("d").ok() }
        }
        other => return Err(format!("unsupported key type {other:?}")),
    };
    Ok(Key { alg: text("alg"), kid: text("kid"), material })
}
