//! Terms, operators and lists.

use super::page::{Done, Page, Unexpected};
use crate::syntax::token::operator_sign;
use crate::syntax::{Body, Expr, ExprKind, Literal, Part, Span};
use crate::translate;

/// An item of a list.
#[derive(Clone, Copy)]
pub enum Item<'e> {
    /// Of an array or a set.
    One(&'e Expr),
    /// Of a call.
    Argument(&'e Expr),
    /// Of an object.
    Entry(&'e Expr, &'e Expr),
}

impl Item<'_> {
    fn first(&self) -> &Expr {
        match self {
            Self::One(it) | Self::Argument(it) | Self::Entry(it, _) => it,
        }
    }
}

/// `a | b`, which is a comprehension where a brace or a bracket opens.
pub fn is_union(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Infix("|", ..)) || named(expr).is_some_and(|it| it.0 == "|")
}

/// An operator that is written as a call of its builtin.
pub fn named(expr: &Expr) -> Option<(&'static str, &Expr, &Expr)> {
    let ExprKind::Call(name, arguments) = &expr.kind else { return None };
    let [left, right] = arguments.as_slice() else { return None };
    Some((operator_sign(&name.dotted()?)?, left, right))
}

/// `internal.member_2(x, xs)`: key, value and domain.
pub fn member(expr: &Expr) -> Option<(Option<&Expr>, &Expr, &Expr)> {
    let ExprKind::Call(name, arguments) = &expr.kind else { return None };
    match (name.dotted()?.as_str(), arguments.as_slice()) {
        ("internal.member_2", [value, domain]) => Some((None, value, domain)),
        ("internal.member_3", [key, value, domain]) => Some((Some(key), value, domain)),
        _ => None,
    }
}

impl Page<'_> {
    /// A name that needs no brackets in a reference. Keywords stay between brackets and quotes where the author put them there.
    pub fn is_bare(&self, name: &str, source: &str) -> bool {
        let starts = |it: char| it.is_ascii_alphabetic() || it == '_';
        let goes_on = |it: char| it.is_ascii_alphanumeric() || it == '_';
        let is_keyword = match name {
            "and" => self.has_and,
            "or" => self.has_or,
            _ => translate::is_keyword(name),
        };
        let is_word = name.starts_with(starts) && name.chars().all(goes_on);
        is_word && !(is_keyword && source.starts_with('"'))
    }

    /// A term that stays as it is if its comments ask for that.
    pub fn term(&mut self, expr: &Expr) -> Done {
        self.term_at(expr, &expr.span)
    }

    /// The same for a term that counts as standing elsewhere.
    pub fn term_at(&mut self, expr: &Expr, place: &Span) -> Done {
        let mark = self.mark();
        let done = self.operand(expr, place, false);
        if done.is_err() {
            self.as_it_is(mark, &expr.span);
        }
        done
    }

    /// A term; an operator in it stands in parentheses if `in_parentheses` holds.
    fn operand(&mut self, expr: &Expr, place: &Span, in_parentheses: bool) -> Done {
        self.comments_to(self.row(place.start))?;
        self.need_line();
        if let Some((sign, left, right)) = named(expr) {
            self.infix(sign, left, right, in_parentheses, true)?;
            self.need_line();
            return Ok(());
        }
        if let Some((key, value, domain)) = member(expr) {
            self.membership(key, value, domain, true)?;
            self.need_line();
            return Ok(());
        }
        match &expr.kind {
            ExprKind::Null => self.put("null"),
            ExprKind::Bool(it) => self.put(if *it { "true" } else { "false" }),
            ExprKind::Number(it) => self.put(it),
            ExprKind::String(_) => self.put(quoted(self.slice(&expr.span))),
            ExprKind::Var(name) => self.put(name),
            ExprKind::Template(parts) => template(self, expr, parts)?,
            ExprKind::Ref(head, parts) => self.reference(head, parts)?,
            ExprKind::Call(name, arguments) => self.call(name, arguments)?,
            ExprKind::Infix(sign, left, right) => {
                self.infix(sign, left, right, in_parentheses, true)?;
            }
            ExprKind::In(key, value, domain) => {
                self.membership(key.as_deref(), value, domain, true)?;
            }
            ExprKind::Set(items) if items.is_empty() => self.put("set()"),
            ExprKind::Array(items) => self.bracketed("[]", &ones(items), place, true)?,
            ExprKind::Set(items) => self.bracketed("{}", &ones(items), place, true)?,
            ExprKind::Object(entries) => {
                let entries = entries.iter().map(|(key, value)| Item::Entry(key, value));
                self.bracketed("{}", &entries.collect::<Vec<_>>(), place, true)?;
            }
            ExprKind::ArrayComprehension(term, body) => {
                self.put("[");
                self.comprehension(term, term.span.start, body, place)?;
                self.put("]");
            }
            ExprKind::SetComprehension(term, body) => {
                self.put("{");
                self.comprehension(term, term.span.start, body, place)?;
                self.put("}");
            }
            ExprKind::ObjectComprehension(key, value, body) => {
                self.put("{");
                self.parenthesized(key, is_union(key))?;
                self.put(": ");
                self.comprehension(value, place.start, body, place)?;
                self.put("}");
            }
        }
        self.need_line();
        Ok(())
    }

    fn parenthesized(&mut self, expr: &Expr, is: bool) -> Done {
        if is {
            self.put("(");
        }
        let done = self.term(expr);
        if is {
            self.put(")");
        }
        done
    }

    /// `left + right`. `is_inner`: it is part of a term, and not a condition.
    pub fn infix(
        &mut self,
        sign: &str,
        left: &Expr,
        right: &Expr,
        in_parentheses: bool,
        is_inner: bool,
    ) -> Done {
        if in_parentheses {
            self.put("(");
        }
        if is_inner {
            self.operand(left, &left.span, true)?;
        } else {
            self.term(left)?;
        }
        self.put(&format!(" {sign} "));
        if is_inner {
            self.operand(right, &right.span, true)?;
        } else {
            // It stays as it is, if it must, and nothing is behind it.
            let _ = self.term(right);
        }
        if in_parentheses {
            self.put(")");
        }
        Ok(())
    }

    /// `key, value in domain`.
    pub fn membership(
        &mut self,
        key: Option<&Expr>,
        value: &Expr,
        domain: &Expr,
        is_inner: bool,
    ) -> Done {
        let in_parentheses = is_inner && key.is_some();
        if in_parentheses {
            self.put("(");
        }
        if let Some(key) = key {
            self.operand(key, &key.span, true)?;
            self.put(", ");
        }
        self.operand(value, &value.span, true)?;
        self.put(" in ");
        self.operand(domain, &domain.span, true)?;
        if in_parentheses {
            self.put(")");
        }
        Ok(())
    }

    pub fn call(&mut self, name: &Expr, arguments: &[Expr]) -> Done {
        match &name.kind {
            ExprKind::Ref(head, parts) => self.reference(head, parts)?,
            _ => self.put(self.slice(&name.span)),
        }
        // As in `opa fmt`, the place of a call is that of its name.
        self.arguments(arguments, &name.span, false)
    }

    pub fn arguments(&mut self, arguments: &[Expr], place: &Span, has_end: bool) -> Done {
        let items: Vec<Item<'_>> = arguments.iter().map(Item::Argument).collect();
        self.bracketed("()", &items, place, has_end)
    }

    pub fn reference(&mut self, head: &Expr, parts: &[Expr]) -> Done {
        let in_parentheses = self.slice(&head.span).starts_with('(');
        self.operand(head, &head.span, in_parentheses)?;
        for part in parts {
            match &part.kind {
                ExprKind::String(name) if self.is_bare(name, self.slice(&part.span)) => {
                    self.put(&format!(".{name}"));
                }
                ExprKind::String(name) => {
                    self.put(&format!("[{}]", golang::strconv::quote(name, false)));
                }
                ExprKind::Var(name) => self.put(&format!("[{name}]")),
                _ => {
                    self.put("[");
                    self.term(part)?;
                    self.put("]");
                }
            }
        }
        Ok(())
    }

    /// A list between brackets: in one line if all items are in one, else each line of items stays a line.
    /// Comments before its end are in it, if that is known.
    fn bracketed(
        &mut self,
        brackets: &str,
        items: &[Item<'_>],
        place: &Span,
        has_end: bool,
    ) -> Done {
        let (open, close) = brackets.split_at(1);
        self.put(open);
        let rows: Vec<u32> = items.iter().map(|it| self.row(it.first().span.start)).collect();
        let mut is_long = rows.windows(2).any(|it| it[0] < it[1]);
        let first = self.row(place.start);
        let last = if has_end { self.end_row(place.end) } else { 0 };
        if !is_long {
            if self.has_comment_between(first, last) {
                return Err(Unexpected);
            }
            is_long = items.first().is_some_and(|it| is_below(self, it.first(), place));
        }
        if is_long {
            self.begin_list();
        }
        for (at, item) in items.iter().enumerate() {
            if let Some(before) = at.checked_sub(1).and_then(|it| rows.get(it)) {
                if Some(before) < rows.get(at) {
                    self.put(",");
                    self.end_line();
                    self.start_line();
                } else {
                    self.put(", ");
                }
            }
            write_item(self, *item)?;
        }
        if is_long {
            self.put(",");
            self.end_line();
            self.comments_to(last)?;
            self.down();
            self.start_line();
        }
        self.put(close);
        Ok(())
    }

    /// `term | body`, without brackets. `at` is where the term counts as standing.
    fn comprehension(&mut self, term: &Expr, at: usize, body: &Body, place: &Span) -> Done {
        if self.row(at) > self.row(place.start) {
            self.end_line();
            self.start_line();
        }
        let is_call =
            matches!(term.kind, ExprKind::Infix(..) | ExprKind::In(..)) || named(term).is_some();
        let has_parentheses = self.slice(&term.span).starts_with('(');
        let start = at..term.span.end.max(at);
        self.operand(term, &start, is_call && (is_union(term) || has_parentheses))?;
        self.put(" |");
        self.inner_body(&body.literals, at, place, false)
    }

    /// The conditions of a comprehension and the like: in one line if they are in the line of `at`. `is_marked` as in `lines`.
    pub fn inner_body(
        &mut self,
        literals: &[Literal],
        at: usize,
        place: &Span,
        is_marked: bool,
    ) -> Done {
        let Some(first) = literals.first() else { return Ok(()) };
        let rows: Vec<u32> = literals.iter().map(|it| self.row(it.span.start)).collect();
        let is_long =
            self.row(first.span.start) > self.row(at) || rows.windows(2).any(|it| it[0] < it[1]);
        if is_long {
            self.end_line();
            self.up();
            self.lines(literals, is_marked)?;
        } else {
            self.put(" ");
            for (at, literal) in literals.iter().enumerate() {
                if at > 0 {
                    self.put("; ");
                }
                self.literal(literal, is_marked && at == 0)?;
            }
        }
        self.comments_to(self.end_row(place.end))?;
        if is_long {
            self.down();
            self.start_line();
        }
        Ok(())
    }
}

fn ones(items: &[Expr]) -> Vec<Item<'_>> {
    items.iter().map(Item::One).collect()
}

/// The text with its quotes, without parentheses around it.
fn quoted(text: &str) -> &str {
    let Some(start) = text.find(['"', '`']) else { return text };
    let quote = text.get(start..start + 1).unwrap_or_default();
    let end = text.rfind(quote).unwrap_or(start);
    text.get(start..=end).unwrap_or(text)
}

fn write_item(page: &mut Page<'_>, item: Item<'_>) -> Done {
    match item {
        Item::One(it) => page.parenthesized(it, is_union(it)),
        Item::Argument(it) => {
            let has_parentheses = page.slice(&it.span).starts_with('(');
            page.parenthesized(it, is_union(it) && has_parentheses)
        }
        Item::Entry(key, value) => {
            page.parenthesized(key, is_union(key))?;
            page.put(": ");
            page.parenthesized(value, is_union(value))
        }
    }
}

/// A line ends between the beginning of a list and its first item.
fn is_below(page: &Page<'_>, first: &Expr, place: &Span) -> bool {
    let text = page.slice(place);
    // As `opa fmt`: where the text of the item is found first.
    let at = text.find(page.slice(&first.span)).unwrap_or(0);
    text.get(..at).unwrap_or_default().find('\n').is_some_and(|it| it > 0)
}

fn template(page: &mut Page<'_>, expr: &Expr, parts: &[Part]) -> Done {
    let text = page.slice(&expr.span);
    let is_raw = text.trim_start_matches('(').starts_with("$`");
    let quote = if is_raw { "`" } else { "\"" };
    page.put("$");
    page.put(quote);
    for part in parts {
        match part {
            Part::Text(_, span) => page.put(page.slice(span)),
            Part::Value(value, _) => {
                page.put("{");
                page.up();
                page.literal(value, false)?;
                page.down();
                page.put("}");
            }
        }
    }
    page.put(quote);
    Ok(())
}
