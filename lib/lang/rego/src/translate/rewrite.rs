//! The walk that finds what has to be changed. Openings are noted on the way down, closings on the way up, so that
//! changes at one byte stand in the right order.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::edits::Edits;
use super::{MOCK_PACKAGE, World, is_keyword, last_argument, mock_name};
use crate::annotations::Metadata;
use crate::builtins::{operators, signatures};
use crate::syntax::{
    self, Body, Expr, ExprKind, Literal, LiteralKind, Module, Operand, Part, Rule,
};
use crate::syntax::{token, visit};

pub struct Rewrite<'a> {
    text: &'a str,
    world: &'a World,
    pub edits: Edits,
    /// Of the rule that is being walked.
    pub metadata: Option<Metadata>,
    package: String,
    /// Names of rules of the package.
    rules: Option<&'a BTreeSet<String>>,
    /// Those that have to be written out in full.
    qualified: BTreeSet<String>,
    templates: usize,
    /// Negated conditions are evaluated within their `not`.
    negates_bodies: bool,
}

impl<'a> Rewrite<'a> {
    pub fn new(text: &'a str, world: &'a World) -> Self {
        let edits = Edits::default();
        let (package, qualified) = (String::new(), BTreeSet::new());
        let negates_bodies = false;
        Self {
            text,
            world,
            edits,
            metadata: None,
            package,
            rules: None,
            qualified,
            templates: 0,
            negates_bodies,
        }
    }

    /// In which package the text stands. `all`: it moves to another package, so its rules have to be written out.
    pub fn set_package(&mut self, module: &Module, names: Option<&'a BTreeSet<String>>, all: bool) {
        self.rules = names;
        self.negates_bodies = module.negates_bodies();
        "data".clone_into(&mut self.package);
        for part in &module.package {
            let _ = write!(self.package, "[{}]", serde_json::Value::from(part.as_str()));
        }
        let names = names.into_iter().flatten();
        self.qualified = names.filter(|it| all || is_keyword(it)).cloned().collect();
    }

    pub fn rule(&mut self, rule: &Rule) {
        let locals = visit::locals(rule);
        let shadowed: Vec<String> =
            self.qualified.iter().filter(|it| locals.contains(*it)).cloned().collect();
        for name in &shadowed {
            self.qualified.remove(name);
        }
        // The name itself stays; keys in brackets are expressions.
        if let ExprKind::Ref(_, parts) = &rule.head.reference.kind {
            parts.iter().for_each(|it| self.expr(it));
        }
        self.dotted_name(rule);
        let head = &rule.head;
        for it in head.args.iter().flatten().chain(&head.key).chain(&head.value) {
            self.expr(it);
        }
        rule.bodies.iter().for_each(|it| self.rule_body(it));
        for otherwise in &rule.otherwise {
            if let Some(value) = &otherwise.value {
                self.expr(value);
            }
            self.rule_body(&otherwise.body);
        }
        self.qualified.extend(shadowed);
    }

    /// `p.a := 1` to `p["a"] := 1`: so the engine has the object `p` whatever holds, as OPA has.
    fn dotted_name(&mut self, rule: &Rule) {
        let head = &rule.head;
        let ExprKind::Ref(_, parts) = &head.reference.kind else { return };
        let Some(Expr { kind: ExprKind::String(name), span }) = parts.last() else { return };
        let Some(dot) = span.start.checked_sub(1) else { return };
        let is_dotted = self.text.get(dot..span.start) == Some(".");
        if rule.is_default || head.args.is_some() || head.key.is_some() || !is_dotted {
            return;
        }
        self.edits.replace(dot..span.end, format!("[{}]", serde_json::Value::from(name.as_str())));
        if head.value.is_none() {
            self.edits.insert(head.span.end, " = true");
        }
    }

    /// A comprehension behind `if` is a body for the engine, unless it stands in one.
    fn rule_body(&mut self, body: &Body) {
        let is_bare = body.literals.first().is_some_and(|it| it.span.start == body.span.start);
        let is_comprehension = is_bare && self.text.as_bytes().get(body.span.start) == Some(&b'{');
        if is_comprehension {
            self.edits.insert(body.span.start, "{ ");
        }
        self.body(body);
        if is_comprehension {
            self.edits.insert(body.span.end, " }");
        }
    }

    pub fn body(&mut self, body: &Body) {
        body.literals.iter().for_each(|it| self.literal(it));
    }

    fn literal(&mut self, literal: &Literal) {
        match &literal.kind {
            LiteralKind::Expr(expr) => self.statement(expr),
            LiteralKind::Not(expr) => {
                let is_wrapped = self.eager(literal, expr);
                self.expr(expr);
                if is_wrapped {
                    self.edits.insert(literal.span.end, "]) > 0");
                }
            }
            LiteralKind::NotBody(body) => {
                let Some(brace) = body.span.end.checked_sub(1) else { return };
                self.edits.replace(literal.span.start..body.span.start + 1, "count([true | ");
                self.body(body);
                self.edits.replace(brace..body.span.end, "]) == 0");
            }
            LiteralKind::Some(_) => {}
            LiteralKind::SomeIn { key, value, domain } => {
                key.iter().chain([value]).for_each(|it| self.expr(it));
                self.walked(domain);
            }
            LiteralKind::Every { domain, body, .. } => {
                self.expr(domain);
                self.body(body);
            }
            LiteralKind::Logic { is_and, operands } => self.logic(*is_and, operands),
        }
        for with in &literal.with {
            match with.target.dotted().filter(|it| self.world.mocks.contains(it)) {
                Some(name) => self.mock(&with.target, &name),
                None => self.expr(&with.target),
            }
            match with.value.dotted().filter(|it| self.world.mocks.contains(it)) {
                Some(name) if with.target.constant_path().first() != Some(&"input") => {
                    self.mock(&with.value, &name);
                }
                _ => self.expr(&with.value),
            }
        }
    }

    /// The engine evaluates all of a negated condition within the `not`.
    fn eager(&mut self, literal: &Literal, expr: &Expr) -> bool {
        if self.negates_bodies || !literal.with.is_empty() {
            return false;
        }
        let before: Option<Vec<String>> =
            syntax::eager(expr).into_iter().map(|it| self.copied(it)).collect();
        let Some(before) = before.filter(|it| !it.is_empty()) else { return false };
        let before = format!("count([true | [{}] != 0; ", before.join(", "));
        self.edits.insert(literal.span.start, before);
        true
    }

    /// An expression once more, in one line; `None` if a comment stands in it.
    fn copied(&mut self, expr: &Expr) -> Option<String> {
        let text = self.text.get(expr.span.clone())?;
        if text.contains('\n') && text.contains(['#', '`']) {
            return None;
        }
        let mut inner = Self::new(self.text, self.world);
        inner.package.clone_from(&self.package);
        inner.rules = self.rules;
        inner.qualified.clone_from(&self.qualified);
        inner.metadata.clone_from(&self.metadata);
        // Within a template its variable is that of the template, unless it has a name of its own.
        inner.templates = self.templates;
        inner.expr(expr);
        self.templates = inner.templates;
        Some(inner.edits.within(self.text, &expr.span).replace('\n', " "))
    }

    fn mock(&mut self, name: &Expr, builtin: &str) {
        self.edits
            .replace(name.span.clone(), format!("data.{MOCK_PACKAGE}.{}", mock_name(builtin)));
    }

    /// A call may have one argument more than the function takes: its result.
    fn statement(&mut self, expr: &Expr) {
        if let ExprKind::Call(name, args) = &expr.kind
            && let Some(signature) = name.dotted().and_then(|it| signatures::of(&it))
            && args.len() == signature.args.len() + 1
            && !signature.is_relation
            && let Some((result, gap)) = last_argument(expr)
        {
            let text = self.text.get(result.span.clone()).unwrap_or_default().replace('\n', " ");
            self.edits.insert(expr.span.start, format!("{text} = "));
            self.call_name(name);
            args.iter().take(signature.args.len()).for_each(|it| self.expr(it));
            self.edits.blank(self.text, gap);
            return;
        }
        self.expr(expr);
    }

    /// What `some ... in` walks over. The engine ends the evaluation where that is no collection.
    fn walked(&mut self, domain: &Expr) {
        let is_collection = matches!(
            domain.kind,
            ExprKind::Array(_)
                | ExprKind::Set(_)
                | ExprKind::Object(_)
                | ExprKind::ArrayComprehension(..)
                | ExprKind::SetComprehension(..)
                | ExprKind::ObjectComprehension(..)
        );
        if is_collection {
            return self.expr(domain);
        }
        self.edits.insert(domain.span.start, format!("{}(", operators::COLLECTION));
        self.expr(domain);
        self.edits.insert(domain.span.end, ")");
    }

    /// An operator as a call, so that its failure is that of a builtin.
    fn operator(&mut self, name: &str, left: &Expr, right: &Expr) {
        self.edits.insert(left.span.start, format!("{name}("));
        self.expr(left);
        let sign = token::next(self.text, left.span.end);
        self.edits.replace(sign.start..sign.end, ",");
        self.expr(right);
        self.edits.insert(right.span.end, ")");
    }

    fn logic(&mut self, is_and: bool, operands: &[Operand]) {
        let (Some(first), Some(last)) = (operands.first(), operands.last()) else { return };
        self.edits.insert(first.span.start, "count([true | ");
        for (index, operand) in operands.iter().enumerate() {
            if let Some(before) = index.checked_sub(1).and_then(|it| operands.get(it)) {
                let word = token::next(self.text, before.span.end);
                self.edits.replace(word.start..word.end, ";");
            }
            self.operand(is_and, operand);
        }
        self.edits.insert(last.span.end, if is_and { "]) > 0" } else { "]) == 0" });
    }

    fn operand(&mut self, is_and: bool, operand: &Operand) {
        let is_wrapped = operand.in_braces || !is_and;
        if is_wrapped {
            self.edits.insert(operand.span.start, "count([true | ");
        }
        // The brackets of `{ body }` and `(literal)`.
        let strip = operand.in_braces;
        if strip {
            self.edits.replace(operand.span.start..operand.span.start + 1, " ");
        }
        self.body(&operand.body);
        if strip {
            self.edits.replace(operand.span.end - 1..operand.span.end, " ");
        }
        if is_wrapped {
            self.edits.insert(operand.span.end, if is_and { "]) > 0" } else { "]) == 0" });
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Template(parts) => self.template(expr, parts),
            ExprKind::Var(name) => self.qualify(expr, name),
            ExprKind::Ref(head, rest) => {
                if !self.lookup(expr, head.span.start, rest) {
                    self.expr(head);
                    rest.iter().for_each(|it| self.expr(it));
                }
            }
            ExprKind::Call(name, args) => {
                if self.metadata_call(expr, name) {
                    return;
                }
                self.call_name(name);
                args.iter().for_each(|it| self.expr(it));
            }
            ExprKind::Infix(operator, left, right) => match operators::of(operator) {
                Some((name, _)) => self.operator(name, left, right),
                None => [left, right].into_iter().for_each(|it| self.expr(it)),
            },
            ExprKind::ArrayComprehension(head, body) | ExprKind::SetComprehension(head, body) => {
                self.expr(head);
                self.body(body);
            }
            ExprKind::ObjectComprehension(key, value, body) => {
                self.expr(key);
                self.expr(value);
                self.body(body);
            }
            _ => visit::children(expr).into_iter().for_each(|it| self.expr(it)),
        }
    }

    fn call_name(&mut self, name: &Expr) {
        let Some(dotted) = name.dotted() else { return self.expr(name) };
        if self.world.mocks.contains(&dotted) {
            self.mock(name, &dotted);
        } else if operators::is_name(&dotted) && !self.is_rule(&dotted) {
            // `plus(1, 2)`.
            self.edits.insert(name.span.start, "internal.");
        } else {
            self.expr(name);
        }
    }

    fn is_rule(&self, name: &str) -> bool {
        self.rules.is_some_and(|it| it.contains(name))
    }

    fn qualify(&mut self, expr: &Expr, name: &str) {
        // In parentheses the span is longer than the name.
        let is_bare = expr.span.len() == name.len();
        if is_bare && self.qualified.contains(name) {
            self.edits.replace(expr.span.clone(), format!("{}.{name}", self.package));
        }
    }

    /// `data.w[k]` of the host.
    fn lookup(&mut self, expr: &Expr, start: usize, rest: &[Expr]) -> bool {
        let path = expr.constant_path();
        let Some(below) = path.strip_prefix(&["data"]) else { return false };
        let fits =
            |it: &Vec<String>| below.len() >= it.len() && it.iter().zip(below).all(|(a, b)| a == b);
        let Some(index) = self.world.lookups.iter().position(fits) else { return false };
        let length = self.world.lookups.get(index).map_or(0, Vec::len);
        let Some(key) = rest.get(length) else { return false };
        self.edits.replace(start..key.span.start, format!("sluice.lookup_{index}("));
        if self.text.as_bytes().get(key.span.start.wrapping_sub(1)) == Some(&b'.') {
            let quoted = format!("{})", self.quoted(key));
            self.edits.replace(key.span.clone(), quoted);
        } else {
            self.expr(key);
            let bracket = token::next(self.text, key.span.end);
            self.edits.replace(bracket.start..bracket.end, ")");
        }
        rest.iter().skip(length + 1).for_each(|it| self.expr(it));
        true
    }

    fn quoted(&self, key: &Expr) -> String {
        let text = self.text.get(key.span.clone()).unwrap_or_default();
        serde_json::Value::from(text).to_string()
    }

    fn metadata_call(&mut self, expr: &Expr, name: &Expr) -> bool {
        let value = match (name.dotted().as_deref(), &self.metadata) {
            (Some("rego.metadata.rule"), Some(metadata)) => metadata.rule.clone(),
            (Some("rego.metadata.chain"), Some(metadata)) => metadata.chain.clone(),
            (Some("rego.metadata.rule"), None) => "{}".to_owned(),
            (Some("rego.metadata.chain"), None) => "[]".to_owned(),
            _ => return false,
        };
        self.edits.replace(expr.span.clone(), value);
        true
    }

    fn template(&mut self, expr: &Expr, parts: &[Part]) {
        // In parentheses the span begins before the text.
        let inside = self.text.get(expr.span.clone()).and_then(|it| it.find('$')).unwrap_or(0);
        let start = expr.span.start + inside;
        let mut at = start + 2;
        self.edits.replace(start..at, "internal.template_string([");
        for part in parts {
            match part {
                Part::Text(text, span) => {
                    let lines =
                        self.text.get(span.clone()).unwrap_or_default().matches('\n').count();
                    let text = format!(
                        "{},{}",
                        serde_json::Value::from(text.as_str()),
                        "\n".repeat(lines)
                    );
                    self.edits.replace(span.clone(), text);
                    at = span.end;
                }
                Part::Value(value, span) => {
                    let name = format!("__t{}__", self.templates);
                    self.templates += 1;
                    self.edits.replace(span.start..span.start + 1, format!("{{{name} | {name} = "));
                    self.literal(value);
                    self.edits.replace(span.end - 1..span.end, "},");
                    at = span.end;
                }
            }
        }
        self.edits.replace(at..at + 1, "])");
    }
}
