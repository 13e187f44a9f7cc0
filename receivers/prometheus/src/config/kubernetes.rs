//! One of `kubernetes_sd_configs:`, with the rules that Prometheus has for it (`discovery/kubernetes/kubernetes.go`).

use component::Problems;
use component::config::Need;
use kube::{Credentials, Resource, Server};
use serde::{Deserialize, Serialize};

use super::http::{BasicAuth, HttpClient, check_client, unreadable};

/// Targets from the objects of a Kubernetes cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[config(go = "kubernetes.plain")]
#[serde(default)]
pub struct KubernetesSd {
    /// What becomes targets: pod, service, endpoints, endpointslice, node or ingress.
    pub role: String,
    /// URL of the API server. Default: the one of the cluster that this runs in, with the service account of the pod.
    #[config(omit_empty)]
    pub api_server: String,
    /// A kubeconfig, whose current context is taken.
    #[config(omit_empty)]
    pub kubeconfig_file: String,
    /// Which namespaces. Default all.
    pub namespaces: Namespaces,
    /// Which objects, by their labels and fields.
    #[config(omit_empty)]
    pub selectors: Vec<Selector>,
    /// What is said of a target beside its own object.
    pub attach_metadata: AttachMetadata,
    /// How the server at `api_server` is asked.
    #[serde(flatten)]
    pub client: HttpClient,
}

/// `namespaces:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Namespaces {
    /// The namespace of the pod that this runs in. Default false.
    pub own_namespace: bool,
    /// Names of others.
    #[config(omit_empty)]
    pub names: Vec<String>,
}

/// One of `selectors:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Selector {
    /// Which kind of objects is selected from.
    pub role: String,
    /// By labels: `app=x,tier!=y`.
    pub label: String,
    /// By fields: `spec.nodeName=n`.
    pub field: String,
}

/// `attach_metadata:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct AttachMetadata {
    /// Labels and annotations of the node. Default false.
    pub node: bool,
    /// Labels and annotations of the namespace. Default false.
    pub namespace: bool,
}

/// `role:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Pod,
    Service,
    Endpoints,
    EndpointSlice,
    Node,
    Ingress,
}

impl Role {
    const NAMES: [(&str, Self); 6] = [
        ("pod", Self::Pod),
        ("service", Self::Service),
        ("endpoints", Self::Endpoints),
        ("endpointslice", Self::EndpointSlice),
        ("node", Self::Node),
        ("ingress", Self::Ingress),
    ];

    fn of(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|it| it.0 == name).map(|it| it.1)
    }

    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|it| it.1 == self).map_or("", |it| it.0)
    }

    /// The kinds of objects that are watched, and that selectors may name, in the order in which Prometheus names them; the targets
    /// are made of the last.
    pub(crate) fn watched(self) -> &'static [Self] {
        match self {
            Self::Pod => &[Self::Pod],
            Self::Service => &[Self::Service],
            Self::Endpoints => &[Self::Pod, Self::Service, Self::Endpoints],
            Self::EndpointSlice => &[Self::Pod, Self::Service, Self::EndpointSlice],
            Self::Node => &[Self::Node],
            Self::Ingress => &[Self::Ingress],
        }
    }

    pub(crate) fn resource(self) -> Resource {
        match self {
            Self::Pod => Resource::PODS,
            Self::Service => Resource::of("", "services", true),
            Self::Endpoints => Resource::of("", "endpoints", true),
            Self::EndpointSlice => Resource::of("discovery.k8s.io", "endpointslices", true),
            Self::Node => Resource::NODES,
            Self::Ingress => Resource::of("networking.k8s.io", "ingresses", true),
        }
    }
}

impl KubernetesSd {
    /// `None` has been refused by [`check`].
    pub(crate) fn role(&self) -> Option<Role> {
        Role::of(&self.role)
    }

    /// The metadata of nodes are wanted. Those of services and ingresses are on no node.
    pub(crate) fn wants_nodes(&self, role: Role) -> bool {
        let on_nodes = matches!(role, Role::Pod | Role::Endpoints | Role::EndpointSlice);
        self.attach_metadata.node && on_nodes
    }

    /// The metadata of namespaces are wanted.
    pub(crate) fn wants_namespaces(&self, role: Role) -> bool {
        self.attach_metadata.namespace && role != Role::Node
    }

    pub(crate) fn selector(&self, role: Role) -> (String, String) {
        let it = self.selectors.iter().find(|it| it.role == role.name());
        it.map(|it| (it.label.clone(), it.field.clone())).unwrap_or_default()
    }

    /// The server that it names; `None` for the one of the pod.
    pub(crate) fn server(&self, tls: configtls::ClientConfig) -> Option<Server> {
        if !self.kubeconfig_file.is_empty() {
            return Some(Server::Kubeconfig((&self.kubeconfig_file).into()));
        }
        let client = &self.client;
        let token = |secret: &component::config::Secret, file: &str| {
            if file.is_empty() {
                Credentials::Token(secret.clone())
            } else {
                Credentials::TokenFile(file.into())
            }
        };
        let credentials = if let Some(basic) = &client.basic_auth {
            Credentials::Basic(basic.username.clone(), basic.password.clone())
        } else if let Some(it) = &client.authorization {
            token(&it.credentials, &it.credentials_file)
        } else if client.bearer_token.expose().is_empty() && client.bearer_token_file.is_empty() {
            Credentials::None
        } else {
            token(&client.bearer_token, &client.bearer_token_file)
        };
        let (url, proxy_url) = (self.api_server.clone(), client.proxy_url.clone());
        let server = Server::At { url, tls: Box::new(tls), proxy_url, credentials };
        (!self.api_server.is_empty()).then_some(server)
    }
}

/// What is wrong with it, in the words of Prometheus where it has some; and the rights that it needs.
pub(crate) fn check(section: &KubernetesSd, key: &str, problems: &mut Problems) {
    let names: Vec<&str> = Role::NAMES.iter().map(|it| it.0).collect();
    let Some(role) = section.role() else {
        let text = if section.role.is_empty() {
            "role missing (one of: pod, service, endpoints, endpointslice, node, ingress)"
                .to_owned()
        } else {
            format!("unknown Kubernetes SD role {:?}", section.role)
        };
        unreadable(problems, key, &text).one_of("role", &names);
        return;
    };
    check_client(&section.client, key, problems);
    check_server(section, key, problems);
    let allowed: Vec<&str> = role.watched().iter().map(|it| it.name()).collect();
    for (at, selector) in section.selectors.iter().enumerate() {
        let twice = section.selectors.iter().take(at).any(|it| it.role == selector.role);
        let text = if twice {
            format!("duplicated selector role: {}", selector.role)
        } else if allowed.contains(&selector.role.as_str()) {
            continue;
        } else {
            let allowed = allowed.join(", ");
            format!("{} role supports only {allowed} selectors", section.role)
        };
        unreadable(problems, &format!("{key}::selectors::{at}"), &text).about("role");
    }
    let nodes = section.wants_nodes(role).then_some(Resource::NODES);
    let namespaces = section.wants_namespaces(role).then_some(Resource::NAMESPACES);
    let watched = role.watched().iter().map(|it| it.resource());
    for resource in watched.chain(nodes).chain(namespaces) {
        let rule = resource.rule(&["get", "list", "watch"]);
        problems.needs(format!("{key}::role"), Need::Right(rule));
    }
}

fn check_server(section: &KubernetesSd, key: &str, problems: &mut Problems) {
    let (by_file, by_url) = (!section.kubeconfig_file.is_empty(), !section.api_server.is_empty());
    let (own, custom) = (section.namespaces.own_namespace, section.client != HttpClient::default());
    for (wrong, about, text) in [
        (
            by_file && by_url,
            "kubeconfig_file",
            "cannot use 'kubeconfig_file' and 'api_server' simultaneously",
        ),
        (
            by_file && custom,
            "kubeconfig_file",
            "cannot use a custom HTTP client configuration together with 'kubeconfig_file'",
        ),
        (
            !by_file && !by_url && custom,
            "role",
            "to use custom HTTP client configuration please provide the 'api_server' URL explicitly",
        ),
        (
            by_url && own,
            "namespaces",
            "cannot use 'api_server' and 'namespaces.own_namespace' simultaneously",
        ),
        (
            by_file && own,
            "namespaces",
            "cannot use 'kubeconfig_file' and 'namespaces.own_namespace' simultaneously",
        ),
    ] {
        if wrong {
            unreadable(problems, key, text).about(about);
            return;
        }
    }
    if by_url && let Err(why) = confighttp::client::Url::parse(&section.api_server) {
        problems.at(key, why).about("api_server");
    }
    let client = &section.client;
    let basic = client.basic_auth.as_ref();
    let in_file = |it: &BasicAuth| !it.username_file.is_empty() || !it.password_file.is_empty();
    for (wrong, about, text) in [
        (
            basic.is_some_and(in_file),
            "basic_auth",
            "user and password in files are not supported for an API server: write them, or use bearer_token_file",
        ),
        (
            client.authorization.as_ref().is_some_and(|it| it.scheme != "Bearer"),
            "authorization",
            "only the type Bearer is supported for an API server",
        ),
        (
            !client.http_headers.is_empty(),
            "http_headers",
            "http_headers are not supported for an API server",
        ),
    ] {
        if wrong {
            problems.at(key, text).about(about);
        }
    }
}

#[cfg(test)]
mod tests {
    use componenttest::problems;

    use crate::Plan;

    fn refused(section: &str) -> Vec<String> {
        let before = "config::scrape_configs::0::kubernetes_sd_configs::0";
        let intro = "prometheus receiver: failed to unmarshal yaml to prometheus config object: ";
        let text = format!(
            "config: {{scrape_configs: [{{job_name: a, kubernetes_sd_configs: [{section}]}}]}}"
        );
        let all = problems::<Plan>(&text);
        all.iter().map(|it| it.replace(before, "").replace(intro, "")).collect()
    }

    #[test]
    fn sections_that_prometheus_refuses_are_refused() {
        for (section, want) in [
            (
                "{}",
                "'config' role missing (one of: pod, service, endpoints, endpointslice, node, ingress)",
            ),
            ("{role: pods}", "'config' unknown Kubernetes SD role \"pods\""),
            (
                "{role: pod, kubeconfig_file: a, api_server: 'http://b'}",
                "'config' cannot use 'kubeconfig_file' and 'api_server' simultaneously",
            ),
            (
                "{role: pod, bearer_token: a}",
                "'config' to use custom HTTP client configuration please provide the 'api_server' URL explicitly",
            ),
            (
                "{role: pod, api_server: 'http://b', namespaces: {own_namespace: true}}",
                "'config' cannot use 'api_server' and 'namespaces.own_namespace' simultaneously",
            ),
            (
                "{role: node, selectors: [{role: pod, label: a=b}]}",
                "'config' node role supports only node selectors",
            ),
            (
                "{role: endpoints, selectors: [{role: pod}, {role: pod}]}",
                "'config' duplicated selector role: pod",
            ),
            (
                "{role: pod, api_server: 'http://b', http_headers: {a: {values: [b]}}}",
                ": http_headers are not supported for an API server",
            ),
        ] {
            assert_eq!(refused(section), [want], "{section}");
        }
        assert_eq!(refused("{role: pod, api_server: 'http://b', bearer_token: t}"), [""; 0]);
    }
}
