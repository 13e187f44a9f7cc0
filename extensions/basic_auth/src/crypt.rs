//! The slow hashes of htpasswd files: bcrypt, MD5-crypt with Apache's mark and without, and SHA-crypt.
//!
//! They were made to be slow and, but for bcrypt, are long recipes without a reason that could be written beside them: what is
//! done here is what their authors did, in the same order.

use blowfish::Blowfish;
use md5::{Digest, Md5};

/// The digits of bcrypt, which has its own order of them.
const BCRYPT_DIGITS: &[u8; 64] =
    b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// The digits of `crypt(3)`.
const CRYPT_DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Bytes of a key that Blowfish uses; bcrypt ignores the rest of a password.
const KEY_BYTES_MAX: usize = 72;
/// What bcrypt encrypts, 64 times: "OrpheanBeholderScryDoubt".
const BCRYPT_TEXT: [u32; 6] =
    [0x4f72_7068, 0x6561_6e42, 0x6568_6f6c, 0x6465_7253, 0x6372_7944, 0x6f75_6274];

/// The 23 bytes of bcrypt ("A Future-Adaptable Password Scheme", Provos and Mazieres, 1999). The work doubles with each step of
/// `cost`.
pub(crate) fn bcrypt(password: &[u8], cost: u32, salt: &[u8]) -> Vec<u8> {
    let mut key = [password, &[0]].concat();
    key.truncate(KEY_BYTES_MAX);
    let mut state = Blowfish::bc_init_state();
    state.salted_expand_key(salt, &key);
    for _ in 0..1_u64 << cost {
        state.bc_expand_key(&key);
        state.bc_expand_key(salt);
    }
    let mut hash = Vec::new();
    for pair in BCRYPT_TEXT.chunks_exact(2) {
        let mut halves = [pair[0], pair[1]];
        for _ in 0..64 {
            halves = state.bc_encrypt(halves);
        }
        hash.extend(halves.iter().flat_map(|it| it.to_be_bytes()));
    }
    // The first implementation forgot the last byte.
    hash.truncate(23);
    hash
}

/// The bytes behind bcrypt's digits: first bits first, left over bits passed over.
pub(crate) fn bcrypt_bytes(digits: &str) -> Option<Vec<u8>> {
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for digit in digits.bytes() {
        let value = BCRYPT_DIGITS.iter().position(|it| *it == digit)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    Some(bytes)
}

/// MD5-crypt, by Poul-Henning Kamp; `mark` is `$1$`, or `$apr1$` for Apache's.
pub(crate) fn md5_crypt(password: &[u8], salt: &[u8], mark: &str) -> String {
    let inner = hash::<Md5>(&[password, salt, password]);
    let mut first = [password, mark.as_bytes(), salt].concat();
    first.extend(inner.iter().cycle().take(password.len()));
    let mut length = password.len();
    while length > 0 {
        first.push(if length & 1 == 1 { 0 } else { password.first().copied().unwrap_or(0) });
        length >>= 1;
    }
    let mut sum = hash::<Md5>(&[&first]);
    for round in 0..1000 {
        sum = hash_round::<Md5>(round, &sum, password, salt);
    }
    let mut text = String::new();
    let at = |index: usize| sum.get(index).copied().unwrap_or(0);
    for i in 0..4 {
        digits(&mut text, [at(i), at(i + 6), at(i + 12)], 4);
    }
    digits(&mut text, [at(4), at(10), at(5)], 4);
    digits(&mut text, [0, 0, at(11)], 2);
    text
}

/// SHA-crypt, by Ulrich Drepper ("Unix crypt using SHA-256 and SHA-512", 2008), with the hash function `D`.
pub(crate) fn sha_crypt<D: Digest>(password: &[u8], salt: &[u8], rounds: u32) -> String {
    let inner = hash::<D>(&[password, salt, password]);
    let mut first = [password, salt].concat();
    first.extend(inner.iter().cycle().take(password.len()));
    let mut length = password.len();
    while length > 0 {
        first.extend_from_slice(if length & 1 == 1 { &inner } else { password });
        length >>= 1;
    }
    let mut sum = hash::<D>(&[&first]);
    let stretched = hash::<D>(&[&password.repeat(password.len())]);
    let of_password: Vec<u8> = stretched.iter().copied().cycle().take(password.len()).collect();
    let times = 16 + usize::from(sum.first().copied().unwrap_or(0));
    let stretched = hash::<D>(&[&salt.repeat(times)]);
    let of_salt: Vec<u8> = stretched.iter().copied().cycle().take(salt.len()).collect();
    for round in 0..rounds {
        sum = hash_round::<D>(round, &sum, &of_password, &of_salt);
    }
    let mut text = String::new();
    let (third, at) = (sum.len() / 3, |index: usize| sum.get(index).copied().unwrap_or(0));
    for i in 0..third {
        let mut group = [at(i), at(i + third), at(i + 2 * third)];
        // SHA-512 turns the groups one way, SHA-256 the other.
        if sum.len() == 64 {
            group.rotate_left(i % 3)
        } else {
            group.rotate_right(i % 3)
        }
        digits(&mut text, group, 4);
    }
    match sum.len() {
        64 => digits(&mut text, [0, 0, at(63)], 2),
        _ => digits(&mut text, [0, at(31), at(30)], 3),
    }
    text
}

/// What both recipes do a thousand times and more.
fn hash_round<D: Digest>(round: u32, sum: &[u8], password: &[u8], salt: &[u8]) -> Vec<u8> {
    let is_odd = round & 1 == 1;
    hash::<D>(&[
        if is_odd { password } else { sum },
        if round.is_multiple_of(3) { &[] } else { salt },
        if round.is_multiple_of(7) { &[] } else { password },
        if is_odd { sum } else { password },
    ])
}

fn hash<D: Digest>(pieces: &[&[u8]]) -> Vec<u8> {
    let mut digest = D::new();
    for piece in pieces {
        digest.update(piece);
    }
    digest.finalize().to_vec()
}

/// `count` digits of three bytes, last bits first.
fn digits(text: &mut String, [a, b, c]: [u8; 3], count: u32) {
    let value = u32::from(a) << 16 | u32::from(b) << 8 | u32::from(c);
    text.extend((0..count).map(|i| char::from(CRYPT_DIGITS[(value >> (6 * i) & 63) as usize])));
}
