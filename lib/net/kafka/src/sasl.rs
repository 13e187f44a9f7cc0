//! Passwords: PLAIN (RFC 4616) and SCRAM (RFC 5802, RFC 7677).

use std::num::NonZeroU32;

use pdata::text::Base64;
use ring::{digest, hmac, pbkdf2};

use crate::config::Mechanism;
use crate::error::Error;

/// Rounds that a broker may ask for: more would keep us busy.
const ROUNDS_MAX: u32 = 1_000_000;

impl Mechanism {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// The only message of PLAIN.
pub(crate) fn plain(user: &str, password: &str) -> Vec<u8> {
    [b"\0", user.as_bytes(), b"\0", password.as_bytes()].concat()
}

/// A conversation of three messages.
pub(crate) struct Scram<'a> {
    sha512: bool,
    password: &'a str,
    nonce: String,
    first: String,
}

impl<'a> Scram<'a> {
    pub(crate) fn new(mechanism: Mechanism, user: &str, password: &'a str, nonce: String) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        let first = format!("n={user},r={nonce}");
        Self { sha512: mechanism == Mechanism::ScramSha512, password, nonce, first }
    }

    pub(crate) fn first(&self) -> Vec<u8> {
        format!("n,,{}", self.first).into_bytes()
    }

    /// The answer to the broker's first message, and what its last one has to be.
    pub(crate) fn proof(&self, server: &[u8]) -> Result<(Vec<u8>, String), Error> {
        let odd = || Error::Login("the broker's SCRAM message makes no sense".to_owned());
        let server = std::str::from_utf8(server).map_err(|_| odd())?;
        let part = |name: &str| server.split(',').find_map(|it| it.strip_prefix(name));
        let nonce = part("r=").filter(|it| it.starts_with(&self.nonce)).ok_or_else(odd)?;
        let salt = part("s=")
            .and_then(|it| Base64::STANDARD.decode(it.as_bytes()).ok())
            .ok_or_else(odd)?;
        let rounds = part("i=").and_then(|it| it.parse::<NonZeroU32>().ok()).ok_or_else(odd)?;
        if rounds.get() > ROUNDS_MAX {
            return Err(Error::Login(format!("the broker asks for {rounds} rounds of SCRAM")));
        }
        let (mac, hash, derive) = if self.sha512 {
            (hmac::HMAC_SHA512, &digest::SHA512, pbkdf2::PBKDF2_HMAC_SHA512)
        } else {
            (hmac::HMAC_SHA256, &digest::SHA256, pbkdf2::PBKDF2_HMAC_SHA256)
        };
        let mut salted = vec![0; hash.output_len()];
        pbkdf2::derive(derive, rounds, &salt, self.password.as_bytes(), &mut salted);
        let sign = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(mac, key), text);
        let client = sign(&salted, b"Client Key");
        let stored = digest::digest(hash, client.as_ref());
        let last = format!("c=biws,r={nonce}");
        let message = format!("{},{server},{last}", self.first);
        let signature = sign(stored.as_ref(), message.as_bytes());
        let pairs = client.as_ref().iter().zip(signature.as_ref());
        let proof: Vec<u8> = pairs.map(|(a, b)| a ^ b).collect();
        let own = sign(&salted, b"Server Key");
        let verifier = sign(own.as_ref(), message.as_bytes());
        let answer = format!("{last},p={}", Base64::STANDARD.encode(&proof));
        Ok((answer.into_bytes(), format!("v={}", Base64::STANDARD.encode(verifier.as_ref()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7677() {
        let scram =
            Scram::new(Mechanism::ScramSha256, "user", "pencil", "rOprNGfwEbeRWgbNEkqO".to_owned());
        assert_eq!(scram.first(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let server = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let (proof, verifier) = scram.proof(server.as_bytes()).unwrap();
        let want = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                    p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(String::from_utf8(proof).unwrap(), want);
        assert_eq!(verifier, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        assert!(scram.proof(b"r=other,s=W22Z,i=1").is_err());
        assert!(scram.proof(b"r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4000000").is_err());
    }
}
