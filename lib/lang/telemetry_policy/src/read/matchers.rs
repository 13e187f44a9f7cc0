//! `match`: the conditions of a policy.

use confmap::{Data, Entry, Node};
use pdata::Signal;
use pdata::text::Base64;

use super::{Read, Reader, Wrong, fields, snake};
use crate::model::{Field, Literal, Matcher, Number, Order, Test, Text, TextTest, fold};

/// What a matcher may ask.
const TESTS: &[&str] = &[
    "exact",
    "regex",
    "exists",
    "starts_with",
    "ends_with",
    "contains",
    "equals",
    "gt",
    "gte",
    "lt",
    "lte",
];
const FLAGS: &[&str] = &["negate", "case_insensitive"];

/// Enums that are compared with at once: their selectors, fields, prefixes and members.
const KINDS: &[(Signal, &str, Field, &str, &[&str])] = &[
    (
        Signal::Metrics,
        "metric_type",
        Field::MetricType,
        "metric_type_",
        &["gauge", "sum", "histogram", "exponential_histogram", "summary"],
    ),
    (
        Signal::Metrics,
        "aggregation_temporality",
        Field::Temporality,
        "aggregation_temporality_",
        &["delta", "cumulative"],
    ),
    (
        Signal::Traces,
        "span_kind",
        Field::SpanKind,
        "span_kind_",
        &["internal", "server", "client", "producer", "consumer"],
    ),
    (
        Signal::Traces,
        "span_status",
        Field::SpanStatus,
        "span_status_code_",
        &["unset", "ok", "error"],
    ),
];

/// What has been read of a matcher.
#[derive(Default)]
struct Parts<'n> {
    field: Option<Field>,
    /// Said by the selector itself.
    implied: Option<Test>,
    asked: Option<(&'n Entry, String)>,
    negate: bool,
    ignore_case: bool,
}

impl Reader {
    /// A matcher of `signal`; `at` says which: `log: match[0]`.
    pub(super) fn matcher(&mut self, node: &Node, signal: Signal, at: &str) -> Read<Matcher> {
        let Data::Map(entries) = &node.data else {
            return Err(self.wrong(
                &node.origin,
                format!("{at}: must be a map"),
                "write a field and a condition",
            ));
        };
        let selectors = match signal {
            Signal::Logs => fields::LOG,
            Signal::Metrics => fields::METRIC,
            Signal::Traces => fields::TRACE,
        };
        let mut parts = Parts::default();
        for entry in entries {
            self.part(entry, signal, selectors, at, &mut parts)?;
        }
        let Some(field) = parts.field.take() else {
            let help = format!("write one of {}", selectors.join(", "));
            return Err(self.wrong(&node.origin, format!("{at}: no field set"), &help));
        };
        let (test, inverted) = match (parts.implied.take(), parts.asked.take()) {
            (None, Some((entry, key))) => {
                self.test(&entry.value, &key, &field, parts.ignore_case, at)?
            }
            (Some(test), None) => (test, false),
            (Some(test), Some((entry, key))) if key == "exists" => {
                (test, !self.boolean(&entry.value, &format!("{at}: exists"))?)
            }
            (Some(_), Some((entry, key))) => {
                let help = "this field is compared with its value at once: remove the condition";
                return Err(self.wrong(
                    &entry.key_origin,
                    format!("{at}: {key} does not go with this field"),
                    help,
                ));
            }
            (None, None) => {
                let help = format!("write one of {}", TESTS.join(", "));
                return Err(self.wrong(
                    &node.origin,
                    format!("{at}: no match condition set"),
                    &help,
                ));
            }
        };
        Ok(Matcher { field, test, negate: parts.negate != inverted })
    }

    fn part<'n>(
        &mut self,
        entry: &'n Entry,
        signal: Signal,
        selectors: &[&str],
        at: &str,
        parts: &mut Parts<'n>,
    ) -> Read<()> {
        let key = snake(&entry.key);
        let of_signal = selectors.contains(&key.as_str());
        let (field, implied) = match key.as_str() {
            "negate" => {
                parts.negate = self.boolean(&entry.value, &format!("{at}: negate"))?;
                return Ok(());
            }
            "case_insensitive" => {
                parts.ignore_case =
                    self.boolean(&entry.value, &format!("{at}: case_insensitive"))?;
                return Ok(());
            }
            test if TESTS.contains(&test) => {
                if parts.asked.is_some() {
                    let help = "make a matcher of each: all have to hold";
                    let text = format!("{at}: more than one match condition set");
                    return Err(self.wrong(&entry.key_origin, text, help));
                }
                parts.asked = Some((entry, key));
                return Ok(());
            }
            _ if of_signal => match self.selector(&key, entry, at) {
                Some(field) => (field?, None),
                None => return Err(Wrong),
            },
            other => {
                let Some((field, test)) = self.implied(other, signal, &entry.value, at)? else {
                    let kinds = KINDS.iter().filter(|it| it.0 == signal).map(|it| it.1);
                    let known = selectors.iter().chain(TESTS).chain(FLAGS).copied().chain(kinds);
                    return Err(self.unknown(entry, at, &known.collect::<Vec<_>>()));
                };
                (field, Some(test))
            }
        };
        if parts.field.is_some() {
            let help = "make a matcher of each: all have to hold";
            return Err(self.wrong(
                &entry.key_origin,
                format!("{at}: more than one field set"),
                help,
            ));
        }
        parts.field = Some(field);
        parts.implied = implied;
        Ok(())
    }

    /// A selector that says with what its field is compared.
    fn implied(
        &mut self,
        key: &str,
        signal: Signal,
        node: &Node,
        at: &str,
    ) -> Read<Option<(Field, Test)>> {
        if let Some((_, _, field, prefix, members)) =
            KINDS.iter().find(|it| it.0 == signal && it.1 == key)
        {
            let mut name = self.enum_name(node, at, prefix)?;
            if *field == Field::SpanStatus && name == "unspecified" {
                "unset".clone_into(&mut name);
            }
            if !members.contains(&name.as_str()) {
                let help = format!("there are {}", members.join(", "));
                return Err(self.wrong(
                    &node.origin,
                    format!("{at}: unknown {key} {name:?}"),
                    &help,
                ));
            }
            return Ok(Some((field.clone(), equals_text(name, false))));
        }
        Ok(match (signal, key) {
            (Signal::Traces, "event_name") => {
                let name = self.text(node, at)?.to_owned();
                Some((Field::SpanEventName, equals_text(name, false)))
            }
            (Signal::Traces, "link_trace_id") => {
                let bytes = self.hex(node, &format!("{at}: link_trace_id"))?;
                Some((Field::LinkTraceId, Test::Equals(Literal::Bytes(bytes))))
            }
            _ => None,
        })
    }

    /// What is asked, and whether the answer is turned round.
    fn test(
        &mut self,
        node: &Node,
        key: &str,
        field: &Field,
        ignore_case: bool,
        at: &str,
    ) -> Read<(Test, bool)> {
        let place = format!("{at}: {key}");
        let order = match key {
            "exists" => return Ok((Test::Exists, !self.boolean(node, &place)?)),
            "exact" => {
                let text = self.text(node, &place)?.to_owned();
                return Ok((self.equals(text, node, field, ignore_case, &place)?, false));
            }
            "equals" => {
                let literal = self.value(node, &place)?;
                let test = match literal {
                    Literal::Text(it) => self.equals(it.text, node, field, ignore_case, &place)?,
                    other => Test::Equals(other),
                };
                return Ok((test, false));
            }
            "regex" => {
                let (pattern, regex) = self.regex(node, at, ignore_case)?;
                return Ok((Test::Regex(pattern, regex), false));
            }
            "starts_with" | "ends_with" | "contains" => {
                let text = text_of(self.text(node, &place)?, ignore_case);
                let test = match key {
                    "starts_with" => TextTest::StartsWith,
                    "ends_with" => TextTest::EndsWith,
                    _ => TextTest::Contains,
                };
                return Ok((Test::Text(test, text), false));
            }
            "gt" => Order::Greater,
            "gte" => Order::GreaterOrEqual,
            "lt" => Order::Less,
            _ => Order::LessOrEqual,
        };
        if let Literal::Number(it) = self.value(node, &place)? {
            return Ok((Test::Compare(order, it), false));
        }
        let help = "write a number, without quotes";
        Err(self.wrong(&node.origin, format!("{place} must be a number"), help))
    }

    /// Equality with a text, which stands for bytes where the field holds bytes.
    fn equals(
        &mut self,
        text: String,
        node: &Node,
        field: &Field,
        ignore_case: bool,
        at: &str,
    ) -> Read<Test> {
        if field.is_id() {
            return self.hex_digits(&text, node, at).map(|it| Test::Equals(Literal::Bytes(it)));
        }
        Ok(equals_text(text, ignore_case))
    }

    /// A value: a scalar, or a map that names its type.
    fn value(&mut self, node: &Node, at: &str) -> Read<Literal> {
        let entries = match &node.data {
            Data::Bool(it) => return Ok(Literal::Bool(*it)),
            Data::Int(_) | Data::Float(_) => return self.number(node, at).map(Literal::Number),
            Data::String(it) => return Ok(Literal::Text(text_of(it, false))),
            Data::Map(entries) => entries.as_slice(),
            _ => &[],
        };
        let [entry] = entries else {
            let help = "write true, a number or a text, or a map with one of bool_value, int_value, double_value, \
                        string_value, bytes_value, hex_value";
            return Err(self.wrong(&node.origin, format!("{at}: value is unset"), help));
        };
        let value = &entry.value;
        match snake(&entry.key).as_str() {
            "bool_value" => self.boolean(value, at).map(Literal::Bool),
            "int_value" | "double_value" => self.number(value, at).map(Literal::Number),
            "string_value" => Ok(Literal::Text(text_of(self.text(value, at)?, false))),
            "hex_value" => self.hex(value, at).map(Literal::Bytes),
            "bytes_value" => {
                let text = self.text(value, at)?;
                let bytes = Base64::STANDARD.decode(text.as_bytes());
                let bytes = bytes
                    .map_err(|_| self.wrong(&value.origin, format!("{at}: invalid base64"), ""));
                bytes.map(Literal::Bytes)
            }
            _ => {
                let known = [
                    "bool_value",
                    "int_value",
                    "double_value",
                    "string_value",
                    "bytes_value",
                    "hex_value",
                ];
                Err(self.unknown(entry, at, &known))
            }
        }
    }

    /// A number; in protobuf's JSON a large one is a text.
    fn number(&mut self, node: &Node, at: &str) -> Read<Number> {
        let number = match &node.data {
            Data::Int(it) => i64::try_from(*it).ok().map(Number::Int),
            Data::Float(it) => Some(Number::Double(*it)).filter(|_| !it.is_nan()),
            Data::String(it) => it.parse().ok().map(Number::Int),
            _ => None,
        };
        number.ok_or_else(|| {
            self.wrong(
                &node.origin,
                format!("{at} must be a number"),
                "write a number of at most 64 bits",
            )
        })
    }

    fn hex(&mut self, node: &Node, at: &str) -> Read<Vec<u8>> {
        let text = self.text(node, at)?.to_owned();
        self.hex_digits(&text, node, at)
    }

    fn hex_digits(&mut self, text: &str, node: &Node, at: &str) -> Read<Vec<u8>> {
        pdata::text::from_hex(text.as_bytes()).ok_or_else(|| {
            let help = "write an even number of the digits 0 to 9 and a to f";
            self.wrong(&node.origin, format!("{at}: invalid hex {text:?}"), help)
        })
    }
}

fn text_of(text: &str, ignore_case: bool) -> Text {
    let text = if ignore_case { fold(text).into_owned() } else { text.to_owned() };
    Text { text, ignore_case }
}

fn equals_text(text: String, ignore_case: bool) -> Test {
    Test::Equals(Literal::Text(text_of(&text, ignore_case)))
}
