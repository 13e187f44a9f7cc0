//! The public keys of an issuer: a JWK set (RFC 7517, RFC 7518 section 6).

use jws::{Algorithm, PublicKey};
use pdata::text::Base64;
use serde::Deserialize;
use serde_json::Value;

/// Most keys of one issuer. Issuers have two or three; a token without `kid` is checked against each.
const KEYS_MAX: usize = 64;

/// The keys that can be used.
#[derive(Debug, Default)]
pub(crate) struct Keys(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// The only algorithm that it is for, if it says so.
    algorithm: Option<String>,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Curve { name: String, point: Vec<u8> },
}

/// A key as it is written.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Keys {
    /// Reads a JWK set. Keys of other kinds, and such that are not for signatures, are left out, as RFC 7517 section 5
    /// wants it.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let all: Value = serde_json::from_slice(text)
            .map_err(|error| format!("failed to parse JWKS: {error}"))?;
        let listed = all.get("keys").and_then(Value::as_array);
        let listed = listed.ok_or("failed to parse JWKS: it has no list \"keys\"")?;
        if listed.len() > KEYS_MAX {
            return Err(format!(
                "the JWKS has {} keys; at most {KEYS_MAX} are taken",
                listed.len()
            ));
        }
        let keys: Vec<Key> = listed.iter().filter_map(Key::read).collect();
        if keys.is_empty() {
            let kinds = "RSA, ECDSA with P-256, P-384 or P-521, and ED25519";
            return Err(format!(
                "the JWKS contains no supported keys (supported types are {kinds})"
            ));
        }
        Ok(Self(keys))
    }

    /// Whether a key has this name.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.0.iter().any(|it| it.id.as_deref() == Some(id))
    }

    /// Whether one of the keys made `signature` under `text`.
    pub(crate) fn verify(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
        text: &[u8],
        signature: &[u8],
    ) -> bool {
        let named = |key: &&Key| id.is_none() || key.id.as_deref() == id;
        let made = |key: &Key| key.made(algorithm, text, signature);
        self.0.iter().filter(named).any(made)
    }
}

impl Key {
    fn read(value: &Value) -> Option<Self> {
        let key = Written::deserialize(value).ok()?;
        if key.usage.as_deref().is_some_and(|it| it != "sig") {
            return None;
        }
        let bytes = |text: Option<String>| Base64::RAW_URL.decode(text?.as_bytes()).ok();
        let material = match (key.kty.as_str(), key.crv.as_deref()) {
            ("RSA", _) => Material::Rsa { n: bytes(key.n)?, e: bytes(key.e)? },
            ("EC", Some(name @ ("P-256" | "P-384" | "P-521"))) => {
                let name = name.to_owned();
                // SEC 1, section 2.3.3: a point that is not compressed.
                let point = [vec![4], bytes(key.x)?, bytes(key.y)?].concat();
                Material::Curve { name, point }
            }
            ("OKP", Some("Ed25519")) => {
                Material::Curve { name: "Ed25519".to_owned(), point: bytes(key.x)? }
            }
            _ => return None,
        };
        Some(Self { id: key.kid, algorithm: key.alg, material })
    }

    fn made(&self, algorithm: Algorithm, text: &[u8], signature: &[u8]) -> bool {
        if self.algorithm.as_deref().is_some_and(|it| it != algorithm.name) {
            return false;
        }
        let key = match &self.material {
            Material::Rsa { n, e } => PublicKey::Rsa { n, e },
            Material::Curve { name, point } => PublicKey::Curve { name, point },
        };
        algorithm.verify(key, text, signature)
    }
}
