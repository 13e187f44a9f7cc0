//! The extension with the feature gate `extension.healthcheck.useComponentStatus`: it answers from what components say.

use std::sync::Arc;

use component::config::Section;
use component::{BoxError, Component, Extension, Host, Meter, Problems, Settings, async_trait};
use healthcheck::{HttpConfig, PathConfig};
use serde::{Deserialize, Serialize};

/// `extensions: health_check:` with the feature gate. `extension/healthcheckextension/config.go` of contrib, v0.165.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[config(go = "healthcheck.Config", unmarshals)]
pub struct ComponentsConfig {
    /// The keys of both versions.
    #[serde(flatten)]
    pub all: healthcheck::Config,
}

impl component::Config for ComponentsConfig {
    fn validate(&self, problems: &mut Problems) {
        self.all.check("config", problems);
    }
}

/// The extension.
pub struct HealthOfComponents {
    config: healthcheck::Config,
    meter: Meter,
}

impl Extension for HealthOfComponents {
    type Config = ComponentsConfig;
    const TYPE: &'static str = "health_check";

    fn create(settings: Settings, config: ComponentsConfig) -> Result<Self, BoxError> {
        let mut config = config.all;
        config.use_v2 = true;
        if config.http.get().is_none() && config.grpc.get().is_none() {
            tracing::warn!(
                "Feature gate enabled but using legacy config format. Please migrate to v2 config format (http/grpc fields)."
            );
            let default = HttpConfig::default();
            let status = PathConfig { path: config.path.clone(), ..default.status.clone() };
            let server = config.server.clone();
            config.http = Section::on(HttpConfig { server, status, ..default });
        }
        Ok(Self { config, meter: settings.meter })
    }
}

#[async_trait]
impl Component for HealthOfComponents {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        healthcheck::start(&self.config, host, &self.meter)
    }
}
