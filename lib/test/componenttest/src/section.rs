//! Configuration sections from text.

use std::sync::Arc;

use component::config::{Fault, Stage, Value, check};
use component::{Next, Planned, Problems, Processor, ProcessorSettings, Signal};
use confmap::{Data, Environment, Locations, Node};

/// A component's section as a tree, from YAML. Panics with the mistake.
pub fn section(text: &str) -> Value {
    let locations = Locations { config: vec![format!("yaml:{text}")], ..Locations::default() };
    let resolved = confmap::resolve(&locations, &Environment::of([]));
    let conf = resolved.unwrap_or_else(|mistake| panic!("{mistake:#?}"));
    conf.node::<&str>(&[]).map_or(Value::Null, value)
}

/// The same, or the mistake.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    let locations = Locations { config: vec![format!("yaml:{text}")], ..Locations::default() };
    let conf = confmap::resolve(&locations, &Environment::of([])).map_err(|it| it.to_string())?;
    Ok(conf.node::<&str>(&[]).map_or(Value::Null, value))
}

fn value(node: &Node) -> Value {
    match &node.data {
        Data::Null => Value::Null,
        Data::Bool(it) => Value::Bool(*it),
        Data::Int(it) => Value::Int(*it),
        Data::Float(it) => Value::Float(*it),
        Data::String(it) => Value::String(it.clone()),
        Data::List(items) => Value::List(items.iter().map(value).collect()),
        Data::Map(entries) => {
            Value::Map(entries.iter().map(|it| (it.key.clone(), value(&it.value))).collect())
        }
    }
}

/// A component's configuration, laid over its defaults and valid; or what is planned from it. Panics with all that is
/// wrong.
pub fn config<C: Planned>(text: &str) -> C {
    let (config, found) = planned::<C>(text);
    let wrong: Vec<&Fault> = found.of(Stage::Check).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    config.unwrap_or_else(|| panic!("{found:#?}"))
}

/// The same with all that was found. Panics if the section cannot be read.
pub fn planned<C: Planned>(text: &str) -> (Option<C>, Problems) {
    let (section, mut found) = check(&section(text)).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let config = C::plan(section, &mut found);
    (config, found)
}

/// The plan that a processor makes of a section, in YAML, for pipelines of `signal`.
///
/// # Errors
/// Everything that is wrong, as [`problems`] has it, with what shows only when the section is worked out.
pub fn plan<P: Processor>(text: &str, signal: Signal) -> Result<Arc<P::Plan>, Vec<String>> {
    let (config, mut found) = check(&section(text)).map_err(|faults| texts(&faults))?;
    let plan = P::plan(config, &mut found);
    let concerns = |it: &&Fault| it.signal.is_none_or(|only| only == signal.name());
    let wrong: Vec<String> = found.faults().iter().filter(concerns).map(Fault::rule_text).collect();
    match plan {
        Some(plan) if wrong.is_empty() => Ok(Arc::new(plan)),
        _ => Err(wrong),
    }
}

/// A processor from a section in YAML. Panics with all that is wrong.
pub fn processor<P: Processor>(settings: ProcessorSettings, text: &str, next: Next) -> P {
    let plan = plan::<P>(text, settings.signal).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    P::create(settings, plan, next)
}

/// Everything that is wrong with a section: what cannot be read in the Collector's words, else `key: rule`
/// of its validation.
pub fn problems<C: Planned>(text: &str) -> Vec<String> {
    match check::<C::Section>(&section(text)) {
        Err(faults) => texts(&faults),
        Ok((section, mut found)) => {
            let _ = C::plan(section, &mut found);
            let unread: Vec<Fault> = found.of(Stage::Read).cloned().collect();
            let broken = found.of(Stage::Check).map(Fault::rule_text);
            if unread.is_empty() { broken.collect() } else { texts(&unread) }
        }
    }
}

/// What a section without a mistake is warned about. Panics with all that is wrong.
pub fn warnings<C: Planned>(text: &str) -> Vec<String> {
    let (_, found) = planned::<C>(text);
    let wrong: Vec<&Fault> = found.of(Stage::Check).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    found.warnings().iter().map(|it| it.1.text.clone()).collect()
}

fn texts(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(Fault::read_text).collect()
}

#[cfg(test)]
mod tests {
    use component::{Config, RetryConfig};
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
    struct Section {
        retry_on_failure: RetryConfig,
    }

    impl Config for Section {
        fn validate(&self, problems: &mut Problems) {
            self.retry_on_failure.validate("retry_on_failure", problems);
        }
    }

    #[test]
    fn a_section_is_yaml_over_the_defaults() {
        let config: Section = config("retry_on_failure:\n  max_interval: 7s");
        assert_eq!(config.retry_on_failure.max_interval.to_string(), "7s");
        assert_eq!(config.retry_on_failure.initial_interval.to_string(), "5s");
        assert_eq!(
            problems::<Section>("retry_on_failure: {multiplier: -1}"),
            ["retry_on_failure: 'multiplier' must be non-negative"]
        );
    }
}
