//! What `otelgrpc` measures upstream, at level detailed.

use std::time::Duration;

use component::meter::{Calls, Descriptor, Level};

use rpcstatus::code_name;

const fn measure(name: &'static str, description: &'static str) -> Descriptor {
    let scope = "go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc";
    Descriptor { scope, name, unit: "s", description, level: Level::Detailed }
}

/// Of a server.
pub(crate) const SERVER: Descriptor =
    measure("rpc.server.call.duration", "Measures the duration of inbound remote procedure calls.");
/// Of a client.
pub(crate) const CLIENT: Descriptor = measure(
    "rpc.client.call.duration",
    "Measures the duration of outbound remote procedure calls.",
);

/// A call has ended. `method` is one of our own, `service/method`.
pub(crate) fn called(calls: &Calls, what: Descriptor, method: &str, code: i32, time: Duration) {
    let attributes = [
        ("rpc.method", method),
        ("rpc.response.status_code", &*canonical(code)),
        ("rpc.system.name", "grpc"),
    ];
    calls.record(&[(what, time.as_secs_f64())], &attributes);
}

/// As the semantic conventions write it: `DEADLINE_EXCEEDED`.
fn canonical(code: i32) -> String {
    match code {
        0 => return "OK".into(),
        1 => return "CANCELLED".into(),
        _ => {}
    }
    let mut out = String::new();
    for (at, letter) in code_name(code).chars().enumerate() {
        if at > 0 && letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_uppercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_names_of_the_conventions() {
        let names = [0, 1, 4, 14].map(canonical);
        assert_eq!(names, ["OK", "CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE"]);
    }
}
