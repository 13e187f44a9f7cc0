//! Actions on attributes, shared by the processors `attributes` and `resource`.
//!
//! What a configuration says once is worked out once: [`Actions::new`] compiles patterns and encodes
//! constants, [`Actions::bind`] looks up what a request's client sent, and [`Bound::apply`] runs per
//! record, span or point. Writing a constant then allocates nothing.

mod apply;
mod compile;
mod constant;
mod convert;
mod hash;
#[cfg(test)]
mod tests;

use config::{Problems, Value};
use pdata::ValueBuf;
use regex::Regex;
use serde::{Deserialize, Serialize};

pub use apply::{Bound, Sender};
pub use constant::constant;

/// One entry of `actions:`, or of `attributes:` in the resource processor.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Action {
    /// The attribute. Required, but for `delete` and `hash` with a `pattern`.
    pub key: String,
    /// `insert`, `update` or `upsert`: the value, of any type.
    pub value: Value,
    /// `insert`, `update` or `upsert`: the value if `from_attribute` or `from_context` yields none.
    pub default_value: Value,
    /// `extract`: what the value must match; its named groups become attributes. `delete` and
    /// `hash`: the keys that are meant too.
    pub pattern: String,
    /// `insert`, `update` or `upsert`: the attribute whose value is copied.
    pub from_attribute: String,
    /// `insert`, `update` or `upsert`: `metadata.<key>` of the request, or `client.address`.
    pub from_context: String,
    /// `convert`: `int`, `double` or `string`.
    pub converted_type: String,
    /// `insert`, `update`, `upsert`, `delete`, `hash`, `extract` or `convert`, in any case.
    #[config(go = "attraction.Action")]
    pub action: String,
}

/// Actions, ready to be applied in order.
#[derive(Debug)]
pub struct Actions {
    steps: Vec<Step>,
}

impl Actions {
    /// Prepares the actions at `key`, or says what is wrong with each of them and what was probably meant;
    /// upstream says it when it creates the processor.
    pub fn new(actions: &[Action], key: &str, found: &mut Problems) -> Option<Self> {
        let mut steps = Vec::with_capacity(actions.len());
        for (index, action) in actions.iter().enumerate() {
            match compile::step(action, index) {
                Ok(step) => steps.push(step),
                Err(fault) => {
                    found.add(fault.within_item(index).within(key));
                }
            }
        }
        (steps.len() == actions.len()).then_some(Self { steps })
    }
}

#[derive(Debug)]
enum Step {
    Write { when: When, key: String, source: Source },
    Delete { key: String, pattern: Option<Regex> },
    Hash { key: String, pattern: Option<Regex> },
    Extract { key: String, pattern: Regex, names: Vec<String> },
    Convert { key: String, to: Target },
}

/// Which attributes a value is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Absent,
    Present,
    Always,
}

/// Where a value comes from.
#[derive(Debug)]
enum Source {
    Constant(ValueBuf),
    Attribute(String, Option<ValueBuf>),
    Context(String, Option<ValueBuf>),
}

/// What a value is converted to.
#[derive(Debug, Clone, Copy)]
enum Target {
    Str,
    Int,
    Double,
}
