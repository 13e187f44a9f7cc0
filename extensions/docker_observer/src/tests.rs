use std::path::Path;
use std::sync::{Arc, Mutex};

use component::config::Value;
use component::{Component as _, Endpoint, Endpoints, Extension as _, Observer as _};
use componenttest::{HttpServer, Reply, TestHost, captured, config, metric, problems, settings};
use docker::{Container, Daemon, Listed};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;

use crate::{CONTAINERS_MAX, Config, DockerObserver, Known, Plan, endpoints};

componenttest::conformance!(extension DockerObserver, "{endpoint: 'unix:///nowhere/docker.sock'}");

fn container(id: &str) -> Json {
    json!({
        "Id": id, "Name": "/web", "State": {"Running": true, "Paused": false},
        "Config": {
            "Hostname": "web-host", "Image": "shop/web:2", "Cmd": ["serve", "-p", "80"], "Labels": {"app": "web"},
            "ExposedPorts": {"80/tcp": {}, "8125/udp": {}},
        },
        "NetworkSettings": {
            "Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "8125/udp": null},
            "Networks": {"bridge": {"IPAddress": "172.17.0.2"}},
        },
    })
}

fn found(section: &str, container: Json) -> Vec<Endpoint> {
    let container: Container = serde_json::from_value(container).unwrap();
    endpoints::of(&container, &config::<Config>(section))
}

fn targets(section: &str) -> Vec<String> {
    found(section, container("c"))
        .into_iter()
        .map(|it| format!("{} {}", it.id, it.target))
        .collect()
}

#[test]
fn ports_are_reached_in_the_container_or_at_the_host() {
    assert_eq!(targets("{}"), ["c:8080 172.17.0.2:80", "c:8125 172.17.0.2:8125"]);
    assert_eq!(
        targets("use_host_bindings: true"),
        ["c:8080 127.0.0.1:8080", "c:8125 172.17.0.2:8125"]
    );
    assert_eq!(targets("ignore_non_host_bindings: true"), ["c:8080 172.17.0.2:80"]);
    assert_eq!(targets("use_hostname_if_present: true")[0], "c:8080 web-host:80");
    let mut own = container("c");
    own["NetworkSettings"]["Networks"] = json!(null);
    own["NetworkSettings"]["Ports"] = json!(null);
    assert_eq!(found("use_host_bindings: true", own)[0].target, "127.0.0.1:80");
    let mut still = container("c");
    still["State"]["Paused"] = json!(true);
    assert!(found("{}", still).is_empty());
}

#[test]
fn rules_see_what_the_container_is() {
    let one = found("{}", container("c")).remove(0);
    let text = |it: &str| Some(Value::String(it.into()));
    for (key, want) in [
        ("type", text("container")),
        ("name", text("web")),
        ("image", text("shop/web")),
        ("tag", text("2")),
        ("port", Some(Value::Int(80))),
        ("alternate_port", Some(Value::Int(8080))),
        ("command", text("serve -p 80")),
        ("container_id", text("c")),
        ("host", text("172.17.0.2")),
        ("transport", text("TCP")),
        ("labels", Some(Value::Map(vec![("app".into(), Value::String("web".into()))]))),
    ] {
        assert_eq!(one.get(key), want.as_ref(), "{key}");
    }
}

/// A daemon with these containers at the moment; `None` is one that fails.
fn daemon(socket: &Path, running: Arc<Mutex<Option<Vec<&'static str>>>>) {
    let listener = UnixListener::bind(socket).unwrap();
    componenttest::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let length = socket.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let running = running.lock().unwrap().clone();
            let id = path.strip_prefix("/containers/").and_then(|it| it.strip_suffix("/json"));
            let (status, body) = match (&running, id) {
                (None, _) => (500, json!({"message": "it is on fire"})),
                (Some(_), Some("gone")) => (404, json!({"message": "No such container"})),
                (Some(_), Some(id)) => (200, container(id)),
                (Some(all), None) => {
                    let listed = |id: &&str| json!({"Id": id, "Image": format!("{id}-image")});
                    (200, all.iter().map(listed).collect())
                }
            };
            let body = body.to_string();
            let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n", body.len());
            let text = format!("{head}Connection: close\r\n\r\n{body}");
            let _ = socket.write_all(text.as_bytes()).await;
        }
    });
}

#[tokio::test]
async fn containers_come_and_go_and_stay_while_the_daemon_fails() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let running = Arc::new(Mutex::new(Some(vec!["one", "gone", "left-out"])));
    daemon(&socket, Arc::clone(&running));
    let section = format!(
        "{{endpoint: 'unix://{}', excluded_images: [left-out-image], ignore_non_host_bindings: true}}",
        socket.display()
    );
    let (host, settings) = (TestHost::new(), settings("docker_observer"));
    let meter = settings.meter.clone();
    let observer = DockerObserver::create(settings, config::<Plan>(&section)).unwrap();
    let observer = Arc::new(observer);
    let mut found = observer.endpoints();
    Arc::clone(&observer).start(&host).await.unwrap();
    let ids = |it: &Endpoints| it.keys().cloned().collect::<Vec<_>>();
    let first = found.wait_for(|it| ids(it) == ["one:8080"]).await.unwrap().clone();
    *running.lock().unwrap() = None;
    let count = |name| metric(&meter, name, &[("extension", "docker_observer")]);
    while count("sluice_docker_observer_failures_total") < Some(1.0) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(ids(&found.borrow()), ["one:8080"]);
    *running.lock().unwrap() = Some(vec!["one", "two"]);
    let both = found.wait_for(|it| ids(it) == ["one:8080", "two:8080"]).await.unwrap().clone();
    // Who compares by pointer sees that it is the same.
    assert!(Arc::ptr_eq(&first["one:8080"], &both["one:8080"]));
    assert_eq!(count("sluice_docker_observer_endpoints"), Some(2.0));
    *running.lock().unwrap() = Some(Vec::new());
    found.wait_for(|it| it.is_empty()).await.unwrap();
    host.stop().await;
}

/// The extension, and a daemon that it asks.
fn beside(section: &str) -> (HttpServer, Daemon, DockerObserver) {
    let server = HttpServer::start();
    server.answer(|_| Reply::new("200 OK", container("c").to_string()));
    let plan = config::<Plan>(&format!("{{endpoint: '{}', {section}}}", server.url("")));
    let (timeout, tls) = (plan.config.timeout.std(), configtls::ClientConfig::default());
    let daemon = Daemon::new(&plan.daemon, "", timeout, &tls, "test").unwrap();
    (server, daemon, DockerObserver::create(settings("docker_observer"), plan).unwrap())
}

fn listed(ids: &[&str]) -> Vec<Listed> {
    ids.iter().map(|id| Listed { id: (*id).into(), image: format!("{id}-image") }).collect()
}

#[tokio::test]
async fn a_container_that_cannot_be_asked_again_stays_what_it_was() {
    let (server, daemon, observer) = beside("");
    let mut known = Known::new();
    observer.learn(&daemon, &mut known, listed(&["one"])).await;
    known.get_mut("one").unwrap().is_due = true;
    server.answer(|_| Reply::new("500 On Fire", "{}"));
    observer.learn(&daemon, &mut known, listed(&["one", "two"])).await;
    assert_eq!((known.len(), known["one"].endpoints.len()), (1, 2));
    // It is asked again until it answers.
    server.answer(|_| Reply::new("200 OK", "{}"));
    observer.learn(&daemon, &mut known, listed(&["one"])).await;
    assert_eq!((known["one"].endpoints.len(), known["one"].is_due), (0, false));
}

#[tokio::test]
async fn a_container_that_is_left_out_by_its_own_word_is_asked_once() {
    let (server, daemon, observer) = beside("excluded_images: ['shop/web:2']");
    let mut known = Known::new();
    for _ in 0..2 {
        observer.learn(&daemon, &mut known, listed(&["one"])).await;
    }
    assert_eq!(server.requests().len(), 1);
    assert!(known["one"].endpoints.is_empty());
}

#[test]
fn containers_that_are_left_out_do_not_count_as_too_many() {
    let (_, _, observer) = beside("excluded_images: ['out-*']");
    let ids = |name: &str| (0..=CONTAINERS_MAX).map(|it| format!("{name}-{it}")).collect();
    let (out, many): (Vec<String>, Vec<String>) = (ids("out"), ids("in"));
    let mut is_full = false;
    let mut errors = |ids: &[String]| {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        captured(|| observer.wanted(listed(&ids), &mut is_full)).1.len()
    };
    assert_eq!(errors(&out), 0);
    assert_eq!((errors(&many), errors(&many)), (1, 0));
}

#[test]
fn a_section_that_cannot_work_is_told() {
    let check = |section: &str, want: &str| {
        let wrong = problems::<Plan>(section);
        assert!(wrong.iter().any(|it| it.contains(want)), "{section}: {wrong:?}");
    };
    check("endpoint: 'ftp://x'", "unable to parse docker host");
    check("timeout: 0s", "timeout must be positive");
    check("api_version: '1.2'", "must be at least 1.25");
    check("excluded_images: ['/(/']", "could not determine docker client excluded images");
}
