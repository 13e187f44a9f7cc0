//! From configuration to steps. The texts are those of upstream's `attraction` package, 0.149.

use config::Value;
use regex::Regex;

use crate::constant::constant;
use crate::{Action, Source, Step, Target, When};

/// What an action can be.
pub(crate) const NAMES: [&str; 7] =
    ["insert", "update", "upsert", "delete", "hash", "extract", "convert"];

/// The step that the `index`-th action asks for.
pub(crate) fn step(action: &Action, index: usize) -> Result<Step, String> {
    let name = action.action.to_lowercase();
    let key = action.key.clone();
    let by_pattern = matches!(name.as_str(), "delete" | "hash");
    if by_pattern && key.is_empty() && action.pattern.is_empty() {
        return Err(format!(
            "error creating AttrProc due to missing required field (at least one of \"key\" and \
             \"pattern\" have to be used) at the {index}-th action"
        ));
    }
    if !by_pattern && key.is_empty() {
        return Err(format!(
            "error creating AttrProc due to missing required field \"key\" at the {index}-th action"
        ));
    }
    let step = match name.as_str() {
        "insert" => write(action, &name, When::Absent),
        "update" => write(action, &name, When::Present),
        "upsert" => write(action, &name, When::Always),
        "delete" => key_pattern(action, &name).map(|pattern| Step::Delete { key, pattern }),
        "hash" => key_pattern(action, &name).map(|pattern| Step::Hash { key, pattern }),
        "extract" => extract(action, &name),
        "convert" => convert(action, &name),
        _ => Err(format!(" due to unsupported action {name:?}")),
    };
    step.map_err(|rest| {
        format!(
            "error with key {:?} ({index}-th action): error creating AttrProc{rest}",
            action.key
        )
    })
}

/// How many places a value is to come from.
fn sources(action: &Action) -> usize {
    usize::from(action.value != Value::Null)
        + usize::from(!action.from_attribute.is_empty())
        + usize::from(!action.from_context.is_empty())
}

fn write(action: &Action, name: &str, when: When) -> Result<Step, String> {
    let default = (action.default_value != Value::Null).then(|| constant(&action.default_value));
    if sources(action) == 0 && default.is_none() {
        return Err(". Either field \"value\", \"from_attribute\", \"from_context\", or \
                    \"default_value\" must be specified"
            .to_owned());
    }
    if sources(action) > 1 {
        return Err(" due to multiple value sources being set".to_owned());
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

fn unused(value: &str, field: &str, action: &str) -> Result<(), String> {
    if value.is_empty() {
        return Ok(());
    }
    Err(format!(
        ". Action \"{action}\" does not use the \"{field}\" field. This must not be specified"
    ))
}

fn key_pattern(action: &Action, name: &str) -> Result<Option<Regex>, String> {
    if action.value != Value::Null || !action.from_attribute.is_empty() {
        return Err(format!(
            ". Action \"{name}\" does not use \"value\" or \"from_attribute\" field. These must \
             not be specified"
        ));
    }
    let pattern = match action.pattern.as_str() {
        "" => None,
        text => Some(compiled(text)?),
    };
    unused(&action.converted_type, "converted_type", name)?;
    Ok(pattern)
}

fn compiled(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern)
        .map_err(|_| format!(". Field \"pattern\" has invalid pattern: \"{pattern}\""))
}

fn extract(action: &Action, name: &str) -> Result<Step, String> {
    if sources(action) > 0 {
        return Err(format!(
            ". Action \"{name}\" does not use a value source field. These must not be specified"
        ));
    }
    if action.pattern.is_empty() {
        return Err(format!(" due to missing required field \"pattern\" for action \"{name}\""));
    }
    unused(&action.converted_type, "converted_type", name)?;
    let pattern = compiled(&action.pattern)?;
    let names: Option<Vec<String>> =
        pattern.capture_names().skip(1).map(|name| name.map(str::to_owned)).collect();
    match names {
        Some(names) if names.is_empty() => {
            Err(". Field \"pattern\" contains no named matcher groups".to_owned())
        }
        Some(names) => Ok(Step::Extract { key: action.key.clone(), pattern, names }),
        None => Err(". Field \"pattern\" contains at least one unnamed matcher group".to_owned()),
    }
}

fn convert(action: &Action, name: &str) -> Result<Step, String> {
    if sources(action) > 0 || !action.pattern.is_empty() {
        return Err(format!(
            ". Action \"{name}\" does not use value sources or \"pattern\" field. These must not \
             be specified"
        ));
    }
    let to = match action.converted_type.as_str() {
        "string" => Target::Str,
        "int" => Target::Int,
        "double" => Target::Double,
        "" => {
            return Err(format!(
                " due to missing required field \"converted_type\" for action \"{name}\""
            ));
        }
        other => {
            return Err(format!(
                " due to invalid value \"{other}\" in field \"converted_type\" for action \
                 \"{name}\""
            ));
        }
    };
    Ok(Step::Convert { key: action.key.clone(), to })
}
