use std::sync::Arc;

use bytes::Bytes;
use component::config::Stage;
use component::{
    Capability, ClientAuth, Context, End, Kind, Phase, PipelineView, RemoteConfiguration, Reported,
    ServiceView, Status, TypeView, clock,
};
use componenttest::{HttpServer, Reply, TestHost, config, planned, problems, settings, warnings};
use http::{HeaderMap, HeaderValue};
use prost::Message as _;
use tokio::net::TcpListener;

use super::*;
use crate::agent::Order;
use crate::messages::{
    AgentConfigFile, AgentConfigMap, AgentIdentification, AgentRemoteConfig, AgentToServer,
    ConnectionSettingsOffers, KeyValue, OpAmpConnectionSettings, RemoteConfigStatuses, RetryInfo,
    ServerErrorResponse, ServerErrorResponseType, ServerToAgent, asked,
};

mod peer;
use peer::{Frame, LIMIT, Peer};

componenttest::conformance!(extension OpAmp, "server: {ws: {endpoint: 'ws://localhost:1'}}");

const UID: &str = "01980000-0000-7000-8000-000000000001";

fn view(phase: Phase, statuses: &[(&str, Status)]) -> ServiceView {
    let end = |id: &str| vec![End { id: id.parse().unwrap(), is_connector: false }];
    let types =
        [(Kind::Receiver, "otlp", "otlp_receiver"), (Kind::Exporter, "debug", "debug_exporter")];
    let types = types.map(|(kind, type_name, module)| TypeView { kind, type_name, module });
    let resource = [
        ("service.instance.id", UID),
        ("service.name", "edge"),
        ("deployment.environment", "test"),
    ];
    ServiceView {
        phase,
        phase_since: Some(clock::now()),
        started: Some(clock::now()),
        pipelines: vec![PipelineView {
            id: "logs".parse().unwrap(),
            receivers: end("otlp"),
            processors: Vec::new(),
            exporters: end("debug"),
        }],
        extensions: vec!["opamp".parse().unwrap()],
        statuses: (statuses.iter())
            .map(|(instance, status)| Reported {
                instance: (*instance).into(),
                status: status.clone(),
                since: clock::now(),
            })
            .collect(),
        types: types.into(),
        resource: resource.map(|(key, it)| (key.to_owned(), it.to_owned())).into(),
        ..ServiceView::default()
    }
}

/// The extension beside a WebSocket server; `more` follows the endpoint in the section of the server, `rest` the server.
struct Over {
    host: TestHost,
    extension: Arc<OpAmp>,
    listener: TcpListener,
}

impl Over {
    async fn websocket(more: &str, rest: &str) -> Self {
        let host = TestHost::new();
        host.show(view(Phase::Running, &[]));
        Self::on(host, more, rest).await
    }

    async fn on(host: TestHost, more: &str, rest: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let section = format!("{{server: {{ws: {{endpoint: 'ws://{at}/v1/opamp'{more}}}}}{rest}}}");
        let extension = start(&host, &section).await.unwrap();
        Self { host, extension, listener }
    }

    async fn stop(&self) {
        self.host.shutdown(&*self.extension, LIMIT).await;
    }
}

async fn start(host: &TestHost, section: &str) -> Result<Arc<OpAmp>, BoxError> {
    let extension = Arc::new(OpAmp::create(settings("opamp"), config(section))?);
    Arc::clone(&extension).start(host).await?;
    Ok(extension)
}

fn attribute<'a>(all: &'a [KeyValue], key: &str) -> Option<&'a str> {
    all.iter().find(|it| it.key == key)?.value.as_ref()?.string_value.as_deref()
}

fn configuration(message: &AgentToServer) -> Option<&str> {
    let map = message.effective_config.as_ref()?.config_map.as_ref()?;
    let file = map.config_map.get("")?;
    assert_eq!(file.content_type, "text/yaml");
    std::str::from_utf8(&file.body).ok()
}

fn offer(hash: &'static [u8], files: &[(&str, &str, &str)]) -> ServerToAgent {
    let files = files.iter().map(|(name, kind, text)| {
        let body = Bytes::copy_from_slice(text.as_bytes());
        ((*name).to_owned(), AgentConfigFile { body, content_type: (*kind).to_owned() })
    });
    let config = Some(AgentConfigMap { config_map: files.collect() });
    let remote_config = Some(AgentRemoteConfig { config, config_hash: Bytes::from_static(hash) });
    ServerToAgent { remote_config, ..ServerToAgent::default() }
}

/// The status of the remote configuration that a message tells.
fn remote(message: &AgentToServer) -> (RemoteConfigStatuses, &[u8], &str) {
    let status = message.remote_config_status.as_ref().expect("a status");
    (status.status(), &status.last_remote_config_hash, &status.error_message)
}

#[tokio::test]
async fn the_first_message_says_everything_and_the_next_ones_what_is_new() {
    let test = Over::websocket("", "").await;
    let mut peer = Peer::accept(&test.listener).await;
    assert!(peer.head.starts_with("GET /v1/opamp HTTP/1.1\r\n"), "{}", peer.head);
    assert_eq!(peer.header("sec-websocket-version"), "13");
    let first = peer.hear().await;
    assert_eq!(first.instance_uid, UID.parse::<Uuid>().unwrap().as_bytes()[..]);
    assert_eq!((first.sequence_num, first.capabilities), (1, 0x1 | 0x4 | 0x800 | 0x2000 | 0x4000));
    let description = first.agent_description.as_ref().unwrap();
    let identifying = &description.identifying_attributes;
    assert_eq!(attribute(identifying, "service.instance.id"), Some(UID));
    assert_eq!(attribute(identifying, "service.name"), Some("edge"));
    assert_eq!(attribute(identifying, "service.version"), Some("0.0.0"));
    let others = &description.non_identifying_attributes;
    assert_eq!(attribute(others, "os.type"), Some("linux"));
    assert!(attribute(others, "host.name").is_some_and(|it| !it.is_empty()));
    assert_eq!(attribute(others, "deployment.environment"), None);
    assert_eq!(configuration(&first), Some("receivers: {}\n"));
    let health = first.health.as_ref().unwrap();
    assert!(health.healthy && health.start_time_unix_nano > 0, "{health:?}");
    assert_eq!(health.status, "StatusOK");
    let logs = &health.component_health_map["pipeline:logs"];
    assert!(logs.component_health_map["receiver:otlp"].healthy);
    let components = first.available_components.as_ref().unwrap();
    assert_eq!((components.hash.len(), components.components.len()), (32, 0));
    assert_eq!(first.remote_config_status, None);

    let why = Status::Recoverable("no answer".into());
    test.host.show(view(Phase::Running, &[("exporter/debug (logs)", why)]));
    let second = peer.hear().await;
    let health = second.health.as_ref().unwrap();
    assert_eq!((health.healthy, health.last_error.as_str()), (false, "no answer"));
    assert_eq!(health.status, "StatusRecoverableError");
    assert_eq!((second.sequence_num, &second.agent_description), (2, &None));
    assert_eq!((&second.effective_config, &second.available_components), (&None, &None));

    test.host.configure("receivers: {otlp: {}}\n");
    let third = peer.hear().await;
    assert_eq!(configuration(&third), Some("receivers: {otlp: {}}\n"));
    assert_eq!(third.health, None);

    let (last, ()) = tokio::join!(
        async { (peer.hear().await, peer.frame().await, peer.frame().await) },
        test.stop()
    );
    assert!(last.0.agent_disconnect.is_some(), "{:?}", last.0);
    assert_eq!((last.1, last.2), (Frame::Other(8, vec![3, 232]), Frame::End));
}

#[tokio::test]
async fn a_server_that_has_missed_something_is_told_everything_again() {
    let test = Over::websocket("", "").await;
    let mut peer = Peer::accept(&test.listener).await;
    let first = peer.hear().await;
    peer.say(ServerToAgent { flags: asked::AVAILABLE_COMPONENTS, ..ServerToAgent::default() })
        .await;
    let components = peer.hear().await.available_components.unwrap();
    assert_eq!(components.hash, first.available_components.as_ref().unwrap().hash);
    let otlp = &components.components["receivers"].sub_component_map["otlp"];
    assert_eq!(attribute(&otlp.metadata, "code.namespace"), Some("otlp_receiver v0.0.0"));
    peer.say(ServerToAgent { flags: asked::FULL_STATE, ..ServerToAgent::default() }).await;
    let again = peer.hear().await;
    assert_eq!(again.agent_description, first.agent_description);
    assert_eq!((&again.health, &again.effective_config), (&first.health, &first.effective_config));
    assert_eq!(again.available_components, Some(components));
    test.stop().await;
}

#[tokio::test]
async fn what_is_not_to_be_told_is_not_told_and_more_is_told_where_wanted() {
    let rest = ", instance_uid: 01BX5ZZKBKACTAV9WEVGEMMVRZ, capabilities: {reports_effective_config: false, \
        reports_health: false, reports_available_components: false}, agent_description: \
        {include_resource_attributes: true, non_identifying_attributes: {host.name: mine, rack: '7'}}";
    let test = Over::websocket("", rest).await;
    let first = Peer::accept(&test.listener).await.hear().await;
    assert_eq!(
        (first.capabilities, &first.health, &first.effective_config),
        (0x2001, &None, &None)
    );
    assert_eq!(first.available_components, None);
    let ulid = "015f4bff-cd73-5334-ada7-8edc1d4a6f1f".parse::<Uuid>().unwrap();
    assert_eq!(first.instance_uid, ulid.as_bytes()[..]);
    let description = first.agent_description.unwrap();
    let others = &description.non_identifying_attributes;
    for (key, value) in [("host.name", "mine"), ("rack", "7"), ("deployment.environment", "test")] {
        assert_eq!(attribute(others, key), Some(value));
    }
    assert_eq!(attribute(others, "service.name"), None);
    test.stop().await;
}

#[tokio::test]
async fn after_a_lost_connection_the_next_one_begins_anew() {
    let test = Over::websocket("", "").await;
    let mut peer = Peer::accept(&test.listener).await;
    let first = peer.hear().await;
    drop(peer);
    let mut peer = Peer::accept(&test.listener).await;
    let again = peer.hear().await;
    assert_eq!((again.instance_uid, again.sequence_num), (first.instance_uid, 2));
    assert_eq!(again.effective_config, first.effective_config);
    // One that sends what no server may is told so.
    peer.write(b"\x81\x02hi").await;
    assert_eq!(peer.frame().await, Frame::Other(8, 1003_u16.to_be_bytes().to_vec()));
    let mut peer = Peer::accept(&test.listener).await;
    peer.hear().await;
    peer.write(b"\x82\x02\x00\xff").await;
    assert_eq!(peer.frame().await, Frame::Other(8, 1002_u16.to_be_bytes().to_vec()));
    let mut peer = Peer::accept(&test.listener).await;
    peer.hear().await;
    peer.write(b"\x89\x02hi").await;
    assert_eq!(peer.frame().await, Frame::Other(10, b"hi".to_vec()));
    test.stop().await;
}

#[tokio::test]
async fn pings_are_answered_between_messages() {
    let test = Over::websocket("", "").await;
    let mut peer = Peer::accept(&test.listener).await;
    peer.hear().await;
    for payload in [&[][..], &[7; 125]] {
        let length = u8::try_from(payload.len()).unwrap();
        peer.write(&[&[0x89, length], payload].concat()).await;
        assert_eq!(peer.frame().await, Frame::Other(10, payload.to_vec()));
    }
    let why = Status::Recoverable("no answer".into());
    test.host.show(view(Phase::Running, &[("exporter/debug (logs)", why)]));
    assert!(peer.hear().await.health.is_some_and(|it| !it.healthy));
    test.stop().await;
}

#[tokio::test]
async fn what_no_server_may_send_ends_the_connection_with_the_code_that_says_why() {
    for (bytes, code) in [
        (&b"\xc2\x00"[..], 1002_u16),
        (b"\x82\x80mask", 1002),
        (b"\x80\x00", 1002),
        (&[&b"\x89\x7e\x00\x7e"[..], &[0; 126]].concat(), 1002),
        (b"\x81\x02hi", 1003),
        (b"\x82\x7f\x00\x00\x00\x00\x00\x80\x00\x01", 1009),
        (b"\x82\x01\xff", 1002),
        (b"\x88\x02\x03\xe8", 1000),
    ] {
        let test = Over::websocket("", "").await;
        let mut peer = Peer::accept(&test.listener).await;
        peer.hear().await;
        peer.write(bytes).await;
        assert_eq!(peer.frame().await, Frame::Other(8, code.to_be_bytes().to_vec()), "{bytes:?}");
        test.stop().await;
    }
}

#[tokio::test]
async fn a_server_that_is_overloaded_is_left_and_asked_again() {
    let test = Over::websocket("", "").await;
    let mut peer = Peer::arrived(&test.listener).await;
    peer.write(b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n").await;
    let mut peer = Peer::arrived(&test.listener).await;
    peer.write(b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: wrong\r\n\r\n").await;
    let mut peer = Peer::accept(&test.listener).await;
    peer.hear().await;
    let error = ServerErrorResponse {
        r#type: ServerErrorResponseType::BadRequest.into(),
        error_message: "what?".into(),
        retry_info: None,
    };
    peer.say(ServerToAgent { error_response: Some(error.clone()), ..Default::default() }).await;
    let r#type = ServerErrorResponseType::Unavailable.into();
    let retry_info = Some(RetryInfo { retry_after_nanoseconds: 1 });
    let error = ServerErrorResponse { r#type, retry_info, ..error };
    peer.say(ServerToAgent { error_response: Some(error), ..Default::default() }).await;
    assert!(peer.hear().await.agent_disconnect.is_some());
    assert_eq!(peer.frame().await, Frame::Other(8, vec![3, 232]));
    assert_eq!(Peer::accept(&test.listener).await.hear().await.sequence_num, 3);
    test.stop().await;
}

#[tokio::test]
async fn a_configuration_of_the_server_is_run_and_what_became_of_it_is_told() {
    let test = Over::websocket("", ", capabilities: {accepts_remote_config: true}").await;
    let mut peer = Peer::accept(&test.listener).await;
    let first = peer.hear().await;
    assert_eq!(first.capabilities & 0x1002, 0x1002);
    assert_eq!(remote(&first), (RemoteConfigStatuses::Unset, &b""[..], ""));
    let files = [("b.yaml", "text/yaml", "b: 1"), ("a", "", "a: 1"), ("empty", "", " \n")];
    peer.say(offer(b"one", &files)).await;
    assert_eq!(remote(&peer.hear().await), (RemoteConfigStatuses::Applying, &b"one"[..], ""));
    let told = test.host.remote_configuration().await;
    assert_eq!((told.by.as_str(), &told.texts[..]), ("opamp", &["a: 1".into(), "b: 1".into()][..]));
    told.answer(Ok(()));
    assert_eq!(remote(&peer.hear().await), (RemoteConfigStatuses::Applied, &b"one"[..], ""));
    // What is known is not run again: the next one is the one after it.
    peer.say(offer(b"one", &files)).await;
    peer.say(offer(b"two", &[("", "", "bad: 1")])).await;
    assert_eq!(remote(&peer.hear().await), (RemoteConfigStatuses::Applying, &b"two"[..], ""));
    let told = test.host.remote_configuration().await;
    assert_eq!(told.texts, ["bad: 1"]);
    told.answer(Err("unknown key bad".to_owned()));
    let failed = (RemoteConfigStatuses::Failed, &b"two"[..], "unknown key bad");
    assert_eq!(remote(&peer.hear().await), failed);
    // Nothing takes away what came before.
    peer.say(offer(b"none", &[])).await;
    assert_eq!(remote(&peer.hear().await).0, RemoteConfigStatuses::Applying);
    let told = test.host.remote_configuration().await;
    assert_eq!(told.texts, [""; 0]);
    told.answer(Ok(()));
    assert_eq!(remote(&peer.hear().await), (RemoteConfigStatuses::Applied, &b"none"[..], ""));
    test.stop().await;
}

#[tokio::test]
async fn of_configurations_that_come_while_one_is_run_the_last_one_is_run() {
    let test = Over::websocket("", ", capabilities: {accepts_remote_config: true}").await;
    let mut peer = Peer::accept(&test.listener).await;
    peer.hear().await;
    let mut offered = async |hash, text| {
        peer.say(offer(hash, &[("", "", text)])).await;
        let told = peer.hear().await;
        assert_eq!(remote(&told), (RemoteConfigStatuses::Applying, hash, ""));
    };
    offered(b"1", "a: 1").await;
    let first: RemoteConfiguration = test.host.remote_configuration().await;
    offered(b"2", "a: 2").await;
    offered(b"3", "a: 3").await;
    first.answer(Err("too late".to_owned()));
    let last = test.host.remote_configuration().await;
    assert_eq!(last.texts, ["a: 3"]);
    // The server goes; what it has sent is run all the same.
    drop(peer);
    last.answer(Ok(()));
    let again = Peer::accept(&test.listener).await.hear().await;
    assert_eq!(remote(&again), (RemoteConfigStatuses::Applied, &b"3"[..], ""));
    test.stop().await;
}

#[tokio::test]
async fn what_the_section_does_not_allow_is_ignored() {
    let test = Over::websocket("", "").await;
    let mut peer = Peer::accept(&test.listener).await;
    peer.hear().await;
    peer.say(offer(b"one", &[("", "", "a: 1")])).await;
    let command = Some(messages::ServerToAgentCommand { r#type: messages::RESTART });
    peer.say(ServerToAgent { command, ..ServerToAgent::default() }).await;
    let flags = asked::FULL_STATE;
    peer.say(ServerToAgent { flags, ..ServerToAgent::default() }).await;
    let next = peer.hear().await;
    assert!(next.agent_description.is_some() && next.remote_config_status.is_none(), "{next:?}");
    test.stop().await;
}

#[tokio::test]
async fn the_server_can_name_the_agent_and_the_next_instance_keeps_the_name() {
    let test = Over::websocket("", "").await;
    let mut peer = Peer::accept(&test.listener).await;
    peer.hear().await;
    let name = |bytes: &'static [u8]| {
        let new_instance_uid = Bytes::from_static(bytes);
        let agent_identification = Some(AgentIdentification { new_instance_uid });
        ServerToAgent { agent_identification, ..ServerToAgent::default() }
    };
    peer.say(name(b"short")).await;
    peer.say(name(&[7; 16])).await;
    let renamed = peer.hear().await;
    assert_eq!(renamed.instance_uid, [7; 16][..]);
    let description = renamed.agent_description.unwrap();
    let id = attribute(&description.identifying_attributes, "service.instance.id");
    assert_eq!(id, Some("07070707-0707-0707-0707-070707070707"));
    // A reload has another section for it: the one before says goodbye first.
    let next = Over::on(test.host.successor(), "", "").await;
    let (last, ()) = tokio::join!(peer.hear(), test.stop());
    assert!(last.agent_disconnect.is_some(), "{last:?}");
    let first = Peer::accept(&next.listener).await.hear().await;
    assert_eq!((first.instance_uid, first.sequence_num), (Bytes::from_static(&[7; 16]), 1));
    next.stop().await;
}

#[tokio::test]
async fn the_server_says_how_often_it_wants_to_hear_from_us() {
    let test = Over::websocket("", "").await;
    let mut peer = Peer::accept(&test.listener).await;
    let first = peer.hear().await;
    let opamp = Some(OpAmpConnectionSettings { heartbeat_interval_seconds: 1 });
    let connection_settings = Some(ConnectionSettingsOffers { opamp });
    peer.say(ServerToAgent { connection_settings, ..ServerToAgent::default() }).await;
    let beat = peer.hear().await;
    let bare = AgentToServer {
        instance_uid: first.instance_uid,
        sequence_num: 2,
        capabilities: first.capabilities,
        ..AgentToServer::default()
    };
    assert_eq!(beat, bare);
    test.stop().await;
}

/// Puts this into every request.
struct Token;

#[async_trait]
impl ClientAuth for Token {
    async fn authorize(&self, _: &Context, headers: &mut HeaderMap) -> Result<(), String> {
        headers.insert("authorization", HeaderValue::from_static("Bearer hunter2canary"));
        Ok(())
    }
}

#[tokio::test]
async fn headers_and_credentials_go_with_the_request() {
    let host = TestHost::new();
    host.offer("token", Capability::ClientAuth(Arc::new(Token)));
    let test = Over::on(host, ", auth: token, headers: {tenant: a}", "").await;
    let mut peer = Peer::accept(&test.listener).await;
    assert_eq!(peer.header("authorization"), "Bearer hunter2canary");
    assert_eq!(peer.header("tenant"), "a");
    peer.hear().await;
    test.stop().await;
    let missing = start(&TestHost::new(), "server: {ws: {endpoint: 'ws://h', auth: gone}}").await;
    assert!(missing.err().unwrap().to_string().contains("gone"));
}

/// What was posted so far.
fn posted(server: &HttpServer) -> Vec<AgentToServer> {
    let all = server.requests();
    all.iter().map(|it| AgentToServer::decode(&it.body[..]).unwrap()).collect()
}

#[tokio::test]
async fn over_http_the_server_is_asked_again_and_again() {
    let server = HttpServer::start();
    let reply = |message: ServerToAgent| Reply::new("200 OK", message.encode_to_vec());
    let busy = Reply::new("503 Busy", "").with("Retry-After", "0");
    server.script([busy, reply(offer(b"one", &[("", "", "a: 1")])), Reply::new("200 OK", "")]);
    let host = TestHost::new();
    host.show(view(Phase::Running, &[]));
    let section = format!(
        "{{server: {{http: {{endpoint: '{}', polling_interval: 50ms}}}}, capabilities: {{accepts_remote_config: true}}}}",
        server.url("/v1/opamp")
    );
    let extension = start(&host, &section).await.unwrap();
    let told = host.remote_configuration().await;
    assert_eq!(told.texts, ["a: 1"]);
    told.answer(Ok(()));
    let is_applied = |it: &AgentToServer| {
        it.remote_config_status
            .as_ref()
            .is_some_and(|it| it.status() == RemoteConfigStatuses::Applied)
    };
    let beats = |all: &[AgentToServer]| all.iter().filter(|it| it.encoded_len() < 30).count();
    let told = async {
        while !(posted(&server).iter().any(is_applied) && beats(&posted(&server)) > 1) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, told).await.expect("it polls in time");
    host.shutdown(&*extension, LIMIT).await;
    let (all, requests) = (posted(&server), server.requests());
    assert!(all[0].agent_description.is_some() && all[1].agent_description.is_some());
    assert!(all.last().unwrap().agent_disconnect.is_some());
    let numbers: Vec<u64> = all.iter().map(|it| it.sequence_num).collect();
    assert_eq!(numbers, (1..=all.len() as u64).collect::<Vec<_>>());
    assert_eq!(requests[0].line, "POST /v1/opamp HTTP/1.1");
    assert_eq!(requests[0].header("content-type"), "application/x-protobuf");
    assert_eq!(requests[0].header("opamp-instance-uid"), UID);
}

#[tokio::test]
async fn over_http_no_answer_is_lost_to_the_next_one() {
    let server = HttpServer::start();
    let reply = |flags| {
        let message = ServerToAgent { flags, ..ServerToAgent::default() };
        Reply::new("200 OK", message.encode_to_vec())
    };
    server.script([reply(1), reply(2)]);
    let (host, build) = (TestHost::new(), settings("opamp").build);
    let section = format!("server: {{http: {{endpoint: '{}'}}}}", server.url("/"));
    let section = config::<Config>(&section);
    let (section, transport) = section.server.chosen().unwrap();
    let server = link::Server::new(section, transport, &host, &build).unwrap();
    let mut link = server.connect().await.unwrap();
    for _ in 0..2 {
        link.send(&AgentToServer::default(), Uuid::nil()).await.unwrap();
    }
    for want in [1, 2] {
        let came = link.came().await;
        assert_eq!(link.taken(came).await.unwrap().flags, want);
    }
}

#[tokio::test]
async fn over_http_a_server_that_wants_no_heartbeats_is_asked_all_the_same() {
    let server = HttpServer::start();
    let opamp = Some(OpAmpConnectionSettings { heartbeat_interval_seconds: 0 });
    let connection_settings = Some(ConnectionSettingsOffers { opamp });
    let message = ServerToAgent { connection_settings, ..ServerToAgent::default() };
    server.answer(move |_| Reply::new("200 OK", message.encode_to_vec()));
    let host = TestHost::new();
    let http = format!("{{endpoint: '{}', polling_interval: 1ms}}", server.url("/"));
    let extension = start(&host, &format!("server: {{http: {http}}}")).await.unwrap();
    let asked = async {
        while server.requests().len() < 3 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, asked).await.expect("it asks again in time");
    host.shutdown(&*extension, LIMIT).await;
}

#[tokio::test]
async fn a_server_that_takes_no_long_messages_is_told_all_but_the_configuration() {
    let server = HttpServer::start();
    server.answer(|request| {
        let message = AgentToServer::decode(&request.body[..]).unwrap();
        let status = if message.effective_config.is_some() { "413 Too Large" } else { "200 OK" };
        Reply::new(status, "")
    });
    let host = TestHost::new();
    let section = format!("server: {{http: {{endpoint: '{}'}}}}", server.url("/"));
    let extension = start(&host, &section).await.unwrap();
    let told = async {
        while server.requests().len() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, told).await.expect("it asks again in time");
    host.shutdown(&*extension, LIMIT).await;
    let all = posted(&server);
    assert!(all[0].effective_config.is_some() && all[1].effective_config.is_none());
    assert!(all[1].health.is_some());
}

#[tokio::test]
async fn the_collector_ends_with_the_process_that_has_started_it() {
    let ended = tokio::process::Command::new("true").spawn().unwrap();
    let pid = ended.id().unwrap();
    ended.wait_with_output().await.unwrap();
    let rest = format!(", ppid: {pid}, ppid_poll_interval: 1ms");
    let test = Over::websocket("", &rest).await;
    let reported = async {
        while test.host.reports().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, reported).await.expect("it is seen in time");
    let why = format!("collector was orphaned, process with pid {pid} does not exist");
    assert_eq!(test.host.reports(), [Status::Fatal(why)]);
    test.stop().await;
}

#[test]
fn mistakes_are_named_in_the_collectors_words() {
    let check = |section: &str, want: &str| {
        let found = problems::<Config>(section);
        assert_eq!(found.first().map(String::as_str), Some(want), "{section}");
    };
    check("{}", "opamp server must have at least ws or http set");
    let both = "{server: {ws: {endpoint: 'ws://a'}, http: {endpoint: 'http://a'}}}";
    check(both, "opamp server must have only ws or http set");
    check("{server: {ws: {}}}", "server::ws: opamp server endpoint must be provided");
    let no_endpoint = "{server: {http: {tls: {insecure: true}}}}";
    check(no_endpoint, "server::http: opamp server endpoint must be provided");
    let negative = "{server: {http: {endpoint: 'http://a', polling_interval: -1s}}}";
    check(negative, "server::http: polling interval must be 0 or greater");
    check("{server: {ws: {endpoint: 'ws://a'}}, instance_uid: x}", "opamp instance_uid is invalid");
    for (section, want) in [
        ("{server: {ws: {endpoint: 'http://a'}}}", "endpoint must begin with ws:// or wss://"),
        ("{server: {ws: {endpoint: 'a:4320'}}}", "endpoint must begin with ws:// or wss://"),
        ("{server: {ws: {endpoint: 'ws://a'}}, ppid: -1}", "ppid must not be negative"),
        (
            "{server: {ws: {endpoint: 'ws://a'}}, ppid: 1, ppid_poll_interval: 0s}",
            "ppid_poll_interval must be greater than 0",
        ),
    ] {
        let (_, found) = planned::<Config>(section);
        let found: Vec<_> = found.of(Stage::Start).map(|it| it.text.as_str()).collect();
        assert_eq!(found, [want], "{section}");
    }
    for good in [
        "{server: {ws: {endpoint: 'wss://a.test/v1/opamp'}}, instance_uid: 01BX5ZZKBKACTAV9WEVGEMMVRZ}",
        "{server: {http: {endpoint: 'https://a.test'}}, ppid: 1}",
    ] {
        assert_eq!(problems::<Config>(good), [""; 0], "{good}");
        assert_eq!(warnings::<Config>(good), [""; 0], "{good}");
    }
    let plain = "server: {ws: {endpoint: 'ws://a.test'}}";
    assert_eq!(warnings::<Config>(plain), ["the configuration goes to a.test unencrypted"]);
}

#[test]
fn names_are_uuids_or_ulids() {
    let ulid = config::uid("01BX5ZZKBKACTAV9WEVGEMMVRZ").unwrap();
    assert_eq!(ulid.to_string(), "015f4bff-cd73-5334-ada7-8edc1d4a6f1f");
    assert_eq!(config::uid(UID).unwrap().to_string(), UID);
    for wrong in [
        "",
        "01BX5ZZKBKACTAV9WEVGEMMVR",
        "81BX5ZZKBKACTAV9WEVGEMMVRZ",
        "01BX5ZZKBKACTAV9WEVGEMMVRI",
    ] {
        assert_eq!(config::uid(wrong), None, "{wrong}");
    }
}

/// An agent that runs what the server sends.
fn led() -> Agent {
    let allowed = Capabilities { accepts_remote_config: true, ..Capabilities::default() };
    Agent::new(Uuid::nil(), allowed.bits(), messages::AvailableComponents::default())
}

/// What an agent tells of a configuration that it does not even try to run.
#[track_caller]
fn refused(offered: ServerToAgent, want: &str) {
    let mut agent = led();
    assert_eq!(agent.hear(offered), []);
    let told = agent.report(&State::default()).unwrap();
    let (status, hash, why) = remote(&told);
    assert_eq!((status, hash), (RemoteConfigStatuses::Failed, &b"one"[..]));
    assert!(why.contains(want), "{why}");
}

#[test]
fn a_configuration_that_is_too_large_or_no_yaml_is_refused() {
    let half = "#".repeat(agent::REMOTE_BYTES_MAX / 2 + 1);
    let large = [("a", "text/yaml", half.as_str()), ("b", "text/yaml", half.as_str())];
    refused(offer(b"one", &large), "longer than 4194304 bytes");
    let names: Vec<String> = (0..=agent::REMOTE_FILES_MAX).map(|it| it.to_string()).collect();
    let many: Vec<_> = names.iter().map(|it| (it.as_str(), "", "a: 1")).collect();
    refused(offer(b"one", &many), "65 files are too many");
    refused(offer(b"one", &[("a", "application/toml", "a = 1")]), "application/toml");
    let mut binary = offer(b"one", &[("a", "Text/YAML; charset=utf-8", "a: 1")]);
    let files = &mut binary.remote_config.as_mut().unwrap().config.as_mut().unwrap().config_map;
    files.get_mut("a").unwrap().body = Bytes::from_static(b"\xff");
    refused(binary, "not UTF-8");
}

#[test]
fn a_hash_that_is_too_long_is_not_kept() {
    let mut agent = led();
    let mut offered = offer(b"", &[("", "", "a: 1")]);
    offered.remote_config.as_mut().unwrap().config_hash = vec![1; 1 << 20].into();
    assert_eq!(agent.hear(offered), []);
    assert_eq!(remote(&agent.report(&State::default()).unwrap()).0, RemoteConfigStatuses::Unset);
}

#[test]
fn the_end_of_one_configuration_says_nothing_of_a_later_one_that_was_refused() {
    let mut agent = led();
    assert_eq!(agent.hear(offer(b"one", &[("", "", "a: 1")])), [Order::Run(vec!["a: 1".into()])]);
    assert_eq!(agent.hear(offer(b"two", &[("", "application/toml", "a = 1")])), []);
    agent.ran(Ok(()));
    let told = agent.report(&State::default()).unwrap();
    let (status, hash, why) = remote(&told);
    assert_eq!((status, hash), (RemoteConfigStatuses::Failed, &b"two"[..]));
    assert!(why.contains("application/toml"), "{why}");
}

#[test]
fn configurations_without_a_hash_are_told_apart_by_what_is_in_them() {
    let (mut agent, run) = (led(), |text: &str| [Order::Run(vec![text.to_owned()])]);
    for text in ["a: 1", "a: 2"] {
        assert_eq!(agent.hear(offer(b"", &[("", "", text)])), run(text));
        assert_eq!(agent.hear(offer(b"", &[("", "", text)])), []);
    }
    // Nothing is a configuration, too: it takes away what came before.
    assert_eq!(agent.hear(offer(b"", &[])), [Order::Run(Vec::new())]);
    assert_eq!(agent.hear(offer(b"", &[])), []);
}

#[test]
fn a_configuration_is_told_again_when_it_is_shorter_than_the_one_that_was_too_long() {
    let mut agent = led();
    let mut told = |yaml: &str, is_taken: bool| {
        agent.begin();
        let state = State { config: Some(yaml.into()), ..State::default() };
        let message = agent.report(&state).unwrap();
        if !is_taken {
            agent.was_too_long();
        }
        configuration(&message).map(str::to_owned)
    };
    assert_eq!(told("a: 12", false).as_deref(), Some("a: 12"));
    assert_eq!(told("a: 12", false), None);
    assert_eq!(told("a: 123", true), None);
    assert_eq!(told("a: 1", true).as_deref(), Some("a: 1"));
}
