//! Bodies and their conditions.

use super::page::{Done, Page};
use super::terms::{is_union, member, named};
use crate::syntax::{Body, Expr, ExprKind, Literal, LiteralKind, Operand, Span, With};

/// The only condition is a set, which without braces around it would be a body.
pub fn is_set(body: &Body) -> bool {
    match body.literals.as_slice() {
        [Literal { kind: LiteralKind::Expr(it), .. }] => matches!(it.kind, ExprKind::Set(_)),
        _ => false,
    }
}

/// It begins with a brace, as a body does.
fn leads_with_brace(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Set(items) => !items.is_empty(),
        ExprKind::Object(_)
        | ExprKind::SetComprehension(..)
        | ExprKind::ObjectComprehension(..) => true,
        ExprKind::Ref(head, _) => leads_with_brace(head),
        ExprKind::Infix(_, left, _) => leads_with_brace(left),
        ExprKind::In(None, value, _) => leads_with_brace(value),
        _ => false,
    }
}

impl Page<'_> {
    /// The body of a rule behind its head, which ends in the row `head_end`.
    pub fn rule_body(&mut self, body: &Body, uses_if: bool, head_end: u32, is_first: bool) {
        let Some(first) = body.literals.first() else { return };
        if uses_if {
            self.put(" if");
            let is_beside = self.row(first.span.start) == head_end;
            if body.literals.len() == 1 && is_beside && !is_set(body) {
                self.put(" ");
                condition(self, first, false);
                return self.end_line();
            }
        }
        self.put(" {");
        self.end_line();
        self.up();
        // At the brace of a rule a union would be a comprehension.
        let is_marked = uses_if && is_first;
        let _ = self.lines(&body.literals, is_marked);
        let _ = self.comments_to(self.end_row(body.span.end));
        self.down();
        self.start_line();
        self.put("}");
    }

    /// A line for each condition, with the empty lines of the author. `is_marked`: a union at the beginning needs
    /// parentheses.
    pub fn lines(&mut self, literals: &[Literal], is_marked: bool) -> Done {
        let mut before: Option<&Literal> = None;
        for literal in literals {
            let row = self.row(literal.span.start);
            match before {
                None => self.comments_to(row)?,
                Some(before) if row > self.end_row(before.span.end) + 1 => self.blank_line(),
                Some(_) => {}
            }
            self.start_line();
            condition(self, literal, is_marked && before.is_none());
            self.end_line();
            before = Some(literal);
        }
        Ok(())
    }

    /// `is_marked`: a union at its beginning needs parentheses.
    pub fn literal(&mut self, literal: &Literal, is_marked: bool) -> Done {
        self.comments_to(self.row(literal.span.start))?;
        self.need_line();
        match &literal.kind {
            LiteralKind::Expr(it) => self.statement(it, is_marked)?,
            LiteralKind::Not(it) => {
                let in_parentheses = self.negates_bodies && leads_with_brace(it);
                self.put(if in_parentheses { "not (" } else { "not " });
                self.statement(it, false)?;
                if in_parentheses {
                    self.put(")");
                }
            }
            LiteralKind::NotBody(body) => {
                self.put("not ");
                operand_body(self, body, &literal.span)?;
            }
            LiteralKind::Logic { operands, .. } if operands.len() == 1 => {
                // `(a or b)` alone needs no parentheses.
                for inner in operands.iter().flat_map(|it| &it.body.literals) {
                    self.literal(inner, is_marked)?;
                }
            }
            LiteralKind::Some(names) => {
                self.put("some ");
                let mut row = self.row(literal.span.start);
                for (at, (name, span)) in names.iter().enumerate() {
                    let own = self.row(span.start);
                    if at > 0 {
                        self.put(",");
                    }
                    if own > row {
                        self.end_line();
                        self.start_line();
                        self.put("\t");
                        row = own;
                    } else if at > 0 {
                        self.put(" ");
                    }
                    self.comments_to(own)?;
                    self.put(name);
                }
            }
            LiteralKind::SomeIn { key, value, domain } => {
                self.put("some ");
                self.membership(key.as_ref(), value, domain, false)?;
            }
            LiteralKind::Every { key, value, domain, body } => {
                self.put("every ");
                if let Some((name, _)) = key {
                    self.put(&format!("{name}, "));
                }
                self.put(&format!("{} in ", value.0));
                self.term(domain)?;
                self.put(" {");
                self.inner_body(&body.literals, literal.span.start, &body.span, false)?;
                let row = self.row(literal.span.start);
                let is_beside = |it: &Literal| self.row(it.span.start) == row;
                if matches!(body.literals.as_slice(), [one] if is_beside(one)) {
                    self.put(" ");
                }
                self.put("}");
            }
            LiteralKind::Logic { is_and, operands } => logic(self, *is_and, operands, is_marked)?,
        }
        with(self, literal)
    }

    fn statement(&mut self, expr: &Expr, is_marked: bool) -> Done {
        let operator = match &expr.kind {
            ExprKind::Infix(sign, left, right) => Some((*sign, &**left, &**right)),
            _ => named(expr),
        };
        if let Some((sign, left, right)) = operator {
            if is_marked && is_union(expr) {
                return self.infix(sign, left, right, true, false);
            }
            if is_marked && is_union(left) {
                self.put("(");
                self.term(left)?;
                self.put(&format!(") {sign} "));
                let _ = self.term(right);
                return Ok(());
            }
            return self.infix(sign, left, right, false, false);
        }
        if let Some((key, value, domain)) = member(expr) {
            return self.membership(key, value, domain, false);
        }
        match &expr.kind {
            ExprKind::In(key, value, domain) => {
                self.membership(key.as_deref(), value, domain, false)
            }
            ExprKind::Call(name, arguments) => self.call(name, arguments),
            _ => self.term(expr),
        }
    }
}

fn with(page: &mut Page<'_>, literal: &Literal) -> Done {
    let Some(first) = literal.with.first() else { return Ok(()) };
    let mut row = page.end_row(first.span.start);
    let mut is_up = false;
    for (at, with) in literal.with.iter().enumerate() {
        let own = page.row(with.span.start);
        let is_below = own > row;
        if is_below {
            if !is_up {
                page.up();
                is_up = true;
            }
            page.end_line();
            page.start_line();
        }
        if is_below || at == 0 {
            row = own;
        }
        one_with(page, with, is_below)?;
    }
    if is_up {
        page.down();
    }
    Ok(())
}

fn one_with(page: &mut Page<'_>, with: &With, is_below: bool) -> Done {
    page.comments_to(page.row(with.span.start))?;
    page.put(if is_below { "with " } else { " with " });
    page.term(&with.target)?;
    page.put(" as ");
    // It stays as it is, if it must.
    let _ = page.term(&with.value);
    Ok(())
}

/// `a and b`, over several lines if it was.
fn logic(page: &mut Page<'_>, is_and: bool, operands: &[Operand], is_marked: bool) -> Done {
    let word = if is_and { " and" } else { " or" };
    let mut is_up = false;
    let mut end = None;
    for (at, operand) in operands.iter().enumerate() {
        if let Some(end) = end {
            page.put(word);
            if page.row(operand.span.start) > end {
                if !is_up {
                    page.up();
                    is_up = true;
                }
                page.end_line();
                page.start_line();
            } else {
                page.put(" ");
            }
        }
        logic_operand(page, operand, is_and, at, is_marked && at == 0)?;
        end = Some(page.end_row(operand.span.end));
    }
    if is_up {
        page.down();
    }
    Ok(())
}

fn logic_operand(
    page: &mut Page<'_>,
    operand: &Operand,
    is_and: bool,
    at: usize,
    is_marked: bool,
) -> Done {
    if operand.in_braces && !page.slice(&operand.body.span).starts_with('(') {
        return operand_body(page, &operand.body, &operand.span);
    }
    let Some(literal) = operand.body.literals.first() else { return Ok(()) };
    let in_parentheses = !literal.with.is_empty()
        || match &literal.kind {
            LiteralKind::Logic { is_and: inner, .. } => match (is_and, inner) {
                (true, false) => true,
                (false, true) => false,
                _ => at > 0,
            },
            LiteralKind::Expr(it) => leads_with_brace(it),
            _ => false,
        };
    if in_parentheses {
        page.put("(");
    }
    page.literal(literal, is_marked && !in_parentheses)?;
    if in_parentheses {
        page.put(")");
    }
    Ok(())
}

/// `{ ... }` or `( ... )` of `not`, `and` and `or`.
fn operand_body(page: &mut Page<'_>, body: &Body, place: &Span) -> Done {
    let in_parentheses = page.slice(&body.span).starts_with('(');
    if in_parentheses {
        page.put("(");
        if let Some(literal) = body.literals.first() {
            page.literal(literal, false)?;
        }
        page.put(")");
        return Ok(());
    }
    let start = body.span.start;
    let row = page.row(place.start.max(start));
    page.put("{");
    page.inner_body(&body.literals, start, &body.span, true)?;
    if body.literals.last().is_some_and(|it| page.row(it.span.start) == row) {
        page.put(" ");
    }
    page.put("}");
    Ok(())
}

/// A condition, as it is if comments ask for that.
fn condition(page: &mut Page<'_>, literal: &Literal, is_marked: bool) {
    let mark = page.mark();
    if page.literal(literal, is_marked).is_err() {
        page.as_it_is(mark, &literal.span);
    }
}
