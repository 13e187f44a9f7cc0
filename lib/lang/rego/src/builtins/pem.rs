//! PEM blocks and the public keys in them.

use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::base64;

const RSA: &str = "1.2.840.113549.1.1.1";
const EC: &str = "1.2.840.10045.2.1";
const ED25519: &str = "1.3.101.112";

/// What verifies or signs.
#[derive(Debug, Clone)]
pub enum Material {
    /// Modulus and exponent; with the private numbers `d, p, q, dp, dq, qi` if it can sign.
    Rsa { n: Vec<u8>, e: Vec<u8>, private: Option<[Vec<u8>; 6]> },
    /// The curve and the uncompressed point; the private number if it can sign.
    Ec { curve: String, point: Vec<u8>, private: Option<Vec<u8>> },
    /// The public bytes; the seed if it can sign.
    Ed25519 { public: Vec<u8>, seed: Option<Vec<u8>> },
    /// For HS256 and the like.
    Secret(Vec<u8>),
}

/// A block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// `CERTIFICATE`.
    pub label: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The first block, and what follows it.
pub fn first(text: &str) -> Option<(Block, &str)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let end = format!("-----END {label}-----");
    let (content, rest) = rest.split_once(end.as_str())?;
    // Headers of old encrypted keys end with an empty line.
    let content = content.rsplit("\n\n").next().unwrap_or(content);
    let content: String = content.split_ascii_whitespace().collect();
    let bytes = base64::decode(&content).ok()?;
    let rest = rest.strip_prefix("\r\n").or(rest.strip_prefix('\n')).unwrap_or(rest);
    Some((Block { label: label.to_owned(), bytes }, rest))
}

/// Of a certificate in DER.
pub fn certificate_key(der: &[u8]) -> Option<Material> {
    let certificate = Certificate::from_der(der).ok()?;
    material(&certificate.tbs_certificate.subject_public_key_info)
}

/// Of a `PUBLIC KEY` in DER.
pub fn public_key(der: &[u8]) -> Option<Material> {
    material(&SubjectPublicKeyInfoOwned::from_der(der).ok()?)
}

fn material(info: &SubjectPublicKeyInfoOwned) -> Option<Material> {
    let bytes = info.subject_public_key.raw_bytes();
    match info.algorithm.oid.to_string().as_str() {
        RSA => {
            let (n, e) = rsa_numbers(bytes)?;
            Some(Material::Rsa { n, e, private: None })
        }
        EC => {
            let parameters = info.algorithm.parameters.as_ref()?.to_der().ok()?;
            let curve = match parameters.as_slice() {
                [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7] => "P-256",
                [6, 5, 0x2b, 0x81, 4, 0, 0x22] => "P-384",
                [6, 5, 0x2b, 0x81, 4, 0, 0x23] => "P-521",
                _ => return None,
            };
            let point = bytes.to_vec();
            Some(Material::Ec { curve: curve.to_owned(), point, private: None })
        }
        ED25519 => Some(Material::Ed25519 { public: bytes.to_vec(), seed: None }),
        _ => None,
    }
}

/// `SEQUENCE { INTEGER n, INTEGER e }`, RFC 8017 A.1.1.
pub fn rsa_numbers(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let numbers = Vec::<x509_cert::der::asn1::Int>::from_der(der).ok()?;
    let [n, e] = numbers.as_slice() else { return None };
    Some((n.as_bytes().to_vec(), e.as_bytes().to_vec()))
}
