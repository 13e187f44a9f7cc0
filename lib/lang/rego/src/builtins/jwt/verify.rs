//! Does a signature hold?

use jws::{Algorithm, PublicKey};
use ring::hmac;

use super::super::pem::Material;
use super::keys::Key;

/// Whether `key` made `signature` over `message` with this algorithm.
pub fn verify(key: &Key, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
    let public = match &key.material {
        Material::Secret(secret) => return with_secret(algorithm, secret, message, signature),
        Material::Rsa { n, e, .. } => PublicKey::Rsa { n, e },
        Material::Ec { curve, point, .. } => PublicKey::Curve { name: curve, point },
        Material::Ed25519 { public, .. } => PublicKey::Curve { name: "Ed25519", point: public },
    };
    Algorithm::named(algorithm).is_some_and(|it| it.verify(public, message, signature))
}

fn with_secret(algorithm: &str, secret: &[u8], message: &[u8], signature: &[u8]) -> bool {
    hmac_algorithm(algorithm)
        .is_some_and(|it| hmac::verify(&hmac::Key::new(it, secret), message, signature).is_ok())
}

/// Of HS256 and the like.
pub fn hmac_algorithm(algorithm: &str) -> Option<hmac::Algorithm> {
    match algorithm {
        "HS256" => Some(hmac::HMAC_SHA256),
        "HS384" => Some(hmac::HMAC_SHA384),
        "HS512" => Some(hmac::HMAC_SHA512),
        _ => None,
    }
}
