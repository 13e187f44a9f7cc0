//! Configuration sections from text.

use component::config::{DecodeIssue, Value, load};
use component::{Config, Problems};

/// A component's section as a tree. Empty text is an empty section.
pub fn section(text: &str) -> Value {
    if text.trim().is_empty() {
        return Value::Null;
    }
    serde_json::from_str(text).expect("the section's text can be parsed")
}

/// A component's configuration, laid over its defaults and valid. Panics with all that is wrong.
pub fn config<C: Config>(text: &str) -> C {
    let config: C = load(&section(text)).unwrap_or_else(|issues| panic!("{issues:#?}"));
    let mut problems = Problems::default();
    config.validate(&mut problems);
    assert!(problems.list().is_empty(), "{:#?}", problems.list());
    config
}

/// Everything that is wrong with a section: what cannot be read in the Collector's words, else `key: rule`
/// of its validation.
pub fn problems<C: Config>(text: &str) -> Vec<String> {
    let line = |path: &str, text: &str| match path {
        "" => text.to_owned(),
        path => format!("{path}: {text}"),
    };
    match load::<C>(&section(text)) {
        Err(issues) => issues.iter().map(DecodeIssue::text).collect(),
        Ok(config) => {
            let mut problems = Problems::default();
            config.validate(&mut problems);
            problems.list().iter().map(|(key, rule)| line(key, rule)).collect()
        }
    }
}
