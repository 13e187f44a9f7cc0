//! Which context a list of conditions or statements is about, by the paths in it.

use std::ops::Range;

use crate::context::Context;
use crate::editors::{self, Editors};
use crate::error::Error;
use crate::tree::{Call, Expr, Node};
use crate::{enums, functions, parse};

/// A text of a group, by its position in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// One of the statements.
    Statement(usize),
    /// One of the conditions.
    Condition(usize),
}

/// The context of `texts`, which are conditions, one of `known`: the innermost that they name; if it lacks a
/// function or an enum that they use, the next one that has it.
///
/// # Errors
/// What is wrong, in the Collector's words, and with which of the texts.
pub fn infer(texts: &[String], known: &[Context]) -> Result<Context, (usize, Error)> {
    let group = Group { statements: None, conditions: texts, known };
    group.infer().map_err(|(part, error)| match part {
        Part::Statement(at) | Part::Condition(at) => (at, error),
    })
}

/// The same of statements, together with the conditions that all of them have.
///
/// # Errors
/// What is wrong, in the Collector's words, and with which of the texts.
pub fn infer_statements(
    statements: &[String],
    conditions: &[String],
    editors: Editors,
    known: &[Context],
) -> Result<Context, (Part, Error)> {
    Group { statements: Some((statements, editors)), conditions, known }.infer()
}

struct Group<'g> {
    /// None if there are only conditions: then the Collector uses other words.
    statements: Option<(&'g [String], Editors)>,
    conditions: &'g [String],
    known: &'g [Context],
}

/// What a text names and uses, and where.
#[derive(Default)]
struct Hints {
    prefixes: Vec<(String, Range<usize>)>,
    editors: Vec<(String, Range<usize>)>,
    converters: Vec<(String, Range<usize>)>,
    enums: Vec<(String, Range<usize>)>,
}

impl Group<'_> {
    fn infer(&self) -> Result<Context, (Part, Error)> {
        let hints = self.hints()?;
        // What is no context ranks last, so it is told only if there is nothing else.
        let rank = |name: &str| {
            let context = Context::named(name);
            context
                .and_then(|it| Context::ALL.iter().position(|other| *other == it))
                .unwrap_or(usize::MAX)
        };
        let all = hints
            .iter()
            .flat_map(|(part, it)| it.prefixes.iter().map(|(name, span)| (*part, name, span)));
        let Some((part, name, span)) = all.min_by_key(|(_, name, _)| rank(name)) else {
            let first =
                if self.statements.is_some() { Part::Statement(0) } else { Part::Condition(0) };
            let error = Error::said(0..self.text(first).len(), self.nothing_named());
            return Err((first, error));
        };
        let Some(context) = Context::named(name).filter(|it| self.known.contains(it)) else {
            return Err((part, self.not_known(name, span).one_of(self.names())));
        };
        let Some((part, error)) = self.lacks(context, &hints) else { return Ok(context) };
        let inner =
            self.known.iter().filter(|it| **it != context && it.within().contains(&context));
        let ranked = Context::ALL.iter().filter(|it| inner.clone().any(|inner| inner == *it));
        let found = ranked.copied().find(|it| self.lacks(*it, &hints).is_none());
        found.ok_or_else(|| (part, self.refused(error)))
    }

    fn hints(&self) -> Result<Vec<(Part, Hints)>, (Part, Error)> {
        let mut all = Vec::new();
        for (at, text) in self.statements.into_iter().flat_map(|it| it.0).enumerate() {
            let part = Part::Statement(at);
            let tree = parse::statement(text).map_err(|it| (part, self.refused(it)))?;
            let mut hints = Hints::default();
            let Call { name, name_span, .. } = &tree.editor;
            hints.editors.push((name.clone(), name_span.clone()));
            tree.visit(&mut |it| hints.add(it));
            all.push((part, hints));
        }
        for (at, text) in self.conditions.iter().enumerate() {
            let part = Part::Condition(at);
            let tree = parse::condition(text).map_err(|it| (part, self.refused(it)))?;
            let mut hints = Hints::default();
            tree.visit(&mut |it| hints.add(it));
            all.push((part, hints));
        }
        Ok(all)
    }

    fn text(&self, part: Part) -> &str {
        let text = match part {
            Part::Statement(at) => self.statements.and_then(|it| it.0.get(at)),
            Part::Condition(at) => self.conditions.get(at),
        };
        text.map_or("", String::as_str)
    }

    fn names(&self) -> Vec<&'static str> {
        self.known.iter().map(|it| it.name()).collect()
    }

    /// Of statements it is told in which lists the problem is.
    fn refused(&self, error: Error) -> Error {
        let Some((statements, _)) = self.statements else { return error };
        error.within(format_args!(
            "unable to infer a valid context ({}) from statements {} and conditions {}",
            quoted(&self.names()),
            quoted(statements),
            quoted(self.conditions)
        ))
    }

    fn nothing_named(&self) -> String {
        let (names, conditions) = (quoted(&self.names()), quoted(self.conditions));
        match self.statements {
            Some((statements, _)) => format!(
                "unable to infer context from statements {} and conditions {conditions}, path's \
                 first segment must be a valid context name {names}, and at least one context must \
                 be capable of parsing all statements",
                quoted(statements)
            ),
            None => format!(
                "unable to infer context from conditions, path's first segment must be a valid \
                 context name: {names}, and at least one context must be capable of parsing all \
                 conditions: {conditions}"
            ),
        }
    }

    fn not_known(&self, name: &str, span: &Range<usize>) -> Error {
        if self.statements.is_some() {
            let message = format!("inferred context \"{name}\" is not a valid candidate");
            return self.refused(Error::said(span.clone(), message));
        }
        let (names, conditions) = (quoted(&self.names()), quoted(self.conditions));
        let message = format!(
            "context {name:?} inferred from the conditions {conditions} is not a supported \
             context: {names}"
        );
        Error::said(span.clone(), message)
    }

    /// What a context does not have of what is used.
    fn lacks(&self, context: Context, hints: &[(Part, Hints)]) -> Option<(Part, Error)> {
        for (part, hints) in hints {
            let wrong = |span: &Range<usize>, what: String| {
                let message = format!("inferred context \"{context}\" does not support the {what}");
                Error::said(span.clone(), message)
            };
            let of_editors = self.statements.map(|it| it.1).unwrap_or_default();
            let error = hints
                .editors
                .iter()
                .find(|(name, _)| editors::find(of_editors, context, name).is_none())
                .map(|(name, span)| {
                    wrong(span, format!("function \"{name}\""))
                        .one_of(editors::names(of_editors, context))
                });
            let error = error.or_else(|| {
                let mut all = hints.converters.iter();
                let (name, span) = all.find(|it| functions::find(context, &it.0).is_none())?;
                let wrong = wrong(span, format!("function \"{name}\""));
                Some(wrong.one_of(functions::names(context)))
            });
            let error = error.or_else(|| {
                let (name, span) = hints.enums.iter().find(|(name, _)| {
                    // `SHA256` as an argument is the name of a function.
                    enums::number(context, name).is_err()
                        && functions::find(context, name).is_none()
                })?;
                let wrong = wrong(span, format!("enum symbol \"{name}\""));
                Some(wrong.one_of(enums::names(context)))
            });
            if let Some(error) = error {
                return Some((*part, error));
            }
        }
        None
    }
}

impl Hints {
    fn add(&mut self, expr: &Expr) {
        match &expr.node {
            Node::Path(path) => {
                if let [first, _, ..] = path.fields.as_slice() {
                    self.prefixes.push((first.name.clone(), first.span.clone()));
                }
            }
            Node::Call(call) => self.converters.push((call.name.clone(), call.name_span.clone())),
            Node::Enum(name) => self.enums.push((name.clone(), expr.span.clone())),
            _ => {}
        }
    }
}

/// A list as Go prints it with `%q`.
fn quoted(list: &[impl AsRef<str>]) -> String {
    let list: Vec<String> = list.iter().map(|it| format!("{:?}", it.as_ref())).collect();
    format!("[{}]", list.join(" "))
}
