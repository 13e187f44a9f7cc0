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

/// Of a text with so many bytes.
#[inline]
pub(super) fn text(bytes: usize) -> u32 {
    u32::try_from(bytes / STEP_BYTES).unwrap_or(WEIGHT_MAX)
}

/// Of a list with so many items.
#[inline]
fn list(items: usize) -> u32 {
    u32::try_from(items / STEP_ITEMS).unwrap_or(WEIGHT_MAX)
}

/// Of a call with these arguments.
pub(super) fn call(builtin: &Call, arguments: &[Val<'_>]) -> u32 {
    let weight = |argument: &Val<'_>| match argument.text() {
        Some(bytes) => text(bytes.len()),
        None if builtin.reads_all() => argument.value().map_or(0, whole),
        None => 0,
    };
    arguments.iter().map(weight).fold(0, u32::saturating_add)
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

/// Of an operator: sets are gone through, numbers are not.
#[inline]
pub(super) fn operands(left: &Val<'_>, right: &Val<'_>) -> u32 {
    let items = |operand: &Val<'_>| match operand.value() {
        Some(Value::Set(items)) => items.len(),
        _ => 0,
    };
    list(items(left) + items(right))
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
    list(items)
}

fn collection(value: &Val<'_>) -> u32 {
    match value.value() {
        Some(all @ (Value::Array(_) | Value::Set(_) | Value::Object(_))) => whole(all),
        _ => 0,
    }
}

/// Of all that is in a value.
fn whole(value: &Value) -> u32 {
    let mut size = Size::default();
    size.add(value);
    list(size.items).saturating_add(text(size.bytes))
}

/// Of a value with all that is in it.
#[derive(Default)]
struct Size {
    items: usize,
    /// Of its texts.
    bytes: usize,
}

impl Size {
    /// A value is no deeper than what made it.
    fn add(&mut self, value: &Value) {
        self.items += 1;
        match value {
            Value::String(text) => self.bytes += text.len(),
            Value::Array(all) => all.iter().for_each(|it| self.add(it)),
            Value::Set(all) => all.iter().for_each(|it| self.add(it)),
            Value::Object(all) => all.iter().for_each(|(key, value)| {
                self.add(key);
                self.add(value);
            }),
            _ => {}
        }
    }
}
