//! Texts as other texts: base64, and the character encodings of the IANA register.

use std::borrow::Cow;

use golang::charset::Charset;
use pdata::text::Base64;

use super::{Env, Function, Kind, function, may_take, takes, text};
use crate::value::Value;

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
        let bytes = decode_base64(text(it, 0).as_bytes(), Base64::STANDARD)?;
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

/// By the name that the converters give it.
fn base64_named(name: &str) -> Option<Base64> {
    Some(match name {
        "base64" => Base64::STANDARD,
        "base64-raw" => Base64::RAW,
        "base64-url" => Base64::URL,
        "base64-raw-url" => Base64::RAW_URL,
        _ => return None,
    })
}

fn encode<'a>(bytes: &[u8], variant: &str) -> Result<Value<'a>, String> {
    let how =
        base64_named(variant).ok_or_else(|| format!("unsupported base64 variant: {variant}"))?;
    Ok(how.encode(bytes).into())
}

fn decode_base64(source: &[u8], how: Base64) -> Result<Vec<u8>, String> {
    how.decode(source).map_err(|at| format!("illegal base64 data at input byte {at}"))
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
    if let Some(how) = base64_named(encoding) {
        let bytes = decode_base64(bytes, how).map_err(|it| format!("could not decode: {it}"))?;
        return Ok(String::from_utf8_lossy(&bytes).into_owned().into());
    }
    characters(bytes, encoding).map(|it| it.into_owned().into())
}

/// Bytes as characters. What is none becomes U+FFFD.
fn characters<'b>(bytes: &'b [u8], name: &str) -> Result<Cow<'b, str>, String> {
    let charset = Charset::named(name)?;
    if charset.is_plain() {
        return Ok(String::from_utf8_lossy(bytes));
    }
    let mut text = String::new();
    charset.decode(bytes, &mut text);
    Ok(text.into())
}
