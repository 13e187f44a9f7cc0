//! `crypto.*` but certificates: digests and keyed digests, as hexadecimal texts.

use md5::{Digest, Md5};
use regorus::Value;
use ring::{digest, hmac};

use super::args::{Answer, Table, string};

pub const TABLE: Table = &[
    ("crypto.md5", |args| Ok(hexadecimal(&Md5::digest(string(args, 0)?)))),
    ("crypto.sha1", |args| digest_of(args, &digest::SHA1_FOR_LEGACY_USE_ONLY)),
    ("crypto.sha256", |args| digest_of(args, &digest::SHA256)),
    ("crypto.hmac.md5", |args| Ok(hexadecimal(&hmac_md5(string(args, 1)?, string(args, 0)?)))),
    ("crypto.hmac.sha1", |args| keyed(args, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY)),
    ("crypto.hmac.sha256", |args| keyed(args, hmac::HMAC_SHA256)),
    ("crypto.hmac.sha512", |args| keyed(args, hmac::HMAC_SHA512)),
    ("crypto.hmac.equal", equal),
];

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}

fn hexadecimal(bytes: &[u8]) -> Value {
    Value::from(hex(bytes))
}

fn digest_of(args: &[Value], algorithm: &'static digest::Algorithm) -> Answer {
    Ok(hexadecimal(digest::digest(algorithm, string(args, 0)?.as_bytes()).as_ref()))
}

fn keyed(args: &[Value], algorithm: hmac::Algorithm) -> Answer {
    let (message, key) = (string(args, 0)?, string(args, 1)?);
    let key = hmac::Key::new(algorithm, key.as_bytes());
    Ok(hexadecimal(hmac::sign(&key, message.as_bytes()).as_ref()))
}

/// RFC 2104 over MD5, which ring does not have.
fn hmac_md5(key: &str, message: &str) -> [u8; 16] {
    const BLOCK_BYTES: usize = 64;
    let mut block = [0_u8; BLOCK_BYTES];
    let short = if key.len() > BLOCK_BYTES { Md5::digest(key).to_vec() } else { key.into() };
    block.iter_mut().zip(short).for_each(|(to, from)| *to = from);
    let inner = Md5::new_with_prefix(block.map(|it| it ^ 0x36)).chain_update(message).finalize();
    Md5::new_with_prefix(block.map(|it| it ^ 0x5c)).chain_update(inner).finalize().into()
}

/// In constant time, so that a policy does not tell how much of a digest is right.
fn equal(args: &[Value]) -> Answer {
    let (left, right) = (string(args, 0)?.as_bytes(), string(args, 1)?.as_bytes());
    let same = left.iter().zip(right).fold(0, |all, (a, b)| all | (a ^ b)) == 0;
    Ok(Value::from(left.len() == right.len() && same))
}
