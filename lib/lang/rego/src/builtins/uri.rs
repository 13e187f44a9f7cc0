//! `uri.parse` and `uri.is_valid`, as Go's `net/url` parses.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use regorus::Value;

use super::args::{Answer, Failure, Table, string};

pub const TABLE: Table = &[
    ("uri.parse", |args| parse(string(args, 0)?)),
    ("uri.is_valid", |args| {
        Ok(Value::from(string(args, 0).is_ok_and(|it| !it.is_empty() && parse(it).is_ok())))
    }),
];

fn bad<T>(text: &str, why: &str) -> Result<T, Failure> {
    Err(Failure::Failed(format!("parse {text:?}: {why}")))
}

fn parse(text: &str) -> Answer {
    if text.bytes().any(|it| it < b' ' || it == 0x7f) {
        return bad(text, "net/url: invalid control character in URL");
    }
    let mut parts = BTreeMap::new();
    let mut put = |key: &str, value: &str| {
        if !value.is_empty() {
            parts.insert(Value::from(key), Value::from(value));
        }
    };
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    let Some(fragment) = unescape(fragment, false) else {
        return bad(text, "invalid URL escape");
    };
    put("fragment", &fragment);
    let (scheme, rest) = scheme(text, rest)?;
    put("scheme", &scheme.to_ascii_lowercase());
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    put("raw_query", query);
    if !rest.starts_with('/') {
        if !scheme.is_empty() {
            // Opaque: `mailto:a@b`.
            return Ok(Value::from(parts));
        }
        if rest.split('/').next().is_some_and(|it| it.contains(':')) {
            return bad(text, "first path segment in URL cannot contain colon");
        }
    }
    let mut path = rest;
    if let Some(behind) =
        rest.strip_prefix("//").filter(|_| !rest.starts_with("///") || !scheme.is_empty())
    {
        let end = behind.find('/').unwrap_or(behind.len());
        let (authority, behind) = behind.split_at(end);
        path = behind;
        let (host, port) = authority_of(text, authority)?;
        put("hostname", &host);
        put("port", &port);
    }
    let Some(unescaped) = unescape(path, false) else { return bad(text, "invalid URL escape") };
    put("path", &unescaped);
    // Go keeps the raw path only where its own escaping of the path would be another.
    let raw = if escape(&unescaped) == path { unescaped.as_str() } else { path };
    put("raw_path", if unescaped.is_empty() { "" } else { raw });
    Ok(Value::from(parts))
}

fn scheme<'a>(text: &str, rest: &'a str) -> Result<(&'a str, &'a str), Failure> {
    for (at, sign) in rest.bytes().enumerate() {
        match sign {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return bad(text, "missing protocol scheme"),
            b':' => {
                let (scheme, rest) = rest.split_at(at);
                return Ok((scheme, rest.get(1..).unwrap_or_default()));
            }
            _ => break,
        }
    }
    Ok(("", rest))
}

fn authority_of(text: &str, authority: &str) -> Result<(String, String), Failure> {
    let host = match authority.rsplit_once('@') {
        Some((user, host)) => {
            let is_allowed =
                |it: char| it.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(it);
            if !user.chars().all(is_allowed) {
                return bad(text, "net/url: invalid userinfo");
            }
            host
        }
        None => authority,
    };
    if let Some(inner) = host.strip_prefix('[') {
        let Some((address, behind)) = inner.rsplit_once(']') else {
            return bad(text, "missing ']' in host");
        };
        let port = behind.strip_prefix(':').unwrap_or(behind);
        if !(behind.is_empty() || behind.starts_with(':'))
            || !port.bytes().all(|it| it.is_ascii_digit())
        {
            return bad(text, &format!("invalid port {behind:?} after host"));
        }
        if address.split('%').next().is_none_or(|it| it.parse::<std::net::Ipv6Addr>().is_err()) {
            return bad(text, "invalid host");
        }
        return Ok((address.replace("%25", "%"), port.to_owned()));
    }
    let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
    if !port.bytes().all(|it| it.is_ascii_digit()) {
        return bad(text, &format!("invalid port {:?} after host", format!(":{port}")));
    }
    let is_odd = |it: char| {
        it.is_ascii() && !it.is_ascii_alphanumeric() && !"-._~!$&'()*+,;=:[]<>\"%".contains(it)
    };
    if name.contains(is_odd)
        || name.contains(['[', ']', '<', '>', '"', '\\', '^', '`', '{', '|', '}', ' '])
    {
        return bad(text, "invalid character in host name");
    }
    match unescape(name, true) {
        Some(name) => Ok((name, port.to_owned())),
        None => bad(text, "invalid URL escape"),
    }
}

/// Percent escapes; in a host only those of what is not ASCII.
fn unescape(text: &str, is_host: bool) -> Option<String> {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if *byte != b'%' {
            plain.push(*byte);
            at += 1;
            continue;
        }
        let digits = text.get(at + 1..at + 3)?;
        let value = u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
        if is_host && value < 0x80 {
            return None;
        }
        plain.push(value);
        at += 3;
    }
    Some(String::from_utf8_lossy(&plain).into_owned())
}

/// A path as Go escapes it.
fn escape(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}
