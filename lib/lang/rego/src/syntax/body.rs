//! Bodies and their literals.

use super::parser::{Parsed, Parser};
use super::token::Kind;
use super::{Body, Expr, ExprKind, Literal, LiteralKind, Operand, Span, With};

impl Parser<'_> {
    /// `{ literals }`.
    pub fn braced_body(&mut self) -> Parsed<Body> {
        let start = self.token.start;
        self.expect_sign("{")?;
        if self.is_sign("}") {
            return Err(self.error_at(start, "found empty body".into()));
        }
        let mut body = self.deeper(|it| it.literals(Some("}")))?;
        self.expect_sign("}")?;
        body.span = start..self.last_end;
        Ok(body)
    }

    fn is_at(&self, close: Option<&str>) -> bool {
        match close {
            Some(sign) => self.is_sign(sign),
            None => self.token.kind == Kind::End,
        }
    }

    /// Literals up to a bracket, or to the end.
    pub fn literals(&mut self, close: Option<&str>) -> Parsed<Body> {
        let start = self.token.start;
        let mut literals = Vec::new();
        loop {
            while self.accept_sign(";") {}
            if self.is_at(close) {
                return Ok(Body { span: start..self.last_end.max(start), literals });
            }
            literals.push(self.literal()?);
            if !self.is_at(close) && !self.is_sign(";") && !self.token.on_new_line {
                let close = close.unwrap_or("eof");
                return Err(self.unexpected(&format!("expected \\n or ; or {close}")));
            }
        }
    }

    /// One literal with its `with`.
    pub fn literal(&mut self) -> Parsed<Literal> {
        let start = self.token.start;
        let kind = self.disjunction()?;
        let with = self.with_clauses()?;
        Ok(Literal { span: start..self.last_end, kind, with })
    }

    fn with_clauses(&mut self) -> Parsed<Vec<With>> {
        let mut with = Vec::new();
        while self.is_word("with") && !self.is_name() {
            let start = self.token.start;
            self.advance();
            let target = self.term()?;
            if !self.accept_word("as") {
                return Err(self.unexpected("expected as keyword"));
            }
            let value = self.term_or_infix()?;
            with.push(With { span: start..self.last_end, target, value });
        }
        Ok(with)
    }

    /// `a or b and c`.
    fn disjunction(&mut self) -> Parsed<LiteralKind> {
        let start = self.token.start;
        let first = self.conjunction()?;
        if !self.is_word("or") {
            return Ok(first);
        }
        let mut operands = vec![operand(first, start..self.last_end)];
        while self.accept_word("or") {
            let start = self.token.start;
            let next = self.conjunction()?;
            operands.push(operand(next, start..self.last_end));
        }
        Ok(LiteralKind::Logic { is_and: false, operands })
    }

    fn conjunction(&mut self) -> Parsed<LiteralKind> {
        let start = self.token.start;
        let first = self.unit()?;
        if !self.is_word("and") {
            return Ok(match first {
                Unit::Literal(kind) => kind,
                // One operand in braces: `or` follows, or nothing.
                Unit::Body(body) => {
                    let span = start..self.last_end;
                    let operands = vec![Operand { span, body, in_braces: true }];
                    LiteralKind::Logic { is_and: true, operands }
                }
            });
        }
        let mut operands = vec![self.operand_of(first, start)];
        while self.accept_word("and") {
            let start = self.token.start;
            let next = self.unit()?;
            operands.push(self.operand_of(next, start));
        }
        Ok(LiteralKind::Logic { is_and: true, operands })
    }

    fn operand_of(&self, unit: Unit, start: usize) -> Operand {
        let span = start..self.last_end;
        match unit {
            Unit::Body(body) => Operand { span, body, in_braces: true },
            Unit::Literal(kind) => operand(kind, span),
        }
    }

    fn unit(&mut self) -> Parsed<Unit> {
        let logic = self.future.and || self.future.or;
        let at = self.last_end;
        if logic && self.is_sign("{") {
            match self.braced_body() {
                Ok(body) if self.ends_operand() => return Ok(Unit::Body(body)),
                _ => self.resume(at),
            }
        }
        if logic && self.is_sign("(") {
            match self.grouped() {
                Ok(body) if self.ends_operand() => return Ok(Unit::Body(body)),
                _ => self.resume(at),
            }
        }
        self.simple().map(Unit::Literal)
    }

    /// `( a or b )`, `( a with input as b )`: a body of one literal. Anything else in parentheses is an expression.
    fn grouped(&mut self) -> Parsed<Body> {
        let start = self.token.start;
        self.expect_sign("(")?;
        let literal = self.deeper(Self::literal)?;
        // A brace alone is that of a set.
        let is_term = match &literal.kind {
            LiteralKind::Expr(_) => true,
            LiteralKind::Logic { operands, .. } => {
                matches!(operands.as_slice(), [one] if self.byte_at(one.span.start) == Some(b'{'))
            }
            _ => false,
        };
        if is_term && literal.with.is_empty() {
            return Err(self.unexpected(""));
        }
        self.expect_sign(")")?;
        Ok(Body { span: start..self.last_end, literals: vec![literal] })
    }

    fn ends_operand(&self) -> bool {
        let closes = ["}", "]", ")", ";"].iter().any(|it| self.is_sign(it));
        let follows = ["and", "or", "with"].iter().any(|it| self.is_word(it));
        closes || follows || self.token.on_new_line || self.token.kind == Kind::End
    }

    fn simple(&mut self) -> Parsed<LiteralKind> {
        if self.is_name() {
            return self.expression().map(LiteralKind::Expr);
        }
        if self.is_word("not") {
            return self.negation();
        }
        if self.is_word("some") {
            return self.some();
        }
        if self.is_word("every") {
            return self.every();
        }
        self.expression().map(LiteralKind::Expr)
    }

    fn negation(&mut self) -> Parsed<LiteralKind> {
        self.advance();
        if !self.future.not_body {
            return self.expression().map(LiteralKind::Not);
        }
        let at = self.last_end;
        if self.is_sign("{") {
            match self.braced_body() {
                Ok(body) if self.ends_operand() => return Ok(LiteralKind::NotBody(body)),
                _ => self.resume(at),
            }
        }
        if self.is_sign("(") && (self.future.and || self.future.or) {
            match self.grouped() {
                Ok(body) if self.ends_operand() => return Ok(LiteralKind::NotBody(body)),
                _ => self.resume(at),
            }
        }
        self.expression().map(LiteralKind::Not)
    }

    fn some(&mut self) -> Parsed<LiteralKind> {
        self.advance();
        let first = self.term()?;
        if self.accept_word("in") {
            let domain = self.relation()?;
            return Ok(LiteralKind::SomeIn { key: None, value: first, domain });
        }
        let mut names = vec![first];
        while self.accept_sign(",") {
            names.push(self.term()?);
        }
        if names.len() == 2 && self.accept_word("in") {
            let domain = self.relation()?;
            let mut names = names.into_iter();
            let key = names.next();
            if let Some(value) = names.next() {
                return Ok(LiteralKind::SomeIn { key, value, domain });
            }
            return Err(self.unexpected("expected var"));
        }
        let names = names.iter().map(|it| self.name_of(it)).collect::<Parsed<_>>()?;
        Ok(LiteralKind::Some(names))
    }

    fn name_of(&self, expr: &Expr) -> Parsed<(String, Span)> {
        match &expr.kind {
            ExprKind::Var(name) => Ok((name.clone(), expr.span.clone())),
            _ => Err(self.error_at(expr.span.start, "expected var".into())),
        }
    }

    fn every(&mut self) -> Parsed<LiteralKind> {
        self.advance();
        let first = self.term()?;
        let mut key = None;
        let mut value = self.name_of(&first)?;
        if self.accept_sign(",") {
            let second = self.term()?;
            key = Some(value);
            value = self.name_of(&second)?;
        }
        if !self.accept_word("in") {
            return Err(self.unexpected("expected `x[, y] in xs { ... }` expression"));
        }
        let domain = self.relation()?;
        let body = self.braced_body()?;
        Ok(LiteralKind::Every { key, value, domain, body })
    }
}

enum Unit {
    Literal(LiteralKind),
    Body(Body),
}

fn operand(kind: LiteralKind, span: Span) -> Operand {
    // `{ ... }` alone came as an operand already.
    if let LiteralKind::Logic { is_and: true, operands } = &kind
        && let [one] = operands.as_slice()
    {
        return one.clone();
    }
    let literal = Literal { span: span.clone(), kind, with: Vec::new() };
    let body = Body { span: span.clone(), literals: vec![literal] };
    Operand { span, body, in_braces: false }
}
