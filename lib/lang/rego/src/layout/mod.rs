//! Whether a module is laid out as `opa fmt` lays it out, as far as that can be told line by line: indents, spaces between words,
//! empty lines, bodies that stand in one line, the order of imports. Where a line ends is the author's business here; `opa fmt`
//! knows better about some of that.

mod lines;
mod spaces;

use crate::error::Error;
use crate::syntax::token::{self, Kind};
use crate::syntax::visit::{self, Visitor};
use crate::syntax::{
    self, Body, Expr, ExprKind, Lines, Literal, LiteralKind, Module, Span, Version,
};

/// Code of what is laid out otherwise.
const CODE: &str = "rego_format_error";
/// Most that is told of a module.
const UNTIDY_MAX: usize = 1_000;

/// Something that `opa fmt` would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untidy {
    /// Where, and what.
    pub error: Error,
    /// The line as it should be; `None` if it should be more than one, or none.
    pub wanted: Option<String>,
}

/// What `opa fmt` would change of a module, in the order of the text.
///
/// # Errors
/// `rego_parse_error`: only what can be read can be laid out.
pub fn untidy(file: &str, text: &str, version: Version) -> Result<Vec<Untidy>, Error> {
    let module = syntax::module(file, text, version)?;
    let mut marks = Marks::of(&module, text);
    let words = words(text, &marks.templates);
    marks.loosen(text, &words);
    let mut found = Found { text, lines: Lines::new(file, text), untidy: Vec::new() };
    lines::check(&words, &module, &marks, &mut found);
    structure(&module, &mut found);
    let mut untidy = found.untidy;
    let at = |it: &Untidy| it.error.location.as_ref().map(|it| (it.row, it.col));
    untidy.sort_by_key(at);
    untidy.dedup_by_key(|it| at(it));
    untidy.truncate(UNTIDY_MAX);
    Ok(untidy)
}

/// A token, or a comment.
#[derive(Debug, Clone)]
struct Word {
    /// `None` is a comment.
    kind: Option<Kind>,
    span: Span,
}

struct Found<'t> {
    text: &'t str,
    lines: Lines,
    untidy: Vec<Untidy>,
}

impl Found<'_> {
    fn add(&mut self, at: usize, message: &str, wanted: Option<String>) {
        let error = self.lines.error(self.text, at, CODE, message.to_owned());
        self.untidy.push(Untidy { error, wanted });
    }
}

/// What the tree knows of braces and templates.
#[derive(Default)]
struct Marks {
    /// Bodies with their braces.
    bodies: Vec<Span>,
    /// Braces that may stand with spaces or without.
    either: Vec<Span>,
    /// Templates are one word.
    templates: Vec<Span>,
    /// Brackets with a comment in them, which `opa fmt` may leave as they are.
    loose: Vec<Span>,
}

/// What a brace is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Brace {
    Body,
    Either,
    Term,
}

impl Marks {
    fn of(module: &Module, text: &str) -> Self {
        let mut marks = Self::default();
        for rule in &module.rules {
            for body in rule.bodies.iter().chain(rule.otherwise.iter().map(|it| &it.body)) {
                marks.body(body);
            }
            visit::rule(rule, &mut marks);
        }
        // What stands in one line behind a brace may be a comprehension.
        let is_unsure = |it: &Span| {
            text.get(it.clone()).is_some_and(|it| it.contains('|') && !it.contains('\n'))
        };
        marks.either.extend(marks.bodies.extract_if(.., |it| is_unsure(it)));
        marks
    }

    /// Only one with braces of its own: the only condition may begin with one, too.
    fn body(&mut self, body: &Body) {
        if has_braces(body) {
            self.bodies.push(body.span.clone());
        }
    }

    /// Notes brackets that are no bodies and have comments in them.
    fn loosen(&mut self, text: &str, words: &[Word]) {
        let mut open: Vec<(usize, bool)> = Vec::new();
        for word in words {
            match (word.kind, text.get(word.span.clone())) {
                (None, _) => open.iter_mut().for_each(|it| it.1 = true),
                (Some(Kind::Sign), Some("{" | "[" | "(")) => open.push((word.span.start, false)),
                (Some(Kind::Sign), Some("}" | "]" | ")")) => {
                    let Some((start, has_comment)) = open.pop() else { continue };
                    if has_comment && self.brace(start) == Brace::Term {
                        self.loose.push(start + 1..word.span.end);
                    }
                }
                _ => {}
            }
        }
    }

    fn is_loose(&self, at: usize) -> bool {
        self.loose.iter().any(|it| it.contains(&at))
    }

    /// What the brace at this byte, or the one that ends there, is.
    fn brace(&self, at: usize) -> Brace {
        let touches = |it: &Span| it.start == at || it.end == at;
        match () {
            () if self.bodies.iter().any(touches) => Brace::Body,
            () if self.either.iter().any(touches) => Brace::Either,
            () => Brace::Term,
        }
    }
}

fn has_braces(body: &Body) -> bool {
    body.literals.first().is_some_and(|it| it.span.start > body.span.start)
}

impl Visitor for Marks {
    fn literal(&mut self, literal: &Literal) -> bool {
        match &literal.kind {
            LiteralKind::NotBody(body) => self.body(body),
            // `opa fmt` itself writes { x; true}.
            LiteralKind::Every { body, .. } => self.either.push(body.span.clone()),
            LiteralKind::Logic { operands, .. } => {
                let braces = operands.iter().filter(|it| it.in_braces);
                self.either.extend(braces.map(|it| it.body.span.clone()));
            }
            _ => {}
        }
        true
    }

    fn expr(&mut self, expr: &Expr) -> bool {
        if matches!(expr.kind, ExprKind::Template(_)) {
            self.templates.push(expr.span.clone());
            return false;
        }
        true
    }
}

/// All of a text, in its order.
fn words(text: &str, templates: &[Span]) -> Vec<Word> {
    let mut all = Vec::new();
    let mut at = 0;
    loop {
        let token = token::next(text, at);
        comments(text, at, token.start, &mut all);
        if token.kind == Kind::End || token.end <= token.start {
            return all;
        }
        let template = templates.iter().find(|it| it.start == token.start);
        let end = template.map_or(token.end, |it| it.end);
        all.push(Word { kind: Some(token.kind), span: token.start..end });
        at = end;
    }
}

/// The comments between two tokens.
fn comments(text: &str, from: usize, to: usize, all: &mut Vec<Word>) {
    let mut at = from;
    while let Some(sign) = text.get(at..to).and_then(|it| it.find('#')) {
        let start = at + sign;
        let end = token::line_end(text.as_bytes(), start).min(to);
        let line = text.get(start..end).unwrap_or_default();
        all.push(Word { kind: None, span: start..start + line.trim_end().len() });
        at = end;
    }
}

/// What the tree alone can tell.
fn structure(module: &Module, found: &mut Found<'_>) {
    for pair in module.imports.windows(2) {
        let [before, import] = pair else { continue };
        let row = |span: &Span| found.lines.location(span.start).row;
        let is_next = row(&before.span) + 1 == row(&import.span);
        if is_next && (&before.path, &before.alias) > (&import.path, &import.alias) {
            found.add(
                import.span.start,
                "imports beside each other are in the order of the alphabet",
                None,
            );
        }
    }
    for rule in &module.rules {
        let has_value = rule.head.value.is_some() && rule.head.key.is_none();
        if module.is_v1 && has_value && !rule.head.assigns {
            found.add(rule.head.span.start, "a rule has its value with :=", None);
        }
        let bodies = rule.bodies.iter().chain(rule.otherwise.iter().map(|it| &it.body));
        bodies.for_each(|it| one_line(it, found));
    }
}

/// The body of a rule in the line of its braces.
fn one_line(body: &Body, found: &mut Found<'_>) {
    let Some(first) = body.literals.first() else { return };
    let row = |at: usize| found.lines.location(at).row;
    let text = found.text.get(body.span.clone()).unwrap_or_default();
    if has_braces(body) && !text.contains('|') && row(first.span.start) == row(body.span.start) {
        let what =
            "a body in braces has a line for each condition, and one behind if needs no braces";
        found.add(first.span.start, what, None);
    }
}
