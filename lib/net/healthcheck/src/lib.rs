//! Health of the collector from what its components say of themselves, over HTTP and gRPC: what `healthcheckv2` is, and
//! `health_check` with the feature gate `extension.healthcheck.useComponentStatus`. `internal/healthcheck` of contrib,
//! v0.165.

use std::sync::Arc;
use std::time::SystemTime;

use component::{BoxError, Host, Meter, clock};
use tokio::time::Instant;

mod config;
mod grpc;
mod pages;
pub mod status;
#[cfg(test)]
mod tests;

pub use config::{
    CheckCollectorPipeline, ComponentHealth, Config, GrpcConfig, HttpConfig, PathConfig,
    ResponseBody,
};
pub use pages::ready_body;

/// What all servers answer from.
struct Health {
    host: Host,
    started: (SystemTime, Instant),
    rules: Option<ComponentHealth>,
}

/// Starts the servers that a section asks for, before the pipelines.
///
/// # Errors
/// `failed to bind to address localhost:13133: ...`, and what is wrong with TLS or an extension that is named.
pub fn start(config: &Config, host: &Host, meter: &Meter) -> Result<(), BoxError> {
    let health = Arc::new(Health {
        host: host.clone(),
        started: (clock::now(), Instant::now()),
        rules: config.component_health.get().cloned(),
    });
    if let Some(grpc) = config.grpc.get().filter(|_| config.use_v2) {
        grpc::serve(grpc, &health, meter)?;
    }
    let http = config.http.get();
    if !config.use_v2 || http.is_some() {
        pages::serve(config, http.filter(|_| config.use_v2), &health, meter)?;
    }
    Ok(())
}
