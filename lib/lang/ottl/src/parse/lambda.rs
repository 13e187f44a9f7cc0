//! `(key, value) => key == value`. Within its body the names of its parameters stand for what it is given, and hide
//! the paths that begin so.

use super::{OR, Parser};
use crate::Error;
use crate::lex::Kind;
use crate::tree::{Lambda, Node};

impl Parser<'_> {
    /// A bracket opens the parameters of a lambda, and not an expression: `=>` stands behind it.
    pub(super) fn is_lambda(&self) -> bool {
        let mut rest = self.tokens.iter().skip(self.at + 1);
        let closed =
            rest.find(|it| !(it.kind == Kind::Lower || matches!(self.shown(it), "_" | ",")));
        closed.is_some_and(|it| self.shown(it) == ")")
            && rest.next().is_some_and(|it| it.kind == Kind::Arrow)
    }

    pub(super) fn lambda(&mut self) -> Result<Node, Error> {
        self.expect("(")?;
        let mut parameters = Vec::new();
        while !self.accept(")") {
            if !parameters.is_empty() {
                self.expect(",")?;
            }
            let token = self.step();
            let name = self.shown(&token);
            if token.kind != Kind::Lower && name != "_" {
                return Err(self.unexpected_at(&token, "the name of a parameter"));
            }
            parameters.push(name.to_owned());
        }
        self.step();
        self.parameters.push(parameters);
        let body = self.climb(OR)?;
        let parameters = self.parameters.pop().unwrap_or_default();
        if matches!(body.node, Node::Lambda(_)) {
            let message = "lambda body cannot result into another lambda expression";
            return Err(Error::said(body.span, message));
        }
        Ok(Node::Lambda(Lambda { parameters, body: Box::new(body) }))
    }

    /// How many lambdas away the innermost one is that has a parameter of this name, and which one it is.
    pub(super) fn parameter(&self, name: &str) -> Option<(usize, usize)> {
        let lambdas = self.parameters.iter().rev().enumerate();
        lambdas
            .into_iter()
            .find_map(|(up, names)| Some((up, names.iter().position(|it| it == name)?)))
    }
}
