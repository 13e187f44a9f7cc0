//! Tells without the interpreter that a rule cannot hold for a record. A body is a list of conditions that all must hold; those
//! that compare one field with a constant are tested on the bytes, and a body with one that fails needs no evaluation.
//!
//! A guard never says that a rule holds: what it does not understand it takes for possible.

use component::Signal;
use pdata::{Place, ValueRef};
use rego::Value;
use rego::syntax::{Body, Expr, ExprKind, Literal, LiteralKind, Module, Rule};

use crate::layout::{Leaf, rows};
use crate::path::Part;
use crate::project::{Around, level_of_place, service, value_at};

/// How deep rules that ask for other rules are followed.
const DEPTH_MAX: usize = 8;
/// Most conditions of a guard.
const TESTS_MAX: usize = 10_000;

/// What a query needs at the least.
#[derive(Debug)]
pub(crate) struct Guard {
    /// One of these must hold.
    bodies: Vec<Vec<Test>>,
    /// The answer if none does.
    pub(crate) answer: Value,
}

#[derive(Debug)]
enum Test {
    /// A field and a constant.
    Field {
        leaf: Leaf,
        keys: Vec<Part>,
        must: Must,
    },
    /// A field that records of this signal do not have.
    Absent,
    Not(Box<Test>),
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
    BeAmong(Vec<Value>),
}

impl Guard {
    /// For a query such as `data.a.allow`; `None` if it may always hold, or if that cannot be told. `is_data` says
    /// whether there is a document at a path below `data`, `aliases` are names that the section has put into the input.
    pub(crate) fn new(
        query: &str,
        signal: Signal,
        modules: &[&Module],
        is_data: impl Fn(&[String]) -> bool,
        aliases: &[Vec<String>],
    ) -> Option<Self> {
        let path: Vec<String> =
            query.strip_prefix("data.")?.split('.').map(str::to_owned).collect();
        if is_data(&path) {
            return None;
        }
        let mut making = Making { signal, modules, aliases, tests: 0 };
        let mut bodies = Vec::new();
        let mut answer = Value::Undefined;
        let mut found = false;
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
            found = true;
            let exact = full.len() == path.len();
            // Of what is deeper it is not said here how it looks if there is nothing.
            let is_entry = full.len() == path.len() + 1 && module.package.len() < path.len();
            if !exact && (!is_entry || rule.is_default || rule.head.key.is_some()) {
                return None;
            }
            if rule.is_default {
                answer = constant(rule.head.value.as_ref()?)?;
                continue;
            }
            if exact && rule.head.key.is_some() {
                answer = Value::new_set();
            } else if !exact && answer == Value::Undefined {
                answer = Value::new_object();
            }
            if exact && rule.head.reference.dotted().is_none() {
                answer = Value::new_object();
            }
            bodies.extend(making.rule(module, rule, 0)?);
        }
        (found && making.tests > 0).then_some(Self { bodies, answer })
    }

    /// Whether the rule may hold for a record.
    pub(crate) fn is_possible(&self, place: &Place<'_>, around: &Around<'_>) -> bool {
        any(&self.bodies, place, around)
    }
}

fn any(bodies: &[Vec<Test>], place: &Place<'_>, around: &Around<'_>) -> bool {
    bodies.iter().any(|tests| tests.iter().all(|it| it.holds(place, around)))
}

fn full_path(module: &Module, rule: &Rule) -> Vec<String> {
    let name = rule.head.path().into_iter().map(str::to_owned);
    module.package.iter().cloned().chain(name).collect()
}

struct Making<'m> {
    signal: Signal,
    modules: &'m [&'m Module],
    aliases: &'m [Vec<String>],
    tests: usize,
}

impl<'m> Making<'m> {
    fn all(&self) -> impl Iterator<Item = (&'m Module, &'m Rule)> + use<'m> {
        let modules = self.modules;
        modules.iter().flat_map(|module| module.rules.iter().map(move |rule| (*module, rule)))
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
        }
        tests
    }

    fn literal(&mut self, module: &'m Module, literal: &'m Literal, depth: usize) -> Option<Test> {
        if !literal.with.is_empty() {
            return None;
        }
        match &literal.kind {
            LiteralKind::Expr(expr) => {
                self.field(expr).or_else(|| self.other_rule(module, expr, depth))
            }
            LiteralKind::Not(expr) => self.field(expr).map(|it| Test::Not(Box::new(it))),
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
    fn field(&self, expr: &Expr) -> Option<Test> {
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
                let [text, part] = arguments.as_slice() else { return None };
                let ExprKind::String(part) = &part.kind else { return None };
                let must = match function.dotted().as_deref() {
                    Some("startswith") => Must::StartWith(part.clone()),
                    Some("endswith") => Must::EndWith(part.clone()),
                    Some("contains") => Must::Contain(part.clone()),
                    _ => return None,
                };
                (text, must)
            }
            _ => return None,
        };
        self.test(place, must)
    }

    fn test(&self, place: &Expr, must: Must) -> Option<Test> {
        place.dotted()?;
        let path = place.constant_path();
        let (first, path) = path.split_first()?;
        if *first != "input" || path.is_empty() {
            return None;
        }
        let touches = |a: &[&str], b: &[String]| a.iter().zip(b).all(|(a, b)| a == b);
        if self.aliases.iter().any(|it| touches(path, it)) {
            return None;
        }
        let row = rows(self.signal).find(|(row, _)| path.starts_with(row));
        if let Some((row, leaf)) = row {
            let keys = path.get(row.len()..).unwrap_or_default();
            let keys = keys.iter().map(|it| Part::Name((*it).to_owned())).collect();
            return Some(Test::Field { leaf, keys, must });
        }
        // Above a field there is an object; elsewhere there is nothing.
        let is_above = rows(self.signal).any(|(row, _)| row.starts_with(path));
        (!is_above).then_some(Test::Absent)
    }
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
    fn holds(&self, place: &Place<'_>, around: &Around<'_>) -> bool {
        match self {
            Self::Field { leaf, keys, must } => field_holds(*leaf, keys, must, place, around),
            Self::Absent => false,
            Self::Not(it) => !it.holds(place, around),
            Self::Rule(bodies) => any(bodies, place, around),
        }
    }
}

fn field_holds(
    leaf: Leaf,
    keys: &[Part],
    must: &Must,
    place: &Place<'_>,
    around: &Around<'_>,
) -> bool {
    // Texts are most of it, and are compared where they stand.
    let text = match (leaf, keys) {
        (Leaf::Level, []) => Some(level_of_place(place)),
        (Leaf::Service, []) => Some(service(place)),
        (Leaf::Plain(field) | Leaf::Any(field), []) => match place.get(field, &[]) {
            Ok(Some(ValueRef::Str(text))) => Some(text),
            _ => None,
        },
        (Leaf::Attributes(field), [Part::Name(key)]) => match place.entry(field, key) {
            Some(ValueRef::Str(text)) => Some(text),
            None => return false,
            _ => None,
        },
        _ => None,
    };
    match text {
        Some(text) => must.text_holds(text),
        None => must.holds(&value_at(leaf, keys, place, around)),
    }
}

impl Must {
    fn text_holds(&self, text: &str) -> bool {
        let is = |it: &Value| matches!(it, Value::String(other) if **other == *text);
        match self {
            Self::Equal(it) => is(it),
            Self::Differ(it) => !is(it),
            Self::StartWith(it) => text.starts_with(it.as_str()),
            Self::EndWith(it) => text.ends_with(it.as_str()),
            Self::Contain(it) => text.contains(it.as_str()),
            Self::BeAmong(all) => all.iter().any(is),
            _ => self.holds(&text.into()),
        }
    }

    fn holds(&self, value: &Value) -> bool {
        if *value == Value::Undefined {
            return false;
        }
        match self {
            Self::Equal(it) => value == it,
            Self::Differ(it) => value != it,
            Self::Less(it) => value < it,
            Self::AtMost(it) => value <= it,
            Self::More(it) => value > it,
            Self::AtLeast(it) => value >= it,
            Self::BeAmong(all) => all.contains(value),
            Self::StartWith(_) | Self::EndWith(_) | Self::Contain(_) => {
                value.as_string().is_ok_and(|it| self.text_holds(it))
            }
        }
    }
}
