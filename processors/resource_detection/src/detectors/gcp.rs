//! `gcp`: which of Google's platforms this is, and what its metadata server and environment say.

use std::collections::BTreeMap;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use regex::Regex;
use serde::Deserialize;

use crate::found::Found;
use crate::patterns::fits;
use crate::probe::{LINK_LOCAL, Probe, good, read};

/// What every request and every answer carry.
const FLAVOR: (&str, &str) = ("metadata-flavor", "Google");

/// The Compute API.
const COMPUTE: &str = "https://compute.googleapis.com";

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

/// An instance as the Compute API tells it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Instance {
    labels: BTreeMap<String, String>,
}

/// The metadata server.
struct Server<'a> {
    probe: &'a Probe,
    service: String,
}

pub(crate) async fn detect(probe: &Probe, labels: &[Regex]) -> Result<Found, String> {
    let bare = ["BMS_PROJECT_ID", "BMS_REGION", "BMS_INSTANCE_ID"].map(|it| probe.variable(it));
    if let [Some(project), Some(region), Some(instance)] = bare {
        return Ok(Found::conventional()
            .with("cloud.provider", "gcp")
            .with("cloud.account.id", project)
            .with("cloud.platform", "gcp_bare_metal_solution")
            .with("host.name", instance)
            .with("cloud.region", region));
    }
    let host = probe.variable("GCE_METADATA_HOST");
    let service = host.map_or_else(|| LINK_LOCAL.to_owned(), |it| format!("http://{it}"));
    let server = Server { probe, service };
    if let Err(why) = server.is_there().await {
        return probe.missing(format!("GCP metadata unavailable: {why}"));
    }
    let project = server.get("project/project-id").await?;
    let found = Found::conventional()
        .with("cloud.provider", "gcp")
        .with("cloud.account.id", project.clone());
    let is_set = |name: &str| probe.variable(name).is_some();
    if is_set("KUBERNETES_SERVICE_HOST")
        && let Ok(location) = server.get("instance/attributes/cluster-location").await
    {
        return server.cluster(found, &location).await;
    }
    if is_set("FUNCTION_TARGET") {
        return server.service(found, "gcp_cloud_functions").await;
    }
    if is_set("CLOUD_RUN_WORKER_POOL") || is_set("K_CONFIGURATION") {
        return server.service(found, "gcp_cloud_run").await;
    }
    if is_set("CLOUD_RUN_JOB") {
        let found = server.service(found, "gcp_cloud_run").await?;
        return Ok(found
            .with_some("gcp.cloud_run.job.execution", probe.variable("CLOUD_RUN_EXECUTION"))
            .with_some("gcp.cloud_run.job.task_index", probe.variable("CLOUD_RUN_TASK_INDEX")));
    }
    if is_set("GAE_SERVICE") {
        return server.app(found).await;
    }
    server.instance(found, &project, labels).await
}

impl Server<'_> {
    async fn is_there(&self) -> Result<(), String> {
        let path = (self.service.as_str(), "/computeMetadata/v1/instance/id");
        let answer = self.probe.send(Method::GET, path, &[FLAVOR]).await?;
        let flavor = answer.headers().get(FLAVOR.0).and_then(|it| it.to_str().ok());
        if flavor == Some(FLAVOR.1) { Ok(()) } else { Err("another service answers".into()) }
    }

    async fn get(&self, path: &str) -> Result<String, String> {
        let path = format!("/computeMetadata/v1/{path}");
        let text = self.probe.text((&self.service, &path), &[FLAVOR]).await?;
        Ok(text.trim().to_owned())
    }

    /// The last part of `projects/123/zones/us-central1-c`.
    async fn last(&self, path: &str) -> Result<String, String> {
        let text = self.get(path).await?;
        Ok(text.rsplit('/').next().unwrap_or_default().to_owned())
    }

    /// GKE.
    async fn cluster(&self, found: Found, location: &str) -> Result<Found, String> {
        let found = found.with("cloud.platform", "gcp_kubernetes_engine");
        let found = match location.matches('-').count() {
            1 => found.with("cloud.region", location),
            2 => {
                let region = location.rsplit_once('-').map_or(location, |it| it.0);
                found.with("cloud.availability_zone", location).with("cloud.region", region)
            }
            _ => return Err(format!("unrecognized format for cluster-location: {location}")),
        };
        let found = found
            .with("k8s.cluster.name", self.get("instance/attributes/cluster-name").await?)
            .with("host.id", self.get("instance/id").await?);
        // With workload identity it is not told.
        Ok(found.with_some("host.name", self.get("instance/name").await.ok()))
    }

    /// Cloud Run and Cloud Functions.
    async fn service(&self, found: Found, platform: &str) -> Result<Found, String> {
        let variable = |names: [&str; 3]| names.iter().find_map(|it| self.probe.variable(it));
        let name = variable(["K_SERVICE", "CLOUD_RUN_JOB", "CLOUD_RUN_WORKER_POOL"]);
        let version = variable(["K_REVISION", "CLOUD_RUN_WORKER_POOL_REVISION", "K_REVISION"]);
        Ok(found
            .with("cloud.platform", platform)
            .with_some("faas.name", name)
            .with_some("faas.version", version)
            .with("faas.instance", self.get("instance/id").await?)
            .with("cloud.region", self.last("instance/region").await?))
    }

    /// App Engine; its standard environment has a region of its own.
    async fn app(&self, found: Found) -> Result<Found, String> {
        let zone = self.last("instance/zone").await?;
        let region = match self.probe.variable("GAE_ENV").as_deref() {
            Some("standard") => self.last("instance/region").await?,
            _ => region(&zone)?,
        };
        let variable = |name: &str| self.probe.variable(name);
        Ok(found
            .with("cloud.platform", "gcp_app_engine")
            .with_some("faas.name", variable("GAE_SERVICE"))
            .with_some("faas.version", variable("GAE_VERSION"))
            .with_some("faas.instance", variable("GAE_INSTANCE"))
            .with("cloud.availability_zone", zone)
            .with("cloud.region", region))
    }

    /// Compute Engine.
    async fn instance(
        &self,
        found: Found,
        project: &str,
        labels: &[Regex],
    ) -> Result<Found, String> {
        let zone = self.last("instance/zone").await?;
        let region = region(&zone)?;
        let name = self.get("instance/name").await?;
        let mut found = found
            .with("cloud.platform", "gcp_compute_engine")
            .with("cloud.availability_zone", zone.clone())
            .with("cloud.region", region)
            .with("host.type", self.get("instance/machine-type").await?)
            .with("host.id", self.get("instance/id").await?)
            .with("host.name", name.clone())
            .with("gcp.gce.instance.name", name.clone())
            .with("gcp.gce.instance.hostname", self.get("instance/hostname").await?);
        if let Ok(creator) = self.get("instance/attributes/created-by").await {
            found = group(&creator, found);
        }
        if !labels.is_empty() {
            let all = self.labels(project, &zone, &name).await.unwrap_or_else(|error| {
                tracing::warn!(error, "the labels of the instance are not known");
                BTreeMap::new()
            });
            for (key, value) in all.into_iter().filter(|it| fits(labels, &it.0)) {
                found = found.with(&format!("gcp.gce.instance.labels.{key}"), value);
            }
        }
        Ok(found)
    }

    /// What only the Compute API knows, asked with the token of the instance's service account.
    async fn labels(
        &self,
        project: &str,
        zone: &str,
        name: &str,
    ) -> Result<BTreeMap<String, String>, String> {
        let path = "instance/service-accounts/default/token";
        let token: Token = read(path, &self.get(path).await?)?;
        let bearer = HeaderValue::try_from(format!("Bearer {}", token.access_token));
        let mut bearer = bearer.map_err(|_| format!("the answer to {path} is no token"))?;
        bearer.set_sensitive(true);
        let path = format!("/compute/v1/projects/{project}/zones/{zone}/instances/{name}");
        let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
        let url = self.probe.url(COMPUTE, &path);
        let answer = self.probe.far(Method::GET, &url, (&headers, "")).await?;
        let is_forbidden = answer.status() == StatusCode::FORBIDDEN;
        let instance = good(&path, answer).map_err(|why| {
            let remedy = "; the service account of the instance needs compute.instances.get";
            if is_forbidden { why + remedy } else { why }
        })?;
        Ok(read::<Instance>(&path, &instance)?.labels)
    }
}

/// The region of a zone.
fn region(zone: &str) -> Result<String, String> {
    match zone.splitn(3, '-').collect::<Vec<_>>().as_slice() {
        [country, region, _] => Ok(format!("{country}-{region}")),
        _ => Err(format!("zone was not in the expected format: country-region-zone.  Got {zone}")),
    }
}

/// The managed instance group of `projects/1/zones/us-central1-f/instanceGroupManagers/name`.
fn group(creator: &str, found: Found) -> Found {
    let parts: Vec<&str> = creator.trim_start_matches('/').split('/').collect();
    let ["projects", _, kind, location, "instanceGroupManagers", name] = parts.as_slice() else {
        return found;
    };
    let place = match *kind {
        "zones" => "gcp.gce.instance_group_manager.zone",
        "regions" => "gcp.gce.instance_group_manager.region",
        _ => return found,
    };
    found.with("gcp.gce.instance_group_manager.name", *name).with(place, *location)
}
