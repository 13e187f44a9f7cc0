//! `sluice rego eval --record`: a policy on captured telemetry, record by record: what the query says, and what becomes of the record if that
//! is a decision.

use std::fmt::Write as _;
use std::process::ExitCode;

use component::{Data, Meter, Problems};
use decision::{Config, Engine};
use rego::Value;
use serde_json::{Value as Json, json};

use super::show::{self, Failure};
use super::{BUNDLE, DATA, EXIT_ERRORS, FAIL, FORMAT, options, policy};
use crate::cli::Matches;
use crate::commands::ottl::{diff, input};
use crate::console::{complain, say};

/// What a record became.
struct Outcome {
    number: usize,
    signal: &'static str,
    decision: Option<Json>,
    /// With the decision done; nothing if the query says no decision.
    after: Option<After>,
    before: Json,
}

struct After {
    /// `null` if it was dropped.
    record: Json,
    alerts: Vec<Json>,
    routes: Vec<String>,
    error: Option<String>,
}

pub fn run(matches: &Matches, query: &str, file: &str) -> Result<ExitCode, String> {
    let payloads = input::read(file)?;
    let policy = match policy(matches, &[], &options(matches)) {
        Ok(it) => it,
        Err(failure) => return Ok(failed(&failure)),
    };
    let mut worker = match policy.query(query) {
        Ok(it) => it.worker(),
        Err(errors) => return Ok(failed(&Failure::Rego(errors))),
    };
    let engine = Engine::new(&section(matches, query), &mut Problems::default());
    let is_json = matches.value(&FORMAT) == "json";
    let (mut number, mut has_undefined) = (0, false);
    for payload in &payloads {
        for (at, document) in decision::documents(payload).into_iter().enumerate() {
            number += 1;
            let record = decision::only(payload, at);
            let decision = match worker.evaluate(document) {
                Ok(it) => it.map(|it| show::json_of(&it)),
                Err(error) => return Ok(failed(&error.into())),
            };
            has_undefined |= decision.is_none();
            let is_decision = decision.as_ref().is_some_and(Json::is_object);
            let after = engine.as_ref().filter(|_| is_decision).map(|it| decided(it, &record));
            let signal = payload.signal().name();
            let outcome = Outcome { number, signal, decision, after, before: item(&record) };
            say(&if is_json { outcome.json() } else { outcome.text() })?;
        }
    }
    let failed = matches.is_on(&FAIL) && has_undefined;
    Ok(if failed { ExitCode::from(super::EXIT_UNDEFINED) } else { ExitCode::SUCCESS })
}

fn failed(failure: &Failure) -> ExitCode {
    complain(format_args!("{failure}"));
    ExitCode::from(EXIT_ERRORS)
}

/// The section of a processor with this policy and decision.
fn section(matches: &Matches, query: &str) -> Config {
    let files = matches.all(&DATA).into_iter().chain(matches.all(&BUNDLE));
    let path = |it: String| it.strip_prefix("file://").map_or(it.clone(), str::to_owned);
    let files = files.map(path).collect();
    Config { files, decision: query.to_owned(), fail_closed: true, ..Config::default() }
}

/// Does to a record what the decision says.
fn decided(engine: &Engine, record: &Data) -> After {
    let instance = engine.instance("processor", "rego", "eval", &Meter::default());
    let outcome = engine.run(&instance, None, record);
    let alerts = Data::from(decision::records(&outcome.alerts, component::clock::unix_nanos()));
    let alerts = items(&alerts);
    let routes = outcome.routes.into_iter().flatten().flatten().map(|it| it.to_string()).collect();
    After { record: item(&outcome.data), alerts, routes, error: outcome.error }
}

/// The records of a payload, each with its resource.
fn items(data: &Data) -> Vec<Json> {
    (0..data.items()).map(|at| item(&decision::only(data, at))).collect()
}

/// The document of the one record of a payload; `null` if there is none.
fn item(data: &Data) -> Json {
    let document = decision::documents(data).into_iter().next().unwrap_or(Value::Undefined);
    if document == Value::Undefined {
        return Json::Null;
    }
    let mut json = show::json_of(&document);
    if let Some(entries) = json.as_object_mut() {
        // What the record has, without what is made of it for convenience.
        for name in ["client", "pipeline", "version"] {
            entries.remove(name);
        }
        if let Some(log) = entries.get_mut("log").and_then(Json::as_object_mut) {
            for name in ["json", "level", "service", "tags", "time"] {
                log.remove(name);
            }
        }
    }
    json
}

impl Outcome {
    fn json(&self) -> String {
        let mut json = json!({
            "record": self.number,
            "signal": self.signal,
            "decision": self.decision,
            "before": self.before,
        });
        if let Some(after) = &self.after {
            json["after"] = after.record.clone();
            json["alerts"] = after.alerts.clone().into();
            json["routes"] = after.routes.clone().into();
            json["error"] = after.error.clone().into();
        }
        format!("{json}\n")
    }

    fn text(&self) -> String {
        let mut text = format!("record {} ({})\n", self.number, self.signal);
        let decision = self.decision.as_ref().map_or("undefined".to_owned(), Json::to_string);
        let _ = writeln!(text, "  decision: {decision}");
        let Some(after) = &self.after else { return text };
        for alert in &after.alerts {
            let log = &alert["log"];
            let key = log["attributes"]["policy.key"].as_str().unwrap_or_default();
            let _ = writeln!(text, "  alert: {} {key}", log["body"].as_str().unwrap_or_default());
        }
        if !after.routes.is_empty() {
            let _ = writeln!(text, "  routes: {}", after.routes.join(", "));
        }
        if let Some(error) = &after.error {
            let _ = writeln!(text, "  error: {error}");
        }
        if after.record.is_null() {
            text.push_str("  dropped\n");
            return text;
        }
        let changed = diff::lines(&format!("{:#}", self.before), &format!("{:#}", after.record));
        for line in changed.lines() {
            let _ = writeln!(text, "  {line}");
        }
        text
    }
}
