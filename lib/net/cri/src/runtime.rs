//! The runtime's socket: which one it is, and the calls that are made on it. All of them only read.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use component::{Context, GrpcStatus, Problems};
use compression::Type;
use configgrpc::client::{Client, ClientConfig, Replies};
use http::uri::PathAndQuery;
use prost::Message;

use crate::messages::{
    Container, ContainerEvent, ContainerFilter, ContainerStatus, ContainerStatusRequest,
    ContainerStatusResponse, GetEventsRequest, Image, ImageSpec, ImageStatusRequest,
    ImageStatusResponse, ListContainersRequest, ListContainersResponse, ListPodSandboxRequest,
    ListPodSandboxResponse, PodFilter, PodSandbox, PodSandboxStatusRequest,
    PodSandboxStatusResponse, VersionRequest, VersionResponse,
};

/// Where runtimes have their sockets, in the order in which `endpoint: auto` looks.
const SOCKETS: [&str; 5] = [
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/k0s/containerd.sock",
    "/var/snap/microk8s/common/run/containerd.sock",
];
/// Longest answer that is read, in bytes: a node has some hundred containers of a few KiB.
const REPLY_BYTES_MAX: usize = 64 << 20;
/// The label that the kubelet gives sandboxes and containers.
const POD_UID: &str = "io.kubernetes.pod.uid";
/// gRPC's code for a method that nobody serves.
const UNIMPLEMENTED: i32 = 12;

/// A connection to the runtime.
pub struct Runtime {
    client: Client,
    endpoint: String,
    timeout: Duration,
    /// The section that has `endpoint` and `timeout`, for what helps: `receivers::cri`.
    section: &'static str,
}

impl Runtime {
    /// Connects, in the background. `section` is where `endpoint` and `timeout` stand.
    ///
    /// # Errors
    /// It is no address.
    pub fn new(endpoint: String, timeout: Duration, section: &'static str) -> Result<Self, String> {
        let config = ClientConfig {
            endpoint: endpoint.clone(),
            compression: Type::NONE.into(),
            tls: configtls::ClientConfig { insecure: true, ..Default::default() },
            // As the clients of the kubelet say it; a path is no authority.
            authority: "localhost".to_owned(),
            ..ClientConfig::default()
        };
        let client = Client::new(&config, "sluice-cri", timeout)?.with_reply_max(REPLY_BYTES_MAX);
        Ok(Self { client, endpoint, timeout, section })
    }

    async fn call<A: Message + Default>(
        &self,
        method: &'static str,
        request: &impl Message,
    ) -> Result<A, String> {
        let path = PathAndQuery::from_static(method);
        let name = method.rsplit('/').next().unwrap_or(method);
        let pieces = [Bytes::from(request.encode_to_vec())];
        let context = Context::default();
        let reply = tokio::time::timeout(self.timeout, self.client.call(&context, &path, &pieces));
        match reply.await {
            Ok(Ok(bytes)) => A::decode(bytes)
                .map_err(|error| format!("{name}: the runtime's answer cannot be read: {error}")),
            Ok(Err(status)) => Err(format!("{name}: {}", self.explain(&status))),
            Err(_) => Err(format!(
                "{name}: {} did not answer within {:?}: see whether the runtime hangs, or raise {}::timeout",
                self.endpoint, self.timeout, self.section
            )),
        }
    }

    /// What went wrong, and what helps.
    fn explain(&self, status: &GrpcStatus) -> String {
        let (text, endpoint, section) = (&status.message, &self.endpoint, self.section);
        let set = format!("set {section}::endpoint");
        let help = if status.code == UNIMPLEMENTED {
            "this is no runtime.v1: containerd has it since 1.6, CRI-O since 1.23".to_owned()
        } else if text.contains("no such file") {
            format!("no runtime listens there: {set}, or mount the socket into the container")
        } else if text.contains("permission denied") {
            "only root may use the socket of a runtime: run as root, or as a group that may write to it".to_owned()
        } else if text.contains("connection refused") || text.contains("socket operation") {
            format!("no runtime listens there any more, or it is no socket: {set}")
        } else {
            "the runtime's own log says more".to_owned()
        };
        format!("{endpoint}: {text}: {help}")
    }

    /// Name and version of the runtime.
    ///
    /// # Errors
    /// The call failed; with what helps.
    pub async fn version(&self) -> Result<VersionResponse, String> {
        self.call("/runtime.v1.RuntimeService/Version", &VersionRequest {}).await
    }

    /// All sandboxes, or those of one pod.
    ///
    /// # Errors
    /// The call failed; with what helps.
    pub async fn pods(&self, uid: Option<&str>) -> Result<Vec<PodSandbox>, String> {
        let filter = uid.map(|it| PodFilter { label_selector: selector(it) });
        let request = ListPodSandboxRequest { filter };
        let method = "/runtime.v1.RuntimeService/ListPodSandbox";
        self.call::<ListPodSandboxResponse>(method, &request).await.map(|it| it.items)
    }

    /// All containers, or those of one pod, running and ended.
    ///
    /// # Errors
    /// The call failed; with what helps.
    pub async fn containers(&self, uid: Option<&str>) -> Result<Vec<Container>, String> {
        let filter = uid.map(|it| ContainerFilter { label_selector: selector(it) });
        let request = ListContainersRequest { filter };
        let method = "/runtime.v1.RuntimeService/ListContainers";
        self.call::<ListContainersResponse>(method, &request).await.map(|it| it.containers)
    }

    /// Begins to listen to what happens to containers.
    pub(crate) async fn events(&self) -> Result<Replies, String> {
        let path = PathAndQuery::from_static("/runtime.v1.RuntimeService/GetContainerEvents");
        let request = Bytes::from(GetEventsRequest {}.encode_to_vec());
        let events = self.client.stream(&path, request).await;
        events.map_err(|it| format!("GetContainerEvents: {}", self.explain(&it)))
    }

    /// Waits for the next event; `None` when the runtime has ended the stream.
    pub(crate) async fn event(
        &self,
        events: &mut Replies,
    ) -> Result<Option<ContainerEvent>, String> {
        let next = events.next().await;
        let next = next.map_err(|it| format!("GetContainerEvents: {}", self.explain(&it)))?;
        let read = next.map(ContainerEvent::decode).transpose();
        read.map_err(|error| {
            format!("GetContainerEvents: the runtime's answer cannot be read: {error}")
        })
    }

    /// State, times, exit code and log file of a container; `None` if there is no such container.
    ///
    /// # Errors
    /// The call failed; with what helps.
    pub async fn status(&self, id: &str) -> Result<Option<ContainerStatus>, String> {
        let request = ContainerStatusRequest { container_id: id.to_owned() };
        let method = "/runtime.v1.RuntimeService/ContainerStatus";
        self.call::<ContainerStatusResponse>(method, &request).await.map(|it| it.status)
    }

    /// The pod's own address; none on the host's network.
    ///
    /// # Errors
    /// The call failed; with what helps.
    pub async fn address(&self, sandbox: &str) -> Result<Option<String>, String> {
        let request = PodSandboxStatusRequest { pod_sandbox_id: sandbox.to_owned() };
        let method = "/runtime.v1.RuntimeService/PodSandboxStatus";
        let reply: PodSandboxStatusResponse = self.call(method, &request).await?;
        let network = reply.status.and_then(|it| it.network);
        Ok(network.map(|it| it.ip).filter(|it| !it.is_empty()))
    }

    /// The names of an image of which only the id is known.
    ///
    /// # Errors
    /// The call failed; with what helps.
    pub async fn image(&self, id: &str) -> Result<Option<Image>, String> {
        let image = ImageSpec { image: id.to_owned(), ..ImageSpec::default() };
        let request = ImageStatusRequest { image: Some(image) };
        let method = "/runtime.v1.ImageService/ImageStatus";
        self.call::<ImageStatusResponse>(method, &request).await.map(|it| it.image)
    }
}

fn selector(uid: &str) -> std::collections::HashMap<String, String> {
    [(POD_UID.to_owned(), uid.to_owned())].into()
}

/// Says what is wrong with a key `endpoint` of the section `key`: what [`endpoint`] takes.
pub fn check_endpoint(text: &str, key: &str, problems: &mut Problems) {
    if text == "auto" || text.starts_with("unix:///") {
        return;
    }
    let path = if text.starts_with('/') { text } else { SOCKETS[0] };
    let rule = "endpoint must be auto or the path of a socket: unix:///path";
    problems.at(key, rule).set("endpoint", format!("unix://{path}"));
}

/// The address of the socket: as configured, or the first usual one that is there.
pub fn endpoint(configured: &str) -> String {
    if configured != "auto" {
        return configured.to_owned();
    }
    let found = SOCKETS.iter().find(|it| Path::new(it).exists());
    format!("unix://{}", found.unwrap_or(&SOCKETS[0]))
}
