//! Log records about containers: that one has started, that one has ended and why.
//!
//! What happened is told by comparing two lists, so a container that starts and ends between two of them is named by
//! its end only. Times, exit code and reason are the runtime's own.

use std::collections::HashMap;

use component::Data;
use component::clock;
use cri::{Container, ContainerStatus, EXITED, PodSandbox, RUNNING, Runtime};
use pdata::LogsBuilder;

use crate::catalog::key;

/// Severity numbers of the logs data model: INFO, WARN, ERROR.
const INFO: (i32, &str) = (9, "INFO");
const WARN: (i32, &str) = (13, "WARN");
const ERROR: (i32, &str) = (17, "ERROR");

/// States by container id, as of the last list.
#[derive(Default)]
pub(crate) struct LifeCycle {
    /// None before the first list: what has happened before is not news.
    states: Option<HashMap<String, i32>>,
}

impl LifeCycle {
    /// The records about what has happened since the last list.
    pub(crate) async fn since(
        &mut self,
        runtime: &Runtime,
        pods: &[PodSandbox],
        containers: &[Container],
    ) -> Option<Data> {
        let states = containers.iter().map(|it| (it.id.clone(), it.state)).collect();
        let before = self.states.replace(states)?;
        let mut builder = LogsBuilder::new();
        let mut any = false;
        for container in containers {
            let old = before.get(&container.id);
            let is_news = matches!(container.state, RUNNING | EXITED);
            if !is_news || old == Some(&container.state) {
                continue;
            }
            let Some(pod) = pods.iter().find(|it| it.id == container.pod_sandbox_id) else {
                continue;
            };
            // It may be gone by now.
            let Ok(Some(status)) = runtime.status(&container.id).await else { continue };
            any |= record(&mut builder, pod, container, &status).is_some();
        }
        any.then(|| builder.finish().into())
    }
}

fn record(
    builder: &mut LogsBuilder,
    pod: &PodSandbox,
    container: &Container,
    status: &ContainerStatus,
) -> Option<()> {
    let (known, key) = (pod.metadata.as_ref()?, key(pod, container)?);
    builder.resource(|attributes| {
        attributes.put("k8s.namespace.name", known.namespace.as_str());
        attributes.put("k8s.pod.name", known.name.as_str());
        attributes.put("k8s.pod.uid", known.uid.as_str());
        attributes.put("k8s.container.name", key.container.as_str());
        attributes.put("k8s.container.restart_count", key.attempt.to_string().as_str());
        attributes.put("container.id", container.id.as_str());
    });
    builder.scope("cri", "");
    let (event, at, (number, text)) = match status.state {
        EXITED if status.reason == "OOMKilled" => ("ended", status.finished_at, ERROR),
        EXITED if status.exit_code != 0 => ("ended", status.finished_at, WARN),
        EXITED => ("ended", status.finished_at, INFO),
        _ => ("started", status.started_at, INFO),
    };
    let body = sentence(&format!("{}/{}", known.namespace, known.name), &key.container, status);
    builder.record(|record| {
        record.time_unix_nano(u64::try_from(at).unwrap_or_default());
        record.observed_time_unix_nano(clock::unix_nanos());
        record.severity_number(number);
        record.severity_text(text);
        record.event_name(&format!("k8s.container.{event}"));
        record.body(body.as_str());
        if status.state == EXITED {
            record.attribute("process.exit.code", i64::from(status.exit_code));
            record.attribute("k8s.container.status.reason", status.reason.as_str());
        }
    });
    Some(())
}

fn sentence(pod: &str, container: &str, status: &ContainerStatus) -> String {
    let head = format!("container {container} of pod {pod}");
    if status.state != EXITED {
        return format!("{head} started");
    }
    let more =
        if status.message.is_empty() { String::new() } else { format!(": {}", status.message) };
    format!("{head} ended: {}, exit code {}{more}", status.reason, status.exit_code)
}
