//! `io.jwt.encode_sign` and `encode_sign_raw`.

use regorus::Value;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair as RsaKeyPair;
use ring::{hmac, rsa, signature};
use serde_json::Value as Json;

use super::super::args::{Answer, Failure, failed};
use super::super::base64::encode_url;
use super::super::pem::Material;
use super::ALGORITHMS;
use super::keys::{Key, json_key};
use super::verify::hmac_algorithm;

/// The compact form of a token: header and payload are kept as they are written.
pub fn sign(header: &str, payload: &str, key: &str) -> Answer {
    let key = first_key(key)?;
    let fields = serde_json::from_str::<Json>(header).ok().filter(Json::is_object);
    let Some(fields) = fields else {
        let why = if header.is_empty() { ": cannot parse empty string" } else { "" };
        return failed(format!("missing or invalid 'alg' header: cannot parse JSON{why}"));
    };
    let Some(algorithm) = fields.get("alg").and_then(Json::as_str) else {
        return failed("missing or invalid 'alg' header: jwsbb: header \"alg\" not found");
    };
    if !ALGORITHMS.contains(&algorithm) {
        return failed(format!("unknown JWS algorithm: {algorithm}"));
    }
    let is_jwt = fields.get("typ").and_then(Json::as_str).is_none_or(|it| it == "JWT");
    if is_jwt && serde_json::from_str::<Json>(payload).is_err() {
        return failed("type is JWT but payload is not JSON");
    }
    let signed = format!("{}.{}", encode_url(header.as_bytes()), encode_url(payload.as_bytes()));
    let signature = signature_of(&key, algorithm, signed.as_bytes())?;
    Ok(Value::from(format!("{signed}.{}", encode_url(&signature))))
}

fn first_key(text: &str) -> Result<Key, Failure> {
    let bad = |why: &str| failed(format!("failed to parse JWK: {why}"));
    let Ok(json) = serde_json::from_str::<Json>(text) else { return bad("invalid JSON") };
    let json = match json.get("keys") {
        Some(Json::Array(keys)) => match keys.first() {
            Some(first) => first.clone(),
            None => return failed("no keys found in JWK set"),
        },
        _ => json,
    };
    json_key(&json).or_else(|why| bad(&why))
}

fn signature_of(key: &Key, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, Failure> {
    let made = match &key.material {
        Material::Secret(secret) => hmac_algorithm(algorithm)
            .map(|it| hmac::sign(&hmac::Key::new(it, secret), message).as_ref().to_vec()),
        Material::Rsa { n, e, private: Some(private) } => {
            with_rsa(algorithm, n, e, private, message)
        }
        Material::Ec { curve, point, private: Some(private) } => {
            with_ec(algorithm, curve, point, private, message)
        }
        Material::Ed25519 { public, seed: Some(seed) } if algorithm == "EdDSA" => {
            let pair = signature::Ed25519KeyPair::from_seed_and_public_key(seed, public).ok();
            pair.map(|it| it.sign(message).as_ref().to_vec())
        }
        _ => None,
    };
    made.map_or_else(|| failed(format!("cannot sign with {algorithm} and this key")), Ok)
}

fn with_rsa(
    algorithm: &str,
    modulus: &[u8],
    exponent: &[u8],
    private: &[Vec<u8>; 6],
    message: &[u8],
) -> Option<Vec<u8>> {
    let padding: &dyn signature::RsaEncoding = match algorithm {
        "RS256" => &signature::RSA_PKCS1_SHA256,
        "RS384" => &signature::RSA_PKCS1_SHA384,
        "RS512" => &signature::RSA_PKCS1_SHA512,
        "PS256" => &signature::RSA_PSS_SHA256,
        "PS384" => &signature::RSA_PSS_SHA384,
        "PS512" => &signature::RSA_PSS_SHA512,
        _ => return None,
    };
    let [d, p, q, d_mod_p, d_mod_q, q_inverse] = private;
    let public_key = rsa::PublicKeyComponents { n: modulus, e: exponent };
    let parts =
        rsa::KeyPairComponents { public_key, d, p, q, dP: d_mod_p, dQ: d_mod_q, qInv: q_inverse };
    let pair = RsaKeyPair::from_components(&parts).ok()?;
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(padding, &SystemRandom::new(), message, &mut signature).ok()?;
    Some(signature)
}

fn with_ec(
    algorithm: &str,
    curve: &str,
    point: &[u8],
    private: &[u8],
    message: &[u8],
) -> Option<Vec<u8>> {
    let algorithm = match (algorithm, curve) {
        ("ES512", "P-521") => return jws::es512_sign(private, message),
        ("ES256", "P-256") => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        ("ES384", "P-384") => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
        _ => return None,
    };
    let random = SystemRandom::new();
    let pair = signature::EcdsaKeyPair::from_private_key_and_public_key(
        algorithm, private, point, &random,
    )
    .ok()?;
    Some(pair.sign(&random, message).ok()?.as_ref().to_vec())
}
