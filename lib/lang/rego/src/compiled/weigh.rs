//! What a call or a comparison costs, in steps: no clock looks into them, and texts and lists of records may be large.

use regorus::Value;

use super::call::Call;
use super::val::Val;

/// Bytes of a text that are one step: 20,000 steps are about as much as a core reads in 5 ms.
const STEP_BYTES: usize = 256;
/// Items of a list that are one step where it is searched.
const STEP_ITEMS: usize = 16;
/// Most steps that are counted of one value: more than a run may have.
const WEIGHT_MAX: u32 = 1 << 20;

/// Of a text.
#[inline]
pub(super) fn text(length: usize) -> u32 {
    if length < STEP_BYTES {
        return 0;
    }
    u32::try_from(length / STEP_BYTES).unwrap_or(WEIGHT_MAX)
}

/// Of a call with these arguments.
pub(super) fn call(call: &Call, arguments: &[Val<'_>]) -> u32 {
    let mut all = 0_u32;
    for argument in arguments {
        let weight = match (argument.text(), argument.value()) {
            (Some(it), _) => text(it.len()),
            (None, Some(it)) if call.reads_all() => whole(it),
            _ => 0,
        };
        all = all.saturating_add(weight);
    }
    all
}

/// Of a comparison: of texts as much as the shorter one has.
#[inline]
pub(super) fn comparison(left: &Val<'_>, right: &Val<'_>) -> u32 {
    match (left.text(), right.text()) {
        (Some(left), Some(right)) => text(left.len().min(right.len())),
        (None, None) => collection(left).min(collection(right)),
        _ => 0,
    }
}

/// Of a look into all items of a collection; a set finds a value at once, unless that is a text of the record.
#[inline]
pub(super) fn search(value: &Val<'_>, domain: &Val<'_>) -> u32 {
    let items = match domain.value() {
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(entries)) => entries.len(),
        Some(Value::Set(items)) if value.value().is_none() => items.len(),
        _ => 0,
    };
    if items < STEP_ITEMS {
        return 0;
    }
    u32::try_from(items / STEP_ITEMS).unwrap_or(WEIGHT_MAX)
}

fn collection(value: &Val<'_>) -> u32 {
    match value.value() {
        Some(it @ (Value::Array(_) | Value::Set(_) | Value::Object(_))) => whole(it),
        _ => 0,
    }
}

/// Of all that is in a value.
fn whole(value: &Value) -> u32 {
    let mut items = 0;
    let bytes = add(value, &mut items);
    let items = u32::try_from(items / STEP_ITEMS).unwrap_or(WEIGHT_MAX);
    items.saturating_add(text(bytes))
}

/// Counts items, and gives the bytes of texts. A value is no deeper than what made it.
fn add(value: &Value, items: &mut usize) -> usize {
    *items += 1;
    match value {
        Value::String(text) => text.len(),
        Value::Array(all) => all.iter().map(|it| add(it, items)).sum(),
        Value::Set(all) => all.iter().map(|it| add(it, items)).sum(),
        Value::Object(all) => all.iter().map(|(key, it)| add(key, items) + add(it, items)).sum(),
        _ => 0,
    }
}
