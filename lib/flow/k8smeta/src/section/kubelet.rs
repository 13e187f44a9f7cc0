//! The kubelet that is asked for pods.

use component::config::{Duration, Need, Problems};
use configtls::CommonConfig;
use kube::{ApiConfig, AuthType, Client, Kubelet};
use serde::{Deserialize, Serialize};

use crate::view::View;

/// `kubelet:`. The Collector has none.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct KubeletConfig {
    /// Who we are to the kubelet. kubeConfig asks the API server, which asks the kubelet of the node that `endpoint` names.
    #[serde(flatten)]
    pub api: ApiConfig,
    /// The authority of the kubelet's certificate, for `auth_type: tls`.
    #[config(omit_empty)]
    pub ca_file: String,
    /// Our certificate, for `auth_type: tls`.
    #[config(omit_empty)]
    pub cert_file: String,
    /// Its key.
    #[config(omit_empty)]
    pub key_file: String,
    /// Do not check the kubelet's certificate. Default false.
    pub insecure_skip_verify: bool,
    /// `host:port` or a URL. Default: the name of this machine, with port 10250, or 10255 for `auth_type: none`.
    #[config(omit_empty)]
    pub endpoint: String,
    /// Time between two looks; a pod that is looked for and not known is asked for earlier. Default 10s.
    pub interval: Duration,
}

impl Default for KubeletConfig {
    fn default() -> Self {
        Self {
            api: ApiConfig::default(),
            ca_file: String::new(),
            cert_file: String::new(),
            key_file: String::new(),
            insecure_skip_verify: false,
            endpoint: String::new(),
            interval: Duration::from_secs(10),
        }
    }
}

impl KubeletConfig {
    pub(crate) fn validate(&self, problems: &mut Problems) {
        self.api.validate("kubelet", problems);
        self.tls().validate("kubelet", problems);
        if self.interval.nanos() <= 0 {
            let text = "interval must be positive";
            problems.at("kubelet", text).set("interval", "10s");
        }
    }

    fn tls(&self) -> configtls::ClientConfig {
        let common = CommonConfig {
            ca_file: self.ca_file.clone(),
            cert_file: self.cert_file.clone(),
            key_file: self.key_file.clone(),
            ..CommonConfig::default()
        };
        configtls::ClientConfig {
            common,
            insecure_skip_verify: self.insecure_skip_verify,
            ..configtls::ClientConfig::default()
        }
    }

    /// A client of this kubelet.
    pub(crate) async fn client(&self, agent: &str) -> Result<Client, String> {
        let (api, endpoint) = (self.api.clone(), self.endpoint.clone());
        Kubelet { api, endpoint, tls: self.tls() }.client(agent).await
    }

    /// What has to be allowed.
    pub(crate) fn need(&self) -> Option<Need> {
        let by_role =
            matches!(*self.api.auth_type, AuthType::ServiceAccount | AuthType::KubeConfig);
        by_role.then(|| Need::Right(View::right_of_kubelet()))
    }
}
