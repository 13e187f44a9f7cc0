//! The section.

use component::config::{Duration, Problems};
use docker::{Endpoint, Images};
use serde::{Deserialize, Serialize};

/// `extensions: docker_observer:`
///
/// Upstream: `extension/observer/dockerobserver`, v0.149.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "dockerobserver.Config")]
pub struct Config {
    /// The daemon: `unix://` and the path of its socket, or `http://`, `https://`, `tcp://` and an address. Default
    /// unix:///var/run/docker.sock.
    pub endpoint: String,
    /// Longest wait for one answer. Default 5s.
    pub timeout: Duration,
    /// Images whose containers are left out: texts, globs or `/regular expressions/`; `!` in front is the opposite. Default none.
    #[config(omit_empty)]
    pub excluded_images: Vec<String>,
    /// The container's own name for itself is the host, where it has one. Default false.
    pub use_hostname_if_present: bool,
    /// Ports that the host listens for are reached there. Default false.
    pub use_host_bindings: bool,
    /// Ports that the host does not listen for are left out. Default false.
    pub ignore_non_host_bindings: bool,
    /// After so long all containers are asked again. Default 60m.
    pub cache_sync_interval: Duration,
    /// Version of the API that is asked for, 1.25 or more, in quotes. Default: the newest that the daemon has.
    #[config(omit_empty)]
    pub api_version: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            endpoint: "unix:///var/run/docker.sock".into(),
            timeout: Duration::from_secs(5),
            excluded_images: Vec::new(),
            use_hostname_if_present: false,
            use_host_bindings: false,
            ignore_non_host_bindings: false,
            cache_sync_interval: Duration::from_secs(60 * 60),
            api_version: String::new(),
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        for (key, time) in
            [("timeout", self.timeout), ("cache_sync_interval", self.cache_sync_interval)]
        {
            if time.nanos() <= 0 {
                problems.at("", format!("{key} must be positive")).about(key);
            }
        }
        docker::check_version(&self.api_version, problems);
    }
}

/// The section, with the patterns compiled.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) config: Config,
    pub(crate) daemon: Endpoint,
    pub(crate) excluded: Images,
}

impl component::Planned for Plan {
    type Section = Config;

    fn plan(config: Config, problems: &mut Problems) -> Option<Self> {
        let images = &config.excluded_images;
        let (daemon, excluded) = docker::plan(&config.endpoint, false, images, problems)?;
        Some(Self { config, daemon, excluded })
    }
}
