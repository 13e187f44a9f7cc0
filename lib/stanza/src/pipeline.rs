//! From the `operators:` list to something that can run.

use std::fmt;

use component::config::Value;

use crate::worker::Worker;

/// What the receiver itself adds to every record.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The receiver's `attributes:`; a value may hold `EXPR(...)`.
    pub attributes: Vec<(String, String)>,
    /// The receiver's `resource:`; a value may hold `EXPR(...)`.
    pub resource: Vec<(String, String)>,
    /// `encoding: nop`: bodies are bytes, not text.
    pub raw: bool,
}

/// Why a list of operators cannot run, in the Collector's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The section cannot be read: `operators[0]` and what is wrong with it. The Collector reports
    /// it as `'operators[0]' <message>` below "error reading configuration".
    Decode {
        /// Position in the list.
        operator: usize,
        /// As in the Collector, without the position.
        message: String,
    },
    /// The section is readable and makes no sense. The Collector reports it as
    /// `receivers::<id>::baseconfig::operators::<n>::builder: <message>`.
    Validate {
        /// Position in the list.
        operator: usize,
        /// As in the Collector.
        message: String,
    },
    /// It cannot be built. The Collector reports it below "failed to create receiver".
    Build(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Decode { operator, message } => write!(f, "'operators[{operator}]' {message}"),
            Error::Validate { operator, message } => {
                write!(f, "operators::{operator}::builder: {message}")
            }
            Error::Build(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {}

/// The compiled operators of one receiver. Cloning counts a reference.
#[derive(Debug, Clone)]
pub struct Pipeline;

impl Pipeline {
    /// Compiles the list.
    ///
    /// # Errors
    /// The first mistake, with the Collector's text.
    pub fn new(_operators: &[Value], _options: Options) -> Result<Self, Error> {
        Ok(Self)
    }

    /// State for one thread.
    pub fn worker(&self) -> Worker {
        Worker::default()
    }
}
