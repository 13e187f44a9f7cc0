//! What stands for values that should not be seen.

use md5::{Digest as _, Md5};
use pdata::text::hex;
use ring::{digest, hmac};

use crate::config::HashFunction;

/// What is written in the place of a text.
pub(crate) enum Mask {
    Stars,
    Sha1,
    Sha3,
    Md5,
    Hmac(hmac::Key),
}

impl Mask {
    pub(crate) fn new(function: HashFunction, key: &str) -> Self {
        let with = |algorithm| Self::Hmac(hmac::Key::new(algorithm, key.as_bytes()));
        match function {
            HashFunction::None => Self::Stars,
            HashFunction::Sha1 => Self::Sha1,
            HashFunction::Sha3 => Self::Sha3,
            HashFunction::Md5 => Self::Md5,
            HashFunction::HmacSha256 => with(hmac::HMAC_SHA256),
            HashFunction::HmacSha512 => with(hmac::HMAC_SHA512),
        }
    }

    pub(crate) fn of(&self, text: &str) -> String {
        let text = text.as_bytes();
        match self {
            Self::Stars => "****".to_owned(),
            Self::Sha1 => hex(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text).as_ref()),
            Self::Sha3 => hex(&sha3_256(text)),
            Self::Md5 => hex(&Md5::digest(text)),
            Self::Hmac(key) => hex(hmac::sign(key, text).as_ref()),
        }
    }
}

/// Bytes that SHA3-256 takes at once: 1600 bits without twice 256.
const RATE: usize = 136;

/// FIPS 202, 6.1.
fn sha3_256(text: &[u8]) -> [u8; 32] {
    let mut padded = text.to_vec();
    padded.push(0x06);
    padded.resize(padded.len().next_multiple_of(RATE), 0);
    if let Some(last) = padded.last_mut() {
        *last |= 0x80;
    }
    let mut lanes = [0_u64; 25];
    for block in padded.chunks_exact(RATE) {
        for (lane, bytes) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
            *lane ^= u64::from_le_bytes(*bytes);
        }
        permute(&mut lanes);
    }
    let mut out = [0; 32];
    for (bytes, lane) in out.as_chunks_mut::<8>().0.iter_mut().zip(lanes) {
        *bytes = lane.to_le_bytes();
    }
    out
}

/// How far each lane is turned, and where it goes, in the order of FIPS 202, 3.2.2 and 3.2.3.
const TURNS: [u32; 24] =
    [1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44];
const PLACES: [usize; 24] =
    [10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1];

/// Keccak-f[1600].
fn permute(lanes: &mut [u64; 25]) {
    let mut register = 1_u8;
    for _ in 0..24 {
        let mut columns = [0_u64; 5];
        for (at, lane) in lanes.iter().enumerate() {
            columns[at % 5] ^= lane;
        }
        for (at, lane) in lanes.iter_mut().enumerate() {
            let x = at % 5;
            *lane ^= columns[(x + 4) % 5] ^ columns[(x + 1) % 5].rotate_left(1);
        }
        let mut moving = lanes[1];
        for (place, turn) in PLACES.into_iter().zip(TURNS) {
            moving = std::mem::replace(&mut lanes[place], moving.rotate_left(turn));
        }
        for row in lanes.as_chunks_mut::<5>().0 {
            let old = *row;
            for (x, lane) in row.iter_mut().enumerate() {
                *lane ^= !old[(x + 1) % 5] & old[(x + 2) % 5];
            }
        }
        lanes[0] ^= round_constant(&mut register);
    }
}

/// The next constant of a round, from the register of FIPS 202, 3.2.5.
fn round_constant(register: &mut u8) -> u64 {
    let mut constant = 0;
    for power in 0..7 {
        if *register & 1 == 1 {
            constant |= 1_u64 << ((1_u32 << power) - 1);
        }
        let carry = *register >> 7;
        *register = (*register << 1) ^ (carry * 0x71);
    }
    constant
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_their_standards() {
        let of = |function, key, text| Mask::new(function, key).of(text);
        for (function, text, want) in [
            (HashFunction::None, "x", "****"),
            (HashFunction::Md5, "ann", "7e0d7f8a5d96c24ffcc840f31bce72b2"),
            (HashFunction::Sha1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            // NIST's example values for SHA3-256.
            (
                HashFunction::Sha3,
                "",
                "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a",
            ),
            (
                HashFunction::Sha3,
                "abc",
                "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
            ),
        ] {
            assert_eq!(of(function, "", text), want, "{function:?} {text}");
        }
        // RFC 4231, test case 2.
        let text = "what do ya want for nothing?";
        assert_eq!(
            of(HashFunction::HmacSha256, "Jefe", text),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert!(of(HashFunction::HmacSha512, "Jefe", text).starts_with("164b7a7bfcf819e2e395fbe7"));
    }
}
