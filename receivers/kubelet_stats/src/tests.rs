//! The receiver against a kubelet with a few pages.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use component::{Component as _, Data, Receiver as _};
use componenttest::{Sink, TestHost, captured, config, section, settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::{Config, KubeletStats};

componenttest::conformance!(
    receiver KubeletStats,
    "{auth_type: none, endpoint: '127.0.0.1:1', initial_delay: 1h, collection_interval: 1h}"
);

type Pages = Arc<Mutex<BTreeMap<&'static str, (u16, String)>>>;

/// A kubelet with these pages; a page with the status 0 never ends.
async fn kubelet(pages: &[(&'static str, u16, String)]) -> String {
    let pages: BTreeMap<_, _> =
        pages.iter().map(|(path, status, body)| (*path, (*status, body.clone()))).collect();
    let pages: Pages = Arc::new(Mutex::new(pages));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    componenttest::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            componenttest::spawn(answer(socket, Arc::clone(&pages)));
        }
    });
    address
}

async fn answer(mut socket: TcpStream, pages: Pages) {
    let mut request = [0; 4096];
    let length = socket.read(&mut request).await.unwrap_or(0);
    let request = String::from_utf8_lossy(&request[..length]).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let page = pages.lock().unwrap().get(path).cloned();
    let (status, body) = page.unwrap_or((404, "404 page not found".into()));
    if status == 0 {
        return std::future::pending().await;
    }
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let _ = socket.write_all(text.as_bytes()).await;
}

fn summary() -> String {
    let volume = json!({"name": "data", "availableBytes": 10, "capacityBytes": 20, "usedBytes": 5, "inodes": 3});
    json!({
        "node": {"nodeName": "n1", "startTime": "2026-02-28T00:00:00Z",
            "cpu": {"usageNanoCores": 500_000_000, "psi": {"some": {"total": 2_000_000_000_u64, "avg10": 1.5}, "full": {}}},
            "fs": {"usedBytes": 7, "inodes": 9, "inodesFree": 4},
            "systemContainers": [{"name": "kubelet", "memory": {"usageBytes": 80}}]},
        "pods": [{"podRef": {"name": "cart", "namespace": "shop", "uid": "u"}, "startTime": null,
            "cpu": {"usageNanoCores": 250_000_000}, "volume": [volume],
            "containers": [{"name": "a", "startTime": "2026-03-01T09:59:30Z", "logs": {"usedBytes": 3}, "rootfs": {"usedBytes": 4},
                "memory": {"workingSetBytes": 18_446_744_073_709_551_615_u64}}]}],
    })
    .to_string()
}

/// What one scrape with this section sends.
async fn scraped(section: &str, pages: &[(&'static str, u16, String)]) -> Option<Value> {
    let endpoint = kubelet(pages).await;
    let section =
        format!("{{auth_type: none, endpoint: '{endpoint}', initial_delay: 0s, {section}}}");
    let (sink, host) = (Sink::new(), TestHost::new());
    let receiver = KubeletStats::create(
        settings("kubelet_stats"),
        config(&section),
        sink.outputs(&["metrics"]),
    );
    Arc::new(receiver.unwrap()).start(&host).await.unwrap();
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if sink.calls() > 0 {
            break;
        }
    }
    host.stop().await;
    let data = sink.received().into_iter().next()?;
    let mut text = Vec::new();
    Data::to_json(&data, &mut text);
    serde_json::from_slice(&text).ok()
}

/// Metrics as `name{attributes of points}=value`.
fn lines(data: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for resource in data["resourceMetrics"].as_array().unwrap() {
        for metric in resource["scopeMetrics"][0]["metrics"].as_array().unwrap() {
            let points = metric.get("gauge").or(metric.get("sum")).unwrap();
            for point in points["dataPoints"].as_array().unwrap() {
                let value = point.get("asInt").or(point.get("asDouble")).unwrap();
                let attributes = point["attributes"].as_array().cloned().unwrap_or_default();
                let attributes: Vec<&str> = attributes
                    .iter()
                    .map(|it| it["value"]["stringValue"].as_str().unwrap())
                    .collect();
                let name = metric["name"].as_str().unwrap();
                all.push(format!(
                    "{name}{{{}}}={}",
                    attributes.join(","),
                    value.to_string().replace('"', "")
                ));
            }
        }
    }
    all
}

fn page(body: String) -> Vec<(&'static str, u16, String)> {
    vec![("/stats/summary", 200, body)]
}

#[tokio::test]
async fn what_the_kubelet_does_not_say_is_not_sent() {
    let data = scraped("", &page(summary())).await.unwrap();
    let want = [
        "k8s.node.cpu.usage{}=0.5",
        "k8s.node.filesystem.usage{}=7",
        "k8s.pod.cpu.usage{}=0.25",
        "container.filesystem.usage{}=4",
        // As Go converts it.
        "container.memory.working_set{}=-1",
    ];
    assert_eq!(lines(&data), want);
}

#[tokio::test]
async fn optional_metrics_are_sent_when_the_section_asks() {
    let metrics = [
        "k8s.node.cpu.pressure.avg",
        "k8s.node.cpu.pressure.time",
        "k8s.node.filesystem.inode.count",
        "k8s.node.system_container.memory.usage",
        "k8s.container.ephemeral_storage.usage",
        "k8s.pod.volume.usage",
        "k8s.pod.cpu.utilization",
    ];
    let metrics: Vec<String> =
        metrics.iter().map(|it| format!("{it}: {{enabled: true}}")).collect();
    let section = format!(
        "metric_groups: [node, pod, container, volume], metrics: {{{}}}",
        metrics.join(", ")
    );
    let data = scraped(&section, &page(summary())).await.unwrap();
    let found = lines(&data);
    for want in [
        "k8s.node.cpu.pressure.avg{some,10s}=1.5",
        "k8s.node.cpu.pressure.time{some}=2",
        "k8s.node.filesystem.inode.count{}=9",
        "k8s.node.system_container.memory.usage{}=80",
        "k8s.container.ephemeral_storage.usage{logs}=3",
        "k8s.pod.volume.usage{}=5",
        "k8s.volume.available{}=10",
        "k8s.pod.cpu.utilization{}=0.25",
    ] {
        assert!(found.iter().any(|it| it == want), "{want}: {found:?}");
    }
}

#[tokio::test]
async fn a_container_whose_id_is_not_known_yet_is_left_out() {
    let pods = json!({"items": [{"metadata": {"uid": "u"}, "spec": {"volumes": [{"name": "data", "emptyDir": {}}]}}]});
    let mut pages = page(summary());
    pages.push(("/pods", 200, pods.to_string()));
    let section = "metric_groups: [container, volume], extra_metadata_labels: [container.id, k8s.volume.type]";
    let data = scraped(section, &pages).await.unwrap();
    let text = data.to_string();
    assert!(text.contains("emptyDir") && !text.contains("container.memory"), "{text}");
}

#[tokio::test]
async fn resource_attributes_can_be_left_out() {
    let section = "metric_groups: [node], resource_attributes: {k8s.node.name: {enabled: false}}";
    let data = scraped(section, &page(summary())).await.unwrap();
    assert!(data["resourceMetrics"][0]["resource"].get("attributes").is_none(), "{data}");
}

/// What the log says of a scrape that fails.
fn failure(section: &str, pages: Vec<(&'static str, u16, String)>) -> String {
    let ((), log) = captured(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            assert_eq!(scraped(section, &pages).await, None);
        });
    });
    let line = log.iter().find(|it| it.message == "Error scraping metrics");
    line.and_then(|it| it.field("error")).unwrap_or_default().to_owned()
}

#[test]
fn a_failed_scrape_says_what_to_do() {
    let forbidden =
        "Forbidden (user=system:serviceaccount:a:b, verb=get, resource=nodes, subresource=[stats])";
    let text = failure("", vec![("/stats/summary", 403, forbidden.into())]);
    assert!(
        text.contains(
            "call to /stats/summary endpoint failed: kubelet request GET http://127.0.0.1:"
        ),
        "{text}"
    );
    assert!(
        text.contains(forbidden) && text.contains("resources: [\"nodes/stats\"], verbs: [get]"),
        "{text}"
    );
    let text = failure("", vec![("/stats/summary", 401, "Unauthorized".into())]);
    assert!(text.contains("does not know the credentials"), "{text}");
    let text = failure("", page(summary()[..200].to_owned()));
    assert!(text.contains("EOF while parsing"), "{text}");
    let text = failure("timeout: 50ms", vec![("/stats/summary", 0, String::new())]);
    assert!(text.contains("context deadline exceeded"), "{text}");
    let mut pages = page(summary());
    pages.push(("/pods", 403, "no".into()));
    let text = failure("extra_metadata_labels: [container.id]", pages);
    assert!(text.contains("/pods") && text.contains("resources: [\"nodes/proxy\"]"), "{text}");
}

#[test]
fn an_absent_kubelet_is_said_with_its_address() {
    let ((), log) = captured(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let section = "{auth_type: none, endpoint: '127.0.0.1:1', initial_delay: 0s}";
            let (sink, host) = (Sink::new(), TestHost::new());
            let receiver = KubeletStats::create(
                settings("kubelet_stats"),
                config(section),
                sink.outputs(&["metrics"]),
            );
            Arc::new(receiver.unwrap()).start(&host).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
            host.stop().await;
        });
    });
    let line = log.iter().find(|it| it.message == "Error scraping metrics").unwrap();
    let text = line.field("error").unwrap();
    assert!(
        text.contains("http://127.0.0.1:1/stats/summary") && text.contains("refused"),
        "{text}"
    );
}

#[tokio::test]
async fn what_a_volume_is_made_of_is_on_its_resource() {
    let disk = json!({"volumeID": "vol-1", "fsType": "ext4", "partition": 2});
    let pods = json!({"items": [{"metadata": {"uid": "u"}, "spec": {"volumes": [{"name": "data", "awsElasticBlockStore": disk}]}}]});
    let mut pages = page(summary());
    pages.push(("/pods", 200, pods.to_string()));
    let section = "metric_groups: [volume], extra_metadata_labels: [k8s.volume.type]";
    let data = scraped(section, &pages).await.unwrap().to_string();
    for name in ["aws.volume.id", "fs.type", "partition"] {
        assert!(data.contains(&format!("\"{name}\"")), "{name}: {data}");
    }
}

/// Everything that is wrong with a section, whenever it is noticed.
fn wrong(text: &str) -> String {
    let faults = match component::config::check::<Config>(&section(text)) {
        Ok((_, found)) => found.faults().to_vec(),
        Err(faults) => faults,
    };
    faults.iter().map(|it| it.text.clone() + &it.read_text()).collect::<Vec<_>>().join("\n")
}

#[test]
fn mistakes_are_told_in_the_collectors_words() {
    let check = |section: &str, want: &str| {
        let found = wrong(section);
        assert!(found.contains(want), "{section}: {found}");
    };
    check("metric_groups: [nodes]", "invalid entry in metric_groups");
    check("extra_metadata_labels: [container.name]", "label \"container.name\" is not supported");
    check(
        "extra_metadata_labels: [container.id, container.id]",
        "duplicate metadata label: \"container.id\"",
    );
    check(
        "metrics: {k8s.pod.cpu.node.utilization: {enabled: true}}",
        "for k8s.pod.cpu.node.utilization node setting is required. Check the readme on how to set the required setting",
    );
    check("collection_interval: 0s", "\"collection_interval\": requires positive value");
    check("auth_type: password", "invalid authType for kubernetes: password");
    let right = "{auth_type: serviceAccount, extra_metadata_labels: [container.id], node: n, k8s_api_config: {auth_type: kubeConfig}, \
        metrics: {k8s.pod.cpu.node.utilization: {enabled: true}}}";
    assert_eq!(wrong(right), "");
}

#[test]
fn a_share_of_the_node_without_an_api_server_has_no_effect() {
    let section = "{node: n, metrics: {k8s.pod.cpu.node.utilization: {enabled: true}}}";
    assert_eq!(wrong(section), "");
    let (_, found) = component::config::check::<Config>(&self::section(section)).unwrap();
    let warned: Vec<&str> = found.warnings().iter().map(|it| &*it.1.text).collect();
    let want = "k8s.pod.cpu.node.utilization needs an API server, which knows what the node has: set k8s_api_config";
    assert_eq!(warned, [want]);
}
