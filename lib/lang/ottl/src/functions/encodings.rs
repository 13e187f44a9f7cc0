//! Texts as other texts: base64, and the character encodings of the IANA register.

use std::borrow::Cow;

use encoding_rs::Encoding;

use super::{Env, Function, Kind, function, may_take, takes, text};
use crate::value::{Value, base64};

pub(super) const ALL: &[Function] = &[
    function(
        "Base64Encode",
        &[takes("target", Kind::Text), may_take("variant", Kind::Text)],
        |_, it| encode(text(it, 0).as_bytes(), variant(it)),
    )
    .says(
        "The text in base64; variants: `base64` (the default), `base64-raw`, `base64-url`, \
         `base64-raw-url`.",
        "Base64Encode(\"hi?\", \"base64-url\") == \"aGk_\"",
    ),
    function("Base64Decode", &[takes("target", Kind::Text)], |_, it| {
        let bytes = decode_base64(text(it, 0).as_bytes(), BASE64)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned().into())
    })
    .says(
        "What base64 says; `Decode` knows its variants.",
        "Base64Decode(\"cGFzcw==\") == \"pass\"",
    ),
    function("Decode", &[takes("target", Kind::Any), takes("encoding", Kind::Text)], decode).says(
        "What bytes or a text say in an encoding: `base64` and its variants, or a character \
         encoding of the IANA register.",
        "Decode(\"aGVsbG8\", \"base64-raw\") == \"hello\"",
    ),
];

fn variant<'v>(values: &'v [Value<'_>]) -> &'v str {
    match values {
        [_, Value::Text(it)] => it,
        _ => "base64",
    }
}

/// How base64 is written.
#[derive(Debug, Clone, Copy)]
struct Base64 {
    url: bool,
    padded: bool,
}

const BASE64: Base64 = Base64 { url: false, padded: true };

impl Base64 {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "base64" => BASE64,
            "base64-raw" => Self { padded: false, ..BASE64 },
            "base64-url" => Self { url: true, ..BASE64 },
            "base64-raw-url" => Self { url: true, padded: false },
            _ => return None,
        })
    }

    /// The six bits of a sign.
    fn bits(self, sign: u8) -> Option<u8> {
        Some(match sign {
            b'A'..=b'Z' => sign - b'A',
            b'a'..=b'z' => sign - b'a' + 26,
            b'0'..=b'9' => sign - b'0' + 52,
            b'+' if !self.url => 62,
            b'/' if !self.url => 63,
            b'-' if self.url => 62,
            b'_' if self.url => 63,
            _ => return None,
        })
    }
}

fn encode<'a>(bytes: &[u8], variant: &str) -> Result<Value<'a>, String> {
    let how =
        Base64::named(variant).ok_or_else(|| format!("unsupported base64 variant: {variant}"))?;
    let mut text = base64(bytes);
    if how.url {
        text = text.replace('+', "-").replace('/', "_");
    }
    if !how.padded {
        text.truncate(text.trim_end_matches('=').len());
    }
    Ok(text.into())
}

/// As Go's encoding/base64: line ends are passed over, unused bits may be set, and the first byte that
/// does not fit is named.
fn decode_base64(source: &[u8], how: Base64) -> Result<Vec<u8>, String> {
    let corrupt = |at: usize| Err(format!("illegal base64 data at input byte {at}"));
    let mut out = Vec::with_capacity(source.len() / 4 * 3 + 3);
    let signs = source.iter().copied().enumerate();
    let mut signs = signs.filter(|it| !matches!(it.1, b'\n' | b'\r'));
    loop {
        let (mut group, mut count) = (0_u32, 0);
        while count < 4 {
            let Some((at, sign)) = signs.next() else {
                if count == 1 || (count > 0 && how.padded) {
                    return corrupt(source.len() - count);
                }
                break;
            };
            if let Some(bits) = how.bits(sign) {
                group = group << 6 | u32::from(bits);
                count += 1;
                continue;
            }
            if sign != b'=' || !how.padded || count < 2 {
                return corrupt(at);
            }
            if count == 2 {
                match signs.next() {
                    None => return corrupt(source.len()),
                    Some((_, b'=')) => {}
                    Some((at, _)) => return corrupt(at - 1),
                }
            }
            if let Some((at, _)) = signs.next() {
                return corrupt(at);
            }
            break;
        }
        let [_, first, second, third] = (group << (6 * (4 - count))).to_be_bytes();
        out.extend([first, second, third].into_iter().take(count.saturating_sub(1)));
        if count < 4 {
            return Ok(out);
        }
    }
}

fn decode<'a>(_: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let [target, encoding] = values else { return Ok(Value::Nil) };
    let bytes: &[u8] = match target {
        Value::Text(it) => it.as_bytes(),
        Value::Bytes(it) => it,
        other => {
            let shown = if matches!(other, Value::Nil) { "<nil>" } else { other.go_type() };
            return Err(format!("unsupported type provided to Decode function: {shown}"));
        }
    };
    let Value::Text(encoding) = encoding else { return Ok(Value::Nil) };
    if let Some(how) = Base64::named(encoding) {
        let bytes = decode_base64(bytes, how).map_err(|it| format!("could not decode: {it}"))?;
        return Ok(String::from_utf8_lossy(&bytes).into_owned().into());
    }
    characters(bytes, encoding).map(|it| it.into_owned().into())
}

/// Bytes as characters. What is none becomes U+FFFD.
fn characters<'b>(bytes: &'b [u8], name: &str) -> Result<Cow<'b, str>, String> {
    let lower = name.to_ascii_lowercase();
    let latin = |it: &u8| char::from(*it);
    let whole = |it: &'static Encoding| it.decode_without_bom_handling(bytes).0;
    Ok(match lower.as_str() {
        "" | "utf-8" | "utf8" | "ascii" | "us-ascii" | "utf-8-raw" | "utf8-raw" | "nop" => {
            String::from_utf8_lossy(bytes)
        }
        "utf-16" | "utf16" | "utf-16le" => whole(encoding_rs::UTF_16LE),
        // The standard of the web reads these as code pages of Windows, which have printable
        // characters where these have none.
        "iso-8859-1" | "iso_8859-1" | "latin1" | "l1" | "ibm819" | "cp819" => {
            bytes.iter().map(latin).collect()
        }
        "iso-8859-9" | "iso_8859-9" | "latin5" | "l5" => {
            let upper = |it: &u8| {
                encoding_rs::WINDOWS_1254.decode_without_bom_handling(&[*it]).0.into_owned()
            };
            let sign = |it: &u8| match it {
                0xa0.. => upper(it),
                _ => latin(it).to_string(),
            };
            bytes.iter().map(sign).collect()
        }
        "gb2312" | "tis-620" => {
            return Err(format!("no charmap defined for encoding '{name}'"));
        }
        other => match Encoding::for_label(other.as_bytes()) {
            Some(it) if it != encoding_rs::REPLACEMENT && it != encoding_rs::X_USER_DEFINED => {
                whole(it)
            }
            _ => return Err(format!("unsupported encoding '{name}'")),
        },
    })
}
