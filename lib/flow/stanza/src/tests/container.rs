//! The golden cases of the `container` operator (upstream's own tests, restated).

use super::*;

const P1: &str = "/var/log/pods/some_kube-scheduler-kind-control-plane_49cc7c1fd3702c40b2686ea7486091d3/kube-scheduler44/1.log";
const P3: &str = r"C:\var\log\pods\some_kube-scheduler-kind-control-plane_49cc7c1fd3702c40b2686ea7486091d3\kube-scheduler44\1.log";
const DOCKER: &str =
    r#"{"log":"INFO: log line here","stream":"stdout","time":"2029-03-30T08:31:20.545192187Z"}"#;
const CRIO: &str =
    "2024-04-13T07:59:37.505201169-10:00 stdout F standalone crio line which is awesome!";
const CONTAINERD: &str =
    "2024-04-13T07:59:37.505201169Z stdout F standalone containerd line which is awesome!";
const CRIO_PARTS: [&str; 2] = [
    "2024-04-13T07:59:37.505201169-10:00 stdout P standalone crio line which i",
    "2024-04-13T07:59:37.505201169-10:00 stdout F s awesome!",
];
const CONTAINERD_PARTS: [&str; 2] = [
    "2024-04-13T07:59:37.505201169Z stdout P standalone containerd line which i",
    "2024-04-13T07:59:37.505201169Z stdout F s awesome!",
];
const T1: u64 = 1_713_031_177_505_201_169;
const T2: u64 = 1_712_995_177_505_201_169;
const TD: u64 = 1_869_553_880_545_192_187;

fn rotated() -> String {
    format!("{P1}.20250219-233547")
}

fn pod() -> Value {
    json!({
        "k8s.pod.name": "kube-scheduler-kind-control-plane",
        "k8s.pod.uid": "49cc7c1fd3702c40b2686ea7486091d3",
        "k8s.container.name": "kube-scheduler44",
        "k8s.container.restart_count": "1",
        "k8s.namespace.name": "some",
    })
}

fn cri(path: &str, logtag: &str, body: &str, time: u64) -> Value {
    json!({
        "body": body,
        "time": time,
        "resource": pod(),
        "attributes": { "log.file.path": path, "log.iostream": "stdout", "logtag": logtag },
    })
}

fn check(path: &str, lines: &[&str], want: &[Value]) {
    let mut worker = compile(json!([{ "type": "container" }])).unwrap().worker();
    feed(&mut worker, &file(1, Some(path)), lines);
    assert_eq!(records(&worker.take().logs), want);
}

#[test]
fn case_01_docker_without_metadata() {
    let docker =
        json!({ "type": "container", "format": "docker", "add_metadata_from_filepath": false });
    let automatic = json!({ "type": "container", "add_metadata_from_filepath": false });
    let want = json!({
        "body": "INFO: log line here",
        "time": TD,
        "attributes": { "log.file.name": "app.log", "log.iostream": "stdout" },
    });
    // Case 2 is the same, detected.
    for operator in [docker, automatic] {
        assert_eq!(run(json!([operator]), &[DOCKER]), std::slice::from_ref(&want));
    }
}

#[test]
fn case_03_docker_detected_with_metadata() {
    let want = json!({
        "body": "INFO: log line here",
        "time": TD,
        "resource": pod(),
        "attributes": { "log.file.path": P1, "log.iostream": "stdout" },
    });
    check(P1, &[DOCKER], &[want]);
}

#[test]
fn case_04_and_05_crio_from_current_and_rotated_file() {
    let body = "standalone crio line which is awesome!";
    check(P1, &[CRIO], &[cri(P1, "F", body, T1)]);
    check(&rotated(), &[CRIO], &[cri(&rotated(), "F", body, T1)]);
}

#[test]
fn case_06_and_07_containerd_from_current_and_rotated_file() {
    let body = "standalone containerd line which is awesome!";
    check(P1, &[CONTAINERD], &[cri(P1, "F", body, T2)]);
    check(&rotated(), &[CONTAINERD], &[cri(&rotated(), "F", body, T2)]);
}

#[test]
fn case_08_crio_parts_are_joined() {
    let body = "standalone crio line which is awesome!";
    check(P1, &CRIO_PARTS, &[cri(P1, "P", body, T1)]);
}

#[test]
fn case_09_and_10_containerd_parts_are_joined_with_both_kinds_of_paths() {
    let body = "standalone containerd line which is awesome!";
    check(P1, &CONTAINERD_PARTS, &[cri(P1, "P", body, T2)]);
    check(P3, &CONTAINERD_PARTS, &[cri(P3, "P", body, T2)]);
}

#[test]
fn case_11_and_12_a_failing_operator_behind_does_not_disturb_the_join() {
    let lines = |parts: [&'static str; 2], last| [parts[0], parts[1], last];
    let fails = json!([
        { "type": "container" },
        { "type": "move", "from": "attributes.absent", "to": "attributes.x" },
    ]);
    let check = |lines: [&str; 3], want: [Value; 2]| {
        let mut worker = compile(fails.clone()).unwrap().worker();
        feed(&mut worker, &file(1, Some(P1)), &lines);
        assert_eq!(records(&worker.take().logs), want);
    };
    let last =
        "2024-04-13T07:59:37.505201169-10:00 stdout F standalone crio2 line which is awesome!";
    let want = [
        cri(P1, "P", "standalone crio line which is awesome!", T1),
        cri(P1, "F", "standalone crio2 line which is awesome!", T1),
    ];
    check(lines(CRIO_PARTS, last), want);
    let last =
        "2024-04-13T07:59:37.505201169Z stdout F standalone containerd2 line which is awesome!";
    let want = [
        cri(P1, "P", "standalone containerd line which is awesome!", T2),
        cri(P1, "F", "standalone containerd2 line which is awesome!", T2),
    ];
    check(lines(CONTAINERD_PARTS, last), want);
}

#[test]
fn case_n1_and_n2_wrong_configurations_are_refused() {
    let text = |operator: Value| compile(json!([operator])).unwrap_err();
    let wrong = text(json!({ "type": "container", "on_error": "invalid_on_error" }));
    assert!(wrong.contains("invalid `on_error` field"), "{wrong}");
    let wrong = text(json!({ "type": "container", "format": "invalid_runtime" }));
    assert_eq!(wrong, "operator config has an invalid `format` field.: {\"format\":\"send\"}");
}
