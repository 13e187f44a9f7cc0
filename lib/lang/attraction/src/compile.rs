//! From configuration to steps. The texts are those of upstream's `attraction` package, 0.149.

use config::{Fault, Value};
use regex::Regex;

use crate::constant::constant;
use crate::{Action, Source, Step, Target, When};

/// What an action can be.
pub(crate) const NAMES: [&str; 7] =
    ["insert", "update", "upsert", "delete", "hash", "extract", "convert"];

/// The step that the `index`-th action asks for.
pub(crate) fn step(action: &Action, index: usize) -> Result<Step, Fault> {
    let name = action.action.to_lowercase();
    let key = action.key.clone();
    let by_pattern = matches!(name.as_str(), "delete" | "hash");
    if by_pattern && key.is_empty() && action.pattern.is_empty() {
        return Err(Fault::create(format!(
            "error creating AttrProc due to missing required field (at least one of \"key\" and \
             \"pattern\" have to be used) at the {index}-th action"
        )));
    }
    if !by_pattern && key.is_empty() {
        return Err(Fault::create(format!(
            "error creating AttrProc due to missing required field \"key\" at the {index}-th action"
        )));
    }
    let step = match name.as_str() {
        "insert" => write(action, &name, When::Absent),
        "update" => write(action, &name, When::Present),
        "upsert" => write(action, &name, When::Always),
        "delete" => key_pattern(action, &name).map(|pattern| Step::Delete { key, pattern }),
        "hash" => key_pattern(action, &name).map(|pattern| Step::Hash { key, pattern }),
        "extract" => extract(action, &name),
        "convert" => convert(action, &name),
        _ => {
            let mut fault = Fault::create(format!(" due to unsupported action {name:?}"));
            fault.one_of("action", &NAMES);
            Err(fault)
        }
    };
    step.map_err(|fault| {
        let text = format!(
            "error with key {:?} ({index}-th action): error creating AttrProc{}",
            action.key, fault.text
        );
        Fault { text, ..fault }
    })
}

/// A mistake because of the value of `key`; of the whole action if that is empty.
fn wrong(text: impl Into<String>, key: &str) -> Fault {
    let mut fault = Fault::create(text);
    fault.about(key);
    fault
}

/// How many places a value is to come from.
fn sources(action: &Action) -> usize {
    usize::from(*action.value.plain() != Value::Null)
        + usize::from(!action.from_attribute.is_empty())
        + usize::from(!action.from_context.is_empty())
}

fn write(action: &Action, name: &str, when: When) -> Result<Step, Fault> {
    let default =
        (*action.default_value.plain() != Value::Null).then(|| constant(&action.default_value));
    if sources(action) == 0 && default.is_none() {
        let text = ". Either field \"value\", \"from_attribute\", \"from_context\", or \
                    \"default_value\" must be specified";
        return Err(wrong(text, ""));
    }
    if sources(action) > 1 {
        return Err(wrong(" due to multiple value sources being set", ""));
    }
    unused(&action.pattern, "pattern", name)?;
    unused(&action.converted_type, "converted_type", name)?;
    let source = if action.value != Value::Null {
        Source::Constant(constant(&action.value))
    } else if !action.from_context.is_empty() {
        Source::Context(action.from_context.clone(), default)
    } else if let (true, Some(default)) = (action.from_attribute.is_empty(), &default) {
        Source::Constant(default.clone())
    } else {
        Source::Attribute(action.from_attribute.clone(), default)
    };
    Ok(Step::Write { when, key: action.key.clone(), source })
}

fn unused(value: &str, field: &str, action: &str) -> Result<(), Fault> {
    if value.is_empty() {
        return Ok(());
    }
    let text = format!(
        ". Action \"{action}\" does not use the \"{field}\" field. This must not be specified"
    );
    let mut fault = Fault::create(text);
    fault.remove(field);
    Err(fault)
}

fn key_pattern(action: &Action, name: &str) -> Result<Option<Regex>, Fault> {
    if action.value != Value::Null || !action.from_attribute.is_empty() {
        let text = format!(
            ". Action \"{name}\" does not use \"value\" or \"from_attribute\" field. These must \
             not be specified"
        );
        let is_value = action.value != Value::Null;
        return Err(wrong(text, if is_value { "value" } else { "from_attribute" }));
    }
    let pattern = match action.pattern.as_str() {
        "" => None,
        text => Some(compiled(text)?),
    };
    unused(&action.converted_type, "converted_type", name)?;
    Ok(pattern)
}

fn compiled(pattern: &str) -> Result<Regex, Fault> {
    Regex::new(pattern).map_err(|_| {
        wrong(format!(". Field \"pattern\" has invalid pattern: \"{pattern}\""), "pattern")
    })
}

fn extract(action: &Action, name: &str) -> Result<Step, Fault> {
    if sources(action) > 0 {
        let text = format!(
            ". Action \"{name}\" does not use a value source field. These must not be specified"
        );
        return Err(wrong(text, ""));
    }
    if action.pattern.is_empty() {
        let text = format!(" due to missing required field \"pattern\" for action \"{name}\"");
        return Err(wrong(text, ""));
    }
    unused(&action.converted_type, "converted_type", name)?;
    let pattern = compiled(&action.pattern)?;
    let names: Option<Vec<String>> =
        pattern.capture_names().skip(1).map(|name| name.map(str::to_owned)).collect();
    match names {
        Some(names) if names.is_empty() => {
            Err(wrong(". Field \"pattern\" contains no named matcher groups", "pattern"))
        }
        Some(names) => Ok(Step::Extract { key: action.key.clone(), pattern, names }),
        None => {
            let text = ". Field \"pattern\" contains at least one unnamed matcher group";
            Err(wrong(text, "pattern"))
        }
    }
}

fn convert(action: &Action, name: &str) -> Result<Step, Fault> {
    if sources(action) > 0 || !action.pattern.is_empty() {
        let text = format!(
            ". Action \"{name}\" does not use value sources or \"pattern\" field. These must not \
             be specified"
        );
        return Err(wrong(text, ""));
    }
    let to = match action.converted_type.as_str() {
        "string" => Target::Str,
        "int" => Target::Int,
        "double" => Target::Double,
        "" => {
            let text =
                format!(" due to missing required field \"converted_type\" for action \"{name}\"");
            return Err(wrong(text, ""));
        }
        other => {
            let mut fault = Fault::create(format!(
                " due to invalid value \"{other}\" in field \"converted_type\" for action \
                 \"{name}\""
            ));
            fault.one_of("converted_type", &["string", "int", "double"]);
            return Err(fault);
        }
    };
    Ok(Step::Convert { key: action.key.clone(), to })
}
