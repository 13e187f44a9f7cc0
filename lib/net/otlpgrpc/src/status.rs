//! What a gRPC status means for the data. OTLP specification, "Failures" of OTLP/gRPC.

use component::{ConsumeError, GrpcStatus};
use rpcstatus::{code, retry_delay};

/// The error of a call that ended with `status`.
pub(crate) fn classify(status: GrpcStatus) -> ConsumeError {
    let delay = retry_delay(&status.encoded);
    let retryable = match status.code {
        code::CANCELED
        | code::DEADLINE_EXCEEDED
        | code::ABORTED
        | code::OUT_OF_RANGE
        | code::UNAVAILABLE
        | code::DATA_LOSS => true,
        // Only a server that says when will have room again.
        code::RESOURCE_EXHAUSTED => delay.is_some(),
        _ => false,
    };
    // Without a time to come again it is the size that is exhausted: "received message larger than max".
    let too_large = status.code == code::RESOURCE_EXHAUSTED && delay.is_none();
    let error = otlp::refused(status, retryable, delay);
    if too_large { error.too_large() } else { error }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rpcstatus::code_name;

    use super::*;

    #[track_caller]
    fn check(code: i32, delay: Option<Duration>, want_permanent: bool, want_text: &str) {
        let encoded = rpcstatus::encode(code, "x", delay);
        let error = classify(GrpcStatus { code, message: "x".into(), encoded });
        assert_eq!(error.is_permanent(), want_permanent, "{code}");
        assert_eq!(error.is_too_large(), code == 8 && want_permanent, "{code}");
        assert_eq!(error.to_string(), want_text);
        assert_eq!(error.retry_after(), delay.filter(|_| !want_permanent));
        assert_eq!(error.status().unwrap().code, code);
    }

    #[test]
    fn codes_are_retryable_as_the_specification_says() {
        for code in [1, 4, 10, 11, 14, 15] {
            let text = format!("rpc error: code = {} desc = x", code_name(code));
            check(code, None, false, &text);
        }
        for code in [2, 3, 5, 6, 7, 8, 9, 12, 13, 16, 42] {
            let text = format!("Permanent error: rpc error: code = {} desc = x", code_name(code));
            check(code, None, true, &text);
        }
    }

    #[test]
    fn a_delay_is_kept_and_makes_an_exhausted_resource_retryable() {
        let delay = Some(Duration::from_secs(7));
        let text = "Throttle (7s), error: rpc error: code = ResourceExhausted desc = x";
        check(code::RESOURCE_EXHAUSTED, delay, false, text);
        let text = "Permanent error: rpc error: code = InvalidArgument desc = x";
        check(code::INVALID_ARGUMENT, delay, true, text);
    }
}
