//! `k8s_api` (`k8snode`) and `kubeadm`: what the API server knows of the node and the cluster.

use kube::{ApiConfig, Client, Object, Query, Resource};
use serde::Deserialize;

use crate::config::{K8sApiConfig, KubeadmConfig};
use crate::found::Found;
use crate::probe::Probe;

/// Where kubeadm notes what it has made.
pub(crate) const CONFIG_MAPS: Resource = Resource::of("", "configmaps", true);
/// The namespace whose uid stands for that of the cluster.
const SYSTEM: &str = "kube-system";

#[derive(Default, Deserialize)]
#[serde(default)]
struct ConfigMap {
    data: std::collections::BTreeMap<String, String>,
}

pub(crate) async fn client(probe: &Probe, api: &ApiConfig) -> Result<Client, String> {
    Client::new(api, &probe.world.agent).await
}

/// The uid of the cluster.
async fn cluster_uid(server: &Client) -> Result<String, kube::Error> {
    let query = Query::metadata(Resource::NAMESPACES);
    let namespace = server.object::<Object>(&query, SYSTEM).await?;
    Ok(namespace.metadata.uid)
}

pub(crate) async fn k8s_api(probe: &Probe, config: &K8sApiConfig) -> Result<Found, String> {
    let name = probe.variable(&config.node_from_env_var).ok_or_else(|| {
        format!(
            "failed creating k8snode detector: node name can't be found, check the env variable {}: give the pod that variable with fieldRef: spec.nodeName",
            config.node_from_env_var
        )
    })?;
    let look = async {
        let server = client(probe, &config.api).await?;
        let wanted = &config.resource_attributes;
        let mut found = Found::conventional();
        if wanted.is_on("k8s.node.uid") || wanted.is_on("k8s.node.name") {
            let node = server.object::<Object>(&Query::metadata(Resource::NODES), &name).await;
            let node = node.map_err(|error| format!("failed getting k8s node UID: {error}"))?;
            found = found
                .with("k8s.node.uid", node.metadata.uid)
                .with("k8s.node.name", node.metadata.name);
        }
        if wanted.is_on("k8s.cluster.uid") {
            match cluster_uid(&server).await {
                Ok(uid) => found = found.with("k8s.cluster.uid", uid),
                // Roles of before there was this attribute do not have the rule.
                Err(error) if error.is_refused() => tracing::warn!(
                    error = error.to_string(),
                    "no permission to get kube-system namespace, skipping k8s.cluster.uid; grant 'get' on namespaces/kube-system to fix"
                ),
                Err(error) => return Err(format!("failed getting k8s cluster UID: {error}")),
            }
        }
        Ok(found)
    };
    look.await
}

pub(crate) async fn kubeadm(probe: &Probe, config: &KubeadmConfig) -> Result<Found, String> {
    let server = client(probe, &config.api).await;
    let server = server.map_err(|why| format!("failed creating kubeadm provider: {why}"))?;
    let wanted = &config.resource_attributes;
    let mut found = Found::conventional();
    if wanted.is_on("k8s.cluster.name") {
        let query = Query { namespace: SYSTEM.into(), ..Query::all(CONFIG_MAPS) };
        let map = server.object::<ConfigMap>(&query, "kubeadm-config").await;
        let map = map.map_err(|error| {
            format!("failed getting k8s cluster name: failed to fetch ConfigMap with name kubeadm-config and namespace {SYSTEM} from K8s API: {error}")
        })?;
        let text = map.data.get("ClusterConfiguration").map(String::as_str);
        found = found.with("k8s.cluster.name", cluster_name(text.unwrap_or_default()));
    }
    if wanted.is_on("k8s.cluster.uid") {
        let uid = cluster_uid(&server).await;
        let uid = uid.map_err(|error| format!("failed getting k8s cluster uid: {error}"))?;
        found = found.with("k8s.cluster.uid", uid);
    }
    Ok(found)
}

/// `clusterName:` of the document that kubeadm writes: one key a line, none of them quoted.
fn cluster_name(document: &str) -> String {
    let value = document.lines().find_map(|it| it.strip_prefix("clusterName:"));
    value.unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::cluster_name;

    #[test]
    fn the_cluster_is_named_in_kubeadms_document() {
        let text = "apiServer: {}\nclusterName: my-cluster\nnetworking:\n  clusterName: other\n";
        assert_eq!(cluster_name(text), "my-cluster");
        assert_eq!(cluster_name("networking:\n  clusterName: other\n"), "");
    }
}
