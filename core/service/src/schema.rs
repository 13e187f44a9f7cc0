//! The JSON Schema of a whole configuration, for editors.

use component::Kind;
use component::config::schema::{REFERENCE, object, schema};
use serde_json::{Map, Value, json};

use crate::registry::Registry;
use crate::telemetry::TelemetryConfig;

/// What follows a type in an id.
const NAME: &str = "(/[^\\s]+)?\\s*$";

/// The schema of configurations with the components of `registry`.
pub fn whole(registry: &Registry) -> Value {
    let reference = json!({
        "type": "string",
        "pattern": "^\\$\\{.*\\}$",
        "description": "A reference: ${NAME}, ${env:NAME:-default}, ${file:path}",
    });
    let mut definitions = Map::new();
    definitions.insert("reference".into(), reference);
    let mut sections: Vec<(&str, Value)> = Vec::new();
    for kind in Kind::ALL {
        let mut patterns = Map::new();
        for entry in registry.of(kind) {
            let definition = format!("{}.{}", kind.section(), entry.type_name);
            let place = json!({"$ref": format!("#/$defs/{definition}")});
            definitions.insert(definition, (entry.schema)());
            patterns.insert(format!("^\\s*{}{NAME}", entry.type_name), place.clone());
            for alias in entry.aliases {
                let mut old = place.clone();
                old["deprecated"] = true.into();
                old["description"] = format!("An old name of {}", entry.type_name).into();
                patterns.insert(format!("^\\s*{alias}{NAME}"), old);
            }
        }
        sections.push((
            kind.section(),
            any_of(json!({
                "type": "object",
                "patternProperties": patterns,
                "additionalProperties": false,
            })),
        ));
    }
    sections.push(("service", service()));
    let mut root = object(sections, true);
    root["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    root["title"] = "Configuration of a collector".into();
    root["$defs"] = definitions.into();
    root
}

fn service() -> Value {
    let ids = |text: &str| {
        let items = json!({"type": "string"});
        json!({"type": ["array", "string", "null"], "items": items, "description": text})
    };
    let lists = [
        ("receivers", ids("Receivers and connectors that feed the pipeline.")),
        ("processors", ids("What changes the telemetry on its way, in this order.")),
        ("exporters", ids("Exporters and connectors behind it.")),
    ];
    let pipeline = object(lists, true);
    let pipelines = json!({
        "type": "object",
        "patternProperties": {format!("^\\s*(traces|metrics|logs|profiles){NAME}"): any_of(pipeline)},
        "additionalProperties": false,
    });
    any_of(object(
        [
            ("extensions", ids("What is started first, in this order.")),
            ("pipelines", described(any_of(pipelines), "How telemetry flows, by signal.")),
            (
                "telemetry",
                described(
                    schema(&TelemetryConfig::default()),
                    "What the collector says of itself.",
                ),
            ),
        ],
        true,
    ))
}

fn described(mut schema: Value, text: &str) -> Value {
    schema["description"] = text.into();
    schema
}

/// This, nothing, or a reference.
fn any_of(schema: Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}, {"$ref": REFERENCE}]})
}
