//! Our certificate and key as a handshake uses them, read again from their files when that is due.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::time::Instant;
use tracing::warn;

use crate::CommonConfig;
use crate::material::{self, Mistake};

/// A time at which something is due again and again; one caller at a time is told so.
#[derive(Debug)]
pub(crate) struct Due {
    every: Duration,
    next: Mutex<Instant>,
}

impl Due {
    /// Zero is never.
    pub(crate) fn every(every: Duration) -> Self {
        Self { every, next: Mutex::new(Instant::now() + every) }
    }

    pub(crate) fn is_now(&self) -> bool {
        if self.every.is_zero() {
            return false;
        }
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let due = *next <= now;
        if due {
            *next = now + self.every;
        }
        due
    }
}

/// Resolves to the pair read last. Connections that stand keep the one they began with.
#[derive(Debug)]
pub(crate) struct Identity {
    config: CommonConfig,
    provider: Arc<CryptoProvider>,
    pair: ArcSwapOption<CertifiedKey>,
    due: Due,
}

impl Identity {
    pub(crate) fn new(
        config: &CommonConfig,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<Self>, Mistake> {
        let pair = material::identity(config, provider)?;
        let in_files = !config.cert_file.is_empty() || !config.key_file.is_empty();
        let every = if in_files { config.reload_interval.std() } else { Duration::ZERO };
        Ok(Arc::new(Self {
            config: config.clone(),
            provider: Arc::clone(provider),
            pair: ArcSwapOption::new(pair),
            due: Due::every(every),
        }))
    }

    /// To be called before a handshake. Where the files cannot be read just now (they are being replaced, say),
    /// the pair read before stays: upstream fails the handshake.
    pub(crate) async fn refresh(self: &Arc<Self>) {
        if !self.due.is_now() {
            return;
        }
        let its = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || {
            material::identity(&its.config, &its.provider).map(|pair| its.pair.store(pair))
        });
        if let Ok(Err(mistake)) = read.await {
            warn!(
                error = mistake.text,
                key = mistake.key,
                remedy = mistake.remedy,
                "the certificate could not be read again: the one read before stays in use"
            );
        }
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.pair.load_full()
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.pair.load_full()
    }

    fn has_certs(&self) -> bool {
        self.pair.load().is_some()
    }
}
