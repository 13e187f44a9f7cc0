//! `hash/fnv`.

/// FNV-1a with 64 bits, of parts behind each other: the same in every release, for bytes that nobody chooses to deceive it.
/// `New64a`.
pub fn fnv1a_64(parts: &[&[u8]]) -> u64 {
    let bytes = parts.iter().copied().flatten();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// FNV-1a with 32 bits, in the same way. `New32a`.
pub fn fnv1a_32(parts: &[&[u8]]) -> u32 {
    let bytes = parts.iter().copied().flatten();
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_go() {
        // https://github.com/golang/go/blob/go1.26.0/src/hash/fnv/fnv_test.go, golden64a.
        let parts: [(&[&[u8]], u64); 4] = [
            (&[], 0xcbf2_9ce4_8422_2325),
            (&[b"a"], 0xaf63_dc4c_8601_ec8c),
            (&[b"ab"], 0x089c_4407_b545_986a),
            (&[b"a", b"bc"], 0xe71f_a219_0541_574b),
        ];
        for (parts, want) in parts {
            assert_eq!(fnv1a_64(parts), want, "{parts:?}");
        }
    }

    #[test]
    fn short_hashes_are_those_of_go() {
        // golden32a of the same file.
        let parts: [(&[&[u8]], u32); 4] = [
            (&[], 0x811c_9dc5),
            (&[b"a"], 0xe40c_292c),
            (&[b"ab"], 0x4d25_05ca),
            (&[b"a", b"bc"], 0x1a47_e90b),
        ];
        for (parts, want) in parts {
            assert_eq!(fnv1a_32(parts), want, "{parts:?}");
        }
    }
}
