//! The pages: the status, of all or of a pipeline, and the configuration.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use component::{BoxError, Context, Meter, clock};
use confighttp::server::{Handler, ServerConfig, mux_answer};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;
use tokio::time::Instant;

use crate::Health;
use crate::config::{ComponentHealth, Config, HttpConfig, ResponseBody};
use crate::status::{Aggregate, Event, State};

/// A page, and what is on it.
type Page = (String, Content);

enum Content {
    Status,
    Configuration,
    /// As the first version of the extension has it.
    Ready(Option<ResponseBody>),
}

struct Pages {
    health: Arc<Health>,
    pages: Vec<Page>,
}

/// Serves the pages of the second version, or the one of the first.
pub(crate) fn serve(
    config: &Config,
    second: Option<&HttpConfig>,
    health: &Arc<Health>,
    meter: &Meter,
) -> Result<(), BoxError> {
    let (server, pages): (&ServerConfig, Vec<Page>) = if let Some(http) = second {
        let status = (&http.status, Content::Status);
        let configuration = (&http.config, Content::Configuration);
        let served = [status, configuration].into_iter().filter(|it| it.0.enabled);
        (&http.server, served.map(|(page, content)| (page.path.clone(), content)).collect())
    } else {
        let content = Content::Ready(config.response_body.get().cloned());
        (&config.server, vec![(config.path.clone(), content)])
    };
    let endpoint = &server.net.endpoint;
    let handler = Arc::new(Pages { health: Arc::clone(health), pages });
    confighttp::server::serve(server, handler, (&health.host, meter))
        .map_err(|error| format!("failed to bind to address {endpoint}: {error}"))?;
    Ok(())
}

#[async_trait]
impl Handler for Pages {
    fn check(&self, head: &Parts) -> Option<Response<Bytes>> {
        Some(self.answer(head).unwrap_or_else(|| mux_answer(head)))
    }

    async fn handle(&self, head: &Parts, _ctx: &Context, _body: Bytes) -> Response<Bytes> {
        self.answer(head).unwrap_or_else(|| mux_answer(head))
    }
}

impl Pages {
    /// `None` where there is no page.
    fn answer(&self, head: &Parts) -> Option<Response<Bytes>> {
        let asked = head.uri.path();
        // As Go's mux: a path that ends with a slash is also that of all below, and the longest one counts.
        let fits = |path: &str| path == asked || (path.ends_with('/') && asked.starts_with(path));
        let pages = self.pages.iter().filter(|it| fits(&it.0));
        let (_, content) = pages.max_by_key(|it| it.0.len())?;
        if let Content::Configuration = content {
            return Some(self.health.configuration());
        }
        let (pipeline, verbose) = question(head.uri.query().unwrap_or_default());
        let Some(status) = self.health.status(&pipeline) else {
            return Some(answer(StatusCode::NOT_FOUND, String::new()));
        };
        Some(match content {
            Content::Ready(bodies) => self.health.ready(&status.event, bodies.as_ref()),
            _ => self.health.page(&status, verbose),
        })
    }
}

/// `?pipeline=<id>&verbose`.
fn question(query: &str) -> (String, bool) {
    let (mut pipeline, mut verbose) = (None, None);
    for part in query.split('&') {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key {
            "pipeline" => drop(pipeline.get_or_insert(confignet::proxy::unescaped(value))),
            "verbose" => drop(verbose.get_or_insert(value)),
            _ => {}
        }
    }
    (pipeline.unwrap_or_default(), verbose.is_some_and(|it| it != "false"))
}

fn answer(status: StatusCode, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response
}

fn json(status: StatusCode, body: String) -> Response<Bytes> {
    let mut response = answer(status, body);
    let value = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, value);
    response
}

/// The body of the first version. `ready`: since when the collector is, if it is.
pub fn ready_body(ready: Option<(SystemTime, Instant)>) -> String {
    let Some((since, instant)) = ready else {
        // The zero time of Go.
        return r#"{"status":"Server not available","upSince":"0001-01-01T00:00:00Z","uptime":""}"#
            .into();
    };
    let since = humantime::format_rfc3339_nanos(since);
    let uptime = component::config::Duration::of(instant.elapsed());
    format!(r#"{{"status":"Server available","upSince":"{since}","uptime":"{uptime}"}}"#)
}

/// What is written of a status.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<String>,
    healthy: bool,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    status_time: String,
    attributes: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    components: BTreeMap<&'a str, Written<'a>>,
}

impl Health {
    /// Of everything, or of a pipeline, or of `extensions`.
    pub(crate) fn status(&self, scope: &str) -> Option<Aggregate> {
        let only_recoverable =
            |it: &ComponentHealth| it.include_recoverable_errors && !it.include_permanent_errors;
        let all =
            Aggregate::of(&self.host.view(), self.rules.as_ref().is_some_and(only_recoverable));
        if scope.is_empty() { Some(all) } else { all.scope(scope) }
    }

    /// Whether a component that has not recovered by now counts as failed.
    pub(crate) fn has_failed(&self, event: &Event) -> bool {
        let Some(rules) = &self.rules else { return false };
        let recovered_by = event.since.checked_add(rules.recovery_duration.std());
        match event.state {
            State::Permanent => rules.include_permanent_errors,
            State::Recoverable if rules.include_recoverable_errors => {
                recovered_by.is_some_and(|it| it <= clock::now())
            }
            _ => false,
        }
    }

    fn is_healthy(&self, event: &Event) -> bool {
        !self.has_failed(event) && (self.rules.is_none() || event.state != State::Fatal)
    }

    fn page(&self, status: &Aggregate, verbose: bool) -> Response<Bytes> {
        let written = Written {
            start_time: Some(humantime::format_rfc3339_nanos(self.started.0).to_string()),
            ..self.written(status, verbose)
        };
        let code = match status.event.state {
            _ if !written.healthy => StatusCode::INTERNAL_SERVER_ERROR,
            State::Ok | State::Recoverable | State::Permanent => StatusCode::OK,
            State::Fatal => StatusCode::INTERNAL_SERVER_ERROR,
            State::None | State::Starting | State::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        };
        json(code, serde_json::to_string(&written).unwrap_or_default())
    }

    fn written<'a>(&self, status: &'a Aggregate, verbose: bool) -> Written<'a> {
        let Aggregate { event, parts } = status;
        let parts = parts.iter().filter(|_| verbose);
        Written {
            start_time: None,
            healthy: self.is_healthy(event),
            status: event.state.name(),
            error: event.error.as_deref(),
            status_time: humantime::format_rfc3339_nanos(event.since).to_string(),
            attributes: BTreeMap::new(),
            components: parts.map(|(key, it)| (key.as_str(), self.written(it, verbose))).collect(),
        }
    }

    fn ready(&self, event: &Event, bodies: Option<&ResponseBody>) -> Response<Bytes> {
        let ready = matches!(event.state, State::Ok | State::Recoverable | State::Permanent);
        let code = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        match bodies {
            Some(it) => {
                let body = if ready { &it.healthy } else { &it.unhealthy };
                let mut response = answer(code, body.clone());
                let value = HeaderValue::from_static("text/plain; charset=utf-8");
                response.headers_mut().insert(CONTENT_TYPE, value);
                response
            }
            None => json(code, ready_body(ready.then_some(self.started))),
        }
    }

    fn configuration(&self) -> Response<Bytes> {
        let text = self.host.configuration();
        if text.is_empty() {
            return answer(StatusCode::SERVICE_UNAVAILABLE, String::new());
        }
        json(StatusCode::OK, text.to_string())
    }
}
