//! Writes into the point that an edit visits, whose kind has all the fields.

use pdata::{Field, Place, Value};

/// Makes this the value of the field.
pub fn set(place: &mut Place<'_>, field: Field, value: Value<'_>) {
    let _ = place.set(field, &[], value);
}

/// A number of OTLP that has no sign.
pub fn unsigned(it: u64) -> Value<'static> {
    Value::Int(it.cast_signed())
}

/// Makes these the counts.
pub fn write_counts(place: &mut Place<'_>, field: Field, counts: &[u64]) {
    let counts: Vec<Value<'_>> = counts.iter().copied().map(unsigned).collect();
    set(place, field, Value::Array(&counts));
}
