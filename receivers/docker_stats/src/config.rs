//! The keys.

use std::collections::BTreeMap;
use std::path::PathBuf;

use component::config::{Duration, Problems};
use scraping::{MetricsSection, ResourceSection, Schedule};
use serde::{Deserialize, Serialize};

use crate::images::Images;
use crate::table::Table;

/// `receivers: docker_stats:`
///
/// Upstream: `receiver/dockerstatsreceiver`, v0.149.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "dockerstatsreceiver.Config")]
pub struct Config {
    /// The daemon: `unix://` and the path of its socket, or `http://`, `https://`, `tcp://` and an address. Default
    /// unix:///var/run/docker.sock.
    pub endpoint: String,
    /// Images whose containers are left out: texts, globs or `/regular expressions/`; `!` in front is the opposite. Default none.
    #[config(omit_empty)]
    pub excluded_images: Vec<String>,
    /// Version of the API that is asked for, 1.25 or more, in quotes. Default: the newest that the daemon has.
    #[config(omit_empty)]
    pub api_version: String,
    /// For `https://` and `tcp://`. Default none.
    #[config(omit_empty)]
    pub tls: Option<configtls::ClientConfig>,
    /// Labels of containers that become attributes of the resource: label and attribute.
    #[config(omit_empty)]
    pub container_labels_to_metric_labels: BTreeMap<String, String>,
    /// Environment variables of containers that become attributes of the resource: variable and attribute.
    #[config(omit_empty)]
    pub env_vars_to_metric_labels: BTreeMap<String, String>,
    /// When it asks. `collection_interval` is 10s by default; `timeout`, 5s by default, is for one request to the daemon.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// Which metrics are sent, and by which attributes.
    pub metrics: MetricsSection<Table>,
    /// Which attributes resources have.
    pub resource_attributes: ResourceSection<Table>,
}

impl Default for Config {
    fn default() -> Self {
        let every = Schedule::every(Duration::from_secs(10));
        Self {
            endpoint: "unix:///var/run/docker.sock".to_owned(),
            excluded_images: Vec::new(),
            api_version: String::new(),
            tls: None,
            container_labels_to_metric_labels: BTreeMap::new(),
            env_vars_to_metric_labels: BTreeMap::new(),
            schedule: Schedule { timeout: Duration::from_secs(5), ..every },
            metrics: MetricsSection::default(),
            resource_attributes: ResourceSection::default(),
        }
    }
}

/// Where the daemon is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Socket(PathBuf),
    /// A URL without a slash at its end.
    Url(String),
}

impl Config {
    /// Where the daemon is.
    ///
    /// # Errors
    /// It cannot be reached that way.
    pub(crate) fn daemon(&self) -> Result<Endpoint, String> {
        let text = self.endpoint.trim_end_matches('/');
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        match scheme {
            "unix" => Ok(Endpoint::Socket(rest.into())),
            "http" | "https" => {
                confighttp::client::Url::parse(text)?;
                Ok(Endpoint::Url(text.to_owned()))
            }
            "tcp" => {
                let scheme = if self.tls.is_some() { "https" } else { "http" };
                let url = format!("{scheme}://{rest}");
                confighttp::client::Url::parse(&url)?;
                Ok(Endpoint::Url(url))
            }
            "" if text.is_empty() => Err("endpoint must be specified".to_owned()),
            _ => Err(format!(
                "unable to parse docker host `{text}`: write unix:///var/run/docker.sock, or http:// and an address"
            )),
        }
    }
}

/// The section, with the patterns compiled.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) config: Config,
    pub(crate) endpoint: Endpoint,
    pub(crate) excluded: Images,
}

impl component::Planned for Plan {
    type Section = Config;

    fn plan(config: Config, problems: &mut Problems) -> Option<Self> {
        let excluded = match Images::new(&config.excluded_images) {
            Ok(it) => Some(it),
            Err(why) => {
                let text = format!("could not determine docker client excluded images: {why}");
                problems.at("", text).about("excluded_images");
                None
            }
        };
        let endpoint = match config.daemon() {
            Ok(it) => Some(it),
            Err(why) => {
                problems.at("", why).set("endpoint", "unix:///var/run/docker.sock");
                None
            }
        };
        Some(Self { endpoint: endpoint?, excluded: excluded?, config })
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.schedule.validate(problems);
        self.metrics.validate("metrics", problems);
        self.resource_attributes.validate("resource_attributes", problems);
        let version = self.api_version.trim();
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
}

/// Major and minor number.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    Some((major.trim().parse().ok()?, minor.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use componenttest::problems;

    use super::*;

    #[test]
    fn the_daemon_is_behind_a_socket_or_at_an_address() {
        let daemon = |endpoint: &str, tls| {
            let tls = Some(configtls::ClientConfig::default()).filter(|_| tls);
            Config { endpoint: endpoint.to_owned(), tls, ..Config::default() }.daemon()
        };
        let url = |it: &str| Ok(Endpoint::Url(it.to_owned()));
        assert_eq!(daemon("unix:///run/d.sock", false), Ok(Endpoint::Socket("/run/d.sock".into())));
        assert_eq!(daemon("http://example.com/", false), url("http://example.com"));
        assert_eq!(daemon("tcp://h:2375", false), url("http://h:2375"));
        assert_eq!(daemon("tcp://h:2376", true), url("https://h:2376"));
        assert!(daemon("npipe:////./pipe/docker_engine", false).is_err());
    }

    #[test]
    fn wrong_sections_are_refused() {
        for (section, want) in [
            ("endpoint: ''", "endpoint must be specified"),
            ("api_version: '1.21'", "\"api_version\" 1.21 must be at least 1.25"),
            ("api_version: latest", "invalid version \"latest\""),
        ] {
            assert_eq!(problems::<Plan>(section), [want]);
        }
        let regex = problems::<Plan>("excluded_images: ['/(/']");
        assert!(regex[0].contains("invalid regex item: "), "{regex:?}");
        assert_eq!(problems::<Plan>("api_version: '1.44'"), [""; 0]);
    }
}
