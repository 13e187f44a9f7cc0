//! Points that are alike become one.

use pdata::tree::{AnyValue, any_value, metric};
use points::{Aggregation, aggregate, each_attributes};

use super::super::{State, Work, constant_list, constant_text};
use crate::functions::Slot;
use crate::value::Value;

pub(super) fn check(slots: &[Slot]) -> Result<State, String> {
    let function = constant_text(slots, 0).unwrap_or_default();
    if Aggregation::named(function).is_some() {
        return Ok(State::None);
    }
    Err(format!(
        "invalid aggregation function: 'unsupported function: '{function}'', valid options: {}",
        Aggregation::NAMES.join(", ")
    ))
}

fn function(slots: &[Slot]) -> Aggregation {
    constant_text(slots, 0).and_then(Aggregation::named).unwrap_or_default()
}

pub(super) fn on_attributes(work: &mut Work<'_, '_>) -> Result<(), String> {
    let mut metric = work.tree();
    if matches!(metric.data, Some(metric::Data::Summary(_))) {
        return Err(
            "aggregate_on_attributes does not support aggregating Summary metrics".to_owned()
        );
    }
    if matches!(work.arguments.get(1), Some(Slot::Each(_))) {
        let arguments = work.arguments;
        let is_kept = |key: &str| {
            constant_list(arguments, 1).any(|it| matches!(it, Value::Text(it) if it == key))
        };
        each_attributes(&mut metric, &mut |it| it.retain(|it| is_kept(&it.key)));
    }
    aggregate(&mut metric, function(work.arguments));
    work.put_tree(&metric);
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "all editors look the same")]
pub(super) fn on_value(work: &mut Work<'_, '_>) -> Result<(), String> {
    let mut metric = work.tree();
    let arguments = work.arguments;
    let attribute = constant_text(arguments, 1).unwrap_or_default();
    let new = constant_text(arguments, 3).unwrap_or_default();
    each_attributes(&mut metric, &mut |attributes| {
        let Some(found) = attributes.iter_mut().find(|it| it.key == attribute) else { return };
        let Some(AnyValue { value: Some(any_value::Value::StringValue(text)) }) = &mut found.value
        else {
            return;
        };
        if constant_list(arguments, 2).any(|it| matches!(it, Value::Text(it) if it == text)) {
            new.clone_into(text);
        }
    });
    aggregate(&mut metric, function(arguments));
    work.put_tree(&metric);
    Ok(())
}
