//! A value from the configuration, encoded once.

use config::Value as Configured;
use pdata::{ValueBuf, ValueWriter};

/// The type follows from how it is written, as in YAML: `5`, `"5"`, `0.5`, `true`, a list, a map.
pub fn constant(value: &Configured) -> ValueBuf {
    ValueBuf::build(|out| write(value, out))
}

fn write(value: &Configured, out: &mut ValueWriter<'_>) {
    match value {
        Configured::Null => {}
        Configured::Bool(it) => out.put(*it),
        Configured::Int(it) => out.put(golang::number::wrapped(*it)),
        Configured::Float(it) => out.put(*it),
        Configured::String(it) => out.put(it),
        Configured::Sourced { value, .. } => write(value, out),
        Configured::List(list) => out.array(|out| {
            list.iter().for_each(|it| out.value(|out| write(it, out)));
        }),
        Configured::Map(entries) => out.map(|out| {
            entries.iter().for_each(|(key, it)| out.value(key, |out| write(it, out)));
        }),
    }
}
