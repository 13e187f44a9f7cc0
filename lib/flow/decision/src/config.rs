//! The section of the processor and the connector `rego`.

use std::collections::BTreeMap;

use config::{Choice, Choices, Duration, Need, Problems, TextOr, Value};
use serde::{Deserialize, Serialize};

use crate::bundles::{self, BundleConfig, KeyConfig};
use crate::decision_log::DecisionLogs;

/// `processors: rego:`, and what the connector shares with it.
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Config {
    /// A policy as text. It counts beside those of `files`.
    pub policy: String,
    /// Files with policies (`.rego`), files with data (`.json`), directories with both, as `opa -d` takes them, and bundles
    /// (`.tar.gz`). They are read again when they change.
    pub files: Vec<String>,
    /// Bundles from servers, by names that metrics and log lines use.
    pub bundles: BTreeMap<String, BundleConfig>,
    /// Who may sign bundles, by the ids of their keys. With one here every bundle of a server has to be signed.
    pub keys: BTreeMap<String, KeyConfig>,
    /// Language of the policies: `v0`, `v1`, or `auto`: v1 unless only v0 can read it. Default `auto`.
    pub rego_version: Choice<Version>,
    /// What happens if a rule of a policy holds.
    pub rules: Vec<Rule>,
    /// A rule whose value is an object that says what happens: `data.sluice.decision`. Default: none.
    pub decision: String,
    /// What else stands in the input document.
    pub input: Input,
    /// What policies remember of the stream, by name.
    pub windows: BTreeMap<String, WindowConfig>,
    /// What becomes of a record for which a policy fails: `ignore` lets it pass, `drop` drops it, `propagate` refuses the
    /// payload. Default `ignore`.
    pub on_error: Choice<OnError>,
    /// Whether nothing may pass without a valid policy. Default `false`.
    pub fail_closed: bool,
    /// How long an alert of a rule with the same key is not repeated. Default `5m`.
    pub alert_interval: Duration,
    /// How long a key stays blocked, unless the action says it. Default `15m`.
    pub block_ttl: Duration,
    /// Longest evaluation of a query for one record. Default `5ms`.
    pub timeout: Duration,
    /// The id of a storage extension that keeps windows, blocked keys and when alerts were sent. Default: none, a restart
    /// forgets them.
    pub storage: String,
    /// Decisions as log records.
    pub decision_logs: DecisionLogs,
    /// Steps to more speed, each of which can be switched off.
    pub speed: Speed,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            policy: String::new(),
            files: Vec::new(),
            bundles: BTreeMap::new(),
            keys: BTreeMap::new(),
            rego_version: Choice::default(),
            rules: Vec::new(),
            decision: String::new(),
            input: Input::default(),
            windows: BTreeMap::new(),
            on_error: Choice::default(),
            fail_closed: false,
            alert_interval: seconds(300),
            block_ttl: seconds(900),
            timeout: Duration::of(std::time::Duration::from_millis(5)),
            storage: String::new(),
            decision_logs: DecisionLogs::default(),
            speed: Speed::default(),
        }
    }
}

fn seconds(count: u64) -> Duration {
    Duration::of(std::time::Duration::from_secs(count))
}

/// `rego_version:`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// The newest that can read it.
    #[default]
    Auto,
    /// As OPA before 1.0.
    V0,
    /// As OPA since 1.0.
    V1,
}

impl Choices for Version {
    const NAMES: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("v0", Self::V0), ("v1", Self::V1)];
}

/// `on_error:`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// The record passes.
    #[default]
    Ignore,
    /// It does not.
    Drop,
    /// The payload is refused.
    Propagate,
}

impl Choices for OnError {
    const NAMES: &'static [(&'static str, Self)] =
        &[("ignore", Self::Ignore), ("drop", Self::Drop), ("propagate", Self::Propagate)];
}

/// `input:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Input {
    /// Names below `input`, and the path that each stands for: `log.user: 'attributes["enduser.id"]'`.
    pub aliases: BTreeMap<String, String>,
}

/// `speed:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Speed {
    /// Only what policies can read is put into the input document. Default `true`.
    pub projection: bool,
    /// What compares a field with a constant is tested without the interpreter: rules that cannot hold are not evaluated.
    /// Default `true`.
    pub guards: bool,
    /// Rules of the constructs that policies on telemetry use are compiled and read single fields of the record. Default
    /// `true`.
    pub programs: bool,
    /// Answers of rules that are not compiled are kept for records that have the same values in all that the rule reads.
    /// Default `true`.
    pub memo: bool,
}

impl Default for Speed {
    fn default() -> Self {
        Self { projection: true, guards: true, programs: true, memo: true }
    }
}

/// An entry of `rules:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Rule {
    /// Its name in metrics and alerts. Default: the query.
    pub name: String,
    /// The rule of a policy: `data.system.authz.allow`. A rule that is a set holds if there is something in it. Required.
    pub query: String,
    /// The answer for which the rule holds. Default `true`.
    pub is: bool,
    /// What happens: `drop`, `keep`, or a map of actions. Required.
    pub then: Vec<TextOr<Action>>,
}

impl Default for Rule {
    fn default() -> Self {
        Self { name: String::new(), query: String::new(), is: true, then: Vec::new() }
    }
}

/// An item of `then:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Action {
    /// The record is dropped; the text says why.
    pub drop: Option<String>,
    /// Fields and attributes that are set: `{attributes: {team: a}, resource: {zone: b}, body: ..., severity_text: ...}`.
    pub set: Value,
    /// Paths that are removed.
    pub remove: Vec<String>,
    /// Texts in which what matches is replaced.
    pub redact: Vec<Redact>,
    /// Names of routes of the connector.
    pub route: Vec<String>,
    /// The share of records that stays, 0 to 1.
    pub sample: Option<f64>,
    /// An alert.
    pub alert: Option<AlertConfig>,
    /// An alert, and a key that `data.sluice.blocked` has from now on.
    pub block: Option<BlockConfig>,
    /// Attributes `policy.label.<name>` of the record.
    pub labels: BTreeMap<String, String>,
}

/// An item of `redact:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Redact {
    /// What: one value, or attributes with all texts in them. Required.
    pub path: String,
    /// A regular expression. Default: all of the text.
    pub pattern: String,
    /// What stands there instead; `$1` is the first group. Default `[redacted]`.
    pub with: String,
}

impl Default for Redact {
    fn default() -> Self {
        Self { path: String::new(), pattern: String::new(), with: "[redacted]".into() }
    }
}

/// `alert:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct AlertConfig {
    /// What happened, for people. Default: the name of the rule.
    pub title: String,
    /// `info`, `warning`, `error` or `critical`. Default `warning`.
    pub severity: String,
    /// A path: alerts with the same value are one alert. Default: none, all alerts of the rule are one.
    pub key: String,
    /// Attributes of the alert.
    pub labels: BTreeMap<String, String>,
    /// Paths whose values the alert carries.
    pub evidence: Vec<String>,
}

/// `block:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct BlockConfig {
    /// A path: its value is blocked. Required.
    pub key: String,
    /// How long. Default: `block_ttl` of the section.
    pub ttl: Option<Duration>,
    /// What the alert says.
    pub title: String,
    /// `info`, `warning`, `error` or `critical`. Default `critical`.
    pub severity: String,
    /// Attributes of the alert.
    pub labels: BTreeMap<String, String>,
    /// Paths whose values the alert carries.
    pub evidence: Vec<String>,
}

/// An entry of `windows:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct WindowConfig {
    /// Where policies read it, below `data`: `risk_rules.brute_force_window`. Required.
    pub data: String,
    /// Which telemetry counts: `logs`, `traces` or `metrics`. Default `logs`.
    pub over: String,
    /// Which records count: a rule (`data.system.authz.failed_login`) or a condition in OTTL. Default: all.
    pub when: String,
    /// What is counted by: a path or several. Required.
    pub key: Value,
    /// How far back it looks. Default `5m`.
    pub length: Duration,
    /// In which steps the past leaves it. Default `10s`.
    pub step: Duration,
    /// `records`, `rate`, or `distinct`, `sum`, `max`, `first`, `last` with a path. Default `records`.
    pub count: String,
    /// Most keys; then the least recently seen go. Default 100000.
    pub keys_max: usize,
    /// `event` time, or `arrival`. Default `event`.
    pub clock: Choice<Clock>,
    /// How late a record may come and still count. Default `30s`.
    pub lateness: Duration,
}

impl Default for WindowConfig {
    fn default() -> Self {
        Self {
            data: String::new(),
            over: "logs".into(),
            when: String::new(),
            key: Value::default(),
            length: seconds(300),
            step: seconds(10),
            count: "records".into(),
            keys_max: 100_000,
            clock: Choice::default(),
            lateness: seconds(30),
        }
    }
}

/// `clock:`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clock {
    /// When it happened.
    #[default]
    Event,
    /// When it came.
    Arrival,
}

impl Choices for Clock {
    const NAMES: &'static [(&'static str, Self)] =
        &[("event", Self::Event), ("arrival", Self::Arrival)];
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.policy.is_empty() && self.files.is_empty() && self.bundles.is_empty() {
            problems.at(
                "",
                "there is no policy: write one at policy, or name files or directories at files",
            );
        }
        self.decision_logs.validate(problems);
        bundles::validate(&self.bundles, &self.keys, problems);
        if self.rules.is_empty() && self.decision.is_empty() {
            problems.at(
                "",
                "nothing follows from the policy: name rules at rules, or a rule at decision",
            );
        }
        if self.timeout.std().is_zero() {
            problems.at("timeout", "must be greater than 0");
        }
        if !self.storage.is_empty() {
            problems.needs("storage", Need::Storage(self.storage.clone()));
        }
    }
}
