//! The JSON Schema of a section: its keys and their kinds from what its defaults look like, what the keys are for
//! and what is inside lists from its types.

use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::described::{Described, Inside, Item, flat};
use super::shape::{Shape, Show, Word};
use super::tagged::TYPE;

/// `{"$ref": REFERENCE}` is a value that `${...}` stands for; who puts the schema together defines it.
pub const REFERENCE: &str = "#/$defs/reference";

/// What is said of the key that turns a section off.
const ENABLED: &str = "False turns the section off.";

/// The schema of a section with these values.
pub fn schema<C: Serialize + Described>(config: &C) -> Json {
    Shape::of(config).map_or(json!({}), |shape| of(&shape, &C::inside()))
}

fn of(shape: &Shape, inside: &Inside) -> Json {
    match (shape, inside) {
        (Shape::Null, Inside::Maybe(item)) => absent(item),
        (Shape::Null | Shape::Free(_), _) => json!({}),
        (shape, Inside::Maybe(item)) => of(shape, &item.inside),
        (Shape::Bool(it), _) => either([json!({"type": "boolean"})], json!(it)),
        // Sizes are numbers with a unit, too.
        (Shape::Int(_), _) => either(
            [
                json!({"type": "number"}),
                json!({"type": "string", "pattern": "^[0-9.]+ *[kKMGTP]?i?[bB]?$"}),
            ],
            shown(shape),
        ),
        (Shape::Float(_), _) => either([json!({"type": "number"})], shown(shape)),
        (Shape::Text(_) | Shape::Secret(_), _) => either([json!({"type": "string"})], shown(shape)),
        (Shape::Choice(it), _) => words(it, shown(shape)),
        (Shape::Duration(_), _) => {
            let text = json!({"type": "string", "pattern": "^[-+]?([0-9.]+(ns|us|\u{b5}s|\u{3bc}s|ms|s|m|h))+$|^[-+]?0$"});
            either([text, json!({"type": "integer"})], shown(shape))
        }
        (Shape::List(_), inside) => {
            let mut list = json!({"type": "array"});
            if let Inside::Items(item) = inside {
                list["items"] = absent(item);
            }
            either([list, json!({"type": "string"})], shown(shape))
        }
        (Shape::Headers(_), _) => {
            let pair = [
                ("name", json!({"type": "string", "description": "The header."})),
                ("value", json!({"description": "What is sent."})),
            ];
            let pairs = json!({"type": "array", "items": object(pair, false)});
            either([json!({"type": "object"}), pairs], shown(shape))
        }
        (Shape::Map(_), inside) => {
            let mut map = json!({"type": "object"});
            if let Inside::Entries(item) = inside {
                map["additionalProperties"] = absent(item);
            }
            either([map], Json::Null)
        }
        (Shape::Struct(entries), inside) => either([structure(entries, inside, false)], Json::Null),
        (Shape::Section { inner, .. }, inside) => match &**inner {
            Shape::Struct(entries) => either([structure(entries, inside, true)], Json::Null),
            other => of(other, inside),
        },
    }
}

/// An item of a list, or what is absent by default: there is no default to show.
fn absent(item: &Item) -> Json {
    match &item.inside {
        Inside::Any => return json!({}),
        Inside::TextOr(other) => {
            return either([json!({"type": "string"}), absent(other)], Json::Null);
        }
        Inside::Tagged(types) => {
            let ways = types.iter().map(|(name, text, item)| tagged(name, text, &item()));
            return json!({"anyOf": ways.collect::<Vec<_>>()});
        }
        _ => {}
    }
    let mut schema = of(&item.shape, &item.inside);
    if let Json::Object(entries) = &mut schema {
        entries.remove("default");
    }
    schema
}

/// An item of this type. The type is written as a list of one word: by these an editor chooses what to complain of.
fn tagged(name: &str, text: &str, item: &Item) -> Json {
    let Shape::Struct(entries) = &item.shape else { return json!({}) };
    let mut schema = structure(entries, &item.inside, false);
    schema["properties"][TYPE]["enum"] = json!([name]);
    if let Json::Object(key) = &mut schema["properties"][TYPE] {
        key.retain(|it, _| it == "enum" || it == "description");
    }
    schema["required"] = json!([TYPE]);
    schema["description"] = text.into();
    schema
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

fn structure(entries: &[(String, Shape)], inside: &Inside, is_section: bool) -> Json {
    let keys = match inside {
        Inside::Keys(keys, _) => flat(keys),
        _ => Vec::new(),
    };
    let own = entries.iter().map(|(name, shape)| {
        let key = keys.iter().find(|it| it.name == name);
        let inside = key.map_or(Inside::Plain, |it| (it.inside)());
        let mut schema = of(shape, &inside);
        if let Some(key) = key.filter(|it| !it.text.is_empty()) {
            schema["description"] = key.text.into();
        }
        (name.as_str(), schema)
    });
    let switch = json!({"type": ["boolean", "null"], "description": ENABLED});
    object(own.chain(is_section.then_some(("enabled", switch))), true)
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
