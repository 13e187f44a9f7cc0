//! A URL to post to.

use std::fmt;
use std::path::Path;

use confignet::dial::Target;
use http::Uri;

/// An `http://` or `https://` URL.
#[derive(Debug, Clone)]
pub struct Url {
    text: String,
    target: Target,
    host: String,
    path: Uri,
    tls: bool,
}

impl Url {
    /// Reads a URL.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let problem = |why: &str| format!("endpoint {:?} {why}", without_credentials(text));
        let (tls, rest) = match text.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            _ => return Err(problem("must begin with http:// or https://")),
        };
        let (host, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        if host.contains('@') {
            return Err(problem("must not carry credentials: set headers instead"));
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        let address = match (has_port, tls) {
            (true, _) => host.to_owned(),
            (false, false) => format!("{host}:80"),
            (false, true) => format!("{host}:443"),
        };
        let target = Target::tcp(&address).map_err(|why| problem(&format!("is no URL: {why}")))?;
        let slash = if path.starts_with('/') { "" } else { "/" };
        let path = format!("{slash}{path}").parse();
        let path = path.map_err(|_| problem("has a malformed path"))?;
        Ok(Self { text: text.to_owned(), target, host: host.to_owned(), path, tls })
    }

    /// What is at `path` (with its query) of the server behind a socket in the file system.
    ///
    /// # Errors
    /// The path is malformed.
    pub fn of_socket(socket: &Path, path: &str) -> Result<Self, String> {
        let text = format!("unix://{}{path}", socket.display());
        let path = path.parse().map_err(|_| format!("endpoint {text:?} has a malformed path"))?;
        let target = Target::Unix(socket.to_owned());
        Ok(Self { text, target, host: "localhost".to_owned(), path, tls: false })
    }

    /// The URL that a `Location` means, seen from this one. RFC 3986, section 5.2.
    ///
    /// # Errors
    /// Says what is missing.
    pub(super) fn join(&self, location: &str) -> Result<Self, String> {
        let location = location.split('#').next().unwrap_or_default();
        let scheme = if self.tls { "https" } else { "http" };
        let path = self.path.path();
        let text = if has_scheme(location) {
            let (scheme, rest) = location.split_once(':').unwrap_or_default();
            format!("{}:{rest}", scheme.to_ascii_lowercase())
        } else if location.starts_with("//") {
            format!("{scheme}:{location}")
        } else if location.starts_with('?') {
            format!("{scheme}://{}{path}{location}", self.host)
        } else {
            let (path_of_it, query) = match location.find('?') {
                Some(at) => location.split_at(at),
                None => (location, ""),
            };
            let folder = path.rsplit_once('/').map_or("", |it| it.0);
            let path = if path_of_it.starts_with('/') {
                without_dots(path_of_it)
            } else {
                without_dots(&format!("{folder}/{path_of_it}"))
            };
            format!("{scheme}://{}{path}{query}", self.host)
        };
        let url = Self::parse(&text)?;
        if url.name().is_empty() {
            return Err(format!("endpoint {text:?} names no host"));
        }
        Ok(url)
    }

    /// The name of the host, without its port.
    pub(super) fn name(&self) -> &str {
        match &self.target {
            Target::Tcp { host, .. } => host,
            Target::Unix(_) => "",
        }
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Path and query, as a request has them.
    pub fn request_path(&self) -> String {
        self.path.to_string()
    }

    /// The host as written, with its port if it has one.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn path(&self) -> &Uri {
        &self.path
    }

    /// As a proxy is asked for it.
    pub(super) fn absolute(&self) -> Result<Uri, String> {
        let text = format!("http://{}{}", self.host, self.path);
        text.parse().map_err(|_| format!("{text} is no URL"))
    }

    /// What is sent there can be read by nobody on the way: it is encrypted, or stays on this machine.
    pub fn is_private(&self) -> bool {
        let host = confignet::split_host_port(&self.host).map_or(self.host(), |it| it.0);
        self.tls || confignet::is_local(host.trim_matches(['[', ']']))
    }

    /// True for `https://`.
    pub fn is_tls(&self) -> bool {
        self.tls
    }
}

fn has_scheme(location: &str) -> bool {
    let end = location.find([':', '/', '?']).unwrap_or(0);
    location.get(end..).is_some_and(|it| it.starts_with("://"))
}

/// A path without `.` and `..`.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    for (at, part) in parts.iter().enumerate() {
        let last = at + 1 == parts.len();
        match *part {
            ".." => _ = kept.pop(),
            "." => {}
            other => {
                kept.push(other);
                continue;
            }
        }
        if last {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

/// True for what Go's `url.Parse` refuses. `net/url`, Go 1.26.
pub fn is_no_url(text: &str) -> bool {
    let text = text.split_once('#').map_or(text, |it| it.0);
    if text.bytes().any(|it| it < b' ' || it == 0x7f) || text.starts_with(':') {
        return true;
    }
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => (scheme, rest),
        _ => ("", text),
    };
    let rest = rest.split_once('?').map_or(rest, |it| it.0);
    if !rest.starts_with('/') {
        // What follows a scheme without a slash is taken as it is.
        let first = rest.split('/').next().unwrap_or_default();
        return scheme.is_empty() && (first.contains(':') || has_bad_escape(rest));
    }
    let Some(after) = rest.strip_prefix("//") else { return has_bad_escape(rest) };
    let (authority, path) = after.split_at(after.find('/').unwrap_or(after.len()));
    let host = authority.rsplit_once('@').map_or(authority, |it| it.1);
    let port = match host.rsplit_once(']') {
        Some((_, port)) => port,
        None => host.find(':').map_or("", |at| &host[at..]),
    };
    let is_port = port.is_empty()
        || port.strip_prefix(':').is_some_and(|it| it.bytes().all(|it| it.is_ascii_digit()));
    !is_port
        || host.contains([' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}', '%'])
        || has_bad_escape(path)
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|it: char| it.is_ascii_alphabetic())
        && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"+-.".contains(&it))
}

/// A `%` without two hexadecimal digits behind it.
fn has_bad_escape(text: &str) -> bool {
    text.split('%').skip(1).any(|it| {
        let mut digits = it.bytes().take(2);
        !(digits.len() == 2 && digits.all(|it| it.is_ascii_hexdigit()))
    })
}

/// A URL for a message.
fn without_credentials(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    match rest.rsplit_once('@') {
        Some((_, host)) if scheme.is_empty() => host.to_owned(),
        Some((_, host)) => format!("{scheme}://{host}"),
        None => text.to_owned(),
    }
}

impl fmt::Display for Url {
    /// As it was given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_seen_from_the_url_that_was_asked() {
        let base = Url::parse("http://a.test:4318/x/v1/logs?q=1").unwrap();
        for (location, want) in [
            ("http://b.test/y", "http://b.test/y"),
            ("HTTP://b.test", "http://b.test"),
            ("//b.test:1/y#part", "http://b.test:1/y"),
            ("/y/./z/../w?p=/../1", "http://a.test:4318/y/w?p=/../1"),
            ("traces", "http://a.test:4318/x/v1/traces"),
            ("../v2/logs", "http://a.test:4318/x/v2/logs"),
            ("../../../..", "http://a.test:4318/"),
            ("?p=2", "http://a.test:4318/x/v1/logs?p=2"),
            ("https://a.test/v1/logs", "https://a.test/v1/logs"),
        ] {
            assert_eq!(base.join(location).unwrap().to_string(), want, "{location}");
        }
        for wrong in ["ftp://a/", "http://", "http://u:p@a/", "http://a:b/"] {
            assert!(base.join(wrong).is_err(), "{wrong}");
        }
    }
}
