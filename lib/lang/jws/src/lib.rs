//! Signatures of JSON web tokens (RFC 7515, RFC 7518 section 3, RFC 8037): which algorithms with a public key there are,
//! and whether a key made a signature. Those with a shared secret (`HS256`) are left to whoever may use them: a verifier
//! that takes both lets whoever knows the public key sign with it.

use p521::ecdsa::signature::{Signer as _, Verifier as _};
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};

/// The curve that is not in ring, and is verified by `p521`.
const P521: &str = "P-521";

/// How a token is signed, by the name that stands in `alg`.
#[derive(Clone, Copy)]
pub struct Algorithm {
    /// As it stands in `alg`: `RS256`.
    pub name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Rsa(&'static signature::RsaParameters),
    /// The curve of the key, and how it is verified.
    Curve(&'static str, &'static (dyn VerificationAlgorithm + Sync)),
    P521,
}

/// All of them, in the order of RFC 7518.
pub static ALGORITHMS: [Algorithm; 10] = [
    Algorithm { name: "RS256", kind: Kind::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256) },
    Algorithm { name: "RS384", kind: Kind::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384) },
    Algorithm { name: "RS512", kind: Kind::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512) },
    Algorithm { name: "PS256", kind: Kind::Rsa(&signature::RSA_PSS_2048_8192_SHA256) },
    Algorithm { name: "PS384", kind: Kind::Rsa(&signature::RSA_PSS_2048_8192_SHA384) },
    Algorithm { name: "PS512", kind: Kind::Rsa(&signature::RSA_PSS_2048_8192_SHA512) },
    Algorithm { name: "ES256", kind: Kind::Curve("P-256", &signature::ECDSA_P256_SHA256_FIXED) },
    Algorithm { name: "ES384", kind: Kind::Curve("P-384", &signature::ECDSA_P384_SHA384_FIXED) },
    Algorithm { name: "ES512", kind: Kind::P521 },
    Algorithm { name: "EdDSA", kind: Kind::Curve("Ed25519", &signature::ED25519) },
];

/// A public key.
#[derive(Clone, Copy)]
pub enum PublicKey<'k> {
    /// Of RSA, its numbers big-endian.
    Rsa {
        /// The modulus.
        n: &'k [u8],
        /// The exponent.
        e: &'k [u8],
    },
    /// Of a curve.
    Curve {
        /// What stands in `crv`: `P-256`, `P-384`, `P-521` or `Ed25519`.
        name: &'k str,
        /// Not compressed (SEC 1, section 2.3.3), but for `Ed25519`, where it is the 32 bytes of RFC 8032.
        point: &'k [u8],
    },
}

impl Algorithm {
    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        ALGORITHMS.iter().find(|it| it.name == name).copied()
    }

    /// Whether `key` made `signature` under `message`. The kind of the key has to be that of the algorithm: what a token says
    /// of itself cannot make a key into another one.
    pub fn verify(self, key: PublicKey<'_>, message: &[u8], signature: &[u8]) -> bool {
        match (key, self.kind) {
            (PublicKey::Rsa { n, e }, Kind::Rsa(parameters)) => {
                // ring takes no number that begins with a zero; certificates write one before a high bit.
                let (n, e) = (without_zeros(n), without_zeros(e));
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
            }
            (PublicKey::Curve { name, point }, Kind::Curve(wanted, how)) if name == wanted => {
                UnparsedPublicKey::new(how, point).verify(message, signature).is_ok()
            }
            (PublicKey::Curve { name: P521, point }, Kind::P521) => {
                es512_verify(point, message, signature).is_some()
            }
            _ => false,
        }
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|it| **it == 0).count();
    number.get(zeros..).unwrap_or_default()
}

fn es512_verify(point: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(point).ok()?;
    let signature = p521::ecdsa::Signature::from_slice(signature).ok()?;
    key.verify(message, &signature).ok()
}

/// A signature with `ES512` and a private number of P-521, 66 bytes; `None` if it is none. ring signs with all others.
pub fn es512_sign(private: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let key = p521::ecdsa::SigningKey::from_slice(private).ok()?;
    let made: p521::ecdsa::Signature = key.sign(message);
    Some(made.to_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{EcdsaKeyPair, KeyPair as _};

    use super::*;

    /// The private number and the point of a key of P-521.
    fn key_of_p521() -> ([u8; 66], Vec<u8>) {
        let private: [u8; 66] = std::array::from_fn(|it| u8::try_from(it).unwrap());
        let key = p521::ecdsa::SigningKey::from_slice(&private).unwrap();
        let point = p521::ecdsa::VerifyingKey::from(&key).to_encoded_point(false);
        (private, point.as_bytes().to_vec())
    }

    #[test]
    fn es512_holds_for_its_message_and_its_key_alone() {
        let (private, point) = key_of_p521();
        let es512 = Algorithm::named("ES512").unwrap();
        let made = es512_sign(&private, b"head.claims").unwrap();
        assert_eq!(made.len(), 132);
        let key = PublicKey::Curve { name: "P-521", point: &point };
        assert!(es512.verify(key, b"head.claims", &made));
        assert!(!es512.verify(key, b"head.others", &made));
        // Another curve's name, half a signature, a point that is none, zeros.
        let stranger = PublicKey::Curve { name: "P-384", point: &point };
        assert!(!es512.verify(stranger, b"head.claims", &made));
        assert!(!es512.verify(key, b"head.claims", &made[..131]));
        assert!(!es512.verify(key, b"head.claims", &[0; 132]));
        let torn = PublicKey::Curve { name: "P-521", point: &point[1..] };
        assert!(!es512.verify(torn, b"head.claims", &made));
        assert_eq!(es512_sign(&private[..10], b"head.claims"), None);
        assert_eq!(es512_sign(&[0; 66], b"head.claims"), None);
    }

    /// A token of RFC 7515, appendix A.4, which others have signed.
    #[test]
    fn the_example_of_the_rfc_holds() {
        let es512 = Algorithm::named("ES512").unwrap();
        let message = b"eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA";
        let key = PublicKey::Curve { name: "P-521", point: &rfc::POINT };
        assert!(es512.verify(key, message, &rfc::SIGNATURE));
        assert!(!Algorithm::named("ES384").unwrap().verify(key, message, &rfc::SIGNATURE));
    }

    #[test]
    fn a_key_serves_its_own_algorithm_only() {
        let random = SystemRandom::new();
        let how = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let made = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(how, made.as_ref(), &random).unwrap();
        let signed = pair.sign(&random, b"text").unwrap();
        let point = pair.public_key().as_ref();
        for algorithm in ALGORITHMS {
            let holds = |key| algorithm.verify(key, b"text", signed.as_ref());
            assert_eq!(
                holds(PublicKey::Curve { name: "P-256", point }),
                algorithm.name == "ES256",
                "{}",
                algorithm.name
            );
            assert!(!holds(PublicKey::Rsa { n: point, e: &[1, 0, 1] }), "{}", algorithm.name);
        }
        assert!(Algorithm::named("none").is_none());
        assert!(Algorithm::named("HS256").is_none());
    }

    /// The key and the signature, out of the same appendix.
    mod rfc {
        pub(super) const POINT: [u8; 133] = [
            4, 1, 233, 41, 5, 15, 18, 79, 198, 188, 85, 199, 213, 57, 51, 101, 223, 157, 239, 74,
            176, 194, 44, 178, 87, 152, 249, 52, 235, 4, 227, 198, 186, 227, 112, 26, 87, 167, 145,
            14, 157, 129, 191, 54, 49, 89, 232, 235, 203, 21, 93, 99, 73, 244, 189, 182, 204, 248,
            169, 76, 92, 89, 199, 170, 193, 1, 164, 0, 52, 166, 68, 14, 55, 103, 80, 210, 55, 31,
            209, 189, 194, 200, 243, 183, 29, 47, 78, 229, 234, 52, 50, 200, 21, 204, 163, 21, 96,
            254, 93, 147, 135, 236, 119, 75, 85, 131, 134, 48, 229, 203, 191, 90, 140, 190, 10,
            145, 221, 0, 100, 198, 153, 154, 31, 110, 110, 103, 250, 221, 237, 228, 200, 200, 246,
        ];
        pub(super) const SIGNATURE: [u8; 132] = [
            1, 220, 12, 129, 231, 171, 194, 209, 232, 135, 233, 117, 247, 105, 122, 210, 26, 125,
            192, 1, 217, 21, 82, 91, 45, 240, 255, 83, 19, 34, 239, 71, 48, 157, 147, 152, 105, 18,
            53, 108, 163, 214, 68, 231, 62, 153, 150, 106, 194, 164, 246, 72, 143, 138, 24, 50,
            129, 223, 133, 206, 209, 172, 63, 237, 119, 109, 0, 111, 6, 105, 44, 5, 41, 208, 128,
            61, 152, 40, 92, 61, 152, 4, 150, 66, 60, 69, 247, 196, 170, 81, 193, 199, 78, 59, 194,
            169, 16, 124, 9, 143, 42, 142, 131, 48, 206, 238, 34, 175, 83, 203, 220, 159, 3, 107,
            155, 22, 27, 73, 111, 68, 68, 21, 238, 144, 229, 232, 148, 188, 222, 59, 242, 103,
        ];
    }
}
