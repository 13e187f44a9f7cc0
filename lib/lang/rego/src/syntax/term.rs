//! Terms and operators.

use super::parser::{Parsed, Parser};
use super::token::Kind;
use super::{Body, Expr, ExprKind, Part, Span};

/// Operators by how tightly they bind, loosest first.
const LEVELS: [&[&str]; 5] =
    [&["==", "!=", "<=", ">=", "<", ">"], &["|"], &["&"], &["+", "-"], &["*", "/", "%"]];
/// The level of `|`, which ends the head of a comprehension.
const UNION: usize = 1;

impl Parser<'_> {
    /// What a literal may be: also `x := y` and `x = y`.
    pub fn expression(&mut self) -> Parsed<Expr> {
        let start = self.token.start;
        let left = self.membership()?;
        let operator = match self.word() {
            ":=" => ":=",
            "=" => "=",
            _ => return Ok(left),
        };
        self.advance();
        let right = self.membership()?;
        Ok(self.expr(start, ExprKind::Infix(operator, Box::new(left), Box::new(right))))
    }

    /// A term, or `k, v in xs`, which needs no parentheses where no list goes on.
    fn membership(&mut self) -> Parsed<Expr> {
        let start = self.token.start;
        let first = self.term_or_infix()?;
        let at = self.last_end;
        if self.accept_sign(",") {
            let value = self.relation()?;
            if self.accept_word("in") {
                let domain = self.relation()?;
                let kind = ExprKind::In(Some(Box::new(first)), Box::new(value), Box::new(domain));
                return Ok(self.expr(start, kind));
            }
            self.resume(at);
        }
        Ok(first)
    }

    /// Operators, `in` the loosest of them.
    pub fn term_or_infix(&mut self) -> Parsed<Expr> {
        let start = self.token.start;
        let mut left = self.relation()?;
        while self.accept_word("in") {
            let right = self.relation()?;
            left = self.expr(start, ExprKind::In(None, Box::new(left), Box::new(right)));
        }
        Ok(left)
    }

    /// Operators without `in`.
    pub fn relation(&mut self) -> Parsed<Expr> {
        self.deeper(|it| it.level(0, true))
    }

    fn level(&mut self, level: usize, with_union: bool) -> Parsed<Expr> {
        let Some(signs) = LEVELS.get(level) else { return self.term() };
        if level == UNION && !with_union {
            return self.level(level + 1, with_union);
        }
        let start = self.token.start;
        let mut left = self.level(level + 1, with_union)?;
        loop {
            let word = self.word();
            let found = signs.iter().find(|it| **it == word);
            let Some(sign) = found.filter(|_| self.token.kind == Kind::Sign) else {
                return Ok(left);
            };
            self.advance();
            let right = self.level(level + 1, with_union)?;
            left = self.expr(start, ExprKind::Infix(sign, Box::new(left), Box::new(right)));
        }
    }

    /// A term with what follows it: `.name`, `[key]`, `(arguments)`.
    pub fn term(&mut self) -> Parsed<Expr> {
        self.deeper(|it| {
            let start = it.token.start;
            let head = it.head_of_term()?;
            it.follow(head, start)
        })
    }

    /// A name with what follows it.
    pub fn reference(&mut self) -> Parsed<Expr> {
        let start = self.token.start;
        let name = self.word().to_owned();
        self.advance();
        let head = self.expr(start, ExprKind::Var(name));
        self.deeper(|it| it.follow(head, start))
    }

    fn follow(&mut self, head: Expr, start: usize) -> Parsed<Expr> {
        let ends = matches!(
            head.kind,
            ExprKind::Null | ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::Infix(..)
        );
        let mut term = head;
        while !ends && self.token.start == self.last_end && self.token.kind == Kind::Sign {
            match self.word() {
                "." => {
                    self.advance();
                    if self.token.kind != Kind::Word || self.token.start != self.last_end {
                        return Err(self.unexpected("expected var"));
                    }
                    let at = self.token.start;
                    let name = self.word().to_owned();
                    self.advance();
                    let part = self.expr(at, ExprKind::String(name));
                    term = self.extend(term, part, start);
                }
                "[" => {
                    self.advance();
                    let part = self.term_or_infix()?;
                    self.expect_sign("]")?;
                    term = self.extend(term, part, start);
                }
                "(" if matches!(term.kind, ExprKind::Var(_) | ExprKind::Ref(..)) => {
                    self.advance();
                    let args = self.list(")")?;
                    let is_set = args.is_empty() && term.dotted().as_deref() == Some("set");
                    let call = ExprKind::Call(Box::new(term), args);
                    term = self.expr(start, if is_set { ExprKind::Set(Vec::new()) } else { call });
                }
                _ => break,
            }
        }
        Ok(term)
    }

    fn extend(&self, term: Expr, part: Expr, start: usize) -> Expr {
        let kind = match term.kind {
            ExprKind::Ref(head, mut parts) => {
                parts.push(part);
                ExprKind::Ref(head, parts)
            }
            kind => ExprKind::Ref(Box::new(Expr { span: term.span, kind }), vec![part]),
        };
        self.expr(start, kind)
    }

    fn expr(&self, start: usize, kind: ExprKind) -> Expr {
        Expr { span: start..self.last_end, kind }
    }

    fn head_of_term(&mut self) -> Parsed<Expr> {
        let start = self.token.start;
        let word = self.word();
        let kind = match self.token.kind {
            Kind::Number => return self.number(start),
            Kind::String => ExprKind::String(self.unquoted(start + 1..self.token.end - 1)?),
            Kind::RawString => ExprKind::String(word.trim_matches('`').to_owned()),
            Kind::Template | Kind::RawTemplate => return self.template(),
            Kind::Word if self.is_name() => ExprKind::Var(word.to_owned()),
            Kind::Word => match word {
                "null" => ExprKind::Null,
                "true" | "false" => ExprKind::Bool(word == "true"),
                _ => return Err(self.unexpected("")),
            },
            Kind::Sign => return self.bracketed(start),
            Kind::End | Kind::Illegal => return Err(self.unexpected("")),
        };
        self.advance();
        Ok(self.expr(start, kind))
    }

    fn number(&mut self, start: usize) -> Parsed<Expr> {
        let word = self.text.get(start..self.token.end).unwrap_or_default();
        let digits = word.trim_start_matches('-').as_bytes();
        let padded = digits.first() == Some(&b'0') && digits.get(1).is_some_and(u8::is_ascii_digit);
        if padded || digits.first() == Some(&b'.') {
            return Err(self.error_at(start, "illegal number format".into()));
        }
        self.advance();
        Ok(self.expr(start, ExprKind::Number(word.to_owned())))
    }

    fn bracketed(&mut self, start: usize) -> Parsed<Expr> {
        match self.word() {
            "-" => {
                self.advance();
                if self.token.kind != Kind::Number || self.token.start != self.last_end {
                    return Err(self.unexpected("expected number"));
                }
                self.number(start)
            }
            "(" => {
                self.advance();
                let inner = self.deeper(Self::in_parentheses)?;
                self.expect_sign(")")?;
                // The span has the parentheses, so that what is printed keeps them.
                Ok(self.expr(start, inner.kind))
            }
            "[" => self.array(start),
            "{" => self.braces(start),
            _ => Err(self.unexpected("")),
        }
    }

    /// `(x)`, `(k, v in xs)`.
    fn in_parentheses(&mut self) -> Parsed<Expr> {
        let start = self.token.start;
        let first = self.term_or_infix()?;
        if !self.accept_sign(",") {
            return Ok(first);
        }
        let value = self.relation()?;
        if !self.accept_word("in") {
            return Err(self.unexpected("expected in"));
        }
        let domain = self.relation()?;
        let kind = ExprKind::In(Some(Box::new(first)), Box::new(value), Box::new(domain));
        Ok(self.expr(start, kind))
    }

    /// Terms up to a bracket; a comma may stand behind the last.
    fn list(&mut self, close: &str) -> Parsed<Vec<Expr>> {
        let mut items = Vec::new();
        while !self.is_sign(close) {
            items.push(self.term_or_infix()?);
            if !self.accept_sign(",") {
                break;
            }
        }
        self.expect_sign(close)?;
        Ok(items)
    }

    fn array(&mut self, start: usize) -> Parsed<Expr> {
        self.advance();
        let at = self.last_end;
        if let Ok(head) = self.head_of_comprehension()
            && self.is_sign("|")
            && let Ok(body) = self.comprehension_body("]")
        {
            return Ok(self.expr(start, ExprKind::ArrayComprehension(Box::new(head), body)));
        }
        self.resume(at);
        let items = self.list("]")?;
        Ok(self.expr(start, ExprKind::Array(items)))
    }

    fn head_of_comprehension(&mut self) -> Parsed<Expr> {
        self.deeper(|it| {
            let start = it.token.start;
            let mut left = it.level(0, false)?;
            while it.accept_word("in") {
                let right = it.level(0, false)?;
                left = it.expr(start, ExprKind::In(None, Box::new(left), Box::new(right)));
            }
            Ok(left)
        })
    }

    fn comprehension_body(&mut self, close: &str) -> Parsed<Body> {
        self.expect_sign("|")?;
        let body = self.deeper(|it| it.literals(Some(close)))?;
        if body.literals.is_empty() {
            return Err(self.unexpected("expected body"));
        }
        self.expect_sign(close)?;
        Ok(body)
    }

    fn braces(&mut self, start: usize) -> Parsed<Expr> {
        self.advance();
        if self.accept_sign("}") {
            return Ok(self.expr(start, ExprKind::Object(Vec::new())));
        }
        let at = self.last_end;
        if let Some(comprehension) = self.braces_comprehension(start) {
            return Ok(comprehension);
        }
        self.resume(at);
        let first = self.term_or_infix()?;
        if self.is_sign(":") {
            return self.object(start, first);
        }
        let mut items = vec![first];
        if self.accept_sign(",") {
            items.extend(self.list("}")?);
        } else {
            self.expect_sign("}")?;
        }
        Ok(self.expr(start, ExprKind::Set(items)))
    }

    fn braces_comprehension(&mut self, start: usize) -> Option<Expr> {
        let head = self.head_of_comprehension().ok()?;
        if self.is_sign("|") {
            let body = self.comprehension_body("}").ok()?;
            return Some(self.expr(start, ExprKind::SetComprehension(Box::new(head), body)));
        }
        self.accept_sign(":").then_some(())?;
        let value = self.head_of_comprehension().ok()?;
        self.is_sign("|").then_some(())?;
        let body = self.comprehension_body("}").ok()?;
        let kind = ExprKind::ObjectComprehension(Box::new(head), Box::new(value), body);
        Some(self.expr(start, kind))
    }

    fn object(&mut self, start: usize, first: Expr) -> Parsed<Expr> {
        let mut entries = Vec::new();
        let mut key = first;
        loop {
            self.expect_sign(":")?;
            let value = self.term_or_infix()?;
            entries.push((key, value));
            if !self.accept_sign(",") || self.is_sign("}") {
                break;
            }
            key = self.term_or_infix()?;
        }
        self.expect_sign("}")?;
        Ok(self.expr(start, ExprKind::Object(entries)))
    }

    /// The text between quotes, as JSON reads it.
    fn unquoted(&self, span: Span) -> Parsed<String> {
        let at = span.start;
        let inner = self.text.get(span).unwrap_or_default();
        serde_json::from_str(&format!("\"{}\"", inner.replace('\t', "\\t")))
            .map_err(|_| self.error_at(at, "illegal string escape".into()))
    }

    fn template(&mut self) -> Parsed<Expr> {
        let start = self.token.start;
        let is_raw = self.token.kind == Kind::RawTemplate;
        let quote = if is_raw { b'`' } else { b'"' };
        let mut at = self.token.end;
        let mut parts = Vec::new();
        loop {
            let end = self.template_text_end(at, quote, is_raw)?;
            if end > at {
                let text = self.template_text(at..end, is_raw)?;
                parts.push(Part::Text(text, at..end));
            }
            if self.byte_at(end) == Some(quote) {
                self.resume(end + 1);
                return Ok(self.expr(start, ExprKind::Template(parts)));
            }
            self.resume(end + 1);
            if self.is_sign("}") {
                let message = "invalid template-string expression".to_owned();
                return Err(self.error_at(end, message));
            }
            let value = self.deeper(Self::literal)?;
            if !self.is_sign("}") {
                return Err(self.unexpected("expected }"));
            }
            at = self.token.end;
            parts.push(Part::Value(Box::new(value), end..at));
        }
    }

    /// Where the next brace or the closing quote stands.
    fn template_text_end(&self, from: usize, quote: u8, is_raw: bool) -> Parsed<usize> {
        let mut at = from;
        loop {
            match self.byte_at(at) {
                Some(b'\\') if !is_raw || self.byte_at(at + 1) == Some(b'{') => at += 2,
                Some(b'{') => return Ok(at),
                Some(byte) if byte == quote => return Ok(at),
                Some(b'\n') if !is_raw => break,
                None => break,
                Some(_) => at += 1,
            }
        }
        Err(self.error_at(from, "non-terminated string".into()))
    }

    fn template_text(&self, span: Span, is_raw: bool) -> Parsed<String> {
        let at = span.start;
        let inner = self.text.get(span).unwrap_or_default().replace("\\{", "{");
        if is_raw {
            return Ok(inner);
        }
        serde_json::from_str(&format!("\"{inner}\""))
            .map_err(|_| self.error_at(at, "illegal string escape".into()))
    }
}
