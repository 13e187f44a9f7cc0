//! Answers on HTTP whether the collector is ready: 503 until all pipelines run, 200 while they do,
//! 503 again once they stop. It listens before the pipelines start.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use component::{BoxError, Component, Context, Extension, Host, Meter, Settings, clock};
use confighttp::server::{Handler, mux_answer, serve};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use tokio::time::Instant;

mod components;
mod config;
#[cfg(test)]
mod tests;

pub use components::{ComponentsConfig, HealthOfComponents};
pub use config::Config;
use healthcheck::{ResponseBody, ready_body};

/// The extension.
pub struct HealthCheck {
    config: Config,
    state: Arc<State>,
    meter: Meter,
}

/// What requests are answered from.
struct State {
    path: String,
    bodies: Option<ResponseBody>,
    /// Since when the collector is ready, if it is.
    ready: Mutex<Option<(SystemTime, Instant)>>,
}

impl Extension for HealthCheck {
    type Config = Config;
    const TYPE: &'static str = "health_check";

    fn create(settings: Settings, config: Config) -> Result<Self, BoxError> {
        let state = State {
            path: config.path.clone(),
            bodies: config.response_body.get().cloned(),
            ready: Mutex::default(),
        };
        Ok(Self { config, meter: settings.meter, state: Arc::new(state) })
    }

    fn ready(&self, ready: bool) {
        let status = if ready { "ready" } else { "unavailable" };
        tracing::info!(status, "Health Check state change");
        let since = ready.then(|| (clock::now(), Instant::now()));
        *self.state.ready.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

#[async_trait]
impl Component for HealthCheck {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let endpoint = &self.config.server.net.endpoint;
        tracing::info!(endpoint, path = self.config.path, "Starting health_check extension");
        serve(&self.config.server, Arc::clone(&self.state) as _, (host, &self.meter))
            .map_err(|error| format!("failed to bind to address {endpoint}: {error}"))?;
        Ok(())
    }
}

#[async_trait]
impl Handler for State {
    fn check(&self, head: &Parts) -> Option<Response<Bytes>> {
        if self.path != "/" && self.path != head.uri.path() {
            return Some(mux_answer(head));
        }
        Some(self.answer())
    }

    async fn handle(&self, _head: &Parts, _ctx: &Context, _body: Bytes) -> Response<Bytes> {
        self.answer()
    }
}

impl State {
    fn answer(&self) -> Response<Bytes> {
        let ready = *self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let (content_type, body) = match &self.bodies {
            Some(bodies) => {
                let body = if ready.is_some() { &bodies.healthy } else { &bodies.unhealthy };
                ("text/plain; charset=utf-8", body.clone())
            }
            None => ("application/json", ready_body(ready)),
        };
        let is_empty = body.is_empty();
        let mut response = Response::new(Bytes::from(body));
        if ready.is_none() {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        // As Go's server, which looks at the first bytes.
        if !is_empty {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        response
    }
}
