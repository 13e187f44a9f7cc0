//! The three HTTP paths. Texts and codes of `receiver/otlpreceiver/otlphttp.go` and
//! `internal/errors`, v0.159.

use bytes::Bytes;
use component::{Context, GrpcStatus, async_trait};
use confighttp::server::{Handler, mux_answer, retry_after};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use rpcstatus::code;

use crate::grpc::ANSWER;
use crate::intake::Intake;

const JSON: &str = "application/json";
const PROTO: &str = "application/x-protobuf";
const PLAIN: &str = "text/plain";

/// The encoding of a request and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Json,
    Proto,
}

/// Path and what takes its requests.
pub(crate) struct Path {
    pub(crate) path: String,
    pub(crate) intake: Intake,
}

/// All paths of a server.
pub(crate) struct Paths {
    pub(crate) paths: Vec<Path>,
}

impl Paths {
    fn intake(&self, head: &Parts) -> Option<&Intake> {
        let path = head.uri.path();
        self.paths.iter().find(|it| it.path == path).map(|it| &it.intake)
    }

    async fn take(
        &self,
        head: &Parts,
        encoding: Encoding,
        ctx: &Context,
        body: Bytes,
    ) -> Result<(), GrpcStatus> {
        let Some(intake) = self.intake(head) else { return Ok(()) };
        let wrong =
            |message| GrpcStatus { code: code::INVALID_ARGUMENT, message, encoded: Bytes::new() };
        let data = match encoding {
            Encoding::Proto => intake.read(body).map_err(|error| {
                wrong(if error.not_utf8 { error.to_string() } else { error.reason })
            })?,
            Encoding::Json => {
                let data = intake.read_json(&body).map_err(|error| wrong(error.to_string()))?;
                // The pipeline may take its time.
                drop(body);
                data
            }
        };
        intake.consume(ctx, data).await
    }
}

#[async_trait]
impl Handler for Paths {
    fn check(&self, head: &Parts) -> Option<Response<Bytes>> {
        if self.intake(head).is_none() {
            return Some(mux_answer(head));
        }
        if head.method != Method::POST {
            let text = "405 method not allowed, supported: [POST]";
            return Some(plain(StatusCode::METHOD_NOT_ALLOWED, text));
        }
        if encoding_of(head).is_none() {
            let text =
                "415 unsupported media type, supported: [application/json, application/x-protobuf]";
            return Some(plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
        None
    }

    async fn handle(&self, head: &Parts, ctx: &Context, body: Bytes) -> Response<Bytes> {
        // `check` has refused all others.
        let encoding = encoding_of(head).unwrap_or(Encoding::Proto);
        match self.take(head, encoding, ctx, body).await {
            Ok(()) => match encoding {
                Encoding::Json => response(StatusCode::OK, JSON, br#"{"partialSuccess":{}}"#),
                Encoding::Proto => response(StatusCode::OK, PROTO, ANSWER),
            },
            Err(status) => refusal(encoding, http_status(status.code), &status),
        }
    }

    fn refuse(&self, head: &Parts, status: StatusCode, message: &str) -> Response<Bytes> {
        // Whatever the client speaks, it is told (v0.162).
        let encoding = encoding_of(head).unwrap_or(Encoding::Json);
        let code = match status {
            StatusCode::SERVICE_UNAVAILABLE => code::UNAVAILABLE,
            StatusCode::REQUEST_TIMEOUT => code::DEADLINE_EXCEEDED,
            StatusCode::UNAUTHORIZED => code::UNAUTHENTICATED,
            _ => code::INVALID_ARGUMENT,
        };
        let encoded = Bytes::new();
        refusal(encoding, status, &GrpcStatus { code, message: message.to_owned(), encoded })
    }
}

fn content_type(head: &Parts) -> &str {
    head.headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or("")
}

/// The media type without parameters, in any case. `mime.ParseMediaType`.
fn encoding_of(head: &Parts) -> Option<Encoding> {
    let (media_type, parameters) = match content_type(head).split_once(';') {
        Some((media_type, parameters)) => (media_type.trim(), Some(parameters)),
        None => (content_type(head).trim(), None),
    };
    if !parameters.is_none_or(are_parameters) {
        return None;
    }
    if media_type.eq_ignore_ascii_case(PROTO) {
        return Some(Encoding::Proto);
    }
    media_type.eq_ignore_ascii_case(JSON).then_some(Encoding::Json)
}

/// True for `name=value` and `name="value"`, separated by semicolons. Nothing may stand behind the last semicolon.
fn are_parameters(text: &str) -> bool {
    let is_token = |it: &str| {
        let is_part = |it: u8| it.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&it);
        !it.is_empty() && it.bytes().all(is_part)
    };
    let mut rest = text.trim();
    let mut names: Vec<&str> = Vec::new();
    while !rest.is_empty() {
        let Some((name, after)) = rest.split_once('=') else { return false };
        let after = if let Some(quoted) = after.strip_prefix('"') {
            quoted.split_once('"').map(|it| it.1)
        } else {
            let (value, after) = after.split_at(after.find(';').unwrap_or(after.len()));
            is_token(value.trim_end()).then_some(after)
        };
        let name_is_new = !names.iter().any(|it| it.eq_ignore_ascii_case(name));
        let Some(after) = after.filter(|_| is_token(name) && name_is_new) else { return false };
        names.push(name);
        rest = match after.trim_start() {
            "" => return true,
            after => match after.strip_prefix(';') {
                Some(next) => next.trim(),
                None => return false,
            },
        };
    }
    true
}

/// `internal/errors.GetHTTPStatusCodeFromStatus`.
fn http_status(status: i32) -> StatusCode {
    match status {
        code::CANCELED
        | code::DEADLINE_EXCEEDED
        | code::ABORTED
        | code::OUT_OF_RANGE
        | code::UNAVAILABLE
        | code::DATA_LOSS => StatusCode::SERVICE_UNAVAILABLE,
        code::RESOURCE_EXHAUSTED => StatusCode::TOO_MANY_REQUESTS,
        code::INVALID_ARGUMENT => StatusCode::BAD_REQUEST,
        code::UNAUTHENTICATED => StatusCode::UNAUTHORIZED,
        code::PERMISSION_DENIED => StatusCode::FORBIDDEN,
        code::UNIMPLEMENTED => StatusCode::NOT_FOUND,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn response(
    status: StatusCode,
    content_type: &'static str,
    body: &'static [u8],
) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Bytes> {
    response(status, PLAIN, text.as_bytes())
}

fn refusal(encoding: Encoding, http: StatusCode, status: &GrpcStatus) -> Response<Bytes> {
    let delay = rpcstatus::retry_delay(&status.encoded);
    let (content_type, body) = match encoding {
        Encoding::Json => (JSON, json(status, delay)),
        Encoding::Proto if status.encoded.is_empty() => {
            (PROTO, rpcstatus::encode(status.code, &status.message, None))
        }
        Encoding::Proto => (PROTO, status.encoded.clone()),
    };
    let mut response = response(http, content_type, b"");
    *response.body_mut() = body;
    let told = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&http);
    if let Some(delay) = delay.filter(|_| told) {
        retry_after(response.headers_mut(), delay);
    }
    response
}

/// `google.rpc.Status` in proto3 JSON. Of the details only `RetryInfo` is shown.
fn json(status: &GrpcStatus, delay: Option<std::time::Duration>) -> Bytes {
    let mut body = serde_json::json!({ "code": status.code, "message": status.message });
    if let Some(delay) = delay {
        let delay = format!("{}s", delay.as_secs_f64());
        let url = "type.googleapis.com/google.rpc.RetryInfo";
        body["details"] = serde_json::json!([{ "@type": url, "retryDelay": delay }]);
    }
    body.to_string().into()
}
