//! Objects and events of a real API server, over everything that can go wrong between it and the program.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value as Json, json};

use crate::support::{Process, SLUICE, eventually, own_address, part, repository};

/// An etcd and an API server; both end when this is dropped.
pub(super) struct Cluster {
    folder: PathBuf,
    parts: PathBuf,
    etcd: String,
    url: String,
}

fn script(name: &str, arguments: &[&Path], port: &str, environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(repository().join("tests/parts").join(name));
    command.args(arguments).args((!port.is_empty()).then_some(port));
    let out = command.envs(environment.iter().copied()).output().unwrap();
    assert!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

impl Cluster {
    pub(super) fn start(folder: &Path) -> Option<Self> {
        let (Some(_), Some(server)) = (part("etcd"), part("kube-apiserver")) else { return None };
        let parts = server.parent().unwrap().parent().unwrap().to_owned();
        let etcd = script("start-etcd", &[&parts, &folder.join("etcd")], "", &[]);
        let mut it = Self { folder: folder.to_owned(), parts, etcd, url: String::new() };
        it.start_server("");
        Some(it)
    }

    fn start_server(&mut self, port: &str) {
        let state = self.folder.join("server");
        let environment = [("ETCD", self.etcd.as_str())];
        self.url = script("start-kube-apiserver", &[&self.parts, &state], port, &environment);
    }

    fn stop_server(&self) {
        script("stop", &[&self.folder.join("server")], "", &[]);
    }

    /// As after an upgrade of the control plane: everything that was watched is cut.
    fn restart_server(&mut self) {
        self.stop_server();
        let port = self.url.rsplit(':').next().unwrap().to_owned();
        self.start_server(&port);
    }

    pub(super) fn kubeconfig(&self) -> String {
        self.folder.join("server/kubeconfig").to_str().unwrap().to_owned()
    }

    pub(super) fn ask(&self, method: &str, path: &str, body: &Json) -> Json {
        let mut command = Command::new("curl");
        command.args(["-sS", "--fail-with-body", "-X", method, "--cacert"]);
        command.arg(self.folder.join("server/ca.crt"));
        command.args(["-H", "Authorization: Bearer admintoken", "-H"]);
        command.arg(match method {
            "PATCH" => "Content-Type: application/merge-patch+json",
            _ => "Content-Type: application/json",
        });
        command.args(["-d", &body.to_string(), &format!("{}{path}", self.url)]);
        let out = command.output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success(), "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    fn make(&self, name: &str) -> Json {
        let body = json!({"metadata": {"name": name}, "data": {"round": "0"}});
        self.ask("POST", "/api/v1/namespaces/default/configmaps", &body)
    }

    fn change(&self, name: &str) -> Json {
        let path = format!("/api/v1/namespaces/default/configmaps/{name}");
        self.ask("PATCH", &path, &json!({"data": {"round": "1"}}))
    }

    fn delete(&self, name: &str) {
        let path = format!("/api/v1/namespaces/default/configmaps/{name}");
        self.ask("DELETE", &path, &json!({}));
    }

    fn event(&self, name: &str) {
        let now = humantime_now();
        let body = json!({
            "metadata": {"name": name}, "type": "Warning", "reason": "BackOff", "message": format!("says {name}"),
            "involvedObject": {"kind": "Pod", "name": "web", "namespace": "default"},
            "firstTimestamp": now, "lastTimestamp": now, "count": 1,
        });
        self.ask("POST", "/api/v1/namespaces/default/events", &body);
    }

    /// The server forgets everything up to now.
    fn forget(&mut self) {
        let version = self.make("last")["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
        self.stop_server();
        let mut command = Command::new(self.parts.join("bin/etcdctl"));
        command.args(["--endpoints", &self.etcd, "compact", &version]);
        assert!(command.status().unwrap().success());
        let port = self.url.rsplit(':').next().unwrap().to_owned();
        self.start_server(&port);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for name in ["server", "etcd"] {
            let mut command = Command::new(repository().join("tests/parts/stop"));
            // One that has ended already is no matter.
            let _ = command.arg(self.folder.join(name)).output();
        }
    }
}

/// A second ahead, for an event carries whole seconds and must not be older than who reads it.
fn humantime_now() -> String {
    let out = Command::new("date").args(["-u", "-d", "+1 second", "+%Y-%m-%dT%H:%M:%SZ"]).output();
    String::from_utf8(out.unwrap().stdout).unwrap().trim().to_owned()
}

/// One collector with a folder of its own.
struct Collector {
    folder: PathBuf,
    yaml: String,
    kubeconfig: String,
    address: String,
}

impl Collector {
    fn new(cluster: &Cluster, name: &str, address: String) -> Self {
        let folder = cluster.folder.join(name);
        std::fs::create_dir_all(folder.join("storage")).unwrap();
        let yaml = format!(
            "extensions:
  file_storage: {{directory: '{storage}'}}
  k8s_leader_elector:
    {{auth_type: kubeConfig, lease_name: collector, lease_namespace: default, lease_duration: 6s, renew_deadline: 4s, retry_period: 500ms}}
receivers:
  k8sobjects:
    auth_type: kubeConfig
    storage: file_storage
    k8s_leader_elector: k8s_leader_elector
    objects: [{{name: configmaps, mode: watch, namespaces: [default]}}]
  k8s_events: {{auth_type: kubeConfig, storage: file_storage, k8s_leader_elector: k8s_leader_elector}}
exporters: {{file: {{path: '{out}', append: true}}}}
service:
  extensions: [file_storage, k8s_leader_elector]
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: '{address}', port: 8888}}}}}}}}]}}}}
  pipelines:
    logs: {{receivers: [k8sobjects, k8s_events], exporters: [file]}}
",
            storage = folder.join("storage").display(),
            out = folder.join("out.json").display(),
        );
        Self { folder, yaml, kubeconfig: cluster.kubeconfig(), address }
    }

    async fn start(&self) -> Process {
        let config = self.folder.join("sluice.yaml");
        std::fs::write(&config, &self.yaml).unwrap();
        let environment = [("KUBECONFIG", self.kubeconfig.as_str())];
        let arguments = ["--config", config.to_str().unwrap()];
        let mut it = Process::start_with(Path::new(SLUICE), &self.folder, &arguments, &environment);
        it.says_next("Everything is ready.").await;
        it
    }

    /// `ADDED c1` or `event e1`, in order by kind; those of the cluster itself left out.
    fn told(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.join("out.json")).unwrap_or_default();
        let mut all = Vec::new();
        for line in text.lines() {
            let request: Json = serde_json::from_str(line).unwrap();
            for group in request["resourceLogs"].as_array().unwrap() {
                for record in group["scopeLogs"][0]["logRecords"].as_array().unwrap() {
                    all.push(shown(record));
                }
            }
        }
        all.retain(|it| !it.contains("kube-root-ca.crt"));
        all
    }

    async fn tells(&self, process: &Process, want: &[&str]) {
        let sorted = |mut all: Vec<String>| {
            all.sort();
            all
        };
        let want = sorted(want.iter().map(|&it| it.to_owned()).collect());
        eventually(|| self.told().len() >= want.len()).await;
        assert_eq!(sorted(self.told()), want, "{} {}", self.address, process.output());
    }
}

fn shown(record: &Json) -> String {
    if let Some(text) = record["body"]["stringValue"].as_str() {
        return format!("event {}", text.trim_start_matches("says "));
    }
    let attributes = record["attributes"].as_array().unwrap();
    let name = attributes.iter().find(|it| it["key"] == "event.name").unwrap();
    let values = record["body"]["kvlistValue"]["values"].as_array().unwrap();
    let kind = values.iter().find(|it| it["key"] == "type").unwrap();
    format!(
        "{} {}",
        kind["value"]["stringValue"].as_str().unwrap(),
        name["value"]["stringValue"].as_str().unwrap()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_collectors_tells_everything_once_over_cuts_restarts_and_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut cluster) = Cluster::start(folder.path()) else { return };
    cluster.make("old");
    let first = Collector::new(&cluster, "first", own_address(20));
    let mut a = first.start().await;
    a.says("this collector is the leader").await;
    // It begins to watch within that time.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    cluster.make("c1");
    cluster.change("c1");
    cluster.delete("c1");
    cluster.event("e1");
    let mut want = vec!["ADDED c1", "MODIFIED c1", "DELETED c1", "event e1"];
    first.tells(&a, &want).await;

    // The server goes away and comes back.
    cluster.restart_server();
    cluster.make("c2");
    cluster.event("e2");
    want.extend(["ADDED c2", "event e2"]);
    first.tells(&a, &want).await;

    // The collector goes away and comes back.
    assert!(a.terminate().await.success(), "{}", a.output());
    cluster.make("c3");
    cluster.event("e3");
    a = first.start().await;
    want.extend(["ADDED c3", "event e3"]);
    first.tells(&a, &want).await;

    // The configuration is read again, and the receivers are others.
    let qps = first
        .yaml
        .replace("    storage: file_storage\n", "    storage: file_storage\n    kube_api_qps: 9\n");
    a.rewrite(&qps.replace("k8s_events: {", "k8s_events: {kube_api_qps: 9, "));
    a.hang_up();
    a.says_next("Configuration reloaded.").await;
    cluster.make("c4");
    want.push("ADDED c4");
    first.tells(&a, &want).await;

    // The server forgets what has happened since the collector went away.
    assert!(a.terminate().await.success(), "{}", a.output());
    cluster.change("c2");
    cluster.make("c5");
    cluster.delete("c4");
    cluster.forget();
    a = first.start().await;
    // When the last change was delivered is not known any more: whether the last two are new neither.
    want.extend(["MODIFIED c2", "MODIFIED c5", "MODIFIED last"]);
    first.tells(&a, &want).await;
    a.says("does not remember what happened since then").await;

    // A second collector takes over.
    let second = Collector::new(&cluster, "second", own_address(21));
    let mut b = second.start().await;
    cluster.make("c6");
    want.push("ADDED c6");
    first.tells(&a, &want).await;
    assert!(a.terminate().await.success(), "{}", a.output());
    b.says("this collector is the leader").await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    cluster.make("c7");
    second.tells(&b, &["ADDED c7"]).await;
    first.tells(&a, &want).await;
    assert!(b.terminate().await.success(), "{}", b.output());
}
