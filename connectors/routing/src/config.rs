//! The section of the routing connector.

use config::{Choice, Choices, Problems};
use ottl::ErrorMode;
use serde::{Deserialize, Serialize};

use crate::request::Request;

/// `connectors: routing:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "routingconnector.Config")]
pub struct Config {
    /// Pipelines of what no route takes. Default: none, it is dropped and counted.
    #[config(go = "[]struct")]
    pub default_pipelines: Vec<String>,
    /// What happens when a condition cannot be evaluated: `ignore` logs it and the route does not match,
    /// `silent` only does the latter, `propagate` refuses the payload. Default `ignore`.
    pub error_mode: Choice<ErrorMode>,
    /// The routes, in order: each takes from what those before it have left. Required.
    pub table: Vec<Route>,
}

/// An entry of `table:`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Route {
    /// What the condition is about: `request`, `resource`, `span`, `metric`, `datapoint` or `log`. Default: what
    /// the paths of the condition name, else `resource`.
    pub context: String,
    /// An OTTL condition; for `request` of the form `request["name"] == "value"`. Either this or `statement`.
    pub condition: String,
    /// The older form: `route() where CONDITION`. `delete_key` and `delete_matching_keys` may stand for `route`.
    pub statement: String,
    /// `move` takes what matches; `copy` leaves it for the routes that follow as well. Default `move`.
    pub action: Choice<Action>,
    /// Where it goes. Required.
    #[config(go = "[]struct")]
    pub pipelines: Vec<String>,
}

/// What becomes of what a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Action {
    /// As `move`.
    #[default]
    Unset,
    /// The routes that follow do not see it.
    Move,
    /// They do.
    Copy,
}

impl Choices for Action {
    const GO: &'static str = "routingconnector.Action";
    const SHOWN: usize = 2;
    const NAMES: &'static [(&'static str, Self)] =
        &[("move", Self::Move), ("copy", Self::Copy), ("", Self::Unset)];

    fn unknown(word: &str) -> String {
        format!("invalid Action string: {word}")
    }
}

impl config::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.table.is_empty() {
            problems.at("", "invalid routing table: the routing table is empty").about("table");
        }
        for (at, route) in self.table.iter().enumerate() {
            if let Some((key, text)) = route.problem() {
                problems.at("", text).about(&format!("table::{at}{key}"));
                // As upstream: of several wrong routes the first one is told.
                break;
            }
        }
    }
}

impl Route {
    /// What is wrong, and with which key.
    fn problem(&self) -> Option<(&'static str, String)> {
        let wrong = |key, text: &str| Some((key, text.to_owned()));
        match (self.statement.is_empty(), self.condition.is_empty()) {
            (true, true) => {
                return wrong("", "invalid route: no condition or statement provided");
            }
            (false, false) => {
                let text = "invalid route: both condition and statement provided";
                return wrong("::statement", text);
            }
            _ => {}
        }
        if self.pipelines.is_empty() {
            return wrong("::pipelines", "invalid route: no pipelines defined");
        }
        match self.context.as_str() {
            "" | "resource" | "span" | "metric" | "datapoint" | "log" => None,
            "request" if self.condition.is_empty() => {
                wrong("::statement", "\"request\" context requires a 'condition'")
            }
            "request" => Request::new(&self.condition).err().map(|it| ("::condition", it)),
            other => Some(("::context", format!("invalid context: {other}"))),
        }
    }
}
