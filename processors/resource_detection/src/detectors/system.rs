//! `system`: the machine.

use std::net::IpAddr;

use serde_json::Value as Json;

use crate::config::SystemConfig;
use crate::dns::Dns;
use crate::found::Found;
use crate::probe::Probe;

/// Attributes of the processor.
const PROCESSOR: [&str; 6] = [
    "host.cpu.cache.l2.size",
    "host.cpu.family",
    "host.cpu.model.id",
    "host.cpu.model.name",
    "host.cpu.stepping",
    "host.cpu.vendor.id",
];

pub(crate) async fn detect(probe: &Probe, config: &SystemConfig) -> Result<Found, String> {
    let sources = match config.hostname_sources.as_slice() {
        [] => vec!["dns", "os"],
        given => given.iter().map(String::as_str).collect(),
    };
    let Some(name) = host_name(probe, &sources).await else {
        return Err("all hostname sources failed to get hostname".into());
    };
    let wanted = config.resource_attributes.clone();
    let found = Found::conventional().with("host.name", name).with("os.type", std::env::consts::OS);
    let rest = probe.read(move |machine| {
        let is_on = |name: &str| wanted.is_on(name);
        let mut found = Found::default();
        if is_on("host.id") {
            let id = machine.host_id();
            if id.is_none() {
                tracing::warn!("failed to get host ID: there is no /etc/machine-id");
            }
            found = found.with_some("host.id", id);
        }
        found = found.with("host.arch", arch());
        if is_on("host.ip") {
            let all = machine.addresses().iter().map(|it| it.to_string().into()).collect();
            found = found.with("host.ip", Json::Array(all));
        }
        let interfaces = if is_on("host.mac") || is_on("host.interface") {
            machine.interfaces()
        } else {
            Vec::new()
        };
        let hardware = interfaces.iter().map(|it| it.hardware_address.as_str());
        let hardware = hardware.filter(|it| !it.is_empty());
        // IEEE RA form, as the conventions have it.
        let hardware = hardware.map(|it| it.replace(':', "-").to_uppercase().into()).collect();
        let names = interfaces.iter().map(|it| it.name.clone().into()).collect();
        found = found
            .with("host.mac", Json::Array(hardware))
            .with("host.interface", Json::Array(names));
        found = found
            .with_some("os.description", machine.os_description())
            .with_some("os.version", machine.release("VERSION_ID"))
            .with_some("os.name", machine.release("NAME"))
            .with_some(
                "os.build.id",
                machine.release("BUILD_ID").or_else(|| machine.line("proc/sys/kernel/osrelease")),
            );
        if PROCESSOR.iter().any(|it| is_on(it))
            && let Some(it) = machine.processor()
        {
            let model = Some(it.model).filter(|it| !it.is_empty());
            found = found
                .with("host.cpu.vendor.id", it.vendor)
                .with("host.cpu.family", it.family)
                .with_some("host.cpu.model.id", model)
                .with("host.cpu.model.name", it.model_name)
                .with("host.cpu.stepping", it.stepping.to_string())
                .with("host.cpu.cache.l2.size", it.cache_kib);
        }
        Some(found.attributes)
    });
    let mut found = found;
    found.attributes.extend(rest.await.unwrap_or_default());
    Ok(found)
}

/// The architecture in the words of the conventions.
fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        "powerpc64" => "ppc64",
        other => other,
    }
}

/// The name of the host from the first source that has one.
async fn host_name(probe: &Probe, sources: &[&str]) -> Option<String> {
    let own = probe.read(machine::Machine::host_name).await?;
    for source in sources {
        let name = match *source {
            "dns" => qualified(probe, &own).await,
            "cname" => canonical(probe, &own).await,
            "lookup" => reverse(probe, &own).await,
            _ => Ok(own.clone()),
        };
        match name {
            Ok(name) => return Some(name),
            Err(error) => tracing::debug!(source, error, "no host name from this source"),
        }
    }
    None
}

/// As `go-fqdn` has it: from the file of hosts, else the canonical name, else the name of an address.
async fn qualified(probe: &Probe, own: &str) -> Result<String, String> {
    let host = own.to_owned();
    if let Some(name) = probe.read(move |machine| machine.canonical_name(&host)).await {
        return Ok(name);
    }
    match canonical(probe, own).await {
        Ok(name) => Ok(name),
        Err(_) => reverse(probe, own).await,
    }
}

async fn canonical(probe: &Probe, own: &str) -> Result<String, String> {
    let dns = Dns::of(probe).await?;
    dns.canonical_name(own).await
}

async fn reverse(probe: &Probe, own: &str) -> Result<String, String> {
    let found = tokio::time::timeout_at(probe.deadline, tokio::net::lookup_host((own, 0))).await;
    let found = found.map_err(|_| format!("the lookup of {own} took too long"))?;
    let found = found.map_err(|error| format!("lookup {own}: {error}"))?;
    let addresses: Vec<IpAddr> = found.map(|it| it.ip()).collect();
    let dns = Dns::of(probe).await?;
    let mut last = format!("{own} has no address");
    for address in addresses {
        match dns.name_of(address).await {
            Ok(name) => return Ok(name),
            Err(why) => last = why,
        }
    }
    Err(format!("reverseLookup failed to convert IP addresses to name: {last}"))
}
