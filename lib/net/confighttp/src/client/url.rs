//! A URL to post to.

use std::fmt;

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
        let problem = |why: &str| format!("endpoint {text:?} {why}");
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

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn path(&self) -> &Uri {
        &self.path
    }

    /// True for `https://`.
    pub fn is_tls(&self) -> bool {
        self.tls
    }
}

impl fmt::Display for Url {
    /// As it was given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
