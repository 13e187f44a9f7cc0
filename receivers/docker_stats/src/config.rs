//! The keys.

use std::collections::BTreeMap;

use component::config::{Duration, Problems};
use docker::{Endpoint, Images};
use scraping::{MetricsSection, ResourceSection, Schedule};
use serde::{Deserialize, Serialize};

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
        let (has_tls, images) = (config.tls.is_some(), &config.excluded_images);
        let (endpoint, excluded) = docker::plan(&config.endpoint, has_tls, images, problems)?;
        Some(Self { config, endpoint, excluded })
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        self.schedule.validate(problems);
        self.metrics.validate("metrics", problems);
        self.resource_attributes.validate("resource_attributes", problems);
        docker::check_version(&self.api_version, problems);
    }
}

#[cfg(test)]
mod tests {
    use componenttest::problems;

    use super::*;

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
