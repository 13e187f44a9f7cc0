//! What we tell of ourselves, in the words of upstream's extension.

use std::collections::BTreeMap;
use std::time::SystemTime;

use component::{BuildInfo, Kind, ServiceView};
use healthcheck::status::{Aggregate, State};
use machine::Machine;
use ring::digest;
use uuid::Uuid;

use crate::config;
use crate::messages::{
    AgentDescription, AnyValue, AvailableComponents, ComponentDetails, ComponentHealth, KeyValue,
};

const INSTANCE_ID: &str = "service.instance.id";
const SERVICE_NAME: &str = "service.name";
const SERVICE_VERSION: &str = "service.version";

/// The machine, as far as it is told; read once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    host_name: String,
    os: String,
}

impl Facts {
    /// Reads files.
    pub(crate) fn of(machine: &Machine) -> Self {
        let host_name = machine.host_name().unwrap_or_default();
        let name = machine.release("ID").map(|it| capitalised(&it));
        // As upstream's library: Debian's `os-release` has no minor version.
        let version = match name.as_deref() {
            Some("Debian") => machine.line("etc/debian_version"),
            _ => machine.release("VERSION_ID"),
        };
        let os = [name, version].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let os = if os.is_empty() { std::env::consts::OS.to_owned() } else { os };
        Self { host_name, os }
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |it| it.to_uppercase().chain(letters).collect())
}

/// Who we are. What identifies us does not change while the process lives.
pub(crate) fn description(
    section: &config::AgentDescription,
    view: &ServiceView,
    (uid, build, facts): (Uuid, &BuildInfo, &Facts),
) -> AgentDescription {
    let of = |key: &str| view.resource.iter().find(|it| it.0 == key).map(|it| it.1.as_str());
    let name = of(SERVICE_NAME).unwrap_or(build.command);
    let version = of(SERVICE_VERSION).unwrap_or(build.version);
    let identifying = [
        pair(INSTANCE_ID, &uid.to_string()),
        pair(SERVICE_NAME, name),
        pair(SERVICE_VERSION, version),
    ];
    let mut others = BTreeMap::from([
        ("os.type", std::env::consts::OS),
        ("host.arch", BuildInfo::arch()),
        ("host.name", facts.host_name.as_str()),
        ("os.description", facts.os.as_str()),
    ]);
    let written = section.non_identifying_attributes.iter();
    others.extend(written.map(|(key, value)| (key.as_str(), value.as_str())));
    if section.include_resource_attributes {
        let identifies = |key: &str| [INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION].contains(&key);
        let all = view.resource.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        others.extend(all.filter(|(key, _)| !identifies(key)));
    }
    AgentDescription {
        identifying_attributes: identifying.into(),
        non_identifying_attributes: others.iter().map(|(key, it)| pair(key, it)).collect(),
    }
}

/// The name that own telemetry has for this process.
pub(crate) fn instance_id(view: &ServiceView) -> Option<Uuid> {
    let found = view.resource.iter().find(|it| it.0 == INSTANCE_ID)?;
    Uuid::parse_str(&found.1).ok()
}

/// How the components are: as the extension `healthcheckv2` counts them, a permanent problem before a passing one.
pub(crate) fn health(view: &ServiceView) -> ComponentHealth {
    let health = health_of(&Aggregate::of(view, false));
    ComponentHealth { start_time_unix_nano: view.started.map_or(0, nanos), ..health }
}

fn health_of(it: &Aggregate) -> ComponentHealth {
    let parts = it.parts.iter().map(|(key, part)| (key.clone(), health_of(part)));
    ComponentHealth {
        healthy: it.event.state == State::Ok,
        start_time_unix_nano: 0,
        last_error: it.event.error.clone().unwrap_or_default(),
        status: it.event.state.name().to_owned(),
        status_time_unix_nano: nanos(it.event.since),
        component_health_map: parts.collect(),
    }
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The types of the program, and a hash of them: programs of the same make have the same.
pub(crate) fn components(view: &ServiceView, version: &str) -> AvailableComponents {
    let mut components = BTreeMap::new();
    let mut all = digest::Context::new(&digest::SHA256);
    for kind in Kind::ALL {
        let mut of_kind = BTreeMap::new();
        for it in view.types.iter().filter(|it| it.kind == kind) {
            let module = format!("{} v{version}", it.module);
            let metadata = vec![pair("code.namespace", &module)];
            let details = ComponentDetails { metadata, ..ComponentDetails::default() };
            of_kind.insert(it.type_name.to_owned(), details);
            all.update(format!("{kind}/{}={module};", it.type_name).as_bytes());
        }
        let section =
            ComponentDetails { sub_component_map: of_kind, ..ComponentDetails::default() };
        components.insert(kind.section().to_owned(), section);
    }
    let hash = bytes::Bytes::copy_from_slice(all.finish().as_ref());
    AvailableComponents { components, hash }
}

fn pair(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { string_value: Some(value.to_owned()) });
    KeyValue { key: key.to_owned(), value }
}
