//! The JSON Schema of a section, from what its defaults look like. Values that are absent by default, and
//! elements of lists, may be anything: `validate` knows more.

use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::shape::{Shape, Show, Word};

/// `{"$ref": REFERENCE}` is a value that `${...}` stands for; who puts the schema together defines it.
pub const REFERENCE: &str = "#/$defs/reference";

/// The schema of a section with these values.
pub fn schema<C: Serialize>(config: &C) -> Json {
    Shape::of(config).map_or(json!({}), |shape| of(&shape))
}

fn of(shape: &Shape) -> Json {
    match shape {
        Shape::Null | Shape::Free(_) => json!({}),
        Shape::Bool(it) => either([json!({"type": "boolean"})], json!(it)),
        // Sizes are numbers with a unit, too.
        Shape::Int(_) => either(
            [
                json!({"type": "number"}),
                json!({"type": "string", "pattern": "^[0-9.]+ *[kKMGTP]?i?[bB]?$"}),
            ],
            shown(shape),
        ),
        Shape::Float(_) => either([json!({"type": "number"})], shown(shape)),
        Shape::Text(_) | Shape::Secret(_) => either([json!({"type": "string"})], shown(shape)),
        Shape::Choice(it) => words(it, shown(shape)),
        Shape::Duration(_) => {
            let text = json!({"type": "string", "pattern": "^[-+]?([0-9.]+(ns|us|\u{b5}s|\u{3bc}s|ms|s|m|h))+$|^[-+]?0$"});
            either([text, json!({"type": "integer"})], shown(shape))
        }
        Shape::List(_) => {
            either([json!({"type": "array"}), json!({"type": "string"})], shown(shape))
        }
        Shape::Headers(_) => {
            let pair = object([("name", json!({"type": "string"})), ("value", json!({}))], false);
            either(
                [json!({"type": "object"}), json!({"type": "array", "items": pair})],
                shown(shape),
            )
        }
        Shape::Map(_) => either([json!({"type": "object"})], Json::Null),
        Shape::Struct(entries) => either([structure(entries, false)], Json::Null),
        Shape::Section { inner, .. } => match &**inner {
            Shape::Struct(entries) => either([structure(entries, true)], Json::Null),
            other => of(other),
        },
    }
}

/// One of a few words. Where the case does not matter an editor proposes them as they are written here.
fn words(word: &Word, default: Json) -> Json {
    let names: Vec<&String> = word.names.iter().filter(|it| !it.is_empty()).collect();
    let listed = json!({"enum": names});
    if !word.any_case {
        return either([listed], default);
    }
    let letter = |it: char| {
        if it.is_ascii_alphabetic() {
            format!("[{}{}]", it.to_ascii_lowercase(), it.to_ascii_uppercase())
        } else {
            it.to_string()
        }
    };
    let names: Vec<String> = names.iter().map(|it| it.chars().map(letter).collect()).collect();
    let pattern = json!({"type": "string", "pattern": format!("^({})$", names.join("|"))});
    either([listed, pattern], default)
}

/// The default as it is printed.
fn shown(shape: &Shape) -> Json {
    serde_json::to_value(shape.clone().show(Show::default())).unwrap_or_default()
}

/// One of these, nothing, or a reference.
fn either<const N: usize>(ways: [Json; N], default: Json) -> Json {
    let others = [json!({"type": "null"}), json!({"$ref": REFERENCE})];
    let mut schema = json!({"anyOf": ways.into_iter().chain(others).collect::<Vec<_>>()});
    if default != Json::Null {
        schema["default"] = default;
    }
    schema
}

fn structure(entries: &[(String, Shape)], is_section: bool) -> Json {
    let own = entries.iter().map(|(key, shape)| (key.as_str(), of(shape)));
    let switch = is_section.then(|| ("enabled", json!({"type": ["boolean", "null"]})));
    object(own.chain(switch), true)
}

/// These keys and no others; with `::` in a key there is more than one key in it.
pub fn object<'a>(entries: impl IntoIterator<Item = (&'a str, Json)>, split: bool) -> Json {
    let properties: Map<String, Json> =
        entries.into_iter().map(|(key, schema)| (key.to_owned(), schema)).collect();
    let mut schema =
        json!({"type": "object", "properties": properties, "additionalProperties": false});
    if split {
        schema["patternProperties"] = json!({"::": {}});
    }
    schema
}
