//! The section, compiled. Upstream says what is wrong with it when it creates the processor, and only the first thing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use component::Problems;
use pdata::tree::{KeyValue, any_value};
use points::Aggregation;
use regex::Regex;

use crate::config;

const MATCH_TYPES: [&str; 2] = ["strict", "regexp"];
const ACTIONS: [&str; 4] = ["insert", "update", "combine", "group"];
const CASES: [&str; 2] = ["lower", "upper"];
const OPERATIONS: [&str; 7] = [
    "add_label",
    "update_label",
    "delete_label_value",
    "toggle_scalar_data_type",
    "experimental_scale_value",
    "aggregate_labels",
    "aggregate_label_values",
];
/// What stands for the collector's version in values of labels.
const VERSION: &str = "{{version}}";

/// One of `transforms:`
#[derive(Debug, Clone)]
pub(crate) struct Transform {
    pub(crate) filter: Filter,
    pub(crate) action: Action,
    /// Empty if the name stays.
    pub(crate) new_name: String,
    pub(crate) operations: Vec<Operation>,
}

#[derive(Debug, Clone)]
pub(crate) enum Action {
    Insert,
    Update,
    Combine(Aggregation, Case),
    /// With the attributes of the resource to which the metrics go.
    Group(BTreeMap<String, String>),
}

/// The case of labels that are made of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    AsItIs,
    Lower,
    Upper,
}

impl Case {
    pub(crate) fn of(self, text: &str) -> String {
        match self {
            Self::AsItIs => text.to_owned(),
            Self::Lower => text.to_lowercase(),
            Self::Upper => text.to_uppercase(),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Operation {
    AddLabel { key: String, value: String },
    UpdateLabel { key: String, new_key: String, values: HashMap<String, String> },
    DeleteLabelValue { key: String, value: String },
    ToggleType,
    Scale(f64),
    AggregateLabels { kept: HashSet<String>, aggregation: Aggregation },
    AggregateValues { key: String, old: HashSet<String>, new: String, aggregation: Aggregation },
}

/// Which points of which metrics are meant.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    name: Pattern,
    labels: Vec<(String, Pattern)>,
}

#[derive(Debug, Clone)]
enum Pattern {
    Text(String),
    Regexp(Regex),
}

impl Pattern {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Text(it) => it == text,
            Self::Regexp(it) => it.is_match(text),
        }
    }
}

impl Filter {
    /// Whether a metric with this name is meant.
    pub(crate) fn name(&self, name: &str) -> bool {
        self.name.matches(name)
    }

    /// Whether all points of such a metric are meant.
    pub(crate) fn is_by_name(&self) -> bool {
        self.labels.is_empty()
    }

    /// Whether a point is meant. A label that is not there, or is no text, counts as an empty text.
    pub(crate) fn point(&self, attributes: &[KeyValue]) -> bool {
        self.labels.iter().all(|(key, it)| it.matches(label(attributes, key).unwrap_or_default()))
    }

    /// The pattern of the name, if it is one.
    pub(crate) fn regexp(&self) -> Option<&Regex> {
        match &self.name {
            Pattern::Text(_) => None,
            Pattern::Regexp(it) => Some(it),
        }
    }
}

/// The value of a label, if it is there: empty if it is no text.
pub(crate) fn label<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|it| it.key == key)?;
    Some(match found.value.as_ref().and_then(|it| it.value.as_ref()) {
        Some(any_value::Value::StringValue(it)) => it,
        _ => "",
    })
}

impl Transform {
    /// What a matched metric is called afterwards.
    pub(crate) fn renamed(&self, name: &str) -> Option<String> {
        if self.new_name.is_empty() {
            return None;
        }
        let mut expanded = String::new();
        if let Some(found) = self.filter.regexp().and_then(|it| it.captures(name)) {
            found.expand(&self.new_name, &mut expanded);
        }
        Some(if expanded.is_empty() { self.new_name.clone() } else { expanded })
    }

    /// The same with the collector's version in the values of labels.
    pub(crate) fn with_version(&self, version: &str) -> Self {
        let mut it = self.clone();
        for operation in &mut it.operations {
            match operation {
                Operation::AddLabel { value, .. }
                | Operation::AggregateValues { new: value, .. } => {
                    *value = value.replace(VERSION, version);
                }
                Operation::UpdateLabel { values, .. } => {
                    values.values_mut().for_each(|it| *it = it.replace(VERSION, version));
                }
                _ => {}
            }
        }
        it
    }
}

/// Compiles the section, or says what is wrong with it.
pub(crate) fn compile(section: &config::Config, found: &mut Problems) -> Option<Vec<Transform>> {
    let compiled = section.transforms.iter().enumerate().map(|(at, it)| {
        let place = format!("transforms::{at}");
        transform(it, &mut Checks { place: &place, prefix: "", found: &mut *found })
    });
    // All of them are looked at.
    let compiled: Vec<Option<Transform>> = compiled.collect();
    compiled.into_iter().collect()
}

/// Says what is wrong with an entry.
struct Checks<'a> {
    /// Of the entry.
    place: &'a str,
    /// What upstream writes before its texts.
    prefix: &'a str,
    found: &'a mut Problems,
}

impl Checks<'_> {
    fn wrong(&mut self, key: &str, text: &str) -> &mut ::config::Fault {
        let Self { place, prefix, found } = self;
        found.late("", format!("{prefix}{text}")).about(&format!("{place}::{key}"))
    }

    fn missing(&mut self, key: &str, action: &str) -> Option<()> {
        let text = format!("missing required field {key:?} while \"action\" is {action}");
        self.wrong(key, &text);
        None
    }

    /// One of `words`; nothing, which may be right, is not looked at.
    fn word(&mut self, key: &str, word: &str, words: &[&str]) -> Option<()> {
        if words.contains(&word) {
            return Some(());
        }
        let mut text = format!("{key:?} must be in [");
        for (at, it) in words.iter().enumerate() {
            let _ = write!(text, "{}{it:?}", if at == 0 { "" } else { " " });
        }
        text.push(']');
        let path = format!("{}::{key}", self.place);
        self.wrong(key, &text).one_of(&path, words);
        None
    }

    fn may(&mut self, key: &str, word: &str, words: &[&str]) -> Option<()> {
        if word.is_empty() { Some(()) } else { self.word(key, word, words) }
    }

    fn pattern(&mut self, key: &str, text: &str, regexp: bool) -> Option<Pattern> {
        if !regexp {
            return Some(Pattern::Text(text.to_owned()));
        }
        match golang::regexp::compile(text) {
            Ok(it) => Some(Pattern::Regexp(it)),
            Err(why) if key == "include" => {
                self.wrong(key, &format!("{key:?}, {}", why.text));
                None
            }
            Err(why) => {
                self.wrong(key, &why.text);
                None
            }
        }
    }
}

fn transform(section: &config::Transform, checks: &mut Checks<'_>) -> Option<Transform> {
    if section.include.is_empty() {
        checks.wrong("include", "missing required field \"include\"");
        return None;
    }
    checks.may("match_type", &section.match_type, &MATCH_TYPES)?;
    let regexp = section.match_type == "regexp";
    let name = checks.pattern("include", &section.include, regexp)?;
    checks.word("action", &section.action, &ACTIONS)?;
    if section.action == "insert" && section.new_name.is_empty() {
        checks.missing("new_name", "insert")?;
    }
    if section.action == "group" && section.group_resource_labels.is_none() {
        checks.missing("group_resource_labels", "group")?;
    }
    checks.may("aggregation_type", &section.aggregation_type, &Aggregation::NAMES)?;
    checks.may("submatch_case", &section.submatch_case, &CASES)?;
    let place = checks.place;
    let mut operations = Vec::with_capacity(section.operations.len());
    for (at, it) in section.operations.iter().enumerate() {
        let (place, prefix) =
            (format!("{place}::operations::{at}"), format!("operation {}: ", at + 1));
        let mut checks = Checks { place: &place, prefix: &prefix, found: &mut *checks.found };
        operations.push(operation(it, &mut checks)?);
    }
    let labels = section.experimental_match_labels.iter().map(|(key, value)| {
        let pattern = checks.pattern("experimental_match_labels", value, regexp);
        Some((key.clone(), pattern?))
    });
    let labels = labels.collect::<Option<Vec<_>>>()?;
    let case = match section.submatch_case.as_str() {
        "lower" => Case::Lower,
        "upper" => Case::Upper,
        _ => Case::AsItIs,
    };
    let action = match section.action.as_str() {
        "insert" => Action::Insert,
        "combine" => Action::Combine(aggregation(&section.aggregation_type), case),
        "group" => Action::Group(section.group_resource_labels.clone().unwrap_or_default()),
        _ => Action::Update,
    };
    let new_name = section.new_name.clone();
    Some(Transform { filter: Filter { name, labels }, action, new_name, operations })
}

fn aggregation(name: &str) -> Aggregation {
    Aggregation::named(name).unwrap_or_default()
}

fn operation(section: &config::Operation, checks: &mut Checks<'_>) -> Option<Operation> {
    let config::Operation { label, new_label, new_value, .. } = section;
    let action = section.action.as_str();
    checks.word("action", action, &OPERATIONS)?;
    for (key, absent, of) in [
        ("label", label.is_empty(), "update_label"),
        ("new_label", new_label.is_empty(), "add_label"),
        ("new_value", new_value.is_empty(), "add_label"),
        ("experimental_scale", section.experimental_scale == 0.0, "experimental_scale_value"),
    ] {
        if absent && action == of {
            checks.missing(key, of)?;
        }
    }
    checks.may("aggregation_type", &section.aggregation_type, &Aggregation::NAMES)?;
    let (key, aggregation) = (label.clone(), aggregation(&section.aggregation_type));
    Some(match action {
        "add_label" => Operation::AddLabel { key: new_label.clone(), value: new_value.clone() },
        "update_label" => {
            let values = section.value_actions.iter();
            let values = values.map(|it| (it.value.clone(), it.new_value.clone())).collect();
            Operation::UpdateLabel { key, new_key: new_label.clone(), values }
        }
        "delete_label_value" => {
            Operation::DeleteLabelValue { key, value: section.label_value.clone() }
        }
        "toggle_scalar_data_type" => Operation::ToggleType,
        "experimental_scale_value" => Operation::Scale(section.experimental_scale),
        "aggregate_labels" => {
            let kept = section.label_set.iter().cloned().collect();
            Operation::AggregateLabels { kept, aggregation }
        }
        _ => {
            let old = section.aggregated_values.iter().cloned().collect();
            Operation::AggregateValues { key, old, new: new_value.clone(), aggregation }
        }
    })
}
