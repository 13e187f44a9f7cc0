//! `consul`: the agent of this node.

use std::collections::BTreeMap;

use component::config::Value;
use serde::Deserialize;

use crate::config::ConsulConfig;
use crate::found::Found;
use crate::probe::{Probe, good, read};

const PATH: &str = "/v1/agent/self";
/// Longest token in a file, in bytes.
const TOKEN_BYTES_MAX: usize = 64 << 10;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Agent {
    config: AgentConfig,
    meta: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct AgentConfig {
    datacenter: String,
    #[serde(rename = "NodeID")]
    node_id: String,
    node_name: String,
}

pub(crate) async fn detect(probe: &Probe, config: &ConsulConfig) -> Result<Found, String> {
    let agent = ask(probe, config).await;
    let agent = agent.map_err(|why| format!("failed to get consul metadata: {why}"))?;
    let mut found = Found::conventional();
    if let Value::Map(wanted) = config.meta.plain() {
        let is_wanted = |key: &String| wanted.iter().any(|it| it.0 == *key);
        for (key, value) in agent.meta.unwrap_or_default() {
            if is_wanted(&key) {
                found = found.with(&key, value);
            }
        }
    }
    Ok(found
        .with("host.name", agent.config.node_name)
        .with("cloud.region", agent.config.datacenter)
        .with("host.id", agent.config.node_id))
}

async fn ask(probe: &Probe, config: &ConsulConfig) -> Result<Agent, String> {
    let given = Some(config.address.clone()).filter(|it| !it.is_empty());
    let address = given.or_else(|| probe.variable("CONSUL_HTTP_ADDR"));
    let address = address.unwrap_or_else(|| "127.0.0.1:8500".into());
    let address = if address.contains("://") { address } else { format!("http://{address}") };
    let mut url = format!("{}{PATH}", address.trim_end_matches('/'));
    let query = [("dc", &config.datacenter), ("ns", &config.namespace)];
    for (at, (key, value)) in query.iter().filter(|it| !it.1.is_empty()).enumerate() {
        url.push(if at == 0 { '?' } else { '&' });
        url.extend([*key, "=", value]);
    }
    let token = if config.token_file.is_empty() {
        let own = Some(config.token.expose().to_owned()).filter(|it| !it.is_empty());
        own.or_else(|| probe.variable("CONSUL_HTTP_TOKEN")).unwrap_or_default()
    } else {
        let path = config.token_file.clone();
        let text = probe.read(move |_| content(&path)).await;
        let text = text.ok_or_else(|| format!("cannot read {}", config.token_file))?;
        text.get(..text.len().min(TOKEN_BYTES_MAX)).unwrap_or_default().trim().to_owned()
    };
    let headers = [("x-consul-token", token.as_str())];
    let headers = if token.is_empty() { &headers[..0] } else { &headers[..] };
    let tls = configtls::ClientConfig::default();
    let answer = probe.ask(http::Method::GET, &url, headers, &tls).await?;
    read(PATH, &good(PATH, answer)?)
}

fn content(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}
