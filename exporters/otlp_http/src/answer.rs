//! What an HTTP answer means for the data. `exporter/otlphttpexporter/otlp.go`, v0.159.

use std::time::SystemTime;

use component::{ConsumeError, GrpcStatus};
use confighttp::client::{Reply, Url};
use http::header::CONTENT_TYPE;
use otlp::PartialSuccess;
use rpcstatus::code;

/// Content type of protobuf.
pub(crate) const PROTO: &str = "application/x-protobuf";
/// Content type of JSON.
pub(crate) const JSON: &str = "application/json";

/// The partial success in an answer of success.
///
/// # Errors
/// When the body is not what its content type says: what the backend did is unknown then, and
/// sending again could double the data.
pub(crate) fn partial_success(reply: &Reply) -> Result<Option<PartialSuccess>, ConsumeError> {
    if reply.body.is_empty() {
        return Ok(None);
    }
    let content_type = reply.headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    let (read, format) = match content_type {
        Some(it) if it == PROTO.as_bytes() => (PartialSuccess::decode(&reply.body), "protobuf"),
        Some(it) if it == JSON.as_bytes() => (PartialSuccess::from_json(&reply.body), "json"),
        _ => return Ok(None),
    };
    read.map_err(|why| ConsumeError::permanent(format!("error parsing {format} response: {why}")))
}

/// The error of an answer that is no success.
pub(crate) fn classify(url: &Url, reply: &Reply, now: SystemTime) -> ConsumeError {
    let number = reply.status.as_u16();
    let mut text =
        format!("error exporting items, request to {url} responded with HTTP Status Code {number}");
    let is_error = (400..600).contains(&number) && !reply.body.is_empty();
    if let Some((_, message)) = rpcstatus::decode(&reply.body).filter(|_| is_error) {
        text = format!("{text}, Message={message}, Details=[]");
    }
    let status =
        GrpcStatus { code: grpc_code(number), message: text, encoded: bytes::Bytes::new() };
    let retryable = matches!(number, 429 | 502 | 503 | 504);
    let delay = match number {
        429 | 503 => reply.retry_after(now),
        _ => None,
    };
    let error = otlp::refused(status, retryable, delay);
    if number == 413 { error.too_large() } else { error }
}

/// `NewStatusFromMsgAndHTTPCode` of upstream's `httphelper`.
fn grpc_code(number: u16) -> i32 {
    match number {
        400 => code::INVALID_ARGUMENT,
        401 => code::UNAUTHENTICATED,
        403 => code::PERMISSION_DENIED,
        404 => code::UNIMPLEMENTED,
        429 => code::RESOURCE_EXHAUSTED,
        502..=504 => code::UNAVAILABLE,
        _ => code::UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::header::RETRY_AFTER;
    use http::{HeaderMap, HeaderValue, StatusCode};

    use super::*;

    fn reply(status: u16, header: Option<(http::HeaderName, &'static str)>, body: &[u8]) -> Reply {
        let headers: HeaderMap =
            header.into_iter().map(|(k, v)| (k, HeaderValue::from_static(v))).collect();
        let status = StatusCode::from_u16(status).unwrap();
        Reply { status, headers, body: bytes::Bytes::copy_from_slice(body) }
    }

    fn error(reply: &Reply) -> ConsumeError {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_470);
        classify(&Url::parse("http://a/v1/logs").unwrap(), reply, now)
    }

    const BASE: &str =
        "error exporting items, request to http://a/v1/logs responded with HTTP Status Code";

    #[test]
    fn statuses_are_retryable_as_the_specification_says() {
        let check = |status: u16, permanent: bool, code: i32| {
            let error = error(&reply(status, None, b"{}"));
            assert_eq!(error.is_permanent(), permanent, "{status}");
            assert_eq!(error.status().unwrap().code, code, "{status}");
        };
        for (status, code) in [(429, 8), (502, 14), (503, 14), (504, 14)] {
            check(status, false, code);
        }
        let refused = [(301, 2), (400, 3), (401, 16), (403, 7), (404, 12), (408, 2), (500, 2)];
        for (status, code) in refused {
            check(status, true, code);
        }
    }

    #[test]
    fn a_request_that_is_too_large_is_told_from_others() {
        for status in [400, 413, 429, 500] {
            assert_eq!(error(&reply(status, None, b"")).is_too_large(), status == 413, "{status}");
        }
    }

    #[test]
    fn texts_are_the_collectors() {
        let refused = error(&reply(400, None, b"{}"));
        let text = format!("Permanent error: rpc error: code = InvalidArgument desc = {BASE} 400");
        assert_eq!(refused.to_string(), text);
        assert_eq!(refused.status().unwrap().message, text);
        let busy = error(&reply(503, None, b""));
        assert_eq!(busy.to_string(), format!("rpc error: code = Unavailable desc = {BASE} 503"));
        assert_eq!(busy.status().unwrap().message, format!("{BASE} 503"));
        let body = rpcstatus::encode(3, "bad field", None);
        let told = error(&reply(400, None, &body));
        assert!(told.message().ends_with("400, Message=bad field, Details=[]"), "{told}");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let check = |status: u16, header: &'static str, want: Option<u64>| {
            let error = error(&reply(status, Some((RETRY_AFTER, header)), b""));
            assert_eq!(error.retry_after(), want.map(Duration::from_secs), "{header}");
            assert_eq!(error.message().starts_with("Throttle ("), want.is_some());
        };
        check(503, "7", Some(7));
        check(429, "7", Some(7));
        check(502, "7", None);
        check(503, "0", None);
        check(503, "soon", None);
        check(503, "-5", None);
        check(503, "18446744073709551615", Some(86_400));
        check(503, "Fri, 31 Dec 9999 23:59:59 GMT", Some(86_400));
        check(503, "Wed, 21 Oct 2015 07:28:00 GMT", Some(10));
        check(503, "Wed, 21 Oct 2015 07:27:00 GMT", None);
        check(503, "Wed, 99 Oct 2015 07:28:00 GMT", None);
    }

    #[test]
    fn the_answer_of_a_success_is_read_by_its_content_type() {
        let read = |header, body: &[u8]| partial_success(&reply(200, header, body));
        let json = br#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"x"}}"#;
        let want = PartialSuccess { rejected: 1, message: "x".into() };
        assert_eq!(read(Some((CONTENT_TYPE, JSON)), json).unwrap(), Some(want));
        assert_eq!(read(Some((CONTENT_TYPE, "text/html")), b"hello").unwrap(), None);
        assert_eq!(read(None, b"hello").unwrap(), None);
        assert_eq!(read(Some((CONTENT_TYPE, JSON)), b"").unwrap(), None);
        assert!(read(Some((CONTENT_TYPE, PROTO)), b"hello").unwrap_err().is_permanent());
    }
}
