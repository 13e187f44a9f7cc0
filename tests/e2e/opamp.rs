//! OpAMP servers, one made with opamp-go and one of the test's: what they are told over both transports, and what they send.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use componenttest::{HttpServer, Reply};
use pdata::text::Base64;
use prost::Message as _;
use serde_json::{Value, json};

use crate::support::{Process, SLUICE, eventually, own_address, part};

/// Tells this test's addresses from those of others.
const ADDRESS: u8 = 243;
const SECRET: &str = "hunter2canary";

/// The server, and what agents have told it so far. It ends with the test.
struct Server {
    child: Child,
    commands: ChildStdin,
    output: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    async fn start(program: &Path, folder: &Path, address: &str) -> Self {
        let output = folder.join("told");
        let mut child = Command::new(program)
            .arg(address)
            .stdin(Stdio::piped())
            .stdout(File::create(&output).unwrap())
            .stderr(File::create(folder.join("said")).unwrap())
            .spawn()
            .unwrap();
        let commands = child.stdin.take().unwrap();
        let server = Self { child, commands, output };
        assert!(eventually(|| !server.told().is_empty()).await, "the server does not start");
        server
    }

    fn told(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.output).unwrap_or_default();
        let whole = text.split_inclusive('\n').filter(|it| it.ends_with('\n'));
        whole.map(|it| serde_json::from_str(it).unwrap()).collect()
    }

    /// Waits for a message that is like this.
    async fn hears(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut found = None;
        eventually(|| {
            found = self.told().into_iter().find(&is);
            found.is_some()
        })
        .await;
        found.unwrap_or_else(|| panic!("{what}: {:#?}", self.told()))
    }

    fn say(&mut self, message: &Value) {
        writeln!(self.commands, "{message}").unwrap();
    }

    fn offer(&mut self, hash: &str, yaml: &str) {
        let encoded = |text: &str| Base64::STANDARD.encode(text.as_bytes());
        let file = json!({"body": encoded(yaml), "contentType": "text/yaml"});
        let config = json!({"configMap": {"edge.yaml": file}});
        self.say(&json!({"remoteConfig": {"config": config, "configHash": encoded(hash)}}));
    }

    /// Waits until the agent tells what has become of a configuration; its words.
    async fn hears_of(&self, hash: &str, status: &str) -> String {
        let (hash, status) =
            (Base64::STANDARD.encode(hash.as_bytes()), format!("RemoteConfigStatuses_{status}"));
        let is = |it: &Value| {
            let told = &it["remoteConfigStatus"];
            told["lastRemoteConfigHash"] == hash && told["status"] == status
        };
        let message = self.hears(&status, is).await;
        message["remoteConfigStatus"]["errorMessage"].as_str().unwrap_or_default().to_owned()
    }
}

/// The configuration in force that a message tells.
fn effective(message: &Value) -> Option<String> {
    let body = message["effectiveConfig"]["configMap"]["configMap"][""]["body"].as_str()?;
    String::from_utf8(Base64::STANDARD.decode(body.as_bytes()).unwrap()).ok()
}

/// The pipelines of one.
fn pipelines(yaml: &str) -> &str {
    let from = yaml.split_once("pipelines:").map_or("", |it| it.1);
    from.split_once("telemetry:").map_or(from, |it| it.0)
}

fn config(server: &str, capabilities: &str) -> String {
    format!(
        "extensions:
  opamp:
    server: {{{server}}}
    capabilities: {{{capabilities}}}
  bearer_token_auth: {{token: {SECRET}}}
receivers: {{nop: }}
exporters: {{nop: }}
service:
  extensions: [bearer_token_auth, opamp]
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{logs: {{receivers: [nop], exporters: [nop]}}}}
"
    )
}

/// A program that is told to run other configurations, and to stop.
async fn check(transport: &str, port: u16) {
    let Some(program) = part("opamp-go") else { return };
    let (folder, host) = (tempfile::tempdir().unwrap(), own_address(ADDRESS));
    let address = format!("{host}:{port}");
    let mut server = Server::start(&program, folder.path(), &address).await;
    let more = if transport == "http" { ", polling_interval: 100ms" } else { "" };
    let scheme = transport;
    let section = format!("{transport}: {{endpoint: '{scheme}://{address}/v1/opamp'{more}}}");
    let yaml = config(&section, "accepts_remote_config: true, accepts_restart_command: true");
    let mut process = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    process.ready().await;

    let first = server.hears("the first message", |it| it["agentDescription"].is_object()).await;
    assert_eq!(first["sequenceNum"], "1");
    let yaml = effective(&first).unwrap();
    assert!(yaml.contains("[REDACTED]") && !yaml.contains(SECRET), "{yaml}");
    assert!(yaml.contains("ppid_poll_interval: 5s"), "defaults are filled in: {yaml}");
    let is_well = |it: &Value| it["health"]["healthy"] == true;
    let well = server.hears("it is well", is_well).await;
    let parts = &well["health"]["componentHealthMap"];
    assert_eq!(parts["pipeline:logs"]["componentHealthMap"]["receiver:nop"]["status"], "StatusOK");
    server.say(&json!({"flags": "2"}));
    let has_components = |it: &Value| it["availableComponents"]["components"].is_object();
    let listed = server.hears("all components", has_components).await;
    let extensions = &listed["availableComponents"]["components"]["extensions"];
    assert!(extensions["subComponentMap"]["opamp"].is_object(), "{extensions}");

    // One that cannot be used changes nothing, and says where it is wrong.
    server.offer("bad", "exporters: {nope: }\nservice: {pipelines: {logs: {exporters: [nope]}}}");
    let why = server.hears_of("bad", "FAILED").await;
    assert!(why.contains("nope") && why.contains("1:"), "{why}");
    process.says("the running configuration stays").await;
    // One that can be used runs beside what has not changed.
    let more =
        "service: {extensions: [], pipelines: {traces: {receivers: [nop], exporters: [nop]}}}";
    server.offer("good", more);
    assert_eq!(server.hears_of("good", "APPLIED").await, "");
    process.says("Configuration reloaded.").await;
    let has_traces =
        |it: &Value| effective(it).is_some_and(|it| pipelines(&it).contains("traces:"));
    server.hears("the new configuration", has_traces).await;
    // Nobody can let himself in for more, or send the collector to somebody else.
    server.offer("steal", "extensions: {opamp: {server: {ws: {endpoint: 'ws://evil.test'}}}}");
    let why = server.hears_of("steal", "FAILED").await;
    assert!(why.starts_with("extensions::opamp: cannot be changed over the network"), "{why}");

    // The files are read again; what the server has sent stays over them.
    let before = server.told().iter().filter(|it| has_traces(it)).count();
    server.say(&json!({"command": {"type": "CommandType_Restart"}}));
    process.says_next("received restart command").await;
    process.says_next("Configuration reloaded.").await;
    assert_eq!(server.told().iter().filter(|it| has_traces(it)).count(), before);

    // Other own telemetry: all is new, and there is still one agent of the same name.
    let more = "service: {telemetry: {metrics: {level: basic}}, pipelines: {traces: {receivers: [nop], exporters: [nop]}}}";
    server.offer("telemetry", more);
    server.hears_of("telemetry", "APPLIED").await;
    let is_basic = |it: &Value| effective(it).is_some_and(|it| it.contains("level: basic"));
    let again = server.hears("the agent comes again", is_basic).await;
    assert_eq!(again["instanceUid"], first["instanceUid"]);

    process.terminate().await;
    let told = server.told();
    let messages: Vec<&Value> = told.iter().filter(|it| it["instanceUid"].is_string()).collect();
    assert!(messages.last().unwrap()["agentDisconnect"].is_object(), "{messages:#?}");
    let said = std::fs::read_to_string(folder.path().join("said")).unwrap();
    assert!(!said.contains("Cannot"), "the server complains: {said}");
    assert!(!process.output().contains(SECRET), "{}", process.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_over_websocket_sees_the_collector_and_changes_what_it_runs() {
    check("ws", 4320).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_over_http_sees_the_collector_and_changes_what_it_runs() {
    check("http", 4321).await;
}

/// The few messages that a server of the test's own needs.
mod wire {
    use std::collections::HashMap;

    use prost::Message;

    #[derive(Clone, PartialEq, Message)]
    pub struct AgentToServer {
        #[prost(message, optional, tag = "6")]
        pub effective_config: Option<EffectiveConfig>,
        #[prost(message, optional, tag = "7")]
        pub remote_config_status: Option<RemoteConfigStatus>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct EffectiveConfig {
        #[prost(message, optional, tag = "1")]
        pub config_map: Option<ConfigMap>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct RemoteConfigStatus {
        #[prost(bytes = "vec", tag = "1")]
        pub hash: Vec<u8>,
        #[prost(int32, tag = "2")]
        pub status: i32,
        #[prost(string, tag = "3")]
        pub error: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct ServerToAgent {
        #[prost(message, optional, tag = "3")]
        pub remote_config: Option<RemoteConfig>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct RemoteConfig {
        #[prost(message, optional, tag = "1")]
        pub config: Option<ConfigMap>,
        #[prost(bytes = "vec", tag = "2")]
        pub hash: Vec<u8>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct ConfigMap {
        #[prost(map = "string, message", tag = "1")]
        pub files: HashMap<String, File>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct File {
        #[prost(bytes = "vec", tag = "1")]
        pub body: Vec<u8>,
    }
}

/// What a configuration amounts to when it is offered again and again: its status and the words, and what runs then.
async fn offered(server: &HttpServer, yaml: &str) -> (i32, String, String) {
    let hash = yaml.as_bytes().to_vec();
    let files = HashMap::from([(String::new(), wire::File { body: hash.clone() })]);
    let config = Some(wire::ConfigMap { files });
    let remote_config = Some(wire::RemoteConfig { config, hash: hash.clone() });
    let offer = wire::ServerToAgent { remote_config }.encode_to_vec();
    server.answer(move |_| Reply::new("200 OK", offer.clone()));
    let (mut told, mut runs) = (None, String::new());
    eventually(|| {
        for request in server.requests() {
            let message = wire::AgentToServer::decode(&request.body[..]).unwrap();
            if let Some(it) = message.effective_config.and_then(|it| it.config_map) {
                runs = String::from_utf8(it.files[""].body.clone()).unwrap();
            }
            // APPLIED or FAILED.
            told = (message.remote_config_status)
                .filter(|it| it.hash == hash && [1, 3].contains(&it.status))
                .or(told.take());
        }
        told.is_some()
    })
    .await;
    let told = told.unwrap_or_else(|| panic!("nothing is told of {yaml}"));
    (told.status, told.error, runs)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_sends_is_run_over_the_files_or_refused_with_the_reason() {
    let (server, folder) = (HttpServer::start(), tempfile::tempdir().unwrap());
    let section = format!("http: {{endpoint: '{}', polling_interval: 50ms}}", server.url("/"));
    let yaml = config(&section, "accepts_remote_config: true");
    let mut process = Process::collector(Path::new(SLUICE), folder.path(), &yaml);
    process.ready().await;
    let traces = "service: {pipelines: {traces: {receivers: [nop], exporters: [nop]}}}";
    let (status, error, _) = offered(&server, traces).await;
    assert_eq!((status, error.as_str()), (1, ""), "{}", process.output());
    process.says("Configuration reloaded.").await;
    let (status, error, runs) = offered(&server, "receivers: {nope: }").await;
    assert!(
        status == 3 && error.contains("nope") && pipelines(&runs).contains("traces:"),
        "{error} {runs}"
    );
    // The files change: what the server has sent last and could be run stays over them.
    process.rewrite(&yaml.replace("logs:", "metrics:"));
    process.hang_up();
    process.says_next("Received signal from OS").await;
    process.says_next("Configuration reloaded.").await;
    let both = |it: &str| it.contains("metrics:") && it.contains("traces:");
    assert!(eventually(|| last_pipelines(&server).is_some_and(|it| both(&it))).await);
    // They do not let the server in any more.
    process.rewrite(&yaml.replace("accepts_remote_config: true", "accepts_remote_config: false"));
    process.hang_up();
    process.says_next("is not used any more").await;
    process.says_next("Configuration reloaded.").await;
    let files_only = |it: &str| it.contains("logs:") && !it.contains("traces:");
    assert!(eventually(|| last_pipelines(&server).is_some_and(|it| files_only(&it))).await);
    process.terminate().await;
}

/// The pipelines of the configuration in force that was told last.
fn last_pipelines(server: &HttpServer) -> Option<String> {
    let all = server.requests().into_iter().rev();
    let mut all = all.map(|it| wire::AgentToServer::decode(&it.body[..]).unwrap());
    let map = all.find_map(|it| it.effective_config)?.config_map?;
    let text = String::from_utf8(map.files[""].body.clone()).unwrap();
    Some(pipelines(&text).to_owned())
}
