//! `docker`: the daemon, asked over its socket.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::config::Plain;
use crate::found::Found;
use crate::probe::{Probe, read};
use crate::sets;

/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Info {
    name: String,
    #[serde(rename = "OSType")]
    os_type: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Container {
    name: String,
    config: ContainerConfig,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct ContainerConfig {
    image: String,
}

pub(crate) async fn detect(probe: &Probe, config: &Plain<sets::Docker>) -> Result<Found, String> {
    let info: Info = match get(probe, "/info").await {
        Ok(it) => it,
        Err(why) => {
            let why = format!("failed getting OS hostname: {why}");
            tracing::warn!(error = why, "the Docker daemon cannot be asked");
            return probe.missing(why);
        }
    };
    let mut found =
        Found::conventional().with("host.name", info.name).with("os.type", info.os_type);
    let wanted = &config.resource_attributes;
    if wanted.is_on("container.name") || wanted.is_on("container.image.name") {
        let own = probe.read(machine::Machine::host_name).await.unwrap_or_default();
        match get::<Container>(probe, &format!("/containers/{own}/json")).await {
            Ok(it) => {
                found = found
                    .with("container.name", it.name.trim_start_matches('/'))
                    .with("container.image.name", it.config.image);
            }
            Err(why) => {
                tracing::warn!(error = why, "the own container is not known");
                return if probe.strict { Err(why) } else { Ok(found) };
            }
        }
    }
    Ok(found)
}

/// The JSON at a path of the daemon that `DOCKER_HOST` names.
async fn get<T: DeserializeOwned>(probe: &Probe, path: &str) -> Result<T, String> {
    let host = probe.variable("DOCKER_HOST").unwrap_or_default();
    if let Some(address) = host.strip_prefix("tcp://") {
        let url = format!("http://{}{path}", address.trim_end_matches('/'));
        let tls = configtls::ClientConfig::default();
        let answer = probe.ask(http::Method::GET, &url, &[], &tls).await?;
        return read(path, &crate::probe::good(path, answer)?);
    }
    let socket = host.strip_prefix("unix://").unwrap_or(&probe.world.docker);
    let text = tokio::time::timeout(probe.left(), ask(socket, path)).await;
    let text = text.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    let text = text.map_err(|error| format!("{socket}: {error}"))?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status != "200" {
        return Err(format!("{path} was answered with {status}"));
    }
    read(path, body)
}

/// The whole answer. By version 1.0 it has no chunks, and ends with the connection.
async fn ask(socket: &str, path: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(socket).await?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: docker\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
