//! `POST /api/traces` with a batch in Thrift's binary protocol. Texts and codes of `trace_receiver.go`, v0.149.

use bytes::Bytes;
use component::{Context, async_trait};
use confighttp::server::{Handler, error_answer, mux_answer};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Method, Response, StatusCode};

use crate::intake::Intake;
use crate::thrift;

const PATH: &str = "/api/traces";
const FORMATS: [&str; 2] = ["application/x-thrift", "application/vnd.apache.thrift.binary"];

/// The one path.
pub(crate) struct Traces {
    pub(crate) intake: Intake,
}

#[async_trait]
impl Handler for Traces {
    fn check(&self, head: &Parts) -> Option<Response<Bytes>> {
        if head.uri.path() != PATH {
            return Some(mux_answer(head));
        }
        if head.method != Method::POST {
            return Some(empty(StatusCode::METHOD_NOT_ALLOWED));
        }
        None
    }

    async fn handle(&self, head: &Parts, ctx: &Context, body: Bytes) -> Response<Bytes> {
        if let Err(why) = format(head) {
            return error_answer(StatusCode::BAD_REQUEST, &escaped(&why));
        }
        let traces = match thrift::body(&body) {
            Ok(traces) => traces,
            Err(why) => {
                let text = escaped(&format!("Unable to process request body: {why}"));
                return error_answer(StatusCode::BAD_REQUEST, &text);
            }
        };
        // The pipeline may take its time.
        drop(body);
        match self.intake.consume(ctx, traces).await {
            Ok(()) => empty(StatusCode::ACCEPTED),
            Err(error) => {
                let text = format!("Cannot submit Jaeger batch: {error}");
                error_answer(StatusCode::INTERNAL_SERVER_ERROR, &text)
            }
        }
    }

    fn refuse(&self, _head: &Parts, status: StatusCode, message: &str) -> Response<Bytes> {
        error_answer(status, message)
    }
}

/// Whether the content type is Thrift's.
fn format(head: &Parts) -> Result<(), String> {
    let value = head.headers.get(CONTENT_TYPE).map_or(&b""[..], |it| it.as_bytes());
    let value = String::from_utf8_lossy(value);
    let media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media_type.is_empty() {
        return Err("Cannot parse content type: mime: no media type".to_owned());
    }
    if FORMATS.contains(&media_type.as_str()) {
        return Ok(());
    }
    Err(format!("Unsupported content type: {media_type}"))
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// `html.EscapeString`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            c => out.push(c),
        }
    }
    out
}
