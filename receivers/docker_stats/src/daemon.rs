//! Requests to the daemon, and the parts of its answers that are used. Docker Engine API 1.25 to 1.51.

use std::collections::BTreeMap;
use std::time::Duration;

use confighttp::client::{Fetcher, Url, Ways};
use http::{HeaderMap, Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::config::{Endpoint, Plan};

/// Longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Timeout of a request where the section says 0.
const NO_TIMEOUT: Duration = Duration::from_secs(3600);
/// What is running: `{"status":["running"]}`, escaped.
const RUNNING: &str = "/containers/json?filters=%7B%22status%22%3A%5B%22running%22%5D%7D";

/// One daemon.
pub(crate) struct Daemon {
    endpoint: Endpoint,
    /// `/v1.44`; nothing is the newest version that it has.
    version: String,
    fetcher: Fetcher,
}

/// Why there is no answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Failed {
    /// There is no such container any more.
    Gone,
    Otherwise(String),
}

impl Daemon {
    /// Nothing is sent yet. It reads certificates.
    ///
    /// # Errors
    /// When certificates cannot be used.
    pub(crate) fn new(plan: &Plan, agent: &str) -> Result<Self, String> {
        let Plan { config, endpoint, .. } = plan;
        let version = match config.api_version.trim().trim_start_matches('v') {
            "" => String::new(),
            version => format!("/v{version}"),
        };
        let timeout = Some(config.schedule.timeout.std()).filter(|it| !it.is_zero());
        let ways = Ways { environment: false, ..Ways::default() };
        let tls = config.tls.clone().unwrap_or_default();
        let first = url(endpoint, "/_ping")?;
        let fetcher = Fetcher::by(&ways, &tls, &first, timeout.unwrap_or(NO_TIMEOUT), agent)?;
        Ok(Self { endpoint: endpoint.clone(), version, fetcher })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failed> {
        let url = url(&self.endpoint, &format!("{}{path}", self.version));
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
    pub(crate) async fn running(&self) -> Result<Vec<Listed>, String> {
        self.get(RUNNING).await.map_err(|why| match why {
            Failed::Otherwise(why) => why,
            Failed::Gone => "the daemon knows no containers".to_owned(),
        })
    }

    pub(crate) async fn inspect(&self, id: &str) -> Result<Container, Failed> {
        self.get(&format!("/containers/{id}/json")).await
    }

    /// It takes the daemon a second or two: it measures twice.
    pub(crate) async fn stats(&self, id: &str) -> Result<Stats, Failed> {
        self.get(&format!("/containers/{id}/stats?stream=0")).await
    }
}

fn url(endpoint: &Endpoint, path: &str) -> Result<Url, String> {
    match endpoint {
        Endpoint::Socket(socket) => Url::of_socket(socket, path),
        Endpoint::Url(base) => Url::parse(&format!("{base}{path}")),
    }
}

/// Go writes `null` where it has nothing.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) image: String,
}

/// What `inspect` says.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The id of the image.
    pub(crate) image: String,
    pub(crate) restart_count: i64,
    pub(crate) state: ContainerState,
    pub(crate) config: ContainerConfig,
    pub(crate) host_config: HostConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct ContainerState {
    pub(crate) running: bool,
    pub(crate) paused: bool,
    pub(crate) started_at: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct ContainerConfig {
    pub(crate) hostname: String,
    pub(crate) image: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) cmd: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) env: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) labels: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct HostConfig {
    pub(crate) cpu_shares: i64,
    pub(crate) nano_cpus: i64,
    pub(crate) cpuset_cpus: String,
    pub(crate) cpu_quota: i64,
    pub(crate) cpu_period: i64,
}

/// What `stats` says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Stats {
    pub(crate) cpu_stats: CpuStats,
    pub(crate) precpu_stats: CpuStats,
    pub(crate) memory_stats: MemoryStats,
    pub(crate) blkio_stats: BlkioStats,
    pub(crate) pids_stats: PidsStats,
    #[serde(deserialize_with = "or_default")]
    pub(crate) networks: BTreeMap<String, NetworkStats>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CpuStats {
    pub(crate) cpu_usage: CpuUsage,
    pub(crate) system_cpu_usage: u64,
    pub(crate) online_cpus: u32,
    pub(crate) throttling_data: ThrottlingData,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CpuUsage {
    pub(crate) total_usage: u64,
    #[serde(deserialize_with = "or_default")]
    pub(crate) percpu_usage: Vec<u64>,
    pub(crate) usage_in_kernelmode: u64,
    pub(crate) usage_in_usermode: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ThrottlingData {
    pub(crate) periods: u64,
    pub(crate) throttled_periods: u64,
    pub(crate) throttled_time: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct MemoryStats {
    pub(crate) usage: u64,
    pub(crate) max_usage: u64,
    pub(crate) failcnt: u64,
    pub(crate) limit: u64,
    #[serde(deserialize_with = "or_default")]
    pub(crate) stats: BTreeMap<String, u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BlkioStats {
    #[serde(deserialize_with = "or_default")]
    pub(crate) io_service_bytes_recursive: Vec<BlkioEntry>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) io_serviced_recursive: Vec<BlkioEntry>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) io_queue_recursive: Vec<BlkioEntry>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) io_service_time_recursive: Vec<BlkioEntry>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) io_wait_time_recursive: Vec<BlkioEntry>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) io_merged_recursive: Vec<BlkioEntry>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) io_time_recursive: Vec<BlkioEntry>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) sectors_recursive: Vec<BlkioEntry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BlkioEntry {
    pub(crate) major: u64,
    pub(crate) minor: u64,
    pub(crate) op: String,
    pub(crate) value: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PidsStats {
    pub(crate) current: u64,
    pub(crate) limit: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NetworkStats {
    pub(crate) rx_bytes: u64,
    pub(crate) rx_packets: u64,
    pub(crate) rx_errors: u64,
    pub(crate) rx_dropped: u64,
    pub(crate) tx_bytes: u64,
    pub(crate) tx_packets: u64,
    pub(crate) tx_errors: u64,
    pub(crate) tx_dropped: u64,
}
