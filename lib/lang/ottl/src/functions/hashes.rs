//! Digests and encodings.

use sha2::{Digest, Sha256, Sha512};

use super::{Function, Kind, function, takes, text};
use crate::value::{Value, base64, hex};

const TARGET: super::Parameter = takes("target", Kind::Text);

pub(super) const ALL: &[Function] = &[
    function("SHA256", &[TARGET], |_, it| Ok(hex(&Sha256::digest(text(it, 0))).into())),
    function("SHA512", &[TARGET], |_, it| Ok(hex(&Sha512::digest(text(it, 0))).into())),
    function("FNV", &[TARGET], |_, it| Ok(Value::Int(fnv(text(it, 0).as_bytes())))),
    function("Base64Encode", &[TARGET], |_, it| Ok(base64(text(it, 0).as_bytes()).into())),
];

/// FNV-1a of 64 bits.
fn fnv(bytes: &[u8]) -> i64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    }
    hash as i64
}
