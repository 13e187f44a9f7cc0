//! Clouds whose metadata service is one document, or a few texts.

use regex::Regex;
use serde_json::Value as Json;

use crate::found::Found;
use crate::patterns::fits;
use crate::probe::{LINK_LOCAL, Probe, good};

/// Of `dynatrace`: who writes it is Dynatrace's agent.
const DYNATRACE_FILE: &str = "var/lib/dynatrace/enrichment/dt_host_metadata.properties";
const DYNATRACE_KEYS: [&str; 3] = ["dt.entity.host", "host.name", "dt.smartscape.host"];
/// How long the tokens of Akamai and Alibaba are good for, in seconds.
const AKAMAI_SECONDS: &str = "3600";
const ALIBABA_SECONDS: &str = "21600";
const ALIBABA: &str = "http://100.100.100.200";
const TENCENT: &str = "http://metadata.tencentyun.com";
const SCALEWAY: &str = "http://169.254.42.42";

/// The text behind `pointer`; a number as it is written.
fn text(document: &Json, pointer: &str) -> String {
    match document.pointer(pointer) {
        Some(Json::String(it)) => it.clone(),
        Some(Json::Number(it)) => it.to_string(),
        _ => String::new(),
    }
}

/// Attributes from places in a document.
fn from(document: &Json, places: &[(&str, &str)]) -> Found {
    let one =
        |found: Found, (name, pointer): &(&str, &str)| found.with(name, text(document, pointer));
    places.iter().fold(Found::conventional(), one)
}

pub(crate) async fn dynatrace(probe: &Probe) -> Result<Found, String> {
    let Some(text) = probe.read(|machine| machine.text(DYNATRACE_FILE)).await else {
        return Ok(Found::default());
    };
    let mut found = Found::default();
    for (key, value) in text.lines().filter_map(|it| it.split_once('=')) {
        if DYNATRACE_KEYS.contains(&key) && !value.is_empty() {
            found = found.with(key, value.trim());
        }
    }
    Ok(found)
}

pub(crate) async fn akamai(probe: &Probe) -> Result<Found, String> {
    let ask = async {
        let lasts = [("metadata-token-expiry-seconds", AKAMAI_SECONDS)];
        let answer = probe.send(http::Method::PUT, (LINK_LOCAL, "/v1/token"), &lasts).await?;
        let token = good("/v1/token", answer)?;
        let headers = [("metadata-token", token.trim()), ("accept", "application/json")];
        probe.json::<Json>((LINK_LOCAL, "/v1/instance"), &headers).await
    };
    let document = match ask.await {
        Ok(it) => it,
        Err(why) => return probe.missing(format!("akamai metadata unavailable: {why}")),
    };
    let found = from(
        &document,
        &[
            ("cloud.account.id", "/account_euuid"),
            ("cloud.region", "/region"),
            ("host.id", "/id"),
            ("host.image.id", "/image/id"),
            ("host.image.name", "/image/label"),
            ("host.name", "/label"),
            ("host.type", "/type"),
        ],
    );
    Ok(found.with("cloud.provider", "akamai_cloud").with("cloud.platform", "akamai_cloud.compute"))
}

pub(crate) async fn alibaba(probe: &Probe) -> Result<Found, String> {
    let ask = async {
        let lasts = [("x-aliyun-ecs-metadata-token-ttl-seconds", ALIBABA_SECONDS)];
        let answer = probe.send(http::Method::PUT, (ALIBABA, "/latest/api/token"), &lasts).await?;
        let token = good("/latest/api/token", answer)?;
        let headers = [("x-aliyun-ecs-metadata-token", token.trim())];
        texts(
            probe,
            ALIBABA,
            &headers,
            &[
                ("host.name", "hostname"),
                ("host.image.id", "image-id"),
                ("host.id", "instance-id"),
                ("host.type", "instance/instance-type"),
                ("cloud.account.id", "owner-account-id"),
                ("cloud.region", "region-id"),
                ("cloud.availability_zone", "zone-id"),
            ],
        )
        .await
    };
    match ask.await {
        Ok(found) => Ok(found
            .with("cloud.provider", "alibaba_cloud")
            .with("cloud.platform", "alibaba_cloud_ecs")),
        Err(why) => probe.missing(why),
    }
}

pub(crate) async fn tencent(probe: &Probe) -> Result<Found, String> {
    let places = [
        ("host.name", "instance-name"),
        ("host.image.id", "instance/image-id"),
        ("host.id", "instance-id"),
        ("host.type", "instance/instance-type"),
        ("cloud.account.id", "app-id"),
        ("cloud.region", "placement/region"),
        ("cloud.availability_zone", "placement/zone"),
    ];
    match texts(probe, TENCENT, &[], &places).await {
        Ok(found) => Ok(found
            .with("cloud.provider", "tencent_cloud")
            .with("cloud.platform", "tencent_cloud_cvm")),
        Err(why) => probe.missing(why),
    }
}

/// Attributes from paths below `/latest/meta-data/`.
async fn texts(
    probe: &Probe,
    service: &str,
    headers: &[(&'static str, &str)],
    places: &[(&str, &str)],
) -> Result<Found, String> {
    let mut found = Found::conventional();
    for (name, path) in places {
        let path = format!("/latest/meta-data/{path}");
        found = found.with(name, probe.text((service, &path), headers).await?);
    }
    Ok(found)
}

pub(crate) async fn digitalocean(probe: &Probe) -> Result<Found, String> {
    let document = match probe.json::<Json>((LINK_LOCAL, "/metadata/v1.json"), &[]).await {
        Ok(it) => it,
        Err(why) => return probe.missing(format!("digitalocean metadata unavailable: {why}")),
    };
    let places =
        [("host.id", "/droplet_id"), ("host.name", "/hostname"), ("cloud.region", "/region")];
    Ok(from(&document, &places).with("cloud.provider", "digitalocean"))
}

pub(crate) async fn upcloud(probe: &Probe) -> Result<Found, String> {
    let document = match probe.json::<Json>((LINK_LOCAL, "/metadata/v1.json"), &[]).await {
        Ok(it) => it,
        Err(why) => return probe.missing(format!("query Upcloud metadata: {why}")),
    };
    Ok(from(
        &document,
        &[
            ("cloud.provider", "/cloud_name"),
            ("cloud.region", "/region"),
            ("host.id", "/instance_id"),
            ("host.name", "/hostname"),
        ],
    ))
}

pub(crate) async fn vultr(probe: &Probe) -> Result<Found, String> {
    let document = match probe.json::<Json>((LINK_LOCAL, "/v1.json"), &[]).await {
        Ok(it) => it,
        Err(why) => return probe.missing(format!("vultr metadata unavailable: {why}")),
    };
    let region = text(&document, "/region/regioncode").to_lowercase();
    let places = [("host.id", "/instance-v2-id"), ("host.name", "/hostname")];
    Ok(from(&document, &places)
        .with("cloud.provider", "vultr")
        .with("cloud.platform", "vultr.cloud_compute")
        .with("cloud.region", region))
}

pub(crate) async fn hetzner(probe: &Probe) -> Result<Found, String> {
    let get = async |path: &str| {
        let path = format!("/hetzner/v1/metadata/{path}");
        probe.text((LINK_LOCAL, &path), &[]).await
    };
    let id = match get("instance-id").await {
        Ok(it) => it,
        Err(why) => return probe.missing(format!("hetzner metadata unavailable: {why}")),
    };
    let mut found = Found::conventional()
        .with("cloud.provider", "hetzner")
        .with("cloud.platform", "hetzner.cloud_server")
        .with("host.id", id);
    for (name, path) in [
        ("host.name", "hostname"),
        ("cloud.region", "region"),
        ("cloud.availability_zone", "availability-zone"),
    ] {
        match get(path).await {
            Ok(value) => found = found.with(name, value),
            Err(why) if probe.strict => return Err(why),
            Err(why) => tracing::debug!(error = why, "some metadata could not be retrieved"),
        }
    }
    Ok(found)
}

pub(crate) async fn nova(probe: &Probe, labels: &[Regex]) -> Result<Found, String> {
    let path = (LINK_LOCAL, "/openstack/latest/meta_data.json");
    let document = match probe.json::<Json>(path, &[]).await {
        Ok(it) if !text(&it, "/uuid").is_empty() => it,
        Ok(_) => return probe.missing("instance ID (uuid) not found in metadata".into()),
        Err(why) => return probe.missing(format!("failed to query nova metadata service: {why}")),
    };
    if text(&document, "/hostname").is_empty() {
        return Err("failed getting hostname: hostname not found in metadata".into());
    }
    let kind = probe.text((LINK_LOCAL, "/latest/meta-data/instance-type"), &[]).await;
    let mut found = from(
        &document,
        &[
            ("cloud.account.id", "/project_id"),
            ("cloud.availability_zone", "/availability_zone"),
            ("host.id", "/uuid"),
            ("host.name", "/hostname"),
        ],
    )
    .with("cloud.provider", "openstack")
    .with("cloud.platform", "openstack_nova")
    .with_some("host.type", kind.ok().filter(|it| !it.is_empty()));
    let meta = document.get("meta").and_then(Json::as_object);
    for (key, value) in meta.into_iter().flatten().filter(|it| fits(labels, it.0)) {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        found = found.with(&format!("openstack.nova.meta.{key}"), value);
    }
    Ok(found)
}

pub(crate) async fn oracle(probe: &Probe) -> Result<Found, String> {
    let login = [("authorization", "Bearer Oracle")];
    let document = match probe.json::<Json>((LINK_LOCAL, "/opc/v2/instance/"), &login).await {
        Ok(it) => it,
        Err(why) => return probe.missing(format!("oracle cloud metadata unavailable: {why}")),
    };
    let found = from(
        &document,
        &[
            ("cloud.region", "/canonicalRegionName"),
            ("cloud.resource_id", "/id"),
            ("cloud.availability_zone", "/availabilityDomain"),
            ("host.id", "/id"),
            ("host.name", "/displayName"),
            ("host.type", "/shape"),
            ("k8s.cluster.name", "/metadata/oke-cluster-display-name"),
        ],
    );
    Ok(found.with("cloud.provider", "oracle_cloud").with("cloud.platform", "oracle_cloud_oke"))
}

pub(crate) async fn scaleway(probe: &Probe) -> Result<Found, String> {
    let document = match probe.json::<Json>((SCALEWAY, "/conf?format=json"), &[]).await {
        Ok(it) => it,
        Err(why) => return probe.missing(format!("scaleway metadata unavailable: {why}")),
    };
    let found = from(
        &document,
        &[
            ("cloud.account.id", "/organization"),
            ("cloud.availability_zone", "/location/zone_id"),
            ("host.id", "/id"),
            ("host.image.id", "/image/id"),
            ("host.image.name", "/image/name"),
            ("host.name", "/name"),
            ("host.type", "/commercial_type"),
        ],
    );
    let zone = text(&document, "/location/zone_id");
    let region = zone.rsplit_once('-').map(|it| it.0.to_owned()).filter(|it| !it.is_empty());
    Ok(found
        .with("cloud.provider", "scaleway_cloud")
        .with("cloud.platform", "scaleway_cloud_compute")
        .with_some("cloud.region", region))
}
