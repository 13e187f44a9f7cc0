use std::sync::{Arc, Mutex};
use std::time::Duration;

use component::{
    Component as _, Consumer as _, Context, Data, GateView, Phase, Processor as _, ServiceView,
    Signal,
};
use componenttest::{
    Sink, TestHost, metric, plan, problems, processor, processor_settings, through,
};
use pdata::{Limits, ValueRef};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::{Config, K8sAttributes};

componenttest::conformance!(processor K8sAttributes, "passthrough: true");

/// What is wrong with a section, in the words of the plan.
fn wrong(section: &str) -> String {
    plan::<K8sAttributes>(section, Signal::Logs).err().unwrap_or_default().join("; ")
}

#[test]
fn mistakes_are_told_in_the_collectors_words() {
    let check = |section: &str, want: &str| {
        let found = wrong(section);
        assert!(found.contains(want), "{section}: {found}");
    };
    check("auth_type: password", "invalid authType for kubernetes: password");
    check(
        "extract: {metadata: [k8s.pod.nam]}",
        "\"k8s.pod.nam\" is not a supported metadata field",
    );
    check(
        "extract: {labels: [{key: a, key_regex: b}]}",
        "Out of Key or KeyRegex only one option is expected to be configured at a time, currently Key:a and KeyRegex:b",
    );
    check(
        "extract: {annotations: [{key: a, from: cluster}]}",
        "cluster is not a valid choice for From. Must be one of: pod, ",
    );
    check("extract: {labels: [{key_regex: '('}]}", "error parsing regexp: missing closing )");
    check("exclude: {pods: [{name: '['}]}", "error parsing regexp: missing closing ]");
    check(
        "filter: {labels: [{key: a, value: b, op: like}]}",
        "'like' is not a valid label filter operation for key=a, value=b",
    );
    check(
        "filter: {fields: [{key: a, op: exists}]}",
        "'exists' is not a valid label filter operation",
    );
    check(
        "filter: {node_from_env_var: NO_SUCH_VARIABLE_HERE}",
        "`node_from_env_var` is configured but envvar \"NO_SUCH_VARIABLE_HERE\" is not set",
    );
    let source = "{from: resource_attribute, name: x}";
    check(
        &format!(
            "pod_association: [{{sources: [{source}, {source}, {source}, {source}, {source}]}}]"
        ),
        "too many association sources. limit is 4",
    );
    check("pod_delete_grace_period: -1s", "pod_delete_grace_period must not be negative");
    check("kubelet: {interval: 0s}", "interval must be positive");
    check(
        "{kubelet: {}, filter: {labels: [{key: app, op: exists}]}}",
        "a kubelet or runtime does not select pods by labels",
    );
    check("providers: [cri, docker]", "providers: \"docker\" tells no pods");
    check("metadata_timeout: -1s", "metadata_timeout must not be negative");
    check("cri: {timeout: 0s}", "timeout must be positive");
    check(
        "cri: {endpoint: /run/crio/crio.sock}",
        "endpoint must be auto or the path of a socket: unix:///path",
    );
}

#[test]
fn the_filter_becomes_selectors() {
    let section = "{filter: {node: n1, namespace: shop, labels: [{key: app, op: exists}, {key: a, value: b}, \
        {key: c, value: d, op: not-equals}, {key: e, op: does-not-exist}], \
        fields: [{key: status.phase, value: 'a,b', op: not-equals}]}}";
    assert_eq!(problems::<Config>(section), [""; 0]);
    let filter = componenttest::config::<Config>(section).selectors();
    assert_eq!((&*filter.node, &*filter.namespace), ("n1", "shop"));
    assert_eq!(filter.labels, "app,a=b,c!=d,!e");
    assert_eq!(filter.fields, r"status.phase!=a\,b");
}

#[tokio::test]
async fn passthrough_notes_the_address_and_nothing_else() {
    let resource = |attributes: serde_json::Value| json!({"resourceLogs": [{"resource": {"attributes": attributes}, "scopeLogs": [{"logRecords": [{}]}]}]});
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    for (before, after) in [
        (
            json!([text("ip", "10.1.1.2")]),
            json!([text("ip", "10.1.1.2"), text("k8s.pod.ip", "10.1.1.2")]),
        ),
        (
            json!([text("host.name", "10.1.1.3")]),
            json!([text("host.name", "10.1.1.3"), text("k8s.pod.ip", "10.1.1.3")]),
        ),
        (json!([text("host.name", "worker-1")]), json!([text("host.name", "worker-1")])),
        (json!([text("k8s.pod.ip", "10.1.1.1")]), json!([text("k8s.pod.ip", "10.1.1.1")])),
    ] {
        let got =
            through::<K8sAttributes>("passthrough: true", Signal::Logs, &resource(before)).await;
        assert_eq!(got, resource(after));
    }
}

#[tokio::test]
async fn gates_that_leave_no_names_are_refused_also_by_what_only_notes_addresses() {
    let gate = GateView {
        id: "processor.k8sattributes.DontEmitV0K8sConventions",
        stage: "Alpha",
        is_on: true,
        from: "",
        to: "",
        about: "",
    };
    let (sink, host) = (Sink::new(), TestHost::new());
    host.show(ServiceView { gates: vec![gate], ..ServiceView::default() });
    let settings = processor_settings("k8s_attributes", Signal::Logs);
    let one = Arc::new(processor::<K8sAttributes>(settings, "passthrough: true", sink.next()));
    let error = one.start(&host).await.unwrap_err().to_string();
    assert!(error.contains("without enabling processor.k8sattributes.EmitV1K8s"), "{error}");
}

/// A kubelet whose page `/pods` is what it is at the moment.
async fn kubelet(page: Arc<Mutex<(u16, Value)>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    componenttest::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if socket.read(&mut byte).await.unwrap_or(0) == 0 {
                    break;
                }
                request.push(byte[0]);
            }
            assert!(request.starts_with(b"GET /pods "), "{}", String::from_utf8_lossy(&request));
            let (status, body) = page.lock().unwrap().clone();
            let (body, length) = (body.to_string(), body.to_string().len());
            let text = format!(
                "HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            let _ = socket.write_all(text.as_bytes()).await;
        }
    });
    endpoint
}

fn page(pods: &[(&str, &str)]) -> (u16, Value) {
    let pod = |(name, ip): &(&str, &str)| {
        json!({"metadata": {"name": name, "namespace": "shop", "uid": name}, "spec": {"nodeName": "n1"},
            "status": {"podIP": ip}})
    };
    (200, json!({"kind": "PodList", "items": pods.iter().map(pod).collect::<Vec<_>>()}))
}

#[tokio::test]
async fn pods_come_from_the_kubelet_and_no_api_server_is_asked() {
    let shown = Arc::new(Mutex::new(page(&[("one", "10.1.1.1")])));
    let endpoint = kubelet(Arc::clone(&shown)).await;
    let section = format!(
        "{{kubelet: {{auth_type: none, endpoint: '{endpoint}', interval: 1h}}, wait_for_metadata: true, \
            auth_type: kubeConfig, context: there-is-none, extract: {{metadata: [k8s.pod.name]}}}}"
    );
    let (sink, host) = (Sink::new(), TestHost::new());
    let settings = processor_settings("k8s_attributes", Signal::Logs);
    let meter = settings.meter.clone();
    let step = Arc::new(processor::<K8sAttributes>(settings, &section, sink.next()));
    Arc::clone(&step).start(&host).await.unwrap();
    // The name of the pod with this address, as the processor has it.
    let name = |ip: &str| {
        let request = json!({"resourceLogs": [{"resource": {"attributes":
            [{"key": "k8s.pod.ip", "value": {"stringValue": ip}}]}, "scopeLogs": [{"logRecords": [{}]}]}]});
        let request = request.to_string();
        let data = Data::from_json(Signal::Logs, request.as_bytes(), &Limits::default()).unwrap();
        let mut text = Vec::new();
        step.enricher.add(None, &data).to_json(&mut text);
        let json: Value = serde_json::from_slice(&text).unwrap();
        let all = &json["resourceLogs"][0]["resource"]["attributes"];
        let found = all.as_array().unwrap().iter().find(|it| it["key"] == "k8s.pod.name");
        found.map(|it| it["value"]["stringValue"].as_str().unwrap().to_owned())
    };
    assert_eq!(name("10.1.1.1").as_deref(), Some("one"));
    // Who is looked for and not known is asked for before the hour is over.
    *shown.lock().unwrap() = page(&[("one", "10.1.1.1"), ("two", "10.1.1.2")]);
    let patience = tokio::time::timeout(Duration::from_secs(10), async {
        while name("10.1.1.2").is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    patience.await.expect("the second pod is found");
    // A kubelet that refuses leaves what is known.
    *shown.lock().unwrap() = (403, json!({}));
    let failures = || metric(&meter, "sluice_k8s_kubelet_failures_total", &[]);
    let patience = tokio::time::timeout(Duration::from_secs(10), async {
        while failures().is_none_or(|it| it == 0.0) {
            assert_eq!(name("10.1.1.3"), None);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    patience.await.expect("the kubelet is asked again");
    assert_eq!(name("10.1.1.2").as_deref(), Some("two"));
    host.stop().await;
}

#[tokio::test]
async fn pods_that_went_while_nobody_asked_are_gone_for_who_asks_next() {
    let shown = Arc::new(Mutex::new(page(&[("one", "10.1.1.1"), ("two", "10.1.1.2")])));
    let endpoint = kubelet(Arc::clone(&shown)).await;
    let section = format!(
        "{{kubelet: {{auth_type: none, endpoint: '{endpoint}', interval: 1h}}, wait_for_metadata: true, \
            extract: {{metadata: [k8s.pod.name]}}}}"
    );
    // Two pipelines share what is known; the first that runs asks.
    let plan = plan::<K8sAttributes>(&section, Signal::Logs).unwrap();
    let settings = processor_settings("k8s_attributes", Signal::Logs);
    let meter = settings.meter.clone();
    let step = || {
        let (settings, plan) = (settings.clone(), Arc::clone(&plan));
        Arc::new(K8sAttributes::create(settings, plan, Sink::new().next()))
    };
    let host = TestHost::new();
    step().start(&host).await.unwrap();
    host.stop().await;
    *shown.lock().unwrap() = page(&[("two", "10.1.1.2")]);
    let host = TestHost::new();
    step().start(&host).await.unwrap();
    let deleted = || metric(&meter, "otelcol_otelsvc_k8s_pod_deleted", &[]);
    let gone = async {
        while deleted() != Some(1.0) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("a pod is gone");
    host.stop().await;
}

/// What the name of the pod is for a record of this address that was written so long ago; at no time with `None`.
async fn named(
    step: &Arc<K8sAttributes>,
    sink: &Sink,
    written: Option<Duration>,
) -> Option<String> {
    let now = component::clock::unix_nanos();
    let time = written.map_or(0, |ago| now - u64::try_from(ago.as_nanos()).unwrap());
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let request = json!({"resourceLogs": [
        {"resource": {"attributes": [attribute("k8s.pod.ip", "10.1.1.1")]},
         "scopeLogs": [{"logRecords": [{"timeUnixNano": time.to_string()}]}]},
    ]});
    let data = Data::from_json(Signal::Logs, request.to_string().as_bytes(), &Limits::default());
    step.consume(&Context::default(), data.unwrap()).await.unwrap();
    let Data::Logs(logs) = sink.received().pop().unwrap() else { panic!("logs") };
    let resource = logs.resources().next().unwrap();
    let name = resource.attributes().get("k8s.pod.name").and_then(ValueRef::as_str);
    name.map(str::to_owned)
}

#[tokio::test]
async fn what_comes_from_the_address_of_a_removed_pod_is_not_its_if_it_is_younger_than_its_end() {
    let shown = Arc::new(Mutex::new(page(&[("one", "10.1.1.1")])));
    let endpoint = kubelet(Arc::clone(&shown)).await;
    let section = format!(
        "{{kubelet: {{auth_type: none, endpoint: '{endpoint}', interval: 20ms}}, wait_for_metadata: true, \
            metadata_timeout: 200ms, extract: {{metadata: [k8s.pod.name]}}}}"
    );
    let (sink, host) = (Sink::new(), TestHost::new());
    let settings = processor_settings("k8s_attributes", Signal::Logs);
    let meter = settings.meter.clone();
    let step = Arc::new(processor::<K8sAttributes>(settings, &section, sink.next()));
    Arc::clone(&step).start(&host).await.unwrap();
    let (hour, nothing) = (Duration::from_hours(1), Duration::ZERO);
    assert_eq!(named(&step, &sink, Some(nothing)).await.as_deref(), Some("one"));
    *shown.lock().unwrap() = page(&[]);
    let count = |name| metric(&meter, name, &[]).unwrap_or_default();
    while count("otelcol_otelsvc_k8s_pod_deleted") < 1.0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(named(&step, &sink, Some(hour)).await.as_deref(), Some("one"));
    assert!(count("sluice_k8s_held_total") < 1.0);
    // The first waits for news of another pod, and none comes.
    assert_eq!(named(&step, &sink, Some(nothing)).await, None);
    assert_eq!(named(&step, &sink, None).await, None);
    assert_eq!(metric(&meter, "sluice_k8s_held_total", &[]), Some(1.0));
    assert_eq!(metric(&meter, "sluice_k8s_without_metadata_total", &[]), Some(1.0));
    // Then one does.
    *shown.lock().unwrap() = page(&[("two", "10.1.1.1")]);
    while count("otelcol_otelsvc_k8s_pod_added") < 2.0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(named(&step, &sink, Some(nothing)).await.as_deref(), Some("two"));
    host.stop().await;
}

/// One log record of the resource with this address.
fn record_of(ip: &str) -> Data {
    let request = json!({"resourceLogs": [{"resource": {"attributes":
        [{"key": "k8s.pod.ip", "value": {"stringValue": ip}}]}, "scopeLogs": [{"logRecords": [{}]}]}]});
    Data::from_json(Signal::Logs, request.to_string().as_bytes(), &Limits::default()).unwrap()
}

#[tokio::test]
async fn telemetry_waits_for_a_pod_that_is_not_known_yet_and_goes_on_without_one_that_never_comes()
{
    let shown = Arc::new(Mutex::new(page(&[])));
    let endpoint = kubelet(Arc::clone(&shown)).await;
    let section = format!(
        "{{kubelet: {{auth_type: none, endpoint: '{endpoint}', interval: 1h}}, wait_for_metadata: true, \
            metadata_timeout: 20s, extract: {{metadata: [k8s.pod.name]}}}}"
    );
    let (sink, host) = (Sink::new(), TestHost::new());
    let settings = processor_settings("k8s_attributes", Signal::Logs);
    let meter = settings.meter.clone();
    let step = Arc::new(processor::<K8sAttributes>(settings, &section, sink.next()));
    Arc::clone(&step).start(&host).await.unwrap();
    let own = Arc::clone(&step);
    let waiting = componenttest::spawn(async move {
        own.consume(&Context::delivered(), record_of("10.1.1.2")).await
    });
    while metric(&meter, "otelcol_otelsvc_k8s_ip_lookup_miss", &[]).is_none_or(|it| it == 0.0) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Nothing is acknowledged that has not gone on.
    assert!(!waiting.is_finished() && sink.received().is_empty());
    *shown.lock().unwrap() = page(&[("two", "10.1.1.2")]);
    waiting.await.unwrap().unwrap();
    let mut text = Vec::new();
    sink.received().remove(0).to_json(&mut text);
    assert!(String::from_utf8(text).unwrap().contains("\"two\""));
    assert_eq!(metric(&meter, "sluice_k8s_held_total", &[]), Some(1.0));
    let source = |name| metric(&meter, "sluice_k8s_metadata_sources_total", &[("source", name)]);
    assert_eq!((source("kubelet"), source("apiserver")), (Some(1.0), None));

    // One that never comes is not waited for when the collector stops.
    let own = Arc::clone(&step);
    let waiting = componenttest::spawn(async move {
        own.consume(&Context::default(), record_of("10.1.1.3")).await
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished());
    host.show(ServiceView { phase: Phase::Stopping, ..ServiceView::default() });
    waiting.await.unwrap().unwrap();
    assert_eq!(metric(&meter, "sluice_k8s_without_metadata_total", &[]), Some(1.0));
    // Each was missed once, whatever came of it.
    assert_eq!(metric(&meter, "otelcol_otelsvc_k8s_ip_lookup_miss", &[]), Some(2.0));
    assert_eq!(sink.received().len(), 2);
    host.stop().await;
}
