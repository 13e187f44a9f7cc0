//! Logs with the identity of their containers, from a real containerd and nothing else: no API server, no kubelet.

use std::path::Path;

use serde_json::Value;

use super::containerd::Containerd;
use crate::support::{Process, SLUICE, eventually};

const LOGS: usize = 5;

/// What has arrived: the attributes of the resource and the body of each record.
fn arrived(file: &Path) -> Vec<(Value, Value)> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut all = Vec::new();
    for line in text.lines() {
        let Ok(request) = serde_json::from_str::<Value>(line) else { continue };
        for resource in request["resourceLogs"].as_array().into_iter().flatten() {
            let mut flat = serde_json::Map::new();
            for pair in resource["resource"]["attributes"].as_array().into_iter().flatten() {
                let key = pair["key"].as_str().unwrap().to_owned();
                flat.insert(key, pair["value"]["stringValue"].clone());
            }
            let scopes = resource["scopeLogs"].as_array().into_iter().flatten();
            let records = scopes.flat_map(|it| it["logRecords"].as_array().into_iter().flatten());
            all.extend(records.map(|it| (Value::Object(flat.clone()), it.clone())));
        }
    }
    all
}

fn bodies(all: &[(Value, Value)], pod: &str) -> Vec<String> {
    let own = all.iter().filter(|it| it.0["k8s.pod.name"] == pod);
    own.map(|it| it.1["body"]["stringValue"].as_str().unwrap().to_owned()).collect()
}

fn config(socket: &str, folder: &Path) -> String {
    format!(
        "receivers:
  cri:
    endpoint: {socket}
    storage: none
    resync_interval: 1s
    extract: {{labels: [{{key: app, tag_name: app}}], annotations: [{{key_regex: 'te(.*)', tag_name: 'a.$1'}}]}}
    life_cycle: {{enabled: true}}
exporters:
  file: {{path: {}/out.json, flush_interval: 100ms}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{logs: {{receivers: [cri], exporters: [file]}}}}
",
        folder.display()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runtime_alone_gives_each_line_its_identity_and_says_how_containers_end() {
    let folder = tempfile::tempdir().unwrap();
    let Some(containerd) = Containerd::start(folder.path()) else { return };
    let logs = folder.path().join("pods");
    let web = ("shop", "web-7d4b9c6f5-x2x8z", "11111111-1111-1111-1111-111111111111");
    let labels = [("app", "web"), ("pod-template-hash", "7d4b9c6f5")];
    let first = containerd.pod(&logs, web, &labels).await;
    let prints = format!("for i in $(seq {LOGS}); do echo before $i; done; sleep 1000");
    let id = containerd.container(&first, ("app", 0), &prints, 0).await;
    let mut sluice = Process::collector(
        Path::new(SLUICE),
        folder.path(),
        &config(&containerd.socket, folder.path()),
    );
    sluice.ready().await;
    let out = folder.path().join("out.json");
    let all = || arrived(&out);
    assert!(eventually(|| bodies(&all(), web.1).len() >= LOGS).await, "{}", sluice.output());

    // A pod that begins now, whose container fails, is started again, and is killed for its memory.
    let job = ("shop", "sum-29402910-kk2b9", "22222222-2222-2222-2222-222222222222");
    let second = containerd.pod(&logs, job, &[("job-name", "sum-29402910")]).await;
    containerd.container(&second, ("main", 0), "echo first; exit 3", 0).await;
    containerd.container(&second, ("main", 1), "echo second; exec tail /dev/zero", 16 << 20).await;
    let is_end = |it: &(Value, Value)| {
        it.0["k8s.pod.name"] == job.1 && it.1["eventName"] == "k8s.container.ended"
    };
    let ends = || all().into_iter().filter(|it| is_end(it)).collect::<Vec<_>>();
    assert!(eventually(|| ends().len() == 2).await, "{:?} {}", ends(), sluice.output());
    containerd.remove(&second).await;
    assert!(sluice.terminate().await.success(), "{}", sluice.output());

    let seen = all();
    let mut lines = bodies(&seen, web.1);
    lines.sort();
    let wanted: Vec<String> = (1..=LOGS).map(|it| format!("before {it}")).collect();
    assert_eq!(lines, wanted);
    let resource = &seen.iter().find(|it| it.0["k8s.pod.name"] == web.1).unwrap().0;
    for (key, value) in [
        ("k8s.namespace.name", "shop"),
        ("k8s.pod.uid", web.2),
        ("k8s.container.name", "app"),
        ("k8s.container.restart_count", "0"),
        ("k8s.deployment.name", "web"),
        ("k8s.replicaset.name", "web-7d4b9c6f5"),
        ("container.id", id.as_str()),
        ("container.image.name", "local.test/busybox"),
        ("container.image.tag", "1"),
        ("app", "web"),
        ("a.am", "shop"),
    ] {
        assert_eq!(resource[key], value, "{key}: {resource}");
    }
    for (text, attempt) in [("first", "0"), ("second", "1")] {
        let line = seen.iter().find(|it| it.1["body"]["stringValue"] == text).unwrap();
        assert_eq!(line.0["k8s.container.restart_count"], attempt);
        assert_eq!(line.0["k8s.cronjob.name"], "sum");
        assert!(line.0["container.id"].is_string(), "{}", line.0);
    }
    let reasons: Vec<String> =
        ends().iter().map(|it| it.1["body"]["stringValue"].as_str().unwrap().to_owned()).collect();
    assert!(reasons.iter().any(|it| it.ends_with("ended: Error, exit code 3")), "{reasons:?}");
    assert!(reasons.iter().any(|it| it.contains("OOMKilled")), "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_is_not_there_is_named_with_what_helps_and_lines_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let pod = folder.path().join("pods/shop_cart-0_49cc7c1fd3702c40b2686ea7486091d3/app");
    std::fs::create_dir_all(&pod).unwrap();
    std::fs::write(pod.join("0.log"), "2026-11-23T06:18:46.5Z stdout F one\n").unwrap();
    let yaml = config("unix:///nowhere/containerd.sock", folder.path()).replace(
        "resync_interval: 1s",
        &format!("log_directory: {}/pods", folder.path().display()),
    );
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    sluice.ready().await;
    let out = folder.path().join("out.json");
    assert!(
        eventually(|| bodies(&arrived(&out), "cart-0") == ["one"]).await,
        "{}",
        sluice.output()
    );
    let says = "no runtime listens there: set receivers::cri::endpoint";
    assert!(eventually(|| sluice.output().contains(says)).await, "{}", sluice.output());
    assert!(sluice.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file_log_has_pods_from_the_runtime_and_new_ones_are_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let Some(containerd) = Containerd::start(folder.path()) else { return };
    let logs = folder.path().join("pods");
    let yaml = format!(
        "receivers:
  file_log:
    include: [{logs}/*/*/*.log]
    start_at: beginning
    storage: none
    include_file_path: true
    operators: [{{type: container}}]
    k8s_metadata:
      providers: [path, cri]
      metadata_timeout: 10s
      cri: {{endpoint: {socket}, interval: 60s}}
      extract:
        metadata: [k8s.deployment.name, container.id, container.image.name, service.name]
        labels: [{{key: app, tag_name: app}}]
exporters:
  file: {{path: {folder}/out.json, flush_interval: 100ms}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{logs: {{receivers: [file_log], exporters: [file]}}}}
",
        logs = logs.display(),
        socket = containerd.socket,
        folder = folder.path().display()
    );
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    sluice.ready().await;
    // It begins long after the runtime was asked for all that it has.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let web = ("shop", "web-7d4b9c6f5-x2x8z", "33333333-3333-3333-3333-333333333333");
    let labels = [("app", "web"), ("pod-template-hash", "7d4b9c6f5")];
    let sandbox = containerd.pod(&logs, web, &labels).await;
    let id = containerd.container(&sandbox, ("app", 0), "echo one; echo two; sleep 1000", 0).await;
    let out = folder.path().join("out.json");
    let all = || arrived(&out);
    assert!(eventually(|| bodies(&all(), web.1).len() == 2).await, "{}", sluice.output());
    for (resource, _) in all() {
        for (key, value) in [
            ("k8s.pod.uid", web.2),
            ("k8s.container.name", "app"),
            ("k8s.deployment.name", "web"),
            ("service.name", "web"),
            ("container.id", id.as_str()),
            ("container.image.name", "local.test/busybox"),
            ("app", "web"),
        ] {
            assert_eq!(resource[key], value, "{key}: {resource}");
        }
    }
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_bring_the_next_list_forward_where_listening_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let Some(containerd) = Containerd::start(folder.path()) else { return };
    let yaml = config(&containerd.socket, folder.path())
        .replace("resync_interval: 1s", "resync_interval: 1h\n    container_events: true");
    let mut sluice = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    sluice.ready().await;
    if containerd.major() < 2 {
        sluice.says("container_events has no effect").await;
    } else {
        // It listens before anything happens.
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let logs = folder.path().join("pods");
        let job = ("shop", "sum-29402910-kk2b9", "44444444-4444-4444-4444-444444444444");
        let sandbox = containerd.pod(&logs, job, &[("job-name", "sum-29402910")]).await;
        containerd.container(&sandbox, ("main", 0), "sleep 2; exit 3", 0).await;
        let out = folder.path().join("out.json");
        let told = |event: &str| {
            arrived(&out)
                .iter()
                .any(|it| it.0["k8s.pod.name"] == job.1 && it.1["eventName"] == event)
        };
        assert!(eventually(|| told("k8s.container.started")).await, "{}", sluice.output());
        assert!(eventually(|| told("k8s.container.ended")).await, "{}", sluice.output());
    }
    assert!(sluice.terminate().await.success(), "{}", sluice.output());
}
