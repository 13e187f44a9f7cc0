//! The side that is connected to.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::{StartHandshake, TlsStream};
use tracing::{info, warn};

use crate::choices::Choices;
use crate::identity::{Due, Identity};
use crate::material::{self, Mistake};
use crate::trust::{self, Trusted};
use crate::{MaybeTls, ServerConfig, words};

/// The file with the clients' authorities is looked at no more often. Upstream: once a second.
const CLIENT_CA_PAUSE: Duration = Duration::from_secs(1);
/// What is read at once of a handshake's first message, in bytes.
const HELLO_BYTES: usize = 4096;
/// The first byte of TLS: a record with a part of the handshake. RFC 8446, section 5.1.
const HANDSHAKE_RECORD: u8 = 22;

/// Makes connections from clients encrypted.
pub struct Acceptor {
    section: ServerConfig,
    protocols: Vec<Vec<u8>>,
    identity: Arc<Identity>,
    choices: Choices,
    config: ArcSwap<rustls::ServerConfig>,
    /// When the clients' authorities are read again, and what was read last.
    clients_due: Due,
    clients: std::sync::Mutex<Trusted>,
}

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}

/// A client that did not get through the handshake.
#[derive(Debug)]
pub struct Refused<S> {
    /// In the words of Go's `crypto/tls`.
    pub why: String,
    /// The connection of a client that does not speak TLS at all: it may be told so in its own language.
    pub plain: Option<S>,
    /// It left before it had said anything: a probe.
    pub knocked: bool,
}

impl<S> From<io::Error> for Refused<S> {
    fn from(error: io::Error) -> Self {
        Self { why: words::of_server(&error), plain: None, knocked: false }
    }
}

impl Acceptor {
    /// Reads what the section names. `protocols` are accepted by ALPN, the best one first.
    ///
    /// # Errors
    /// `failed to load TLS config: failed to load TLS cert and key: ...`, with what to do.
    pub fn new(section: &ServerConfig, protocols: &[&str]) -> Result<Self, String> {
        let failed = |why: String| format!("failed to load TLS config: {why}");
        let choices = Choices::of(&section.common).map_err(failed)?;
        let protocols: Vec<_> = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
        Self::load(section, choices, protocols).map_err(|it| match it.key {
            // Upstream has nothing before this one.
            "client_ca_file" => it.with_remedy(),
            _ => failed(it.with_remedy()),
        })
    }

    fn load(
        section: &ServerConfig,
        choices: Choices,
        protocols: Vec<Vec<u8>>,
    ) -> Result<Self, Mistake> {
        // A server trusts nobody by `ca_file`, but upstream reads it, so a mistake in it is seen.
        if section.common.has_ca() {
            material::authorities(&section.common)?;
        }
        let identity = Identity::new(&section.common, &choices.provider)?;
        let clients = clients(section)?;
        let config = assemble(&choices, &identity, &clients, section, &protocols)?;
        let pause = if section.client_ca_file_reload && !section.client_ca_file.is_empty() {
            CLIENT_CA_PAUSE
        } else {
            Duration::ZERO
        };
        Ok(Self {
            section: section.clone(),
            protocols,
            identity,
            choices,
            config: ArcSwap::from_pointee(config),
            clients_due: Due::every(pause),
            clients: std::sync::Mutex::new(clients),
        })
    }

    /// Shakes hands with a client.
    ///
    /// # Errors
    /// Why the client is refused.
    pub async fn accept<S>(&self, mut stream: S) -> Result<MaybeTls<S>, Refused<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut acceptor = rustls::server::Acceptor::default();
        let mut buffer = [0; HELLO_BYTES];
        let mut begun = false;
        let accepted = loop {
            let length = stream.read(&mut buffer).await?;
            let Some(mut read) = buffer.get(..length).filter(|it| !it.is_empty()) else {
                return Err(Refused { why: "EOF".into(), plain: None, knocked: !begun });
            };
            if !begun && read.first() != Some(&HANDSHAKE_RECORD) {
                let why = "tls: first record does not look like a TLS handshake".to_owned();
                return Err(Refused { why, plain: Some(stream), knocked: false });
            }
            begun = true;
            // It takes what it has room for at a time.
            while !read.is_empty() {
                acceptor.read_tls(&mut read)?;
            }
            match acceptor.accept() {
                Ok(Some(accepted)) => break accepted,
                Ok(None) => {}
                Err((error, mut alert)) => {
                    let mut bytes = Vec::new();
                    alert.write_all(&mut bytes)?;
                    let _ = stream.write_all(&bytes).await;
                    return Err(io::Error::other(error).into());
                }
            }
        };
        self.identity.refresh().await;
        self.refresh_clients().await;
        let config = self.config.load_full();
        let shaken = StartHandshake::from_parts(accepted, stream).into_stream(config).await?;
        Ok(MaybeTls::Tls(Box::new(TlsStream::Server(shaken))))
    }

    /// A file with authorities that cannot be read does not replace the ones before.
    async fn refresh_clients(&self) {
        if !self.clients_due.is_now() {
            return;
        }
        let section = self.section.clone();
        let Ok(read) = tokio::task::spawn_blocking(move || clients(&section)).await else { return };
        let put = read.and_then(|found| {
            let mut last = self.clients.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if last.themselves == found.themselves {
                return Ok(());
            }
            let config =
                assemble(&self.choices, &self.identity, &found, &self.section, &self.protocols)?;
            self.config.store(Arc::new(config));
            *last = found;
            info!(file = self.section.client_ca_file, "the authorities of clients were read again");
            Ok(())
        });
        if let Err(mistake) = put {
            warn!(
                error = mistake.text,
                key = mistake.key,
                remedy = mistake.remedy,
                "the authorities of clients could not be read again: those read before stay in use"
            );
        }
    }
}

/// Whose clients are trusted; empty when none has to show a certificate.
fn clients(section: &ServerConfig) -> Result<Trusted, Mistake> {
    match section.client_ca_file.as_str() {
        "" => Ok(Trusted::nobody()),
        path => material::client_authorities(path, section.common.include_system_ca_certs_pool),
    }
}

fn assemble(
    choices: &Choices,
    identity: &Arc<Identity>,
    clients: &Trusted,
    section: &ServerConfig,
    protocols: &[Vec<u8>],
) -> Result<rustls::ServerConfig, Mistake> {
    let provider = Arc::clone(&choices.provider);
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&choices.versions)
        .map_err(|error| Mistake::nothing_to_speak(&error))?;
    let builder = if section.client_ca_file.is_empty() {
        builder.with_no_client_auth()
    } else {
        let verifier = trust::of_clients(clients, &provider).map_err(|error| Mistake {
            key: "client_ca_file",
            text: format!("failed to load client CA CertPool: {error}"),
            remedy: "name a file with at least one certificate of an authority".into(),
            absent: false,
        })?;
        builder.with_client_cert_verifier(verifier)
    };
    let mut config = builder.with_cert_resolver(Arc::clone(identity) as _);
    config.alpn_protocols = protocols.to_vec();
    Ok(config)
}
