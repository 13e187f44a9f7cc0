//! Digests of texts.

use golang::fnv::fnv1a_64;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::{Function, Kind, function, takes, text};
use crate::value::{Value, hex};

const TARGET: super::Parameter = takes("target", Kind::Text);

pub(super) const ALL: &[Function] = &[
    function("MD5", &[TARGET], |_, it| Ok(hex(&Md5::digest(text(it, 0))).into()))
        .says("The MD5 digest, in hex.", "MD5(\"pass\") == \"1a1dc91c907325c69271ddf0c944bc72\""),
    function("SHA1", &[TARGET], |_, it| Ok(hex(&Sha1::digest(text(it, 0))).into())).says(
        "The SHA-1 digest, in hex.",
        "SHA1(\"pass\") == \"9d4e1e23bd5b727046a9e3b4b7db57bd8d6ee684\"",
    ),
    function("SHA256", &[TARGET], |_, it| Ok(hex(&Sha256::digest(text(it, 0))).into())).says(
        "The SHA-256 digest, in hex.",
        "SHA256(\"pass\") == \
         \"d74ff0ee8da3b9806b18c877dbf29bbde50b5bd8e4dad7a3a725000feb82e8f1\"",
    ),
    function("SHA512", &[TARGET], |_, it| Ok(hex(&Sha512::digest(text(it, 0))).into()))
        .says("The SHA-512 digest, in hex.", "Len(SHA512(\"pass\")) == 128"),
    function("FNV", &[TARGET], |_, it| {
        Ok(Value::Int(fnv1a_64(&[text(it, 0).as_bytes()]).cast_signed()))
    })
    .says("The FNV-1a hash of 64 bits, as a whole number.", "FNV(\"pass\") == 266877920130663416"),
    function("Murmur3Hash", &[TARGET], |_, it| {
        Ok(hex(&murmur3(text(it, 0).as_bytes()).to_le_bytes()).into())
    })
    .says(
        "The Murmur3 hash of 32 bits, in hex, low byte first.",
        "Murmur3Hash(\"Hello World\") == \"ce837619\"",
    ),
    function("Murmur3Hash128", &[TARGET], |_, it| {
        Ok(hex(&murmur3_128(text(it, 0).as_bytes())).into())
    })
    .says(
        "The Murmur3 hash of 128 bits, in hex, low byte first.",
        "Murmur3Hash128(\"Hello World\") == \"dbc2a0c1ab26631a27b4c09fcf1fe683\"",
    ),
    function("XXH3", &[TARGET], |_, it| {
        Ok(hex(&xxh3_64(text(it, 0).as_bytes()).to_be_bytes()).into())
    })
    .says("The XXH3 hash of 64 bits, in hex.", "XXH3(\"abc\") == \"78af5f94892f3950\""),
    function("XXH128", &[TARGET], |_, it| {
        Ok(hex(&xxh3_128(text(it, 0).as_bytes()).to_be_bytes()).into())
    })
    .says(
        "The XXH3 hash of 128 bits, in hex.",
        "XXH128(\"abc\") == \"06b05ab6733a618578af5f94892f3950\"",
    ),
];

/// MurmurHash3_x86_32 without a seed.
fn murmur3(bytes: &[u8]) -> u32 {
    let mixed = |it: u32| it.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let (blocks, tail) = bytes.as_chunks::<4>();
    let mut hash = 0_u32;
    for block in blocks {
        hash = (hash ^ mixed(u32::from_le_bytes(*block))).rotate_left(13);
        hash = hash.wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let rest = tail.iter().rev().fold(0, |sum, it| sum << 8 | u32::from(*it));
    let length = u32::try_from(bytes.len() % (1 << 32)).unwrap_or_default();
    hash ^= mixed(rest) ^ length;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

/// MurmurHash3_x64_128 without a seed.
fn murmur3_128(bytes: &[u8]) -> [u8; 16] {
    const A: u64 = 0x87c3_7b91_1142_53d5;
    const B: u64 = 0x4cf5_ad43_2745_937f;
    let first = |it: u64| it.wrapping_mul(A).rotate_left(31).wrapping_mul(B);
    let second = |it: u64| it.wrapping_mul(B).rotate_left(33).wrapping_mul(A);
    let halves = |block: &[u8]| {
        let of = |it: &[u8]| it.iter().rev().fold(0, |sum, it| sum << 8 | u64::from(*it));
        let (low, high) = block.split_at(block.len().min(8));
        (of(low), of(high))
    };
    let (blocks, tail) = bytes.as_chunks::<16>();
    let (mut a, mut b) = (0_u64, 0_u64);
    for block in blocks {
        let (low, high) = halves(block);
        a = (a ^ first(low)).rotate_left(27).wrapping_add(b);
        a = a.wrapping_mul(5).wrapping_add(0x52dc_e729);
        b = (b ^ second(high)).rotate_left(31).wrapping_add(a);
        b = b.wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let (low, high) = halves(tail);
    let length = bytes.len() as u64;
    a ^= first(low) ^ length;
    b ^= second(high) ^ length;
    a = a.wrapping_add(b);
    b = b.wrapping_add(a);
    let finished = |it: u64| {
        let it = (it ^ it >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let it = (it ^ it >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        it ^ it >> 33
    };
    a = finished(a);
    b = finished(b);
    a = a.wrapping_add(b);
    b = b.wrapping_add(a);
    let mut hash = [0; 16];
    for (to, from) in hash.iter_mut().zip(a.to_le_bytes().into_iter().chain(b.to_le_bytes())) {
        *to = from;
    }
    hash
}
