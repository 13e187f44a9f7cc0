//! `flatten_data`: each log record with a resource and a scope of its own, and back.

use std::collections::HashMap;
use std::fmt::Debug;

use pdata::Logs;

/// Each record in a resource and scope of its own.
pub(crate) fn flattened(logs: &Logs) -> Logs {
    let mut data = logs.to_owned();
    let mut flat = Vec::new();
    for mut resource in std::mem::take(&mut data.resource_logs) {
        for mut scope in std::mem::take(&mut resource.scope_logs) {
            for record in std::mem::take(&mut scope.log_records) {
                let mut own_scope = scope.clone();
                own_scope.log_records.push(record);
                let mut own = resource.clone();
                own.scope_logs.push(own_scope);
                flat.push(own);
            }
        }
    }
    data.resource_logs = flat;
    Logs::from_owned(&data)
}

/// Records whose resources and scopes are alike together, in the order of the first of each.
pub(crate) fn grouped(logs: &Logs) -> Logs {
    let mut data = logs.to_owned();
    let resources = merged(
        std::mem::take(&mut data.resource_logs),
        |it| key(&it.schema_url, it.resource.as_ref().map(|it| sorted(&it.attributes))),
        |to, from| to.scope_logs.extend(from.scope_logs),
    );
    data.resource_logs = resources;
    for resource in &mut data.resource_logs {
        resource.scope_logs = merged(
            std::mem::take(&mut resource.scope_logs),
            |it| {
                let scope = it.scope.as_ref();
                let scope = scope.map(|it| (&it.name, &it.version, sorted(&it.attributes)));
                key(&it.schema_url, scope)
            },
            |to, from| to.log_records.extend(from.log_records),
        );
    }
    Logs::from_owned(&data)
}

fn key(schema_url: &str, rest: impl Debug) -> String {
    format!("{schema_url:?} {rest:?}")
}

/// Attributes in any order are the same attributes.
fn sorted(attributes: &[impl Debug]) -> Vec<String> {
    let mut sorted: Vec<String> = attributes.iter().map(|it| format!("{it:?}")).collect();
    sorted.sort_unstable();
    sorted
}

fn merged<T>(list: Vec<T>, key: impl Fn(&T) -> String, mut join: impl FnMut(&mut T, T)) -> Vec<T> {
    let mut out: Vec<T> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for it in list {
        let at = *known.entry(key(&it)).or_insert(out.len());
        match out.get_mut(at) {
            Some(to) => join(to, it),
            None => out.push(it),
        }
    }
    out
}
