//! `openshift`: the infrastructure that a cluster of OpenShift 4 runs on.

use kube::Resource;
use serde::Deserialize;

use crate::config::OpenshiftConfig;
use crate::found::Found;
use crate::probe::{Probe, good, read};

/// What is read.
pub(crate) const INFRASTRUCTURES: Resource =
    Resource::of("config.openshift.io", "infrastructures", false);
const PATH: &str = "/apis/config.openshift.io/v1/infrastructures/cluster/status";
/// Files of a service account.
const ACCOUNT: &str = "var/run/secrets/kubernetes.io/serviceaccount";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Infrastructure {
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    infrastructure_name: String,
    platform_status: Platform,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Platform {
    r#type: String,
    aws: Place,
    azure: Place,
    gcp: Place,
    #[serde(rename = "ibmcloud")]
    ibm_cloud: Place,
    #[serde(rename = "openstack")]
    open_stack: Place,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Place {
    region: String,
    cloud_name: String,
    location: String,
}

pub(crate) async fn detect(probe: &Probe, config: &OpenshiftConfig) -> Result<Found, String> {
    let status = match ask(probe, config).await {
        Ok(it) => it.status,
        Err(why) => {
            tracing::error!(error = why, "OpenShift detector metadata retrieval failed");
            return probe.missing(why);
        }
    };
    let it = status.platform_status;
    let (provider, platform, region) = match it.r#type.to_lowercase().as_str() {
        "aws" => ("aws", "aws_openshift", it.aws.region),
        "azure" => ("azure", "azure.openshift", it.azure.cloud_name),
        "gcp" => ("gcp", "gcp_openshift", it.gcp.region),
        "ibmcloud" => ("ibm_cloud", "ibm_cloud_openshift", it.ibm_cloud.location),
        "openstack" => ("", "", it.open_stack.cloud_name),
        _ => ("", "", String::new()),
    };
    let some = |text: &str| Some(text.to_owned()).filter(|it| !it.is_empty());
    Ok(Found::conventional()
        .with_some("k8s.cluster.name", some(&status.infrastructure_name))
        .with_some("cloud.provider", some(provider))
        .with_some("cloud.platform", some(platform))
        .with_some("cloud.region", some(&region.to_lowercase())))
}

async fn ask(probe: &Probe, config: &OpenshiftConfig) -> Result<Infrastructure, String> {
    let address = match config.address.as_str() {
        "" => {
            let variable = |name: &str| {
                probe.variable(name).ok_or_else(|| {
                    "could not extract openshift api host: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be set".to_owned()
                })
            };
            let host = variable("KUBERNETES_SERVICE_HOST")?;
            let host = if host.contains(':') { format!("[{host}]") } else { host };
            format!("https://{host}:{}", variable("KUBERNETES_SERVICE_PORT")?)
        }
        given if given.contains("://") => given.trim_end_matches('/').to_owned(),
        given => format!("{}://{given}", if config.tls.insecure { "http" } else { "https" }),
    };
    let token = match config.token.expose() {
        "" => probe
            .read(|machine| machine.line(&format!("{ACCOUNT}/token")))
            .await
            .ok_or_else(|| format!("cannot read the token at /{ACCOUNT}/token"))?,
        given => given.to_owned(),
    };
    let mut tls = config.tls.clone();
    if tls.common.ca_file.is_empty() && !tls.insecure {
        tls.common.ca_file = format!("/{ACCOUNT}/ca.crt");
    }
    let login = format!("Bearer {token}");
    let url = format!("{address}{PATH}");
    let answer = probe.ask(http::Method::GET, &url, &[("authorization", &login)], &tls).await?;
    read(PATH, &good(PATH, answer)?)
}
