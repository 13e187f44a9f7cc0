//! The keys of a connection.

use config::{Choice, Choices, Problems, Stage};
use serde::{Deserialize, Serialize};

/// Which server, and who we are there. Components flatten it into their sections.
///
/// Upstream: `internal/k8sconfig`, v0.149, and the two limits of v0.156.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct ApiConfig {
    /// How the API server is found and asked: serviceAccount (of the pod that this runs in), kubeConfig, none (without
    /// credentials, the server's certificate is not checked) or tls (the same with the authority of the pod). Default
    /// serviceAccount.
    pub auth_type: Choice<AuthType>,
    /// Context of the kubeconfig. Default: its current one.
    #[config(omit_empty)]
    pub context: String,
    /// Most requests a second, watches not counted; 0 is the client's choice, 50. Default 0.
    #[config(omit_empty)]
    pub kube_api_qps: f64,
    /// Most requests at once beyond that; 0 is the client's choice, 100. Default 0.
    #[config(omit_empty)]
    pub kube_api_burst: i64,
}

/// `auth_type:`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AuthType {
    /// The service account of the pod.
    #[default]
    ServiceAccount,
    /// `KUBECONFIG`, or `~/.kube/config`.
    KubeConfig,
    /// No credentials.
    None,
    /// No credentials, but the server's certificate is checked.
    Tls,
}

impl Choices for AuthType {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("serviceAccount", Self::ServiceAccount),
        ("kubeConfig", Self::KubeConfig),
        ("none", Self::None),
        ("tls", Self::Tls),
    ];
    const GO: &'static str = "k8sconfig.AuthType";
    const STAGE: Stage = Stage::Check;

    fn unknown(word: &str) -> String {
        format!("invalid authType for kubernetes: {word}")
    }
}

impl ApiConfig {
    /// Checks the type alone: some components upstream say it twice, the second time of what holds the keys.
    pub fn validate_type(&self, key: &str, problems: &mut Problems) {
        if let Some(fault) = self.auth_type.refused("auth_type") {
            problems.add(fault.within(key));
        }
    }

    /// Checks the keys; `key` is their path in the component's section.
    pub fn validate(&self, key: &str, problems: &mut Problems) {
        self.validate_type(key, problems);
        if self.kube_api_qps.is_nan() || self.kube_api_qps < 0.0 {
            problems.at(key, "kube_api_qps must not be negative").set("kube_api_qps", "0");
        }
        if self.kube_api_burst < 0 {
            problems.at(key, "kube_api_burst must not be negative").set("kube_api_burst", "0");
        }
    }
}
