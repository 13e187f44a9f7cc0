//! The side that connects.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, TlsStream};

use crate::choices::Choices;
use crate::identity::Identity;
use crate::material::{self, Mistake};
use crate::{ClientConfig, MaybeTls, trust, words};

/// Makes connections to servers encrypted.
pub struct Connector {
    identity: Arc<Identity>,
    tls: TlsConnector,
    name: Option<ServerName<'static>>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Connector {
    /// Reads what the section names. `protocols` are offered by ALPN, the best one first.
    ///
    /// # Errors
    /// `failed to load TLS config: failed to load CA CertPool File: ...`, with what to do.
    pub fn new(section: &ClientConfig, protocols: &[&str]) -> Result<Self, String> {
        let failed = |why: String| format!("failed to load TLS config: {why}");
        let choices = Choices::of(&section.common).map_err(failed)?;
        Self::load(section, choices, protocols).map_err(|it| failed(it.with_remedy()))
    }

    fn load(section: &ClientConfig, choices: Choices, protocols: &[&str]) -> Result<Self, Mistake> {
        let provider = choices.provider;
        // What is configured is read in any case, so that a mistake in it is seen.
        let trusted = material::authorities(&section.common)?;
        let verifier = if section.insecure_skip_verify {
            trust::of_anybody(&provider)
        } else {
            trust::of_servers(trusted, &provider).map_err(|it| Mistake::nothing_to_speak(&it))?
        };
        let identity = Identity::new(&section.common, &provider)?;
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&choices.versions)
            .map_err(|error| Mistake::nothing_to_speak(&error))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = builder.with_client_cert_resolver(Arc::clone(&identity) as _);
        config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
        let name = match section.server_name_override.as_str() {
            "" => None,
            name => Some(server_name(name).map_err(Mistake::server_name)?),
        };
        Ok(Self { identity, tls: TlsConnector::from(Arc::new(config)), name })
    }

    /// Shakes hands with `host`, a name or an address, which the server's certificate has to be made for.
    ///
    /// # Errors
    /// In the words of Go's `crypto/tls`, with what to do.
    pub async fn connect<S>(&self, host: &str, stream: S) -> Result<MaybeTls<S>, String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.identity.refresh().await;
        let name = match &self.name {
            Some(name) => name.clone(),
            None => server_name(host)?,
        };
        let shaken = self.tls.connect(name, stream).await;
        let stream = shaken.map_err(|error| words::of_client(&error))?;
        Ok(MaybeTls::Tls(Box::new(TlsStream::Client(stream))))
    }
}

fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    let host = host.trim_matches(['[', ']']);
    ServerName::try_from(host.to_owned()).map_err(|_| {
        format!("tls: {host:?} cannot be the name in a certificate: set tls.server_name_override to one that can")
    })
}
