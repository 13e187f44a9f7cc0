//! The section and its defaults. `processor/logdedupprocessor/config.go`, v0.149.

use std::collections::HashSet;

use component::Problems;
use component::config::Duration;
use golang::time::Zone;
use serde::{Deserialize, Serialize};

/// `processors: log_dedup:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[config(go = "logdedupprocessor.Config")]
pub struct Config {
    /// The attribute with the number of records. Default `log_count`.
    pub log_count_attribute: String,
    /// For how long records are gathered. Default 10s.
    pub interval: Duration,
    /// The IANA name of the zone for `first_observed_timestamp` and `last_observed_timestamp`. Default UTC.
    pub timezone: String,
    /// Fields that are removed before records are compared: `body.time`, `attributes.src.ip`, `attributes.host\.name`. Default none.
    pub exclude_fields: Vec<String>,
    /// Only these fields are compared. Default all.
    pub include_fields: Vec<String>,
    /// OTTL conditions: records for which none holds are passed on as they are. Default none: all are gathered.
    pub conditions: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            log_count_attribute: "log_count".to_owned(),
            interval: Duration::from_secs(10),
            timezone: "UTC".to_owned(),
            exclude_fields: Vec::new(),
            include_fields: Vec::new(),
            conditions: Vec::new(),
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.interval.nanos() <= 0 {
            problems.at("", "interval must be greater than 0").set("interval", "10s");
        }
        if self.log_count_attribute.is_empty() {
            let text = "log_count_attribute must be set";
            problems.at("", text).set("log_count_attribute", "log_count");
        }
        if Zone::named(&self.timezone).is_none() {
            let text = format!("timezone is invalid: unknown time zone {}", self.timezone);
            problems.at("", text).about("timezone");
        }
        if !self.exclude_fields.is_empty() && !self.include_fields.is_empty() {
            let text = "cannot define both exclude_fields and include_fields";
            problems.at("", text).about("include_fields");
        }
        let words = [
            ("exclude_fields", &self.exclude_fields, "exclude", "excludefield", "exclude_field"),
            ("include_fields", &self.include_fields, "include", "include_fields", "include_fields"),
        ];
        for (key, fields, verb, name, each) in words {
            let mut known = HashSet::new();
            for (at, field) in fields.iter().enumerate() {
                let first = field.split('.').next().unwrap_or_default();
                let text = if field == "body" {
                    format!("cannot {verb} the entire body")
                } else if first != "body" && first != "attributes" {
                    format!("an {name} must start with body or attributes")
                } else if known.insert(field) {
                    continue;
                } else {
                    format!("duplicate {each} {field}")
                };
                problems.at("", text).about(&format!("{key}::{at}"));
            }
        }
    }
}
