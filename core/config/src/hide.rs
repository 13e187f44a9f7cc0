//! What must not be shown: which keys hold secrets, and which parts of an address do. The one place that knows; all that
//! prints a text that may hold an address (own logs, metrics, errors, diagnostics) asks here.

use std::borrow::Cow;
use std::ops::Range;

/// What stands for a secret.
pub const REDACTED: &str = "[REDACTED]";

/// Words that make a key sensitive.
const WORDS: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "authorization",
    "credential",
    "credentials",
    "headers",
    "cookie",
    "cookies",
    "pem",
    "dsn",
];
/// Pairs of words that do.
const PAIRS: [&str; 5] =
    ["api_key", "access_key", "private_key", "connection_string", "account_key"];
/// Keys that end like this name a place, not a secret.
const PLACES: [&str; 5] = ["_file", "_path", "_url", "_type", "_authenticator"];
/// Keys that hold secrets in the query of an address only.
const IN_QUERIES: [&str; 9] =
    ["key", "sig", "signature", "x_amz_signature", "auth", "pwd", "pass", "jwt", "code"];

/// True for keys whose values are secrets.
pub fn is_sensitive(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    if PLACES.iter().any(|it| key.ends_with(it)) {
        return false;
    }
    let words = || key.split(|it: char| !it.is_ascii_alphanumeric());
    let ends = ["password", "token", "secret"];
    words().any(|it| {
        WORDS.contains(&it) || (!it.is_empty() && ends.iter().any(|end| it.ends_with(end)))
    }) || PAIRS.iter().any(|it| key.contains(it))
}

/// The text without the secrets of the addresses in it.
pub fn hide_in_addresses(text: &str) -> Cow<'_, str> {
    let secrets = secrets_in_addresses(text);
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    let (mut out, mut shown) = (String::with_capacity(text.len()), 0);
    for secret in secrets {
        out += text.get(shown..secret.start).unwrap_or_default();
        // Two that overlap are one.
        if shown <= secret.start {
            out += REDACTED;
        }
        shown = shown.max(secret.end);
    }
    out += text.get(shown..).unwrap_or_default();
    Cow::Owned(out)
}

/// Where secrets stand in the addresses of a text, in bytes and in order: user information in
/// `scheme://user:password@host` and `user:password@host:port`, and the values of `?token=` and its like.
pub fn secrets_in_addresses(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    // Nearly all texts have none of these.
    if !text.contains(['@', '?', '#']) {
        return found;
    }
    for word in text.split(|it: char| it.is_whitespace() || "\"'`".contains(it)) {
        let at = word.as_ptr().addr() - text.as_ptr().addr();
        let mut add = |secret: Range<usize>| {
            if !secret.is_empty() {
                found.push(at + secret.start..at + secret.end);
            }
        };
        let mut has_scheme = false;
        for (sign, mark) in word.match_indices("://") {
            has_scheme = true;
            let start = sign + mark.len();
            let secret = in_authority(word.get(start..).unwrap_or_default());
            secret.into_iter().for_each(|it| add(start + it.start..start + it.end));
        }
        if !has_scheme {
            without_scheme(word).into_iter().for_each(&mut add);
        }
        in_query(word, &mut add);
    }
    found.sort_unstable_by_key(|it| it.start);
    found
}

/// The user information of an address, behind its scheme: the password, or all of it where there is no name before
/// it, since that may be a token.
fn in_authority(rest: &str) -> Option<Range<usize>> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, _) = rest.split_at(end);
    let sign = authority.rfind('@').or_else(|| {
        // A password with a slash that nobody escaped; but most often it is a port, and the `@` is elsewhere.
        let (_, port) = authority.split_once(':')?;
        let is_port = port.bytes().all(|it| it.is_ascii_digit());
        rest.rfind('@').filter(|_| !is_port)
    })?;
    let name = rest.get(..sign)?.find(':').map_or(0, |it| it + 1);
    Some(name..sign)
}

/// `user:password@host:port`, as endpoints and data sources are written.
fn without_scheme(word: &str) -> Option<Range<usize>> {
    let sign = word.rfind('@')?;
    let before = word.get(..sign)?;
    let colon = before.find(':')?;
    let user = before.get(..colon)?.rsplit(['=', '(', '{', '[', ',']).next()?;
    let host = word.get(sign + 1..)?;
    let is_name = |it: u8| it.is_ascii_alphanumeric() || b"-._%+".contains(&it);
    let length = host.bytes().take_while(|it| is_name(*it)).count();
    let follows = host.get(length..)?;
    let is_host = host.starts_with('[')
        || (length > 0
            && (follows.trim_end_matches([',', '.', ';', ')', ']', '}']).is_empty()
                || follows.starts_with([':', '/', '(', '?', ']'])));
    let is_address = is_host && !user.is_empty() && user.bytes().all(is_name) && user != "mailto";
    is_address.then_some(colon + 1..sign)
}

/// The values of a query, or of a fragment, whose keys name secrets.
fn in_query(word: &str, add: &mut impl FnMut(Range<usize>)) {
    let Some(query) = word.find(['?', '#']) else { return };
    for part in word.get(query..).unwrap_or_default().split(['?', '&', '#', ';']) {
        let Some((key, value)) = part.split_once('=') else { continue };
        let lower = key.to_ascii_lowercase().replace('-', "_");
        if is_sensitive(key) || IN_QUERIES.contains(&lower.as_str()) {
            let from = value.as_ptr().addr() - word.as_ptr().addr();
            add(from..from + value.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        assert_eq!(hide_in_addresses(text), want.replace('#', REDACTED));
    }

    #[test]
    fn keys_that_name_secrets_are_known_and_keys_that_name_files_are_not() {
        for key in [
            "password",
            "client_secret",
            "token",
            "authToken",
            "api_key",
            "API-Key",
            "x-api-key",
            "key_pem",
            "headers",
            "Authorization",
            "response_headers",
            "aws_secret_access_key",
            "dsn",
        ] {
            assert!(is_sensitive(key), "{key}");
        }
        for key in [
            "key",
            "key_file",
            "password_file",
            "token_url",
            "bearertokenauth",
            "endpoint",
            "",
            "tokens_per_s",
        ] {
            assert!(!is_sensitive(key), "{key}");
        }
    }

    #[test]
    fn user_information_is_hidden_but_for_the_name() {
        check("see http://me:pw@h:1/x, or not", "see http://me:#@h:1/x, or not");
        check("http://me:p@w@h", "http://me:#@h");
        check("http://me:p:w@h", "http://me:#@h");
        check("http://me:a/b?c@h/x", "http://me:#@h/x");
        check("https://ghp_abc@h/x", "https://#@h/x");
        check("http://:pw@h", "http://:#@h");
        check("redis://:pw@h:1,redis://me:pw@h:2", "redis://:#@h:1,redis://me:#@h:2");
        check("\"http://me:p\u{e9}@h\" and 'http://u:v@w'", "\"http://me:#@h\" and 'http://u:#@w'");
        check("{a: http://me:pw@h}", "{a: http://me:#@h}");
    }

    #[test]
    fn addresses_without_a_scheme_are_known_by_their_form() {
        check("dial me:pw@localhost:4317: refused", "dial me:#@localhost:4317: refused");
        check("--set=a.endpoint=me:pw@h:1", "--set=a.endpoint=me:#@h:1");
        check("me:p:w@tcp(h:3306)/db", "me:#@tcp(h:3306)/db");
        check("(me:pw@h)", "(me:#@h)");
        check("me:pw@[::1]:1", "me:#@[::1]:1");
        check("listen [me:pw@h]:1", "listen [me:#@h]:1");
    }

    #[test]
    fn values_in_queries_and_fragments_are_hidden_by_their_keys() {
        check("http://h/x?a=b&token=pw&c=d", "http://h/x?a=b&token=#&c=d");
        check("/v1/logs?api_key=pw: 404", "/v1/logs?api_key=# 404");
        check("h:1/x?X-Amz-Signature=pw", "h:1/x?X-Amz-Signature=#");
        check("http://me:pw@h/x?sig=s;key=k&jwt=", "http://me:#@h/x?sig=#;key=#&jwt=");
        assert_eq!(
            hide_in_addresses("http://h/#access_token=pw"),
            "http://h/#access_token=[REDACTED]"
        );
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "http://h:4318/@scope/x",
            "http://h/x?email=a@b.c&page=2",
            "write to mailto:me@h.example or me@h.example",
            "at 12:30 @home, and a:b",
            "^(?P<a>[^:]+):(?P<b>[^@]+)@(.*)$",
            r"[a-z0-9:@]+ [\w.:-@]x",
            "http://h:80?x=1#y",
            "what? no=thing",
            "",
        ] {
            assert!(matches!(hide_in_addresses(text), Cow::Borrowed(_)), "{text}");
        }
    }
}
