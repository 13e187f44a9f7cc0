//! Tells on the fields of a record which rules cannot hold for it. A body is a list of conditions that all must hold; those
//! that compare one field with constants are tested here, and a body with one that fails needs no evaluation. Where many
//! bodies want one of several texts in the same field, the text finds the few that are left.
//!
//! A guard never says that a rule holds: what it does not understand it takes for possible. Nor does it look beyond a condition
//! that may be an error.

use std::collections::HashMap;

use regex::Regex;
use rego::Value;
use rego::compiled::Val;
use rego::syntax::{Body, Expr, ExprKind, Literal, LiteralKind, Module, Rule};

use crate::calm::Calm;
use crate::fields::{Fields, Record};

/// How deep rules that ask for other rules are followed.
const DEPTH_MAX: usize = 8;
/// Most conditions of a guard.
const TESTS_MAX: usize = 10_000;

/// What a query needs at the least.
#[derive(Debug)]
pub(crate) struct Guard {
    /// One of these must hold.
    bodies: Vec<Conditions>,
    index: Option<Index>,
    /// The answer if none does.
    pub(crate) answer: Value,
}

/// Conditions of a body.
#[derive(Debug)]
struct Conditions {
    /// The rule that has it, among those of the query's name.
    clause: usize,
    tests: Vec<Test>,
}

/// Bodies by the text that they want in a field.
#[derive(Debug)]
struct Index {
    field: usize,
    texts: HashMap<Box<str>, Vec<usize>>,
    /// Those that want none.
    others: Vec<usize>,
}

#[derive(Debug)]
enum Test {
    /// A field and a constant.
    Field(usize, Must),
    /// The same must not hold; whether that is so, too, where the field is not there.
    Not(usize, Must, bool),
    /// Another rule, of whose bodies one must hold.
    Rule(Vec<Vec<Test>>),
}

#[derive(Debug)]
enum Must {
    Equal(Value),
    Differ(Value),
    Less(Value),
    AtMost(Value),
    More(Value),
    AtLeast(Value),
    StartWith(String),
    EndWith(String),
    Contain(String),
    Match(Regex),
    BeAmong(Vec<Value>),
}

impl Guard {
    /// For a query such as `data.a.allow`; `None` if it may always hold, or if that cannot be told. `is_data` says
    /// whether there is a document at a path below `data`.
    pub(crate) fn new(
        query: &str,
        modules: &[&Module],
        is_data: impl Fn(&[String]) -> bool,
        fields: &mut Fields,
    ) -> Option<Self> {
        let path: Vec<String> =
            query.strip_prefix("data.")?.split('.').map(str::to_owned).collect();
        if is_data(&path) {
            return None;
        }
        let mut making = Making { modules, fields, calm: Calm::new(modules), tests: 0 };
        let mut bodies = Vec::new();
        let mut answer = Value::Undefined;
        let mut clauses = 0;
        for (module, rule) in making.all() {
            let full = full_path(module, rule);
            if !full.starts_with(&path) {
                // A rule above the query, or one whose name is computed, may give it a value as well.
                let above = path.starts_with(&full) && !full.is_empty();
                if above && (full.len() > module.package.len()) {
                    return None;
                }
                continue;
            }
            if rule.head.args.is_some() {
                return None;
            }
            let exact = full.len() == path.len();
            if rule.is_default {
                if !exact {
                    // A default below the query is there whatever holds.
                    return None;
                }
                answer = constant(rule.head.value.as_ref()?)?;
                continue;
            }
            let name = match (rule.head.reference.dotted(), &rule.head.key) {
                (None, _) => Value::new_object(),
                (Some(_), Some(_)) => Value::new_set(),
                (Some(_), None) => Value::Undefined,
            };
            put(&mut answer, full.get(path.len()..).unwrap_or_default(), name);
            bodies.extend(making.conditions(module, rule, &mut clauses));
        }
        let can_fail = bodies.iter().all(|it| !it.tests.is_empty());
        if making.tests > TESTS_MAX || !can_fail || bodies.is_empty() {
            return None;
        }
        let index = Index::new(&bodies);
        Some(Self { bodies, index, answer })
    }

    /// The rules that may hold for a record, by their place among those of the query's name. `is_rough` leaves out what
    /// takes long.
    pub(crate) fn possible(
        &self,
        record: &Record<'_, '_>,
        is_rough: bool,
        clauses: &mut Vec<usize>,
    ) {
        clauses.clear();
        let mut test = |at: usize| {
            let Some(it) = self.bodies.get(at) else { return };
            let holds = |test: &Test| (is_rough && test.is_slow()) || test.holds(record);
            if clauses.last() != Some(&it.clause) && it.tests.iter().all(holds) {
                clauses.push(it.clause);
            }
        };
        let Some(index) = &self.index else {
            (0..self.bodies.len()).for_each(test);
            return;
        };
        let text = record.field(index.field).text();
        let found = text.and_then(|it| index.texts.get(it)).map(Vec::as_slice);
        merged(found.unwrap_or_default(), &index.others, &mut test);
    }

    /// The field that must have one of these texts, if all bodies want one of the same field.
    pub(crate) fn wants(&self) -> Option<(usize, impl Iterator<Item = &str>)> {
        let index = self.index.as_ref().filter(|it| it.others.is_empty())?;
        Some((index.field, index.texts.keys().map(|it| &**it)))
    }
}

/// Both lists in one order.
fn merged(a: &[usize], b: &[usize], each: &mut impl FnMut(usize)) {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    loop {
        let from_a = match (a.peek(), b.peek()) {
            (None, None) => return,
            (Some(a), Some(b)) => a < b,
            (a, _) => a.is_some(),
        };
        let next = if from_a { a.next() } else { b.next() };
        next.copied().into_iter().for_each(&mut *each);
    }
}

impl Index {
    /// By the field for which bodies want the most different texts.
    fn new(bodies: &[Conditions]) -> Option<Self> {
        let mut fields: HashMap<usize, HashMap<Box<str>, Vec<usize>>> = HashMap::new();
        for (at, body) in bodies.iter().enumerate() {
            for (field, texts) in body.tests.iter().filter_map(Test::texts) {
                for text in texts {
                    let all = fields.entry(field).or_default().entry(text.into()).or_default();
                    if all.last() != Some(&at) {
                        all.push(at);
                    }
                }
            }
        }
        let best = fields.into_iter().max_by_key(|(field, texts)| {
            let covered: usize = texts.values().map(Vec::len).sum();
            (texts.len(), covered, usize::MAX - field)
        });
        let (field, texts) = best?;
        let wants =
            |body: &Conditions| body.tests.iter().filter_map(Test::texts).any(|it| it.0 == field);
        let others = bodies.iter().enumerate().filter(|it| !wants(it.1)).map(|it| it.0).collect();
        Some(Self { field, texts, others })
    }
}

/// What is there of a rule's name without a body that holds: the objects above its last part, and that itself if it is a set or an
/// object.
fn put(into: &mut Value, below: &[String], name: Value) {
    let Some((first, rest)) = below.split_first() else {
        if *into == Value::Undefined {
            *into = name;
        }
        return;
    };
    if *into == Value::Undefined {
        *into = Value::new_object();
    }
    let Ok(entries) = into.as_object_mut() else { return };
    let key = Value::from(first.as_str());
    let mut inner = entries.remove(&key).unwrap_or(Value::Undefined);
    put(&mut inner, rest, name);
    if inner != Value::Undefined {
        entries.insert(key, inner);
    }
}

fn all(tests: &[Test], record: &Record<'_, '_>) -> bool {
    tests.iter().all(|it| it.holds(record))
}

fn full_path(module: &Module, rule: &Rule) -> Vec<String> {
    let name = rule.head.path().into_iter().map(str::to_owned);
    module.package.iter().cloned().chain(name).collect()
}

struct Making<'m, 'f> {
    modules: &'m [&'m Module],
    fields: &'f mut Fields,
    calm: Calm<'m>,
    tests: usize,
}

impl<'m> Making<'m, '_> {
    fn all(&self) -> impl Iterator<Item = (&'m Module, &'m Rule)> + use<'m> {
        let modules = self.modules;
        modules.iter().flat_map(|module| module.rules.iter().map(move |rule| (*module, rule)))
    }

    /// What the bodies of a rule need, those of `else` as well.
    fn conditions(
        &mut self,
        module: &'m Module,
        rule: &'m Rule,
        clauses: &mut usize,
    ) -> Vec<Conditions> {
        let mut made = Vec::new();
        let count = rule.bodies.len().max(1);
        for clause in *clauses..*clauses + count {
            let own = rule.bodies.get(clause - *clauses);
            let tests = own.map(|it| self.body(module, it, 0)).unwrap_or_default();
            made.push(Conditions { clause, tests });
        }
        *clauses += count;
        for it in &rule.otherwise {
            let tests = self.body(module, &it.body, 0);
            made.push(Conditions { clause: *clauses - 1, tests });
        }
        made
    }

    /// The bodies of a rule, those of `else` as well. `None` if one of them has no condition that is understood.
    fn rule(&mut self, module: &'m Module, rule: &'m Rule, depth: usize) -> Option<Vec<Vec<Test>>> {
        let bodies = rule.bodies.iter().chain(rule.otherwise.iter().map(|it| &it.body));
        let mut all = Vec::new();
        for body in bodies {
            let tests = self.body(module, body, depth);
            if tests.is_empty() || self.tests > TESTS_MAX {
                return None;
            }
            all.push(tests);
        }
        (!all.is_empty()).then_some(all)
    }

    fn body(&mut self, module: &'m Module, body: &'m Body, depth: usize) -> Vec<Test> {
        let mut tests = Vec::new();
        for literal in &body.literals {
            if let Some(test) = self.literal(module, literal, depth) {
                self.tests += 1;
                tests.push(test);
            }
            if !self.calm.literal(module, literal) {
                break;
            }
        }
        tests
    }

    fn literal(&mut self, module: &'m Module, literal: &'m Literal, depth: usize) -> Option<Test> {
        if !literal.with.is_empty() {
            return None;
        }
        match &literal.kind {
            LiteralKind::Expr(expr) => {
                let field = self.field(expr).map(|(field, must)| Test::Field(field, must));
                field.or_else(|| self.other_rule(module, expr, depth))
            }
            LiteralKind::Not(expr) => {
                let (field, must) = self.field(expr)?;
                // What is compared in another way than with `==` OPA reads before the `not`.
                let may_lack = module.negates_bodies() || matches!(must, Must::Equal(_));
                Some(Test::Not(field, must, may_lack))
            }
            _ => None,
        }
    }

    /// A rule of the same package, by its name.
    fn other_rule(&mut self, module: &'m Module, expr: &Expr, depth: usize) -> Option<Test> {
        let ExprKind::Var(name) = &expr.kind else { return None };
        if depth == DEPTH_MAX || module.imports.iter().any(|it| it.name() == Some(name)) {
            return None;
        }
        let mut bodies = Vec::new();
        let mut found = false;
        for (other, rule) in self.all() {
            if other.package != module.package || rule.head.path().first() != Some(&name.as_str()) {
                continue;
            }
            let is_plain = rule.head.args.is_none()
                && rule.head.key.is_none()
                && matches!(rule.head.reference.kind, ExprKind::Var(_));
            if !is_plain {
                return None;
            }
            found = true;
            if rule.is_default {
                // One that is true by default holds always.
                if constant(rule.head.value.as_ref()?)? != Value::Bool(false) {
                    return None;
                }
                continue;
            }
            bodies.extend(self.rule(other, rule, depth + 1)?);
        }
        found.then_some(Test::Rule(bodies))
    }

    /// A comparison of a field with a constant.
    fn field(&mut self, expr: &Expr) -> Option<(usize, Must)> {
        let (place, must) = match &expr.kind {
            ExprKind::Infix(operator, left, right) => match (constant(left), constant(right)) {
                (None, Some(it)) => (&**left, must(operator, it)?),
                (Some(it), None) => (&**right, must(turned(operator), it)?),
                _ => return None,
            },
            ExprKind::In(None, value, domain) => {
                let (ExprKind::Set(items) | ExprKind::Array(items)) = &domain.kind else {
                    return None;
                };
                let items: Option<Vec<_>> = items.iter().map(constant).collect();
                (&**value, Must::BeAmong(items?))
            }
            ExprKind::Call(function, arguments) => {
                let [first, second] = arguments.as_slice() else { return None };
                let name = function.dotted()?;
                if name == "regex.match" {
                    (second, matching(first)?)
                } else {
                    (first, of_text(&name, second)?)
                }
            }
            _ => return None,
        };
        place.dotted()?;
        let path = place.constant_path();
        let (first, path) = path.split_first()?;
        if *first != "input" {
            return None;
        }
        Some((self.fields.add(path)?, must))
    }
}

fn of_text(name: &str, part: &Expr) -> Option<Must> {
    let ExprKind::String(part) = &part.kind else { return None };
    Some(match name {
        "startswith" => Must::StartWith(part.clone()),
        "endswith" => Must::EndWith(part.clone()),
        "contains" => Must::Contain(part.clone()),
        _ => return None,
    })
}

fn matching(pattern: &Expr) -> Option<Must> {
    let ExprKind::String(pattern) = &pattern.kind else { return None };
    golang::regexp::compile(pattern).ok().map(Must::Match)
}

fn must(operator: &str, constant: Value) -> Option<Must> {
    Some(match operator {
        "==" | "=" => Must::Equal(constant),
        "!=" => Must::Differ(constant),
        "<" => Must::Less(constant),
        "<=" => Must::AtMost(constant),
        ">" => Must::More(constant),
        ">=" => Must::AtLeast(constant),
        _ => return None,
    })
}

/// The operator if its sides change places.
fn turned(operator: &str) -> &str {
    match operator {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        other => other,
    }
}

fn constant(expr: &Expr) -> Option<Value> {
    match &expr.kind {
        ExprKind::Null => Some(Value::Null),
        ExprKind::Bool(it) => Some((*it).into()),
        ExprKind::Number(it) => Value::from_numeric_string(it).ok(),
        ExprKind::String(it) => Some(it.as_str().into()),
        _ => None,
    }
}

impl Test {
    fn holds(&self, record: &Record<'_, '_>) -> bool {
        match self {
            Self::Field(field, must) => must.holds(record.field(*field)),
            Self::Not(field, must, may_lack) => {
                let value = record.field(*field);
                (*may_lack || !value.is_undefined()) && !must.holds(value)
            }
            Self::Rule(bodies) => bodies.iter().any(|it| all(it, record)),
        }
    }

    fn is_slow(&self) -> bool {
        match self {
            Self::Field(_, must) | Self::Not(_, must, _) => {
                matches!(must, Must::Match(_) | Must::Contain(_))
            }
            Self::Rule(bodies) => bodies.iter().flatten().any(Self::is_slow),
        }
    }

    /// A field that must have one of these texts.
    fn texts(&self) -> Option<(usize, Vec<&str>)> {
        let Self::Field(field, must) = self else { return None };
        let values = match must {
            Must::Equal(it) => std::slice::from_ref(it),
            Must::BeAmong(all) => all.as_slice(),
            _ => return None,
        };
        let text = |it: &'_ Value| it.as_string().is_ok();
        if values.is_empty() || !values.iter().all(text) {
            return None;
        }
        let texts = values.iter().filter_map(|it| it.as_string().ok()).map(|it| &**it);
        Some((*field, texts.collect()))
    }
}

impl Must {
    fn holds(&self, value: &Val<'_>) -> bool {
        if value.is_undefined() {
            return false;
        }
        let order = |it: &Value| value.order(&Val::Ref(it));
        match self {
            Self::Equal(it) => value.equals(&Val::Ref(it)),
            Self::Differ(it) => !value.equals(&Val::Ref(it)),
            Self::Less(it) => order(it).is_lt(),
            Self::AtMost(it) => order(it).is_le(),
            Self::More(it) => order(it).is_gt(),
            Self::AtLeast(it) => order(it).is_ge(),
            Self::BeAmong(all) => all.iter().any(|it| value.equals(&Val::Ref(it))),
            Self::StartWith(part) => value.text().is_some_and(|it| it.starts_with(part.as_str())),
            Self::EndWith(part) => value.text().is_some_and(|it| it.ends_with(part.as_str())),
            Self::Contain(part) => value.text().is_some_and(|it| it.contains(part.as_str())),
            Self::Match(pattern) => value.text().is_some_and(|it| pattern.is_match(it)),
        }
    }
}
