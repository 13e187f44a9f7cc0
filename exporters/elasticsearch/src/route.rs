//! Which index or data stream a document goes to (`data_stream_router.go`, v0.159).

use std::fmt::Write as _;

use documents::json::{self, object};
use documents::{Parts, json::Object};
use pdata::AttributesRef;

use crate::mode::Mode;

const INDEX: &str = "elasticsearch.index";
const DATASET: &str = "data_stream.dataset";
const NAMESPACE: &str = "data_stream.namespace";
const KIND: &str = "data_stream.type";
/// Of a field of a data stream's name, in bytes.
const FIELD_BYTES_MAX: usize = 100;
const NOT_IN_NAMESPACE: &str = "\\/*?\"<>| ,#:";

/// Where documents go that nothing else is said of.
#[derive(Debug, Clone)]
pub(crate) struct Router {
    /// The index of the section; empty if it has none.
    pub(crate) index: String,
    /// What is put behind it: separator and date.
    pub(crate) suffix: String,
}

/// The parts of a data stream's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) kind: String,
    pub(crate) dataset: String,
    pub(crate) namespace: String,
}

/// Where a document goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) index: String,
    pub(crate) stream: Option<Stream>,
}

impl Route {
    /// The line before the document: it is made, and not replaced.
    pub(crate) fn action(&self, out: &mut Vec<u8>, mode: Mode, more: impl FnOnce(&mut Object<'_>)) {
        object(out, |line| {
            line.object("create", |action| {
                more(action);
                action.text("_index", &self.index);
                if mode == Mode::Otel && self.stream.is_some() {
                    json_true(action, "require_data_stream");
                }
            });
        });
        out.push(b'\n');
    }

    /// `"data_stream":{...}`, or nothing.
    pub(crate) fn stream_member(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(stream) = &self.stream {
            out.extend_from_slice(b"\"data_stream\":");
            object(&mut out, |it| {
                it.text("type", &stream.kind);
                it.text("dataset", &stream.dataset);
                it.text("namespace", &stream.namespace);
            });
        }
        out
    }
}

fn json_true(object: &mut Object<'_>, key: &str) {
    json::value(object.key(key), pdata::ValueRef::Bool(true), json::Bytes::Hex);
}

/// Attributes that are there for the exporter, and not for the document.
pub(crate) fn is_reserved(key: &str) -> bool {
    if !key.starts_with(['d', 'e']) {
        return false;
    }
    match key.split_once('.') {
        Some(("data_stream", _)) => matches!(key, DATASET | NAMESPACE | KIND),
        Some(("elasticsearch", rest)) => {
            matches!(rest, "index" | "document_id" | "document_pipeline" | "mapping.hints")
        }
        Some(("elastic", rest)) => rest == "mapping.mode",
        _ => false,
    }
}

/// True if attributes of an item say where it goes.
pub(crate) fn says(attributes: AttributesRef<'_>) -> bool {
    attributes
        .iter_encoded()
        .any(|(key, _)| key.starts_with(b"data_stream.") || key == INDEX.as_bytes())
}

impl Router {
    /// Where a document goes: as its item says, else its scope, else its resource.
    ///
    /// # Errors
    /// It cannot be said.
    pub(crate) fn route(
        &self,
        attributes: [AttributesRef<'_>; 3],
        scope_name: &str,
        (mode, kind): (Mode, &str),
    ) -> Result<Route, &'static str> {
        if !self.index.is_empty() {
            return Ok(Route { index: format!("{}{}", self.index, self.suffix), stream: None });
        }
        let find =
            |key: &str| attributes.iter().find_map(|it| it.get(key)).map(|it| it.to_string());
        if let Some(index) = find(INDEX) {
            return Ok(Route { index: format!("{index}{}", self.suffix), stream: None });
        }
        let kind = match find(KIND) {
            Some(kind) if mode == Mode::BodyMap => kind,
            _ => kind.to_owned(),
        };
        if mode == Mode::BodyMap && !matches!(kind.as_str(), "logs" | "metrics") {
            return Err("data_stream_type");
        }
        let dataset = find(DATASET).or_else(|| receiver(scope_name).map(str::to_owned));
        let dataset = dataset.as_deref().unwrap_or("generic");
        let suffix = if mode == Mode::Otel { ".otel" } else { "" };
        let dataset = clean(dataset, |it| it == '-' || NOT_IN_NAMESPACE.contains(it), suffix);
        let namespace = find(NAMESPACE).unwrap_or_else(|| "default".to_owned());
        let namespace = clean(&namespace, |it| NOT_IN_NAMESPACE.contains(it), "");
        let index = format!("{kind}-{dataset}-{namespace}{}", self.suffix);
        let stream = self.suffix.is_empty().then_some(Stream { kind, dataset, namespace });
        Ok(Route { index, stream })
    }
}

/// What the name of a data stream may hold: small letters, and of the rest what is not disallowed.
fn clean(field: &str, disallowed: impl Fn(char) -> bool, suffix: &str) -> String {
    let small = field.chars().map(|it| if disallowed(it) { '_' } else { it });
    let mut out: String = small.flat_map(char::to_lowercase).collect();
    out.truncate(out.floor_char_boundary(FIELD_BYTES_MAX - suffix.len()));
    out + suffix
}

/// The receiver whose scope this is: `.../receiver/hostmetricsreceiver/internal/scraper/cpuscraper`.
fn receiver(scope_name: &str) -> Option<&str> {
    scope_name.match_indices("/receiver/").find_map(|(at, it)| {
        let rest = scope_name.get(at + it.len()..)?;
        let is_word = |it: char| it.is_ascii_alphanumeric() || it == '_';
        let word = rest.split(|it| !is_word(it)).next().unwrap_or_default();
        let end = word.rfind("receiver")? + "receiver".len();
        word.get(..end)
    })
}

/// A date in the form of strftime; `None` if a verb of the form is not known.
pub(crate) fn date(format: &str, unix_nanos: u64) -> Option<String> {
    let it = Parts::of(unix_nanos);
    let mut out = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let (number, width) = match letters.next()? {
            'Y' => (it.year, 4),
            'y' => (it.year % 100, 2),
            'm' => (it.month, 2),
            'd' => (it.day, 2),
            'j' => (it.day_of_year, 3),
            'H' => (it.hour, 2),
            'M' => (it.minute, 2),
            'S' => (it.second, 2),
            '%' => {
                out.push('%');
                continue;
            }
            _ => return None,
        };
        // Writing to a text does not fail.
        let _ = write!(out, "{number:0width$}");
    }
    Some(out)
}
