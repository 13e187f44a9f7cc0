//! The public keys of an issuer, a JWK set (RFC 7517, RFC 7518 section 6), and signatures made with them.

use pdata::text::Base64;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use serde::Deserialize;
use serde_json::Value;

/// Most keys of one issuer. Issuers have two or three; a token without `kid` is checked against each.
const KEYS_MAX: usize = 64;

/// How a token is signed: what a client may say in `alg`.
///
/// `none` and the algorithms with a shared secret (`HS256`) are not in the list: with those, whoever knows the public
/// key could sign. `ES512` is not, as `ring` cannot do it.
#[derive(Clone, Copy)]
pub(crate) struct Algorithm {
    pub(crate) name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Rsa(&'static signature::RsaParameters),
    /// The curve of the key, and how it is verified.
    Curve(&'static str, &'static (dyn VerificationAlgorithm + Sync)),
}

/// All of them, in the order in which they are named to a client.
pub(crate) static ALGORITHMS: [Algorithm; 9] = [
    Algorithm { name: "RS256", kind: Kind::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256) },
    Algorithm { name: "RS384", kind: Kind::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384) },
    Algorithm { name: "RS512", kind: Kind::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512) },
    Algorithm { name: "PS256", kind: Kind::Rsa(&signature::RSA_PSS_2048_8192_SHA256) },
    Algorithm { name: "PS384", kind: Kind::Rsa(&signature::RSA_PSS_2048_8192_SHA384) },
    Algorithm { name: "PS512", kind: Kind::Rsa(&signature::RSA_PSS_2048_8192_SHA512) },
    Algorithm { name: "ES256", kind: Kind::Curve("P-256", &signature::ECDSA_P256_SHA256_FIXED) },
    Algorithm { name: "ES384", kind: Kind::Curve("P-384", &signature::ECDSA_P384_SHA384_FIXED) },
    Algorithm { name: "EdDSA", kind: Kind::Curve("Ed25519", &signature::ED25519) },
];

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
            let kinds = "RSA, ECDSA with P-256 or P-384, and ED25519";
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
            ("EC", Some(name @ ("P-256" | "P-384"))) => {
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

    /// The kind of the key has to be that of the algorithm: what the client says cannot make a key into another one.
    fn made(&self, algorithm: Algorithm, text: &[u8], signature: &[u8]) -> bool {
        if self.algorithm.as_deref().is_some_and(|it| it != algorithm.name) {
            return false;
        }
        match (&self.material, algorithm.kind) {
            (Material::Rsa { n, e }, Kind::Rsa(parameters)) => {
                RsaPublicKeyComponents { n, e }.verify(parameters, text, signature).is_ok()
            }
            (Material::Curve { name, point }, Kind::Curve(wanted, how)) if name == wanted => {
                UnparsedPublicKey::new(how, point).verify(text, signature).is_ok()
            }
            _ => false,
        }
    }
}
