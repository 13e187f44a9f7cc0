//! Sections with expressions between backticks in their texts.

use bumpalo::Bump;
use component::Endpoint;
use component::config::Value;
use expr::Program;
use golang::value::display;

use crate::environment::{Environment, plain};

/// Deepest nesting of a section.
const DEPTH_MAX: usize = 100;

/// A section whose expressions are compiled.
#[derive(Debug)]
pub(crate) enum Pattern {
    /// Without expressions.
    Plain(Value),
    Text(Text),
    List(Vec<Pattern>),
    Map(Vec<(String, Pattern)>),
}

/// A text with expressions in it.
#[derive(Debug)]
pub(crate) struct Text(Vec<Part>);

#[derive(Debug)]
enum Part {
    Literal(String),
    Expression(Program),
}

impl Pattern {
    /// Compiles the texts of a section.
    pub(crate) fn new(section: &Value) -> Result<Self, String> {
        Self::at(section, 0)
    }

    fn at(section: &Value, depth: usize) -> Result<Self, String> {
        if depth == DEPTH_MAX {
            return Err(format!("the section is nested more than {DEPTH_MAX} levels deep"));
        }
        // What came from a variable is a text as well, if it holds an expression.
        if let Some(text) = section.as_str().filter(|it| it.contains(['`', '\\'])) {
            return Ok(Self::Text(Text::new(text)?));
        }
        Ok(match section.plain() {
            Value::List(items) => {
                let items = items.iter().map(|it| Self::at(it, depth + 1));
                Self::List(items.collect::<Result<_, _>>()?)
            }
            Value::Map(entries) => {
                let pair =
                    |(key, it): &(String, Value)| Ok((key.clone(), Self::at(it, depth + 1)?));
                Self::Map(entries.iter().map(pair).collect::<Result<_, String>>()?)
            }
            _ => Self::Plain(section.clone()),
        })
    }

    /// The section for an endpoint.
    pub(crate) fn expand(&self, endpoint: &Endpoint) -> Result<Value, String> {
        Ok(match self {
            Self::Plain(it) => it.clone(),
            Self::Text(it) => it.expand(endpoint)?,
            Self::List(items) => {
                Value::List(items.iter().map(|it| it.expand(endpoint)).collect::<Result<_, _>>()?)
            }
            Self::Map(entries) => {
                let pair = |(key, it): &(String, Self)| Ok((key.clone(), it.expand(endpoint)?));
                Value::Map(entries.iter().map(pair).collect::<Result<_, String>>()?)
            }
        })
    }
}

impl Text {
    /// Compiles. `` \` `` is a backtick.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let (mut parts, mut literal) = (Vec::new(), String::new());
        let mut rest = text;
        while let Some(at) = rest.find(['`', '\\']) {
            literal.push_str(&rest[..at]);
            let special = &rest[at..];
            if let Some(after) = special.strip_prefix('\\') {
                let Some(next) = after.chars().next() else {
                    return Err("encountered escape (\\) without value at end of expression".into());
                };
                if next != '`' {
                    literal.push('\\');
                }
                literal.push(next);
                rest = &after[next.len_utf8()..];
                continue;
            }
            let inside = &special[1..];
            let start = text.len() - inside.len();
            let end = inside.find('`');
            let end = end.ok_or_else(|| {
                format!("expression was unbalanced starting at character {start}")
            })?;
            if inside[..end].trim().is_empty() {
                return Err("expression is empty".into());
            }
            let program = Program::of_endpoint(&inside[..end]);
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Expression(program.map_err(|it| it.text)?));
            rest = &inside[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self(parts))
    }

    /// The value of the only expression, or all parts as one text.
    fn expand(&self, endpoint: &Endpoint) -> Result<Value, String> {
        let arena = Bump::new();
        let environment = Environment::new(endpoint, &arena);
        if let [Part::Expression(one)] = self.0.as_slice() {
            return Ok(plain(&one.value(&environment, &arena)?));
        }
        let mut all = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(text) => all.push_str(text),
                Part::Expression(it) => all.push_str(&display(&it.value(&environment, &arena)?)),
            }
        }
        Ok(Value::String(all))
    }

    /// The same as a text; empty for nothing.
    pub(crate) fn text(&self, endpoint: &Endpoint) -> Result<String, String> {
        Ok(match self.expand(endpoint)? {
            Value::String(it) => it,
            Value::Null => String::new(),
            Value::Bool(it) => it.to_string(),
            Value::Int(it) => it.to_string(),
            Value::Float(it) => it.to_string(),
            other => return Err(format!("expected string, but got {}", other.go_type())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Endpoint {
        let labels = Value::Map(vec![("app".into(), Value::String("web".into()))]);
        let pod = Value::Map(vec![
            ("labels".into(), labels),
            ("name".into(), Value::String("web-0".into())),
        ]);
        let known = vec![("port".to_owned(), Value::Int(6379)), ("pod".to_owned(), pod)];
        Endpoint::new("id".into(), "port", "10.0.0.1:6379".into(), known)
    }

    fn check(text: &str, want: Value) {
        let got = Pattern::new(&Value::String(text.into())).and_then(|it| it.expand(&endpoint()));
        assert_eq!(got, Ok(want), "{text}");
    }

    fn fails(text: &str, want: &str) {
        let got = Pattern::new(&Value::String(text.into())).and_then(|it| it.expand(&endpoint()));
        assert!(got.as_ref().is_err_and(|it| it.contains(want)), "{text}: {got:?}");
    }

    #[test]
    fn one_expression_keeps_its_type_and_several_parts_are_a_text() {
        let text = |it: &str| Value::String(it.into());
        check("plain", text("plain"));
        check("`port`", Value::Int(6379));
        check("`\"app\" in pod.labels`", Value::Bool(true));
        check("http://`endpoint`/`pod.labels[\"app\"]`", text("http://10.0.0.1:6379/web"));
        check("`port`1", text("63791"));
        check(r"\`endpoint\` \d", text(r"`endpoint` \d"));
        check("`pod.labels[\"none\"]`", Value::Null);
        check("`\"none\" in pod.labels ? pod.labels[\"none\"] : 9090`", Value::Int(9090));
        check("`type` `id` `host`", text("port id 10.0.0.1"));
        check("`typeOf(port)`", text("int"));
        fails("`endpoint", "unbalanced starting at character 1");
        fails("` `", "expression is empty");
        fails("`1 +`", "unexpected token");
        fails("`pod + 1`", "mismatched types");
        fails("a\\", "without value at end");
    }

    #[test]
    fn expressions_are_expanded_anywhere_in_a_section() {
        let text = |it: &str| Value::String(it.into());
        let section = Value::Map(vec![
            ("endpoint".into(), text("`endpoint`")),
            ("list".into(), Value::List(vec![text("`port`"), Value::Bool(true)])),
        ]);
        let want = Value::Map(vec![
            ("endpoint".into(), text("10.0.0.1:6379")),
            ("list".into(), Value::List(vec![Value::Int(6379), Value::Bool(true)])),
        ]);
        assert_eq!(Pattern::new(&section).unwrap().expand(&endpoint()), Ok(want));
        let mut deep = Value::Null;
        for _ in 0..=DEPTH_MAX {
            deep = Value::List(vec![deep]);
        }
        assert!(Pattern::new(&deep).is_err());
    }
}
