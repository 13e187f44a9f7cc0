//! The section and its defaults. `processor/spanprocessor/config.go`, v0.149.

use component::Problems;
use matching::MatchProperties;
use serde::{Deserialize, Serialize};

/// `processors: span:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "spanprocessor.Config")]
pub struct Config {
    /// Which spans to change. Default: all.
    pub include: Option<MatchProperties>,
    /// Which of these to leave alone. Default: none.
    pub exclude: Option<MatchProperties>,
    /// The name.
    pub name: Name,
    /// The status that spans get. Default: they keep theirs.
    pub status: Option<Status>,
}

/// `name:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "spanprocessor.Name")]
pub struct Name {
    /// The values of these attributes are the new name, if all are there. Default none.
    pub from_attributes: Vec<String>,
    /// Stands between the values. Default nothing.
    pub separator: String,
    /// Makes attributes of parts of the name.
    pub to_attributes: Option<ToAttributes>,
}

/// `to_attributes:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "spanprocessor.ToAttributes")]
pub struct ToAttributes {
    /// Regular expressions: each named group becomes an attribute, and its name in braces stands in the span's name for it.
    pub rules: Vec<String>,
    /// Whether only the first rule that matches is applied. Default false.
    pub break_after_match: bool,
    /// Whether the name stays as it is. Default false.
    pub keep_original_name: bool,
}

/// `status:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "spanprocessor.Status")]
pub struct Status {
    /// `Ok`, `Error` or `Unset`. Required.
    pub code: String,
    /// Of an error.
    pub description: String,
}

/// Codes of OTLP.
pub(crate) const CODES: [(&str, i64); 3] = [("Unset", 0), ("Ok", 1), ("Error", 2)];

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        let rules = self.name.to_attributes.as_ref().is_some_and(|it| !it.rules.is_empty());
        if self.name.from_attributes.is_empty() && !rules && self.status.is_none() {
            problems.late(
                "",
                "error creating \"span\" processor: either \"from_attributes\" or \"to_attributes\" must be \
                 specified in \"name:\" or \"setStatus\" must be specified",
            );
            return;
        }
        let Some(status) = &self.status else { return };
        if !CODES.iter().any(|it| it.0 == status.code) {
            problems
                .late(
                    "",
                    "error creating \"span\" processor: \"status\" must have specified \"code\" as \"Ok\" or \
                     \"Error\" or \"Unset\"",
                )
                .about("status::code");
        } else if !status.description.is_empty() && status.code != "Error" {
            problems
                .late(
                    "",
                    "error creating \"span\" processor: \"description\" can be specified only for \"code\" \"Error\"",
                )
                .about("status::description");
        }
    }
}
