//! `env`: attributes from a variable.

use crate::config::EnvConfig;
use crate::found::Found;
use crate::probe::Probe;

/// Longest key and value, in characters. `internal/env/env.go`, v0.156.
const LENGTH_MAX: usize = 256;

pub(crate) fn detect(probe: &Probe, config: &EnvConfig) -> Result<Found, String> {
    let given = ["OTEL_RESOURCE_ATTRIBUTES", "OTEL_RESOURCE"];
    let Some(text) = given.iter().find_map(|it| probe.variable(it)) else {
        return Ok(Found::default());
    };
    let mut found = Found::default();
    for (key, value) in pairs(text.trim())? {
        found.attributes.insert(key, value.into());
    }
    if let Some(allowed) = &config.allowlist {
        found.attributes.retain(|key, _| allowed.contains(key));
    }
    Ok(found)
}

/// `key1=value1,key2=value2`, the values escaped as in a query. A comma may not stand in a value, and a key ends at
/// the first equals sign.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    let parts: Vec<&str> = text.split(',').collect();
    for (at, part) in parts.iter().enumerate() {
        if part.trim().is_empty() && at + 1 == parts.len() && at > 0 {
            // A comma at the end.
            break;
        }
        let invalid = || {
            if found.is_empty() && parts.len() == 1 {
                format!("invalid resource format: {text:?}")
            } else {
                format!("invalid resource format, invalid text: {part:?}")
            }
        };
        let (key, value) = part.split_once('=').ok_or_else(invalid)?;
        let (key, value) = (key.trim(), value.trim());
        let fits = |it: &str| it.is_ascii() && it.len() <= LENGTH_MAX;
        if key.is_empty() || !fits(key) || !fits(value) {
            return Err(invalid());
        }
        let value = unescape(value).map_err(|escape| {
            format!(
                "invalid resource format in attribute: {part:?}, err: invalid URL escape {escape:?}"
            )
        })?;
        found.push((key.to_owned(), value));
    }
    Ok(found)
}

/// `url.QueryUnescape` of Go: `%20`, and a plus sign for a space.
fn unescape(text: &str) -> Result<String, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    let mut at = 0;
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digits = text.get(at + 1..at + 3);
                let value = digits.and_then(|it| u8::from_str_radix(it, 16).ok());
                let bad = || text.get(at..).unwrap_or_default().chars().take(3).collect::<String>();
                out.push(
                    value.filter(|_| digits.is_some_and(|it| !it.contains('+'))).ok_or_else(bad)?,
                );
                rest.nth(1);
                at += 2;
            }
            byte => out.push(byte),
        }
        at += 1;
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: Result<&[(&str, &str)], &str>) {
        let want = want.map_err(str::to_owned).map(|list| {
            list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>()
        });
        assert_eq!(pairs(text), want, "{text}");
    }

    #[test]
    fn pairs_are_trimmed_and_values_unescaped() {
        check(" a = 1 ,b=%20x+y,c=", Ok(&[("a", "1"), ("b", " x y"), ("c", "")]));
        check("a=b=c,", Ok(&[("a", "b=c")]));
        check("example.org/path=/usr/bin", Ok(&[("example.org/path", "/usr/bin")]));
    }

    #[test]
    fn what_is_no_pair_is_refused_in_the_collectors_words() {
        check("nonsense", Err("invalid resource format: \"nonsense\""));
        check("a=1,nonsense", Err("invalid resource format, invalid text: \"nonsense\""));
        let want = "invalid resource format in attribute: \"a=%2\", err: invalid URL escape \"%2\"";
        check("a=%2", Err(want));
        check("=1", Err("invalid resource format: \"=1\""));
    }
}
