//! The section of the transform processor: lists of statements, or of groups of them.

use component::Problems;
use component::config::{Choice, Choices, Fault, Value};
use config::TextOr;
use ottl::{Context, ErrorMode};
use serde::{Deserialize, Serialize, Serializer};

/// `processors: transform:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "transformprocessor.Config", unmarshals)]
pub struct Config {
    /// What happens when a statement fails: `ignore` logs it and goes on with the next one, `silent` only does
    /// the latter, `propagate` refuses the payload. Default `ignore`.
    pub error_mode: Choice<ErrorMode>,
    /// Statements on spans, their events and what is around them. A list of texts, or of groups.
    pub trace_statements: Statements,
    /// Statements on metrics, their points and what is around them.
    pub metric_statements: Statements,
    /// Statements on log records and what is around them.
    pub log_statements: Statements,
    /// There are no profiles.
    pub profile_statements: Statements,
    /// Whether each log record has a resource and a scope of its own while the statements run, so that a
    /// statement about one record cannot change those of its neighbours. Default false.
    pub flatten_data: bool,
}

/// A statement, or statements with a context, conditions or an error mode of their own: an entry of
/// `log_statements:`.
pub type Entry = TextOr<Group>;

/// A list of statements. As upstream, all that stand alone are shown as one group behind the others.
#[derive(Debug, Clone, Default, Deserialize, config::Described)]
pub struct Statements(Vec<Entry>);

impl std::ops::Deref for Statements {
    type Target = [Entry];

    fn deref(&self) -> &[Entry] {
        &self.0
    }
}

impl Serialize for Statements {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut alone = Group::default();
        let mut groups = Vec::new();
        for entry in &self.0 {
            match entry {
                Entry::Text(statement) => alone.statements.push(statement.clone()),
                Entry::Map(group) => groups.push(group),
            }
        }
        groups.extend((!alone.statements.is_empty()).then_some(&alone));
        serializer.collect_seq(groups.into_iter().map(ShownGroup::of))
    }
}

/// A group as upstream shows it: what is not written is empty, and no conditions are `null`.
#[derive(Serialize)]
struct ShownGroup<'a> {
    context: &'a Choice<ContextName>,
    conditions: Option<&'a [String]>,
    error_mode: &'a str,
    statements: &'a [String],
}

impl<'a> ShownGroup<'a> {
    fn of(group: &'a Group) -> Self {
        Self {
            context: &group.context,
            conditions: (!group.conditions.is_empty()).then_some(&group.conditions),
            error_mode: group.error_mode.as_ref().map_or("", Choice::word),
            statements: &group.statements,
        }
    }
}

/// Statements with a context, conditions or an error mode of their own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Group {
    /// `log`, `span` and so on: then paths need no prefix. Without it the paths tell.
    pub context: Choice<ContextName>,
    /// Of which one has to hold for the statements to run. Without any they always do.
    pub conditions: Vec<String>,
    /// The statements.
    pub statements: Vec<String>,
    /// Instead of that of the processor.
    pub error_mode: Option<Choice<ErrorMode>>,
}

/// `context:`, in small or capital letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ContextName {
    /// There is none.
    #[default]
    None,
    /// One that some signal has.
    Known(Context),
    /// Of profiles, which there are not.
    Profile,
}

impl ContextName {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Known(it) => it.name(),
            Self::Profile => "profile",
        }
    }
}

impl Choices for ContextName {
    const GO: &'static str = "common.ContextID";
    const NAMES: &'static [(&'static str, Self)] = &[
        ("resource", Self::Known(Context::Resource)),
        ("scope", Self::Known(Context::Scope)),
        ("span", Self::Known(Context::Span)),
        ("spanevent", Self::Known(Context::SpanEvent)),
        ("metric", Self::Known(Context::Metric)),
        ("datapoint", Self::Known(Context::DataPoint)),
        ("exemplar", Self::Known(Context::Exemplar)),
        ("log", Self::Known(Context::Log)),
        ("profile", Self::Profile),
        ("", Self::None),
    ];
    const SHOWN: usize = Context::ALL.len();
    const ANY_CASE: bool = true;

    fn unknown(word: &str) -> String {
        format!("unknown context {}", word.to_lowercase())
    }
}

impl component::Config for Config {
    fn unmarshal(section: &Value, faults: Vec<Fault>) -> Vec<Fault> {
        let keys =
            ["trace_statements", "metric_statements", "log_statements", "profile_statements"];
        Entry::refused(section, &keys).map_or(faults, |it| vec![it])
    }

    fn validate(&self, problems: &mut Problems) {
        let lists = [
            ("trace_statements", &self.trace_statements),
            ("metric_statements", &self.metric_statements),
            ("log_statements", &self.log_statements),
        ];
        for (key, list) in lists {
            for (at, entry) in list.iter().enumerate() {
                let Entry::Map(Group { error_mode: Some(mode), .. }) = entry else { continue };
                // An empty one is what is printed of a group without; upstream cannot read that again.
                if let Some(fault) = mode.refused("error_mode").filter(|_| !mode.word().is_empty())
                {
                    // The text names the key.
                    problems.add(Fault { named: 1, ..fault }.within(&format!("{key}::{at}")));
                }
            }
        }
        if !self.profile_statements.is_empty() {
            problems.at("", "there is no signal \"profiles\" here").remove("profile_statements");
        }
    }
}
