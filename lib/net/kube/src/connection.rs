//! Which server, and who we are there.

use std::path::{Path, PathBuf};

use component::config::Secret;
use http::HeaderValue;

use crate::exec::Exec;

/// Most bytes of a token.
const TOKEN_BYTES_MAX: u64 = 1 << 20;

/// A server and the credentials for it.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    /// Its URL.
    pub(crate) server: String,
    /// How it is encrypted; client certificates stand here as well.
    pub(crate) tls: configtls::ClientConfig,
    /// Who we are.
    pub(crate) auth: Auth,
    /// Only what a kubeconfig says: an API server is near, and the proxies of the environment are not for it.
    pub(crate) proxy_url: String,
}

/// Who we are, beside a client certificate.
#[derive(Debug, Clone, Default)]
pub(crate) struct Auth {
    pub(crate) login: Login,
}

/// What is sent with each request.
#[derive(Debug, Clone, Default)]
pub(crate) enum Login {
    /// Nothing.
    #[default]
    None,
    /// A token.
    Token(Secret),
    /// A token that Kubernetes replaces about every hour: it is read for each request.
    TokenFile(PathBuf),
    /// Name and password, encoded.
    Basic(Secret),
    /// A program gives a token.
    Exec(Exec),
}

impl Auth {
    /// The value of the `Authorization` header, if there is to be one.
    ///
    /// # Errors
    /// A token cannot be had.
    pub(crate) async fn header(&self) -> Result<Option<HeaderValue>, String> {
        let text = match &self.login {
            Login::None => return Ok(None),
            Login::Token(token) => format!("Bearer {}", token.expose()),
            Login::Basic(pair) => format!("Basic {}", pair.expose()),
            Login::Exec(exec) => format!("Bearer {}", exec.token().await?.expose()),
            Login::TokenFile(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || read_token(&path)).await;
                format!("Bearer {}", read.map_err(|error| error.to_string())??)
            }
        };
        let mut value = HeaderValue::try_from(text)
            .map_err(|_| "the token has characters that no header may have")?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// The server did not know us.
    pub(crate) async fn refused(&self) {
        if let Login::Exec(exec) = &self.login {
            exec.forget().await;
        }
    }
}

pub(crate) fn read_token(path: &Path) -> Result<String, String> {
    use std::io::Read as _;
    let mut text = String::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(TOKEN_BYTES_MAX).read_to_string(&mut text));
    read.map_err(|error| {
        let path = path.display();
        format!("cannot read the token of the service account at {path}: {error}; does the pod say automountServiceAccountToken: false?")
    })?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_is_read_again_for_each_request() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "one\n").unwrap();
        let auth = Auth { login: Login::TokenFile(path.clone()) };
        assert_eq!(auth.header().await.unwrap().unwrap(), "Bearer one");
        std::fs::write(&path, "two").unwrap();
        assert_eq!(auth.header().await.unwrap().unwrap(), "Bearer two");
    }
}
