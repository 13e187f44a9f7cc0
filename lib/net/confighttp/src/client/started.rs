//! The client of an exporter: made when the exporter starts, because upstream refuses there what cannot be made of the
//! section, and closed when it ends.

use std::sync::OnceLock;

use component::{BoxError, ConsumeError, ExporterSettings, Host};

use super::{Client, ClientConfig, Url};

/// None until the exporter has started.
#[derive(Default)]
pub struct Started(OnceLock<Client>);

impl Started {
    /// Makes the client, measured and with its credentials.
    ///
    /// # Errors
    /// What the section says cannot be done, with the exporter's id.
    pub fn start(
        &self,
        config: &ClientConfig,
        url: &str,
        settings: &ExporterSettings,
        host: &Host,
    ) -> Result<(), BoxError> {
        let auth = config.authenticator(host)?;
        let client = Url::parse(url)
            .and_then(|url| Client::new(config, url, &settings.build.user_agent()))
            .map_err(|why| format!("exporters::{}: {why}", settings.id))?;
        self.0.get_or_init(|| client.measured(&settings.meter).authorized(auth));
        Ok(())
    }

    /// The client.
    ///
    /// # Errors
    /// The exporter has not started.
    pub fn get(&self) -> Result<&Client, ConsumeError> {
        self.0.get().ok_or_else(|| ConsumeError::retryable("the exporter is not started"))
    }

    /// Ends its connections.
    pub fn close(&self) {
        if let Some(client) = self.0.get() {
            client.close();
        }
    }
}
