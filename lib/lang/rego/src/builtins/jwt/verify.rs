//! Does a signature hold?

use ring::{hmac, signature};

use super::super::pem::Material;
use super::keys::Key;

/// Whether `key` made `signature` over `message` with this algorithm.
pub fn verify(key: &Key, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
    match &key.material {
        Material::Secret(secret) => with_secret(algorithm, secret, message, signature),
        Material::Rsa { n, e, .. } => {
            let Some(parameters) = rsa(algorithm) else { return false };
            let n = without_zeros(n);
            signature::RsaPublicKeyComponents { n, e: without_zeros(e) }
                .verify(parameters, message, signature)
                .is_ok()
        }
        Material::Ec { curve, point, .. } => {
            let Some(parameters) = ec(algorithm, curve) else { return false };
            let key = signature::UnparsedPublicKey::new(parameters, point);
            key.verify(message, signature).is_ok()
        }
        Material::Ed25519 { public, .. } => {
            let key = signature::UnparsedPublicKey::new(&signature::ED25519, public);
            algorithm == "EdDSA" && key.verify(message, signature).is_ok()
        }
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|it| **it == 0).count();
    number.get(zeros..).unwrap_or_default()
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

fn rsa(algorithm: &str) -> Option<&'static signature::RsaParameters> {
    match algorithm {
        "RS256" => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        "RS384" => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        "RS512" => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        "PS256" => Some(&signature::RSA_PSS_2048_8192_SHA256),
        "PS384" => Some(&signature::RSA_PSS_2048_8192_SHA384),
        "PS512" => Some(&signature::RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

/// ES512 needs P-521, which ring does not have.
fn ec(algorithm: &str, curve: &str) -> Option<&'static signature::EcdsaVerificationAlgorithm> {
    match (algorithm, curve) {
        ("ES256", "P-256") => Some(&signature::ECDSA_P256_SHA256_FIXED),
        ("ES384", "P-384") => Some(&signature::ECDSA_P384_SHA384_FIXED),
        _ => None,
    }
}
