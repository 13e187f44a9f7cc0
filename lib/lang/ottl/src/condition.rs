//! Conditions, and lists of them.

use config::Choices;

use crate::compile::{Compiler, Prefixes};
use pdata::Place;

use crate::context::{Around, Context, Request, Scene};
use crate::error::Error;
use crate::functions::Test;
use crate::parse;

/// What happens when a condition cannot be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ErrorMode {
    /// It counts as false, and a warning is logged.
    #[default]
    Ignore,
    /// It counts as false.
    Silent,
    /// The payload is refused.
    Propagate,
}

impl Choices for ErrorMode {
    const GO: &'static str = "ottl.ErrorMode";
    const NAMES: &'static [(&'static str, Self)] =
        &[("ignore", Self::Ignore), ("silent", Self::Silent), ("propagate", Self::Propagate)];
    const ANY_CASE: bool = true;

    fn unknown(word: &str) -> String {
        format!("unknown error mode {}", word.to_lowercase())
    }
}

/// A condition.
#[derive(Debug)]
pub struct Condition {
    text: String,
    test: Test,
}

impl Condition {
    /// Parses and compiles a text for a context.
    ///
    /// # Errors
    /// What is wrong with it, in the Collector's words, and where.
    pub fn new(text: &str, context: Context, prefixes: Prefixes) -> Result<Self, Error> {
        let tree = parse::condition(text)?;
        let mut compiler = Compiler { text, context, prefixes };
        let test = compiler.test(&tree)?;
        Ok(Self { text: text.to_owned(), test })
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// Why that cannot be said, in the Collector's words.
    #[inline]
    pub fn holds(&self, place: &Place<'_>, request: &Request<'_>) -> Result<bool, String> {
        self.test.holds(Scene::at(place, &Around::Request(request)))
    }
}

/// Conditions of which one is enough.
#[derive(Debug)]
pub struct Conditions {
    list: Vec<Condition>,
    mode: ErrorMode,
}

impl Conditions {
    /// Parses and compiles texts for a context. Position and problem of each that is wrong.
    ///
    /// # Errors
    /// Those that are wrong, with their position.
    pub fn new(
        texts: &[String],
        context: Context,
        prefixes: Prefixes,
        mode: ErrorMode,
    ) -> Result<Self, Vec<(usize, Error)>> {
        let (mut list, mut wrong) = (Vec::new(), Vec::new());
        for (at, text) in texts.iter().enumerate() {
            match Condition::new(text, context, prefixes) {
                Ok(it) => list.push(it),
                Err(error) => wrong.push((
                    at,
                    error.within(format_args!("unable to parse OTTL condition {text:?}")),
                )),
            }
        }
        if wrong.is_empty() { Ok(Self { list, mode }) } else { Err(wrong) }
    }

    /// Whether one of them holds.
    ///
    /// # Errors
    /// Why the payload has to be refused, in the Collector's words.
    #[inline]
    pub fn any(&self, place: &Place<'_>, request: &Request<'_>) -> Result<bool, String> {
        for condition in &self.list {
            match condition.holds(place, request) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => self.failed(condition, error)?,
            }
        }
        Ok(false)
    }

    #[cold]
    fn failed(&self, condition: &Condition, error: String) -> Result<(), String> {
        match self.mode {
            ErrorMode::Silent => {}
            ErrorMode::Ignore => {
                let condition = &condition.text;
                tracing::warn!(error, condition, "failed to eval condition");
            }
            ErrorMode::Propagate => {
                return Err(format!("failed to eval condition: {}, {error}", condition.text));
            }
        }
        Ok(())
    }
}
