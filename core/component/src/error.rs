//! The answer of a step that could not take the data.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

/// Longest delay that a server may ask for. One that asks for more is tried again after a day: what it sent is a
/// mistake, or meant to stop the sender for ever.
const DELAY_MAX: Duration = Duration::from_secs(86_400);

/// Any error, boxed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A gRPC status to relay to the client as it is (`google.rpc.Status`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcStatus {
    /// gRPC status code, 0 to 16.
    pub code: i32,
    /// Text for a person.
    pub message: String,
    /// The encoded `google.rpc.Status` with its details; empty when there are none.
    pub encoded: Bytes,
}

/// The names of the codes as grpc-go prints them.
const NAMES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

/// The name of a code in grpc-go: `Unavailable`, `Code(42)`.
pub fn grpc_code_name(code: i32) -> String {
    match usize::try_from(code).ok().and_then(|at| NAMES.get(at)) {
        Some(name) => (*name).to_owned(),
        None => format!("Code({code})"),
    }
}

/// Why data was not taken, and whether trying the same data again can help.
///
/// Whoever sees the failure first (status code, errno, protocol) classifies it; nobody downstream
/// guesses from the text.
#[derive(Debug, Clone)]
pub struct ConsumeError {
    message: Cow<'static, str>,
    permanent: bool,
    too_large: bool,
    after: Option<Duration>,
    origin: Option<Arc<str>>,
    status: Option<Arc<GrpcStatus>>,
    /// What `Display` prints instead, when a step has put its own words in front.
    full: Option<Arc<str>>,
}

impl ConsumeError {
    /// The same data would fail again.
    pub fn permanent(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            message: message.into(),
            permanent: true,
            too_large: false,
            after: None,
            origin: None,
            status: None,
            full: None,
        }
    }

    /// The same data may pass later.
    pub fn retryable(message: impl Into<Cow<'static, str>>) -> Self {
        Self { permanent: false, ..Self::permanent(message) }
    }

    /// A part of the same data may pass: the far end refuses requests of this size.
    #[must_use]
    pub fn too_large(self) -> Self {
        Self { permanent: true, too_large: true, ..self }
    }

    /// Not before this time has passed. It comes from outside, so it is not taken without a limit.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { after: Some(delay.min(DELAY_MAX)), ..self }
    }

    /// Relays this status to a client that speaks OTLP.
    #[must_use]
    pub fn with_status(self, status: GrpcStatus) -> Self {
        Self { status: Some(Arc::new(status)), ..self }
    }

    /// Replaces the text and keeps the class: for a step that adds what it attempted.
    #[must_use]
    pub fn with_message(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), full: None, ..self }
    }

    /// Puts words in front of the whole text and keeps the class: `no more retries left: ...`.
    #[must_use]
    pub fn within(self, what: &str) -> Self {
        Self { full: Some(format!("{what}: {self}").into()), ..self }
    }

    /// Names the component that failed, unless one further down already did.
    #[must_use]
    pub fn at(mut self, origin: &Arc<str>) -> Self {
        self.origin.get_or_insert_with(|| Arc::clone(origin));
        self
    }

    /// True when the same data would fail again.
    pub fn is_permanent(&self) -> bool {
        self.permanent
    }

    /// True when a part of the same data may pass.
    pub fn is_too_large(&self) -> bool {
        self.too_large
    }

    /// The wait that the far end asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        self.after
    }

    /// The component that failed.
    pub fn origin(&self) -> Option<&Arc<str>> {
        self.origin.as_ref()
    }

    /// The status to relay.
    pub fn status(&self) -> Option<&GrpcStatus> {
        self.status.as_deref()
    }

    /// The text without class.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// One answer for several: retryable if any is, with the longest delay (ADR 0003).
    pub fn combine(errors: impl IntoIterator<Item = ConsumeError>) -> Option<ConsumeError> {
        errors.into_iter().reduce(|a, b| {
            // The parts of one request often fail alike; once is enough.
            let again = a.text().contains(b.text());
            let message =
                if again { a.text().to_owned() } else { format!("{}; {}", a.text(), b.text()) };
            let after = a.after.max(b.after);
            let permanent = a.permanent && b.permanent;
            let too_large = a.too_large && b.too_large;
            let keep = if a.permanent && !b.permanent { b } else { a };
            let message = message.into();
            ConsumeError { message, after, permanent, too_large, full: None, ..keep }
        })
    }

    fn text(&self) -> &str {
        self.full.as_deref().unwrap_or(&self.message)
    }
}

impl fmt::Display for ConsumeError {
    /// As Go prints it: permanent errors say so.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(full) = &self.full {
            return f.write_str(full);
        }
        if self.permanent {
            f.write_str("Permanent error: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConsumeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_in_front_of_the_whole_text() {
        let error = ConsumeError::permanent("bad").within("not retryable error");
        assert_eq!(error.to_string(), "not retryable error: Permanent error: bad");
        assert!(error.is_permanent());
    }

    #[test]
    fn one_retryable_answer_makes_the_combination_retryable() {
        let errors = [
            ConsumeError::permanent("a"),
            ConsumeError::retryable("b").after(Duration::from_secs(2)),
        ];
        let all = ConsumeError::combine(errors).unwrap();
        assert!(!all.is_permanent());
        assert_eq!(all.retry_after(), Some(Duration::from_secs(2)));
        assert_eq!(all.to_string(), "a; b");
        let again = ConsumeError::combine([all, ConsumeError::retryable("b")]).unwrap();
        assert_eq!(again.to_string(), "a; b");
    }

    #[test]
    fn a_delay_that_a_server_asks_for_has_a_limit() {
        let error = ConsumeError::retryable("busy").after(Duration::MAX);
        assert_eq!(error.retry_after(), Some(DELAY_MAX));
    }
}
