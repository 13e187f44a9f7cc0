//! `ec2`, `elastic_beanstalk` and `lambda`.

use regex::Regex;
use serde::Deserialize;

use super::ec2_tags;
use super::imds::Imds;
use crate::config::Ec2Config;
use crate::found::Found;
use crate::patterns::fits;
use crate::probe::{Probe, read};

/// Written by the agent of Elastic Beanstalk where X-Ray is enabled.
const BEANSTALK_FILE: &str = "var/elasticbeanstalk/xray/environment.conf";

pub(crate) async fn ec2(
    probe: &Probe,
    config: &Ec2Config,
    tags: &[Regex],
) -> Result<Found, String> {
    let opened = Imds::open(probe, config.max_attempts, config.max_backoff.std()).await;
    let imds = match opened {
        Ok(imds) => imds,
        Err(why) => return probe.missing(why),
    };
    let it = imds.document().await;
    let it = it.map_err(|why| format!("failed getting identity document: {why}"))?;
    let hostname = imds.hostname().await;
    let hostname = hostname.map_err(|why| format!("failed getting hostname: {why}"))?;
    let mut found = Found::conventional()
        .with("cloud.provider", "aws")
        .with("cloud.platform", "aws_ec2")
        .with("cloud.region", it.region.clone())
        .with("cloud.account.id", it.account_id)
        .with("cloud.availability_zone", it.availability_zone)
        .with("host.id", it.instance_id.clone())
        .with("host.image.id", it.image_id)
        .with("host.type", it.instance_type)
        .with("host.name", hostname);
    if !tags.is_empty() {
        let wanted = |key: &str| fits(tags, key);
        let tags = if config.tags_from_imds {
            imds.tags(wanted).await.map_err(|why| {
                format!("{why}; does the instance allow it (InstanceMetadataTags=enabled)?")
            })
        } else {
            ec2_tags::tags(probe, (&it.region, &it.instance_id), wanted).await.map_err(|why| {
                format!("{why}; without that API: allow the instance to say its tags (InstanceMetadataTags=enabled) and set tags_from_imds")
            })
        };
        let tags = tags.map_err(|why| format!("failed fetching ec2 instance tags: {why}"))?;
        for (key, value) in tags {
            found = found.with(&format!("ec2.tag.{key}"), value);
        }
    }
    Ok(found)
}

/// What the file says.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Beanstalk {
    deployment_id: i64,
    environment_name: String,
    version_label: String,
}

pub(crate) async fn elastic_beanstalk(probe: &Probe) -> Result<Found, String> {
    let Some(text) = probe.read(|machine| machine.text(BEANSTALK_FILE)).await else {
        return probe.missing(format!("there is no /{BEANSTALK_FILE}"));
    };
    let it: Beanstalk = read(BEANSTALK_FILE, &text)?;
    let found = Found::conventional()
        .with("cloud.provider", "aws")
        .with("cloud.platform", "aws_elastic_beanstalk")
        .with("service.instance.id", it.deployment_id.to_string())
        .with("deployment.environment", it.environment_name)
        .with("service.version", it.version_label);
    Ok(found)
}

pub(crate) fn lambda(probe: &Probe) -> Result<Found, String> {
    let Some(name) = probe.set("AWS_LAMBDA_FUNCTION_NAME").filter(|it| !it.is_empty()) else {
        return probe.missing("AWS_LAMBDA_FUNCTION_NAME is not set".into());
    };
    let stream = probe.set("AWS_LAMBDA_LOG_STREAM_NAME");
    let found = Found::conventional()
        .with("cloud.provider", "aws")
        .with("cloud.platform", "aws_lambda")
        .with_some("cloud.region", probe.set("AWS_REGION"))
        .with("faas.name", name)
        .with_some("faas.version", probe.set("AWS_LAMBDA_FUNCTION_VERSION"))
        .with_some("faas.instance", stream.clone())
        .with_some("faas.max_memory", probe.set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
        .with_some("aws.log.group.names", probe.set("AWS_LAMBDA_LOG_GROUP_NAME").map(|it| vec![it]))
        .with_some("aws.log.stream.names", stream.map(|it| vec![it]));
    Ok(found)
}
