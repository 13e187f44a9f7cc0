//! Policies as Rego, for the `rego` processor: what a policy drops, removes, masks and adds. What has no equal there is
//! refused with the reason; nothing is converted to something that is only similar.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use pdata::{Key, Signal};

use crate::keep::Keep;
use crate::model::{Change, Operation};
use crate::model::{Field, Literal, Matcher, Number, Order, Policy, Test, Text, TextTest, Where};

/// Why a policy cannot be converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// Its id.
    pub policy: String,
    /// What of it has no equal.
    pub why: &'static str,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "policy {:?} cannot be Rego: {}", self.policy, self.why)
    }
}

/// One module with the policies of a signal whose `decision` does what they do; and those that cannot be in it.
pub fn to_rego(policies: &[Policy], signal: Signal) -> (String, Vec<Unfit>) {
    let mut module = Module::default_for(signal);
    let mut unfit = Vec::new();
    for policy in policies.iter().filter(|it| it.target.signal == signal) {
        let mut part = Module::default_for(signal);
        part.number = module.number;
        match part.policy(policy) {
            Ok(()) => module.add(part),
            Err(why) => unfit.push(Unfit { policy: policy.id.clone(), why }),
        }
    }
    (module.text(), unfit)
}

/// A module that grows.
struct Module {
    signal: Signal,
    /// Names of the sets that have rules.
    sets: BTreeSet<&'static str>,
    rules: String,
    /// Of the next helper rule.
    number: usize,
}

type Fits<T> = Result<T, &'static str>;

impl Module {
    fn default_for(signal: Signal) -> Self {
        Self { signal, sets: BTreeSet::new(), rules: String::new(), number: 0 }
    }

    fn add(&mut self, other: Self) {
        self.sets.extend(other.sets);
        self.rules += &other.rules;
        self.number = other.number;
    }

    fn text(self) -> String {
        let mut out = String::from("package sluice\n\n");
        out += "decision := object.union_n([part | some part in parts])\n\n";
        for (set, part) in [
            ("drops", "parts contains {\"drop\": min(drops)} if count(drops) > 0\n"),
            (
                "removes",
                "parts contains {\"remove\": [it | some it in removes]} if count(removes) > 0\n",
            ),
            (
                "redacts",
                "parts contains {\"redact\": [it | some it in redacts]} if count(redacts) > 0\n",
            ),
            ("sets", "parts contains {\"set\": it} if some it in sets\n"),
        ] {
            if self.sets.contains(set) {
                out += part;
            }
        }
        if self.sets.is_empty() {
            out += "parts := set()\n";
        }
        out + &self.rules
    }

    fn policy(&mut self, policy: &Policy) -> Fits<()> {
        let target = &policy.target;
        let drops = match target.keep {
            // A span that stays for sure says so in its trace state.
            Keep::All if self.signal == Signal::Traces => {
                return Err("a decision writes no trace state");
            }
            Keep::All => false,
            Keep::None => true,
            Keep::Rate { .. } => return Err("Rego keeps no count between records"),
            Keep::Percent(_) => return Err("a decision samples by identity, not by chance or key"),
            Keep::Probability(_) => return Err("a decision writes no trace state"),
        };
        let mut conditions = Vec::new();
        for matcher in &target.matchers {
            conditions.push(self.matcher(matcher)?);
        }
        let name: String = policy.name.chars().filter(|it| !it.is_control()).collect();
        let _ = writeln!(self.rules, "\n# {}: {name}", policy.id.escape_default());
        if drops {
            self.rule("drops", &quote(&policy.id), &conditions);
        }
        // What is dropped is not changed.
        for operation in target.transform.operations.iter().filter(|_| !drops) {
            self.operation(operation, &conditions)?;
        }
        Ok(())
    }

    fn rule(&mut self, set: &'static str, value: &str, conditions: &[String]) {
        self.sets.insert(set);
        let body: String = conditions.iter().map(|it| format!("\t{it}\n")).collect();
        let _ = write!(self.rules, "{set} contains {value} if {{\n{body}}}\n");
    }

    fn operation(&mut self, operation: &Operation, conditions: &[String]) -> Fits<()> {
        let (field, path): (_, &[Key<'static>]) = match &operation.field {
            Field::Attribute(Where::Item, path) => ("attributes", path),
            Field::Body | Field::SeverityText => (name_of(&operation.field, self.signal)?, &[]),
            _ => {
                return Err(
                    "a decision changes attributes, body and severity_text of the record only",
                );
            }
        };
        let written = path.iter().try_fold(field.to_owned(), |path, key| {
            let Key::Text(key) = key else { return Err("a path has a number") };
            Ok(format!("{path}[{}]", quote(key)))
        })?;
        match &operation.change {
            Change::Remove => self.rule("removes", &quote(&written), conditions),
            Change::Mask(with) => {
                let value = format!("{{\"path\": {}, \"with\": {}}}", quote(&written), quote(with));
                self.rule("redacts", &value, conditions);
            }
            Change::Redact { template, .. } if template.contains('$') => {
                return Err("a template with groups has no equal");
            }
            Change::Redact { pattern, template, .. } => {
                let value = format!(
                    "{{\"path\": {}, \"pattern\": {}, \"with\": {}}}",
                    quote(&written),
                    quote(pattern),
                    quote(template)
                );
                self.rule("redacts", &value, conditions);
            }
            Change::Rename { .. } => return Err("a decision cannot rename"),
            Change::Add { value, upsert } => {
                let mut conditions = conditions.to_vec();
                if !upsert {
                    let there = Matcher {
                        field: operation.field.clone(),
                        test: Test::Exists,
                        negate: true,
                    };
                    conditions.push(self.matcher(&there)?);
                }
                let inside = path.iter().rev().fold(quote(value), |inside, key| match key {
                    Key::Text(key) => format!("{{{}: {inside}}}", quote(key)),
                    Key::Index(_) => inside,
                });
                self.rule("sets", &format!("{{{}: {inside}}}", quote(field)), &conditions);
            }
        }
        Ok(())
    }

    /// One expression; a condition that takes several, or must not hold, gets a rule of its own.
    fn matcher(&mut self, matcher: &Matcher) -> Fits<String> {
        let value = reference(&matcher.field, self.signal)?;
        let is_attribute = matches!(matcher.field, Field::Attribute(..));
        let expression = match &matcher.test {
            Test::Exists if is_attribute => format!("_ = {value}"),
            Test::Exists => format!("not {value} in {{\"\", null}}"),
            Test::Equals(Literal::Text(it)) if it.ignore_case => {
                format!("lower({value}) == lower({})", quote(&it.text))
            }
            Test::Equals(Literal::Text(it)) => equals_text(&matcher.field, &value, &it.text)?,
            Test::Equals(Literal::Bool(it)) => format!("{value} == {it}"),
            Test::Equals(Literal::Number(it)) => format!("{value} == {}", shown(*it)),
            Test::Equals(Literal::Bytes(it)) if matcher.field.is_id() => {
                format!("{value} == {}", quote(&pdata::text::hex(it)))
            }
            Test::Equals(Literal::Bytes(_)) => return Err("bytes are no value of Rego"),
            Test::Compare(order, it) => {
                let sign = match order {
                    Order::Greater => ">",
                    Order::GreaterOrEqual => ">=",
                    Order::Less => "<",
                    Order::LessOrEqual => "<=",
                };
                format!("is_number({value}); {value} {sign} {}", shown(*it))
            }
            Test::Text(kind, it) => text_test(*kind, &value, it),
            Test::Regex(_, regex) => format!("regex.match({}, {value})", quote(regex.as_str())),
        };
        let is_simple = !matcher.negate && !expression.contains("; ");
        if is_simple {
            return Ok(expression);
        }
        self.number += 1;
        let name = format!("condition_{}", self.number);
        let body = expression.replace("; ", "\n\t");
        let _ = write!(self.rules, "\n{name} if {{\n\t{body}\n}}\n");
        Ok(if matcher.negate { format!("not {name}") } else { name })
    }
}

fn text_test(kind: TextTest, value: &str, it: &Text) -> String {
    let function = match kind {
        TextTest::StartsWith => "startswith",
        TextTest::EndsWith => "endswith",
        TextTest::Contains => "contains",
    };
    if it.ignore_case {
        return format!("{function}(lower({value}), lower({}))", quote(&it.text));
    }
    format!("{function}({value}, {})", quote(&it.text))
}

/// Enums are numbers in the input.
fn equals_text(field: &Field, value: &str, text: &str) -> Fits<String> {
    let names: &[&str] = match field {
        Field::SpanKind => &["unspecified", "internal", "server", "client", "producer", "consumer"],
        Field::SpanStatus => &["unset", "ok", "error"],
        _ => return Ok(format!("{value} == {}", quote(text))),
    };
    let number = names.iter().position(|it| *it == text).ok_or("the value is not known")?;
    Ok(format!("{value} == {number}"))
}

/// Where the input has a field.
fn reference(field: &Field, signal: Signal) -> Fits<String> {
    let Field::Attribute(of, path) = field else {
        let name = name_of(field, signal)?;
        return Ok(match field {
            Field::ResourceSchemaUrl => "input.resource.schema_url".to_owned(),
            Field::ScopeSchemaUrl => "input.scope.schema_url".to_owned(),
            Field::ScopeName => "input.scope.name".to_owned(),
            Field::ScopeVersion => "input.scope.version".to_owned(),
            _ => format!("input.{}.{name}", item(signal)),
        });
    };
    let base = match of {
        Where::Resource => "input.resource.attributes".to_owned(),
        Where::Scope => "input.scope.attributes".to_owned(),
        Where::Item => format!("input.{}.attributes", item(signal)),
        Where::Point => "input.metric.data_point.attributes".to_owned(),
        Where::Event => return Err("a decision asks for one value, not for any of several events"),
    };
    path.iter().try_fold(base, |path, key| match key {
        Key::Text(key) => Ok(format!("{path}[{}]", quote(key))),
        Key::Index(_) => Err("a path has a number"),
    })
}

fn item(signal: Signal) -> &'static str {
    match signal {
        Signal::Logs => "log",
        Signal::Traces => "span",
        Signal::Metrics => "metric",
    }
}

fn name_of(field: &Field, signal: Signal) -> Fits<&'static str> {
    Ok(match field {
        Field::Body => "body",
        Field::SeverityText => "severity_text",
        Field::EventName => "event_name",
        Field::TraceId => "trace_id",
        Field::SpanId => "span_id",
        Field::ParentSpanId => "parent_span_id",
        Field::TraceState => "trace_state",
        Field::Name => "name",
        Field::SpanKind => "kind",
        Field::SpanStatus => "status.code",
        Field::Description => "description",
        Field::Unit => "unit",
        Field::SpanEventName | Field::LinkTraceId => {
            return Err("a decision asks for one value, not for any of several events or links");
        }
        Field::MetricType | Field::Temporality if signal == Signal::Metrics => {
            return Err("type and temporality of a metric have other names in the input");
        }
        _ => "",
    })
}

fn shown(number: Number) -> String {
    match number {
        Number::Int(it) => it.to_string(),
        Number::Double(it) => it.to_string(),
    }
}

/// A string of Rego, which is one of JSON.
fn quote(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
