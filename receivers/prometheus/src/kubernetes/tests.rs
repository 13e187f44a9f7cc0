//! Objects as the API server sends them, and the targets that Prometheus makes of the same.

use std::collections::BTreeMap;

use componenttest::TestHost;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::shelf::tests::shelf;
use super::*;

const POD: &str = r#"{
    "metadata": {
        "name": "web-1", "namespace": "shop", "uid": "u1",
        "labels": {"app.kubernetes.io/name": "web"}, "annotations": {"prometheus.io/scrape": "true"},
        "ownerReferences": [{"kind": "Node", "name": "n"}, {"kind": "ReplicaSet", "name": "web", "controller": true}]
    },
    "spec": {
        "nodeName": "n1",
        "containers": [
            {"name": "app", "image": "web:1", "ports": [
                {"name": "http", "containerPort": 80, "protocol": "TCP"}, {"containerPort": 9100, "protocol": "TCP"}]},
            {"name": "side", "image": "side:1"}
        ],
        "initContainers": [{"name": "init", "image": "init:1", "ports": null}]
    },
    "status": {
        "podIP": "10.0.0.1", "hostIP": "192.168.0.1", "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{"name": "app", "containerID": "docker://a1"}]
    }
}"#;
const SERVICE: &str = r#"{
    "metadata": {"name": "web", "namespace": "shop", "labels": {"team": "a"}},
    "spec": {"type": "ClusterIP", "clusterIP": "10.1.0.1", "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}
}"#;
const NODE: &str = r#"{
    "metadata": {"name": "n1", "labels": {"zone": "z"}},
    "spec": {"providerID": "aws:///i"},
    "status": {
        "addresses": [{"type": "Hostname", "address": "n1"}, {"type": "InternalIP", "address": "fd00::1"},
            {"type": "InternalIP", "address": "10.2.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}
    }
}"#;
const NAMESPACE: &str = r#"{"metadata": {"name": "shop", "annotations": {"owner": "a"}}}"#;

/// `name=value` of each target, sorted and without the beginning that all have; empty values are none.
fn shown(found: &[Found]) -> Vec<Vec<String>> {
    let one = |found: &Found| {
        let all: BTreeMap<String, String> = found.labels.iter().cloned().collect();
        let all = all.iter().filter(|it| !it.1.is_empty());
        all.map(|it| format!("{}={}", it.0.trim_start_matches("__meta_kubernetes_"), it.1))
            .collect()
    };
    found.iter().map(one).collect()
}

/// Of one target the labels that do not begin so.
fn without(labels: &[String], beginnings: &[&str]) -> Vec<String> {
    let begins = |it: &&String| beginnings.iter().any(|beginning| it.starts_with(beginning));
    labels.iter().filter(|it| !begins(it)).cloned().collect()
}

fn around() -> Around {
    Around {
        pods: Some(shelf(&[POD])),
        services: Some(shelf(&[SERVICE])),
        nodes: Some(shelf(&[NODE])),
        namespaces: Some(shelf(&[NAMESPACE])),
    }
}

#[test]
fn each_port_of_a_pod_is_a_target_and_each_container_without_ports() {
    let pod: Pod = serde_json::from_str(POD).unwrap();
    let found = shown(&targets::of_pod(&pod, &Around::default()));
    let common = [
        "namespace=shop",
        "pod_annotation_prometheus_io_scrape=true",
        "pod_annotationpresent_prometheus_io_scrape=true",
        "pod_controller_kind=ReplicaSet",
        "pod_controller_name=web",
        "pod_host_ip=192.168.0.1",
        "pod_ip=10.0.0.1",
        "pod_label_app_kubernetes_io_name=web",
        "pod_labelpresent_app_kubernetes_io_name=true",
        "pod_name=web-1",
        "pod_node_name=n1",
        "pod_phase=Running",
        "pod_ready=true",
        "pod_uid=u1",
    ];
    assert_eq!(found.len(), 4);
    for labels in &found {
        assert_eq!(without(labels, &["__address__", "pod_container"]), common);
    }
    let own: Vec<Vec<String>> = found.iter().map(|it| without(it, &common)).collect();
    let http = [
        "__address__=10.0.0.1:80",
        "pod_container_id=docker://a1",
        "pod_container_image=web:1",
        "pod_container_init=false",
        "pod_container_name=app",
        "pod_container_port_name=http",
        "pod_container_port_number=80",
        "pod_container_port_protocol=TCP",
    ];
    assert_eq!(own[0], http);
    assert_eq!(own[1][0], "__address__=10.0.0.1:9100");
    let side = [
        "__address__=10.0.0.1",
        "pod_container_image=side:1",
        "pod_container_init=false",
        "pod_container_name=side",
    ];
    assert_eq!(own[2], side);
    assert!(own[3].contains(&"pod_container_init=true".to_owned()), "{:?}", own[3]);
    let starting = POD.replace("10.0.0.1", "");
    let starting: Pod = serde_json::from_str(&starting).unwrap();
    assert!(targets::of_pod(&starting, &around()).is_empty());
}

#[test]
fn metadata_of_node_and_namespace_are_attached() {
    let pod: Pod = serde_json::from_str(POD).unwrap();
    let around = Around { pods: None, services: None, ..around() };
    let found = shown(&targets::of_pod(&pod, &around));
    for label in ["node_name=n1", "node_label_zone=z", "namespace_annotation_owner=a"] {
        assert!(found[0].contains(&label.to_owned()), "{label}: {:?}", found[0]);
    }
}

#[test]
fn services_nodes_and_ingresses_are_targets() {
    let service: Service = serde_json::from_str(SERVICE).unwrap();
    let want = [
        "__address__=web.shop.svc:80",
        "namespace=shop",
        "service_cluster_ip=10.1.0.1",
        "service_label_team=a",
        "service_labelpresent_team=true",
        "service_name=web",
        "service_port_name=http",
        "service_port_number=80",
        "service_port_protocol=TCP",
        "service_type=ClusterIP",
    ];
    assert_eq!(shown(&targets::of_service(&service, &Around::default())), [want]);
    let node: Node = serde_json::from_str(NODE).unwrap();
    let want = [
        "__address__=[fd00::1]:10250",
        "node_address_Hostname=n1",
        "node_address_InternalIP=fd00::1",
        "node_label_zone=z",
        "node_labelpresent_zone=true",
        "node_name=n1",
        "node_provider_id=aws:///i",
        "instance=n1",
    ];
    assert_eq!(shown(&targets::of_node(&node)), [want]);
    let ingress = r#"{"metadata": {"name": "i", "namespace": "shop"}, "spec": {
        "ingressClassName": "nginx", "tls": [{"hosts": ["*.example.com"]}],
        "rules": [{"host": "a.example.com", "http": {"paths": [{"path": "/"}, {"path": "/x"}]}}, {"host": "b.c.d"}]}}"#;
    let ingress: Ingress = serde_json::from_str(ingress).unwrap();
    let found = shown(&targets::of_ingress(&ingress, &Around::default()));
    let want = |host: &str, path: &str, scheme: &str| {
        let (address, host) = (format!("__address__={host}"), format!("ingress_host={host}"));
        let (path, scheme) = (format!("ingress_path={path}"), format!("ingress_scheme={scheme}"));
        let class = "ingress_class_name=nginx".to_owned();
        [
            address,
            class,
            host,
            "ingress_name=i".to_owned(),
            path,
            scheme,
            "namespace=shop".to_owned(),
        ]
    };
    let host = "a.example.com";
    assert_eq!(
        found,
        [want(host, "/", "https"), want(host, "/x", "https"), want("b.c.d", "/", "http")]
    );
}

#[test]
fn endpoints_have_the_labels_of_their_service_and_pods_and_ports_beside_them() {
    let endpoints = r#"{"metadata": {"name": "web", "namespace": "shop", "labels": {"e": "1"}}, "subsets": [{
        "addresses": [{"ip": "10.0.0.1", "nodeName": "n1", "targetRef": {"kind": "Pod", "namespace": "shop", "name": "web-1"}}],
        "notReadyAddresses": [{"ip": "10.0.0.9", "hostname": "h"}],
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}]}"#;
    let endpoints: Endpoints = serde_json::from_str(endpoints).unwrap();
    let found = shown(&endpoints::of_endpoints(
        &endpoints,
        &Around { nodes: None, namespaces: None, ..around() },
    ));
    assert_eq!(found.len(), 3, "{found:#?}");
    let ready =
        without(&found[0], &["pod_annotation", "pod_label", "service_label", "pod_controller"]);
    let want = [
        "__address__=10.0.0.1:80",
        "endpoint_address_target_kind=Pod",
        "endpoint_address_target_name=web-1",
        "endpoint_node_name=n1",
        "endpoint_port_name=http",
        "endpoint_port_protocol=TCP",
        "endpoint_ready=true",
        "endpoints_label_e=1",
        "endpoints_labelpresent_e=true",
        "endpoints_name=web",
        "namespace=shop",
        "pod_container_image=web:1",
        "pod_container_init=false",
        "pod_container_name=app",
        "pod_container_port_name=http",
        "pod_container_port_number=80",
        "pod_container_port_protocol=TCP",
        "pod_host_ip=192.168.0.1",
        "pod_ip=10.0.0.1",
        "pod_name=web-1",
        "pod_node_name=n1",
        "pod_phase=Running",
        "pod_ready=true",
        "pod_uid=u1",
        "service_name=web",
    ];
    assert_eq!(ready, want);
    let other = without(&found[1], &["endpoints_", "service_"]);
    let want = [
        "__address__=10.0.0.9:80",
        "endpoint_hostname=h",
        "endpoint_port_name=http",
        "endpoint_port_protocol=TCP",
        "endpoint_ready=false",
        "namespace=shop",
    ];
    assert_eq!(other, want);
    // The port that the service does not name.
    assert_eq!(found[2][0], "__address__=10.0.0.1:9100");
    assert!(found[2].contains(&"service_name=web".to_owned()));
    assert!(found[2].iter().all(|it| !it.starts_with("endpoint_")));
}

#[test]
fn endpoint_slices_say_the_condition_of_each_address() {
    let slice = r#"{"addressType": "IPv4", "metadata": {"name": "web-x", "namespace": "shop",
            "labels": {"kubernetes.io/service-name": "web"}},
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": true, "serving": true, "terminating": false},
            "targetRef": {"kind": "Pod", "namespace": "shop", "name": "web-1"}, "nodeName": "n1", "zone": "z1",
            "deprecatedTopology": {"a/b": "c"}}],
        "ports": [{"name": "http", "port": 80, "protocol": "TCP", "appProtocol": "http"}]}"#;
    let slice: EndpointSlice = serde_json::from_str(slice).unwrap();
    let found = shown(&endpoints::of_slice(&slice, &around()));
    assert_eq!(found.len(), 2);
    let own = without(&found[0], &["pod_", "service_label", "node_", "namespace_"]);
    let want = [
        "__address__=10.0.0.1:80",
        "endpointslice_address_target_kind=Pod",
        "endpointslice_address_target_name=web-1",
        "endpointslice_address_type=IPv4",
        "endpointslice_endpoint_conditions_ready=true",
        "endpointslice_endpoint_conditions_serving=true",
        "endpointslice_endpoint_conditions_terminating=false",
        "endpointslice_endpoint_node_name=n1",
        "endpointslice_endpoint_topology_a_b=c",
        "endpointslice_endpoint_topology_present_a_b=true",
        "endpointslice_endpoint_zone=z1",
        "endpointslice_label_kubernetes_io_service_name=web",
        "endpointslice_labelpresent_kubernetes_io_service_name=true",
        "endpointslice_name=web-x",
        "endpointslice_port=80",
        "endpointslice_port_app_protocol=http",
        "endpointslice_port_name=http",
        "endpointslice_port_protocol=TCP",
        "namespace=shop",
        "service_name=web",
    ];
    assert_eq!(own, want);
    assert!(found[0].contains(&"node_label_zone=z".to_owned()));
    assert_eq!(found[1][0], "__address__=10.0.0.1:9100");
}

/// Answers lists with a pod, and watches with a second one that comes and a first one that goes.
async fn answer(mut socket: TcpStream) -> Option<()> {
    let mut request = vec![0; 8192];
    let length = socket.read(&mut request).await.ok()?;
    let request = String::from_utf8_lossy(&request[..length]).into_owned();
    let path = request.split(' ').nth(1)?;
    let second = POD.replace("10.0.0.1", "10.0.0.2").replace("web-1", "web-2").replace('\n', " ");
    let first = POD.replace('\n', " ");
    let body = if path == "/version" {
        r#"{"major":"1","minor":"30"}"#.to_owned()
    } else {
        assert!(request.to_lowercase().contains("authorization: bearer t"), "{request}");
        assert!(path.starts_with("/api/v1/namespaces/shop/pods?labelSelector=app%3Dx"), "{path}");
        if path.contains("watch=") {
            format!(
                "{{\"type\":\"ADDED\",\"object\":{second}}}\n{{\"type\":\"DELETED\",\"object\":{first}}}\n"
            )
        } else {
            format!(r#"{{"metadata":{{"resourceVersion":"1"}},"items":[{first}]}}"#)
        }
    };
    let is_watch = path.contains("watch=");
    let head = if is_watch { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let text = format!("HTTP/1.1 200 OK\r\n{head}Connection: close\r\n\r\n{body}");
    socket.write_all(text.as_bytes()).await.ok()?;
    if is_watch {
        std::future::pending::<()>().await;
    }
    Some(())
}

#[tokio::test]
async fn targets_come_and_go_with_the_objects_of_a_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    componenttest::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            componenttest::spawn(async {
                let _ = answer(socket).await;
            });
        }
    });
    let section = format!(
        r#"{{"role": "pod", "api_server": "http://{address}", "bearer_token": "t",
            "namespaces": {{"names": ["shop"]}}, "selectors": [{{"role": "pod", "label": "app=x"}}]}}"#
    );
    let section: KubernetesSd = serde_json::from_str(&section).unwrap();
    let (host, changed) = (TestHost::new(), Arc::new(Notify::new()));
    let tls = configtls::ClientConfig::default();
    let watches = Kubernetes::watch(&section, (tls, "test"), &changed, &host).await.unwrap();
    let addresses = || {
        let mut all = Vec::new();
        watches.each(&mut |it| all.extend(it.labels.into_iter().find(|it| it.0 == "__address__")));
        all.into_iter().map(|it| it.1).collect::<Vec<_>>()
    };
    while !watches.is_ready() || addresses().first().is_none_or(|it| it != "10.0.0.2:80") {
        changed.notified().await;
    }
    assert_eq!(addresses(), ["10.0.0.2:80", "10.0.0.2:9100", "10.0.0.2", "10.0.0.2"]);
}
