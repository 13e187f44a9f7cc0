//! `flatten_data`: each log record with a resource and a scope of its own, and back.

use pdata::{AttributesRef, Data, Depth, Empty, Field, Keep, ValueRef};

/// Each record in a resource and scope of its own.
pub(crate) fn flattened(data: &Data) -> Data {
    let full = data.edit_with(Depth::Item, Empty::DropAll, |_| Keep::Enter);
    Data::concat(full.split_items(1)).unwrap_or_else(|| Data::empty(data.signal()))
}

/// Records whose resources and scopes are alike together, in the order of the first of each.
pub(crate) fn grouped(data: Data) -> Data {
    data.merge(|place| {
        let of_resource = place.depth() == Depth::Resource;
        let (url, attributes) = if of_resource {
            (Field::RESOURCE_SCHEMA_URL, place.resource().attributes())
        } else {
            (Field::SCOPE_SCHEMA_URL, place.scope().attributes())
        };
        let url = place.get(url, &[]).ok().flatten().and_then(ValueRef::as_str).unwrap_or_default();
        let scope = (!of_resource).then(|| (place.scope().name(), place.scope().version()));
        format!("{url:?} {scope:?} {:?}", sorted(attributes))
    })
}

/// Attributes in any order are the same attributes.
fn sorted(attributes: AttributesRef<'_>) -> Vec<String> {
    let mut sorted: Vec<String> = attributes.iter().map(|it| format!("{it:?}")).collect();
    sorted.sort_unstable();
    sorted
}
