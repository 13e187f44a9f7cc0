//! The kubelet of a node: an HTTP server with the credentials of the cluster, and no API server. It has no objects to watch, but a
//! page of what runs on its node and one of what that uses.

use std::path::Path;

use crate::connection::{Auth, Connection, Login, read_token};
use crate::locate::{ACCOUNT, by_kubeconfig};
use crate::resource::escape;
use crate::{ApiConfig, AuthType, Client};

/// Where Linux has the name of the machine.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";
/// Where a kubelet serves with TLS, and where without for those who only read.
const SECURE_PORT: u16 = 10250;
const READ_ONLY_PORT: u16 = 10255;

/// Which kubelet, and how it is reached.
#[derive(Debug, Clone, Default)]
pub struct Kubelet {
    /// Who we are there.
    pub api: ApiConfig,
    /// `host:port` or a URL; with `auth_type: kubeConfig` the name of the node, whose kubelet is reached through the API server.
    /// Empty for the one of the machine that this runs on.
    pub endpoint: String,
    /// Authority, certificate and key, and whether the kubelet's certificate is checked.
    pub tls: configtls::ClientConfig,
}

impl Kubelet {
    /// A client of this kubelet; nothing is sent yet. It reads files on a thread that may block.
    ///
    /// # Errors
    /// The kubelet or the credentials are not known.
    pub async fn client(&self, agent: &str) -> Result<Client, String> {
        let kubelet = self.clone();
        let read = move || kubelet.connection(Path::new(ACCOUNT), |name| std::env::var(name).ok());
        let read = tokio::task::spawn_blocking(read).await;
        Client::with(&self.api, read.map_err(|error| error.to_string())??, agent)
    }

    fn connection(
        &self,
        account: &Path,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Connection, String> {
        let mut tls = self.tls.clone();
        let (mut secure, mut login) = (true, Login::None);
        match *self.api.auth_type {
            AuthType::KubeConfig => return self.through_server(variable),
            AuthType::None => secure = false,
            AuthType::Tls => {
                // As upstream, which sends a certificate in any case.
                if tls.common.cert_file.is_empty() && tls.common.cert_pem.expose().is_empty() {
                    return Err("auth_type: tls needs a client certificate that the kubelet knows: set cert_file and key_file, \
                        or auth_type: serviceAccount"
                        .into());
                }
            }
            AuthType::ServiceAccount => {
                let (token, ca) = (account.join("token"), account.join("ca.crt"));
                // A first look, so that a pod without a token is told at its start.
                read_token(&token)?;
                login = Login::TokenFile(token);
                tls = configtls::ClientConfig {
                    insecure_skip_verify: tls.insecure_skip_verify,
                    ..configtls::ClientConfig::default()
                };
                if ca.exists() {
                    tls.common.ca_file = ca.to_string_lossy().into_owned();
                }
            }
        }
        tls.common.include_system_ca_certs_pool = true;
        let server = self.server(secure)?;
        Ok(Connection { server, tls, auth: Auth { login }, proxy_url: String::new() })
    }

    /// The API server hands requests on to the kubelets of its nodes.
    fn through_server(
        &self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Connection, String> {
        if self.endpoint.is_empty() {
            return Err("endpoint must be the name of a node with auth_type: kubeConfig".into());
        }
        let mut found = by_kubeconfig(&self.api, variable)?;
        if self.tls.insecure_skip_verify {
            found.tls.insecure_skip_verify = true;
        }
        let (server, node) = (found.server.trim_end_matches('/'), escape(&self.endpoint));
        found.server = format!("{server}/api/v1/nodes/{node}/proxy");
        Ok(found)
    }

    /// The URL.
    fn server(&self, secure: bool) -> Result<String, String> {
        let scheme = if secure { "https" } else { "http" };
        if self.endpoint.is_empty() {
            let host = host_name()?;
            let port = if secure { SECURE_PORT } else { READ_ONLY_PORT };
            let server = format!("{scheme}://{host}:{port}");
            tracing::warn!("Kubelet endpoint not defined, using default endpoint {server}");
            return Ok(server);
        }
        let has_scheme = ["http://", "https://"].iter().any(|it| self.endpoint.starts_with(it));
        Ok(if has_scheme { self.endpoint.clone() } else { format!("{scheme}://{}", self.endpoint) })
    }
}

fn host_name() -> Result<String, String> {
    let text = std::fs::read_to_string(HOST_NAME);
    let text = text.map_err(|error| {
        format!("unable to get hostname for default endpoint: {HOST_NAME}: {error}: set endpoint")
    })?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(auth_type: AuthType, endpoint: &str) -> Result<Connection, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "t\n").unwrap();
        std::fs::write(folder.path().join("ca.crt"), "").unwrap();
        let config = folder.path().join("config");
        let text = "current-context: c\ncontexts: [{name: c, context: {cluster: d, user: u}}]\n\
            clusters: [{name: d, cluster: {server: 'https://api:6443/'}}]\nusers: [{name: u, user: {token: x}}]\n";
        std::fs::write(&config, text).unwrap();
        let api = ApiConfig { auth_type: auth_type.into(), ..ApiConfig::default() };
        let mut tls = configtls::ClientConfig { insecure_skip_verify: true, ..Default::default() };
        tls.common.ca_file = "own.crt".into();
        let kubelet = Kubelet { api, endpoint: endpoint.into(), tls };
        let variable =
            |name: &str| (name == "KUBECONFIG").then(|| config.to_string_lossy().into_owned());
        kubelet.connection(folder.path(), variable)
    }

    #[test]
    fn a_pod_reaches_its_kubelet_with_its_account() {
        let it = connect(AuthType::ServiceAccount, "10.0.0.7:10250").unwrap();
        assert_eq!(it.server, "https://10.0.0.7:10250");
        assert!(matches!(it.auth.login, Login::TokenFile(_)));
        assert!(it.tls.common.ca_file.ends_with("ca.crt") && it.tls.insecure_skip_verify);
        assert!(it.tls.common.include_system_ca_certs_pool);
    }

    #[test]
    fn without_credentials_it_is_the_port_for_reading() {
        assert_eq!(connect(AuthType::None, "node-1:1234").unwrap().server, "http://node-1:1234");
        assert_eq!(connect(AuthType::None, "https://n:1").unwrap().server, "https://n:1");
        let own = connect(AuthType::None, "").unwrap().server;
        assert!(own.starts_with("http://") && own.ends_with(":10255"), "{own}");
    }

    #[test]
    fn a_kubeconfig_leads_through_the_api_server_to_a_node() {
        let it = connect(AuthType::KubeConfig, "worker 1").unwrap();
        assert_eq!(it.server, "https://api:6443/api/v1/nodes/worker%201/proxy");
        assert!(matches!(it.auth.login, Login::Token(_)) && it.tls.insecure_skip_verify);
        assert!(connect(AuthType::KubeConfig, "").unwrap_err().contains("name of a node"));
    }

    #[test]
    fn a_certificate_is_needed_where_it_is_the_only_proof() {
        let error = connect(AuthType::Tls, "n:1").unwrap_err();
        assert!(error.contains("cert_file and key_file"), "{error}");
    }
}
