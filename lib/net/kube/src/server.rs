//! A server that a section names otherwise than by [`crate::ApiConfig`].

use std::path::{Path, PathBuf};

use component::config::Secret;
use pdata::text::Base64;

use crate::connection::{Auth, Connection, Login};
use crate::kubeconfig;
use crate::locate::ACCOUNT;

/// Longest name of a namespace that is read, in bytes. Kubernetes allows 63.
const NAMESPACE_BYTES_MAX: u64 = 1024;

/// Which server, and who we are there.
#[derive(Debug, Clone, PartialEq)]
pub enum Server {
    /// The current context of a kubeconfig.
    Kubeconfig(PathBuf),
    /// A server by its URL.
    At {
        /// `https://host:port`.
        url: String,
        /// How it is encrypted.
        tls: Box<configtls::ClientConfig>,
        /// A proxy; empty for none.
        proxy_url: String,
        /// Who we are.
        credentials: Credentials,
    },
}

/// Who we are, beside a client certificate.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Credentials {
    /// Nobody.
    #[default]
    None,
    /// A token.
    Token(Secret),
    /// A file with a token, which is read for each request.
    TokenFile(PathBuf),
    /// User and password.
    Basic(String, Secret),
}

impl Server {
    /// It reads files: not for a thread that must not block.
    pub(crate) fn connection(self) -> Result<Connection, String> {
        match self {
            Self::Kubeconfig(path) if !path.exists() => {
                let path = path.display();
                Err(format!("there is no kubeconfig at {path}: correct its path"))
            }
            Self::Kubeconfig(path) => kubeconfig::read(&[path], ""),
            Self::At { url, tls, proxy_url, credentials } => {
                let login = match credentials {
                    Credentials::None => Login::None,
                    Credentials::Token(token) => Login::Token(token),
                    Credentials::TokenFile(path) => Login::TokenFile(path),
                    Credentials::Basic(user, password) => {
                        let pair = format!("{user}:{}", password.expose());
                        Login::Basic(Secret::from(&*Base64::STANDARD.encode(pair.as_bytes())))
                    }
                };
                Ok(Connection { server: url, tls: *tls, auth: Auth { login }, proxy_url })
            }
        }
    }
}

/// The namespace of the pod that this runs in. It reads a file on a thread that may block.
///
/// # Errors
/// This is no pod, or it has no service account.
pub async fn own_namespace() -> Result<String, String> {
    let read = tokio::task::spawn_blocking(|| namespace(Path::new(ACCOUNT))).await;
    read.map_err(|error| error.to_string())?
}

fn namespace(account: &Path) -> Result<String, String> {
    use std::io::Read as _;
    let path = account.join("namespace");
    let mut text = String::new();
    let read = std::fs::File::open(&path)
        .and_then(|file| file.take(NAMESPACE_BYTES_MAX).read_to_string(&mut text));
    let failed =
        |why: String| format!("could not determine the pod's namespace: {}: {why}", path.display());
    read.map_err(|error| failed(error.to_string()))?;
    match text.trim() {
        "" => Err(failed("it is empty".to_owned())),
        name => Ok(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn credentials_become_the_header_of_requests() {
        for (credentials, want) in [
            (Credentials::Token(Secret::from("t")), "Bearer t"),
            (Credentials::Basic("a".to_owned(), Secret::from("b")), "Basic YTpi"),
        ] {
            let tls = Box::default();
            let url = "https://a:1".to_owned();
            let server = Server::At { url, tls, proxy_url: String::new(), credentials };
            let connection = server.connection().unwrap();
            assert_eq!(connection.auth.header().await.unwrap().unwrap(), want);
        }
    }

    #[test]
    fn the_namespace_of_the_pod_stands_beside_its_token() {
        let folder = tempfile::tempdir().unwrap();
        let failed = namespace(folder.path()).unwrap_err();
        assert!(failed.starts_with("could not determine the pod's namespace: "), "{failed}");
        std::fs::write(folder.path().join("namespace"), "shop\n").unwrap();
        assert_eq!(namespace(folder.path()).unwrap(), "shop");
    }
}
