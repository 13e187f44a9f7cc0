//! Modules as `opa fmt` lays them out. Where a line ends is the author's decision in lists and bodies; indents, spaces, empty lines,
//! braces, brackets, the order of imports and the place of comments are not.

mod bodies;
mod page;
mod terms;

use std::collections::BTreeMap;

use crate::error::{Error, code};
use crate::syntax::token::{self, Kind};
use crate::syntax::{self, Body, Else, Expr, ExprKind, Head, Import, LiteralKind, Module, Rule};
use crate::syntax::{Span, Version};
use page::{Done, Page};

/// A module as `opa fmt` writes it.
///
/// # Errors
/// `rego_parse_error`: only what can be read can be laid out. `rego_format_error` if something of the module would be lost.
pub fn format(file: &str, text: &str, version: Version) -> Result<String, Error> {
    let module = syntax::module(file, text, version)?;
    let formatted = Layout::new(text, &module, version).module();
    let lost = || Error::new(code::FORMAT, format!("{file}: this module cannot be laid out"));
    let again = syntax::module(file, &formatted, version).map_err(|_| lost())?;
    if !keeps(&essence(text, &module), &essence(&formatted, &again)) {
        return Err(lost());
    }
    Ok(formatted)
}

/// Nothing went, and nothing came but once more what was there: a head is written again where rules of v0 share it.
fn keeps(before: &Essence<'_>, after: &Essence<'_>) -> bool {
    let is_less = || before.values().zip(after.values()).any(|(before, after)| after < before);
    before.keys().eq(after.keys()) && !is_less()
}

/// How often each word, text, number and comment is there.
type Essence<'t> = BTreeMap<&'t str, usize>;

/// What stays, however it is laid out. Imports may go.
fn essence<'t>(text: &'t str, module: &Module) -> Essence<'t> {
    let comments = module.comments.iter().map(|it| text.get(it.clone()).unwrap_or_default().trim());
    let mut all = Essence::new();
    comments.for_each(|it| *all.entry(it).or_default() += 1);
    let mut at = 0;
    loop {
        let token = token::next(text, at);
        if token.kind == Kind::End || token.end <= token.start {
            break;
        }
        if let Some(import) = module.imports.iter().find(|it| it.span.contains(&token.start)) {
            at = import.span.end;
            continue;
        }
        at = token.end;
        let word = text.get(token.start..token.end).unwrap_or_default();
        let word = match token.kind {
            Kind::Word | Kind::Number => word,
            // A text may become a name, and then counts as one.
            Kind::String | Kind::RawString => word.trim_matches(['"', '`']),
            _ => continue,
        };
        // What goes without saying comes and goes, and names of operators become signs.
        let goes = matches!(word, "if" | "true" | "contains" | "in" | "internal")
            || token::operator_sign(word).is_some()
            || word.starts_with("member_");
        if !goes {
            *all.entry(word).or_default() += 1;
        }
    }
    all
}

/// What the module decides of all its rules.
#[expect(clippy::struct_excessive_bools, reason = "what a module says, each on its own")]
struct Layout<'t, 'm> {
    page: Page<'t>,
    module: &'m Module,
    /// It is written for OPA 1.0.
    is_v1: bool,
    has_if: bool,
    has_contains: bool,
    /// Some name has so many parts that all are written with dots.
    has_dots: bool,
}

impl<'t, 'm> Layout<'t, 'm> {
    fn new(text: &'t str, module: &'m Module, version: Version) -> Self {
        let lines = syntax::Lines::new("", text);
        let rows = module.imports.iter().map(|it| lines.location(it.span.start).row);
        let mut page = Page::new(text, &module.comments, &rows.collect::<Vec<_>>());
        let imports = |name: &str| {
            module.imports.iter().any(|it| match it.path.as_slice() {
                [rego, version] if rego == "rego" => version == "v1" || version == "v2",
                [future, _] if future == "future" => true,
                [future, _, keyword] if future == "future" => keyword == name,
                _ => false,
            })
        };
        page.negates_bodies = module.negates_bodies();
        let is_logic = |name: &str| {
            module.imports.iter().any(|it| match it.path.as_slice() {
                [rego, version] => rego == "rego" && version == "v2",
                [future, _, keyword] => future == "future" && keyword == name,
                _ => false,
            })
        };
        (page.has_and, page.has_or) = (is_logic("and"), is_logic("or"));
        let is_v1 = module.is_v1 && version != Version::V0;
        let has_dots = |it: &Rule| match (&it.head.reference.kind, &it.head.key) {
            (ExprKind::Ref(_, parts), Some(_)) => !parts.is_empty(),
            (ExprKind::Ref(_, parts), None) => parts.len() > 1,
            _ => false,
        };
        Self {
            page,
            module,
            is_v1,
            has_if: is_v1 || imports("if"),
            has_contains: is_v1 || imports("contains"),
            has_dots: module.rules.iter().any(has_dots),
        }
    }

    fn module(mut self) -> String {
        let module = self.module;
        self.package();
        let mut imports = self.imports().into_iter().peekable();
        let mut rules = module.rules.iter().peekable();
        loop {
            let end = rules.peek().map_or(usize::MAX, |it| it.span.start);
            let mut some = Vec::new();
            while let Some(import) = imports.next_if(|it| it.span.start < end) {
                some.push(import);
            }
            self.import_groups(&some);
            let end = imports.peek().map_or(usize::MAX, |it| it.span.start);
            let mut some = Vec::new();
            while let Some(rule) = rules.next_if(|it| it.span.start < end) {
                some.push(rule);
            }
            self.rules(&some);
            if rules.peek().is_none() && imports.peek().is_none() {
                return self.page.finish();
            }
        }
    }

    fn package(&mut self) {
        let span = &self.module.package_span;
        // A comment beside the package is the first there is.
        let _ = self.page.comments_to(self.page.row(span.start));
        self.page.start_line();
        let name = self.path(&self.module.package, span);
        self.page.put(&format!("package {name}"));
        self.page.blank_line();
    }

    /// `data.a["b-c"]`; words that are keywords stay between quotes if they are there.
    fn path(&self, parts: &[String], span: &Span) -> String {
        let source = self.page.slice(span);
        let mut path = String::new();
        for (at, part) in parts.iter().enumerate() {
            let quoted = golang::strconv::quote(part, false);
            let own = if source.contains(&format!("[{quoted}]")) { quoted.as_str() } else { part };
            match at {
                0 => path.push_str(part),
                _ if self.page.is_bare(part, own) => path.extend([".", part]),
                _ => path.extend(["[", &quoted, "]"]),
            }
        }
        path
    }

    /// Without those that another one makes superfluous.
    fn imports(&self) -> Vec<&'m Import> {
        let is = |it: &Import, path: &[&str]| {
            it.path.iter().map(String::as_str).eq(path.iter().copied())
        };
        let has = |path: &[&str]| self.module.imports.iter().any(|it| is(it, path));
        let (v1, v2) = (has(&["rego", "v1"]), has(&["rego", "v2"]));
        let stays = |it: &&Import| {
            let is_future = it.path.first().is_some_and(|it| it == "future");
            !(is_future && (v1 || v2) || is(it, &["rego", "v1"]) && v2)
        };
        self.module.imports.iter().filter(stays).collect()
    }

    /// Imports beside each other are in the order of the alphabet.
    fn import_groups(&mut self, imports: &[&Import]) {
        let row = |page: &Page<'_>, it: &Import| page.row(it.span.start);
        let mut rest = imports;
        while let Some(first) = rest.first() {
            let mut count = 1;
            while let (Some(before), Some(next)) = (rest.get(count - 1), rest.get(count))
                && row(&self.page, next) <= row(&self.page, before) + 1
            {
                count += 1;
            }
            let (group, after) = rest.split_at(count);
            rest = after;
            let _ = self.page.comments_to(row(&self.page, first));
            let mut group = group.to_vec();
            group.sort_by(|a, b| (&a.path, &a.alias).cmp(&(&b.path, &b.alias)));
            for import in group {
                self.import(import);
            }
            self.page.blank_line();
        }
    }

    fn import(&mut self, import: &Import) {
        let path = self.path(&import.path, &import.span);
        self.page.start_line();
        self.page.put(&format!("import {path}"));
        if let Some(alias) = &import.alias {
            self.page.put(&format!(" as {alias}"));
        }
        let row = self.page.row(import.span.start);
        let comments = self.module.comments.iter();
        let mut beside = comments.filter(|it| self.page.row(it.start) == row);
        if let Some(comment) = beside.next() {
            let comment = self.page.slice(comment).trim_end();
            self.page.put(&format!(" {comment}"));
        }
        self.page.end_line();
    }

    fn rules(&mut self, rules: &[&Rule]) {
        for (at, rule) in rules.iter().enumerate() {
            let row = self.page.row(rule.span.start);
            let _ = self.page.comments_to(row);
            self.rule(rule);
            let next = rules.get(at + 1).filter(|it| self.page.row(it.span.start) == row + 1);
            if !(self.is_one_line(rule) && next.is_some_and(|it| self.is_one_line(it))) {
                self.page.blank_line();
            }
        }
    }

    /// A rule of one line, which may stand beside others.
    fn is_one_line(&self, rule: &Rule) -> bool {
        let is_short = match rule.bodies.as_slice() {
            [] => true,
            [body] => body.literals.len() == 1 && !bodies::is_set(body),
            _ => false,
        };
        is_short && !rule.is_default && rule.otherwise.is_empty() && self.uses_if(&rule.head)
    }

    /// Sets of v0 have their own notation, and no `if`.
    fn uses_if(&self, head: &Head) -> bool {
        self.has_if && (self.has_contains || head.key.is_none())
    }

    fn rule(&mut self, rule: &Rule) {
        let mut bodies = rule.bodies.iter();
        self.one(rule, bodies.next());
        // Of v0: more bodies are rules of their own.
        for body in bodies {
            self.page.blank_line();
            self.one(rule, Some(body));
        }
    }

    fn one(&mut self, rule: &Rule, body: Option<&Body>) {
        self.page.start_line();
        if rule.is_default {
            self.page.put("default ");
        }
        let body = body.filter(|it| !(rule.otherwise.is_empty() && is_true(it)));
        self.page.takes_last = body.is_none();
        let mark = self.page.mark();
        if self.head(rule, body.is_none()).is_err() {
            self.page.as_it_is(mark, &rule.head.span);
        }
        let Some(body) = body else {
            return self.without_body(rule);
        };
        self.page.takes_last = true;
        let uses_if = self.uses_if(&rule.head);
        let head_end = self.page.end_row(rule.head.span.end);
        self.page.rule_body(body, uses_if, head_end, true);
        self.otherwise(rule.span.start, &rule.otherwise, uses_if);
    }

    /// The end of a line that is a whole rule, unless `else` follows.
    fn without_body(&mut self, rule: &Rule) {
        if rule.otherwise.is_empty() {
            return self.page.end_line();
        }
        let uses_if = self.uses_if(&rule.head);
        self.page.put(if uses_if { " if true" } else { " {" });
        self.page.end_line();
        if !uses_if {
            self.page.put("\ttrue\n}");
        }
        self.otherwise(rule.span.start, &rule.otherwise, uses_if);
    }

    fn otherwise(&mut self, start: usize, all: &[Else], uses_if: bool) {
        let mut start = start;
        for (at, otherwise) in all.iter().enumerate() {
            let begin = otherwise.span.start;
            let (row, text) = (self.page.row(begin), self.page.text);
            let line = text.get(..begin).unwrap_or_default().rfind('\n').map_or(0, |it| it + 1);
            let is_first = text.get(line..begin).unwrap_or_default().trim().is_empty();
            let is_beside = row > self.page.row(start) && !is_first;
            let has_comment = self.page.has_comment_above(row);
            if !has_comment && is_beside {
                self.page.put(" ");
            } else {
                self.page.blank_line();
                self.page.start_line();
            }
            let _ = self.page.comments_to(row);
            if has_comment && !is_beside {
                self.page.need_line();
            }
            self.page.put("else");
            let is_last = at + 1 == all.len();
            let body = Some(&otherwise.body).filter(|it| !it.literals.is_empty());
            let has_body = body.is_some_and(|it| !is_last || !is_true(it));
            let mut head_end = begin + "else".len();
            if let Some(value) = &otherwise.value {
                head_end = value.span.end;
                let says_true = matches!(value.kind, ExprKind::Bool(true));
                if !says_true || (!has_body && is_last) {
                    self.page.put(if self.is_v1 || self.assigns(otherwise) {
                        " := "
                    } else {
                        " = "
                    });
                    // The value counts as standing where the `else` stands.
                    let _ = self.page.term_at(value, &(begin..value.span.end));
                }
            }
            if has_body {
                self.page.takes_last = true;
                let end = self.page.end_row(head_end);
                self.page.rule_body(&otherwise.body, uses_if, end, false);
            } else {
                self.page.end_line();
            }
            start = begin;
        }
    }

    fn assigns(&self, otherwise: &Else) -> bool {
        let word = token::next(self.page.text, otherwise.span.start);
        let sign = token::next(self.page.text, word.end);
        self.page.slice(&(sign.start..sign.end)) == ":="
    }

    fn head(&mut self, rule: &Rule, is_whole: bool) -> Done {
        let head = &rule.head;
        match &head.reference.kind {
            ExprKind::Ref(name, parts) if !self.has_dots && parts.len() == 1 => {
                let part = parts.first();
                let row = part.map(|it| self.page.row(it.span.start));
                if row.is_some_and(|it| self.page.has_comment_in(it)) {
                    // With a comment beside it the head stays as it is.
                    return Err(page::Unexpected);
                }
                self.page.put(self.page.slice(&name.span));
                let part = part.map(|it| self.key(it)).unwrap_or_default();
                self.page.put(&format!("[{part}]"));
            }
            ExprKind::Ref(name, parts) => self.page.reference(name, parts)?,
            _ => self.page.put(self.page.slice(&head.reference.span)),
        }
        if let Some(arguments) = &head.args {
            self.page.arguments(arguments, &head.span, true)?;
        }
        if let Some(key) = &head.key {
            if self.has_contains {
                self.page.put(" contains ");
                return self.page.term(key);
            }
            self.page.put("[");
            self.page.term(key)?;
            self.page.put("]");
            return Ok(());
        }
        self.value(rule, is_whole);
        Ok(())
    }

    fn key(&self, part: &Expr) -> String {
        match &part.kind {
            ExprKind::String(text) => golang::strconv::quote(text, false),
            _ => self.page.slice(&part.span).to_owned(),
        }
    }

    /// `:= value`. That a rule is true goes without saying where it has conditions.
    fn value(&mut self, rule: &Rule, is_whole: bool) {
        let head = &rule.head;
        // Of an object with one key for each solution.
        let has_key = match &head.reference.kind {
            ExprKind::Ref(_, parts) => match parts.as_slice() {
                [one] => !self.is_v1 || matches!(one.kind, ExprKind::Var(_)),
                _ => false,
            },
            _ => false,
        };
        let says_true =
            head.value.as_ref().is_none_or(|it| matches!(it.kind, ExprKind::Bool(true)));
        let is_said = match &head.value {
            Some(_) => !says_true || is_whole || rule.is_default || has_key,
            None => is_whole && (!rule.bodies.is_empty() || self.is_v1 && head.args.is_none()),
        };
        if !is_said {
            return;
        }
        self.page.put(if head.assigns || self.is_v1 { " := " } else { " = " });
        match &head.value {
            // It stays as it is, if it must.
            Some(value) => drop(self.page.term(value)),
            None => self.page.put("true"),
        }
    }
}

/// `{ true }`, which says nothing.
fn is_true(body: &Body) -> bool {
    let [literal] = body.literals.as_slice() else { return false };
    let is = |it: &Expr| matches!(it.kind, ExprKind::Bool(true));
    literal.with.is_empty() && matches!(&literal.kind, LiteralKind::Expr(it) if is(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Essence<'_> {
        essence(text, &syntax::module("", text, Version::Auto).unwrap())
    }

    #[track_caller]
    fn check(before: &str, after: &str, want: bool) {
        let [before, after] = [before, after].map(|it| format!("package a\n\n{it}\n"));
        assert_eq!(keeps(&of(&before), &of(&after)), want);
    }

    #[test]
    fn a_word_that_goes_is_missed_also_where_it_stays_elsewhere() {
        check("x := 1\n\ny := 1", "x := 1\n\ny := x", false);
        check("# a\nx := 1 # a", "# a\nx := 1", false);
        check("x := input[\"eq\"].b", "x := input.eq.b", true);
        check("x if { plus(1, 2, 3) }", "x if 1 + 2 = 3", true);
        check("x := 1", "x := 1\n\nx := 1", true);
    }
}
