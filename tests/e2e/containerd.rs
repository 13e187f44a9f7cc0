//! A real containerd with pods as the kubelet makes them, and no Kubernetes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use component::Context;
use configgrpc::client::{Client, ClientConfig};
use http::uri::PathAndQuery;
use prost::Message;

use crate::support::{part, repository, skipped};

/// Which image the containers run: busybox, made by `get-containerd`.
const IMAGE: &str = "local.test/busybox:1";

/// The runtime. It ends with all its pods when this is dropped.
pub struct Containerd {
    state: PathBuf,
    pub socket: String,
    client: Client,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    uid: String,
    #[prost(string, tag = "3")]
    namespace: String,
    #[prost(uint32, tag = "4")]
    attempt: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Namespaces {
    /// 2 is the node's.
    #[prost(int32, tag = "1")]
    network: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Security {
    #[prost(message, optional, tag = "1")]
    namespaces: Option<Namespaces>,
}

#[derive(Clone, PartialEq, Message)]
struct LinuxSandbox {
    #[prost(message, optional, tag = "2")]
    security: Option<Security>,
}

/// `PodSandboxConfig`.
#[derive(Clone, PartialEq, Message)]
struct SandboxConfig {
    #[prost(message, optional, tag = "1")]
    metadata: Option<Metadata>,
    #[prost(string, tag = "3")]
    log_directory: String,
    #[prost(map = "string, string", tag = "6")]
    labels: HashMap<String, String>,
    #[prost(map = "string, string", tag = "7")]
    annotations: HashMap<String, String>,
    #[prost(message, optional, tag = "8")]
    linux: Option<LinuxSandbox>,
}

#[derive(Clone, PartialEq, Message)]
struct RunSandbox {
    #[prost(message, optional, tag = "1")]
    config: Option<SandboxConfig>,
}

/// Requests and answers whose first field is an id.
#[derive(Clone, PartialEq, Message)]
struct Id {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, Message)]
struct ContainerMetadata {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint32, tag = "2")]
    attempt: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Image {
    #[prost(string, tag = "1")]
    image: String,
    #[prost(string, tag = "18")]
    user_specified_image: String,
}

#[derive(Clone, PartialEq, Message)]
struct Resources {
    #[prost(int64, tag = "4")]
    memory_bytes: i64,
}

#[derive(Clone, PartialEq, Message)]
struct LinuxContainer {
    #[prost(message, optional, tag = "1")]
    resources: Option<Resources>,
}

/// `ContainerConfig`.
#[derive(Clone, PartialEq, Message)]
struct ContainerConfig {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ContainerMetadata>,
    #[prost(message, optional, tag = "2")]
    image: Option<Image>,
    #[prost(string, repeated, tag = "3")]
    command: Vec<String>,
    #[prost(map = "string, string", tag = "9")]
    labels: HashMap<String, String>,
    #[prost(string, tag = "11")]
    log_path: String,
    #[prost(message, optional, tag = "15")]
    linux: Option<LinuxContainer>,
}

#[derive(Clone, PartialEq, Message)]
struct CreateContainer {
    #[prost(string, tag = "1")]
    sandbox: String,
    #[prost(message, optional, tag = "2")]
    config: Option<ContainerConfig>,
    #[prost(message, optional, tag = "3")]
    sandbox_config: Option<SandboxConfig>,
}

/// A pod that runs.
pub struct Pod {
    id: String,
    config: SandboxConfig,
}

fn texts(list: &[(&str, &str)]) -> HashMap<String, String> {
    list.iter().map(|(key, value)| (String::from(*key), String::from(*value))).collect()
}

impl Containerd {
    /// Starts it; none where it cannot be had.
    pub fn start(folder: &Path) -> Option<Self> {
        let program = part("containerd")?;
        if !rustix::process::geteuid().is_root() {
            skipped(format_args!("containerd needs root"));
            return None;
        }
        let parts = program.ancestors().nth(2)?;
        let state = folder.join("containerd");
        let start = Command::new(repository().join("tests/parts/start-containerd"))
            .arg(parts)
            .arg(&state)
            .output()
            .unwrap();
        if !start.status.success() {
            let why = String::from_utf8_lossy(&start.stderr);
            skipped(format_args!("containerd does not start here: {}", why.trim()));
            return None;
        }
        let socket = format!("unix://{}/containerd.sock", state.display());
        let config = ClientConfig {
            endpoint: socket.clone(),
            compression: compression::Type::NONE.into(),
            tls: configtls::ClientConfig { insecure: true, ..Default::default() },
            authority: "localhost".into(),
            ..ClientConfig::default()
        };
        let client = Client::new(&config, "test", std::time::Duration::ZERO).unwrap();
        Some(Self { state, socket, client })
    }

    /// The first number of its version.
    pub fn major(&self) -> u32 {
        let program = part("containerd").unwrap();
        let out = Command::new(program).arg("--version").output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        let version = text.split_whitespace().nth(2).unwrap().trim_start_matches('v');
        version.split('.').next().unwrap().parse().unwrap()
    }

    async fn call<A: Message + Default>(&self, method: &str, request: &impl Message) -> A {
        let path: PathAndQuery = format!("/runtime.v1.RuntimeService/{method}").parse().unwrap();
        let pieces = [Bytes::from(request.encode_to_vec())];
        let reply = self.client.call(&Context::default(), &path, &pieces).await;
        A::decode(reply.unwrap_or_else(|it| panic!("{method}: {}", it.message))).unwrap()
    }

    /// A pod on the node's network, as the kubelet makes it.
    pub async fn pod(
        &self,
        logs: &Path,
        (namespace, name, uid): (&str, &str, &str),
        labels: &[(&str, &str)],
    ) -> Pod {
        let mut all = texts(labels);
        all.extend(texts(&[
            ("io.kubernetes.pod.name", name),
            ("io.kubernetes.pod.namespace", namespace),
            ("io.kubernetes.pod.uid", uid),
        ]));
        let metadata = Metadata {
            name: name.into(),
            uid: uid.into(),
            namespace: namespace.into(),
            attempt: 0,
        };
        let security = Security { namespaces: Some(Namespaces { network: 2 }) };
        let directory = logs.join(format!("{namespace}_{name}_{uid}"));
        std::fs::create_dir_all(&directory).unwrap();
        let config = SandboxConfig {
            metadata: Some(metadata),
            log_directory: directory.display().to_string(),
            labels: all,
            annotations: texts(&[("team", "shop")]),
            linux: Some(LinuxSandbox { security: Some(security) }),
        };
        let request = RunSandbox { config: Some(config.clone()) };
        let id = self.call::<Id>("RunPodSandbox", &request).await.id;
        Pod { id, config }
    }

    /// Runs a command of the shell in a container of the pod, with at most so much memory (0 is any).
    pub async fn container(
        &self,
        pod: &Pod,
        (name, attempt): (&str, u32),
        command: &str,
        memory_bytes: i64,
    ) -> String {
        std::fs::create_dir_all(Path::new(&pod.config.log_directory).join(name)).unwrap();
        let resources = Resources { memory_bytes };
        let config = ContainerConfig {
            metadata: Some(ContainerMetadata { name: name.into(), attempt }),
            image: Some(Image { image: IMAGE.into(), user_specified_image: IMAGE.into() }),
            command: ["/bin/sh", "-c", command].map(String::from).to_vec(),
            labels: pod.config.labels.clone(),
            log_path: format!("{name}/{attempt}.log"),
            linux: Some(LinuxContainer { resources: Some(resources) }),
        };
        let request = CreateContainer {
            sandbox: pod.id.clone(),
            config: Some(config),
            sandbox_config: Some(pod.config.clone()),
        };
        let id = self.call::<Id>("CreateContainer", &request).await.id;
        self.call::<Id>("StartContainer", &Id { id: id.clone() }).await;
        id
    }

    /// Ends the pod and removes it from the runtime; its log files stay.
    pub async fn remove(&self, pod: &Pod) {
        let id = Id { id: pod.id.clone() };
        self.call::<Id>("StopPodSandbox", &id).await;
        self.call::<Id>("RemovePodSandbox", &id).await;
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        let stop = repository().join("tests/parts/stop");
        _ = Command::new(stop).arg(&self.state).output();
    }
}
