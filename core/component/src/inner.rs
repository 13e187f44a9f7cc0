//! Receivers that a component starts while it runs: those of the receiver creator.

use pdata::Signal;

/// What a type of receivers is like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceiverType {
    /// What it can produce.
    pub signals: Vec<Signal>,
    /// The keys of its section.
    pub keys: Vec<String>,
}
