//! `schema`: what runs fits it, and what is misspelt does not.

use std::collections::BTreeSet;
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
        // Of alternatives that differ by a type, as an editor does, only the one that is written.
        let is_it = |it: &&Value| {
            let types = it["properties"]["type"]["enum"].as_array();
            types.is_some_and(|it| it.contains(&value["type"]))
        };
        let ways: Vec<&Value> = match ways.iter().find(is_it) {
            Some(one) => vec![one],
            None => ways.iter().collect(),
        };
        let misfits: Vec<String> =
            ways.iter().map_while(|it| misfit(root, it, value, at)).collect();
        // The deepest says most.
        return (misfits.len() == ways.len())
            .then(|| misfits.into_iter().max_by_key(|it| it.find(": ").unwrap_or(it.len())))?;
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Some(format!("{at}: {value} is none of the words"));
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
                None if schema["additionalProperties"].is_object() => {
                    misfit(root, &schema["additionalProperties"], it, &at)
                }
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
    let mut checked = 0;
    for file in configs::own().into_iter().chain(configs::files()) {
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
        (
            "processors: {filter: {log_conditions: [x, {condition: [y]}]}}",
            Some(".processors.filter.log_conditions[].condition"),
        ),
        (
            "connectors: {routing: {table: [{pipelins: [logs]}]}}",
            Some(".connectors.routing.table[].pipelins"),
        ),
        (
            "processors: {transform: {log_statements: [{statement: [y]}]}}",
            Some(".processors.transform.log_statements[].statement"),
        ),
        ("processors: {filter: {log_conditions: [x, {conditions: [y]}]}}", None),
        (
            "receivers: {file_log: {operators: [{type: json_parser, timestamp: {layuot: x}}]}}",
            Some(".receivers.file_log.operators[].timestamp.layuot"),
        ),
        (
            "receivers: {file_log: {operators: [{type: move, from: body, too: body}]}}",
            Some(".receivers.file_log.operators[].too"),
        ),
        ("receivers: {file_log: {operators: [{type: move, from: body, to: body}]}}", None),
        ("receivers: {otlp: {protocols::grpc: }, otlp/a.b-c: '$${file:x}'}", None),
        ("exporters: {otlp: {endpoint: x, sending_queue: {enabled: false}}}", None),
    ] {
        assert_eq!(check(&schema, text).as_deref(), want, "{text}");
    }
}

/// Paths of the keys below `schema` that nothing is said of, and how many there are in all.
fn undescribed(schema: &Value, at: &str, found: &mut Vec<String>) -> usize {
    match schema {
        Value::Object(entries) => {
            let mut count = 0;
            for (name, below) in entries {
                if name == "properties" {
                    for (key, it) in below.as_object().unwrap() {
                        count += 1;
                        if it["description"].as_str().is_none_or(|it| it.len() < 4) {
                            found.push(format!("{at}::{key}"));
                        }
                        count += undescribed(it, &format!("{at}::{key}"), found);
                    }
                } else {
                    count += undescribed(below, at, found);
                }
            }
            count
        }
        Value::Array(items) => items.iter().map(|it| undescribed(it, at, found)).sum(),
        _ => 0,
    }
}

#[test]
fn every_key_of_every_component_says_what_it_is_for() {
    let output = Command::new(SLUICE).arg("schema").output().unwrap();
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found = Vec::new();
    let mut keys = undescribed(&schema["$defs"], "", &mut found);
    let service = &schema["properties"]["service"];
    keys += undescribed(service, "service", &mut found);
    assert!(found.is_empty(), "{found:#?}");
    assert!(keys > 400, "only {keys} keys");
}

#[test]
fn words_and_the_inside_of_lists_are_known() {
    let schema = schema();
    for (place, list, key, text) in [
        ("processors.attributes", "actions", "from_attribute", "copied"),
        ("processors.filter", "log_conditions", "conditions", "The conditions."),
        ("processors.transform", "log_statements", "statements", "The statements."),
        ("connectors.routing", "table", "condition", "An OTTL condition"),
    ] {
        let list = &schema["$defs"][place]["anyOf"][0]["properties"][list];
        let ways = list["anyOf"][0]["items"]["anyOf"].as_array().expect(place);
        let known = inside(ways, key).expect(place);
        assert!(known["description"].as_str().unwrap().contains(text), "{place}: {known}");
    }
    let exporter = &schema["$defs"]["exporters.otlp_http"]["anyOf"][0]["properties"];
    assert_eq!(exporter["encoding"]["anyOf"][0]["enum"], json!(["proto", "json"]));
}

#[test]
fn each_operator_has_its_own_keys_and_words() {
    let schema = schema();
    let receiver = &schema["$defs"]["receivers.file_log"]["anyOf"][0]["properties"];
    let header = &receiver["header"]["anyOf"][0]["properties"];
    for list in [&receiver["operators"], &header["metadata_operators"]] {
        let operators = list["anyOf"][0]["items"]["anyOf"].as_array().unwrap();
        assert_eq!(operators.len(), 26);
        let of = |name: &str| {
            let found = operators.iter().find(|it| it["properties"]["type"]["enum"][0] == name);
            &found.expect(name)["properties"]
        };
        for operator in operators {
            assert!(operator["description"].as_str().unwrap().ends_with('.'));
            assert_eq!(operator["required"], json!(["type"]));
            let mut found = Vec::new();
            let keys =
                undescribed(operator, &operator["properties"]["type"].to_string(), &mut found);
            assert!(found.is_empty() && keys > 2, "{found:?}");
        }
        let words = |key: &Value| key["anyOf"][0]["enum"].clone();
        assert_eq!(
            words(&of("noop")["on_error"]),
            json!(["send", "send_quiet", "drop", "drop_quiet"])
        );
        assert_eq!(words(&of("container")["format"]), json!(["docker", "crio", "containerd"]));
        assert_eq!(words(&of("recombine")["overwrite_with"]), json!(["oldest", "newest"]));
        let block = &of("json_parser")["timestamp"]["anyOf"][0]["properties"];
        assert_eq!(words(&block["layout_type"]), json!(["strptime", "gotime", "epoch", "native"]));
        assert_eq!(of("key_value_parser")["delimiter"]["default"], "=");
        assert!(of("router").get("if").is_none());
    }
}

/// The key `name` in whichever of `ways` has it; a way may itself be a choice.
fn inside<'a>(ways: &'a [Value], name: &str) -> Option<&'a Value> {
    ways.iter().find_map(|way| match way["anyOf"].as_array() {
        Some(below) => inside(below, name),
        None => way["properties"].get(name),
    })
}

/// Keys below a schema that have no keys themselves.
fn leaves(root: &Value, schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    if let Some(place) = schema["$ref"].as_str() {
        return leaves(root, root.pointer(&place[1..]).expect(place), at, found);
    }
    // A section may be written as null, too.
    let resolved = |it: &'_ Value| match it["$ref"].as_str() {
        Some(place) => root.pointer(&place[1..]).expect(place).clone(),
        None => it.clone(),
    };
    let mut ways = schema["anyOf"].as_array().into_iter().flatten().map(resolved);
    let with_keys = ways.find(|it| it["properties"].is_object());
    let below = with_keys.as_ref().unwrap_or(schema)["properties"].as_object();
    match below {
        Some(below) => {
            for (key, it) in below {
                leaves(root, it, &format!("{at}::{key}"), found);
            }
        }
        None => drop(found.insert(at.to_owned())),
    }
}

#[test]
fn every_key_of_otlp_has_a_row_with_its_test() {
    let (schema, mut wanted) = (schema(), BTreeSet::new());
    for (kind, name) in
        [("receivers", "otlp"), ("exporters", "otlp_grpc"), ("exporters", "otlp_http")]
    {
        let own = &schema["$defs"][format!("{kind}.{name}")];
        leaves(&schema, own, &format!("{kind}::{name}"), &mut wanted);
    }
    let page = fs::read_to_string(repository().join("docs/internals/otlp-keys.md")).unwrap();
    let quoted =
        |line: &str| line.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let (mut sections, mut rows) = (Vec::<String>::new(), BTreeSet::new());
    for line in page.lines() {
        if line.starts_with("## ") {
            sections = quoted(line).iter().map(|it| it.replace('.', "::")).collect();
        } else if let [key, .., test] = &quoted(line)[..]
            && line.starts_with("| `")
        {
            assert!(test.contains("::"), "{line}");
            rows.extend(sections.iter().map(|it| format!("{it}::{}", key.replace('.', "::"))));
        }
    }
    let missing: Vec<_> = wanted.difference(&rows).collect();
    let surplus: Vec<_> = rows.difference(&wanted).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "without a row: {missing:?}; no key: {surplus:?}"
    );
}
