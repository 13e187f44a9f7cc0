//! Alerts of policies, as exporters send them on: [`Alert`] is what a log record of the event `sluice.policy.alert` says, an
//! [`Intake`] picks them out of a payload, counts what became of each, and knows which ones have been sent when a payload is tried
//! again. [`Text`] is a template with the fields of an alert.

mod alert;
mod answer;
mod entries;
mod intake;
mod pace;
mod text;
mod tree;

pub use alert::Alert;
pub use answer::check;
pub use entries::{Entries, EntriesConfig};
pub use intake::{Intake, Refusal};
pub use pace::Pace;
pub use text::Text;
pub use tree::Tree;
