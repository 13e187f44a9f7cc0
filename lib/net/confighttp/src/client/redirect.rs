//! Redirects, as far as Go's `net/http` follows them with the body: 307 and 308. The others turn a POST into a GET,
//! which carries no telemetry; they are given back as they are.

use http::header::{AUTHORIZATION, COOKIE, HOST, LOCATION, PROXY_AUTHORIZATION, REFERER};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::{Reply, Url};

/// Requests for one call, redirects included. `defaultCheckRedirect` of Go's `net/http`.
pub(super) const REQUESTS_MAX: usize = 10;

/// Where a reply leads; `None` if it is the answer.
pub(super) fn next(reply: &Reply, url: &Url) -> Option<Result<Url, String>> {
    let follows =
        matches!(reply.status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    let location = reply.headers.get(LOCATION).filter(|it| follows && !it.is_empty())?;
    let text = String::from_utf8_lossy(location.as_bytes());
    let failed = |why| format!("failed to parse Location header {text:?}: {why}");
    Some(url.join(&text).map_err(failed))
}

/// The headers for the next request: credentials stay with the domain that they are for, and below it.
pub(super) fn headers(mut headers: HeaderMap, from: &Url, last: &Url, to: &Url) -> HeaderMap {
    if !same_authority(from, to) {
        if let Ok(host) = HeaderValue::from_str(to.host()) {
            headers.insert(HOST, host);
        }
        if !is_below(to.name(), from.name()) {
            for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
                headers.remove(name);
            }
        }
    }
    if let Ok(referer) = HeaderValue::from_str(&last.to_string())
        && !headers.contains_key(REFERER)
    {
        headers.insert(REFERER, referer);
    }
    headers
}

fn same_authority(a: &Url, b: &Url) -> bool {
    a.target() == b.target()
}

fn is_below(name: &str, domain: &str) -> bool {
    let before = name.strip_suffix(domain).filter(|_| !name.contains([':', '%']));
    name == domain || before.is_some_and(|it| it.ends_with('.'))
}
