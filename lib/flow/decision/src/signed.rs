//! Signatures of bundles, as OPA makes and checks them (`v1/bundle/verify.go`): `.signatures.json` has a token, whose payload has a digest
//! for each file of the bundle.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use regex::Regex;
use ring::digest::{self, Algorithm};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Deepest nesting of a document that is digested.
const DEPTH_MAX: usize = 128;

/// A key that verifies bundles.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) algorithm: String,
    pub(crate) key: String,
    pub(crate) scope: String,
}

/// Who must have signed a bundle.
#[derive(Debug, Clone)]
pub(crate) struct Verification {
    pub(crate) keys: BTreeMap<String, Key>,
    pub(crate) key_id: String,
    pub(crate) scope: String,
    pub(crate) exclude: Vec<Regex>,
}

#[derive(Deserialize)]
struct Signatures {
    #[serde(default)]
    signatures: Vec<String>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Payload {
    files: Vec<File>,
    keyid: String,
    scope: String,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct File {
    name: String,
    hash: String,
    algorithm: String,
}

/// `edge/*` as a pattern: `*` is anything but a slash, `**` anything.
pub(crate) fn glob(pattern: &str) -> Result<Regex, String> {
    let pattern = regex::escape(pattern.trim_start_matches('/'));
    let pattern = pattern.replace(r"\*\*", ".*").replace(r"\*", "[^/]*").replace(r"\?", "[^/]");
    Regex::new(&format!(r"\A{pattern}\z")).map_err(|error| error.to_string())
}

impl Verification {
    /// Whether all files, and no others, were signed. `files` are all of the bundle, with their names in it.
    ///
    /// # Errors
    /// What is not.
    pub(crate) fn check(&self, files: &[(String, &[u8])]) -> Result<(), String> {
        let name = |text: &str| text.trim_start_matches("./").trim_start_matches('/').to_owned();
        let signatures = files.iter().find(|it| name(&it.0) == ".signatures.json");
        let Some((_, signatures)) = signatures else {
            return Err("bundle missing .signatures.json file: it is not signed".into());
        };
        let mut signed = self.payload(signatures)?;
        for (path, bytes) in files {
            let path = name(path);
            if path == ".signatures.json" || self.exclude.iter().any(|it| it.is_match(&path)) {
                continue;
            }
            let file = signed.remove(&path);
            let file = file.ok_or(format!("file {path} not included in bundle signature"))?;
            let got = digest_of(&path, bytes, &file.algorithm)?;
            if got != file.hash.to_ascii_lowercase() {
                return Err(format!("{path}: digest mismatch (want: {}, got: {got})", file.hash));
            }
        }
        if let Some(path) = signed.keys().next() {
            return Err(format!(
                "file {path} specified in bundle signatures but not found in the target bundle"
            ));
        }
        Ok(())
    }

    /// What was signed, by the names of the files.
    fn payload(&self, signatures: &[u8]) -> Result<BTreeMap<String, File>, String> {
        let wrong = |error: serde_json::Error| format!(".signatures.json: {error}");
        let signatures: Signatures = serde_json::from_slice(signatures).map_err(wrong)?;
        let [token] = signatures.signatures.as_slice() else {
            let count = signatures.signatures.len();
            return Err(format!(".signatures.json: has {count} JWTs (expected exactly one)"));
        };
        // Which key it is stands in what is not verified yet; it must be one of ours.
        let id = if self.key_id.is_empty() { claimed(token)?.keyid } else { self.key_id.clone() };
        if id.is_empty() {
            return Err("verification key ID is empty".into());
        }
        let key = self.keys.get(&id);
        let key =
            key.ok_or(format!("verification key corresponding to ID {id} not found at keys"))?;
        let payload = rego::verified_payload(token, &key.algorithm, &key.key);
        let payload = payload.map_err(|why| format!(".signatures.json: {why}"))?;
        let payload: Payload = serde_json::from_slice(&payload).map_err(wrong)?;
        let scope = if self.scope.is_empty() { &key.scope } else { &self.scope };
        if payload.scope != *scope {
            return Err("scope mismatch".into());
        }
        let normal = |it: &File| it.name.trim_start_matches('/').to_owned();
        Ok(payload.files.into_iter().map(|it| (normal(&it), it)).collect())
    }
}

fn claimed(token: &str) -> Result<Payload, String> {
    let part = token.split('.').nth(1).unwrap_or_default();
    let bytes = pdata::text::Base64::RAW_URL.decode(part.as_bytes());
    let bytes = bytes.map_err(|_| ".signatures.json: it is no JWT")?;
    serde_json::from_slice(&bytes).map_err(|error| format!(".signatures.json: {error}"))
}

fn digest_of(path: &str, bytes: &[u8], algorithm: &str) -> Result<String, String> {
    let algorithm: &'static Algorithm = match algorithm {
        "SHA-256" => &digest::SHA256,
        "SHA-384" => &digest::SHA384,
        "SHA-512" => &digest::SHA512,
        "SHA-512-256" => &digest::SHA512_256,
        "" => return Err(format!("no hashing algorithm provided for file {path}")),
        other => return Err(format!("{path}: the digest {other} is not supported: use SHA-256")),
    };
    let base = path.rsplit('/').next().unwrap_or_default();
    let digest = if matches!(base, "data.json" | "data.yaml" | ".manifest") {
        let text = std::str::from_utf8(bytes).map_err(|_| format!("{path} is not UTF-8"))?;
        let raw: &RawValue =
            serde_json::from_str(text).map_err(|error| format!("{path}: {error}"))?;
        let mut out = String::new();
        canonical(raw, 0, &mut out).map_err(|error| format!("{path}: {error}"))?;
        digest::digest(algorithm, out.as_bytes())
    } else {
        digest::digest(algorithm, bytes)
    };
    Ok(pdata::text::hex(digest.as_ref()))
}

/// JSON with sorted keys and without spaces, numbers as they were written.
fn canonical(raw: &RawValue, depth: usize, out: &mut String) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err(format!("it is nested deeper than {DEPTH_MAX}"));
    }
    let text = raw.get().trim();
    let wrong = |error: serde_json::Error| error.to_string();
    match text.bytes().next() {
        Some(b'{') => {
            let entries: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(wrong)?;
            for (at, (key, value)) in entries.iter().enumerate() {
                out.push(if at == 0 { '{' } else { ',' });
                quoted(key, out);
                out.push(':');
                canonical(value, depth + 1, out)?;
            }
            out.push_str(if entries.is_empty() { "{}" } else { "}" });
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(wrong)?;
            for (at, value) in items.iter().enumerate() {
                out.push(if at == 0 { '[' } else { ',' });
                canonical(value, depth + 1, out)?;
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Some(b'"') => {
            let text: String = serde_json::from_str(text).map_err(wrong)?;
            quoted(&text, out);
        }
        _ => out.push_str(text),
    }
    Ok(())
}

/// As Go's `encoding/json` without escapes for HTML.
fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_and_spaces_do_not_change_a_digest_and_numbers_keep_their_text() {
        let of = |text: &str| digest_of("a/data.json", text.as_bytes(), "SHA-256").unwrap();
        assert_eq!(
            of("{\"b\": [1.0, {}], \"a\": \"<\\u00e9>\"}"),
            of("{\"a\":\"<\u{e9}>\",\"b\":[1.0,{}]}")
        );
        assert_ne!(of("{\"a\": 1.0}"), of("{\"a\": 1}"));
        let plain = digest_of("a/p.rego", b"{\"a\": 1}", "SHA-256").unwrap();
        assert_ne!(plain, of("{\"a\": 1}"), "other files are digested as they are");
    }

    #[test]
    fn a_pattern_covers_files() {
        let covers = |pattern: &str, path: &str| glob(pattern).unwrap().is_match(path);
        assert!(covers("a/*.json", "a/x.json") && !covers("a/*.json", "a/b/x.json"));
        assert!(covers("a/**", "a/b/x.json") && covers("data.json", "data.json"));
        assert!(!covers("data.json", "dataxjson"));
    }
}
