//! Another way to evaluate a query than the engine's interpreter: the rules that it needs are lowered to a program that reads
//! single fields of a record, without a document. It knows the constructs that policies on telemetry use. What it does
//! not know it refuses when it is compiled; what comes out otherwise than usual while it runs (two values for one rule, a number
//! that is none, too many steps) it leaves to the interpreter, which decides what the answer or the error is.

mod call;
mod lower;
mod operate;
mod program;
mod run;
#[cfg(test)]
mod tests;
mod val;
mod weigh;

pub use program::Program;
pub use run::{Input, Scratch};
pub use val::{Stop, Val};

use crate::policy::Policy;

impl Policy {
    /// The program of a query such as `data.a.allow`. `is_readable` says which paths below `input` can be read one by one;
    /// `Program::fields` lists those that will be.
    ///
    /// # Errors
    /// Why only the interpreter can evaluate it.
    pub fn program(
        &self,
        query: &str,
        is_readable: &dyn Fn(&[&str]) -> bool,
    ) -> Result<Program, String> {
        lower::program(self, query, is_readable)
    }
}
