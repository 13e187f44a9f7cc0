//! Behaviour that needs no runtime: `tests/e2e/cri.rs` has a real one.

use std::time::Duration;

use component::{Component, Data, Outputs, Receiver};
use componenttest::{Sink, TestHost, config, problems, settings};

use crate::{Cri, Plan};

componenttest::conformance!(receiver Cri, "{log_directory: /nowhere, endpoint: 'unix:///nowhere/socket', storage: none}");

#[tokio::test]
async fn without_a_runtime_lines_go_on_with_what_their_path_says() {
    let folder = tempfile::tempdir().unwrap();
    let pod = folder.path().join("shop_cart-0_49cc7c1fd3702c40b2686ea7486091d3/app");
    std::fs::create_dir_all(&pod).unwrap();
    std::fs::write(pod.join("0.log"), "2026-11-23T06:18:46.5Z stdout F one\n").unwrap();
    let section = format!(
        "{{log_directory: {}, endpoint: 'unix:///nowhere/socket', storage: none, metadata_timeout: 10ms}}",
        folder.path().display()
    );
    let sink = Sink::new();
    let out = Outputs::new(vec![("logs".parse().unwrap(), sink.next())]);
    let receiver =
        std::sync::Arc::new(Cri::create(settings("cri"), config(&section), out).unwrap());
    let host = TestHost::new();
    receiver.start(&host).await.unwrap();
    let arrived = async {
        while sink.received().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), arrived).await.unwrap();
    let Data::Logs(logs) = sink.received().remove(0) else { panic!("logs") };
    let resource = logs.resources().next().unwrap();
    let name = resource.attributes().get("k8s.pod.name").and_then(pdata::ValueRef::as_str);
    assert_eq!(name, Some("cart-0"));
    host.stop().await;
}

#[test]
fn what_no_runtime_can_know_is_refused_by_its_place() {
    let found = problems::<Plan>("{extract: {metadata: [k8s.node.name]}}");
    assert!(found[0].contains("k8s_attributes"), "{found:?}");
    let found = problems::<Plan>("{extract: {labels: [{key: a, key_regex: b}]}}");
    assert!(found[0].contains("exactly one of key and key_regex"), "{found:?}");
    let found = problems::<Plan>("{endpoint: 'tcp://127.0.0.1:1'}");
    assert!(found[0].contains("unix:///path"), "{found:?}");
}

#[test]
fn an_operator_is_refused_by_its_place_in_the_users_list() {
    let found = problems::<Plan>("{operators: [{type: noop}, {type: nope}]}");
    assert_eq!(found, ["'operators[1]' unsupported type 'nope'"]);
}
