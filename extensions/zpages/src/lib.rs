//! Pages that show what runs: pipelines with their rates and errors, extensions, feature gates.
//!
//! A page is made when somebody asks for it, from what the service shows ([`component::ServiceView`]) and from the
//! collector's own metrics. Nothing is gathered meanwhile, so an extension that nobody looks at costs nothing.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use component::{BoxError, BuildInfo, Component, Context, Extension, Host, Meter, Settings};
use confighttp::server::{Handler, mux_answer, serve};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Response};

mod config;
mod counts;
mod html;
mod pages;
#[cfg(test)]
mod tests;

pub use config::{Config, ExpvarConfig};

/// The extension.
pub struct Zpages {
    config: Config,
    build: BuildInfo,
    meter: Meter,
}

/// What pages are made from.
struct Pages {
    build: BuildInfo,
    meter: Meter,
    host: Host,
    has_expvar: bool,
    last: pages::LastLook,
}

impl Extension for Zpages {
    type Config = Config;
    const TYPE: &'static str = "zpages";

    fn create(settings: Settings, config: Config) -> Result<Self, BoxError> {
        Ok(Self { config, build: settings.build, meter: settings.meter })
    }
}

#[async_trait]
impl Component for Zpages {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        tracing::info!(endpoint = self.config.server.net.endpoint, "Starting zPages extension");
        let pages = Pages {
            build: self.build.clone(),
            meter: self.meter.clone(),
            host: host.clone(),
            has_expvar: self.config.expvar.enabled,
            last: pages::LastLook::default(),
        };
        // The server's own requests are not measured, as upstream: who looks should not change what is seen.
        serve(&self.config.server, Arc::new(pages), (host, &Meter::default()))?;
        Ok(())
    }
}

#[async_trait]
impl Handler for Pages {
    fn check(&self, head: &Parts) -> Option<Response<Bytes>> {
        Some(self.answer(head))
    }

    async fn handle(&self, head: &Parts, _ctx: &Context, _body: Bytes) -> Response<Bytes> {
        self.answer(head)
    }
}

impl Pages {
    fn answer(&self, head: &Parts) -> Response<Bytes> {
        let query = |name: &str| parameter(head.uri.query().unwrap_or_default(), name);
        let view = || self.host.view();
        let (content_type, body) = match head.uri.path() {
            "/debug/servicez" => (HTML, pages::service(&self.build, &view(), &self.meter)),
            "/debug/pipelinez" => {
                let chosen = pages::Chosen {
                    pipeline: query("pipelinenamez"),
                    component: query("componentnamez"),
                    kind: query("componentkindz"),
                };
                (HTML, pages::pipelines(&view(), &self.meter, &chosen, &self.last))
            }
            "/debug/extensionz" => {
                let chosen = query("zextensionname");
                (HTML, pages::extensions(&view(), &self.meter, chosen.as_deref()))
            }
            "/debug/featurez" => (HTML, pages::gates(&view())),
            "/debug/tracez" => (HTML, pages::traces()),
            "/debug/expvarz" if self.has_expvar => (JSON, counts::as_json(&self.meter)),
            _ => return mux_answer(head),
        };
        let mut response = Response::new(Bytes::from(body));
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response
    }
}

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// A parameter of the query.
fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|it| it.split_once('='));
    let value = pairs.find(|it| it.0 == name)?.1;
    Some(confignet::proxy::unescaped(&value.replace('+', " "))).filter(|it| !it.is_empty())
}
