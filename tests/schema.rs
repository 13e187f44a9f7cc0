//! `schema`: what runs fits it, and what is misspelt does not.

use std::fs;
use std::process::Command;

use regex::Regex;
use serde_json::{Value, json};

use crate::configs::{self, ENVIRONMENT};
use crate::support::{SLUICE, repository};

/// The parts of JSON Schema that ours uses; where it does not fit.
fn misfit(root: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(place) = schema["$ref"].as_str() {
        return misfit(root, root.pointer(&place[1..]).expect(place), value, at);
    }
    if let Some(ways) = schema["anyOf"].as_array() {
        let misfits: Vec<String> =
            ways.iter().map_while(|it| misfit(root, it, value, at)).collect();
        // The deepest says most.
        return (misfits.len() == ways.len())
            .then(|| misfits.into_iter().max_by_key(|it| it.find(": ").unwrap_or(it.len())))?;
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(it) if it.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = |wanted: &Value| *wanted == kind || (*wanted == "number" && kind == "integer");
    let wanted = &schema["type"];
    if !(wanted.is_null()
        || fits(wanted)
        || wanted.as_array().is_some_and(|it| it.iter().any(fits)))
    {
        return Some(format!("{at}: {kind}"));
    }
    let matches = |pattern: &str, text: &str| Regex::new(pattern).unwrap().is_match(text);
    match value {
        Value::String(it) => {
            let pattern = schema["pattern"].as_str()?;
            (!matches(pattern, it)).then(|| format!("{at}: {it}"))
        }
        Value::Array(items) if schema["items"].is_object() => {
            items.iter().find_map(|it| misfit(root, &schema["items"], it, &format!("{at}[]")))
        }
        Value::Object(entries) => entries.iter().find_map(|(key, it)| {
            let at = format!("{at}.{key}");
            let patterns = schema["patternProperties"].as_object();
            let by_pattern =
                patterns.into_iter().flatten().find(|(pattern, _)| matches(pattern, key));
            match schema["properties"].get(key).or(by_pattern.map(|it| it.1)) {
                Some(schema) => misfit(root, schema, it, &at),
                None if schema["additionalProperties"] == json!(false) => Some(at),
                None => None,
            }
        }),
        _ => None,
    }
}

fn schema() -> Value {
    let output = Command::new(SLUICE).arg("schema").output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn check(schema: &Value, text: &str) -> Option<String> {
    let value = serde_json::to_value(componenttest::section(text)).unwrap();
    misfit(schema, schema, &value, "")
}

#[test]
fn every_configuration_that_is_valid_fits_the_schema() {
    let schema = schema();
    let own = fs::read_dir(repository().join("configs")).unwrap().map(|it| it.unwrap().path());
    let mut checked = 0;
    for file in own.chain(configs::files()) {
        let mut command = Command::new(SLUICE);
        let validate = command.args(["validate", "--config"]).arg(&file).envs(ENVIRONMENT);
        if !validate.output().unwrap().status.success() {
            continue;
        }
        // As the editor sees it: with references.
        let text = fs::read_to_string(&file).unwrap().replace("${", "$${");
        checked += 1;
        assert_eq!(check(&schema, &text), None, "{}", file.display());
    }
    assert!(checked >= 4, "only {checked} configurations are valid");
}

#[test]
fn what_is_misspelt_does_not_fit() {
    let schema = schema();
    for (text, want) in [
        ("recievers: {}", Some(".recievers")),
        ("receivers: {oltp: }", Some(".receivers.oltp")),
        (
            "receivers: {otlp: {protocols: {grpc: {endpont: x}}}}",
            Some(".receivers.otlp.protocols.grpc.endpont"),
        ),
        ("processors: {batch/2: {timeout: 5x}}", Some(".processors.batch/2.timeout: 5x")),
        (
            "processors: {batch: {send_batch_size: many}}",
            Some(".processors.batch.send_batch_size: many"),
        ),
        ("service: {pipelines: {log: {}}}", Some(".service.pipelines.log")),
        ("service: {telemetry: {logs: {levle: x}}}", Some(".service.telemetry.logs.levle")),
        ("processors: {batch: {timeout: '$${env:T}', send_batch_size: '$${S}'}}", None),
        ("receivers: {otlp: {protocols::grpc: }, otlp/a.b-c: '$${file:x}'}", None),
        ("exporters: {otlp: {endpoint: x, sending_queue: {enabled: false}}}", None),
    ] {
        assert_eq!(check(&schema, text).as_deref(), want, "{text}");
    }
}
