//! `set_semconv_span_name`: the name of a span as the semantic conventions make it of its attributes, so that it
//! has few different values.

use pdata::{AttributesRef, Field, Place, Value, ValueRef};

use super::{Editor, State, Work, constant_text, editor};
use crate::context::Context;
use crate::functions::{Kind, Slot, may_take, takes};

pub(super) const ALL: &[Editor] = &[editor(
    "set_semconv_span_name",
    &[
        takes("semconv_version", Kind::TheText),
        may_take("original_span_name_attribute", Kind::TheText),
    ],
    set_name,
)
.only(&[Context::Span])
.prepared(check)
.says(
    "Names a span after its attributes, as the semantic conventions say. The old name goes to an attribute.",
    "set_semconv_span_name(\"1.37.0\", \"original_name\")",
)];

/// The versions of the conventions whose names of spans are known to be these.
const MINORS: std::ops::RangeInclusive<u32> = 37..=43;

fn check(slots: &[Slot]) -> Result<State, String> {
    let version = constant_text(slots, 0).unwrap_or_default();
    let minor = version.strip_prefix("1.").and_then(|it| it.strip_suffix(".0"));
    if !minor.and_then(|it| it.parse().ok()).is_some_and(|it| MINORS.contains(&it)) {
        return Err(format!(
            "unsupported semconv version {version:?}: must be between 1.37.0 and 1.43.0"
        ));
    }
    if constant_text(slots, 1) == Some("") {
        return Err("originalSpanNameAttribute cannot be an empty string".to_owned());
    }
    Ok(State::None)
}

fn set_name(work: &mut Work<'_, '_>) -> Result<(), String> {
    let old = match work.site.get(Field::SPAN_NAME, &[]) {
        Ok(Some(ValueRef::Str(it))) => it.to_owned(),
        _ => String::new(),
    };
    let Some(new) = derived(&work.site).filter(|it| *it != old) else { return Ok(()) };
    let told = |it: pdata::PathError| it.to_string();
    work.site.set(Field::SPAN_NAME, &[], Value::Str(&new)).map_err(told)?;
    if let Some(key) = constant_text(work.arguments, 1) {
        work.site.set(Field::SPAN_ATTRIBUTES, &[key.into()], Value::Str(&old)).map_err(told)?;
    }
    Ok(())
}

const SERVER: i64 = 2;
const CLIENT: i64 = 3;
const PRODUCER: i64 = 4;
const CONSUMER: i64 = 5;

/// The name; nothing if no convention applies.
fn derived(place: &Place<'_>) -> Option<String> {
    let Ok(Some(ValueRef::Map(attributes))) = place.get(Field::SPAN_ATTRIBUTES, &[]) else {
        return None;
    };
    let it = Attributes(attributes);
    match place.int(Field::SPAN_KIND)? {
        SERVER => it.http("http.route").or_else(|| it.rpc()).or_else(|| it.messaging()),
        CLIENT => it
            .http("url.template")
            .or_else(|| it.rpc())
            .or_else(|| it.database())
            .or_else(|| it.messaging()),
        PRODUCER | CONSUMER => it.messaging(),
        _ => None,
    }
    .filter(|it| !it.is_empty())
}

struct Attributes<'a>(AttributesRef<'a>);

impl Attributes<'_> {
    /// The value of the first of these keys that is there, as text.
    fn text(&self, keys: &[&str]) -> Option<String> {
        keys.iter().find_map(|key| self.0.get(key)).map(|it| it.to_string())
    }

    fn is_true(&self, key: &str) -> bool {
        matches!(self.0.get(key), Some(ValueRef::Bool(true)))
    }

    fn http(&self, subject: &str) -> Option<String> {
        let method = self.text(&["http.request.method", "http.method"])?;
        Some(match self.text(&[subject]) {
            Some(subject) => format!("{method} {subject}"),
            None => method,
        })
    }

    fn rpc(&self) -> Option<String> {
        let system = self.text(&["rpc.system.name", "rpc.system"])?;
        let method = self.text(&["rpc.method", "rpc.grpc.method"]);
        let service = self.text(&["rpc.service", "rpc.grpc.service"]);
        Some(match (service, method) {
            (Some(service), Some(method)) => format!("{service}/{method}"),
            (None, Some(method)) => method,
            (Some(service), None) => format!("{service}/*"),
            (None, None) => system,
        })
    }

    fn database(&self) -> Option<String> {
        let system = self.text(&["db.system.name", "db.system"])?;
        if let Some(summary) = self.text(&["db.query.summary"]) {
            return Some(summary);
        }
        let operation = self.text(&["db.operation.name", "db.operation"]).unwrap_or_default();
        let target = self.database_target().unwrap_or_default();
        Some(match (operation.as_str(), target.as_str()) {
            ("", "") => system,
            (operation, "") => operation.to_owned(),
            ("", target) => target.to_owned(),
            (operation, target) => format!("{operation} {target}"),
        })
    }

    fn database_target(&self) -> Option<String> {
        let namespace = self.text(&["db.namespace", "db.name"]).filter(|it| !it.is_empty());
        let part = self.text(&["db.collection.name", "db.stored_procedure.name"]);
        match (namespace, part) {
            (Some(namespace), Some(part)) => Some(format!("{namespace}.{part}")),
            (Some(it), None) | (None, Some(it)) => Some(it),
            (None, None) => self.server(),
        }
    }

    fn server(&self) -> Option<String> {
        let address = self.text(&["server.address"])?;
        Some(match self.text(&["server.port"]) {
            Some(port) => format!("{address}:{port}"),
            None => address,
        })
    }

    fn messaging(&self) -> Option<String> {
        let system = self.text(&["messaging.system"])?;
        let operation = self.text(&["messaging.operation.name", "messaging.operation"]);
        let destination = self.destination().unwrap_or_default();
        Some(match operation {
            Some(operation) if !destination.is_empty() => format!("{operation} {destination}"),
            _ if !destination.is_empty() => destination,
            Some(operation) => operation,
            None => system,
        })
    }

    fn destination(&self) -> Option<String> {
        if self.is_true("messaging.destination.temporary") {
            return Some("(temporary)".to_owned());
        }
        if self.is_true("messaging.destination.anonymous") {
            return Some("(anonymous)".to_owned());
        }
        self.text(&["messaging.destination.template"])
            .or_else(|| self.text(&["messaging.destination.name", "messaging.destination"]))
            .or_else(|| self.server())
    }
}
