//! OpenTelemetry's telemetry policies (OTEP 4738): what a record has to look like, whether it stays, and what is
//! changed in it. Usable alone, synchronous, on views and edits of `pdata`.
//!
//! [`Policies::read`] makes typed policies of documents, [`Engine::new`] compiles them, [`Engine::apply`] applies them to a
//! payload. All records are matched as they came, then all decisions are carried out: what one policy changes is not
//! seen by another, whatever their order.

mod apply;
mod decide;
mod engine;
mod index;
mod keep;
mod limiter;
mod literal;
mod model;
mod number;
mod read;
mod redact;
mod rego;
mod sampling;
mod slots;
#[cfg(test)]
mod tests;
mod transform;

pub use apply::{Applied, Tally};
pub use engine::Engine;
pub use keep::{Keep, Mode, Probability};
pub use model::{
    Field, Literal, Matcher, Number, Operation, Order, Path, Policy, Target, Test, TextTest,
    Transform, Where,
};
pub use read::{Mistake, Policies};
pub use rego::{Unfit, to_rego};
