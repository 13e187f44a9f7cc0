//! Requests to a daemon.

use std::path::PathBuf;
use std::time::Duration;

use component::Problems;
use confighttp::client::{Fetcher, Url, Ways};
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::container::{Container, Listed};
use crate::images::Images;

/// Longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Timeout of a request where the section says 0.
const NO_TIMEOUT: Duration = Duration::from_secs(3600);
/// What is running: `{"status":["running"]}`, escaped.
const RUNNING: &str = "/containers/json?filters=%7B%22status%22%3A%5B%22running%22%5D%7D";

/// Where a daemon is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// The path of a socket.
    Socket(PathBuf),
    /// A URL without a slash at its end.
    Url(String),
}

impl Endpoint {
    /// Reads the key `endpoint`.
    ///
    /// # Errors
    /// A daemon cannot be reached that way.
    pub fn parse(text: &str, has_tls: bool) -> Result<Self, String> {
        let text = text.trim_end_matches('/');
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        match scheme {
            "unix" => Ok(Self::Socket(rest.into())),
            "http" | "https" => {
                Url::parse(text)?;
                Ok(Self::Url(text.to_owned()))
            }
            "tcp" => {
                let scheme = if has_tls { "https" } else { "http" };
                let url = format!("{scheme}://{rest}");
                Url::parse(&url)?;
                Ok(Self::Url(url))
            }
            "" if text.is_empty() => Err("endpoint must be specified".to_owned()),
            _ => Err(format!(
                "unable to parse docker host `{text}`: write unix:///var/run/docker.sock, or http:// and an address"
            )),
        }
    }

    fn url(&self, path: &str) -> Result<Url, String> {
        match self {
            Self::Socket(socket) => Url::of_socket(socket, path),
            Self::Url(base) => Url::parse(&format!("{base}{path}")),
        }
    }
}

/// What the keys `endpoint` and `excluded_images` mean; what is wrong with them is told.
pub fn plan(
    endpoint: &str,
    has_tls: bool,
    excluded_images: &[String],
    problems: &mut Problems,
) -> Option<(Endpoint, Images)> {
    let excluded = Images::new(excluded_images).map_err(|why| {
        let text = format!("could not determine docker client excluded images: {why}");
        problems.at("", text).about("excluded_images");
    });
    let endpoint = Endpoint::parse(endpoint, has_tls).map_err(|why| {
        problems.at("", why).set("endpoint", "unix:///var/run/docker.sock");
    });
    Some((endpoint.ok()?, excluded.ok()?))
}

/// Says what is wrong with the key `api_version`.
pub fn check_version(version: &str, problems: &mut Problems) {
    let version = version.trim();
    if version.is_empty() {
        return;
    }
    match numbers(version) {
        None => {
            let text = format!("invalid version {version:?}");
            problems.at("", text).about("api_version");
        }
        Some(it) if it < (1, 25) => {
            let text = format!("\"api_version\" {version} must be at least 1.25");
            problems.at("", text).set("api_version", "\"1.25\"");
        }
        Some(_) => {}
    }
}

/// Major and minor number.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    Some((major.trim().parse().ok()?, minor.trim().parse().ok()?))
}

/// One daemon.
pub struct Daemon {
    endpoint: Endpoint,
    /// `/v1.44`; nothing is the newest version that it has.
    version: String,
    fetcher: Fetcher,
}

/// Why there is no answer.
#[derive(Debug, PartialEq)]
pub enum Failed {
    /// There is no such container any more.
    Gone,
    /// What was attempted, and why it failed.
    Otherwise(String),
}

/// As the daemon says what is wrong.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    message: String,
}

impl Daemon {
    /// Nothing is sent yet. It reads certificates.
    ///
    /// # Errors
    /// When certificates cannot be used.
    pub fn new(
        endpoint: &Endpoint,
        version: &str,
        timeout: Duration,
        tls: &configtls::ClientConfig,
        agent: &str,
    ) -> Result<Self, String> {
        let version = match version.trim().trim_start_matches('v') {
            "" => String::new(),
            version => format!("/v{version}"),
        };
        let timeout = if timeout.is_zero() { NO_TIMEOUT } else { timeout };
        let ways = Ways { environment: false, ..Ways::default() };
        let fetcher = Fetcher::by(&ways, tls, &endpoint.url("/_ping")?, timeout, agent)?;
        Ok(Self { endpoint: endpoint.clone(), version, fetcher })
    }

    /// The JSON at a path of the API.
    ///
    /// # Errors
    /// There is no good answer.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failed> {
        let url = self.endpoint.url(&format!("{}{path}", self.version));
        let url = url.map_err(Failed::Otherwise)?;
        let failed = |why: String| Failed::Otherwise(format!("Get \"{url}\": {why}"));
        let answer =
            self.fetcher.fetch(Method::GET, &url, &HeaderMap::new(), b"", ANSWER_BYTES_MAX).await;
        let answer = answer.map_err(|why| match self.endpoint {
            Endpoint::Socket(_) => failed(format!(
                "{why}; is the docker daemon running, and may this user open its socket?"
            )),
            Endpoint::Url(_) => failed(why.to_string()),
        })?;
        match answer.status() {
            StatusCode::NOT_FOUND if path != RUNNING => Err(Failed::Gone),
            StatusCode::OK => {
                serde_json::from_slice(answer.body()).map_err(|why| failed(why.to_string()))
            }
            status => {
                let said: Said = serde_json::from_slice(answer.body()).unwrap_or_default();
                Err(failed(format!("the daemon answered {status} {}", said.message)))
            }
        }
    }

    /// The containers that run.
    ///
    /// # Errors
    /// There is no good answer.
    pub async fn running(&self) -> Result<Vec<Listed>, String> {
        self.get(RUNNING).await.map_err(|why| match why {
            Failed::Otherwise(why) => why,
            Failed::Gone => "the daemon knows no containers".to_owned(),
        })
    }

    /// All that is known of a container.
    ///
    /// # Errors
    /// There is no good answer.
    pub async fn inspect(&self, id: &str) -> Result<Container, Failed> {
        self.get(&format!("/containers/{id}/json")).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemon_is_behind_a_socket_or_at_an_address() {
        let url = |it: &str| Ok(Endpoint::Url(it.to_owned()));
        let socket = Endpoint::parse("unix:///run/d.sock", false);
        assert_eq!(socket, Ok(Endpoint::Socket("/run/d.sock".into())));
        assert_eq!(Endpoint::parse("http://example.com/", false), url("http://example.com"));
        assert_eq!(Endpoint::parse("tcp://h:2375", false), url("http://h:2375"));
        assert_eq!(Endpoint::parse("tcp://h:2376", true), url("https://h:2376"));
        assert!(Endpoint::parse("npipe:////./pipe/docker_engine", false).is_err());
    }
}
