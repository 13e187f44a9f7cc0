//! Paths and answers. `receiver.go`, v0.149, and
//! <https://docs.splunk.com/Documentation/Splunk/latest/Data/TroubleshootHTTPEventCollector>.

use bytes::Bytes;
use component::meter::Counter;
use component::{ConsumeError, Context, Data, Outputs, Received, Signal, async_trait};
use confighttp::server::{Handler, error_answer, retry_after};
use confignet::proxy::unescaped;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use tracing::warn;

use crate::config::Config;
use crate::event::{Events as Read, Refused};
use crate::logs::Around;
use crate::{logs, metrics};

/// The header that names a channel.
const CHANNEL: &str = "x-splunk-request-channel";
const SUCCESS: &str = r#"{"text": "Success", "code": 0}"#;
const HEALTHY: &str = r#"{"text": "HEC is healthy", "code": 17}"#;
const NO_DATA: &str = r#"{"text":"No data","code":5}"#;
const FORMAT: &str = r#"{"text":"Invalid data format","code":6}"#;
const NO_CHANNEL: &str = r#"{"text": "Data channel is missing","code":10}"#;
const BAD_CHANNEL: &str = r#"{"text": "Invalid data channel", "code": 11}"#;
const NO_EVENT: &str = r#"{"text":"Event field is required","code":12}"#;
const BLANK_EVENT: &str = r#"{"text":"Event field cannot be blank","code":13}"#;
const ONLY_POST: &str = r#""Only \"POST\" method is supported""#;
const NO_LOGS: &str = r#""Unsupported log event""#;
const NO_METRICS: &str = r#""Unsupported metric event""#;
const FAILED: &str = r#""Internal Server Error""#;

/// Takes events.
pub(crate) struct Events {
    pub(crate) config: Config,
    pub(crate) out: Outputs,
    pub(crate) logs: Received,
    pub(crate) metrics: Received,
    /// Values of metrics that are none.
    pub(crate) corrupt: Counter,
}

#[async_trait]
impl Handler for Events {
    fn check(&self, head: &Parts) -> Option<Response<Bytes>> {
        let path = head.uri.path();
        let versioned = path.strip_suffix("/1.0").filter(|_| head.method == Method::GET);
        if path == self.config.health_path || versioned == Some(&self.config.health_path) {
            return Some(answer(StatusCode::OK, HEALTHY));
        }
        if head.method != Method::POST {
            return Some(bad(ONLY_POST));
        }
        match channel(head)? {
            it if it.is_empty() => Some(bad(NO_CHANNEL)),
            it if !is_uuid(&it) => Some(bad(BAD_CHANNEL)),
            _ => None,
        }
    }

    async fn handle(&self, head: &Parts, ctx: &Context, body: Bytes) -> Response<Bytes> {
        if body.is_empty() {
            return bad(NO_DATA);
        }
        let token = self.token(head);
        let names = &self.config.hec_metadata_to_otel_attrs;
        let around = Around { names, token: token.as_deref() };
        let mut corrupt = 0;
        let wants_logs = self.out.wants(Signal::Logs);
        let all = if wants_logs && head.uri.path() == self.config.raw_path {
            match self.raw(head, &body, &around) {
                Some(data) => [Some(data), None],
                None => return bad(FORMAT),
            }
        } else {
            match Read::read(&body, (wants_logs, self.out.wants(Signal::Metrics))) {
                Ok(Read { logs, metrics }) => [
                    (!logs.is_empty()).then(|| logs::logs(logs, &around)),
                    (!metrics.is_empty()).then(|| {
                        let (data, lost) = metrics::metrics(metrics, &around);
                        corrupt = lost;
                        data
                    }),
                ],
                Err(why) => return refused(why),
            }
        };
        // The pipelines may take their time.
        drop(body);
        for (data, received) in all.into_iter().zip([&self.logs, &self.metrics]) {
            if let Some(data) = data.filter(|it| it.items() > 0)
                && let Err(error) = received.consume(&self.out, ctx, data).await
            {
                return failed(&error);
            }
        }
        // Of a request that was refused, the client has all of them still.
        if corrupt > 0 {
            self.corrupt.add(corrupt as u64);
            warn!(
                dropped_items = corrupt,
                "leaving out values of metrics that are no numbers, are not there, or have a name that is none"
            );
        }
        answer(StatusCode::OK, SUCCESS)
    }

    fn refuse(&self, _head: &Parts, status: StatusCode, message: &str) -> Response<Bytes> {
        error_answer(status, message)
    }
}

impl Events {
    /// The token that pipelines are to see.
    fn token(&self, head: &Parts) -> Option<String> {
        let login = head.headers.get(AUTHORIZATION)?.to_str().ok()?;
        let token = login.strip_prefix(hec::SCHEME)?;
        self.config.access_token_passthrough.then(|| token.to_owned())
    }

    /// `None` if the time is wrong.
    fn raw(&self, head: &Parts, body: &[u8], around: &Around<'_>) -> Option<Data> {
        let value = |name: &str| parameter(head, |it| it == name);
        let time = match value("time") {
            Some(text) => text.parse::<u64>().ok()?.checked_mul(1_000_000_000)?,
            None => 0,
        };
        let metadata = ["host", "source", "sourcetype", "index"];
        let metadata = metadata.map(|it| value(it).unwrap_or_default());
        Some(logs::raw(body, *self.config.splitting, (&metadata, time), around))
    }
}

/// The first value of a parameter of the query.
fn parameter(head: &Parts, is_it: impl Fn(&str) -> bool) -> Option<String> {
    head.uri.query()?.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let plain = |it: &str| unescaped(&it.replace('+', " "));
        is_it(&plain(name)).then(|| plain(value))
    })
}

fn channel(head: &Parts) -> Option<String> {
    let header = head.headers.get(CHANNEL).map(|it| it.to_str().unwrap_or("?").to_owned());
    header.or_else(|| parameter(head, |it| it.eq_ignore_ascii_case("channel")))
}

/// In the forms that Go's `uuid.Parse` takes.
fn is_uuid(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let bare = text.strip_prefix("urn:uuid:").unwrap_or(&text);
    let bare = bare.strip_prefix('{').and_then(|it| it.strip_suffix('}')).unwrap_or(bare);
    let digits: Vec<&str> = bare.split('-').collect();
    let fits = match digits.as_slice() {
        [whole] => whole.len() == 32,
        parts => parts.iter().map(|it| it.len()).eq([8, 4, 4, 4, 12]),
    };
    fits && digits.iter().all(|it| it.bytes().all(|it| it.is_ascii_hexdigit()))
}

fn refused(why: Refused) -> Response<Bytes> {
    match why {
        Refused::Format => bad(FORMAT),
        Refused::NoEvent => bad(NO_EVENT),
        Refused::BlankEvent => bad(BLANK_EVENT),
        Refused::Logs => bad(NO_LOGS),
        Refused::Metrics => bad(NO_METRICS),
        Refused::Nested(at) => {
            let head = r#"{"text":"Error in handling indexed fields","code":15"#;
            bad(format!("{head},\"invalid-event-number\":{at}}}"))
        }
    }
}

fn failed(error: &ConsumeError) -> Response<Bytes> {
    let mut answer = answer(StatusCode::INTERNAL_SERVER_ERROR, FAILED);
    if let Some(wait) = error.retry_after().filter(|_| !error.is_permanent()) {
        retry_after(answer.headers_mut(), wait);
    }
    answer
}

fn bad(text: impl Into<Bytes>) -> Response<Bytes> {
    answer(StatusCode::BAD_REQUEST, text)
}

fn answer(status: StatusCode, text: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
