//! The OpenTelemetry Transformation Language: conditions on what is in a payload, and statements that change it.
//!
//! A text is parsed once to a tree ([`parse`]), the names in it are given their meaning ([`compile`]), and
//! the program is evaluated at a [`pdata::Place`]: a path is one of its fields, and a whole number that is
//! compared with a constant is nothing more than that.

mod compare;
mod compile;
mod condition;
mod context;
mod editors;
mod enums;
mod error;
mod functions;
mod grammar;
mod infer;
mod lex;
mod math;
mod parse;
mod path;
mod statement;
#[cfg(test)]
mod tests;
mod tree;
mod value;

pub use compile::Prefixes;
pub use condition::{Condition, Conditions, ErrorMode};
pub use context::{Context, Request};
pub use editors::{Editors, Scratch};
pub use error::Error;
pub use functions::{Operand, sprintf_of};
pub use infer::{Part, infer, infer_statements};
pub use statement::{Statement, Statements};
