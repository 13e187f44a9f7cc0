use std::collections::BTreeMap;
use std::sync::Arc;

use component::config::Duration;
use component::{Component as _, Processor as _, Signal};
use componenttest::{TestHost, captured, plan, problems};
use confighttp::client::Ways;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};

use crate::found::{Detected, Found};
use crate::probe::World;
use crate::{Config, Plan, ResourceDetection, add};

mod clouds;
mod rounds;

componenttest::conformance!(processor ResourceDetection);

/// A world with nothing in it: no variables, no files, no metadata services.
fn nowhere() -> World {
    World {
        variable: Arc::new(|_| None),
        machine: machine::Machine::below("/nowhere"),
        // Nobody listens at port 1.
        base: Some("http://127.0.0.1:1".into()),
        docker: "unix:///nowhere/docker.sock".into(),
        agent: "test".into(),
        far: Ways { environment: false, ..Ways::default() },
    }
}

/// The same with these variables.
fn with_variables(world: World, variables: &[(&str, &str)]) -> World {
    let all: BTreeMap<String, String> =
        variables.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    World { variable: Arc::new(move |name| all.get(name).cloned()), ..world }
}

/// An answer of a metadata service: status, headers, body.
type Answer = (u16, &'static str, &'static str);

/// A metadata service that answers requests, `METHOD path`, which need these headers; or a proxy that does.
async fn service(answers: &'static [(&'static str, &'static str, Answer)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    componenttest::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let (asked, headers) = head.split_once(" HTTP/1.1\r\n").unwrap();
            let headers = headers.to_lowercase();
            let length = headers.split_once("content-length: ").map_or("0", |it| it.1);
            let length = length.lines().next().unwrap().parse().unwrap();
            socket.read_exact(&mut vec![0; length]).await.unwrap();
            // A proxy is asked for whole URLs.
            let path = |url: &str| url.find('/').map(|at| url[at..].to_owned());
            let asked = match asked.split_once(" http://") {
                Some((method, url)) => format!("{method} {}", path(url).unwrap_or_default()),
                None => asked.to_owned(),
            };
            let found = answers.iter().find(|it| it.0 == asked && headers.contains(it.1));
            let (status, headers, body) = found.map_or((404, "", "not here"), |it| it.2);
            let text = format!(
                "HTTP/1.1 {status} x\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            socket.write_all(text.as_bytes()).await.unwrap();
        }
    });
    format!("http://{address}")
}

/// The plan of a section.
fn planned(section: &str) -> Arc<Plan> {
    plan::<ResourceDetection>(section, Signal::Logs).unwrap_or_else(|wrong| panic!("{wrong:#?}"))
}

/// What a section finds in a world, as the attributes of a resource that had none.
async fn detected(section: &str, world: &World) -> Json {
    let plan = planned(section);
    plan.detect(world).await.unwrap_or_else(|error| panic!("{error}"));
    let data = componenttest::logs(1);
    let mut builder = pdata::LogsBuilder::new();
    builder.record(|record| {
        record.severity_number(9);
    });
    drop(data);
    attributes(&add(&builder.finish().into(), &plan.detected.load(), true))
}

/// The attributes of the first resource, by name.
fn attributes(data: &component::Data) -> Json {
    let component::Data::Logs(logs) = data else { panic!("logs stay logs") };
    let resource = logs.resources().next().unwrap();
    let value = |it: pdata::ValueRef<'_>| match it {
        pdata::ValueRef::Str(it) => json!(it),
        pdata::ValueRef::Int(it) => json!(it),
        other => json!(other.to_string()),
    };
    resource
        .attributes()
        .iter()
        .map(|(key, it)| (key.to_owned(), value(it)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// A machine with these files.
fn with_files(world: World, files: &[(&str, &str)]) -> (tempfile::TempDir, World) {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let machine = machine::Machine::below(root.path());
    (root, World { machine, ..world })
}

#[test]
fn mistakes_are_told_in_the_collectors_words() {
    let check = |section: &str, want: &str| {
        let found = plan::<ResourceDetection>(section, Signal::Logs);
        let found = found.err().unwrap_or_default().join("; ");
        assert!(found.contains(want), "{section}: {found}");
    };
    check("detectors: [env, sytem]", "invalid detector key: sytem");
    check(
        "system: {hostname_sources: [invalid_source]}",
        "hostname_sources contains invalid value: \"invalid_source\"",
    );
    check(
        "ec2: {tags: ['(']}",
        "failed creating detector type \"ec2\": error parsing regexp: missing closing )",
    );
    check("timeout: -1s", "timeout must not be negative");
    check("k8s_api: {auth_type: password}", "invalid authType for kubernetes: password");
    check("system: {resource_attributes: {host.nam: {enabled: true}}}", "host.nam");
}

#[test]
fn old_sections_are_accepted() {
    for section in [
        "{detectors: [env, system, 'docker '], timeout: 2s, override: false}",
        "{detectors: [ec2], ec2: {tags: ['^tag1$'], max_attempts: 10, max_backoff: 5m}}",
        "{detectors: [k8snode], k8snode: {auth_type: serviceAccount, node_from_env_var: MY_NODE}}",
        "{detectors: [eks], eks: {resource_attributes: {k8s.cluster.name: {enabled: true}}}}",
        "{detectors: [openshift], openshift: {address: '127.0.0.1:4444', token: t, tls: {insecure: true}}}",
        "{detectors: [consul], consul: {address: 'localhost:8500', datacenter: dc1, meta: {env: null}}}",
        "{detectors: [elastic_beanstalk], elasticbeanstalk: {resource_attributes: {service.version: {enabled: false}}}}",
        "{detectors: [system], attributes: [host.name]}",
    ] {
        assert_eq!(problems::<Config>(section), [""; 0], "{section}");
        let _ = planned(section);
    }
}

#[tokio::test]
async fn what_is_on_the_resource_stays_or_goes_as_override_says() {
    let found = Found::conventional().with("host.name", "n1").with("os.type", "linux");
    let (detected, _) = Detected::merge([found], &[]);
    let mut builder = pdata::LogsBuilder::new();
    builder.resource(|out| {
        out.put("host.name", "sender");
        out.put("a", "b");
    });
    builder.record(|record| {
        record.severity_number(9);
    });
    let data: component::Data = builder.finish().into();
    let want = json!({"host.name": "n1", "a": "b", "os.type": "linux"});
    assert_eq!(attributes(&add(&data, &detected, true)), want);
    let want = json!({"host.name": "sender", "a": "b", "os.type": "linux"});
    assert_eq!(attributes(&add(&data, &detected, false)), want);
}

#[test]
fn a_schema_that_a_resource_has_stays() {
    let (detected, _) = Detected::merge([Found::conventional().with("a", "b")], &[]);
    for (own, want) in
        [("", crate::found::SCHEMA_URL), ("https://example.org/1", "https://example.org/1")]
    {
        let mut builder = pdata::LogsBuilder::new();
        builder.resource(|_| {}).schema_url(own);
        builder.record(|record| {
            record.severity_number(9);
        });
        let component::Data::Logs(logs) = add(&builder.finish().into(), &detected, true) else {
            panic!()
        };
        assert_eq!(logs.resources().next().unwrap().schema_url(), want);
    }
}

#[test]
fn of_an_attribute_the_first_finding_counts() {
    let first = Found::default().with("a", "1");
    let second = Found::conventional().with("a", "2").with("b", json!(["x", "y"])).with("c", 7);
    let (detected, merged) = Detected::merge([first.clone(), second.clone()], &[]);
    assert_eq!(Json::Object(merged), json!({"a": "1", "b": ["x", "y"], "c": 7}));
    assert_eq!((detected.schema_url, detected.attributes.len()), (crate::found::SCHEMA_URL, 3));
    let (_, merged) = Detected::merge([first, second], &["b".to_owned()]);
    assert_eq!(Json::Object(merged), json!({"b": ["x", "y"]}));
}

#[tokio::test]
async fn one_look_is_for_all_pipelines() {
    let plan = planned("detectors: [env]");
    let host = TestHost::new();
    for signal in [Signal::Logs, Signal::Traces] {
        let settings = componenttest::processor_settings("resource_detection", signal);
        let sink = componenttest::Sink::new();
        let it = Arc::new(ResourceDetection::create(settings, Arc::clone(&plan), sink.next()));
        it.start(&host).await.unwrap();
    }
    assert!(plan.first.initialized());
    let _: Duration = plan.config.refresh_interval;
}
