//! Rego through the whole processor, on requests of 100 log records from four services; beside it the engine's interpreter on
//! a JSON document of each record, as a program that embeds a Rego engine does it.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use component::{ConsumeError, Consumer, Context, Data, Signal, async_trait};
use componenttest::{processor, processor_settings};
use pdata::Limits;
use rego::{Options, Policy, Source, Worker};
use rego_processor::Rego;
use serde_json::{Value as Json, json};

use super::{Row, Work};

const RECORDS: u64 = 100;
const SERVICES: [&str; 4] = ["identity-service", "checkout", "cart", "payments"];
/// Allocations of a call in all; none is for a record.
const CALL_ALLOCATIONS: u64 = 40;
/// Nanoseconds of a record at a million a second.
const MILLION: f64 = 1_000.0;
/// How much longer the interpreter takes at least.
const BESIDE: f64 = 25.0;

pub fn rows() -> Vec<Row> {
    cases().iter().map(Case::row).collect()
}

/// All of them.
pub fn cases() -> Vec<Case> {
    let (calm, mixed) = (request(false), request(true));
    let seed = include_str!("../../configs/rego-seed.rego");
    let real = include_str!("../../configs/rego-real.rego");
    let (hundred, rules) = hundred();
    let case = |id, what, policy: &str, rest: &str, request: &Json, most_ns, calls| Case {
        id,
        what,
        policy: policy.to_owned(),
        rest: rest.to_owned(),
        request: request.clone(),
        most_ns,
        most_allocations: calls,
    };
    let calls = Some(CALL_ALLOCATIONS);
    vec![
        case(
            "rego-seed",
            "Rego, the article's policy, no record matches",
            seed,
            SEED,
            &calm,
            MILLION,
            calls,
        ),
        case(
            "rego-hit",
            "Rego, the article's policy, 2 of 100 records match",
            seed,
            SEED,
            &mixed,
            MILLION,
            None,
        ),
        case(
            "rego-real",
            "Rego, ten rules with patterns and redaction",
            real,
            REAL,
            &mixed,
            MILLION / 0.3,
            None,
        ),
        case(
            "rego-100",
            "Rego, 100 rules, no record matches",
            &hundred,
            &rules,
            &calm,
            MILLION,
            calls,
        ),
    ]
}

const SEED: &str = r#"
windows:
  brute_force:
    data: risk_rules.brute_force_window
    when: severity_number >= 17
    key: 'attributes["enduser.id"]'
rules:
  - {query: data.system.authz.allow, then: [{block: {key: 'attributes["enduser.id"]', title: brute force}}]}
"#;

const REAL: &str = r#"
rules:
  - {query: data.logs.health, then: [drop]}
  - {query: data.logs.debug_in_prod, then: [drop]}
  - {query: data.logs.chatty, then: [{sample: 0.1}]}
  - {query: data.logs.card, then: [{redact: [{path: body, pattern: '\b\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b', with: '[card]'}]}]}
  - {query: data.logs.email, then: [{redact: [{path: body, pattern: '[\w.+-]+@[\w-]+\.[\w.]+', with: '[email]'}]}]}
  - {query: data.logs.token, then: [{remove: ['attributes["http.request.header.authorization"]']}]}
  - {query: data.logs.slow, then: [{labels: {speed: slow}}]}
  - {query: data.logs.failed, then: [{labels: {outcome: failed}}]}
  - {query: data.logs.unowned, then: [{set: {attributes: {team: unknown}}}]}
  - {query: data.logs.admin, then: [{labels: {audit: 'yes'}}]}
"#;

/// A hundred rules, each for a service or a route of its own, with more conditions.
fn hundred() -> (String, String) {
    let (mut policy, mut rest) = ("package rules\n".to_owned(), "rules:\n".to_owned());
    for at in 0..100 {
        let condition = match at % 10 {
            0..6 => format!("input.log.service == \"service-{at}\"; input.log.level == \"ERROR\""),
            6..8 => format!("input.log.attributes[\"http.route\"] == \"/v{at}\""),
            8 => format!("input.log.severity_number >= 21; contains(input.log.body, \"e{at}\")"),
            _ => format!("input.log.service == \"cart\"; startswith(input.log.body, \"n{at}\")"),
        };
        let _ = writeln!(policy, "r{at} if {{ {condition} }}");
        let _ = writeln!(rest, "  - {{query: data.rules.r{at}, then: [drop]}}");
    }
    (policy, rest)
}

/// A section of the processor, and what it is measured with.
pub struct Case {
    id: &'static str,
    pub what: &'static str,
    pub policy: String,
    rest: String,
    pub request: Json,
    most_ns: f64,
    most_allocations: Option<u64>,
}

impl Case {
    /// As YAML.
    pub fn section(&self) -> String {
        format!("policy: |\n  {}\n{}", self.policy.replace('\n', "\n  "), self.rest)
    }

    /// The rules that it asks for.
    fn queries(&self) -> impl Iterator<Item = &str> {
        self.rest.split("query: ").skip(1).filter_map(|it| it.split(',').next())
    }

    /// What OPA is asked for: the rule, or all rules of the package.
    pub fn opa_query(&self) -> String {
        let mut queries = self.queries();
        match (queries.next(), queries.next()) {
            (Some(query), None) => query.to_owned(),
            (Some(query), _) => query.rsplit_once('.').map_or(query, |it| it.0).to_owned(),
            _ => "data".to_owned(),
        }
    }

    /// OPA has to be told which language it is.
    pub fn opa_flags(&self) -> &'static [&'static str] {
        if self.policy.contains(" if ") { &[] } else { &["--v0-compatible"] }
    }

    pub fn row(&self) -> Row {
        let data = data(&self.request);
        let settings = processor_settings("rego", Signal::Logs);
        let section = self.section();
        let rego: Rego = processor(settings, &section, Arc::new(Away));
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
        let ctx = Context::default();
        let ours = Box::new(move || {
            let _ = black_box(runtime.block_on(rego.consume(&ctx, data.clone())));
        });
        Row::new(self.id, self.what, RECORDS, ours)
            .beside(self.interpreter(), BESIDE)
            .most(self.most_ns, self.most_allocations)
    }

    /// The documents of all records, as the processor would make them in full.
    pub fn documents(&self) -> Vec<String> {
        documents(&self.request)
    }

    /// All rules for each record.
    fn interpreter(&self) -> Work {
        let source = Source::new("policy", &self.policy);
        let policy = Policy::compile(vec![source], rego::Value::new_object(), &Options::default());
        let policy = policy.unwrap_or_else(|errors| panic!("{errors}"));
        let worker =
            |it: &str| policy.query(it).unwrap_or_else(|errors| panic!("{errors}")).worker();
        let mut workers: Vec<Worker> = self.queries().map(worker).collect();
        let documents = self.documents();
        Box::new(move || {
            for text in &documents {
                let input = rego::Value::from_json_str(text).unwrap_or(rego::Value::Undefined);
                for worker in &mut workers {
                    let _ = black_box(worker.evaluate(input.clone()));
                }
            }
        })
    }
}

/// A request as it is in the pipeline.
pub fn data(request: &Json) -> Data {
    let data = Data::from_json(Signal::Logs, request.to_string().as_bytes(), &Limits::default());
    data.unwrap_or_else(|error| panic!("{error}"))
}

/// Where records go.
struct Away;

#[async_trait]
impl Consumer for Away {
    async fn consume(&self, _: &Context, data: Data) -> Result<(), ConsumeError> {
        black_box(data.items());
        Ok(())
    }
}

fn text(key: &str, value: &str) -> Json {
    json!({"key": key, "value": {"stringValue": value}})
}

/// 25 records of each service. `mixed`: with failed logins, and what has to be redacted.
fn request(mixed: bool) -> Json {
    let resources = SERVICES.iter().enumerate().map(|(at, service)| {
        let records: Vec<Json> = (0..25).map(|it| record(at * 25 + it, mixed)).collect();
        let attributes =
            [text("service.name", service), text("deployment.environment.name", "prod")];
        json!({"resource": {"attributes": attributes}, "scopeLogs": [{"logRecords": records}]})
    });
    json!({"resourceLogs": resources.collect::<Vec<_>>()})
}

fn record(at: usize, mixed: bool) -> Json {
    let (level, number) = match at % 20 {
        0 => ("ERROR", 17),
        1..4 => ("WARN", 13),
        4 if mixed => ("DEBUG", 5),
        _ => ("INFO", 9),
    };
    let mut body = format!("request {at} took {} ms and was answered; ", at * 7);
    body.push_str(&"some more words about it ".repeat(12));
    match at % 25 {
        7 if mixed => body.push_str("paid with 4111 1111 1111 1111"),
        13 if mixed => body.push_str("for jane.doe@example.com"),
        _ => {}
    }
    let mut attributes = vec![
        text("http.route", ["/cart", "/pay", "/login"][at % 3]),
        text("server.address", "10.0.0.7"),
        json!({"key": "http.status_code", "value": {"intValue": if at % 50 == 3 { "503" } else { "200" }}}),
        json!({"key": "duration_ms", "value": {"intValue": (at * 7).to_string()}}),
        text("team", "shop"),
    ];
    if mixed && at.is_multiple_of(20) && at < 25 {
        let sms = json!({"arrayValue": {"values": [{"stringValue": "sms"}]}});
        attributes.push(json!({"key": "mfa_attempt", "value": sms}));
        attributes.push(text("enduser.id", "eve"));
    }
    json!({
        "timeUnixNano": (1_700_000_000_000_000_000_u64 + at as u64).to_string(),
        "severityText": level, "severityNumber": number, "body": {"stringValue": body},
        "traceId": "0102030405060708090a0b0c0d0e0f10", "attributes": attributes,
    })
}

fn documents(request: &Json) -> Vec<String> {
    let plain = |it: &Json| match it.as_object().and_then(|it| it.iter().next()) {
        Some((kind, value)) if kind == "intValue" => {
            value.as_str().and_then(|it| it.parse::<i64>().ok()).map_or(Json::Null, Json::from)
        }
        Some((kind, value)) if kind == "arrayValue" => {
            let items = value["values"].as_array().map(Vec::len).unwrap_or_default();
            Json::from(vec!["sms"; items])
        }
        Some((_, value)) => value.clone(),
        None => Json::Null,
    };
    let map = |list: &Json| -> Json {
        let all = list.as_array().into_iter().flatten();
        let pairs =
            all.map(|it| (it["key"].as_str().unwrap_or_default().to_owned(), plain(&it["value"])));
        Json::Object(pairs.collect())
    };
    let mut all = Vec::new();
    for resource in request["resourceLogs"].as_array().into_iter().flatten() {
        let around = map(&resource["resource"]["attributes"]);
        for it in resource["scopeLogs"][0]["logRecords"].as_array().into_iter().flatten() {
            let attributes = map(&it["attributes"]);
            let log = json!({
                "body": it["body"]["stringValue"], "severity_text": it["severityText"],
                "severity_number": it["severityNumber"], "level": it["severityText"],
                "timestamp": 1_700_000_000_000_000_000_u64, "trace_id": it["traceId"],
                "service": around["service.name"], "attributes": attributes, "tags": attributes,
            });
            let whole = json!({"version": 1, "log": log, "resource": {"attributes": around}});
            all.push(whole.to_string());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_policies_are_compiled() {
        for case in cases() {
            let source = Source::new("policy", &case.policy);
            let policy =
                Policy::compile(vec![source], rego::Value::new_object(), &Options::default());
            for it in decision::tiers(&policy.unwrap()) {
                assert_eq!(it.how, "compiled", "{}", it.query);
            }
        }
    }
}
