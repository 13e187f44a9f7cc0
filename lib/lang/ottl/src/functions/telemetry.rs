//! What is asked of a span or metric as a whole.

use pdata::{Field, ValueRef};

use super::{Env, Function, Kind, function, takes, text};
use crate::context::Context;
use crate::value::Value;

pub(super) const ALL: &[Function] = &[
    function("IsRootSpan", &[], |env, _| {
        let parent = env.scene.get(Field::SPAN_PARENT_ID).and_then(ValueRef::as_bytes);
        let parent = parent.unwrap_or_default();
        Ok(Value::Bool(parent.iter().all(|it| *it == 0)))
    })
    .only(&[Context::Span])
    .says("Whether the span has no parent.", "IsRootSpan()"),
    function("HasAttrKeyOnDatapoint", &[takes("key", Kind::TheText)], |env, it| {
        Ok(Value::Bool(any_point(env, text(it, 0), |_| true)))
    })
    .only(&[Context::Metric])
    .says(
        "Whether a data point of the metric has such an attribute.",
        "not HasAttrKeyOnDatapoint(\"http.method\")",
    ),
    function(
        "HasAttrOnDatapoint",
        &[takes("key", Kind::TheText), takes("expected_val", Kind::TheText)],
        |env, it| {
            let wanted = text(it, 1);
            let is_it = |value: ValueRef<'_>| value.as_str().unwrap_or_default() == wanted;
            Ok(Value::Bool(any_point(env, text(it, 0), is_it)))
        },
    )
    .only(&[Context::Metric])
    .says(
        "Whether a data point of the metric has an attribute with such a text.",
        "not HasAttrOnDatapoint(\"http.method\", \"GET\")",
    ),
];

/// Whether one of the points has an attribute with this key and such a value.
fn any_point(env: &Env<'_, '_>, key: &str, is_it: impl Fn(ValueRef<'_>) -> bool) -> bool {
    let Some(place) = env.scene.place() else { return false };
    place.points().any(|it| it.attributes().get(key).is_some_and(&is_it))
}
