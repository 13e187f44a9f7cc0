//! `ecs`: the task metadata endpoint, versions 4 and 3.

use serde::Deserialize;

use crate::found::Found;
use crate::probe::{Probe, good, read};

/// The task.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Task {
    cluster: String,
    #[serde(rename = "TaskARN")]
    task_arn: String,
    family: String,
    revision: String,
    availability_zone: String,
    launch_type: String,
    containers: Vec<Container>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Container {
    docker_id: String,
    #[serde(rename = "ContainerARN")]
    container_arn: String,
    r#type: String,
    known_status: String,
    log_driver: String,
    log_options: LogOptions,
}

#[derive(Default, PartialEq, Deserialize)]
#[serde(default)]
struct LogOptions {
    #[serde(rename = "awslogs-group")]
    group: String,
    #[serde(rename = "awslogs-region")]
    region: String,
    #[serde(rename = "awslogs-stream")]
    stream: String,
}

pub(crate) async fn detect(probe: &Probe) -> Result<Found, String> {
    let variables = ["ECS_CONTAINER_METADATA_URI_V4", "ECS_CONTAINER_METADATA_URI"];
    let Some(endpoint) = variables.iter().find_map(|it| probe.variable(it)) else {
        return probe.missing(format!("neither {} nor {} is set", variables[0], variables[1]));
    };
    let endpoint = endpoint.trim().trim_end_matches('/');
    let task: Task = get(probe, &format!("{endpoint}/task")).await?;
    let own = get::<Container>(probe, endpoint).await;
    let mut found = task.attributes();
    match own {
        Ok(own) => found.attributes.extend(logs(&task, &own).attributes),
        Err(why) if probe.strict => return Err(why),
        Err(why) => tracing::warn!(error = why, "the own container cannot be asked for"),
    }
    Ok(found)
}

async fn get<T: serde::de::DeserializeOwned>(probe: &Probe, url: &str) -> Result<T, String> {
    let tls = configtls::ClientConfig::default();
    let answer = probe.ask(http::Method::GET, url, &[], &tls).await?;
    read(url, &good(url, answer)?)
}

impl Task {
    /// Region and account, from the task's name.
    fn place(&self) -> (&str, &str) {
        let mut parts = self.task_arn.split(':').skip(3);
        match (parts.next(), parts.next()) {
            (Some(region), Some(account)) => (region, account),
            _ => ("", ""),
        }
    }

    fn attributes(&self) -> Found {
        let (region, account) = self.place();
        let some = |text: &str| Some(text.to_owned()).filter(|it| !it.is_empty());
        // It is a short name or a whole one.
        let cluster = if self.cluster.contains(':') {
            self.cluster.clone()
        } else {
            format!("arn:aws:ecs:{region}:{account}:cluster/{}", self.cluster)
        };
        let launch = self.launch_type.to_lowercase();
        let id = self.task_arn.rsplit_once('/').map(|it| it.1.to_owned());
        Found::conventional()
            .with("cloud.provider", "aws")
            .with("cloud.platform", "aws_ecs")
            .with("aws.ecs.task.arn", self.task_arn.clone())
            .with("aws.ecs.task.family", self.family.clone())
            .with("aws.ecs.task.revision", self.revision.clone())
            .with_some("aws.ecs.task.id", id.filter(|it| !it.is_empty()))
            .with_some("cloud.account.id", some(account))
            .with_some("cloud.region", some(region))
            .with("aws.ecs.cluster.arn", cluster)
            .with_some("cloud.availability_zone", some(&self.availability_zone))
            .with_some(
                "aws.ecs.launchtype",
                Some(launch).filter(|it| it == "ec2" || it == "fargate"),
            )
    }
}

/// Where the other containers of the task write their logs: this one is a sidecar.
fn logs(task: &Task, own: &Container) -> Found {
    let account = match task.place().1 {
        "" => own.container_arn.split(':').nth(4).unwrap_or_default(),
        account => account,
    };
    let mut lists: [Vec<String>; 4] = Default::default();
    for it in &task.containers {
        let writes = it.r#type == "NORMAL"
            && it.known_status == "RUNNING"
            && it.log_driver == "awslogs"
            && it.docker_id != own.docker_id
            && it.log_options != LogOptions::default();
        if writes {
            let LogOptions { group, region, stream } = &it.log_options;
            let group_arn = format!("arn:aws:logs:{region}:{account}:log-group:{group}");
            lists[0].push(group.clone());
            lists[1].push(group_arn.clone());
            lists[2].push(stream.clone());
            lists[3].push(format!("{group_arn}:log-stream:{stream}"));
        }
    }
    let names = [
        "aws.log.group.names",
        "aws.log.group.arns",
        "aws.log.stream.names",
        "aws.log.stream.arns",
    ];
    let mut found = Found::default();
    for (name, list) in names.into_iter().zip(lists).filter(|it| !it.1.is_empty()) {
        found = found.with(name, list);
    }
    found
}
