//! Which endpoints a container is. As `containerEndpoints` of `dockerobserver/extension.go`, v0.149.

use component::Endpoint;
use component::config::Value;
use confignet::join_host_port;
use docker::Container;
use k8smeta::Image;

use crate::config::Config;

/// Where the host listens for a port of a container, if it does.
#[derive(Default)]
struct Bound {
    address: String,
    port: u16,
}

/// One for each port that a container exposes; none of one that does not run.
pub(crate) fn of(container: &Container, config: &Config) -> Vec<Endpoint> {
    if !container.state.running || container.state.paused {
        return Vec::new();
    }
    let ports = container.config.exposed_ports.keys();
    ports.filter_map(|name| of_port(container, name, config)).collect()
}

/// Of the port `80/tcp`.
fn of_port(container: &Container, name: &str, config: &Config) -> Option<Endpoint> {
    let (number, protocol) = name.split_once('/').unwrap_or((name, "tcp"));
    let port: u16 = number.parse().ok()?;
    let bound = bound(container, name);
    if config.ignore_non_host_bindings && bound.port == 0 {
        return None;
    }
    let id_port = if bound.port == 0 { port } else { bound.port };
    let is_outside = config.use_host_bindings && bound.port != 0;
    let (host, port, other) = if is_outside {
        let host = match bound.address.as_str() {
            "" | "0.0.0.0" => "127.0.0.1",
            "::" => "::1",
            address => address,
        };
        (host.to_owned(), bound.port, port)
    } else {
        (host(container, config), port, bound.port)
    };
    let image = Image::parse(&container.config.image);
    let (repository, tag) = image.as_ref().map_or(("", ""), |it| (it.repository, it.tag()));
    let text = |it: &str| Value::String(it.to_owned());
    let labels = container.config.labels.iter();
    let transport = match protocol {
        "tcp" => "TCP",
        "udp" => "UDP",
        _ => "Unknown",
    };
    let known = [
        ("name", text(container.name.trim_start_matches('/'))),
        ("image", text(repository)),
        ("tag", text(tag)),
        ("port", Value::Int(port.into())),
        ("alternate_port", Value::Int(other.into())),
        ("command", text(&container.config.cmd.join(" "))),
        ("container_id", text(&container.id)),
        ("host", text(&host)),
        ("transport", text(transport)),
        ("labels", Value::Map(labels.map(|(key, it)| (key.clone(), text(it))).collect())),
    ];
    let known = known.map(|(key, value)| (key.to_owned(), value)).into();
    let id = format!("{}:{id_port}", container.id);
    Some(Endpoint::new(id, "container", join_host_port(&host, port), known))
}

fn bound(container: &Container, name: &str) -> Bound {
    let bindings = container.network_settings.ports.get(name).and_then(Option::as_ref);
    let first = bindings.into_iter().flatten().next();
    let bound = first.and_then(|it| {
        let port = it.host_port.parse().ok()?;
        Some(Bound { address: it.host_ip.clone(), port })
    });
    bound.unwrap_or_default()
}

/// Where a container is among the others.
fn host(container: &Container, config: &Config) -> String {
    let name = &container.config.hostname;
    if config.use_hostname_if_present && !name.is_empty() {
        return name.clone();
    }
    let mut networks = container.network_settings.networks.values();
    let address = networks.next().map_or("", |it| &it.ip_address);
    match address {
        // On the host's own network.
        "" if config.use_host_bindings => "127.0.0.1".to_owned(),
        address => address.to_owned(),
    }
}
