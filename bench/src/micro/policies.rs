//! Telemetry policies on requests of 100 log records: ten, and ten thousand, of which none matches; and one that does.

use std::fmt::Write as _;
use std::hint::black_box;

use pdata::{Data, Limits, Logs};
use telemetry_policy::{Engine, Policies};

use super::Row;
use super::work::{RECORDS, request};

/// Ten thousand policies may cost this much more than ten: the index looks each of its tables up once.
const MOST_NS: f64 = 2_000.0;

pub fn rows() -> Vec<Row> {
    vec![
        row("policy-10", "ten telemetry policies, none matches", &many(10)),
        row("policy-10k", "10,000 telemetry policies, none matches", &many(10_000)),
        row(
            "policy-hit",
            "10,000 telemetry policies, one drops half",
            &format!("{}{HIT}", many(10_000)),
        ),
    ]
}

const HIT: &str =
    "- {id: hit, name: h, log: {match: [{log_field: severity_text, equals: DEBUG}], keep: none}}\n";

/// Policies of five kinds, each for a service, an attribute, a text or a pattern of its own; the records are of the
/// service that a fifth of them asks for.
fn many(count: usize) -> String {
    let mut text = String::new();
    for at in 0..count {
        let matchers = match at % 5 {
            0 => format!(
                "{{resource_attribute: service.name, equals: service-{at}}}, {{log_field: severity_text, equals: DEBUG}}"
            ),
            1 => format!(
                "{{resource_attribute: service.name, equals: checkout}}, {{log_attribute: http.route, equals: /v{at}}}"
            ),
            2 => format!(
                "{{resource_attribute: service.name, equals: checkout}}, {{log_field: body, contains: noise-{at}-}}"
            ),
            3 => format!("{{log_field: body, regex: '^request-{at} \\d+ms'}}"),
            _ => format!(
                "{{log_field: body, starts_with: probe-{at}-, case_insensitive: true}}, {{log_attribute: code, gte: 500}}"
            ),
        };
        let _ =
            writeln!(text, "- {{id: p{at}, name: p, log: {{match: [{matchers}], keep: none}}}}");
    }
    text
}

fn row(id: &'static str, what: &'static str, policies: &str) -> Row {
    let policies = Policies::read([("bench", policies)]);
    assert!(policies.mistakes.is_empty(), "{}", policies.mistakes[0]);
    let engine = Engine::new(&policies.list, None);
    let logs = Logs::try_from_otlp(request(false), &Limits::default()).unwrap_or_default();
    let data = Data::from(logs);
    let ours = Box::new(move || {
        black_box(engine.apply(&data).data.items());
    });
    Row::new(id, what, RECORDS, ours).most(MOST_NS, None)
}
