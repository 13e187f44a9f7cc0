//! Every path takes spans: those with `api/v1/spans` in it of the first version, others of the second. Texts and
//! codes of `trace_receiver.go`, v0.149.

use bytes::Bytes;
use component::{ConsumeError, Context, Data, Outputs, Received, async_trait};
use confighttp::server::{Handler, error_answer, retry_after};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Response, StatusCode};

use crate::Format;

/// Takes spans of all formats.
pub(crate) struct Spans {
    pub(crate) out: Outputs,
    pub(crate) parse_strings: bool,
    /// In the order of [`Format`].
    pub(crate) received: [Received; 4],
}

impl Spans {
    async fn consume(&self, format: Format, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        if data.items() == 0 {
            return Ok(());
        }
        let [v1_json, v1_thrift, v2_json, v2_proto] = &self.received;
        let received = match format {
            Format::V1Json => v1_json,
            Format::V1Thrift => v1_thrift,
            Format::V2Json => v2_json,
            Format::V2Proto => v2_proto,
        };
        received.consume(&self.out, ctx, data).await
    }
}

#[async_trait]
impl Handler for Spans {
    fn check(&self, _head: &Parts) -> Option<Response<Bytes>> {
        None
    }

    async fn handle(&self, head: &Parts, ctx: &Context, body: Bytes) -> Response<Bytes> {
        let format = format(head);
        let traces = format.read(&body, self.parse_strings);
        // The pipeline may take its time.
        drop(body);
        let data = match traces {
            Ok(traces) => Data::from(traces),
            Err(why) => return error_answer(StatusCode::BAD_REQUEST, &why),
        };
        match self.consume(format, ctx, data).await {
            Ok(()) => answer(StatusCode::ACCEPTED, ""),
            Err(error) if error.is_permanent() => {
                answer(StatusCode::BAD_REQUEST, r#""Bad Request""#)
            }
            Err(error) => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                let mut answer = answer(status, r#""Internal Server Error""#);
                if let Some(wait) = error.retry_after() {
                    retry_after(answer.headers_mut(), wait);
                }
                answer
            }
        }
    }

    fn refuse(&self, _head: &Parts, status: StatusCode, message: &str) -> Response<Bytes> {
        error_answer(status, message)
    }
}

fn format(head: &Parts) -> Format {
    let content_type = head.headers.get(CONTENT_TYPE).map_or(&b""[..], |it| it.as_bytes());
    if head.uri.path().contains("api/v1/spans") {
        return match content_type {
            b"application/x-thrift" => Format::V1Thrift,
            _ => Format::V1Json,
        };
    }
    match content_type {
        b"application/x-protobuf" => Format::V2Proto,
        _ => Format::V2Json,
    }
}

fn answer(status: StatusCode, text: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    response
}
