//! Every builtin with values that nobody expects: it may answer, be undefined or fail, but neither panics nor takes all the time and memory.

use std::time::Duration;

use clock::unix_nanos;
use rego::{Limits, Options, Policy, Value, code, signatures};

/// Texts, numbers and collections at the edges.
const VALUES: &[&str] = &[
    "\"\"", "\"a\"", "\"\\u00e9\"", "\"\\ud83d\\ude00x\"", "\"1e999999999\"", "\"%!(\"", "\"  \"", "\"-\"", "\"99999999999999999999\"",
    "\"\\u0000\"", "\"2006-01-02T15:04:05Z07:00\"", "0", "-1", "1", "1.5", "1e308", "-1e308", "9223372036854775807", "-9223372036854775808",
    "18446744073709551616", "1e-320", "1000000000", "[]", "{}", "set()", "[null]", "{\"a\": {}}", "[1, \"a\", null]", "{1, \"a\"}", "[-1, \"UTC\"]",
    "[9223372036854775807, \"\"]", "null", "true",
];
/// They reach outside, or shift by what one asks for: no policy shifts by what a record says.
const LEFT_OUT: [&str; 4] = ["http.send", "net.lookup_ip_addr", "opa.runtime", "bits.lsh"];
/// Calls of each builtin with more than one argument.
const CALLS: usize = 60;
/// Longest time of one call.
const LONGEST: Duration = Duration::from_secs(2);

/// The arguments of a call: all values in turn, in another order for each place.
fn arguments(count: usize, call: usize) -> String {
    let place = |at: usize| (call * (2 * at + 1) + at * 11 + call / VALUES.len()) % VALUES.len();
    (0..count).filter_map(|at| VALUES.get(place(at)).copied()).collect::<Vec<_>>().join(", ")
}

#[test]
fn no_builtin_panics_or_takes_forever() {
    let limits = Limits { time: Some(LONGEST) };
    let options = Options { limits, ..Options::default() };
    let policy = Policy::compile(Vec::new(), Value::new_object(), &options).unwrap();
    let (mut problems, mut calls) = (Vec::new(), 0);
    for (name, signature) in signatures::all() {
        let is_plain = name.split('.').all(|it| !it.is_empty()) && !name.starts_with("internal.");
        if LEFT_OUT.contains(name) || !is_plain || signature.args.is_empty() {
            continue;
        }
        let count = if signature.args.len() == 1 { VALUES.len() } else { CALLS };
        for call in 0..count {
            let text = format!("{name}({})", arguments(signature.args.len(), call));
            // What the compiler refuses never gets there.
            let Ok(query) = policy.query(&text) else { continue };
            let begun = unix_nanos();
            let answer = query.worker().results(Value::Undefined);
            calls += 1;
            let took = Duration::from_nanos(unix_nanos().saturating_sub(begun));
            if answer.is_err_and(|it| it.code == code::INTERNAL) || took > 2 * LONGEST {
                problems.push(format!("{text} ({took:?})"));
            }
        }
    }
    assert!(calls > 3000, "only {calls} calls");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
