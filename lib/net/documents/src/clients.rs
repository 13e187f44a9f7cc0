//! The same request to one of several servers.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use component::{BoxError, ExporterSettings, Host};
use confighttp::client::{Client, ClientConfig, Url};

/// One client for each server; they take turns.
pub struct Clients {
    all: Vec<Client>,
    next: AtomicUsize,
}

impl Clients {
    /// For these URLs. Answers may have `reply_bytes_max`.
    ///
    /// # Errors
    /// What the section says cannot be done, with the exporter's id.
    pub fn start(
        config: &ClientConfig,
        urls: &[String],
        (settings, host): (&ExporterSettings, &Host),
        reply_bytes_max: usize,
    ) -> Result<Self, BoxError> {
        let agent = settings.build.user_agent();
        let client = |url: &String| {
            let auth = config.authenticator(host)?;
            let client = Url::parse(url).and_then(|url| Client::new(config, url, &agent));
            let client = client.map_err(|why| format!("exporters::{}: {why}", settings.id))?;
            let client = client.measured(&settings.meter).authorized(auth);
            Ok::<_, BoxError>(client.with_reply_max(reply_bytes_max))
        };
        let all: Vec<Client> = urls.iter().map(client).collect::<Result<_, _>>()?;
        if all.is_empty() {
            return Err(format!("exporters::{}: there is no endpoint", settings.id).into());
        }
        Ok(Self { all, next: AtomicUsize::new(0) })
    }

    /// Whose turn it is.
    pub fn next(&self) -> Option<&Client> {
        let at = self.next.fetch_add(1, Relaxed);
        self.all.get(at % self.all.len().max(1))
    }

    /// Ends their connections.
    pub fn close(&self) {
        self.all.iter().for_each(Client::close);
    }
}
