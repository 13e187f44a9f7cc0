//! Template strings: `internal.template_string`, which the translation of `$"..."` calls.

use regorus::Value;

use super::args::{Answer, Table, array};
use super::print::plain;

pub const TABLE: Table = &[("internal.template_string", template_string)];

/// Texts as they are; a set is a value that may be undefined.
fn template_string(args: &[Value]) -> Answer {
    let mut text = String::new();
    for part in array(args, 0)? {
        match part {
            Value::Set(items) => match items.iter_sorted().next() {
                Some(value) => text.push_str(&plain(value)),
                None => text.push_str("<undefined>"),
            },
            other => text.push_str(&plain(other)),
        }
    }
    Ok(Value::from(text))
}
