//! Decisions as log records, in the shape of OPA's decision logs, with OPA's mask rules.

use config::{Choice, Choices, Problems};
use pdata::{Logs, LogsBuilder};
use rego::Value;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::project::time;
use crate::values::to_otlp;

/// The event name of a decision.
pub const DECISION_EVENT: &str = "sluice.policy.decision";
/// The scope of decisions.
const SCOPE: &str = "sluice/rego";
/// Most decisions of one payload; more are counted.
pub(crate) const DECISIONS_MAX: usize = 10_000;

/// `decision_logs:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct DecisionLogs {
    /// Which decisions become log records: `off`, `drops`, `all`, or `sampled`. Default `off`.
    pub mode: Choice<Mode>,
    /// The share of records whose decisions are logged with `sampled`, 0 to 1. Default 0.01.
    pub share: f64,
    /// The rule that says what is removed or replaced in a decision before it is logged, as OPA's `data.system.log.mask`.
    /// Default `data.system.log.mask`.
    pub mask: String,
}

impl Default for DecisionLogs {
    fn default() -> Self {
        Self { mode: Choice::default(), share: 0.01, mask: "data.system.log.mask".into() }
    }
}

/// `mode:`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// None.
    #[default]
    Off,
    /// Those that drop a record.
    Drops,
    /// All.
    All,
    /// Those of a share of the records.
    Sampled,
}

impl Choices for Mode {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("off", Self::Off),
        ("drops", Self::Drops),
        ("all", Self::All),
        ("sampled", Self::Sampled),
    ];
}

impl DecisionLogs {
    pub(crate) fn validate(&self, problems: &mut Problems) {
        if !(0.0..=1.0).contains(&self.share) {
            problems.at("decision_logs::share", "must be between 0 and 1");
        }
        if !self.mask.starts_with("data.") {
            problems.at(
                "decision_logs::mask",
                "must be the path of a rule, such as data.system.log.mask",
            );
        }
    }

    /// Whether the decisions of a record are logged.
    pub(crate) fn wants(&self, stays: bool) -> bool {
        match *self.mode {
            Mode::Off => false,
            Mode::Drops => !stays,
            Mode::All => true,
            Mode::Sampled => fastrand::f64() < self.share,
        }
    }
}

/// A decision that is to be logged.
#[derive(Debug, Clone)]
pub struct Decision(Value);

/// What a decision was about.
pub(crate) struct Facts<'a> {
    /// `data.a.allow`.
    pub(crate) query: &'a str,
    pub(crate) input: &'a Value,
    pub(crate) result: &'a Value,
    pub(crate) now: u64,
    pub(crate) component: &'a str,
    pub(crate) pipeline: &'a str,
    pub(crate) revision: &'a str,
}

impl Decision {
    /// The event, in OPA's words.
    pub(crate) fn new(facts: &Facts<'_>, number: usize) -> Self {
        let Facts { query, now, .. } = facts;
        let identity = format!("{query}/{now}/{number}/{}", facts.pipeline);
        let id = format!("{:032x}", xxh3_128(identity.as_bytes()));
        let path = query.strip_prefix("data.").unwrap_or(query).replace('.', "/");
        let mut event = object([
            ("decision_id", id.into()),
            (
                "labels",
                object([
                    ("component", facts.component.into()),
                    ("pipeline", facts.pipeline.into()),
                ]),
            ),
            ("bundles", object([("policy", object([("revision", facts.revision.into())]))])),
            ("path", path.into()),
            ("input", facts.input.clone()),
            ("timestamp", time(*now)),
        ]);
        if *facts.result != Value::Undefined {
            put(&mut event, "result", facts.result.clone());
        }
        Self(event)
    }

    /// The event, as mask rules see it.
    pub(crate) fn event(&self) -> Value {
        self.0.clone()
    }

    /// Does what mask rules say: a set of paths (`/input/log/body`), or of `{op, path, value}`.
    ///
    /// # Errors
    /// The rules make no sense. Nothing of the decision may be logged then.
    pub(crate) fn mask(&mut self, rules: &Value) -> Result<(), String> {
        let all: Vec<Value> = match rules {
            Value::Undefined => return Ok(()),
            Value::Set(it) => it.iter_sorted().cloned().collect(),
            Value::Array(it) => it.iter().cloned().collect(),
            _ => return Err("the rule of mask is neither a set nor a list".into()),
        };
        let (mut erased, mut masked) = (Vec::new(), Vec::new());
        for rule in all {
            let (path, with) = match &rule {
                Value::String(path) => (path.to_string(), None),
                Value::Object(it) => {
                    let get = |key: &str| it.get(&key.into());
                    let text = |key: &str| get(key).and_then(|it| it.as_string().ok());
                    let path = text("path").ok_or("a rule of mask has no path")?.to_string();
                    match text("op").map(AsRef::as_ref) {
                        Some("remove") => (path, None),
                        Some("upsert") => {
                            (path, Some(get("value").cloned().unwrap_or(Value::Null)))
                        }
                        _ => {
                            return Err(format!("mask of {path}: op is neither remove nor upsert"));
                        }
                    }
                }
                _ => return Err("a rule of mask is neither a path nor an object".into()),
            };
            let parts: Vec<&str> = path.split('/').skip(1).collect();
            if !matches!(parts.first(), Some(&("input" | "result"))) {
                return Err(format!("mask of {path}: only /input and /result can be masked"));
            }
            let list = if with.is_some() { &mut masked } else { &mut erased };
            if change(&mut self.0, &parts, with) {
                list.push(Value::from(path));
            }
        }
        for (key, list) in [("erased", erased), ("masked", masked)] {
            if !list.is_empty() {
                put(&mut self.0, key, list.into());
            }
        }
        Ok(())
    }
}

/// Changes or removes what is at a path; whether it was there.
fn change(value: &mut Value, path: &[&str], with: Option<Value>) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    // RFC 6901.
    let key = Value::from(first.replace("~1", "/").replace("~0", "~"));
    let Ok(entries) = value.as_object_mut() else { return false };
    if !rest.is_empty() {
        return entries.get_mut(&key).is_some_and(|it| change(it, rest, with));
    }
    match with {
        Some(with) => {
            entries.insert(key, with);
            true
        }
        None => entries.remove(&key).is_some(),
    }
}

fn object<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let mut whole = Value::new_object();
    for (key, value) in entries {
        put(&mut whole, key, value);
    }
    whole
}

fn put(whole: &mut Value, key: &str, value: Value) {
    if let Ok(entries) = whole.as_object_mut() {
        entries.insert(key.into(), value);
    }
}

/// Decisions as telemetry.
pub fn decision_records(decisions: &[Decision], now: u64) -> Logs {
    let mut builder = LogsBuilder::new();
    builder.resource(|_| {});
    builder.scope(SCOPE, "");
    for Decision(event) in decisions {
        builder.record(|record| {
            record.time_unix_nano(now);
            record.observed_time_unix_nano(now);
            record.severity_number(9);
            record.event_name(DECISION_EVENT);
            record.body(to_otlp(event).unwrap_or_default().value());
        });
    }
    builder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision() -> Decision {
        let input = Value::from_json_str(
            r#"{"log": {"body": "secret", "attributes": {"a/b": 1, "c": 2}}}"#,
        )
        .unwrap();
        let facts = Facts {
            query: "data.p.allow",
            input: &input,
            result: &true.into(),
            now: 1_718_000_000_000_000_000,
            component: "rego",
            pipeline: "logs",
            revision: "7",
        };
        Decision::new(&facts, 0)
    }

    fn masked(rules: &str) -> Result<serde_json::Value, String> {
        let mut decision = decision();
        decision.mask(&Value::from_json_str(rules).unwrap())?;
        Ok(serde_json::from_str(&decision.event().to_json_str().unwrap()).unwrap())
    }

    #[test]
    fn an_event_is_as_opa_writes_it() {
        let event = masked("[]").unwrap();
        assert_eq!(event["path"], "p/allow");
        assert_eq!(event["result"], true);
        assert_eq!(event["input"]["log"]["body"], "secret");
        assert_eq!(event["timestamp"], "2024-06-10T06:13:20Z");
        assert_eq!(event["labels"]["pipeline"], "logs");
        assert_eq!(event["decision_id"].as_str().unwrap().len(), 32);
    }

    #[test]
    fn what_mask_rules_name_is_removed_or_replaced_and_said() {
        let event = masked(
            r#"["/input/log/attributes/a~1b", "/input/nothing", {"op": "upsert", "path": "/input/log/body", "value": "x"}]"#,
        );
        let event = event.unwrap();
        assert_eq!(event["input"]["log"], serde_json::json!({"body": "x", "attributes": {"c": 2}}));
        assert_eq!(event["erased"], serde_json::json!(["/input/log/attributes/a~1b"]));
        assert_eq!(event["masked"], serde_json::json!(["/input/log/body"]));
    }

    #[test]
    fn mask_rules_that_make_no_sense_are_told() {
        for rules in [
            "{}",
            "[1]",
            "[\"/labels\"]",
            "[{\"op\": \"x\", \"path\": \"/input\"}]",
            "[{\"op\": \"remove\"}]",
        ] {
            assert!(masked(rules).is_err(), "{rules}");
        }
    }
}
