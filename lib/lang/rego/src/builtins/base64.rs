//! Base64 as Go's `encoding/base64` reads and writes it.

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Either alphabet; padding, line ends and missing padding are let pass. The error is the place of the bad byte.
pub fn decode(text: &str) -> Result<Vec<u8>, usize> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count, mut seen) = (0_u32, 0_u32, 0_usize);
    let trimmed = text.trim_end_matches(['=', '\n', '\r']);
    for (at, byte) in trimmed.bytes().enumerate() {
        let value = match byte {
            b'-' => 62,
            b'_' => 63,
            b'\n' | b'\r' => continue,
            _ => match STANDARD.iter().position(|it| *it == byte) {
                Some(value) => u32::try_from(value).unwrap_or_default(),
                None => return Err(at),
            },
        };
        seen += 1;
        bits = bits << 6 | value;
        count += 6;
        if count >= 8 {
            count -= 8;
            let [.., last] = (bits >> count).to_be_bytes();
            bytes.push(last);
        }
    }
    if seen % 4 == 1 { Err(text.len()) } else { Ok(bytes) }
}

/// Without padding, for URLs.
pub fn encode_url(bytes: &[u8]) -> String {
    encode(bytes).trim_end_matches('=').replace('+', "-").replace('/', "_")
}

/// With padding.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let part = |it: usize| chunk.get(it).copied().map_or(0, u32::from);
        let bits = part(0) << 16 | part(1) << 8 | part(2);
        for index in 0..4 {
            let value = bits >> (18 - 6 * index) & 63;
            let digit = STANDARD.get(value as usize).copied().unwrap_or(b'=');
            text.push(if index > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_decodes() {
        for text in ["", "f", "fo", "foo", "foob", "fooba", "foobar", "\u{ff}?>"] {
            assert_eq!(decode(&encode(text.as_bytes())), Ok(text.as_bytes().to_vec()));
            assert_eq!(decode(&encode_url(text.as_bytes())), Ok(text.as_bytes().to_vec()));
        }
        assert_eq!(encode(b"fooba"), "Zm9vYmE=");
        assert_eq!(decode("Zm9v!"), Err(4));
        assert_eq!(decode("Z"), Err(1));
    }
}
