//! XPath 1.0, with the functions that github.com/antchfx/xpath has.

mod axes;
mod eval;
mod parse;

use super::tree::Tree;
use eval::{Evaluator, Result};
use parse::Expr;

/// A compiled path.
#[derive(Debug)]
pub(crate) struct XPath(Expr);

/// What a path selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Found {
    Node(usize),
    /// An attribute by its position in its element.
    Attribute(usize, usize),
}

impl Found {
    /// Where it is in the document.
    fn order(self) -> (usize, usize) {
        match self {
            Found::Node(node) => (node, 0),
            Found::Attribute(node, at) => (node, at + 1),
        }
    }
}

impl XPath {
    pub(super) fn parse(text: &str) -> Result<Self> {
        parse::parse(text).map(Self)
    }

    /// The nodes in the order of the document; nothing if the path is no path but a number, a text or a condition.
    pub(super) fn select(&self, tree: &Tree) -> Result<Vec<Found>> {
        Evaluator::new(tree).select(&self.0)
    }
}
