//! Cookies of answers, as far as a client that sends telemetry needs them: a load balancer that wants to see a client again
//! (RFC 6265). A cookie goes back to the host that has set it and to no other, also where it names a domain: which domains
//! belong to one owner is a list that is not here.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, HeaderValue, SET_COOKIE};

use super::Url;

/// Most cookies kept; the oldest makes way.
const COOKIES_MAX: usize = 50;
/// Longest cookie, name and value, in bytes. RFC 6265, section 6.1.
const COOKIE_BYTES_MAX: usize = 4096;

/// The cookies of a client.
#[derive(Debug, Default)]
pub(super) struct Jar(Mutex<Vec<Cookie>>);

#[derive(Debug, PartialEq, Eq)]
struct Cookie {
    host: String,
    path: String,
    name: String,
    value: String,
    is_secure: bool,
    until: Option<SystemTime>,
}

impl Jar {
    /// Keeps what an answer from `url` sets.
    pub(super) fn store(&self, url: &Url, answer: &HeaderMap, now: SystemTime) {
        for cookie in answer.get_all(SET_COOKIE) {
            let Some(cookie) = cookie.to_str().ok().and_then(|it| Cookie::parse(it, url, now))
            else {
                continue;
            };
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let key = |it: &Cookie| (it.host.clone(), it.path.clone(), it.name.clone());
            kept.retain(|it| key(it) != key(&cookie));
            if cookie.lives(now) {
                kept.push(cookie);
            }
            if kept.len() > COOKIES_MAX {
                kept.remove(0);
            }
        }
    }

    /// `Cookie` for a request to `url`; those with the longest path come first.
    pub(super) fn header(&self, url: &Url, now: SystemTime) -> Option<HeaderValue> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|it| it.lives(now));
        let mut sent: Vec<&Cookie> = kept.iter().filter(|it| it.is_for(url)).collect();
        sent.sort_by_key(|it| std::cmp::Reverse(it.path.len()));
        let pairs: Vec<String> =
            sent.iter().map(|it| format!("{}={}", it.name, it.value)).collect();
        let mut value = HeaderValue::try_from(pairs.join("; ")).ok().filter(|it| !it.is_empty())?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl Cookie {
    /// `None` for what is none, or not for this host.
    fn parse(text: &str, url: &Url, now: SystemTime) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (name, value) = parts.next()?.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() || name.len() + value.len() > COOKIE_BYTES_MAX {
            return None;
        }
        let folder = url.path().path().rsplit_once('/').map_or("/", |it| it.0);
        let mut cookie = Self {
            host: url.name().to_ascii_lowercase(),
            path: if folder.is_empty() { "/".to_owned() } else { folder.to_owned() },
            name: name.to_owned(),
            value: value.to_owned(),
            is_secure: false,
            until: None,
        };
        let mut expires = None;
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match (key.trim().to_ascii_lowercase().as_str(), value.trim()) {
                ("domain", domain) => {
                    let domain = domain.trim_start_matches('.').to_ascii_lowercase();
                    let before = cookie.host.strip_suffix(&domain)?;
                    if !(before.is_empty() || before.ends_with('.')) {
                        return None;
                    }
                }
                ("path", path) if path.starts_with('/') => path.clone_into(&mut cookie.path),
                ("secure", _) => cookie.is_secure = true,
                ("expires", date) => expires = httpdate::parse_http_date(date).ok(),
                ("max-age", seconds) => {
                    if let Ok(seconds) = seconds.parse::<i64>() {
                        let rest = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
                        cookie.until = now.checked_add(rest);
                    }
                }
                _ => {}
            }
        }
        cookie.until = cookie.until.or(expires);
        Some(cookie)
    }

    fn lives(&self, now: SystemTime) -> bool {
        self.until.is_none_or(|it| it > now)
    }

    fn is_for(&self, url: &Url) -> bool {
        let path = url.path().path();
        let below = path.strip_prefix(self.path.as_str());
        let below = below.is_some_and(|rest| {
            rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/')
        });
        below && self.host.eq_ignore_ascii_case(url.name()) && (!self.is_secure || url.is_tls())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is sent to `to` after `from` has set these.
    #[track_caller]
    fn check(from: &str, set: &[&str], to: &str, want: &str) {
        let jar = Jar::default();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_480);
        let mut answer = HeaderMap::new();
        for cookie in set {
            answer.append(SET_COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        jar.store(&Url::parse(from).unwrap(), &answer, now);
        let sent = jar.header(&Url::parse(to).unwrap(), now + Duration::from_secs(5));
        assert_eq!(sent.as_ref().map_or("", |it| it.to_str().unwrap()), want, "{set:?}");
    }

    #[test]
    fn cookies_go_back_to_the_host_and_path_that_have_set_them() {
        let logs = "http://a.test:4318/v1/logs";
        check(logs, &["a=1; HttpOnly", "b=2; SameSite=Lax"], logs, "a=1; b=2");
        check(logs, &["a=1"], "http://a.test:1/v1/traces", "a=1");
        check(logs, &["a=1"], "http://a.test/v2", "");
        check(logs, &["a=1"], "http://b.a.test/v1/logs", "");
        check(logs, &["a=1; Path=/v1", "b=2; path=/v1/logs", "c=3; Path=/v"], logs, "b=2; a=1");
        check(logs, &["a=1; Path=/"], "http://a.test/x", "a=1");
        check(logs, &["a=1; Domain=.test; Path=/"], "http://b.test/", "");
        check(logs, &["a=1; Domain=b.test"], logs, "");
        check(logs, &["a=1; Domain=a.test"], logs, "a=1");
        check("https://a.test/", &["a=1; Secure"], "http://a.test/", "");
        check("https://a.test/", &["a=1; Secure"], "https://a.test/", "a=1");
    }

    #[test]
    fn cookies_live_as_long_as_they_say() {
        let url = "http://a.test/";
        check(url, &["a=1; Max-Age=60"], url, "a=1");
        check(url, &["a=1; Max-Age=3"], url, "");
        check(url, &["a=1", "a=2"], url, "a=2");
        check(url, &["a=1", "a=; Max-Age=0"], url, "");
        check(url, &["a=1; Expires=Wed, 21 Oct 2015 07:27:00 GMT"], url, "");
        check(url, &["a=1; Expires=Wed, 21 Oct 2015 08:28:00 GMT"], url, "a=1");
        check(url, &["a=1; Expires=Wed, 21 Oct 2015 07:27:00 GMT; Max-Age=9"], url, "a=1");
        check(url, &["a=1; Max-Age=soon"], url, "a=1");
    }

    #[test]
    fn what_is_no_cookie_or_too_many_is_not_kept() {
        let url = "http://a.test/";
        let long = format!("a={}", "x".repeat(COOKIE_BYTES_MAX));
        check(url, &["", "a", "=1", &long], url, "");
        let many: Vec<String> = (0..=COOKIES_MAX).map(|it| format!("c{it}={it}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let want = many[1..].join("; ");
        check(url, &many, url, &want);
    }
}
