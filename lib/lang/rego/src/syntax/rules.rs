//! Modules: package, imports, rules.

use super::parser::{Future, Parsed, Parser};
use super::token::{self, Kind};
use super::visit;
use super::{Body, Else, Expr, ExprKind, Head, Import, Module, Rule, Span};

impl Parser<'_> {
    pub fn module(mut self) -> Parsed<Module> {
        if self.token.kind == Kind::End {
            return Err(self.error_at(0, "empty module".into()));
        }
        let start = self.token.start;
        if !self.accept_word("package") {
            return Err(self.error_at(start, "package expected".into()));
        }
        let package = self.path()?;
        let package_span = start..self.last_end;
        let mut imports = Vec::new();
        let mut rules = Vec::new();
        while self.token.kind != Kind::End {
            if self.accept_sign(";") {
                continue;
            }
            if self.is_word("import") && !self.is_name() {
                let import = self.import()?;
                self.switch(&import)?;
                imports.push(import);
            } else {
                rules.push(self.rule()?);
            }
        }
        let comments = comments(self.text);
        Ok(Module { package, package_span, imports, rules, comments, is_v1: self.is_v1 })
    }

    /// `a.b["c"]`, where keywords are names behind the first dot.
    fn path(&mut self) -> Parsed<Vec<String>> {
        let at = self.token.start;
        if self.token.kind != Kind::Word {
            return Err(self.unexpected("expected ident"));
        }
        let reference = self.reference()?;
        if reference.dotted().is_none() {
            return Err(self.error_at(at, "path elements must be strings".into()));
        }
        Ok(reference.constant_path().into_iter().map(str::to_owned).collect())
    }

    fn import(&mut self) -> Parsed<Import> {
        let start = self.token.start;
        self.advance();
        let path = self.path()?;
        let mut alias = None;
        if self.accept_word("as") {
            if self.token.kind != Kind::Word {
                return Err(self.unexpected("expected var"));
            }
            alias = Some(self.word().to_owned());
            self.advance();
        }
        let root = path.first().map_or("", String::as_str);
        if !matches!(root, "data" | "input" | "rego" | "future") {
            let must =
                "unexpected import path, must begin with one of: {data, future, input, rego}";
            return Err(self.error_at(start, format!("{must}, got: {root}")));
        }
        Ok(Import { span: start..self.last_end, path, alias })
    }

    /// What `import future.keywords...` and `import rego.v...` switch on.
    fn switch(&mut self, import: &Import) -> Parsed<()> {
        let parts: Vec<&str> = import.path.iter().map(String::as_str).collect();
        let on = &mut self.future;
        match parts.as_slice() {
            ["rego", "v1"] => {
                *on = on.v1();
                self.is_v1 = true;
            }
            ["rego", "v2"] => {
                *on = on.v2();
                self.is_v1 = true;
            }
            ["future", "keywords"] => *on = on.v1(),
            ["future", "keywords", "in"] => on.in_ = true,
            ["future", "keywords", "every"] => *on = Future { every: true, in_: true, ..*on },
            ["future", "keywords", "if"] => on.if_ = true,
            ["future", "keywords", "contains"] => on.contains = true,
            ["future", "keywords", "not"] => on.not_body = true,
            ["future", "keywords", "and"] => on.and = true,
            ["future", "keywords", "or"] => on.or = true,
            ["future" | "rego", ..] => {
                let what = match parts.first() {
                    Some(&"future") => {
                        "unexpected keyword, must be one of: {and, contains, every, if, in, not, or}"
                    }
                    _ => "invalid import, must be `rego.v1`",
                };
                return Err(self.error_at(import.span.start, what.to_owned()));
            }
            _ => {}
        }
        Ok(())
    }

    fn rule(&mut self) -> Parsed<Rule> {
        let start = self.token.start;
        let is_default = self.is_word("default") && !self.is_name();
        if is_default {
            self.advance();
        }
        let head = self.head(is_default)?;
        let span = start..self.last_end;
        let mut rule = Rule { span, is_default, head, bodies: Vec::new(), otherwise: Vec::new() };
        if is_default {
            if rule.head.value.is_none() {
                return Err(self.unexpected("expected default rule value"));
            }
            if let Some(what) = rule.head.value.as_ref().and_then(not_constant) {
                let why = format!("illegal default rule (value cannot contain {what})");
                return Err(self.error_at(start, why));
            }
            return Ok(rule);
        }
        let body = self.rule_body()?;
        let has_body = body.is_some();
        rule.bodies.extend(body);
        if has_body || rule.head.value.is_some() {
            while let Some(otherwise) = self.otherwise()? {
                rule.otherwise.push(otherwise);
            }
        }
        while has_body && rule.otherwise.is_empty() && !self.is_v1 && self.is_sign("{") {
            rule.bodies.push(self.braced_body()?);
        }
        rule.span.end = self.last_end;
        self.check_head(&rule)?;
        Ok(rule)
    }

    fn head(&mut self, is_default: bool) -> Parsed<Head> {
        let start = self.token.start;
        if !self.is_name() {
            return Err(self.unexpected("expected rule head name"));
        }
        let mut reference = self.reference()?;
        let mut args = None;
        if let ExprKind::Call(name, given) = reference.kind {
            reference = *name;
            args = Some(given);
        }
        let span = start..self.last_end;
        let mut head = Head { span, reference, args, key: None, value: None, assigns: false };
        if self.is_word("contains") && !is_default {
            self.advance();
            head.key = Some(self.term_or_infix()?);
        } else if !is_default {
            self.v0_key(&mut head);
        }
        if self.is_sign(":=") || self.is_sign("=") {
            head.assigns = self.is_sign(":=");
            self.advance();
            head.value = Some(self.term_or_infix()?);
        }
        head.span.end = self.last_end;
        Ok(head)
    }

    /// `p[x] { ... }` of v0 is a partial set: the last part of the name is its key.
    fn v0_key(&mut self, head: &mut Head) {
        let has_value = self.is_sign(":=") || self.is_sign("=");
        if self.is_v1 || head.args.is_some() || has_value || self.is_word("if") {
            return;
        }
        let bracketed = self.byte_at(head.reference.span.end.saturating_sub(1)) == Some(b']');
        let ExprKind::Ref(name, parts) = &mut head.reference.kind else { return };
        if bracketed && parts.len() == 1 {
            head.key = parts.pop();
            let name = (**name).clone();
            head.reference = name;
        }
    }

    /// `if literal`, `if { ... }`, `{ ... }`.
    fn rule_body(&mut self) -> Parsed<Option<Body>> {
        if self.accept_word("if") {
            return self.body_behind_if().map(Some);
        }
        if !self.is_sign("{") {
            return Ok(None);
        }
        if self.is_v1 {
            let message = "`if` keyword is required before rule body";
            return Err(self.error_at(self.token.start, message.into()));
        }
        self.braced_body().map(Some)
    }

    fn body_behind_if(&mut self) -> Parsed<Body> {
        if self.is_sign("{") {
            // A set or an object may stand here instead of a body; the body is tried first, but for a comprehension, which
            // would be a union.
            let at = self.last_end;
            if let Some(literal) = self.comprehension_behind_if() {
                return Ok(literal);
            }
            match self.braced_body() {
                Ok(body) if !self.goes_on() => return Ok(body),
                Ok(_) => self.resume(at),
                Err(error) => {
                    self.resume(at);
                    return self.single_literal().map_err(|_| error);
                }
            }
        }
        self.single_literal()
    }

    /// `if {x | x := input.a[_]}`.
    fn comprehension_behind_if(&mut self) -> Option<Body> {
        let at = self.last_end;
        let is_comprehension = |it: &Expr| {
            matches!(it.kind, ExprKind::SetComprehension(..) | ExprKind::ObjectComprehension(..))
        };
        if self.term().is_ok_and(|it| is_comprehension(&it)) {
            self.resume(at);
            if let Ok(body) = self.single_literal() {
                return Some(body);
            }
        }
        self.resume(at);
        None
    }

    fn single_literal(&mut self) -> Parsed<Body> {
        let literal = self.literal()?;
        Ok(Body { span: literal.span.clone(), literals: vec![literal] })
    }

    /// Behind a brace: an operator on the same line, so that what stood before was no body.
    fn goes_on(&self) -> bool {
        let sign = self.token.kind == Kind::Sign && token::operator_name(self.word()).is_some();
        let word = ["in", "and", "or", "with"].iter().any(|it| self.is_word(it));
        !self.token.on_new_line && (sign || word)
    }

    fn otherwise(&mut self) -> Parsed<Option<Else>> {
        let start = self.token.start;
        if !self.is_word("else") || self.is_name() {
            return Ok(None);
        }
        self.advance();
        let mut value = None;
        if self.accept_sign(":=") || self.accept_sign("=") {
            value = Some(self.term_or_infix()?);
        }
        let body = self.rule_body()?;
        if body.is_none() && value.is_none() {
            return Err(self.unexpected("expected else value term or rule body"));
        }
        let body = body.unwrap_or_default();
        Ok(Some(Else { span: start..self.last_end, value, body }))
    }

    fn check_head(&self, rule: &Rule) -> Parsed<()> {
        let head = &rule.head;
        let bare = rule.bodies.is_empty() && head.value.is_none() && head.key.is_none();
        if bare && head.args.is_none() && matches!(head.reference.kind, ExprKind::Var(_)) {
            let message = "var cannot be used for rule name".to_owned();
            return Err(self.error_at(rule.span.start, message));
        }
        Ok(())
    }
}

/// All comments; the lexer passes over strings.
fn comments(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        let token = token::next(text, at);
        let mut gap = at;
        while let Some(before) = text.get(gap..token.start).and_then(|it| it.find('#')) {
            let start = gap + before;
            let end = token::line_end(text.as_bytes(), start);
            found.push(start..end);
            gap = end.max(start + 1);
        }
        match token.kind {
            Kind::End => return found,
            Kind::Template | Kind::RawTemplate => at = template_end(text, token),
            _ => at = token.end.max(at + 1),
        }
    }
}

/// Behind the closing quote of a template string; good enough to find comments.
fn template_end(text: &str, token: token::Token) -> usize {
    let quote = if token.kind == Kind::Template { b'"' } else { b'`' };
    let bytes = text.as_bytes();
    let mut at = token.end;
    let mut depth = 0_usize;
    loop {
        match bytes.get(at) {
            None => return at,
            Some(b'\\') => at += 1,
            Some(b'{') => depth += 1,
            Some(b'}') => depth = depth.saturating_sub(1),
            Some(byte) if *byte == quote && depth == 0 => return at + 1,
            Some(_) => {}
        }
        at += 1;
    }
}

/// What makes a value depend on something else; comprehensions may.
fn not_constant(value: &Expr) -> Option<&'static str> {
    match &value.kind {
        ExprKind::Var(_) => Some("var"),
        ExprKind::Ref(..) => Some("ref"),
        ExprKind::Call(..) | ExprKind::Infix(..) | ExprKind::In(..) => Some("call"),
        _ => visit::children(value).into_iter().find_map(not_constant),
    }
}
