//! Rego: modules and data are compiled into a `Policy`, a query on it is prepared once, and a `Worker` evaluates it with
//! one input after the other. The engine is `regorus`; what it lacks of OPA's language is translated (`translate`), what
//! it lacks of OPA's builtins is added (`builtins`), and what OPA refuses before a rule runs is refused here (`syntax`).
//!
//! ```
//! use rego::{Options, Policy, Source, Value};
//!
//! let source = Source::new("a.rego", "package a\nallow if input.level == \"ERROR\"");
//! let policy = Policy::compile(vec![source], Value::new_object(), &Options::default()).unwrap();
//! let mut worker = policy.query("data.a.allow").unwrap().worker();
//! let input = Value::from_json_str(r#"{"level": "ERROR"}"#).unwrap();
//! assert_eq!(worker.evaluate(input).unwrap(), Some(Value::from(true)));
//! assert_eq!(worker.evaluate(Value::new_object()).unwrap(), None);
//! ```

mod annotations;
mod builtins;
mod check;
pub mod compiled;
mod engine_error;
mod error;
mod format;
mod policy;
mod query;
pub mod syntax;
#[cfg(test)]
mod tests;
mod translate;

pub use builtins::base64::encode as base64;
pub use builtins::gotemplate::Template;
pub use builtins::jwt::verified_payload;
pub use builtins::signatures;
pub use error::{Details, Error, Errors, Location, code};
pub use format::format;
pub use policy::{Limits, Lookup, Options, Policy, Source};
pub use query::{Query, Results, Solution, Worker};
pub use regorus::Value;
pub use syntax::Version;
