use component::Signal;
use componenttest::{plan, problems, through};
use serde_json::json;

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
}

#[test]
fn the_filter_becomes_selectors() {
    let section = "{filter: {node: n1, namespace: shop, labels: [{key: app, op: exists}, {key: a, value: b}, \
        {key: c, value: d, op: not-equals}, {key: e, op: does-not-exist}], \
        fields: [{key: status.phase, value: 'a,b', op: not-equals}]}}";
    assert_eq!(problems::<Config>(section), [""; 0]);
    let filter = componenttest::config::<Config>(section).filter.read();
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
