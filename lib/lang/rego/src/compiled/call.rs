//! Calls of builtins: some are done here on texts of the record, the others by the function that the interpreter calls, too.

use std::fmt;

use regex::Regex;
use regorus::Value;
use regorus::unstable::{BUILTINS, BuiltinFcn};

use super::val::{Stop, Val};
use crate::builtins::engine::{self, ARGUMENTS_MAX};
use crate::builtins::{self, args::Function, signatures};

/// A builtin.
#[derive(Clone)]
pub(super) enum Call {
    StartsWith,
    EndsWith,
    Contains,
    Count,
    /// `regex.match` with a constant pattern, which is no argument any more.
    Match(Regex),
    Ours(Function),
    Engines(&'static BuiltinFcn),
    /// The engine's, of those that do not go through their arguments.
    Light(&'static BuiltinFcn),
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StartsWith => "startswith",
            Self::EndsWith => "endswith",
            Self::Contains => "contains",
            Self::Count => "count",
            Self::Match(_) => "regex.match",
            Self::Ours(_) => "ours",
            Self::Engines(_) | Self::Light(_) => "engine's",
        })
    }
}

/// Answers that change from call to call, that reach outside, or that the interpreter handles in a way of its own.
fn is_pure(name: &str) -> bool {
    const NOT: [&str; 12] = [
        "time.now_ns",
        "rand.intn",
        "uuid.rfc4122",
        "opa.runtime",
        "http.send",
        "net.lookup_ip_addr",
        "print",
        "trace",
        "walk",
        "io.jwt.decode_verify",
        "numbers.range",
        "numbers.range_step",
    ];
    !NOT.contains(&name) && !name.starts_with("rego.")
}

/// Looks at a value, and not at all that is in it.
fn is_light(name: &str) -> bool {
    name.starts_with("is_") || matches!(name, "object.get" | "type_name")
}

impl Call {
    /// The builtin of this name.
    pub(super) fn of(name: &str, arguments: usize) -> Result<Self, String> {
        let is_template = name == "internal.template_string";
        let fits = signatures::of(name).is_some_and(|it| {
            it.args.len() == arguments && !it.is_relation && !it.is_variadic && !it.is_infix
        });
        if !is_template && (!fits || !is_pure(name) || arguments > ARGUMENTS_MAX) {
            return Err(format!("it calls {name}"));
        }
        let ours = builtins::all().find(|it| it.0 == name);
        Ok(match (name, ours) {
            (_, Some((_, function))) => Self::Ours(function),
            ("startswith", _) => Self::StartsWith,
            ("endswith", _) => Self::EndsWith,
            ("contains", _) => Self::Contains,
            ("count", _) => Self::Count,
            _ => {
                let found = BUILTINS.get(name).filter(|it| usize::from(it.1) == arguments);
                let found = found.ok_or_else(|| format!("it calls {name}"))?;
                if is_light(name) { Self::Light(found) } else { Self::Engines(found) }
            }
        })
    }

    /// `regex.match` with this pattern.
    pub(super) fn matching(pattern: &str) -> Option<Self> {
        golang::regexp::compile(pattern).ok().map(Self::Match)
    }

    /// The engine's own limits can end it.
    pub(super) fn may_stop(&self) -> bool {
        matches!(self, Self::Engines(_) | Self::Light(_))
    }

    /// It may go through all that is in its arguments.
    pub(super) fn reads_all(&self) -> bool {
        matches!(self, Self::Ours(_) | Self::Engines(_))
    }

    /// The answer; all arguments are defined.
    pub(super) fn answer<'r>(&self, arguments: &[Val<'r>]) -> Result<Val<'r>, Stop> {
        let texts = || Some((arguments.first()?.text()?, arguments.get(1)?.text()?));
        let of_texts = |test: fn(&str, &str) -> bool| match texts() {
            Some((text, part)) => test(text, part).into(),
            None => Value::Undefined,
        };
        Ok(Val::Own(match self {
            Self::StartsWith => of_texts(|text, part| text.starts_with(part)),
            Self::EndsWith => of_texts(|text, part| text.ends_with(part)),
            Self::Contains => of_texts(|text, part| text.contains(part)),
            Self::Count => arguments.first().map_or(Value::Undefined, count),
            Self::Match(pattern) => {
                let text = arguments.first().and_then(Val::text);
                text.map_or(Value::Undefined, |text| pattern.is_match(text).into())
            }
            Self::Ours(function) => function(&values(arguments)).unwrap_or(Value::Undefined),
            Self::Engines(function) | Self::Light(function) => {
                engines(function, &values(arguments))?
            }
        }))
    }
}

fn count(it: &Val<'_>) -> Value {
    match it.value() {
        Some(Value::Array(it)) => it.len().into(),
        Some(Value::Set(it)) => it.len().into(),
        Some(Value::Object(it)) => it.len().into(),
        // As the engine counts.
        _ => it.text().map_or(Value::Undefined, |it| it.encode_utf16().count().into()),
    }
}

fn values(arguments: &[Val<'_>]) -> Vec<Value> {
    arguments.iter().cloned().map(Val::into_value).collect()
}

/// The engine's function, as its interpreter calls it where errors of builtins are undefined.
fn engines(function: &BuiltinFcn, arguments: &[Value]) -> Result<Value, Stop> {
    match engine::call(function, arguments, false) {
        Ok(value) => Ok(value),
        Err(error) if error.is::<regorus::LimitError>() => Err(Stop),
        Err(_) => Ok(Value::Undefined),
    }
}
