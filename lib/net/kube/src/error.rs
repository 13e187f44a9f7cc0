//! Why the API server did not do what was asked.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use config::Right;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

/// Why there is no answer, or no good one.
#[derive(Debug, Clone, PartialEq)]
pub enum Error {
    /// No connection, or it broke; in Go's words.
    Connection(String),
    /// The server refused.
    Status {
        /// HTTP status, or that of a `Status` object in a watch.
        code: u16,
        /// In one word: `Forbidden`, `Expired`.
        reason: String,
        /// In the server's words.
        message: String,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The answer is not what was asked for.
    Malformed(String),
}

/// A `Status` object.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
    reason: String,
    message: String,
}

/// The reason of an answer that was too long; ours, no server says it.
const TOO_LONG: &str = "TooLong";
/// Most of a body that is no `Status` and gets into a message, in bytes.
const EXCERPT_BYTES_MAX: usize = 200;

impl Error {
    /// What an answer with a status other than 2xx says.
    pub(crate) fn answered(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Self {
        let said: Status = serde_json::from_slice(body).unwrap_or_default();
        let message = if said.message.is_empty() {
            let text = body.get(..body.len().min(EXCERPT_BYTES_MAX)).unwrap_or_default();
            format!("{status}: {}", String::from_utf8_lossy(text).trim())
        } else {
            said.message
        };
        let seconds = headers.get(RETRY_AFTER).and_then(|it| it.to_str().ok()?.parse().ok());
        Self::Status {
            code: status.as_u16(),
            reason: said.reason,
            message,
            retry_after: seconds.map(Duration::from_secs),
        }
    }

    /// What an event of the type `ERROR` says.
    pub(crate) fn told(object: &[u8]) -> Self {
        let said: Status = serde_json::from_slice(object).unwrap_or_default();
        let Status { code, reason, message } = said;
        Self::Status { code, reason, message, retry_after: None }
    }

    /// An answer that is not read to its end.
    pub(crate) fn too_long(bytes_max: usize) -> Self {
        let message = format!("the answer is longer than {bytes_max} bytes");
        Self::Status { code: 413, reason: TOO_LONG.into(), message, retry_after: None }
    }

    /// Fewer objects at once could help.
    pub(crate) fn is_too_long(&self) -> bool {
        matches!(self, Self::Status { reason, .. } if reason == TOO_LONG)
    }

    /// The HTTP status; 0 without one.
    pub fn code(&self) -> u16 {
        if let Self::Status { code, .. } = self { *code } else { 0 }
    }

    /// What was known is too old to go on from: everything has to be listed again.
    pub fn is_expired(&self) -> bool {
        matches!(self, Self::Status { code: 410, .. })
            || matches!(self, Self::Status { reason, .. } if reason == "Expired" || reason == "Gone")
    }

    /// The credentials are not known, or do not allow it; or the request itself is wrong, like a selector by a field that there is not.
    pub fn is_refused(&self) -> bool {
        matches!(self.code(), 400 | 401 | 403 | 422)
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        if let Self::Status { retry_after, .. } = self { *retry_after } else { None }
    }

    /// What to do about it, if anything can be said; `rule` is what the request needed.
    pub fn remedy(&self, rule: &Right) -> Option<String> {
        match self.code() {
            401 => Some("the API server does not know the credentials: check the token of the service account, or the user of the kubeconfig".into()),
            403 => Some(format!("add to the ClusterRole: {rule}")),
            400 | 422 => Some("check the selectors by labels and fields, and the namespace".into()),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(why) | Self::Malformed(why) => f.write_str(why),
            Self::Status { message, reason, code, .. } => match (&**message, &**reason) {
                ("", "") => write!(f, "the API server answered {code}"),
                ("", reason) => f.write_str(reason),
                (message, _) => f.write_str(message),
            },
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Resource;

    fn answered(code: u16, body: &'static str) -> Error {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, "7".parse().unwrap())]);
        let status = StatusCode::from_u16(code).unwrap();
        Error::answered(status, &headers, &Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn a_refusal_has_the_words_of_the_server_and_the_missing_rule() {
        let body = r#"{"kind":"Status","status":"Failure","message":"pods is forbidden: User \"n\" cannot list","reason":"Forbidden","code":403}"#;
        let error = answered(403, body);
        assert_eq!(error.to_string(), "pods is forbidden: User \"n\" cannot list");
        let rule = Resource::PODS.rule(&["get", "list", "watch"]);
        assert_eq!(
            error.remedy(&rule).unwrap(),
            "add to the ClusterRole: {apiGroups: [\"\"], resources: [\"pods\"], verbs: [get, list, watch]}"
        );
        assert!(error.is_refused() && !error.is_expired());
    }

    #[test]
    fn a_request_that_the_server_does_not_understand_is_refused_and_says_what_to_check() {
        let body =
            r#"{"message":"field label not supported: spec.foo","reason":"BadRequest","code":400}"#;
        let error = answered(400, body);
        assert!(error.is_refused());
        assert!(error.remedy(&Resource::PODS.rule(&["watch"])).unwrap().contains("selectors"));
    }

    #[test]
    fn what_is_no_status_object_is_quoted_in_part() {
        let error = answered(503, "no healthy upstream");
        assert_eq!(error.to_string(), "503 Service Unavailable: no healthy upstream");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        assert!(error.remedy(&Resource::PODS.rule(&["get"])).is_none());
    }

    #[test]
    fn an_expired_version_is_known_by_code_and_by_reason() {
        assert!(Error::told(br#"{"code":410,"reason":"Expired"}"#).is_expired());
        assert!(Error::told(br#"{"reason":"Gone"}"#).is_expired());
        assert!(!Error::told(b"nonsense").is_expired());
    }
}
