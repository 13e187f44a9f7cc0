//! `docker`: the daemon.

use docker::{Daemon, Endpoint, Failed};
use serde::Deserialize;

use crate::config::Plain;
use crate::found::Found;
use crate::probe::Probe;
use crate::sets;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Info {
    name: String,
    #[serde(rename = "OSType")]
    os_type: String,
}

pub(crate) async fn detect(probe: &Probe, config: &Plain<sets::Docker>) -> Result<Found, String> {
    let asked = async { daemon(probe)?.get::<Info>("/info").await.map_err(said) };
    let info = match asked.await {
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
        let asked = async { daemon(probe)?.inspect(&own).await.map_err(said) };
        match asked.await {
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

/// The one that `DOCKER_HOST` names, for one request.
fn daemon(probe: &Probe) -> Result<Daemon, String> {
    let host = probe.variable("DOCKER_HOST");
    let endpoint = Endpoint::parse(host.as_deref().unwrap_or(&probe.world.docker), false)?;
    let tls = configtls::ClientConfig::default();
    Daemon::new(&endpoint, "", probe.left(), &tls, &probe.world.agent)
}

fn said(why: Failed) -> String {
    match why {
        Failed::Gone => "No such container".to_owned(),
        Failed::Otherwise(why) => why,
    }
}
