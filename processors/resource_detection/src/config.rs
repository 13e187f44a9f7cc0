//! The keys.

use component::RetryConfig;
use component::config::{Caution, Duration, Problems, Secret};
use confighttp::client::ClientConfig;
use kube::ApiConfig;
use serde::{Deserialize, Serialize};

use crate::attributes::{Set, Toggles};
use crate::sets;

/// Where the name of a host can come from.
const HOSTNAME_SOURCES: [&str; 4] = ["os", "dns", "cname", "lookup"];

/// `processors: resource_detection:`
///
/// Upstream: `processor/resourcedetectionprocessor`, v0.156.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "resourcedetectionprocessor.Config")]
pub struct Config {
    /// What is asked, in this order: of an attribute that two of them find the first one counts. Default [env].
    pub detectors: Vec<String>,
    /// An attribute that a resource has already is replaced. Default true.
    #[serde(rename = "override")]
    pub r#override: bool,
    /// Everything is asked again after each such time; 0 is never. Default 0.
    pub refresh_interval: Duration,
    /// A metadata service that does not answer is a failure, and not a sign that this is another cloud. Default false.
    pub fail_on_missing_metadata: bool,
    /// Only these attributes are added. Deprecated: each detector has `resource_attributes`.
    #[config(omit_empty)]
    pub attributes: Vec<String>,
    /// How a detector that fails is asked again, as long as `timeout` allows.
    pub retry: RetryConfig,
    /// `timeout`, for a detection as a whole. The other keys of a client have no effect here, as upstream.
    #[serde(flatten)]
    pub client: ClientConfig,
    /// Detectors of the machine and its surroundings.
    #[serde(flatten)]
    pub machine: MachineConfig,
    /// Detectors of large clouds.
    #[serde(flatten)]
    pub clouds: CloudsConfig,
    /// Detectors of Kubernetes.
    #[serde(flatten)]
    pub clusters: ClustersConfig,
    /// Detectors of other clouds.
    #[serde(flatten)]
    pub others: OthersConfig,
}

/// Detectors of the machine and its surroundings.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct MachineConfig {
    /// Attributes from a variable.
    #[config(omit_empty)]
    pub env: EnvConfig,
    /// The machine.
    pub system: SystemConfig,
    /// The daemon of Docker.
    pub docker: Plain<sets::Docker>,
    /// Heroku.
    pub heroku: Plain<sets::Heroku>,
    /// A Consul agent.
    pub consul: ConsulConfig,
}

/// Detectors of large clouds.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct CloudsConfig {
    /// Amazon EC2.
    pub ec2: Ec2Config,
    /// Amazon ECS.
    pub ecs: Plain<sets::Ecs>,
    /// Amazon EKS.
    pub eks: EksConfig,
    /// Amazon Elastic Beanstalk; the detector is `elastic_beanstalk`.
    pub elasticbeanstalk: Plain<sets::ElasticBeanstalk>,
    /// AWS Lambda.
    pub lambda: Plain<sets::Lambda>,
    /// Virtual machines of Azure.
    pub azure: AzureConfig,
    /// Azure Kubernetes Service.
    pub aks: Plain<sets::Aks>,
    /// Azure Container Apps.
    pub azurecontainerapps: Plain<sets::ContainerApps>,
    /// Google Cloud.
    pub gcp: LabelsConfig<sets::Gcp>,
}

/// Detectors of Kubernetes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct ClustersConfig {
    /// The node and its cluster.
    pub k8s_api: K8sApiConfig,
    /// The same by its old name.
    pub k8snode: K8sApiConfig,
    /// A cluster made by kubeadm.
    pub kubeadm: KubeadmConfig,
    /// OpenShift.
    pub openshift: OpenshiftConfig,
}

/// Detectors of other clouds.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct OthersConfig {
    /// Akamai.
    pub akamai: Plain<sets::Akamai>,
    /// Alibaba Cloud ECS.
    pub alibaba_ecs: Strict<sets::Instance>,
    /// DigitalOcean.
    pub digitalocean: Plain<sets::Small>,
    /// Hetzner.
    pub hetzner: Plain<sets::Hetzner>,
    /// OpenStack Nova.
    pub nova: NovaConfig,
    /// Oracle Cloud.
    pub oraclecloud: Plain<sets::OracleCloud>,
    /// Scaleway.
    pub scaleway: Plain<sets::Scaleway>,
    /// Tencent Cloud CVM.
    pub tencent_cvm: Strict<sets::Instance>,
    /// UpCloud.
    pub upcloud: Strict<sets::Small>,
    /// Vultr.
    pub vultr: Strict<sets::Vultr>,
}

/// A detector about which nothing else is to be said.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default, bound = "")]
pub struct Plain<S: Set> {
    /// What is added.
    pub resource_attributes: Toggles<S>,
}

impl<S: Set> Default for Plain<S> {
    fn default() -> Self {
        Self { resource_attributes: Toggles::default() }
    }
}

/// A detector that can insist on its metadata service.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default, bound = "")]
pub struct Strict<S: Set> {
    /// What is added.
    pub resource_attributes: Toggles<S>,
    /// Deprecated: it stands beside `detectors`. Default false.
    #[config(omit_empty)]
    pub fail_on_missing_metadata: bool,
}

impl<S: Set> Default for Strict<S> {
    fn default() -> Self {
        Self { resource_attributes: Toggles::default(), fail_on_missing_metadata: false }
    }
}

/// A detector that finds labels, too.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default, bound = "")]
pub struct LabelsConfig<S: Set> {
    /// Patterns for labels that are added.
    pub labels: Vec<String>,
    /// What is added.
    pub resource_attributes: Toggles<S>,
}

impl<S: Set> Default for LabelsConfig<S> {
    fn default() -> Self {
        Self { labels: Vec::new(), resource_attributes: Toggles::default() }
    }
}

/// `env:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct EnvConfig {
    /// Only these attributes are taken from the variable. Default: all.
    #[config(omit_empty)]
    pub allowlist: Option<Vec<String>>,
}

/// `system:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct SystemConfig {
    /// Where the name of the host comes from, by order: os, dns, cname, lookup. Default [dns, os].
    pub hostname_sources: Vec<String>,
    /// What is added.
    pub resource_attributes: Toggles<sets::System>,
}

/// `ec2:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Ec2Config {
    /// Patterns for tags of the instance that are added.
    pub tags: Vec<String>,
    /// What is added.
    pub resource_attributes: Toggles<sets::Ec2>,
    /// Most tries of a request. Default 3.
    pub max_attempts: i64,
    /// Longest wait between two of them. Default 20s.
    pub max_backoff: Duration,
    /// Deprecated: it stands beside `detectors`. Default false.
    #[config(omit_empty)]
    pub fail_on_missing_metadata: bool,
    /// Tags come from the metadata service, which has to be allowed to say them, and not from the EC2 API. Default false.
    #[config(omit_empty)]
    pub tags_from_imds: bool,
}

impl Default for Ec2Config {
    fn default() -> Self {
        Self {
            tags: Vec::new(),
            resource_attributes: Toggles::default(),
            max_attempts: 3,
            max_backoff: Duration::from_secs(20),
            fail_on_missing_metadata: false,
            tags_from_imds: false,
        }
    }
}

/// `eks:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct EksConfig {
    /// The variable that holds the name of the node. Default K8S_NODE_NAME.
    pub node_from_env_var: String,
    /// What is added.
    pub resource_attributes: Toggles<sets::Eks>,
    /// Most tries of a request. Default 3.
    pub max_attempts: i64,
    /// Longest wait between two of them. Default 20s.
    pub max_backoff: Duration,
}

impl Default for EksConfig {
    fn default() -> Self {
        Self {
            node_from_env_var: "K8S_NODE_NAME".into(),
            resource_attributes: Toggles::default(),
            max_attempts: 3,
            max_backoff: Duration::from_secs(20),
        }
    }
}

/// `azure:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct AzureConfig {
    /// Patterns for tags of the machine that are added.
    pub tags: Vec<String>,
    /// What is added.
    pub resource_attributes: Toggles<sets::Azure>,
}

/// `nova:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct NovaConfig {
    /// Patterns for metadata keys that are added.
    pub labels: Vec<String>,
    /// What is added.
    pub resource_attributes: Toggles<sets::Nova>,
    /// Deprecated: it stands beside `detectors`. Default false.
    #[config(omit_empty)]
    pub fail_on_missing_metadata: bool,
}

/// `k8s_api:` and `k8snode:`.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct K8sApiConfig {
    /// The API server.
    #[serde(flatten)]
    pub api: ApiConfig,
    /// The variable that holds the name of the node. Default K8S_NODE_NAME.
    pub node_from_env_var: String,
    /// What is added.
    pub resource_attributes: Toggles<sets::K8sApi>,
}

impl Default for K8sApiConfig {
    fn default() -> Self {
        Self {
            api: ApiConfig::default(),
            node_from_env_var: "K8S_NODE_NAME".into(),
            resource_attributes: Toggles::default(),
        }
    }
}

/// `kubeadm:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct KubeadmConfig {
    /// The API server.
    #[serde(flatten)]
    pub api: ApiConfig,
    /// What is added.
    pub resource_attributes: Toggles<sets::Kubeadm>,
}

/// `openshift:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct OpenshiftConfig {
    /// The API server. Default: that of the pod that this runs in.
    #[config(omit_empty)]
    pub address: String,
    /// A token for it. Default: that of the pod's service account.
    #[config(omit_empty, go = "string")]
    pub token: Secret,
    /// TLS; without a `ca_file` the authority of the pod is trusted.
    #[config(omit_empty)]
    pub tls: configtls::ClientConfig,
    /// What is added.
    pub resource_attributes: Toggles<sets::Openshift>,
}

/// `consul:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct ConsulConfig {
    /// The agent. Default: CONSUL_HTTP_ADDR, or 127.0.0.1:8500.
    #[config(omit_empty)]
    pub address: String,
    /// Its data center. Default: the agent's.
    #[config(omit_empty)]
    pub datacenter: String,
    /// A token for it. Default: CONSUL_HTTP_TOKEN.
    #[config(omit_empty)]
    pub token: Secret,
    /// A file with a token; it beats `token`.
    #[config(omit_empty)]
    pub token_file: String,
    /// Namespace of Consul Enterprise.
    #[config(omit_empty)]
    pub namespace: String,
    /// Metadata of the node that are added, by their keys; values do not matter.
    #[config(omit_empty)]
    pub meta: component::config::Value,
    /// What is added.
    pub resource_attributes: Toggles<sets::Consul>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            detectors: vec!["env".into()],
            r#override: true,
            refresh_interval: Duration::ZERO,
            fail_on_missing_metadata: false,
            attributes: Vec::new(),
            retry: RetryConfig {
                initial_interval: Duration::from_secs(1),
                randomization_factor: 0.5,
                multiplier: 2.0,
                max_interval: Duration::from_secs(30),
                max_elapsed_time: Duration::ZERO,
                ..RetryConfig::default()
            },
            client: ClientConfig { timeout: Duration::from_secs(5), ..ClientConfig::default() },
            machine: MachineConfig::default(),
            clouds: CloudsConfig::default(),
            clusters: ClustersConfig::default(),
            others: OthersConfig::default(),
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        for (at, source) in self.machine.system.hostname_sources.iter().enumerate() {
            if !HOSTNAME_SOURCES.contains(&source.as_str()) {
                let text = format!("hostname_sources contains invalid value: {source:?}");
                let key = format!("hostname_sources::{at}");
                problems.at("detectorconfig::system", text).one_of(&key, &HOSTNAME_SOURCES);
            }
        }
        self.clusters.k8s_api.api.validate("detectorconfig::k8s_api::apiconfig", problems);
        self.clusters.k8s_api.api.validate_type("detectorconfig::k8s_api", problems);
        self.clusters.k8snode.api.validate("detectorconfig::k8snode::apiconfig", problems);
        self.clusters.k8snode.api.validate_type("detectorconfig::k8snode", problems);
        self.clusters.kubeadm.api.validate("detectorconfig::kubeadm::apiconfig", problems);
        self.clusters.kubeadm.api.validate_type("detectorconfig::kubeadm", problems);
        self.retry.validate("retry", problems);
        for (key, time) in
            [("timeout", self.client.timeout), ("refresh_interval", self.refresh_interval)]
        {
            if time.is_negative() {
                problems.at("", format!("{key} must not be negative")).set(key, "0s");
            }
        }
        if !self.attributes.is_empty() {
            let text =
                "attributes is deprecated; use 'resource_attributes' of the detectors instead";
            problems.warn(Caution::Deprecated, "", text).about("attributes");
        }
        self.warn_client(problems);
    }
}

impl Config {
    /// Upstream accepts all keys of an HTTP client, and uses one.
    fn warn_client(&self, problems: &mut Problems) {
        let ClientConfig { endpoint, proxy_url, headers, auth, .. } = &self.client;
        for (key, is_set) in [
            ("endpoint", !endpoint.is_empty()),
            ("proxy_url", !proxy_url.is_empty()),
            ("headers", !headers.entries.is_empty()),
            ("auth", auth.is_some()),
        ] {
            if is_set {
                let text =
                    format!("{key} has no effect: of an HTTP client's keys only timeout has");
                problems.warn(Caution::NoEffect, "", text).remove(key);
            }
        }
    }
}
