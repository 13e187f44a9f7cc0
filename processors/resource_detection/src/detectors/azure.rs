//! `azure`, `aks` and `azurecontainerapps`.

use regex::Regex;
use serde::Deserialize;

use crate::found::Found;
use crate::patterns::fits;
use crate::probe::{LINK_LOCAL, Probe};

/// The instance metadata service. `internal/metadataproviders/azure`, v0.156.
const COMPUTE: &str = "/metadata/instance/compute?api-version=2020-09-01&format=json";

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Compute {
    location: String,
    name: String,
    #[serde(alias = "vmID")]
    vm_id: String,
    vm_size: String,
    #[serde(alias = "subscriptionID")]
    subscription_id: String,
    resource_group_name: String,
    vm_scale_set_name: String,
    zone: String,
    os_profile: OsProfile,
    tags_list: Vec<Tag>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct OsProfile {
    computer_name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tag {
    name: String,
    value: String,
}

async fn compute(probe: &Probe) -> Result<Compute, String> {
    probe.json((LINK_LOCAL, COMPUTE), &[("metadata", "True")]).await
}

pub(crate) async fn azure(probe: &Probe, tags: &[Regex]) -> Result<Found, String> {
    let it = match compute(probe).await {
        Ok(it) => it,
        Err(why) => return probe.missing(format!("Azure metadata unavailable: {why}")),
    };
    let mut found = Found::conventional()
        .with("cloud.provider", "azure")
        .with("cloud.platform", "azure.vm")
        .with("host.name", it.os_profile.computer_name)
        .with("cloud.region", it.location)
        .with("host.id", it.vm_id)
        .with("cloud.account.id", it.subscription_id)
        .with("cloud.availability_zone", it.zone)
        .with("azure.vm.name", it.name)
        .with("azure.vm.size", it.vm_size)
        .with("azure.vm.scaleset.name", it.vm_scale_set_name)
        .with("azure.resourcegroup.name", it.resource_group_name);
    for tag in it.tags_list.into_iter().filter(|it| fits(tags, &it.name)) {
        found = found.with(&format!("azure.tag.{}", tag.name), tag.value);
    }
    Ok(found)
}

pub(crate) async fn aks(probe: &Probe) -> Result<Found, String> {
    if probe.variable("KUBERNETES_SERVICE_HOST").is_none() {
        return probe.missing("KUBERNETES_SERVICE_HOST is not set".into());
    }
    let it = match compute(probe).await {
        Ok(it) => it,
        Err(why) => return probe.missing(format!("Azure metadata unavailable: {why}")),
    };
    let found =
        Found::conventional().with("cloud.provider", "azure").with("cloud.platform", "azure.aks");
    Ok(found.with("k8s.cluster.name", cluster(&it.resource_group_name)))
}

/// The cluster of a group `MC_GROUP_CLUSTER_LOCATION`; the group itself where it cannot be told.
fn cluster(group: &str) -> String {
    let parts: Vec<&str> = group.split('_').collect();
    match parts.as_slice() {
        [first, _, cluster, _] if first.eq_ignore_ascii_case("mc") => (*cluster).to_owned(),
        _ => group.to_owned(),
    }
}

pub(crate) fn container_apps(probe: &Probe) -> Result<Found, String> {
    let Some(name) = probe.variable("CONTAINER_APP_NAME") else {
        return probe.missing("azure container apps metadata unavailable".into());
    };
    let found = Found::conventional()
        .with("cloud.provider", "azure")
        .with("cloud.platform", "azure.container_apps")
        .with("service.name", name)
        .with_some("azure.container_app.instance.id", probe.variable("CONTAINER_APP_REPLICA_NAME"));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::cluster;

    #[test]
    fn a_cluster_is_named_by_its_group() {
        assert_eq!(cluster("MC_my-resource-group_my-cluster_eastus"), "my-cluster");
        assert_eq!(cluster("mc_a_b_c"), "b");
        assert_eq!(cluster("MC_a_b_c_d"), "MC_a_b_c_d");
        assert_eq!(cluster("own"), "own");
    }
}
