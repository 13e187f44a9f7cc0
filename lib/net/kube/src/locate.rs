//! Where the API server is, by the section and the environment.

use std::net::Ipv6Addr;
use std::path::Path;

use crate::connection::{Auth, Connection, Login, read_token};
use crate::{ApiConfig, AuthType, kubeconfig};

/// Where Kubernetes puts the credentials of a pod.
pub(crate) const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What the section says. It reads files: not for a thread that must not block.
///
/// # Errors
/// What is missing; in the Collector's words where it has some.
pub(crate) fn locate(
    config: &ApiConfig,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Connection, String> {
    at(config, variable, Path::new(ACCOUNT))
}

/// What the kubeconfig says.
///
/// # Errors
/// In the Collector's words.
pub(crate) fn by_kubeconfig(
    config: &ApiConfig,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Connection, String> {
    let read = kubeconfig::read(&kubeconfig::paths(variable), &config.context);
    read.map_err(|why| format!("error connecting to k8s with auth_type=kubeConfig: {why}"))
}

fn at(
    config: &ApiConfig,
    variable: impl Fn(&str) -> Option<String>,
    account: &Path,
) -> Result<Connection, String> {
    if *config.auth_type == AuthType::KubeConfig {
        return by_kubeconfig(config, variable);
    }
    let value = |name: &str| variable(name).filter(|it| !it.is_empty());
    let (Some(host), Some(port)) =
        (value("KUBERNETES_SERVICE_HOST"), value("KUBERNETES_SERVICE_PORT"))
    else {
        return Err("unable to load k8s config, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined: \
            they are set in a pod of the cluster; elsewhere use auth_type: kubeConfig"
            .into());
    };
    let host = if host.parse::<Ipv6Addr>().is_ok() { format!("[{host}]") } else { host };
    let mut tls = configtls::ClientConfig::default();
    let (token, ca) = (account.join("token"), account.join("ca.crt"));
    match *config.auth_type {
        AuthType::None => tls.insecure_skip_verify = true,
        _ if ca.exists() => tls.common.ca_file = ca.to_string_lossy().into_owned(),
        _ => {}
    }
    let login = if *config.auth_type == AuthType::ServiceAccount {
        // A first look, so that a pod without a token is told at its start.
        read_token(&token)?;
        Login::TokenFile(token)
    } else {
        Login::None
    };
    let server = format!("https://{host}:{port}");
    Ok(Connection { server, tls, auth: Auth { login }, proxy_url: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(auth_type: AuthType, token: Option<&str>) -> Result<Connection, String> {
        let folder = tempfile::tempdir().unwrap();
        if let Some(token) = token {
            std::fs::write(folder.path().join("token"), token).unwrap();
            std::fs::write(folder.path().join("ca.crt"), "").unwrap();
        }
        let config = ApiConfig { auth_type: auth_type.into(), ..ApiConfig::default() };
        let variable = |name: &str| match name {
            "KUBERNETES_SERVICE_HOST" => Some("fd00::1".to_owned()),
            "KUBERNETES_SERVICE_PORT" => Some("443".to_owned()),
            _ => None,
        };
        at(&config, variable, folder.path())
    }

    #[test]
    fn a_pod_finds_the_server_and_its_account() {
        let it = connect(AuthType::ServiceAccount, Some("t\n")).unwrap();
        assert_eq!(it.server, "https://[fd00::1]:443");
        assert!(matches!(it.auth.login, Login::TokenFile(_)));
        assert!(it.tls.common.ca_file.ends_with("ca.crt"));
        let without = connect(AuthType::ServiceAccount, None).unwrap_err();
        assert!(without.contains("automountServiceAccountToken"), "{without}");
    }

    #[test]
    fn without_credentials_the_certificate_is_not_checked_unless_tls_is_asked_for() {
        let none = connect(AuthType::None, Some("t")).unwrap();
        assert!(none.tls.insecure_skip_verify && matches!(none.auth.login, Login::None));
        let tls = connect(AuthType::Tls, Some("t")).unwrap();
        assert!(!tls.tls.insecure_skip_verify && tls.tls.common.has_ca());
    }

    #[test]
    fn outside_of_a_cluster_the_variables_are_asked_for() {
        let error = locate(&ApiConfig::default(), |_| None).unwrap_err();
        assert!(error.starts_with("unable to load k8s config, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined"));
    }
}
