//! `eks`: the metadata service of the instance, or what the API server knows of the node.

use kube::{Client, Query, Resource};
use serde::Deserialize;

use super::ec2_tags;
use super::imds::Imds;
use super::kubernetes::client;
use crate::config::EksConfig;
use crate::found::Found;
use crate::probe::Probe;

/// Tags of an instance that name its cluster.
const CLUSTER_TAGS: [&str; 2] = ["aws:eks:cluster-name", "eks:cluster-name"];
/// One try shows whether the metadata service can be reached: a pod of EKS Auto Mode cannot.
const TRIES: i64 = 1;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Version {
    git_version: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Node {
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    #[serde(rename = "providerID")]
    provider_id: String,
}

pub(crate) async fn detect(probe: &Probe, config: &EksConfig) -> Result<Found, String> {
    if probe.variable("KUBERNETES_SERVICE_HOST").is_none() {
        return probe.missing("KUBERNETES_SERVICE_HOST is not set".into());
    }
    if !is_eks(probe).await? {
        return probe.missing("this is no cluster of EKS".into());
    }
    let found =
        Found::conventional().with("cloud.provider", "aws").with("cloud.platform", "aws_eks");
    let wanted = &config.resource_attributes;
    let more = [
        "cloud.account.id",
        "cloud.availability_zone",
        "cloud.region",
        "host.id",
        "host.image.id",
        "host.name",
        "host.type",
        "k8s.cluster.name",
    ];
    if !more.iter().any(|it| wanted.is_on(it)) {
        return Ok(found);
    }
    match Imds::open(probe, TRIES, config.max_backoff.std()).await {
        Ok(imds) => {
            let names = wanted.is_on("k8s.cluster.name");
            of_instance((probe, &imds), found, names).await
        }
        Err(why) => {
            tracing::debug!(error = why, "EC2 Metadata service is not accessible");
            of_node(probe, found, config).await
        }
    }
}

/// The service account of the pod is one of EKS, or the version of the server says it.
async fn is_eks(probe: &Probe) -> Result<bool, String> {
    let is =
        |variable: &str, part: &str| probe.variable(variable).is_some_and(|it| it.contains(part));
    if is("AWS_WEB_IDENTITY_TOKEN_FILE", "eks.amazonaws.com")
        || is("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "eks-pod-identity")
    {
        return Ok(true);
    }
    let failed = |why: String| format!("isEks() error retrieving cluster version: {why}");
    let server = client(probe, &kube::ApiConfig::default()).await.map_err(failed)?;
    let version = server.get::<Version>("/version").await;
    let version = version.map_err(|error| failed(error.to_string()))?;
    Ok(version.git_version.contains("-eks-"))
}

async fn of_instance(
    (probe, imds): (&Probe, &Imds<'_>),
    found: Found,
    names: bool,
) -> Result<Found, String> {
    let it = imds.document().await?;
    let mut found = found
        .with("host.id", it.instance_id.clone())
        .with("cloud.availability_zone", it.availability_zone)
        .with("cloud.region", it.region.clone())
        .with("cloud.account.id", it.account_id)
        .with("host.image.id", it.image_id)
        .with("host.type", it.instance_type)
        .with("host.name", imds.hostname().await?);
    if names {
        let wanted = |key: &str| CLUSTER_TAGS.contains(&key);
        let tags = match imds.tags(wanted).await {
            Ok(tags) => tags,
            Err(unsaid) => {
                let place = (&*it.region, &*it.instance_id);
                let tags = ec2_tags::tags(probe, place, wanted).await;
                tags.map_err(|why| format!("failed to get EKS cluster name: {unsaid}; {why}"))?
            }
        };
        found = found.with_some("k8s.cluster.name", tags.into_iter().next().map(|it| it.1));
    }
    Ok(found)
}

/// Without the metadata service: zone and instance, from the node. What else there is only the EC2 API knows.
async fn of_node(probe: &Probe, found: Found, config: &EksConfig) -> Result<Found, String> {
    let name = probe.variable(&config.node_from_env_var).ok_or("node name is not set")?;
    let server: Client = client(probe, &kube::ApiConfig::default()).await?;
    let node = server.object::<Node>(&Query::all(Resource::NODES), &name).await;
    let id = node.map_err(|error| format!("failed to retrieve node {error}"))?.spec.provider_id;
    let (zone, instance) = place(&id)
        .ok_or_else(|| format!("failed to retrieve region or instanceId from providerID: {id}"))?;
    let region = zone.get(..zone.len().saturating_sub(1)).unwrap_or_default().to_owned();
    tracing::warn!(
        "the EC2 metadata service is out of reach: only host.id, cloud.region and cloud.availability_zone are known, from the node"
    );
    Ok(found
        .with("host.id", instance)
        .with("cloud.availability_zone", zone)
        .with("cloud.region", region))
}

/// Zone and instance of `aws:///us-west-2a/i-049ca2df511bec762`.
fn place(id: &str) -> Option<(String, String)> {
    let mut parts = id.split('/').skip(3);
    let (zone, instance) = (parts.next()?, parts.next()?);
    (!zone.is_empty() && !instance.is_empty()).then(|| (zone.to_owned(), instance.to_owned()))
}
