//! Which partition a key belongs to.

use component::config::Choices;

use crate::wire;

/// How a key becomes a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hasher {
    /// As Sarama, the Go client of before: FNV-1a.
    #[default]
    Sarama,
    /// As Java's client.
    Murmur2,
}

impl Choices for Hasher {
    const NAMES: &'static [(&'static str, Self)] =
        &[("sarama_compat", Self::Sarama), ("murmur2", Self::Murmur2)];
}

impl Hasher {
    /// The position of the partition of `key` among `count`.
    pub fn partition(self, key: &[u8], count: usize) -> usize {
        let count = wire::count(count).max(1);
        let at = match self {
            // Sarama turns the sign of what is left over, not of the number.
            Self::Sarama => (fnv1a(key).cast_signed() % count).abs(),
            Self::Murmur2 => (murmur2(key).cast_signed() & i32::MAX) % count,
        };
        usize::try_from(at).unwrap_or_default()
    }
}

/// FNV-1a, 32 bits.
pub fn fnv1a(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// MurmurHash2 with the seed of Kafka: `org.apache.kafka.common.utils.Utils.murmur2`.
pub fn murmur2(bytes: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ wire::count(bytes.len()).cast_unsigned();
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(M);
        word ^= word >> 24;
        hash = hash.wrapping_mul(M) ^ word.wrapping_mul(M);
    }
    if !rest.is_empty() {
        let rest = rest.iter().rev().fold(0, |all, byte| all << 8 | u32::from(*byte));
        hash = (hash ^ rest).wrapping_mul(M);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(M);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_other_clients() {
        // UtilsTest.testMurmur2 of Kafka.
        for (text, want) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), want, "{text}");
        }
        assert_eq!(fnv1a(b"foobar"), 0xbf9c_f968);
        assert!(
            (0..100)
                .all(|it: i32| (0..7).contains(&Hasher::Sarama.partition(&it.to_be_bytes(), 7)))
        );
    }
}
