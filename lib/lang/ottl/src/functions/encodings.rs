//! Texts as other texts: base64, and the character encodings of the IANA register.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use encoding_rs::Encoding;
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

/// The tables of encodings by their names.
static TABLES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let lines = include_str!("../../data/encodings.tsv").lines();
    let rows = lines.filter(|it| !it.starts_with('#')).filter_map(|it| it.split_once('\t'));
    rows.flat_map(|(names, table)| names.split(' ').map(move |it| (it, table))).collect()
});

/// Bytes as characters. What is none becomes U+FFFD.
fn characters<'b>(bytes: &'b [u8], name: &str) -> Result<Cow<'b, str>, String> {
    let lower = name.to_ascii_lowercase();
    let known = match lower.as_str() {
        "" | "utf-8" | "utf8" | "ascii" | "us-ascii" | "utf-8-raw" | "utf8-raw" | "nop" => {
            return Ok(String::from_utf8_lossy(bytes));
        }
        "utf-16" | "utf16" => "utf-16le",
        // Names of the register for which the Collector has no table.
        "gb2312" | "tis-620" => {
            return Err(format!("no charmap defined for encoding '{name}'"));
        }
        other => other,
    };
    let wrong = || format!("unsupported encoding '{name}'");
    let table = TABLES.get(known).ok_or_else(wrong)?;
    if let Some(label) = table.strip_prefix('=') {
        let encoding = Encoding::for_label(label.as_bytes()).ok_or_else(wrong)?;
        return Ok(encoding.decode_without_bom_handling(bytes).0);
    }
    let codes: Vec<&str> = table.split(' ').collect();
    // Half a table is of an encoding that begins as ASCII does.
    let first = 256_usize.saturating_sub(codes.len());
    let sign = |byte: &u8| {
        let Some(at) = usize::from(*byte).checked_sub(first) else { return char::from(*byte) };
        let code = codes.get(at).and_then(|it| u32::from_str_radix(it, 16).ok());
        code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
    };
    Ok(bytes.iter().map(sign).collect())
}
